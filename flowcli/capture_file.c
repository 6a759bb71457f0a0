/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_file.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct capture_file {
	struct capture_file_options options;
	FILE *stream; /* pcapng */
	pcap_t *pcap; /* classic, with the next */
	pcap_dumper_t *dumper;
	uint64_t number;	 /* of the file at hand */
	uint64_t in_file, total; /* bytes */
};

static int file_complain(const char *path, int error)
{
	fprintf(stderr, "flowcli: cannot write %s: %s\n", path, strerror(error));
	return -error;
}

static void file_path(const struct capture_file *file, char *path, size_t size)
{
	if (file->number)
		snprintf(path, size, "%s.%" PRIu64, file->options.path, file->number);
	else
		snprintf(path, size, "%s", file->options.path);
}

static int file_begin_classic(struct capture_file *file, const char *path)
{
	file->pcap = pcap_open_dead_with_tstamp_precision(file->options.datalink,
							  (int)file->options.interface.snaplen,
							  PCAP_TSTAMP_PRECISION_NANO);
	if (!file->pcap)
		return file_complain(path, ENOMEM);
	file->dumper = pcap_dump_open(file->pcap, path);
	if (!file->dumper)
		return file_complain(path, errno ? errno : EIO);
	file->in_file = sizeof(struct pcap_file_header);
	return 0;
}

static int file_begin(struct capture_file *file)
{
	char path[4096];
	long written;

	file_path(file, path, sizeof(path));
	if (file->options.classic)
		return file_begin_classic(file, path);
	file->stream = strcmp(path, "-") ? fopen(path, "wbe") : stdout;
	if (!file->stream)
		return file_complain(path, errno);
	written = pcapng_write_start(file->stream, &file->options.interface);
	file->in_file = written > 0 ? (uint64_t)written : 0;
	return written < 0 ? file_complain(path, EIO) : 0;
}

static int file_end(struct capture_file *file)
{
	int failed = 0;

	if (file->dumper)
		pcap_dump_close(file->dumper);
	if (file->pcap)
		pcap_close(file->pcap);
	if (file->stream && file->stream != stdout)
		failed = fclose(file->stream);
	else if (file->stream)
		failed = fflush(stdout);
	file->dumper = NULL;
	file->pcap = NULL;
	file->stream = NULL;
	return failed ? file_complain(file->options.path, errno) : 0;
}

int capture_file_open(struct capture_file **out, const struct capture_file_options *options)
{
	struct capture_file *file = calloc(1, sizeof(*file));
	int error;

	if (!file)
		return file_complain(options->path, ENOMEM);
	file->options = *options;
	error = file_begin(file);
	if (error) {
		capture_file_close(file);
		return error;
	}
	*out = file;
	return 0;
}

int capture_file_close(struct capture_file *file)
{
	int error;

	if (!file)
		return 0;
	error = file_end(file);
	free(file);
	return error;
}

static int file_rotate(struct capture_file *file)
{
	int error = file_end(file);

	file->number++;
	if (file->options.files)
		file->number %= file->options.files;
	return error ? error : file_begin(file);
}

static int file_write_classic(struct capture_file *file, uint64_t time_ns, const uint8_t *data,
			      uint32_t captured, uint32_t original)
{
	const struct pcap_pkthdr header = { .ts = { (time_t)(time_ns / 1000000000u),
						    (suseconds_t)(time_ns % 1000000000u) },
					    .caplen = captured,
					    .len = original };

	pcap_dump((u_char *)file->dumper, &header, data);
	file->in_file += 16 + captured;
	file->total += 16 + captured;
	return 0;
}

int capture_file_write(struct capture_file *file, uint64_t time_ns, const uint8_t *data,
		       uint32_t captured, uint32_t original, const char *comment)
{
	long written;
	int error;

	if (file->options.rotate_bytes && file->in_file >= file->options.rotate_bytes) {
		error = file_rotate(file);
		if (error)
			return error;
	}
	if (file->options.classic)
		return file_write_classic(file, time_ns, data, captured, original);
	written = pcapng_write_packet(file->stream, time_ns, data, captured, original, comment);
	if (written < 0)
		return file_complain(file->options.path, errno ? errno : EIO);
	file->in_file += (uint64_t)written;
	file->total += (uint64_t)written;
	return 0;
}

void capture_file_flush(struct capture_file *file)
{
	if (file->stream)
		fflush(file->stream);
	if (file->dumper)
		pcap_dump_flush(file->dumper);
}

uint64_t capture_file_bytes(const struct capture_file *file)
{
	return file->total;
}
