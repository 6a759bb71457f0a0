/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

/* ---- YAML, as far as a kubeconfig has it ---------------------------------------------------- */

static yaml_node_t *kube_yaml_get(yaml_document_t *document, yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = yaml_document_get_node(document, pair->key);

		if (name && name->type == YAML_SCALAR_NODE &&
		    !strcmp((const char *)name->data.scalar.value, key))
			return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

static const char *kube_yaml_text(yaml_document_t *document, yaml_node_t *map, const char *key)
{
	yaml_node_t *node = kube_yaml_get(document, map, key);

	return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
						      : NULL;
}

/* The entry of the list `section` named `name`, and in it the map `part`. */
static yaml_node_t *kube_yaml_named(yaml_document_t *document, const char *section,
				    const char *name, const char *part)
{
	yaml_node_t *root = yaml_document_get_root_node(document);
	yaml_node_t *list = kube_yaml_get(document, root, section);

	if (!list || list->type != YAML_SEQUENCE_NODE || !name)
		return NULL;
	for (yaml_node_item_t *item = list->data.sequence.items.start;
	     item < list->data.sequence.items.top; item++) {
		yaml_node_t *entry = yaml_document_get_node(document, *item);
		const char *own = kube_yaml_text(document, entry, "name");

		if (own && !strcmp(own, name))
			return kube_yaml_get(document, entry, part);
	}
	return NULL;
}

/* ---- base64 (RFC 4648) ---------------------------------------------------------------------- */

static int kube_base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

static char *kube_base64(const char *text)
{
	char *out = text ? calloc(1, strlen(text) + 1) : NULL, *at = out;
	uint32_t bits = 0;
	int count = 0;

	for (; out && *text; text++) {
		int digit = kube_base64_digit(*text);

		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*at++ = (char)(bits >> count);
		}
	}
	return out;
}

/* ---- files ---------------------------------------------------------------------------------- */

static char *kube_copy(const char *text)
{
	return text && *text ? strdup(text) : NULL;
}

/* Relative to the kubeconfig's own directory. */
static char *kube_file(const char *config, const char *path)
{
	const char *slash = strrchr(config, '/');
	char *joined = NULL;

	if (!path || *path == '/' || !slash)
		return kube_copy(path);
	if (asprintf(&joined, "%.*s/%s", (int)(slash - config), config, path) < 0)
		return NULL;
	return joined;
}

static int kube_config_take(struct kube_config *config, const char *path, yaml_document_t *document,
			    char *why, size_t size)
{
	yaml_node_t *root = yaml_document_get_root_node(document);
	yaml_node_t *context = kube_yaml_named(
		document, "contexts", kube_yaml_text(document, root, "current-context"), "context");
	yaml_node_t *cluster = kube_yaml_named(
		document, "clusters", kube_yaml_text(document, context, "cluster"), "cluster");
	yaml_node_t *user = kube_yaml_named(document, "users",
					    kube_yaml_text(document, context, "user"), "user");
	const char *insecure = kube_yaml_text(document, cluster, "insecure-skip-tls-verify");

	if (!cluster || !kube_yaml_text(document, cluster, "server")) {
		snprintf(why, size,
			 "%s: its current-context leads to no cluster with a server; "
			 "set one with kubectl config use-context",
			 path);
		return -EINVAL;
	}
	if (kube_yaml_get(document, user, "exec") ||
	    kube_yaml_get(document, user, "auth-provider")) {
		snprintf(why, size,
			 "%s: its user is let in by a program of its own, which a daemon "
			 "cannot run; use a token or a client certificate",
			 path);
		return -ENOTSUP;
	}
	config->server = kube_copy(kube_yaml_text(document, cluster, "server"));
	config->ca_file =
		kube_file(path, kube_yaml_text(document, cluster, "certificate-authority"));
	config->ca_data =
		kube_base64(kube_yaml_text(document, cluster, "certificate-authority-data"));
	config->insecure = insecure && !strcmp(insecure, "true");
	config->token = kube_copy(kube_yaml_text(document, user, "token"));
	config->token_file = kube_file(path, kube_yaml_text(document, user, "tokenFile"));
	config->cert_file = kube_file(path, kube_yaml_text(document, user, "client-certificate"));
	config->cert_data = kube_base64(kube_yaml_text(document, user, "client-certificate-data"));
	config->key_file = kube_file(path, kube_yaml_text(document, user, "client-key"));
	config->key_data = kube_base64(kube_yaml_text(document, user, "client-key-data"));
	return 0;
}

static int kube_config_parse(struct kube_config *config, const char *path, FILE *file, char *why,
			     size_t size)
{
	yaml_parser_t parser;
	yaml_document_t document;
	int err = -EINVAL;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &document)) {
		snprintf(why, size, "%s:%zu: no YAML: %s; write it anew with kubectl config", path,
			 parser.problem_mark.line + 1, parser.problem ? parser.problem : "?");
	} else {
		err = kube_config_take(config, path, &document, why, size);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return err;
}

static int kube_config_account(struct kube_config *config, char *why, size_t size)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");

	if (!host || access(KUBE_SERVICE_ACCOUNT "/token", R_OK)) {
		snprintf(why, size, "not in a pod with a service account; set identity.kubeconfig");
		return -ENOENT;
	}
	if (asprintf(&config->server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
		     port ? port : "443") < 0)
		return -ENOMEM;
	config->token_file = strdup(KUBE_SERVICE_ACCOUNT "/token");
	config->ca_file = strdup(KUBE_SERVICE_ACCOUNT "/ca.crt");
	return 0;
}

int kube_config_read(struct kube_config *config, const char *path, char *why, size_t why_size)
{
	FILE *file;
	int err;

	memset(config, 0, sizeof(*config));
	if (!path)
		return kube_config_account(config, why, why_size);
	file = fopen(path, "re");
	if (!file) {
		err = -errno;
		snprintf(why, why_size,
			 "%s: %s; set identity.kubeconfig to a file that can be read", path,
			 strerror(-err));
		return err;
	}
	err = kube_config_parse(config, path, file, why, why_size);
	fclose(file);
	if (err)
		kube_config_fini(config);
	return err;
}

void kube_config_fini(struct kube_config *config)
{
	free(config->server);
	free(config->ca_file);
	free(config->ca_data);
	free(config->token);
	free(config->token_file);
	free(config->cert_file);
	free(config->cert_data);
	free(config->key_file);
	free(config->key_data);
	memset(config, 0, sizeof(*config));
}
