/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's part of DNS: events of the kernel into flowd/dns, its losses to whoever tells them.
 * A feed that is NULL (dns.enabled: false) takes and names nothing. */
#ifndef FLOWD_DNS_FEED_H
#define FLOWD_DNS_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/config.h"
#include "flowd/dns/dns.h"
#include "flowd/flow/flow_table.h"

struct dns_feed;

/* *out is NULL where the configuration says so. 0, -EIO or -ENOMEM. */
int dns_feed_open(struct dns_feed **out, const struct config *config, flow_record_fn emit,
		  dns_ifname_fn ifname, void *context);
void dns_feed_close(struct dns_feed *feed);
void dns_feed_set_wall_offset(struct dns_feed *feed, int64_t offset_ns);
/* False: no event of DNS, or not of its size. The context is the feed. */
bool dns_feed_event(void *feed, const struct flow_event *event);
/* After each drain: timeouts, and what was lost since the last time; `now_ns` is CLOCK_MONOTONIC.
 */
void dns_feed_age(struct dns_feed *feed, uint64_t now_ns,
		  void (*tell)(void *context, const struct flow_loss *loss), void *context);
/* The record, with the names of its ends; valid until the next call. */
const struct flow_record *dns_feed_name(struct dns_feed *feed, const struct flow_record *record);
/* NULL, as the feed. */
const struct dns *dns_feed_source(const struct dns_feed *feed);

#endif
