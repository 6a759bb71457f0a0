/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/listing.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flowcli/connection.h"
#include "flowcli/output.h"
#include "flowcli/terminal.h"
#include "proto/json.h"

#define LISTING_CELL  1024
#define LISTING_GAP   3
#define LISTING_ID    12 /* digits of an id that a table shows */
#define LISTING_EMPTY "-"

static const char *format = "table";
static const char *const formats[] = { "table", "json", NULL };
static const struct option_row rows[] = { { .name = "output",
					    .letter = 'o',
					    .kind = OPTION_CHOICE,
					    .argument = "FORMAT",
					    .variable = &format,
					    .choices = formats,
					    .help = "format" },
					  { 0 } };
const struct option_group listing_options = { "Output", rows };

/* ---- table ---------------------------------------------------------------------------------- */

static const char *header(const char *column, char text[LISTING_CELL])
{
	size_t i = 0;

	for (; column[i] && i < LISTING_CELL - 1; i++)
		text[i] = column[i] == '_' ? '/' : (char)toupper((unsigned char)column[i]);
	text[i] = '\0';
	return text;
}

static const char *cell(const struct listing *listing, size_t row, size_t column,
			char text[LISTING_CELL])
{
	const char *value = listing_cell(listing, row, column);

	if (!*value)
		return LISTING_EMPTY;
	terminal_escape(value, text, LISTING_CELL);
	if (!strcmp(listing->columns[column], "id") && strlen(text) > LISTING_ID)
		text[LISTING_ID] = '\0';
	return text;
}

static void write_cell(struct output *output, const char *text, size_t width, bool last)
{
	output_text(output, text);
	if (!last)
		output_print(output, "%*s", (int)(width - terminal_width(text)) + LISTING_GAP, "");
}

static size_t width_of(const struct listing *listing, size_t column)
{
	char text[LISTING_CELL];
	size_t width = terminal_width(header(listing->columns[column], text));

	for (size_t row = 0; row < listing->row_count; row++) {
		size_t wanted = terminal_width(cell(listing, row, column, text));

		width = wanted > width ? wanted : width;
	}
	return width;
}

static void write_table(const struct listing *listing, struct output *output)
{
	size_t columns = listing->column_count, width[LISTING_COLUMNS_MAX];
	char text[LISTING_CELL];

	for (size_t i = 0; i < columns; i++) {
		width[i] = width_of(listing, i);
		write_cell(output, header(listing->columns[i], text), width[i], i + 1 == columns);
	}
	output_text(output, "\n");
	for (size_t row = 0; row < listing->row_count; row++) {
		for (size_t i = 0; i < columns; i++)
			write_cell(output, cell(listing, row, i, text), width[i], i + 1 == columns);
		output_text(output, "\n");
	}
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void write_string(struct output *output, const char *text)
{
	char escaped[6 * LISTING_CELL];

	json_escape(text, escaped, sizeof(escaped));
	output_print(output, "\"%s\"", escaped);
}

static void write_json(const struct listing *listing, struct output *output)
{
	for (size_t row = 0; row < listing->row_count; row++) {
		const char *before = "{";

		for (size_t i = 0; i < listing->column_count; i++) {
			if (!*listing_cell(listing, row, i))
				continue;
			output_text(output, before);
			write_string(output, listing->columns[i]);
			output_text(output, ":");
			write_string(output, listing_cell(listing, row, i));
			before = ",";
		}
		output_text(output, *before == '{' ? "{}\n" : "}\n");
	}
}

/* ---- the question --------------------------------------------------------------------------- */

static int write_listing(const struct listing *listing)
{
	struct output *output;
	char note[LISTING_CELL];
	int error = output_open(&output, STDOUT_FILENO);

	if (error) {
		fprintf(stderr, "flowcli: not enough memory\n");
		return 1;
	}
	if (!strcmp(format, "json"))
		write_json(listing, output);
	else
		write_table(listing, output);
	output_flush(output);
	output_close(output);
	if (listing->note) {
		terminal_escape(listing->note, note, sizeof(note));
		fprintf(stderr, "%s\n", note);
	}
	return 0;
}

int listing_show(const struct request *request)
{
	struct server *server;
	struct reply reply;
	char why[1024];
	int error;

	if (connection_open(&server))
		return 1;
	error = server_ask(server, request, REPLY_LISTING, connection_timeout_ms(), &reply, why,
			   sizeof(why));
	server_close(server);
	if (error) {
		fprintf(stderr, "flowcli: %s\n", why);
		return 1;
	}
	error = write_listing(&reply.listing);
	reply_fini(&reply);
	return error;
}
