/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Members of a record's JSON. Like json_text.h: each writes to memory that is large enough, ends
 * with the comma behind its member, and returns the end.
 */
#ifndef PROTO_JSON_MEMBERS_H
#define PROTO_JSON_MEMBERS_H

#include "proto/flow_record.h"
#include "proto/json_text.h"
#include "proto/time.h"

/* A record is plain data: an index from outside the table is a mistake of ours, shown as the first.
 */
#define NAME_OF(list, index) ((index) < sizeof(list) / sizeof(*(list)) ? (list)[index] : (list)[0])

/* ,"key":"123" */
#define put_count(out, key, number) \
	json_literal(json_u64(json_literal(out, "\"" key "\":\""), number), "\",")
/* "key":"RFC 3339", */
#define put_time(out, key, ns) \
	json_literal(time_write_json(json_literal(out, "\"" key "\":\""), ns), "\",")
/* "key":"word", for words of our own tables */
#define put_word(out, key, word) \
	json_literal(json_word(json_literal(out, "\"" key "\":\""), word), "\",")
/* "key":123, */
#define put_number(out, key, number) \
	json_literal(json_u64(json_literal(out, "\"" key "\":"), number), ",")

/* Replaces the comma behind the last member by what closes the object. */
static inline char *close_object(char *out, char bracket)
{
	if (out[-1] == ',')
		out--;
	*out++ = bracket;
	return out;
}

/* json_extra.c: what only some records have; nothing where this one does not. */
char *json_ip(char *out, const uint8_t src[16], const uint8_t dst[16], uint8_t scope);
char *json_hubble_tunnel(char *out, const struct flow_record *record);
char *json_tunnel(char *out, const struct flow_record *record);
char *json_icmp(char *out, const struct flow_record *record);
char *json_icmp_error(char *out, const struct flow_record *record);
char *json_certain(char *out, const struct flow_record *record);
char *json_estimated(char *out, const struct flow_record *record);
/* json_trouble.c: likewise. */
char *json_drops(char *out, const struct flow_record *record);
char *json_tcp(char *out, const struct flow_record *record);
char *json_cgroup(char *out, const struct flow_record *record);
char *json_netns(char *out, const struct flow_record *record);
char *json_socket(char *out, const struct flow_record *record);

/* json_identity.c: who the ends are; `side` is "source" or "destination". */
char *json_ip_xlated(char *out, const struct flow_record *record);
char *json_endpoint(char *out, const char *side, const struct flow_end *end);
char *json_service(char *out, const char *side, const struct flow_end *end);
char *json_hubble_socket(char *out, const struct flow_record *record);
char *json_end_facts(char *out, const struct flow_record *record, enum flow_side side);
char *json_identity(char *out, const struct flow_record *record);
/* json_dns.c */
char *json_names(char *out, const struct flow_record *record);
char *json_l7(char *out, const struct flow_record *record);
char *json_dns(char *out, const struct flow_record *record);

#endif
