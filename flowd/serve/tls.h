/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mutual TLS for a listener: our certificate and key, and the CA that clients must be signed by. */
#ifndef SERVE_TLS_H
#define SERVE_TLS_H

#include <nng/nng.h>

/* 0 or negative errno; the reason has been logged with the file's name. */
int tls_configure(nng_listener listener, const char *cert, const char *key, const char *ca);

#endif
