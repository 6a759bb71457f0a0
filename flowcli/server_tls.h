/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mutual TLS for tls+tcp:// addresses. */
#ifndef FLOWCLI_SERVER_TLS_H
#define FLOWCLI_SERVER_TLS_H

#include <nng/nng.h>

#include "flowcli/server.h"

/* 0 or negative errno with a sentence in `why` that names the file. */
int server_tls_setup(nng_dialer dialer, const struct server_options *options, char *why,
		     size_t why_size);

#endif
