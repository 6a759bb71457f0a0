/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/tcp_state.h"

#include <stddef.h>

const char *tcp_state_name(unsigned int state)
{
	static const char *const names[] = { NULL,	    "ESTABLISHED", "SYN_SENT",	"SYN_RECV",
					     "FIN_WAIT1",   "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
					     "CLOSE_WAIT",  "LAST_ACK",	   "LISTEN",	"CLOSING",
					     "NEW_SYN_RECV" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : NULL;
}
