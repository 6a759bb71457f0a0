/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Getters of field.c for what went wrong. */
#ifndef PROTO_FIELD_TROUBLE_H
#define PROTO_FIELD_TROUBLE_H

#include "proto/field.h"

enum field_record_type { FIELD_TYPE_TRACE, FIELD_TYPE_DROP, FIELD_TYPE_TCP, FIELD_TYPE_L7 };
extern const struct field_name field_type_names[];

void field_get_type(const struct flow_record *record, struct field_value *value);
void field_get_drop_reason(const struct flow_record *record, struct field_value *value);
void field_get_drop_site(const struct flow_record *record, struct field_value *value);
void field_get_drop_hook(const struct flow_record *record, struct field_value *value);
void field_get_dropped(const struct flow_record *record, struct field_value *value);
void field_get_retransmits(const struct flow_record *record, struct field_value *value);
void field_get_resets(const struct flow_record *record, struct field_value *value);
void field_get_rtt(const struct flow_record *record, struct field_value *value);
void field_get_handshake(const struct flow_record *record, struct field_value *value);
void field_get_zero_windows(const struct flow_record *record, struct field_value *value);
void field_get_error(const struct flow_record *record, struct field_value *value);
void field_get_netns(const struct flow_record *record, struct field_value *value);

#endif
