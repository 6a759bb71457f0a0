/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow records from a packet capture, without root, kernel or daemon: libpcap reads pcap files and
 * pcapng.h the others, the native parser understands, the daemon's own flow table joins and ages
 * by capture time. Link types: Ethernet, Linux cooked v1 and v2, raw IP, BSD loopback, PPP. Every
 * frame is in exactly one record or in one counter of the summary. Reads a stream once.
 */
#ifndef FLOWCLI_CAPTURE_H
#define FLOWCLI_CAPTURE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf-common/flow_abi.h"
#include "flowd/dns/dns.h"
#include "flowd/flow/flow_table.h"

struct capture_options {
	struct flow_timeouts timeouts;
	const char *node_name; /* borrowed for the call; of the records */
	uint32_t max_flows;    /* beyond it flows end as "evicted", still counted */
	bool publish_start;    /* also a record when a flow begins */
	const volatile sig_atomic_t
		*stop; /* polled at each packet; nonzero ends the reading; may be NULL */
};
#define CAPTURE_FLOWS_DEFAULT 1000000
#define CAPTURE_OPTIONS_DEFAULT                                     \
	{                                                           \
		.timeouts = FLOW_TIMEOUTS_DEFAULT, .node_name = "", \
		.max_flows = CAPTURE_FLOWS_DEFAULT                  \
	}

struct capture_count {
	uint64_t packets, bytes; /* bytes by their original lengths */
};

struct capture_summary {
	struct capture_count frames;
	struct capture_count status[PACKET_STATUS_COUNT]; /* [PACKET_OK]: those in flow records */
	uint64_t notes[PACKET_NOTE_COUNT]; /* packets in flow records that were not read whole */
	struct capture_count other_links;  /* of interfaces (pcapng) whose link type is not read */
	uint64_t snapped;		   /* frames of which the capture holds only the start */
	uint64_t backwards;		   /* frames stamped earlier than one before them */
	uint64_t first_ns, last_ns;	   /* earliest and latest stamp; 0 without frames */
	const char *link; /* name of the link type, "mixed", or NULL without frames; static */
	bool truncated;	  /* the rest of the file cannot be read; `why` tells */
	bool stopped;	  /* by options->stop */
	struct flow_table_stats flows;
	struct dns_stats dns;
	char why[256]; /* one sentence, with an error or when truncated; else empty */
};

/*
 * Emits the records of `path` ("-": standard input) as flows end, and at the end of the file those
 * of the flows that are left, with end reason SHUTDOWN (the observation ended, they did not), or
 * FIN or RST where they were closing. The order is the same at each reading of the same file.
 * 0; -EPROTONOSUPPORT: a link type that is not read; -EBADMSG: no capture; -ENOMEM; else the
 * errno of opening. The summary is filled in every case, also after records were emitted.
 */
int capture_read(const char *path, const struct capture_options *options, flow_record_fn emit,
		 void *context, struct capture_summary *summary);
/* The same from an open stream, which it closes; `name` is for messages. */
int capture_read_stream(FILE *stream, const char *name, const struct capture_options *options,
			flow_record_fn emit, void *context, struct capture_summary *summary);

#endif
