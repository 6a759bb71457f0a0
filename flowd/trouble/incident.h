/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an event of the kernel to the record that tells of it: headers parsed, numbers named, clock
 * turned into time of day. Texts of the records come from the namer and live as long as it.
 */
#ifndef TROUBLE_INCIDENT_H
#define TROUBLE_INCIDENT_H

#include "bpf-common/packet.h"
#include "bpf-common/trace_abi.h"
#include "flowd/base/intern.h"
#include "flowd/symbols/btf_names.h"
#include "flowd/symbols/kallsyms.h"
#include "proto/flow_record.h"

/* What turns numbers into names. */
struct incident_namer {
	const struct btf_names *btf; /* NULL: none */
	struct kallsyms *symbols;
	struct intern *texts;
	struct packet_rules rules; /* which tunnels are followed */
	const char *node_name;
	int64_t wall_offset_ns;
};

/* 0; 1: the end of a TCP connection, without data, that nobody misses; or -EBADMSG: no IP packet.
 */
int incident_of_drop(struct incident_namer *namer, const struct trace_drop *drop,
		     struct flow_record *record);
/* The packet is not known: its addresses are unspecified, of IPv4. */
void incident_of_xdp(struct incident_namer *namer, const struct trace_xdp *xdp,
		     struct flow_record *record);
/* A record of `kind`, which the event's type and states say. 0, or -EBADMSG. */
int incident_of_tcp(struct incident_namer *namer, const struct trace_tcp *tcp, enum flow_kind kind,
		    struct flow_record *record);

#endif
