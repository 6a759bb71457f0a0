/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/check.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "flowd/kernel/attach_hook.h"
#include "flowd/kernel/bpf_log.h"
#include "flowd/kernel/check_hook.h"
#include "flowd/kernel/datapath.h"
#include "flowd/kernel/owner.h"
#include "flowd/kernel/trace.h"

#define CHECK_BTF_PATH "/sys/kernel/btf/vmlinux"

struct check {
	FILE *out;
	bool missing; /* something that flowd cannot do without */
};

enum check_need { CHECK_REQUIRED, CHECK_OPTIONAL };

static void __attribute__((format(printf, 5, 6)))
check_line(struct check *check, enum check_need need, bool present, const char *feature,
	   const char *reason, ...)
{
	va_list arguments;

	fprintf(check->out, "  %-4s %-32s ",
		present			 ? "yes"
		: need == CHECK_REQUIRED ? "NO"
					 : "no",
		feature);
	va_start(arguments, reason);
	vfprintf(check->out, reason, arguments);
	va_end(arguments);
	fputc('\n', check->out);
	if (need == CHECK_REQUIRED && !present)
		check->missing = true;
}

static void check_section(const struct check *check, const char *title)
{
	fprintf(check->out, "\n%s\n", title);
}

/* ---- kernel --------------------------------------------------------------------------------- */

static void check_version(struct check *check, const struct utsname *kernel)
{
	int major = 0, minor = 0;

	sscanf(kernel->release, "%d.%d", &major, &minor);
	check_line(check, CHECK_OPTIONAL, major > 5 || (major == 5 && minor >= 15),
		   "release of 5.15 or later", "%s %s; 5.10 and later may do with fewer features",
		   kernel->release, kernel->machine);
}

static void check_btf(struct check *check, const char *btf_path)
{
	bool kernel = !access(CHECK_BTF_PATH, R_OK);

	check_line(check, CHECK_OPTIONAL, kernel, "BTF of the kernel", "%s%s", CHECK_BTF_PATH,
		   kernel ? "" : " is missing; --btf FILE takes its place; needed by tracing only");
	if (btf_path)
		check_line(check, CHECK_REQUIRED, !access(btf_path, R_OK), "BTF file", "%s: %s",
			   btf_path, access(btf_path, R_OK) ? strerror(errno) : "readable");
}

static bool check_file_says(const char *path, int wanted)
{
	FILE *file = fopen(path, "re");
	int first = file ? fgetc(file) : EOF;

	if (file)
		fclose(file);
	return first == wanted;
}

static void check_kernel(struct check *check, const char *btf_path)
{
	bool realtime = check_file_says("/sys/kernel/realtime", '1');
	struct utsname kernel = { .release = "?" };

	uname(&kernel);
	check_section(check, "Kernel");
	check_version(check, &kernel);
	check_btf(check, btf_path);
	check_line(check, CHECK_OPTIONAL,
		   check_file_says("/proc/sys/net/core/bpf_jit_enable", '1') ||
			   check_file_says("/proc/sys/net/core/bpf_jit_enable", '2'),
		   "BPF JIT",
		   "net.core.bpf_jit_enable; without it each packet costs several times "
		   "more");
	check_line(check, CHECK_OPTIONAL, !realtime, "softirq runs undisturbed",
		   realtime
			   ? "PREEMPT_RT: packets that interrupt each other are refused and counted"
			   : "no PREEMPT_RT");
}

/* ---- privileges ----------------------------------------------------------------------------- */

static uint64_t check_effective_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t effective = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %" SCNx64, &effective) == 1)
			break;
	if (file)
		fclose(file);
	return effective;
}

