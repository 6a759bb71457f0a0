/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP(S) for one page: GET and HEAD of /metrics, with a bearer token where one is asked for. */
#ifndef METRICS_PAGE_SERVER_H
#define METRICS_PAGE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/buffer.h"

struct page_server;

struct page_options {
	const char *listen;
	const char *cert, *key, *token_file;
	/* Fills the page, on the server's thread. 0 or negative errno. */
	int (*make)(void *context, bool openmetrics, struct buffer *page);
	void *context;
};

/* 0, or -EINVAL with the sentence. */
int page_check(const struct page_options *options, char *why, size_t why_size);
int page_server_open(struct page_server **out, const struct page_options *options, char *why,
		     size_t why_size);
/* Accepts NULL. */
void page_server_close(struct page_server *server);
/* Appends what was asked before, by status and duration; nothing for NULL. Any thread. */
int page_server_write(struct page_server *server, bool openmetrics, struct buffer *page);

#endif
