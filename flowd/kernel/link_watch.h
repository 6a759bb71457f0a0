/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtnetlink, as far as devices go: what there is, and what changes. Tells every device and every
 * change in order; says when the kernel had to drop messages, so that the caller asks for
 * everything again. Changes are told again rather than missed.
 */
#ifndef KERNEL_LINK_WATCH_H
#define KERNEL_LINK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct link_info {
	uint32_t ifindex;
	const char *name; /* valid during the call, like kind */
	const char *kind; /* IFLA_INFO_KIND, "" without */
	uint32_t link_type;
	uint32_t link;	     /* lower device or peer in this namespace, else 0 */
	bool link_elsewhere; /* that device is in another namespace */
	int32_t elsewhere;   /* which, as this namespace numbers them; -1: none */
	uint32_t master;     /* else 0 */
	bool gone;	     /* deleted, or moved to another namespace */
};
typedef void (*link_info_fn)(void *context, const struct link_info *info);

struct link_watch;
/* Subscribes; nothing is told yet. 0 or negative errno. */
int link_watch_open(struct link_watch **out, link_info_fn tell, void *context);
void link_watch_close(struct link_watch *watch);
int link_watch_fd(const struct link_watch *watch);
/* Tells every present device. 0 or negative errno. */
int link_watch_dump(struct link_watch *watch);
/* Tells what waits, without blocking. -ENOBUFS: messages were lost; all that were not are told. */
int link_watch_dispatch(struct link_watch *watch);

#endif
