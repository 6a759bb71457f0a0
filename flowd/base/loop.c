/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/base/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

struct loop {
	struct event_base *base;
};

struct loop_source {
	struct event *event;
	loop_fn run;
	void *context;
};

int loop_open(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->base = event_base_new();
	if (!loop->base) {
		free(loop);
		return -ENOMEM;
	}
	*out = loop;
	return 0;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	event_base_free(loop->base);
	free(loop);
}

int loop_run(struct loop *loop)
{
	return event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
}

static struct timeval loop_timeval(uint64_t ns)
{
	struct timeval time = { .tv_sec = (time_t)(ns / 1000000000),
				.tv_usec = (suseconds_t)(ns % 1000000000 / 1000) };

	return time;
}

static void loop_wake(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	(void)argument;
}

void loop_turn(struct loop *loop, uint64_t wait_ns)
{
	struct timeval wait = loop_timeval(wait_ns);
	struct event *limit = event_new(loop->base, -1, 0, loop_wake, NULL);

	if (!limit)
		return;
	event_add(limit, &wait);
	event_base_loop(loop->base, EVLOOP_ONCE);
	event_free(limit);
}

static void loop_dispatch(evutil_socket_t fd, short what, void *argument)
{
	struct loop_source *source = argument;

	(void)fd;
	(void)what;
	source->run(source->context);
}

static int loop_add(struct loop *loop, int fd, short what, const struct timeval *period,
		    struct loop_source new, struct loop_source **out)
{
	struct loop_source *source = malloc(sizeof(*source));

	if (!source)
		return -ENOMEM;
	*source = new;
	source->event = event_new(loop->base, fd, what, loop_dispatch, source);
	if (!source->event) {
		free(source);
		return -ENOMEM;
	}
	if ((what || period) && event_add(source->event, period)) {
		loop_source_free(source);
		return -EINVAL;
	}
	*out = source;
	return 0;
}

int loop_add_readable(struct loop *loop, int fd, loop_fn run, void *context,
		      struct loop_source **out)
{
	return loop_add(loop, fd, EV_READ | EV_PERSIST, NULL,
			(struct loop_source){ .run = run, .context = context }, out);
}

int loop_add_wakeups(struct loop *loop, int fd, loop_fn run, void *context,
		     struct loop_source **out)
{
	return loop_add(loop, fd, EV_READ | EV_PERSIST | EV_ET, NULL,
			(struct loop_source){ .run = run, .context = context }, out);
}

int loop_add_signal(struct loop *loop, int number, loop_fn run, void *context,
		    struct loop_source **out)
{
	return loop_add(loop, number, EV_SIGNAL | EV_PERSIST, NULL,
			(struct loop_source){ .run = run, .context = context }, out);
}

int loop_add_timer(struct loop *loop, uint64_t period_ns, loop_fn run, void *context,
		   struct loop_source **out)
{
	struct timeval period = loop_timeval(period_ns);

	return loop_add(loop, -1, EV_PERSIST, &period,
			(struct loop_source){ .run = run, .context = context }, out);
}

int loop_add_alarm(struct loop *loop, loop_fn run, void *context, struct loop_source **out)
{
	return loop_add(loop, -1, 0, NULL, (struct loop_source){ .run = run, .context = context },
			out);
}

void loop_alarm_set(struct loop_source *alarm, uint64_t delay_ns)
{
	struct timeval delay = loop_timeval(delay_ns);

	event_add(alarm->event, &delay);
}

void loop_alarm_need(struct loop_source *alarm, uint64_t delay_ns)
{
	if (!event_pending(alarm->event, EV_TIMEOUT, NULL))
		loop_alarm_set(alarm, delay_ns);
}

void loop_source_free(struct loop_source *source)
{
	if (!source)
		return;
	event_free(source->event);
	free(source);
}