static void check_capabilities(struct check *check)
{
	static const struct {
		int bit; /* linux/capability.h; BPF and PERFMON are younger than some headers */
		const char *name, *use;
		enum check_need need;
		bool by_admin; /* CAP_SYS_ADMIN includes it */
	} rows[] = {
		{ 12, "CAP_NET_ADMIN", "attaching to devices", CHECK_REQUIRED, false },
		{ 39, "CAP_BPF", "maps and programs", CHECK_REQUIRED, true },
		{ 38, "CAP_PERFMON", "reading packets through pointers; tracing", CHECK_REQUIRED,
		  true },
		{ 21, "CAP_SYS_ADMIN",
		  "whose programs are attached; sockets of other namespaces at start",
		  CHECK_OPTIONAL, false },
		{ 19, "CAP_SYS_PTRACE", "namespaces of containers' processes", CHECK_OPTIONAL,
		  false },
		{ 2, "CAP_DAC_READ_SEARCH", "cgroups by their id; engines' files", CHECK_OPTIONAL,
		  false },
		{ 11, "CAP_NET_BROADCAST", "addresses of other namespaces as they change",
		  CHECK_OPTIONAL, false },
	};
	uint64_t effective = check_effective_capabilities();

	check_section(check, "Privileges");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool present = (effective >> rows[i].bit & 1) ||
			       (rows[i].by_admin && (effective >> 21 & 1));

		check_line(check, rows[i].need, present, rows[i].name, "%s", rows[i].use);
	}
}

static void check_memlock(struct check *check)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		check_line(check, CHECK_OPTIONAL, true, "RLIMIT_MEMLOCK", "unlimited");
	else
		check_line(check, CHECK_OPTIONAL, true, "RLIMIT_MEMLOCK",
			   "%llu KiB; matters before Linux 5.11 only, later maps are charged to "
			   "the cgroup",
			   (unsigned long long)limit.rlim_cur / 1024);
}

/* ---- BPF ------------------------------------------------------------------------------------ */

static const char *check_answer(int probed)
{
	return probed < 0 ? strerror(-probed) : probed ? "supported" : "not supported";
}

static void check_program_types(struct check *check)
{
	static const struct {
		enum bpf_prog_type type;
		const char *name, *use;
		enum check_need need;
	} rows[] = {
		{ BPF_PROG_TYPE_SCHED_CLS, "sched_cls", "tc: packets both ways", CHECK_REQUIRED },
		{ BPF_PROG_TYPE_XDP, "xdp", "packets as they arrive", CHECK_OPTIONAL },
		{ BPF_PROG_TYPE_RAW_TRACEPOINT, "raw_tracepoint", "drops without BTF",
		  CHECK_OPTIONAL },
		{ BPF_PROG_TYPE_TRACEPOINT, "tracepoint", "drops, TCP events", CHECK_OPTIONAL },
		{ BPF_PROG_TYPE_CGROUP_SKB, "cgroup_skb", "socket owners", CHECK_OPTIONAL },
		{ BPF_PROG_TYPE_CGROUP_SOCK, "cgroup_sock", "socket owners", CHECK_OPTIONAL },
		{ BPF_PROG_TYPE_SOCK_OPS, "sock_ops", "TCP round trip times", CHECK_OPTIONAL },
	};

	int tp_btf = check_hook_tp_btf();
	bool kprobes = !access("/sys/bus/event_source/devices/kprobe", F_OK);

	check_section(check, "Program types");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int probed = libbpf_probe_bpf_prog_type(rows[i].type, NULL);

		check_line(check, rows[i].need, probed == 1, rows[i].name, "%s: %s", rows[i].use,
			   check_answer(probed));
	}
	check_line(check, CHECK_OPTIONAL, !tp_btf, "tracing (tp_btf)", "drops, TCP events: %s",
		   tp_btf ? strerror(-tp_btf) : "supported");
	check_line(check, CHECK_OPTIONAL, kprobes, "kprobe", "kernel functions: %s",
		   kprobes ? "supported" : "the kernel has no CONFIG_KPROBE_EVENTS");
}

