/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who makes, binds and connects sockets, told in the process's own context, and which cgroups come
 * and go. Attached to the root of the v2 hierarchy and to raw tracepoints; the verdict is always
 * "go on", and nothing of the socket is changed. No kprobe, no fentry.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "bpf-common/owner_maps.bpf.h"

#define OWNER_GO_ON 1
#define AF_INET	    2
#define AF_INET6    10
#define PROTO_TCP   6

/* The kernel's types, as far as they are read; relocated at load. */
struct kernfs_node {
	__u64 id;
} __attribute__((preserve_access_index));
struct cgroup_root {
	int hierarchy_id;
} __attribute__((preserve_access_index));
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
} __attribute__((preserve_access_index));
struct css_set {
	struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));
struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));
struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));
struct nsproxy {
	struct net *net_ns;
} __attribute__((preserve_access_index));
struct cred {
	struct {
		unsigned int val;
	} uid;
} __attribute__((preserve_access_index));
struct task_struct {
	int pid;
	int tgid;
	char comm[OWNER_COMM];
	const struct cred *cred;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
} __attribute__((preserve_access_index));

extern char LICENSE[];
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The leader's name: threads often have names of their own. */
static __attribute__((always_inline)) inline void owner_process(struct owner_socket *owner)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	owner->pid = (__u32)BPF_CORE_READ(task, tgid);
	owner->tid = (__u32)BPF_CORE_READ(task, pid);
	owner->uid = BPF_CORE_READ(task, cred, uid.val);
	owner->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	owner->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	bpf_probe_read_kernel(owner->comm, sizeof(owner->comm), leader->comm);
}

static __attribute__((always_inline)) inline void owner_address(__u8 to[16], __u32 ipv4_be)
{
	__u32 *words = (__u32 *)to;

	words[0] = words[1] = 0;
	words[2] = ipv4_be ? bpf_htonl(0xffff) : 0;
	words[3] = ipv4_be;
}

static __attribute__((always_inline)) inline void owner_address6(__u8 to[16], __u32 a, __u32 b,
								 __u32 c, __u32 d)
{
	__u32 *words = (__u32 *)to;

	words[0] = a;
	words[1] = b;
	words[2] = c;
	words[3] = d;
}

static __attribute__((always_inline)) inline struct owner_socket *owner_begin(__u16 type)
{
	struct owner_socket *owner = owner_reserve(type, sizeof(*owner));

	if (!owner)
		return 0;
	owner->pad = 0;
	owner_process(owner);
	return owner;
}

SEC("cgroup/sock_create")
int owner_create(struct bpf_sock *socket)
{
	struct owner_socket *owner;

	if (socket->family != AF_INET && socket->family != AF_INET6)
		return OWNER_GO_ON;
	if (socket->protocol == PROTO_TCP) /* it will connect or listen, and tell then */
		return OWNER_GO_ON;
	owner = owner_begin(OWNER_EVENT_CREATE);
	if (!owner)
		return OWNER_GO_ON;
	owner->cookie = bpf_get_socket_cookie(socket);
	owner->protocol = (__u8)socket->protocol;
	owner->ipv6 = socket->family == AF_INET6;
	owner->local_port = owner->remote_port = 0;
	owner_address(owner->local, 0);
	owner_address(owner->remote, 0);
	owner_submit(owner, owner->event.seq);
	return OWNER_GO_ON;
}

/* Servers are rare, and their addresses are read while they live: user space is woken at once. */
SEC("cgroup/post_bind4")
int owner_bind4(struct bpf_sock *socket)
{
	struct owner_socket *owner = owner_begin(OWNER_EVENT_BIND);

	if (!owner)
		return OWNER_GO_ON;
	owner->cookie = bpf_get_socket_cookie(socket);
	owner->protocol = (__u8)socket->protocol;
	owner->ipv6 = 0;
	owner->local_port = (__u16)socket->src_port;
	owner->remote_port = 0;
	owner_address(owner->local, socket->src_ip4);
	owner_address(owner->remote, 0);
	bpf_ringbuf_submit(owner, BPF_RB_FORCE_WAKEUP);
	return OWNER_GO_ON;
}

