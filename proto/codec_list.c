/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables of texts, and the requests for them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/codec_parts.h"

/* ---- requests ------------------------------------------------------------------------------- */

/* Into a place of fixed size; what does not fit is refused rather than cut. */
static int take_text(const char *text, char *out, size_t size, const char *what,
		     const struct reason *reason)
{
	if (strlen(text) >= size)
		return reason_set(reason, -EBADMSG, "%s: at most %zu bytes are taken", what,
				  size - 1);
	snprintf(out, size, "%s", text);
	return 0;
}

void codec_list_image(Flowd__ListQuery *image, const struct request *request)
{
	flowd__list_query__init(image);
	image->what = codec_string(request->what);
}

int codec_list_read(const Flowd__ListQuery *image, struct request *out, const struct reason *reason)
{
	out->type = REQUEST_LIST;
	return take_text(image->what, out->what, sizeof(out->what), "list", reason);
}

void codec_scope_image(Flowd__ScopeQuery *image, const struct request *request)
{
	flowd__scope_query__init(image);
	image->operation = (Flowd__ScopeQuery__Operation)request->scope.operation;
	image->kind = codec_string(request->scope.kind);
	image->name = codec_string(request->scope.name);
}

int codec_scope_read(const Flowd__ScopeQuery *image, struct request *out,
		     const struct reason *reason)
{
	struct scope_change *change = &out->scope;
	int err = take_text(image->kind, change->kind, sizeof(change->kind), "scope", reason);

	out->type = REQUEST_SCOPE;
	if ((unsigned)image->operation > SCOPE_CLEAR)
		return reason_set(reason, -EBADMSG, "scope: operation %d is not known",
				  image->operation);
	change->operation = (enum scope_operation)image->operation;
	return err ? err
		   : take_text(image->name, change->name, sizeof(change->name), "scope", reason);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void image_row(Flowd__ListRow *image, const struct listing *listing, size_t row)
{
	flowd__list_row__init(image);
	image->n_cells = listing->column_count;
	image->cells = (char **)(uintptr_t)&listing->cells[row * listing->column_count];
}

int codec_pack_listing(const struct listing *listing, struct buffer *out)
{
	struct arena *arena = codec_pack_arena();
	Flowd__Listing image;
	Flowd__Reply reply;
	int err = -ENOMEM;

	flowd__listing__init(&image);
	image.n_columns = listing->column_count;
	image.columns = (char **)(uintptr_t)listing->columns;
	image.n_rows = listing->row_count;
	image.note = codec_string(listing->note);
	if (arena)
		image.rows = codec_image_array(arena, listing->row_count, sizeof(**image.rows));
	for (size_t i = 0; image.rows && i < listing->row_count; i++)
		image_row(image.rows[i], listing, i);
	flowd__reply__init(&reply);
	reply.version = PROTO_VERSION;
	reply.body_case = FLOWD__REPLY__BODY_LISTING;
	reply.listing = &image;
	if (image.rows && !listing->failed)
		err = codec_pack_message(&reply.base, out);
	arena_close(arena);
	return err;
}

int codec_listing_read(const Flowd__Listing *image, struct listing *out, struct arena *arena,
		       const struct reason *reason)
{
	size_t columns = image->n_columns;

	if (!columns || columns > LISTING_COLUMNS_MAX)
		return reason_set(reason, -EBADMSG, "listing: 1 to %d columns are understood",
				  LISTING_COLUMNS_MAX);
	out->cells = arena_alloc(arena, (image->n_rows + 1) * columns * sizeof(*out->cells));
	if (!out->cells)
		return -ENOMEM;
	for (size_t i = 0; i < columns; i++)
		out->columns[out->column_count++] = image->columns[i];
	for (; out->row_count < image->n_rows; out->row_count++) {
		const Flowd__ListRow *row = image->rows[out->row_count];

		if (row->n_cells != columns)
			return reason_set(reason, -EBADMSG,
					  "listing: a row has %zu cells, not one for each column",
					  row->n_cells);
		for (size_t i = 0; i < columns; i++)
			out->cells[out->row_count * columns + i] = row->cells[i];
	}
	out->note = codec_text(image->note);
	return 0;
}
