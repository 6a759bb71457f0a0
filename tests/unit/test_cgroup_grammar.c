/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths as the engines make them, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowd/identity/cgroup_grammar.h"

#define ID	   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2	   "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID	   "7c1e3a52-aaaa-4bbb-8ccc-0123456789ab"
#define UID_	   "7c1e3a52_aaaa_4bbb_8ccc_0123456789ab"
#define STATIC_UID "d3b2a1908f7e6d5c4b3a291807f6e5d4"

struct row {
	const char *path, *runtime, *container, *pod_uid, *pod_group, *unit;
	bool monitor;
};

static const struct row rows[] = {
	{ "/", "", "", "", "", "", false },
	{ "/docker/" ID, "docker", ID, "", "", "", false },
	{ "/system.slice/docker-" ID ".scope", "docker", ID, "", "", "", false },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", "docker",
	  ID, "", "", "", false },
	{ "/docker/" ID "/system.slice/nginx.service", "docker", ID, "", "", "nginx.service",
	  false },
	{ "/docker/" ID "/docker/" ID2, "docker", ID2, "", "", "", false },
	{ "/docker/buildkit/k9x2", "buildkit", "k9x2", "", "", "", false },
	{ "/kubepods/burstable/pod" UID "/" ID, "cri", ID, UID, "", "", false },
	{ "/kubepods/besteffort/pod" UID "/" ID, "cri", ID, UID, "", "", false },
	{ "/kubepods/pod" UID "/" ID, "cri", ID, UID, "", "", false },
	{ "/kubepods/burstable/pod" STATIC_UID "/" ID, "cri", ID, STATIC_UID, "", "", false },
	{ "/kubepods/burstable/pod" UID "/crio-" ID, "cri-o", ID, UID, "", "", false },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
	  ".slice/cri-containerd-" ID ".scope",
	  "containerd", ID, UID, "", "", false },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope", "containerd",
	  ID, UID, "", "", false },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" ID
	  ".scope",
	  "cri-o", ID, UID, "", "", false },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" ID
	  ".scope/container",
	  "cri-o", ID, UID, "", "", false },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
	  ".slice/crio-conmon-" ID ".scope",
	  "cri-o", ID, UID, "", "", true },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/docker-" ID
	  ".scope",
	  "docker", ID, UID, "", "", false },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubelet-kubepods-besteffort-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	  "containerd", ID, UID, "", "", false },
	{ "/docker/" ID2 "/kubelet/kubepods/burstable/pod" UID "/" ID, "cri", ID, UID, "", "",
	  false },
	{ "/docker/" ID2 "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
	  ".slice/cri-containerd-" ID ".scope",
	  "containerd", ID, UID, "", "", false },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_
	  ".slice:cri-containerd:" ID,
	  "containerd", ID, UID, "", "", false },
	{ "/kubepods/burstable/pod" UID "/" ID "/system.slice/app.service", "cri", ID, UID, "",
	  "app.service", false },
	{ "/k8s.io/" ID, "containerd", ID, "", "", "", false },
	{ "/system.slice/nerdctl-" ID ".scope", "containerd", ID, "", "", "", false },
	{ "/machine.slice/libpod-" ID ".scope", "podman", ID, "", "", "", false },
	{ "/machine.slice/libpod-" ID ".scope/container", "podman", ID, "", "", "", false },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "podman", ID, "", "", "", true },
	{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", "podman", ID, "",
	  ID2, "", false },
	{ "/libpod_parent/libpod-" ID, "podman", ID, "", "", "", false },
	{ "/libpod_parent/" ID2 "/libpod-" ID, "podman", ID, "", ID2, "", false },
	{ "/system.slice/web.service/libpod-payload-" ID, "podman", ID, "", "", "", false },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
	  "podman", ID, "", "", "", false },
	{ "/lxc/web", "lxc", "web", "", "", "", false },
	{ "/lxc.payload/web", "lxc", "web", "", "", "", false },
	{ "/lxc.payload.web", "lxc", "web", "", "", "", false },
	{ "/lxc.monitor.web", "lxc", "web", "", "", "", true },
	{ "/lxc.payload.web/system.slice/ssh.service", "lxc", "web", "", "", "ssh.service", false },
	{ "/lxc.payload.web/docker/" ID, "docker", ID, "", "", "", false },
	{ "/machine.slice/systemd-nspawn@deb.service/payload", "nspawn", "deb", "", "", "", false },
	{ "/machine.slice/machine-deb.scope/payload/system.slice/cron.service", "nspawn", "deb", "",
	  "", "cron.service", false },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator", "libvirt", "qemu-1-vm",
	  "", "", "", false },
	{ "/system.slice/nginx.service", "", "", "", "", "nginx.service", false },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "", "", "", "",
	  "getty@tty1.service", false },
	{ "/system.slice/dev-disk-by\\x2dlabel-x.swap", "", "", "", "", "dev-disk-by-label-x.swap",
	  false },
	{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "", "session-3.scope", false },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome-42.scope", "", "",
	  "", "", "app-org.gnome-42.scope", false },
	{ "/init.scope", "", "", "", "", "init.scope", false },
	{ "/ecs/0c1d2e3f40514263748596a7b8c9d0e1/" ID, "docker", ID, "",
	  "0c1d2e3f40514263748596a7b8c9d0e1", "", false },
	{ "/nomad.slice/share.slice/7c1e3a52-aaaa-4bbb-8ccc-0123456789ab.web.scope", "nomad", "web",
	  "", UID, "", false },
	{ "/garden/f00-ba5", "garden", "f00-ba5", "", "", "", false },
	{ "/flowtest/runc1", "", "", "", "", "", false },
	{ "/podinfo", "", "", "", "", "", false },
	{ "/system.slice/docker-compose.service", "", "", "", "", "docker-compose.service", false },
	{ "//docker//" ID "//", "docker", ID, "", "", "", false },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct cgroup_name name;

		cgroup_grammar_parse(row->path, &name);
		if (strcmp(name.runtime, row->runtime) || strcmp(name.container, row->container) ||
		    strcmp(name.pod_uid, row->pod_uid) || strcmp(name.pod_group, row->pod_group) ||
		    strcmp(name.unit, row->unit) || name.monitor != row->monitor)
			fail_msg("%s: runtime '%s' container '%s' pod '%s' group '%s' unit '%s' "
				 "monitor %d",
				 row->path, name.runtime, name.container, name.pod_uid,
				 name.pod_group, name.unit, name.monitor);
	}
}

/* Longer than anything that has a name; nothing is said, and nothing is overrun. */
static void test_long(void **state)
{
	char path[4096];
	struct cgroup_name name;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	memcpy(path, "/docker-", 8);
	cgroup_grammar_parse(path, &name);
	assert_string_equal(name.container, "");
	memcpy(path, "/lxc.payload.", 13);
	path[200] = '/';
	cgroup_grammar_parse(path, &name);
	assert_int_equal(strlen(name.container), sizeof(name.container) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