SEC("cgroup/post_bind6")
int owner_bind6(struct bpf_sock *socket)
{
	struct owner_socket *owner = owner_begin(OWNER_EVENT_BIND);

	if (!owner)
		return OWNER_GO_ON;
	owner->cookie = bpf_get_socket_cookie(socket);
	owner->protocol = (__u8)socket->protocol;
	owner->ipv6 = 1;
	owner->local_port = (__u16)socket->src_port;
	owner->remote_port = 0;
	owner_address6(owner->local, socket->src_ip6[0], socket->src_ip6[1], socket->src_ip6[2],
		       socket->src_ip6[3]);
	owner_address(owner->remote, 0);
	bpf_ringbuf_submit(owner, BPF_RB_FORCE_WAKEUP);
	return OWNER_GO_ON;
}

static __attribute__((always_inline)) inline void owner_tuple(struct owner_socket *owner,
							      struct bpf_sock_ops *ops)
{
	owner->local_port = (__u16)ops->local_port;
	owner->remote_port = (__u16)bpf_ntohl(ops->remote_port);
	owner->protocol = PROTO_TCP;
	owner->ipv6 = ops->family == AF_INET6;
	if (owner->ipv6) {
		owner_address6(owner->local, ops->local_ip6[0], ops->local_ip6[1],
			       ops->local_ip6[2], ops->local_ip6[3]);
		owner_address6(owner->remote, ops->remote_ip6[0], ops->remote_ip6[1],
			       ops->remote_ip6[2], ops->remote_ip6[3]);
	} else {
		owner_address(owner->local, ops->local_ip4);
		owner_address(owner->remote, ops->remote_ip4);
	}
}

/* Both callbacks come in the context of the process. */
SEC("sockops")
int owner_tcp(struct bpf_sock_ops *ops)
{
	struct owner_socket *owner;
	__u32 op = ops->op;

	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return OWNER_GO_ON;
	owner = owner_begin(op == BPF_SOCK_OPS_TCP_LISTEN_CB ? OWNER_EVENT_LISTEN
							     : OWNER_EVENT_CONNECT);
	if (!owner)
		return OWNER_GO_ON;
	owner->cookie = bpf_get_socket_cookie(ops);
	owner_tuple(owner, ops);
	if (op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		bpf_ringbuf_submit(owner, BPF_RB_FORCE_WAKEUP);
	else
		owner_submit(owner, owner->event.seq);
	return OWNER_GO_ON;
}

/* These are rare, and what they are about may be gone soon: user space is woken at once. */
static __attribute__((always_inline)) inline int owner_cgroup(__u16 type, struct cgroup *cgroup,
							      const char *path)
{
	struct owner_cgroup *event;

	if (BPF_CORE_READ(cgroup, root, hierarchy_id) != 0)
		return 0;
	event = owner_reserve(type, sizeof(*event));
	if (!event)
		return 0;
	event->cgroup_id = BPF_CORE_READ(cgroup, kn, id);
	if (bpf_probe_read_kernel_str(event->path, sizeof(event->path), path) < 0)
		event->path[0] = '\0';
	bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
	return 0;
}

SEC("raw_tp/cgroup_mkdir")
int owner_mkdir(struct bpf_raw_tracepoint_args *args)
{
	return owner_cgroup(OWNER_EVENT_CGROUP_MADE, (struct cgroup *)args->args[0],
			    (const char *)args->args[1]);
}

SEC("raw_tp/cgroup_rmdir")
int owner_rmdir(struct bpf_raw_tracepoint_args *args)
{
	return owner_cgroup(OWNER_EVENT_CGROUP_GONE, (struct cgroup *)args->args[0],
			    (const char *)args->args[1]);
}
