/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/trouble/firewall.h"

#include <stdbool.h>
#include <string.h>

/* Where a routed packet goes next. */
static bool is_local(const char *next)
{
	return !strcmp(next, "ip_local_deliver") || !strcmp(next, "ip6_input");
}

static bool is_forward(const char *next)
{
	return !strcmp(next, "ip_forward") || !strcmp(next, "ip6_forward") ||
	       !strcmp(next, "ip_mr_input") || !strcmp(next, "ip6_mr_input");
}

/* enum nf_inet_hooks */
static const char *const hooks[] = { "prerouting", "input",	  "forward",
				     "output",	   "postrouting", "ingress" };

/*
 * A packet made here has come in nowhere. __ip_local_out() passes the output hook before it gives
 * the packet a device; ip_output() sets the device, then passes postrouting. A received one is not
 * routed yet at prerouting (unless it came by loopback, or its socket was found early: then nothing
 * is certain); it keeps the device it came in by until ip_output().
 */
const char *firewall_hook(const struct trace_drop *drop, const char *reason, const char *next)
{
	if (!reason || strcmp(reason, "NETFILTER_DROP"))
		return NULL;
	if (drop->firewall != TRACE_FIREWALL_NONE)
		return drop->hook < sizeof(hooks) / sizeof(hooks[0]) ? hooks[drop->hook] : NULL;
	if (!drop->iif)
		return drop->device[0] ? "postrouting" : "output";
	if (!drop->dst_input)
		return "prerouting";
	if (!next)
		return NULL;
	if (is_local(next))
		return "input";
	if (!is_forward(next))
		return NULL;
	return drop->ifindex == drop->iif ? "forward" : "postrouting";
}