static void check_mmapable(struct check *check)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "flow_check", 4, 8, 1, &opts);

	check_line(check, CHECK_REQUIRED, fd >= 0, "array, mapped", "flow table, ledger: %s",
		   fd >= 0 ? "supported" : strerror(-fd));
	if (fd >= 0)
		close(fd);
}

static void check_map_types(struct check *check)
{
	int hash = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_HASH, NULL);
	int ring = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL);

	check_section(check, "Map types");
	check_mmapable(check);
	check_line(check, CHECK_REQUIRED, hash == 1, "hash", "devices: %s", check_answer(hash));
	check_line(check, CHECK_REQUIRED, ring == 1, "ringbuf", "evicted flows, events: %s",
		   check_answer(ring));
}

static void check_helpers(struct check *check)
{
	static const struct {
		enum bpf_prog_type type;
		enum bpf_func_id id;
		const char *name, *use;
		enum check_need need;
	} rows[] = {
		{ BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_jiffies64, "bpf_jiffies64",
		  "the clock of the hit path (5.6)", CHECK_REQUIRED },
		{ BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve",
		  "evicted flows (5.8)", CHECK_REQUIRED },
		{ BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_skb_pull_data, "bpf_skb_pull_data",
		  "packets in fragments", CHECK_REQUIRED },
		{ BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, "bpf_xdp_get_buff_len",
		  "XDP on large MTUs (5.18)", CHECK_OPTIONAL },
	};

	check_section(check, "Helpers");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int probed = libbpf_probe_bpf_helper(rows[i].type, rows[i].id, NULL);

		check_line(check, rows[i].need, probed == 1, rows[i].name, "%s: %s", rows[i].use,
			   check_answer(probed));
	}
}

/* ---- hooks ---------------------------------------------------------------------------------- */

static void check_hooks(struct check *check)
{
	int tcx = check_hook_tcx(), clsact = check_hook_clsact();

	check_section(check, "Hooks");
	check_line(check, CHECK_OPTIONAL, !tcx, "tcx", "%s",
		   !tcx ? "programs end with the daemon"
			: "Linux 6.6 and later; clsact is used instead");
	check_line(check, tcx ? CHECK_REQUIRED : CHECK_OPTIONAL, !clsact, "clsact", "%s",
		   !clsact ? "tried in a namespace of its own" : strerror(-clsact));
}

static void check_device(void *context, const char *name, const char *driver, int native_xdp)
{
	struct check *check = context;
	char feature[64];
	uint32_t program = hook_xdp_program(if_nametoindex(name));

	snprintf(feature, sizeof(feature), "%s, native XDP", name);
	if (program)
		check_line(check, CHECK_OPTIONAL, false, feature,
			   "driver %s; XDP program %u is there, so tc would be used", driver,
			   program);
	else
		check_line(check, CHECK_OPTIONAL, native_xdp > 0, feature, "driver %s%s", driver,
			   native_xdp < 0 ? "; known once tried (the kernel does not tell)" : "");
}

static void check_devices(struct check *check)
{
	check_section(check, "Hardware devices of this namespace");
	if (!check_hook_devices(check_device, check))
		fprintf(check->out, "  -    none; virtual devices are read by tc\n");
}

/* The proof: the programs themselves, in a small table, attached to nothing. */
static void check_owner_hook(void *context, const char *hook, const char *use, int err)
{
	check_line(context, CHECK_OPTIONAL, !err, hook, "%s%s%s", use, err ? ": " : "",
		   err ? strerror(err) : "");
}

/* Attached for a moment at the root of the cgroup v2 hierarchy; each works without the others. */
static void check_owners(struct check *check, struct datapath *datapath,
			 const struct check_options *options)
{
	const struct owner_options owner_options = { .cgroup_root = options->cgroup_root,
						     .btf_path = options->btf_path };
	struct owner *owner = NULL;
	int err = -ENODEV;

	check_section(check, "Owners of sockets");
	if (datapath && options->cgroup_root)
		err = owner_open(&owner, datapath, &owner_options);
	if (err)
		check_line(check, CHECK_OPTIONAL, false, "cgroup and tracing hooks",
			   "%s; ends are named by address, no flow has a process",
			   options->cgroup_root ? strerror(-err) : "no cgroup v2 hierarchy");
	else
		owner_hooks(owner, check_owner_hook, check);
	owner_close(owner);
}

