/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a request to Kubernetes' API needs beside its URL: trust, certificates, headers. */
#ifndef IDENTITY_KUBE_REQUEST_H
#define IDENTITY_KUBE_REQUEST_H

#include <curl/curl.h>

#include "flowd/identity/kube_config.h"

void kube_request_tls(CURL *easy, const struct kube_config *config);
/* The token's file is read for each request: tokens are renewed. Freed by the caller; NULL: no
 * memory. */
struct curl_slist *kube_request_headers(const struct kube_config *config, bool metadata_only,
					bool list);

#endif
