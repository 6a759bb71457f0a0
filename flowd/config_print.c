/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The settings as text: a commented configuration file, and the part of --help. */
#include "flowd/config.h"

#include <string.h>

/* As a YAML scalar in double quotes where a plain one could be misread. */
void config_print_text(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_/.+-:";

	if (*text && strspn(text, plain) == strlen(text) && *text != '-' && *text != ':' &&
	    !strstr(text, ": ") && text[strlen(text) - 1] != ':') {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\')
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void config_print_globs(FILE *out, const struct config_globs *globs)
{
	fputc('[', out);
	for (size_t i = 0; i < globs->count; i++) {
		fputs(i ? ", " : "", out);
		config_print_text(out, globs->glob[i]);
	}
	fputc(']', out);
}

static void config_print_by_glob(FILE *out, const struct config_by_glob *list,
				 const struct option *option)
{
	fputc('{', out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ", " : "", out);
		config_print_text(out, list->rule[i].glob);
		if (option->names)
			fprintf(out, ": %s", option->names[list->rule[i].value]);
		else
			fprintf(out, ": %u", list->rule[i].value);
	}
	fputc('}', out);
}

static void config_print_ports(FILE *out, const struct config_ports *ports)
{
	fputc('[', out);
	for (unsigned int i = 0; i < ports->count; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports->port[i]);
	fputc(']', out);
}

void config_print_value(FILE *out, const void *base, const struct option *option)
{
	const void *place = (const char *)base + option->offset;
	const char *text;
	char number[64];

	if (option->type == OPTION_GLOBS) {
		config_print_globs(out, place);
	} else if (option->type == OPTION_BY_GLOB) {
		config_print_by_glob(out, place, option);
	} else if (option->type == OPTION_PORTS) {
		config_print_ports(out, place);
	} else if (option_is_number(option)) {
		option_format_number(option, *(const uint64_t *)place, number, sizeof(number));
		fputs(number, out);
	} else {
		text = *(const char *const *)place;
		config_print_text(out, text ? text : "");
	}
}

static void config_print_comment(FILE *out, const char *indent, const struct option *option)
{
	char range[128];

	option_format_range(option, range, sizeof(range));
	fprintf(out, "%s# %s", indent, option->help);
	if (option->high || option->type == OPTION_SWITCH || option->type == OPTION_NAME)
		fprintf(out, " (%s)", range);
	fputc('\n', out);
}

static void config_print_listen(FILE *out, const struct config *config)
{
	size_t count;
	const struct option *rows = config_listen_rows(&count);

	fputs("  # remote entrances: a list of {query, events, cert, key, ca}\n  listen:", out);
	fputs(config->bus.listen_count ? "\n" : " []\n", out);
	for (size_t i = 0; i < config->bus.listen_count; i++) {
		for (size_t j = 0; j < count; j++) {
			fprintf(out, "    %s %s: ", j ? " " : "-", rows[j].key);
			config_print_value(out, &config->bus.listen[i], &rows[j]);
			fputc('\n', out);
		}
	}
}

/* Length of the section's name with its dot; 0 for a key of the top. */
static size_t config_print_section(const char *key)
{
	const char *dot = strchr(key, '.');

	return dot ? (size_t)(dot + 1 - key) : 0;
}

void config_print(const struct config *config, FILE *out)
{
	const char *section = "";
	size_t count, length = 0;
	const struct option *rows = config_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (!length || strncmp(rows[i].key, section, length)) {
			section = rows[i].key;
			length = config_print_section(section);
			if (length)
				fprintf(out, "%.*s:\n", (int)length - 1, section);
		}
		config_print_comment(out, length ? "  " : "", &rows[i]);
		fprintf(out, "%s%s: ", length ? "  " : "", rows[i].key + length);
		config_print_value(out, config, &rows[i]);
		fputc('\n', out);
		if (!strcmp(rows[i].key, "bus.insecure_tcp"))
			config_print_listen(out, config);
		if (!strcmp(rows[i].key, "filter.default"))
			config_filter_print(config, out);
		if (!strcmp(rows[i].key, "metrics.push_key"))
			config_export_print(config, out);
	}
}

void config_print_help_row(FILE *out, const char *prefix, const struct option *option)
{
	char range[128];

	option_format_range(option, range, sizeof(range));
	fprintf(out, "  %s%s\n        %s", prefix, option->key, option->help);
	if (*range && (option->high || option->names || option->type == OPTION_SWITCH))
		fprintf(out, " (%s)", range);
	if (option->standard)
		fprintf(out, " [%s]", option->standard);
	fputc('\n', out);
}

void config_print_help(FILE *out)
{
	size_t count;
	const struct option *rows = config_rows(&count);

	for (size_t i = 0; i < count; i++)
		config_print_help_row(out, "", &rows[i]);
	config_filter_print_help(out);
	rows = config_listen_rows(&count);
	for (size_t i = 0; i < count; i++)
		config_print_help_row(out, "bus.listen.N.", &rows[i]);
	config_export_print_help(out);
}
