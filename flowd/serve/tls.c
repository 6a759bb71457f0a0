/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/tls.h"

#include <errno.h>
#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/log.h"

#define TLS_FILE_MAX (1024 * 1024)

static int tls_read_file(const char *path, char **out)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(TLS_FILE_MAX) : NULL;
	size_t size = text ? fread(text, 1, TLS_FILE_MAX, file) : 0;
	int error = 0;

	if (!file)
		error = -errno;
	else if (!text)
		error = -ENOMEM;
	else if (ferror(file))
		error = -EIO;
	else if (size == 0 || size == TLS_FILE_MAX)
		error = -EFBIG;
	if (file)
		fclose(file);
	if (error) {
		log_error("cannot read the certificate file %s: %s", path,
			  error == -EFBIG ? "empty or larger than a megabyte" : strerror(-error));
		free(text);
		return error;
	}
	text[size] = 0;
	*out = text;
	return 0;
}

static int tls_refuse(const char *what, const char *path, int nng_error)
{
	if (!nng_error)
		return 0;
	log_error("%s %s cannot be used: %s; it must be PEM", what, path, nng_strerror(nng_error));
	return -EKEYREJECTED;
}

static int tls_load(nng_tls_config *config, const char *cert, const char *key, const char *ca)
{
	char *cert_text = NULL, *key_text = NULL, *ca_text = NULL;
	int error = tls_read_file(cert, &cert_text);

	if (!error)
		error = tls_read_file(key, &key_text);
	if (!error)
		error = tls_read_file(ca, &ca_text);
	if (!error)
		error = tls_refuse("CA file", ca, nng_tls_config_ca_chain(config, ca_text, NULL));
	if (!error)
		error = tls_refuse("key", key,
				   nng_tls_config_own_cert(config, cert_text, key_text, NULL));
	if (key_text)
		explicit_bzero(key_text, strlen(key_text));
	free(cert_text);
	free(key_text);
	free(ca_text);
	return error;
}

int tls_configure(nng_listener listener, const char *cert, const char *key, const char *ca)
{
	nng_tls_config *config;
	int error;

	if (nng_tls_config_alloc(&config, NNG_TLS_MODE_SERVER))
		return -ENOMEM;
	error = tls_load(config, cert, key, ca);
	if (!error && nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED))
		error = -EIO;
	if (!error && nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config))
		error = -EIO;
	nng_tls_config_free(config);
	return error;
}
