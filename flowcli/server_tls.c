/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/server_tls.h"

#include <errno.h>
#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_BYTES_MAX (1 << 20)

/* The whole file as text from malloc; NULL with a sentence in `why`. */
static char *read_pem(const char *path, char *why, size_t why_size)
{
	char *text = malloc(PEM_BYTES_MAX);
	FILE *file = fopen(path, "re");
	size_t length = 0;

	if (!file)
		snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
	if (file && text) {
		length = fread(text, 1, PEM_BYTES_MAX - 1, file);
		text[length] = '\0';
	}
	if (file)
		fclose(file);
	if (file && !length)
		snprintf(why, why_size, "%s is empty or cannot be read", path);
	if (length)
		return text;
	free(text);
	return NULL;
}

static int set_ca(nng_tls_config *config, const char *path, char *why, size_t why_size)
{
	char *chain = read_pem(path, why, why_size);
	if (!chain)
		return -EINVAL;
	int error = nng_tls_config_ca_chain(config, chain, NULL);
	free(chain);
	if (error)
		snprintf(why, why_size, "%s holds no usable certificate: %s", path,
			 nng_strerror(error));
	return error ? -EINVAL : 0;
}

static int set_own(nng_tls_config *config, const struct server_options *options, char *why,
		   size_t why_size)
{
	char *cert = read_pem(options->tls_cert_file, why, why_size);
	char *key = cert ? read_pem(options->tls_key_file, why, why_size) : NULL;
	int error = -EINVAL;

	if (key) {
		error = nng_tls_config_own_cert(config, cert, key, NULL);
		if (error)
			snprintf(why, why_size, "%s and %s are no usable pair: %s",
				 options->tls_cert_file, options->tls_key_file,
				 nng_strerror(error));
		explicit_bzero(key, strlen(key));
	}
	free(cert);
	free(key);
	return error ? -EINVAL : 0;
}

static int check(const struct server_options *options, char *why, size_t why_size)
{
	if (!options->tls_ca_file) {
		snprintf(why, why_size,
			 "%s needs --tls-ca-file: the certificate that signed the "
			 "daemon's",
			 options->url);
		return -EINVAL;
	}
	if (!options->tls_cert_file != !options->tls_key_file) {
		snprintf(why, why_size, "--tls-cert-file and --tls-key-file belong together");
		return -EINVAL;
	}
	return 0;
}

int server_tls_setup(nng_dialer dialer, const struct server_options *options, char *why,
		     size_t why_size)
{
	nng_tls_config *config = NULL;
	int error = check(options, why, why_size);

	if (error)
		return error;
	if (nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT)) {
		snprintf(why, why_size, "this build of nng has no TLS");
		return -ENOTSUP;
	}
	nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
	if (options->tls_server_name)
		nng_tls_config_server_name(config, options->tls_server_name);
	error = set_ca(config, options->tls_ca_file, why, why_size);
	if (!error && options->tls_cert_file)
		error = set_own(config, options, why, why_size);
	if (!error && nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config)) {
		snprintf(why, why_size, "cannot use TLS with %s", options->url);
		error = -EINVAL;
	}
	nng_tls_config_free(config);
	return error;
}
