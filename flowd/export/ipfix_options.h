/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What IPFIX tells beside flows, in options records (RFC 7011, 3.4.2): the names of interfaces, and
 * how packets were sampled (RFC 5477). Learnt from records on the intake's thread, told on the
 * sender's.
 */
#ifndef EXPORT_IPFIX_OPTIONS_H
#define EXPORT_IPFIX_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/flow_record.h"

#define IPFIX_OPTION_MAX 40 /* bytes of an options record */

struct ipfix_options;

/* 0 or -ENOMEM. */
int ipfix_options_open(struct ipfix_options **out);
/* Accepts NULL. */
void ipfix_options_close(struct ipfix_options *options);

void ipfix_options_learn(struct ipfix_options *options, const struct flow_record *record);
/* The next one that was not told: its bytes and template. Returns their number, 0: all are told. */
size_t ipfix_options_next(struct ipfix_options *options, uint16_t *template_id,
			  uint8_t out[IPFIX_OPTION_MAX]);
/* All are to be told again. */
void ipfix_options_restart(struct ipfix_options *options);

/* The words of the templates' set. */
const uint16_t *ipfix_options_templates(size_t *count);

#endif
