/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/engine_answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flowd/identity/json_file.h"

int engine_answer_read(const char *text, struct container_facts *facts)
{
	struct json_object *answer = json_tokener_parse(text);
	struct json_object *config = json_member(answer, "Config");
	const char *id = json_member_text(answer, "Id");
	const char *name = json_member_text(answer, "Name");
	int err = id && name ? 0 : -EINVAL;

	memset(facts, 0, sizeof(*facts));
	if (!err) {
		snprintf(facts->id, sizeof(facts->id), "%s", id);
		snprintf(facts->name, sizeof(facts->name), "%s", name + (*name == '/'));
		json_member_copy(config, "Image", facts->image, sizeof(facts->image));
		container_facts_labels(facts, json_member(config, "Labels"));
	}
	json_object_put(answer);
	return err;
}
