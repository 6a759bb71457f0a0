/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/datapath_load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bpf-common/packet_parse.h"
#include "flow_bpf.skel.h"
#include "flowd/base/log.h"
#include "flowd/kernel/bpf_log.h"
#include "flowd/kernel/jiffies.h"

/* ---- before loading ------------------------------------------------------------------------- */

static uint32_t datapath_sets_per_cpu(uint32_t flows, uint32_t cpus)
{
	uint64_t wanted = ((uint64_t)flows + cpus * FLOW_WAYS - 1) / (cpus * FLOW_WAYS);
	uint32_t sets = FLOW_SETS_MIN;

	while (sets < wanted && sets < FLOW_SETS_MAX)
		sets *= 2;
	return sets;
}

static int datapath_choose_sizes(struct datapath_sizes *sizes,
				 const struct datapath_options *options)
{
	long page = sysconf(_SC_PAGESIZE);
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0) {
		log_error("datapath: number of CPUs: %s; /sys must be mounted", strerror(-cpus));
		return cpus;
	}
	if (options->ring_bytes < page || (options->ring_bytes & (options->ring_bytes - 1))) {
		log_error("datapath: ring buffer of %u bytes: must be a power of two, at least %ld",
			  options->ring_bytes, page);
		return -EINVAL;
	}
	sizes->cpus = (uint32_t)cpus;
	sizes->sets_per_cpu = datapath_sets_per_cpu(options->table_flows, sizes->cpus);
	sizes->ring_bytes = options->ring_bytes;
	if ((uint64_t)sizes->sets_per_cpu * sizes->cpus * FLOW_WAYS < options->table_flows)
		log_warning("datapath: a flow table of %u flows: a CPU has at most %u; going on "
			    "with these, remedy: a smaller flow.table_flows",
			    options->table_flows, FLOW_SETS_MAX * FLOW_WAYS);
	return 0;
}

static int datapath_size_maps(struct flow_bpf *skeleton, const struct datapath_sizes *sizes)
{
	uint32_t sets = sizes->cpus * sizes->sets_per_cpu;
	int err = bpf_map__set_max_entries(skeleton->maps.flow_cpus, sizes->cpus);

	if (!err)
		err = bpf_map__set_value_size(skeleton->maps.flow_cpus,
					      FLOW_CPU_BYTES(sizes->sets_per_cpu));
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_colds, sets);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.flow_extras, sets);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.events, sizes->ring_bytes);
	return err;
}

/* On PREEMPT_RT softirq runs in threads that preempt each other. */
static bool datapath_kernel_is_realtime(void)
{
	FILE *file = fopen("/sys/kernel/realtime", "re");
	bool realtime = file && fgetc(file) == '1';

	if (file)
		fclose(file);
	return realtime;
}

/* Since 5.18 XDP packets may span buffers, if the program says that it knows. */
static void datapath_use_xdp_frags(struct flow_bpf *skeleton)
{
	struct bpf_program *xdp = skeleton->progs.xdp_ingress;
	bool frags;

	bpf_log_quiet(true);
	frags = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL) == 1;
	bpf_log_quiet(false);
	skeleton->rodata->cfg_xdp_frags = frags;
	if (frags)
		bpf_program__set_flags(xdp, bpf_program__flags(xdp) | BPF_F_XDP_HAS_FRAGS);
}

/* BIG TCP packets are told by a length of 0 at the hooks. */
static void datapath_set_rules(struct flow_bpf *skeleton, const struct datapath_options *options)
{
	skeleton->bss->flow_rules = options->rules;
	skeleton->bss->flow_rules.jumbo = 1;
}

/* Without owners the ring is as small as a ring can be, and the programs never look at it. */
static int datapath_size_owners(struct flow_bpf *skeleton, uint32_t ring_bytes)
{
	skeleton->rodata->cfg_owner_wake = ring_bytes / 4;
	return bpf_map__set_max_entries(skeleton->maps.owner_events,
					ring_bytes ? ring_bytes : (uint32_t)sysconf(_SC_PAGESIZE));
}

