/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The states of a TCP socket by the numbers of Linux (include/net/tcp_states.h). */
#ifndef PROTO_TCP_STATE_H
#define PROTO_TCP_STATE_H

/* NULL: no state has the number. */
const char *tcp_state_name(unsigned int state);

#endif
