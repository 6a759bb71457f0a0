/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flowd/base/log.h"
#include "flowd/kernel/attach_hook.h"
#include "flowd/kernel/claim.h"

/* Index of what exists once a direction. */
enum { EGRESS, INGRESS, DIRECTIONS };

struct attachment {
	uint32_t ifindex;
	enum attached_mode mode; /* of ingress */
	int claim_fd;
	int link_fd[DIRECTIONS];	       /* tcx or XDP; -1 */
	struct hook_filter filter[DIRECTIONS]; /* clsact */
	bool clsact, clsact_created;
};

enum attached_mode attach_mode(const struct attachment *attachment)
{
	return attachment->mode;
}

bool attach_has_egress(const struct attachment *attachment)
{
	return attachment->link_fd[EGRESS] >= 0 || attachment->filter[EGRESS].priority;
}

bool attach_alive(const struct attachment *attachment)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		if (attachment->link_fd[i] >= 0 &&
		    !hook_link_alive(attachment->link_fd[i], attachment->ifindex))
			return false;
		if (!hook_filter_alive(&attachment->filter[i], attachment->ifindex, i == INGRESS))
			return false;
	}
	return true;
}

/* ---- tc ------------------------------------------------------------------------------------- */

/* Under clsact; leftovers of a flowd that died go first: the claim says that nobody needs them. */
static int attach_filter(struct attachment *attachment, int direction, int program_fd)
{
	int err;

	if (!attachment->clsact) {
		err = hook_clsact_open(attachment->ifindex, &attachment->clsact_created);
		if (err)
			return err;
		attachment->clsact = true;
	}
	return hook_filter_attach(&attachment->filter[direction], attachment->ifindex,
				  direction == INGRESS, program_fd);
}

static int attach_tc(struct attachment *attachment, enum attach_mode mode, int direction,
		     int program_fd)
{
	int fd = -EOPNOTSUPP;

	if (mode != ATTACH_CLSACT)
		fd = hook_tcx_attach(attachment->ifindex, direction == INGRESS, program_fd);
	if (fd >= 0) {
		attachment->link_fd[direction] = fd;
		return 0;
	}
	return fd == -EOPNOTSUPP ? attach_filter(attachment, direction, program_fd) : fd;
}

static int attach_tc_ingress(struct attachment *attachment, const struct datapath *datapath,
			     enum attach_mode mode)
{
	int err = attach_tc(attachment, mode, INGRESS, datapath_tc_ingress_fd(datapath));

	if (!err)
		attachment->mode =
			attachment->link_fd[INGRESS] >= 0 ? ATTACHED_TCX : ATTACHED_CLSACT;
	return err;
}

/* ---- XDP ------------------------------------------------------------------------------------ */

static bool attach_wants_xdp(const struct attach_target *target)
{
	switch (target->mode) {
	case ATTACH_AUTO:
		return !target->kind[0] && hook_device_is_hardware(target->name);
	case ATTACH_XDP:
	case ATTACH_XDP_GENERIC:
		return true;
	case ATTACH_TC:
	case ATTACH_CLSACT:
		return false;
	}
	return false;
}

/* False: tc must do it. A note only where XDP was asked for by name. */
static bool attach_xdp(struct attachment *attachment, const struct datapath *datapath,
		       const struct attach_target *target, char *note)
{
	bool generic = target->mode == ATTACH_XDP_GENERIC;
	uint32_t other = hook_xdp_program(target->ifindex);
	int fd;

	if (other) {
		snprintf(note, ATTACH_NOTE_SIZE,
			 "XDP program %u of somebody else is there; using tc", other);
		return false;
	}
	fd = hook_xdp_attach(target->ifindex, generic, datapath_xdp_fd(datapath));
	if (fd < 0) {
		if (target->mode != ATTACH_AUTO)
			snprintf(note, ATTACH_NOTE_SIZE, "no %s XDP here: %s; using tc",
				 generic ? "generic" : "native", strerror(-fd));
		return false;
	}
	if (generic)
		snprintf(note, ATTACH_NOTE_SIZE,
			 "packets that GRO has joined before generic XDP sees them count as one");
	attachment->link_fd[INGRESS] = fd;
	attachment->mode = generic ? ATTACHED_XDP_GENERIC : ATTACHED_XDP;
	return true;
}