static int datapath_configure(struct flow_bpf *skeleton, const struct datapath_sizes *sizes,
			      const struct datapath_options *options)
{
	struct flow_bpf__rodata *rodata = skeleton->rodata;
	uint32_t tick_ns = 0;
	int err = datapath_size_maps(skeleton, sizes);

	if (!err)
		err = datapath_size_owners(skeleton, options->owner_ring_bytes);
	if (err) {
		log_error("datapath: sizing the maps: %s", strerror(-err));
		return err;
	}
	if (getrandom(rodata->cfg_hash_seed, sizeof(rodata->cfg_hash_seed), 0) !=
	    sizeof(rodata->cfg_hash_seed)) {
		log_error("datapath: no random numbers for the hash seed: %s", strerror(errno));
		return -EIO;
	}
	rodata->cfg_sets_per_cpu = sizes->sets_per_cpu;
	rodata->cfg_ring_wake = sizes->ring_bytes / 4;
	if (jiffies_tick(&tick_ns) == 0 && tick_ns)
		rodata->cfg_hz = 1000000000u / tick_ns;
	datapath_set_rules(skeleton, options);
	rodata->cfg_tcp_watch = options->tcp_watch != 0;
	rodata->cfg_guard = datapath_kernel_is_realtime();
	datapath_use_xdp_frags(skeleton);
	return 0;
}

/* ---- loading -------------------------------------------------------------------------------- */

static const char *datapath_remedy(int err)
{
	switch (err) {
	case -EPERM:
		return "run as root or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; before Linux "
		       "5.11 also raise RLIMIT_MEMLOCK";
	case -ESRCH:
	case -ENOENT:
		return "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF): give it with --btf FILE";
	case -EACCES:
	case -EINVAL:
	case -E2BIG:
		return "its verifier's reason is above; please report it with the kernel's release";
	case -ENOMEM:
		return "use a smaller flow table";
	case -ENOSYS:
		return "the kernel was built without bpf(2)";
	}
	return "see `flowd --check`; -d prints what the kernel said";
}

static int datapath_check_btf(const char *path)
{
	int err;

	if (!path || !access(path, R_OK))
		return 0;
	err = errno;
	log_error("datapath: BTF file %s: %s; correct --btf or leave it out", path, strerror(err));
	return -err;
}

static int datapath_open_skeleton(struct flow_bpf **out, const struct datapath_options *options)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .btf_custom_path = options->btf_path);
	struct flow_bpf *skeleton;
	int err = datapath_check_btf(options->btf_path);

	if (err)
		return err;
	bpf_log_install();
	errno = 0;
	skeleton = flow_bpf__open_opts(&open_options);
	if (!skeleton) {
		err = errno ? -errno : -EINVAL;
		log_error("datapath: kernel programs could not be opened: %s; %s", strerror(-err),
			  datapath_remedy(err));
		return err;
	}
	*out = skeleton;
	return 0;
}

static int datapath_load_skeleton(struct flow_bpf *skeleton)
{
	struct utsname kernel = { .release = "?" };
	int err = flow_bpf__load(skeleton);

	if (!err)
		return 0;
	uname(&kernel);
	log_error("datapath: kernel %s refused the programs: %s; %s", kernel.release,
		  strerror(-err), datapath_remedy(err));
	return err;
}

int datapath_load(struct flow_bpf **out, struct datapath_sizes *sizes,
		  const struct datapath_options *options)
{
	struct flow_bpf *skeleton = NULL;
	int err = datapath_choose_sizes(sizes, options);

	if (!err)
		err = datapath_open_skeleton(&skeleton, options);
	if (!err)
		err = datapath_configure(skeleton, sizes, options);
	if (!err)
		err = datapath_load_skeleton(skeleton);
	if (err) {
		flow_bpf__destroy(skeleton);
		return err;
	}
	*out = skeleton;
	return 0;
}

/* ---- mapping -------------------------------------------------------------------------------- */

static int datapath_map_one(struct map_memory *memory, const struct bpf_map *map)
{
	int err = map_memory_open(memory, map);

	if (err)
		log_error("datapath: mapping %zu bytes of map %s: %s; use a smaller flow table",
			  (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map),
			  bpf_map__name(map), strerror(-err));
	return err;
}

int datapath_map(struct datapath_mapped *mapped, const struct flow_bpf *skeleton)
{
	int err = datapath_map_one(&mapped->cpus, skeleton->maps.flow_cpus);

	if (!err)
		err = datapath_map_one(&mapped->colds, skeleton->maps.flow_colds);
	if (!err)
		err = datapath_map_one(&mapped->clocks, skeleton->maps.flow_clocks);
	if (err)
		datapath_unmap(mapped);
	return err;
}

void datapath_unmap(struct datapath_mapped *mapped)
{
	map_memory_close(&mapped->cpus);
	map_memory_close(&mapped->colds);
	map_memory_close(&mapped->extras);
	map_memory_close(&mapped->clocks);
}

const struct flow_extra_set *datapath_map_extras(struct datapath_mapped *mapped,
						 const struct flow_bpf *skeleton)
{
	if (!mapped->extras.address)
		datapath_map_one(&mapped->extras, skeleton->maps.flow_extras);
	return mapped->extras.address;
}

void datapath_unmap_extras(struct datapath_mapped *mapped)
{
	map_memory_close(&mapped->extras);
}
