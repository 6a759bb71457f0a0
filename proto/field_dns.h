/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Getters of the fields of DNS messages and of names, for the rows in field.c. */
#ifndef PROTO_FIELD_DNS_H
#define PROTO_FIELD_DNS_H

#include "proto/field.h"

#define FIELD_DNS_FLAGS 13 /* most that a message can have */

void field_get_dns_source_name(const struct flow_record *record, struct field_value *value);
void field_get_dns_destination_name(const struct flow_record *record, struct field_value *value);
void field_get_dns_message(const struct flow_record *record, struct field_value *value);
void field_get_dns_query(const struct flow_record *record, struct field_value *value);
void field_get_dns_qtype(const struct flow_record *record, struct field_value *value);
void field_get_dns_rrtype(const struct flow_record *record, struct field_value *value);
void field_get_dns_rcode(const struct flow_record *record, struct field_value *value);
void field_get_dns_ip(const struct flow_record *record, struct field_value *value);
void field_get_dns_cname(const struct flow_record *record, struct field_value *value);
void field_get_dns_ttl(const struct flow_record *record, struct field_value *value);
void field_get_dns_latency(const struct flow_record *record, struct field_value *value);
void field_get_dns_waited(const struct flow_record *record, struct field_value *value);
void field_get_dns_server(const struct flow_record *record, struct field_value *value);
void field_get_dns_id(const struct flow_record *record, struct field_value *value);
void field_get_dns_retries(const struct flow_record *record, struct field_value *value);
void field_get_dns_answers(const struct flow_record *record, struct field_value *value);
void field_get_dns_edns_size(const struct flow_record *record, struct field_value *value);
void field_get_dns_flag(const struct flow_record *record, struct field_value *value);

extern const struct field_name field_dns_messages[], field_dns_flags[];

#endif
