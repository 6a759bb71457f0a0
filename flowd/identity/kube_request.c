/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_request.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/identity/json_file.h"

#define KUBE_METADATA_LIST \
	"Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
#define KUBE_METADATA \
	"Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

static void kube_blob(CURL *easy, CURLoption option, const char *data)
{
	struct curl_blob blob = { (void *)(uintptr_t)data, strlen(data), CURL_BLOB_COPY };

	curl_easy_setopt(easy, option, &blob);
}

void kube_request_tls(CURL *easy, const struct kube_config *config)
{
	if (config->ca_data)
		kube_blob(easy, CURLOPT_CAINFO_BLOB, config->ca_data);
	else if (config->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
	if (config->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (config->cert_data)
		kube_blob(easy, CURLOPT_SSLCERT_BLOB, config->cert_data);
	else if (config->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, config->cert_file);
	if (config->key_data)
		kube_blob(easy, CURLOPT_SSLKEY_BLOB, config->key_data);
	else if (config->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, config->key_file);
}

static struct curl_slist *kube_add_token(struct curl_slist *headers,
					 const struct kube_config *config)
{
	size_t size = 0;
	char *text = config->token_file ? json_file_text(config->token_file, &size) : NULL;
	const char *token = text ? text : config->token;
	char *header = NULL;

	if (text)
		text[strcspn(text, "\r\n")] = '\0';
	if (token && asprintf(&header, "Authorization: Bearer %s", token) > 0)
		headers = curl_slist_append(headers, header);
	free(header);
	free(text);
	return headers;
}

struct curl_slist *kube_request_headers(const struct kube_config *config, bool metadata_only,
					bool list)
{
	const char *accept = "Accept: application/json";

	if (metadata_only)
		accept = list ? KUBE_METADATA_LIST : KUBE_METADATA;
	return kube_add_token(curl_slist_append(NULL, accept), config);
}