/* The proof: the programs themselves, in a small table, attached to nothing. */
static void check_programs(struct check *check, const struct check_options *options)
{
	const struct datapath_options datapath_options = { .table_flows = 1024,
							   .ring_bytes = 65536,
							   .owner_ring_bytes = 65536,
							   .btf_path = options->btf_path };
	struct datapath *datapath = NULL;
	int err = datapath_open(&datapath, &datapath_options);

	check_section(check, "Programs");
	check_line(check, CHECK_REQUIRED, !err, "loaded and mapped", "%s",
		   err ? strerror(-err) : "tc_ingress, tc_egress, xdp_ingress");
	check_owners(check, datapath, options);
	datapath_close(datapath);
}

static void check_tracepoint(void *context, const char *tracepoint, const char *why_not)
{
	check_line(context, CHECK_OPTIONAL, !why_not, tracepoint, "%s",
		   why_not ? why_not : "attached for a moment");
}

/* Drops and TCP events: attached for a moment, in no namespace. */
static void check_tracing(struct check *check, const char *btf_path)
{
	static const uint32_t nowhere = 1;
	struct trace_options options = { .drops = true,
					 .tcp = true,
					 .rate = 1,
					 .ring_bytes = 65536,
					 .btf_path = btf_path,
					 .namespaces = &nowhere,
					 .namespace_count = 1 };
	struct btf_names *names = NULL;
	struct kallsyms *symbols = NULL;
	struct trace *trace = NULL;
	int err = btf_names_open(&names, btf_path);

	check_section(check, "Events");
	check_line(check, CHECK_OPTIONAL, btf_names_drop(names, 2, NULL) != NULL,
		   "names of drop reasons", "%s",
		   err ? strerror(-err)
		       : "from the kernel's BTF (5.17); else only the function is told");
	options.names = names;
	if (!kallsyms_open(&symbols, NULL))
		options.firewalls = symbols;
	if (!err)
		err = trace_open(&trace, &options);
	if (err) {
		check_line(check, CHECK_OPTIONAL, false, "drops, TCP events", "%s", strerror(-err));
	} else {
		trace_hooks(trace, check_tracepoint, check);
		check_line(check, CHECK_OPTIONAL, true, "attached by", "%s",
			   trace_manner(trace) == TRACE_RAW
				   ? "raw tracepoints: the kernel takes no tp_btf"
				   : "tp_btf");
		check_line(check, CHECK_OPTIONAL, trace_firewall_names(trace), "firewalls' chains",
			   "%u of nftables, iptables, ip6tables can be traced (fentry)",
			   trace_firewall_names(trace));
	}
	trace_close(trace);
	btf_names_close(names);
	kallsyms_close(symbols);
}

int check_report(FILE *out, const struct check_options *options)
{
	const char *btf_path = options->btf_path;
	struct check check = { .out = out };

	bpf_log_install();
	bpf_log_quiet(true);
	fprintf(out, "flowd %s on this machine (NO: required and missing)\n", FLOWD_VERSION);
	check_kernel(&check, btf_path);
	check_capabilities(&check);
	check_memlock(&check);
	check_program_types(&check);
	check_map_types(&check);
	check_helpers(&check);
	check_hooks(&check);
	check_devices(&check);
	check_programs(&check, options);
	check_tracing(&check, btf_path);
	bpf_log_quiet(false);
	fprintf(out, "\n%s\n", check.missing ? "flowd cannot run here." : "flowd can run here.");
	return check.missing ? -ENOTSUP : 0;
}
