/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Captures as files: pcapng or pcap, within limits, one file after the other. */
#ifndef FLOWCLI_CAPTURE_FILE_H
#define FLOWCLI_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "flowcli/pcapng_write.h"

struct capture_file_options {
	const char *path; /* the first; the next are PATH.1, PATH.2 ... */
	bool classic;	  /* pcap; else pcapng */
	struct pcapng_interface interface;
	int datalink;	       /* libpcap's number for a classic file */
	uint64_t rotate_bytes; /* begin another file beyond; 0: never */
	uint64_t files;	       /* keep so many, the oldest is written over; 0: all */
};

struct capture_file;
/* 0 or negative errno, told on standard error. */
int capture_file_open(struct capture_file **out, const struct capture_file_options *options);
/* 0, or -EIO told. Accepts NULL. */
int capture_file_close(struct capture_file *file);
/* 0 or negative errno, told. `comment` may be NULL, and is left out of classic files. */
int capture_file_write(struct capture_file *file, uint64_t time_ns, const uint8_t *data,
		       uint32_t captured, uint32_t original, const char *comment);
/* What was written stands in the file. */
void capture_file_flush(struct capture_file *file);
uint64_t capture_file_bytes(const struct capture_file *file);

#endif
