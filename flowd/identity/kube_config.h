/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the API server is and how to be let in: the service account of a pod, or the current
 * context of a kubeconfig file. Files named in it are read again by whoever uses them.
 */
#ifndef IDENTITY_KUBE_CONFIG_H
#define IDENTITY_KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#define KUBE_SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/* Texts are NULL where not given; *_data is PEM. */
struct kube_config {
	char *server;
	char *ca_file, *ca_data;
	char *token, *token_file;
	char *cert_file, *cert_data, *key_file, *key_data;
	bool insecure;
};

/* `path` NULL: the service account. 0, or negative errno with a sentence in `why`. */
int kube_config_read(struct kube_config *config, const char *path, char *why, size_t why_size);
void kube_config_fini(struct kube_config *config);

#endif
