/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The devices of this network namespace: found and watched through rtnetlink (libnl), chosen by
 * globs, attached and detached as they come and go, and their roles (who counts, who only observes)
 * kept in the datapath. Runs on the daemon's loop; one instance a datapath.
 */
#ifndef KERNEL_INTERFACES_H
#define KERNEL_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "flowd/kernel/packet_filter.h"

/* TC: tcx where the kernel has it, else clsact; CLSACT: clsact although it has tcx. */
enum attach_mode { ATTACH_AUTO, ATTACH_TC, ATTACH_XDP, ATTACH_XDP_GENERIC, ATTACH_CLSACT };
/* What became of it; text in interfaces_mode_name(). */
enum attached_mode {
	ATTACHED_NONE,
	ATTACHED_TCX,
	ATTACHED_CLSACT,
	ATTACHED_XDP,
	ATTACHED_XDP_GENERIC
};

/* First matching rule wins; `glob` is fnmatch(3). Devices without a rule follow include/exclude. */
struct interface_rule {
	const char *glob;
	unsigned int value; /* enum attach_mode; or 1 in so many */
};

/* Borrowed until interfaces_close. */
struct interfaces_options {
	const char *const *include; /* globs; NULL-terminated; empty = all but lo */
	const char *const *exclude; /* wins over include */
	const struct interface_rule
		*rules; /* mode per device, last glob NULL; default ATTACH_AUTO */
	const struct interface_rule *sampling; /* 1 in `value` per device; NULL: none */
	uint16_t sampling_rate;	      /* of the other devices; 0 and 1: everything is counted */
	bool sample_flows;	      /* conversations are chosen, not packets */
	struct packet_filter *filter; /* is told of devices; NULL: there is none */
};

struct interfaces;
/* Finds, classifies and attaches all present devices. -EBUSY: another flowd is attached to one of
 * them (logged with its name). Other failures of one device are logged and noted in its status, not
 * returned. */
int interfaces_open(struct interfaces **out, struct datapath *datapath,
		    const struct interfaces_options *options);
/* Detaches everything. Accepts NULL. */
void interfaces_close(struct interfaces *interfaces);
/* Logs which of its devices some of the filter's rules cannot apply to; after a reload. */
void interfaces_warn_of_filter(const struct interfaces *interfaces);
/* The rtnetlink socket to poll, and what to do when it is readable. 0 or negative errno (a lost
 * message, ENOBUFS, makes it look at all devices again). */
int interfaces_fd(const struct interfaces *interfaces);
int interfaces_dispatch(struct interfaces *interfaces);

/*
 * The devices that lead to these namespaces, by number (link_netnsid), are in scope from now on,
 * those too that come later. 0 or -ENOMEM: it stays as it was.
 */
int interfaces_set_scope(struct interfaces *interfaces, const int32_t *elsewhere, size_t count);
bool interfaces_in_scope_at(const struct interfaces *interfaces, uint32_t ifindex);
/* Samples `factor` times as coarsely as the options say, from now on; 1 = as they say. */
void interfaces_set_thrift(struct interfaces *interfaces, uint32_t factor);
/* Name of a device, also of one that has gone; NULL when never seen. Interned: valid until close.
 */
const char *interfaces_name(const struct interfaces *interfaces, uint32_t ifindex);

struct interface_info {
	uint32_t ifindex;
	const char *name, *kind; /* kind: as rtnetlink says, "" without */
	int32_t elsewhere;	 /* the namespace of its other end, by number; -1: none */
	bool wanted;		 /* the options choose it */
	enum attached_mode mode;
	uint32_t role;	  /* FLOW_DEVICE_* */
	const char *note; /* why not attached, or why not as asked; NULL */
};
const char *interfaces_mode_name(enum attached_mode mode);
/* Calls `visit` for each device, wanted or not, by ifindex. */
typedef void (*interface_visit_fn)(void *context, const struct interface_info *info);
void interfaces_each(const struct interfaces *interfaces, interface_visit_fn visit, void *context);

#endif
