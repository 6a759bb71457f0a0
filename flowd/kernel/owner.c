/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/owner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/log.h"
#include "flowd/kernel/bpf_log.h"
#include "flowd/kernel/ring.h"
#include "owner_bpf.skel.h"

/* By the program's name: where it is attached, and what nobody else tells. */
static const struct {
	const char *program, *hook, *use;
} owner_rows[] = {
	{ "owner_create", "cgroup/sock_create", "process and container of each new socket" },
	{ "owner_bind4", "cgroup/post_bind4", "who serves a UDP port" },
	{ "owner_bind6", "cgroup/post_bind6", "who serves a UDP port, IPv6" },
	{ "owner_tcp", "sockops", "who listens, and who connects before the first packet" },
	{ "owner_mkdir", "cgroup_mkdir", "containers from their first moment on" },
	{ "owner_rmdir", "cgroup_rmdir", "when a container has gone: no old name for a new flow" },
};
#define OWNER_PROGRAMS (sizeof(owner_rows) / sizeof(owner_rows[0]))

struct owner {
	struct owner_bpf *skeleton;
	struct bpf_link *links[OWNER_PROGRAMS];
	struct ring ring;
	int errors[OWNER_PROGRAMS]; /* errno of each hook that is not attached */
	uint64_t unknown;
	char missing[128];
};

static void owner_miss(struct owner *owner, size_t row, int err)
{
	size_t used = strlen(owner->missing);

	owner->errors[row] = err;
	snprintf(owner->missing + used, sizeof(owner->missing) - used, "%s%s", used ? ", " : "",
		 owner_rows[row].hook);
	log_warning("identity: %s is not attached: %s; nobody tells %s; the others go on",
		    owner_rows[row].hook, strerror(err), owner_rows[row].use);
}

static struct bpf_link *owner_attach_one(const struct bpf_program *program, int cgroup_fd)
{
	enum bpf_prog_type type = bpf_program__type(program);

	if (type == BPF_PROG_TYPE_CGROUP_SOCK || type == BPF_PROG_TYPE_SOCK_OPS)
		return bpf_program__attach_cgroup(program, cgroup_fd);
	return bpf_program__attach(program);
}

static int owner_attach(struct owner *owner, const char *cgroup_root)
{
	int cgroup_fd = open(cgroup_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;

	if (cgroup_fd < 0) {
		int err = -errno;

		log_warning("identity: %s: %s; mount the cgroup v2 hierarchy, or set "
			    "identity.host_root",
			    cgroup_root, strerror(-err));
		return err;
	}
	for (size_t row = 0; row < OWNER_PROGRAMS; row++) {
		const struct bpf_program *program = bpf_object__find_program_by_name(
			owner->skeleton->obj, owner_rows[row].program);

		owner->links[row] = program ? owner_attach_one(program, cgroup_fd) : NULL;
		if (owner->links[row])
			count++;
		else
			owner_miss(owner, row, program ? errno : ENOENT);
	}
	close(cgroup_fd);
	return count ? 0 : -ENOTSUP;
}

static int owner_load(struct owner *owner, struct datapath *datapath, const char *btf_path)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf_path);
	struct datapath_owner_maps maps = datapath_owner_maps(datapath);
	int err;

	bpf_log_install();
	owner->skeleton = owner_bpf__open_opts(&options);
	if (!owner->skeleton)
		return errno ? -errno : -EINVAL;
	owner->skeleton->rodata->cfg_owner_wake = maps.ring_bytes / 4;
	err = bpf_map__reuse_fd(owner->skeleton->maps.owner_events, maps.events_fd);
	if (!err)
		err = bpf_map__reuse_fd(owner->skeleton->maps.owner_counters, maps.counters_fd);
	if (!err)
		err = owner_bpf__load(owner->skeleton);
	if (!err)
		err = ring_open(&owner->ring, maps.events_fd, maps.ring_bytes);
	return err;
}

int owner_open(struct owner **out, struct datapath *datapath, const struct owner_options *options)
{
	struct owner *owner = calloc(1, sizeof(*owner));
	int err;

	if (!owner)
		return -ENOMEM;
	err = owner_load(owner, datapath, options->btf_path);
	if (err)
		log_warning("identity: the kernel refused the programs that tell sockets' owners: "
			    "%s; flows get no process",
			    strerror(-err));
	else
		err = owner_attach(owner, options->cgroup_root);
	if (err) {
		owner_close(owner);
		return err;
	}
	*out = owner;
	return 0;
}

void owner_close(struct owner *owner)
{
	if (!owner)
		return;
	for (size_t i = 0; i < OWNER_PROGRAMS; i++)
		bpf_link__destroy(owner->links[i]);
	ring_close(&owner->ring);
	owner_bpf__destroy(owner->skeleton);
	free(owner);
}

/* ---- events --------------------------------------------------------------------------------- */

struct owner_reader {
	struct owner *owner;
	owner_event_fn event;
	void *context;
};

static size_t owner_event_size(uint16_t type)
{
	switch ((enum owner_event_type)type) {
	case OWNER_EVENT_CREATE:
	case OWNER_EVENT_BIND:
	case OWNER_EVENT_LISTEN:
	case OWNER_EVENT_CONNECT:
		return sizeof(struct owner_socket);
	case OWNER_EVENT_PACKET:
		return sizeof(struct owner_packet);
	case OWNER_EVENT_CGROUP_MADE:
	case OWNER_EVENT_CGROUP_GONE:
		return sizeof(struct owner_cgroup);
	}
	return 0;
}

static void owner_take(void *context, const void *sample, uint32_t size)
{
	struct owner_reader *reader = context;
	const struct flow_event *event = sample;

	if (size < sizeof(*event) || event->size != size || owner_event_size(event->type) != size)
		reader->owner->unknown++;
	else
		reader->event(reader->context, event);
}

void owner_drain(struct owner *owner, owner_event_fn event, void *context)
{
	struct owner_reader reader = { owner, event, context };

	ring_read(&owner->ring, ring_head(&owner->ring), owner_take, &reader);
}

int owner_event_fd(const struct owner *owner)
{
	return bpf_map__fd(owner->skeleton->maps.owner_events);
}

void owner_stats(const struct owner *owner, struct owner_stats *stats)
{
	int cpus = libbpf_num_possible_cpus();
	struct owner_counter *counters = cpus > 0 ? calloc((size_t)cpus, sizeof(*counters)) : NULL;
	__u32 zero = 0;

	*stats = (struct owner_stats){ .unknown = owner->unknown };
	if (counters && !bpf_map_lookup_elem(bpf_map__fd(owner->skeleton->maps.owner_counters),
					     &zero, counters)) {
		for (int cpu = 0; cpu < cpus; cpu++) {
			stats->events += counters[cpu].events;
			stats->lost += counters[cpu].lost;
		}
	}
	free(counters);
}

const char *owner_missing(const struct owner *owner)
{
	return owner->missing;
}

unsigned owner_missing_count(const struct owner *owner)
{
	unsigned count = 0;

	for (size_t row = 0; row < OWNER_PROGRAMS; row++)
		count += !owner->links[row];
	return count;
}

void owner_hooks(const struct owner *owner, owner_hook_fn visit, void *context)
{
	for (size_t row = 0; row < OWNER_PROGRAMS; row++)
		visit(context, owner_rows[row].hook, owner_rows[row].use, owner->errors[row]);
}
