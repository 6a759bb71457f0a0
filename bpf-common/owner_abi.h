/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel tells of sockets' owners and of cgroups, through a ring buffer of its own: facts
 * of the moment they happen, for user space to join with flows by cookie and tuple. Same rules as
 * flow_abi.h.
 */
#ifndef OWNER_ABI_H
#define OWNER_ABI_H

#include "bpf-common/flow_abi.h"

/*
 * type, X(NAME, value):
 * CREATE, BIND, LISTEN, CONNECT: struct owner_socket, told in the context of the process that does
 * it. PACKET: struct owner_packet, a flow table entry was made by a packet that a socket sent.
 * CGROUP_MADE, CGROUP_GONE: struct owner_cgroup, of the v2 hierarchy.
 */
#define OWNER_EVENTS(X)   \
	X(CREATE, 1)      \
	X(BIND, 2)        \
	X(LISTEN, 3)      \
	X(CONNECT, 4)     \
	X(PACKET, 5)      \
	X(CGROUP_MADE, 6) \
	X(CGROUP_GONE, 7)
#define OWNER_EVENT_ENUM(name, value) OWNER_EVENT_##name = (value),
enum owner_event_type { OWNER_EVENTS(OWNER_EVENT_ENUM) };

#define OWNER_COMM 16
struct owner_socket {
	struct flow_event event;
	__u64 cookie;
	__u64 cgroup_id; /* of the process, v2 */
	__u32 netns;	 /* inode of the process's network namespace */
	__u32 pid;	 /* thread group, in the initial pid namespace */
	__u32 uid;
	__u16 local_port; /* host order, like the next; 0 where not known yet */
	__u16 remote_port;
	__u8 local[16]; /* as in struct flow_key; zeros: any */
	__u8 remote[16];
	__u8 protocol;
	__u8 ipv6;
	__u16 pad;
	__u32 tid;	       /* the thread: namespaces are threads' */
	char comm[OWNER_COMM]; /* not terminated when it fills the field */
};
FLOW_ABI_ASSERT(sizeof(struct owner_socket) == 112);

struct owner_packet {
	struct flow_event event;
	__u64 cookie;
	__u64 cgroup_id; /* of the socket; 0: a request socket, or one without a process */
	__u32 ifindex;
	__u8 hook; /* enum flow_hook */
	__u8 pad[3];
	struct flow_key key;
};
FLOW_ABI_ASSERT(sizeof(struct owner_packet) == 88);

#define OWNER_PATH_MAX 512 /* with the NUL; longer paths are cut */
struct owner_cgroup {
	struct flow_event event;
	__u64 cgroup_id;
	char path[OWNER_PATH_MAX];
};
FLOW_ABI_ASSERT(sizeof(struct owner_cgroup) == 544);

/* Value of `owner_counters`, one a CPU. */
struct owner_counter {
	__u64 events; /* submitted; also the sequence number */
	__u64 lost;   /* the ring buffer was full */
};

#endif
