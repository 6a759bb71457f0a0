/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/command_line.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command_line {
	struct config *config;
	enum command command;
	const char *file;		/* --config */
	bool included, excluded, moded; /* lists of the file have been replaced */
	char *why;
	size_t why_size;
};

typedef int (*command_line_fn)(struct command_line *line, const char *value);

struct flag {
	char letter; /* 0 = none */
	const char *name;
	const char *value; /* what is expected; NULL = nothing */
	command_line_fn apply;
	enum command command;
	const char *help;
};

static int command_line_glob(struct command_line *line, struct config_globs *globs, bool *begun,
			     const char *glob)
{
	if (!*begun)
		*globs = (struct config_globs){ .count = 0 };
	*begun = true;
	return config_add_glob(line->config, globs, glob, line->why, line->why_size);
}

static int command_line_interface(struct command_line *line, const char *value)
{
	return command_line_glob(line, &line->config->include, &line->included, value);
}

static int command_line_exclude(struct command_line *line, const char *value)
{
	return command_line_glob(line, &line->config->exclude, &line->excluded, value);
}

/* MODE for all devices, or GLOB=MODE. */
static int command_line_mode(struct command_line *line, const char *value)
{
	const char *equals = strrchr(value, '=');
	char glob[128] = "*";

	if (equals)
		snprintf(glob, sizeof(glob), "%.*s", (int)(equals - value), value);
	if (!line->moded)
		line->config->modes.count = 0;
	line->moded = true;
	return config_add_by_glob(line->config, config_find("interfaces.modes"), glob,
				  equals ? equals + 1 : value, line->why, line->why_size);
}

static int command_line_set(struct command_line *line, const char *value)
{
	const char *equals = strchr(value, '=');
	char key[128], what[256];
	int error;

	if (!equals) {
		snprintf(line->why, line->why_size, "write KEY=VALUE, such as %s",
			 "flow.active_timeout=5s");
		return -EINVAL;
	}
	snprintf(key, sizeof(key), "%.*s", (int)(equals - value), value);
	error = config_set(line->config, key, equals + 1, what, sizeof(what));
	if (error)
		snprintf(line->why, line->why_size, "%s: %s", key, what);
	return error;
}

static int command_line_run_dir(struct command_line *line, const char *value)
{
	char url[PATH_MAX];
	int error;

	snprintf(url, sizeof(url), "ipc://%s/flowd.sock", value);
	error = config_set(line->config, "bus.query", url, line->why, line->why_size);
	if (error)
		return error;
	snprintf(url, sizeof(url), "ipc://%s/events.sock", value);
	return config_set(line->config, "bus.events", url, line->why, line->why_size);
}

static const struct flag flags[] = {
	{ 'c', "config", "FILE", NULL, COMMAND_RUN, "configuration file [" CONFIG_FILE "]" },
	{ 'i', "interface", "GLOB", command_line_interface, COMMAND_RUN,
	  "watch these devices; repeatable [all but lo]" },
	{ 0, "include", "GLOB", command_line_interface, COMMAND_RUN, "the same as --interface" },
	{ 'x', "exclude", "GLOB", command_line_exclude, COMMAND_RUN,
	  "leave these devices alone; repeatable" },
	{ 'm', "mode", "[GLOB=]MODE", command_line_mode, COMMAND_RUN,
	  "auto, tc, xdp or xdp-generic; repeatable, first match" },
	{ 0, "run-dir", "DIR", command_line_run_dir, COMMAND_RUN,
	  "directory of the local sockets [/run/flowd]" },
	{ 's', "set", "KEY=VALUE", command_line_set, COMMAND_RUN, "any setting below; repeatable" },
	{ 0, "check", NULL, NULL, COMMAND_CHECK, "tell what this kernel can do, and exit" },
	{ 0, "print-config", NULL, NULL, COMMAND_PRINT_CONFIG,
	  "print the settings that would be used, and exit" },
	{ 'V', "version", NULL, NULL, COMMAND_VERSION, "print the version, and exit" },
	{ 'h', "help", NULL, NULL, COMMAND_HELP, "print this text, and exit" },
};
#define FLAGS (sizeof(flags) / sizeof(flags[0]))

