/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Decoded messages of many nodes in the order of their time, held back in a window; and what each
 * node's numbers say about what is missing. */
#ifndef FLOWCLI_FLEET_MERGE_H
#define FLOWCLI_FLEET_MERGE_H

#include "flowcli/sink.h"
#include "proto/codec.h"

#define FLEET_WINDOW 65536 /* messages */
#define FLEET_NODES  4096

struct fleet_message {
	struct answer answer; /* owned */
	uint64_t time_ns;
	uint64_t came_ns; /* monotonic */
	uint64_t number;  /* keeps messages of the same time in the order they came */
};

/* A binary heap, the oldest on top. */
struct fleet_window {
	struct fleet_message *messages; /* FLEET_WINDOW + 1 */
	size_t count;
	uint64_t numbers;
};

/* 0 or -ENOMEM. */
int fleet_window_open(struct fleet_window *window);
void fleet_window_close(struct fleet_window *window);
/* Takes the answer over. There must be room: pop when it is full. */
void fleet_window_push(struct fleet_window *window, struct answer *answer, uint64_t came_ns);
/* The oldest; NULL: empty. Valid until the next push or pop. */
const struct fleet_message *fleet_window_top(const struct fleet_window *window);
/* Drops the oldest. */
void fleet_window_pop(struct fleet_window *window);

struct fleet_node {
	char name[256];
	uint64_t epoch, sequence; /* of its last message */
	uint64_t records, lost, restarts;
};

struct fleet_nodes {
	struct fleet_node *node; /* FLEET_NODES */
	size_t count;
	uint64_t not_watched; /* messages of nodes beyond */
};

enum fleet_verdict { FLEET_FRESH, FLEET_TWICE, FLEET_GAP };
/* Judges a message by its node's numbers; on FLEET_GAP *missing is how many are missing before it.
 * *node may be NULL: too many nodes. */
enum fleet_verdict fleet_nodes_judge(struct fleet_nodes *nodes, const struct answer *answer,
				     uint64_t sequence, struct fleet_node **node,
				     uint64_t *missing);

#endif