/* ---- a device ------------------------------------------------------------------------------- */

static int attach_claim(struct attachment *attachment, const struct attach_target *target,
			char *note)
{
	pid_t owner = 0;
	int fd = claim_take(target->ifindex, &owner);

	if (fd == -EBUSY) {
		snprintf(note, ATTACH_NOTE_SIZE, "another flowd (process %d) is attached",
			 (int)owner);
		return -EBUSY;
	}
	if (fd < 0)
		log_warning("%s: no protection against a second flowd: %s", target->name,
			    strerror(-fd));
	attachment->claim_fd = fd;
	return 0;
}

/* What other flowds did here: a live one forbids, a dead one is cleaned up after. */
static int attach_check_others(struct attachment *attachment, const struct datapath *datapath,
			       const struct attach_target *target, char *note)
{
	int stale;

	if (hook_link_foreign(target->ifindex, datapath_tc_ingress_fd(datapath))) {
		snprintf(note, ATTACH_NOTE_SIZE, "another flowd's programs are attached");
		return -EBUSY;
	}
	if (attachment->claim_fd < 0)
		return 0;
	stale = hook_filter_clean(target->ifindex, true) +
		hook_filter_clean(target->ifindex, false);
	if (stale)
		log_info("%s: removed %d filters that a flowd left behind", target->name, stale);
	return 0;
}

static int attach_both(struct attachment *attachment, const struct datapath *datapath,
		       const struct attach_target *target, char *note)
{
	int err = 0;

	if (!attach_wants_xdp(target) || !attach_xdp(attachment, datapath, target, note))
		err = attach_tc_ingress(attachment, datapath, target->mode);
	if (err) {
		snprintf(note, ATTACH_NOTE_SIZE, "attaching: %s", strerror(-err));
		return err;
	}
	err = attach_tc(attachment, target->mode, EGRESS, datapath_tc_egress_fd(datapath));
	if (err)
		snprintf(note, ATTACH_NOTE_SIZE, "what leaves is not seen: %s", strerror(-err));
	return err == -ENODEV ? err : 0;
}

int attach_open(struct attachment **out, const struct datapath *datapath,
		const struct attach_target *target, char *note)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));
	int err;

	note[0] = '\0';
	if (!attachment)
		return -ENOMEM;
	attachment->ifindex = target->ifindex;
	attachment->claim_fd = attachment->link_fd[EGRESS] = attachment->link_fd[INGRESS] = -1;
	err = attach_claim(attachment, target, note);
	if (!err)
		err = attach_check_others(attachment, datapath, target, note);
	if (!err)
		err = attach_both(attachment, datapath, target, note);
	if (err) {
		attach_close(attachment);
		return err;
	}
	*out = attachment;
	return 0;
}

void attach_abandon(struct attachment *attachment)
{
	if (!attachment)
		return;
	for (int i = 0; i < DIRECTIONS; i++)
		if (attachment->link_fd[i] >= 0)
			close(attachment->link_fd[i]);
	if (attachment->claim_fd >= 0)
		close(attachment->claim_fd);
	free(attachment);
}

/* The claim goes last: who takes it finds nothing of ours. */
void attach_close(struct attachment *attachment)
{
	if (!attachment)
		return;
	hook_filter_detach(&attachment->filter[INGRESS], attachment->ifindex, true);
	hook_filter_detach(&attachment->filter[EGRESS], attachment->ifindex, false);
	if (attachment->clsact_created)
		hook_clsact_close(attachment->ifindex);
	attach_abandon(attachment);
}