/* The flag that an argument begins, and where its value begins in the same argument, or NULL. */
static const struct flag *command_line_flag(const char *argument, const char **value)
{
	*value = NULL;
	for (size_t i = 0; i < FLAGS; i++) {
		size_t length = strlen(flags[i].name);

		if (!strncmp(argument, "--", 2) && !strncmp(argument + 2, flags[i].name, length) &&
		    (!argument[2 + length] || argument[2 + length] == '=')) {
			*value = argument[2 + length] ? argument + 3 + length : NULL;
			return &flags[i];
		}
		if (flags[i].letter && argument[0] == '-' && argument[1] == flags[i].letter) {
			*value = argument[2] ? argument + 2 : NULL;
			return &flags[i];
		}
	}
	return NULL;
}

static int command_line_refuse(struct command_line *line, const char *argument, const char *what)
{
	snprintf(line->why, line->why_size, "%s: %s", argument, what);
	return -EINVAL;
}

static int command_line_apply(struct command_line *line, const struct flag *flag, const char *value)
{
	char what[512];
	int error;

	if (!flag->apply)
		return 0;
	error = flag->apply(line, value);
	if (error) {
		snprintf(what, sizeof(what), "%s", line->why);
		snprintf(line->why, line->why_size, "--%s %s: %s", flag->name, value, what);
	}
	return error;
}

/* Walks the arguments; with `apply` false only the command and --config are looked for. */
static int command_line_walk(struct command_line *line, int argc, char **argv, bool apply)
{
	int error = 0;

	for (int i = 1; i < argc && !error; i++) {
		const char *argument = argv[i], *value;
		const struct flag *flag = command_line_flag(argument, &value);

		if (!flag)
			return command_line_refuse(line, argument,
						   "there is no such option; see flowd --help");
		if (flag->value && !value && !argv[i + 1])
			return command_line_refuse(line, argument, "a value must follow");
		if (!flag->value && value)
			return command_line_refuse(line, argument, "takes no value");
		if (flag->value && !value)
			value = argv[++i];
		if (flag->letter == 'c')
			line->file = value;
		if (flag->command != COMMAND_RUN)
			line->command = flag->command;
		if (apply)
			error = command_line_apply(line, flag, value);
	}
	return error;
}

static int command_line_file(struct command_line *line)
{
	if (!line->file && access(CONFIG_FILE, F_OK) && errno == ENOENT)
		return 0;
	return config_read(line->config, line->file ? line->file : CONFIG_FILE, line->why,
			   line->why_size);
}

int command_line_read(int argc, char **argv, enum command *command, struct config *config,
		      char *why, size_t why_size)
{
	struct command_line line = { .config = config, .why = why, .why_size = why_size };
	int error = command_line_walk(&line, argc, argv, false);

	*command = line.command;
	if (!error && (line.command == COMMAND_HELP || line.command == COMMAND_VERSION))
		return 0;
	if (!error)
		error = command_line_file(&line);
	if (!error)
		error = command_line_walk(&line, argc, argv, true);
	if (!error)
		error = config_finish(config, why, why_size);
	return error;
}

static void command_line_help_flag(FILE *out, const struct flag *flag)
{
	char text[64], letter[8] = "    ";

	if (flag->letter)
		snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
	snprintf(text, sizeof(text), "%s--%s%s%s", letter, flag->name, flag->value ? " " : "",
		 flag->value ? flag->value : "");
	fprintf(out, "  %-28s %s\n", text, flag->help);
}

void command_line_help(FILE *out)
{
	fputs("usage: flowd [OPTION...]\n"
	      "Counts every packet of this machine into flows and serves them to flowcli.\n\n",
	      out);
	for (size_t i = 0; i < FLAGS; i++)
		command_line_help_flag(out, &flags[i]);
	fputs("\nexamples:\n"
	      "  flowd                                  watch all devices but lo\n"
	      "  flowd -i 'veth*' -x veth9              some of them\n"
	      "  flowd -m eth0=xdp -s flow.active_timeout=5s\n"
	      "  flowd --print-config >/etc/flowd/flowd.yaml\n"
	      "  flowd --check                          what works on this kernel\n"
	      "\nsettings, for --set KEY=VALUE and the configuration file:\n",
	      out);
	config_print_help(out);
	fputs("\nMore in flowd(8) and flowd.conf(5).\n", out);
}
