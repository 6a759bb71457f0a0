/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/flow_dns.h"

#include <string.h>

static const uint8_t *ips_of(const struct flow_dns *dns)
{
	return (const uint8_t *)(dns + 1);
}

const uint8_t *flow_dns_ip(const struct flow_dns *dns, unsigned index)
{
	return ips_of(dns) + (size_t)index * 16;
}

bool flow_dns_ip_is_v6(const struct flow_dns *dns, unsigned index)
{
	return dns->ipv6 >> index & 1;
}

const uint16_t *flow_dns_qtypes(const struct flow_dns *dns)
{
	return (const uint16_t *)(const void *)flow_dns_ip(dns, dns->ip_count);
}

const uint16_t *flow_dns_rrtypes(const struct flow_dns *dns)
{
	return flow_dns_qtypes(dns) + dns->qtype_count;
}

const char *flow_dns_query(const struct flow_dns *dns)
{
	return (const char *)(flow_dns_rrtypes(dns) + dns->rrtype_count);
}

const char *flow_dns_next_text(const char *previous)
{
	return previous + strlen(previous) + 1;
}

static void cut(struct flow_dns *dns, uint8_t *count, uint8_t most)
{
	if (*count <= most)
		return;
	*count = most;
	dns->flags |= FLOW_DNS_CUT;
}

static char *append(char *out, const void *bytes, size_t size)
{
	memcpy(out, bytes, size);
	return out + size;
}

/* The CNAMEs that fit. */
static char *append_names(char *out, struct flow_dns *dns, const struct flow_dns_parts *parts)
{
	const char *name = parts->cnames, *begin = out;
	unsigned wanted = dns->cname_count;

	out = append(out, parts->query, strlen(parts->query) + 1);
	for (dns->cname_count = 0; dns->cname_count < wanted; dns->cname_count++) {
		size_t size = strlen(name) + 1;

		if ((size_t)(out - begin) + size > FLOW_DNS_TEXT) {
			dns->flags |= FLOW_DNS_CUT;
			break;
		}
		out = append(out, name, size);
		name += size;
	}
	return out;
}

const struct flow_dns *flow_dns_make(const struct flow_dns_parts *parts, void *room)
{
	struct flow_dns *dns = room;
	char *out;

	*dns = parts->head;
	cut(dns, &dns->ip_count, FLOW_DNS_IPS);
	cut(dns, &dns->qtype_count, FLOW_DNS_QTYPES);
	cut(dns, &dns->rrtype_count, FLOW_DNS_RRTYPES);
	cut(dns, &dns->cname_count, FLOW_DNS_CNAMES);
	out = (char *)(dns + 1);
	out = append(out, parts->ips, dns->ip_count * (size_t)16);
	out = append(out, parts->qtypes, dns->qtype_count * sizeof(uint16_t));
	out = append(out, parts->rrtypes, dns->rrtype_count * sizeof(uint16_t));
	out = append_names(out, dns, parts);
	while ((out - (char *)dns) % 8)
		*out++ = 0;
	dns->size = (uint32_t)(out - (char *)dns);
	return dns;
}

size_t flow_names_size(const char *names)
{
	const char *at = names;

	while (*at)
		at = flow_dns_next_text(at);
	return (size_t)(at - names) + 1;
}

const char *flow_names_at(const char *names, unsigned index)
{
	while (names && *names && index--)
		names = flow_dns_next_text(names);
	return names && *names ? names : NULL;
}
