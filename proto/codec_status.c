/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of a status that are lists of their own. */
#include "proto/codec_parts.h"

/* Numbers of both structures, by name. */
#define EXPORTER_NUMBERS(X) \
	X(received)         \
	X(sent)             \
	X(acknowledged) X(retried) X(spooled) X(spooled_bytes) X(lost) X(waiting) X(failures)

Flowd__ExporterStatus **codec_exporters_image(const struct status *status, struct arena *arena)
{
	Flowd__ExporterStatus **list =
		codec_image_array(arena, status->exporter_count, sizeof(**list));

	for (size_t i = 0; list && i < status->exporter_count; i++) {
		const struct exporter_status *exporter = &status->exporters[i];

		flowd__exporter_status__init(list[i]);
		list[i]->name = codec_string(exporter->name);
		list[i]->kind = codec_string(exporter->kind);
		list[i]->failing = exporter->failing;
		list[i]->why = codec_string(exporter->why);
#define SET(name) list[i]->name = exporter->name;
		EXPORTER_NUMBERS(SET)
#undef SET
	}
	return list;
}

bool codec_exporters_read(const Flowd__Status *image, struct status *out, struct arena *arena)
{
	struct exporter_status *list = arena_alloc(arena, image->n_exporters * sizeof(*list));

	for (size_t i = 0; list && i < image->n_exporters; i++) {
		const Flowd__ExporterStatus *exporter = image->exporters[i];

		list[i] = (struct exporter_status){ .name = exporter->name,
						    .kind = exporter->kind,
						    .failing = exporter->failing,
						    .why = exporter->why };
#define SET(name) list[i].name = exporter->name;
		EXPORTER_NUMBERS(SET)
#undef SET
	}
	out->exporters = list;
	out->exporter_count = list ? image->n_exporters : 0;
	return list;
}
