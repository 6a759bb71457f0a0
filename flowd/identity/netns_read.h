/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The addresses of a network namespace as its proc files tell them; nobody has to enter it. */
#ifndef IDENTITY_NETNS_READ_H
#define IDENTITY_NETNS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*netns_address_fn)(void *context, const uint8_t address[16]);
/* `directory` is /proc/PID/net. Files that are not there tell nothing. */
void netns_read_addresses(const char *directory, netns_address_fn take, void *context);

/* The number that the namespace at `path` (/proc/PID/ns/net) has here (RTM_GETNSID), because a
 * device of ours is one end of a link into it; -1: none. */
int netns_read_number(const char *path);

/* The parsers of /proc/net/fib_trie and /proc/net/if_inet6, a line at a time. `state` starts 0. */
struct netns_trie {
	uint8_t address[16];
	int leaf;
};
/* 1: the line ends the description of a local address, now in the state. */
int netns_read_trie_line(struct netns_trie *state, const char *line);
/* 1: `address` is filled. */
int netns_read_inet6_line(const char *line, uint8_t address[16]);

#endif
