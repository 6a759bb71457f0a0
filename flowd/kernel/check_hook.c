/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/check_hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flowd/kernel/attach_hook.h"
#include "flowd/kernel/xdp_features.h"

#define CHECK_NO_DEVICE 0x7ffffffe

/* A program that says "next". */
static int check_hook_program(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "flow_check", "GPL", program, 2, NULL);
}

/* A kernel that knows the hook misses the device; one that does not, the hook. */
int check_hook_tcx(void)
{
	int program = check_hook_program(), fd;

	if (program < 0)
		return program;
	fd = hook_tcx_attach(CHECK_NO_DEVICE, true, program);
	close(program);
	if (fd >= 0)
		close(fd);
	return fd == -ENODEV || fd >= 0 ? 0 : fd;
}

/* libbpf's own probe of this program type asks for fentry, which fewer kernels have. */
int check_hook_tp_btf(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP);
	int id = libbpf_find_vmlinux_btf_id("kfree_skb", BPF_TRACE_RAW_TP), fd;

	if (id < 0)
		return id;
	opts.attach_btf_id = (__u32)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "flow_check", "GPL", program, 2, &opts);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- clsact --------------------------------------------------------------------------------- */

static int check_hook_try_clsact(void)
{
	struct hook_filter filter = { 0 };
	bool created;
	int program, err;

	if (unshare(CLONE_NEWNET))
		return -errno;
	program = check_hook_program();
	if (program < 0)
		return program;
	err = hook_clsact_open(if_nametoindex("lo"), &created);
	return err ? err : hook_filter_attach(&filter, if_nametoindex("lo"), true, program);
}

/* In a child, because a namespace is easier entered than left. */
int check_hook_clsact(void)
{
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child)
		_exit(-check_hook_try_clsact() & 0xff);
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* ---- devices -------------------------------------------------------------------------------- */

static bool check_hook_driver(const char *name, char *driver, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool answered;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	answered = !ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	snprintf(driver, size, "%s", info.driver);
	return answered;
}

int check_hook_devices(check_device_fn visit, void *context)
{
	struct if_nameindex *devices = if_nameindex();
	char driver[32];
	int count = 0;

	for (struct if_nameindex *device = devices; device && device->if_index; device++) {
		if (!hook_device_is_hardware(device->if_name) ||
		    !check_hook_driver(device->if_name, driver, sizeof(driver)))
			continue;
		visit(context, device->if_name, driver, xdp_features_native(device->if_index));
		count++;
	}
	if_freenameindex(devices);
	return count;
}
