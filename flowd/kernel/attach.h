/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One device and the programs on it: which hooks its mode asks for, what the kernel and its driver
 * allow, and their end. Packets of one direction meet exactly one of our programs. Logs what an
 * operator must know; the device's note holds what differs from the wish.
 */
#ifndef KERNEL_ATTACH_H
#define KERNEL_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "flowd/kernel/datapath.h"
#include "flowd/kernel/interfaces.h"

struct attach_target {
	uint32_t ifindex;
	const char *name;
	const char *kind; /* IFLA_INFO_KIND, "" for hardware and lo */
	enum attach_mode mode;
};

#define ATTACH_NOTE_SIZE 128

struct attachment;
/* -EBUSY: another flowd has the device. `note` (ATTACH_NOTE_SIZE bytes) says why not, or why not as
 * asked; empty when all is as asked. */
int attach_open(struct attachment **out, const struct datapath *datapath,
		const struct attach_target *target, char *note);
/* Removes what is ours. Accepts NULL. */
void attach_close(struct attachment *attachment);
/* The same when the device has gone: its number may be another's by now. */
void attach_abandon(struct attachment *attachment);

enum attached_mode attach_mode(const struct attachment *attachment);
bool attach_has_egress(const struct attachment *attachment);
/* False when the programs have gone with their device, or somebody removed them. */
bool attach_alive(const struct attachment *attachment);

#endif
