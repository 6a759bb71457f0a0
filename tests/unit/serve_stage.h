/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of serve/ stand on: a query service and a publisher in a directory of their own,
 * and clients. */
#ifndef TESTS_SERVE_STAGE_H
#define TESTS_SERVE_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#include "flowd/base/clock.h"
#include "flowd/serve/publish.h"
#include "flowd/serve/query.h"

#define EPOCH 4711

struct stage {
	char directory[64], query_url[96], events_url[96];
	struct loop *loop;
	struct history *history;
	struct losses *losses;
	struct query_service *queries;
	struct publisher *publisher;
};

/* One client and what it was answered. */
struct client {
	nng_socket socket;
	nng_aio *aio;
	atomic_bool *done; /* of the aio; on the heap, where nng finds it */
	struct reply reply;
	bool answered;
};

int stage_open_queries(struct stage *stage, const char *url, struct query_service **out);
int stage_set_up(void **state);
int stage_tear_down(void **state);
void stage_append(struct stage *stage, unsigned int count);
struct client client_connect(const struct stage *stage);
void client_send(struct client *client, const void *data, size_t size);
void client_ask(struct client *client, const struct request *request);
const struct reply *client_answer(struct stage *stage, struct client *client);
void client_take_reply(struct client *client);
void client_forget(struct client *client);
void client_disconnect(struct client *client);
struct request client_query(enum query_start start);

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)

#endif
