/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A file beside a spool in which its daemon tells, now and then, how far it is. An orderly end
 * removes it; what is found at the start was left by a daemon that was killed, and says what of its
 * records cannot be in the spool. Not thread-safe.
 */
#ifndef EXPORT_LIFE_SIGN_H
#define EXPORT_LIFE_SIGN_H

#include <stdbool.h>
#include <stdint.h>

struct life_note {
	uint64_t epoch;
	uint64_t taken;	  /* records that the exporter took out of history */
	uint64_t kept;	  /* of these, in the spool or beyond */
	uint64_t time_ns; /* when this was so, CLOCK_REALTIME */
};

struct life_sign;

/* *killed: `left` is the last note of a daemon that did not end in order. 0 or negative errno. */
int life_sign_open(struct life_sign **out, const char *directory, struct life_note *left,
		   bool *killed);
void life_sign_tell(struct life_sign *sign, const struct life_note *note);
/* An orderly end: nothing is to be told. Accepts NULL, as does the next. */
void life_sign_end(struct life_sign *sign);
void life_sign_close(struct life_sign *sign);

#endif
