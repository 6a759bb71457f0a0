/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What others write and identity reads: paths of cgroups, names of logs, proc files, answers of
 * engines, objects of Kubernetes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/identity/cgroup_grammar.h"
#include "flowd/identity/container_logs.h"
#include "flowd/identity/engine_answer.h"
#include "flowd/identity/json_file.h"
#include "flowd/identity/kube_object.h"
#include "flowd/identity/netns_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_lines(char *text)
{
	struct netns_trie trie = { .leaf = 0 };
	uint8_t address[16];
	char *state;

	for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		netns_read_trie_line(&trie, line);
		if (strlen(line) > 32)
			netns_read_inet6_line(line, address);
	}
}

static void read_engines(const char *text)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct container_facts facts;

	if (!engine_answer_read(text, &facts) && facts.labels_used > sizeof(facts.labels))
		abort();
	memset(&facts, 0, sizeof(facts));
	container_log_name(text, id, &facts);
	pod_log_name(text, "7c1e3a52-aaaa-4bbb-8ccc-0123456789ab", &facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct cgroup_name name;
	struct json_object *json;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	cgroup_grammar_parse(text, &name);
	json = json_tokener_parse(text);
	for (int kind = 0; kind < KUBE_KIND_COUNT; kind++)
		kube_object_free(kube_object_read(kind, json));
	json_object_put(json);
	read_engines(text);
	read_lines(text);
	free(text);
	return 0;
}
