/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Samples of packets that the kernel programs did not understand, as lines of the log. */
#ifndef KERNEL_MALFORMED_H
#define KERNEL_MALFORMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf-common/flow_abi.h"

#define MALFORMED_TEXT_BYTES 512

/* `event` is of this kind and as long as it says; its fields may still hold anything. */
bool malformed_fits(const struct flow_event *event, uint32_t size);
/* One line without its end: outcome, device, hook, length, the packet's beginning in hex. */
void malformed_text(const struct flow_malformed *malformed, char text[MALFORMED_TEXT_BYTES]);
/* The same into the log, at level debug. */
void malformed_log(const struct flow_malformed *malformed);

#endif
