/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arguments, signals, exit status; everything else is the pipeline's (read pipeline.c first). */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "flowd/base/log.h"
#include "flowd/base/notify.h"
#include "flowd/command_line.h"
#include "flowd/identity/cgroup_table.h"
#include "flowd/kernel/check.h"
#include "flowd/pipeline.h"

#define EXIT_USAGE 2
#define NICE	   -10

struct daemon {
	int argc;
	char **argv;
	struct config *config;
	struct loop *loop;
	struct pipeline *pipeline;
};

static void main_stop(void *context)
{
	struct daemon *daemon = context;

	notify_send("STOPPING=1");
	loop_stop(daemon->loop);
}

static void main_reload_from(struct daemon *daemon, struct config *fresh)
{
	char why[512], changed[512];
	enum command command;

	if (command_line_read(daemon->argc, daemon->argv, &command, fresh, why, sizeof(why))) {
		log_error("settings kept as they are: %s", why);
		return;
	}
	config_reload(daemon->config, fresh, changed, sizeof(changed));
	log_set_level((enum log_level)daemon->config->log_level);
	pipeline_reload(daemon->pipeline);
	if (*changed)
		log_warning("settings read again; these take effect after a restart: %s", changed);
	else
		log_info("settings read again");
}

static void main_reload(void *context)
{
	struct config *fresh;

	if (config_open(&fresh)) {
		log_error("settings kept as they are: no memory");
		return;
	}
	main_reload_from(context, fresh);
	config_close(fresh);
}

/*
 * The ring buffer holds some milliseconds of evictions under a flood; without priority a busy
 * machine lets us wait longer than that. Only this thread: the sockets' threads can wait. Not
 * allowed is no failure.
 */
static void main_ask_priority(void)
{
	if (setpriority(PRIO_PROCESS, 0, NICE))
		log_debug("priority stays as it is: %s", strerror(errno));
}

static int main_serve(struct daemon *daemon)
{
	struct loop_source *signals[3] = { NULL };
	int error = loop_add_signal(daemon->loop, SIGTERM, main_stop, daemon, &signals[0]);

	if (!error)
		error = loop_add_signal(daemon->loop, SIGINT, main_stop, daemon, &signals[1]);
	if (!error)
		error = loop_add_signal(daemon->loop, SIGHUP, main_reload, daemon, &signals[2]);
	if (!error)
		error = pipeline_open(&daemon->pipeline, daemon->loop, daemon->config);
	if (!error) {
		main_ask_priority();
		malloc_trim(0); /* libbpf's, for BTF and programs that are loaded now */
		notify_send("READY=1");
		error = loop_run(daemon->loop);
	}
	pipeline_close(daemon->pipeline);
	for (size_t i = 0; i < 3; i++)
		loop_source_free(signals[i]);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int main_run(struct daemon *daemon)
{
	int status = EXIT_FAILURE;

	log_set_level((enum log_level)daemon->config->log_level);
	signal(SIGPIPE, SIG_IGN);
	/* nng's threads would each grow a heap of their own, and big answers would stay in it. */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	if (!loop_open(&daemon->loop))
		status = main_serve(daemon);
	else
		log_error("cannot make an event loop");
	loop_close(daemon->loop);
	return status;
}

static int main_check(const struct config *config)
{
	const char *host_root = config->identity.host_root ? config->identity.host_root : "";
	char cgroup_root[PATH_MAX];
	struct check_options options = { .btf_path = config->btf };

	if (!cgroup_table_root(host_root, cgroup_root, sizeof(cgroup_root)))
		options.cgroup_root = cgroup_root;
	return check_report(stdout, &options) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int main_do(struct daemon *daemon, enum command command)
{
	switch (command) {
	case COMMAND_RUN:
		return main_run(daemon);
	case COMMAND_CHECK:
		return main_check(daemon->config);
	case COMMAND_PRINT_CONFIG:
		config_print(daemon->config, stdout);
		return EXIT_SUCCESS;
	case COMMAND_VERSION:
		printf("flowd %s\n", FLOWD_VERSION);
		return EXIT_SUCCESS;
	case COMMAND_HELP:
		command_line_help(stdout);
		return EXIT_SUCCESS;
	}
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct daemon daemon = { .argc = argc, .argv = argv };
	enum command command;
	char why[512];
	int status = EXIT_USAGE;

	if (config_open(&daemon.config)) {
		log_error("no memory");
		return EXIT_FAILURE;
	}
	if (command_line_read(argc, argv, &command, daemon.config, why, sizeof(why)))
		log_error("%s", why);
	else
		status = main_do(&daemon, command);
	config_close(daemon.config);
	return status;
}
