/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/attach_hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/bpf.h of 6.6 and later */
#define HOOK_TCX_INGRESS 46
#define HOOK_TCX_EGRESS	 47
#define HOOK_F_BEFORE	 (1u << 3)

#define HOOK_PROGRAMS_MAX 64

/* libbpf before 1.3 has no tcx; the fields used are those of every link. */
static int hook_link_create(uint32_t ifindex, uint32_t type, uint32_t flags, int program_fd)
{
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (__u32)program_fd;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = type;
	attr.link_create.flags = flags;
	fd = syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}

int hook_tcx_attach(uint32_t ifindex, bool ingress, int program_fd)
{
	int fd = hook_link_create(ifindex, ingress ? HOOK_TCX_INGRESS : HOOK_TCX_EGRESS,
				  HOOK_F_BEFORE, program_fd);

	return fd == -EINVAL ? -EOPNOTSUPP : fd;
}

int hook_xdp_attach(uint32_t ifindex, bool generic, int program_fd)
{
	return hook_link_create(ifindex, BPF_XDP, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
				program_fd);
}

uint32_t hook_xdp_program(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return 0;
	if (query.prog_id)
		return query.prog_id;
	return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

bool hook_device_is_hardware(const char *name)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&driver };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool answered;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	answered = !ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return answered && driver.bus_info[0] && strcmp(driver.bus_info, "N/A");
}

/* The device's index lies at the same place for tcx and XDP; 0 when the device has gone. */
bool hook_link_alive(int link_fd, uint32_t ifindex)
{
	struct bpf_link_info info = { 0 };
	__u32 size = sizeof(info);

	return !bpf_obj_get_info_by_fd(link_fd, &info, &size) && info.xdp.ifindex == ifindex;
}

/* ---- who else is there ---------------------------------------------------------------------- */

static uint32_t hook_program_id(int program_fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(program_fd, &info, &size) ? 0 : info.id;
}

static bool hook_map_is_ours(uint32_t id)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);
	bool ours;

	if (fd < 0)
		return false;
	ours = !bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(info.name, "flow_colds");
	close(fd);
	return ours;
}

/* A flow counter is a program that uses a map called flow_colds. */
static bool hook_program_is_ours(uint32_t id)
{
	__u32 maps[HOOK_PROGRAMS_MAX], size;
	struct bpf_prog_info info = { .nr_map_ids = HOOK_PROGRAMS_MAX,
				      .map_ids = (__u64)(uintptr_t)maps };
	int fd = bpf_prog_get_fd_by_id(id);
	bool ours = false;

	if (fd < 0)
		return false;
	size = sizeof(info);
	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		for (uint32_t i = 0; i < info.nr_map_ids && i < HOOK_PROGRAMS_MAX && !ours; i++)
			ours = hook_map_is_ours(maps[i]);
	close(fd);
	return ours;
}

static bool hook_tcx_foreign(uint32_t ifindex, uint32_t type, uint32_t own)
{
	__u32 ids[HOOK_PROGRAMS_MAX], count = HOOK_PROGRAMS_MAX;

	if (bpf_prog_query((int)ifindex, (enum bpf_attach_type)type, 0, NULL, ids, &count))
		return false;
	for (uint32_t i = 0; i < count && i < HOOK_PROGRAMS_MAX; i++)
		if (ids[i] != own && hook_program_is_ours(ids[i]))
			return true;
	return false;
}

bool hook_link_foreign(uint32_t ifindex, int own_fd)
{
	uint32_t own = hook_program_id(own_fd), xdp = hook_xdp_program(ifindex);

	return hook_tcx_foreign(ifindex, HOOK_TCX_INGRESS, own) ||
	       hook_tcx_foreign(ifindex, HOOK_TCX_EGRESS, own) ||
	       (xdp && xdp != own && hook_program_is_ours(xdp));
}
