/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The daemon's event loop: descriptors, timers and signals, each one source with one callback. All
 * sources run on the thread that calls loop_run(); only loop_stop() from a callback ends it. A
 * source may be freed from its own callback, and must be freed before its loop.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_source;
typedef void (*loop_fn)(void *context);

/* 0 or -ENOMEM. */
int loop_open(struct loop **out);
void loop_close(struct loop *loop);
/* Runs until loop_stop(); 0 or -EIO. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Handles what is ready, waiting at most `wait_ns` for it. For tests and the way down. */
void loop_turn(struct loop *loop, uint64_t wait_ns);

/* Each makes an active source; 0, -ENOMEM or -EINVAL. */
int loop_add_readable(struct loop *loop, int fd, loop_fn run, void *context,
		      struct loop_source **out);
/* Runs once each time the descriptor wakes its readers, not for as long as it is readable. */
int loop_add_wakeups(struct loop *loop, int fd, loop_fn run, void *context,
		     struct loop_source **out);
int loop_add_signal(struct loop *loop, int number, loop_fn run, void *context,
		    struct loop_source **out);
/* Fires every `period_ns`. */
int loop_add_timer(struct loop *loop, uint64_t period_ns, loop_fn run, void *context,
		   struct loop_source **out);
/* Fires once after each loop_alarm_set(); made unset. */
int loop_add_alarm(struct loop *loop, loop_fn run, void *context, struct loop_source **out);
/* Replaces what was set. */
void loop_alarm_set(struct loop_source *alarm, uint64_t delay_ns);
/* Sets it unless it is set already. */
void loop_alarm_need(struct loop_source *alarm, uint64_t delay_ns);

/* Accepts NULL. */
void loop_source_free(struct loop_source *source);

#endif
