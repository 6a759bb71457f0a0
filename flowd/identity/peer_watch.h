/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtnetlink, as far as it tells of other network namespaces: which of our devices lead into one,
 * and which addresses come and go there. Namespaces are numbers here (nsid), which the kernel gives
 * to those that a device of ours leads into, and gives again when they are gone. Nobody has to
 * enter them, and no process of theirs need be known.
 */
#ifndef IDENTITY_PEER_WATCH_H
#define IDENTITY_PEER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define PEER_OWN (-1) /* in place of a number: the daemon's own namespace */

enum peer_news_type {
	PEER_LINK, /* the device leads into the namespace; PEER_OWN: into none */
	PEER_LINK_GONE,
	PEER_ADDRESS,
	PEER_ADDRESS_GONE,
	PEER_SPACE_GONE /* the number is free again */
};

struct peer_news {
	enum peer_news_type type;
	int32_t nsid;
	uint32_t ifindex;    /* of LINK and LINK_GONE, in the daemon's namespace */
	uint8_t address[16]; /* of ADDRESS and ADDRESS_GONE; IPv4 mapped */
};
typedef void (*peer_news_fn)(void *context, const struct peer_news *news);

struct peer_watch;
/* Subscribes; nothing is told yet. 0 or negative errno. */
int peer_watch_open(struct peer_watch **out);
void peer_watch_close(struct peer_watch *watch);
int peer_watch_fd(const struct peer_watch *watch);
/* Tells what waits, without blocking. 0; -ENOBUFS: messages were lost, dump again. */
int peer_watch_dispatch(struct peer_watch *watch, peer_news_fn tell, void *context);
/* Tells every device that there is. 0 or negative errno. */
int peer_watch_links(peer_news_fn tell, void *context);
/* Tells every address of a namespace. 0 or negative errno; the kernel may not allow it. */
int peer_watch_addresses(int32_t nsid, peer_news_fn tell, void *context);

#endif
