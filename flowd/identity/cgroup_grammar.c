/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/cgroup_grammar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_MAX 256

/* "PREFIX-ID.scope" and "PREFIX-ID": who names cgroups so. Longer prefixes first. */
static const struct {
	const char *prefix, *runtime;
	bool monitor;
} scopes[] = {
	{ "cri-containerd-", "containerd", false },
	{ "crio-conmon-", "cri-o", true },
	{ "crio-", "cri-o", false },
	{ "libpod-conmon-", "podman", true },
	{ "libpod-payload-", "podman", false },
	{ "libpod-", "podman", false },
	{ "docker-", "docker", false },
	{ "nerdctl-", "containerd", false },
	{ "containerd-", "containerd", false },
	{ "buildkit-", "buildkit", false },
};

/* "PARENT/ID": directories whose children are containers. */
static const struct {
	const char *parent, *runtime;
	bool hex; /* only if the child is an id of 64 hexadecimal digits */
} parents[] = {
	{ "docker", "docker", true },	  { "moby", "docker", true },
	{ "k8s.io", "containerd", true }, { "buildkit", "buildkit", false },
	{ "lxc", "lxc", false },	  { "lxc.payload", "lxc", false },
	{ "garden", "garden", false },	  { "mesos", "mesos", false },
};

struct cgroup_walk {
	struct cgroup_name *name;
	char parent[SEGMENT_MAX];
	bool kube; /* below kubepods */
	bool ecs;
};

static bool grammar_is_hex(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static bool grammar_is_id(const char *text)
{
	return strlen(text) == 64 && grammar_is_hex(text, 64);
}

static bool grammar_ends(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length > tail && !strcmp(text + length - tail, end);
}

/* Undoes systemd's \x2d in place. */
static void grammar_unescape(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
		    isxdigit((unsigned char)text[3])) {
			char digits[3] = { text[2], text[3], '\0' };

			*out++ = (char)strtoul(digits, NULL, 16);
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

static void grammar_container(struct cgroup_walk *walk, const char *runtime, const char *id,
			      bool monitor)
{
	snprintf(walk->name->runtime, sizeof(walk->name->runtime), "%s", runtime);
	snprintf(walk->name->container, sizeof(walk->name->container), "%.128s", id);
	walk->name->monitor = monitor;
	walk->name->unit[0] = '\0';
}

/* Up to 64 hexadecimal digits at least 12 long, as engines give ids. */
static bool grammar_looks_like_id(const char *text)
{
	size_t length = strlen(text);

	return length >= 12 && length <= 64 && grammar_is_hex(text, length);
}

static bool grammar_scope(struct cgroup_walk *walk, const char *segment)
{
	char id[SEGMENT_MAX];

	for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		size_t length = strlen(scopes[i].prefix);

		if (strncmp(segment, scopes[i].prefix, length))
			continue;
		snprintf(id, sizeof(id), "%s", segment + length);
		if (grammar_ends(id, ".scope"))
			id[strlen(id) - strlen(".scope")] = '\0';
		if (!grammar_looks_like_id(id))
			continue;
		grammar_container(walk, scopes[i].runtime, id, scopes[i].monitor);
		return true;
	}
	return false;
}

/* "podUID" or "...-podUID.slice"; in the latter dashes are underscores. */
static bool grammar_pod(struct cgroup_walk *walk, const char *segment)
{
	const char *pod = strstr(segment, "-pod");
	char uid[SEGMENT_MAX];
	size_t length;

	if (grammar_ends(segment, ".slice") && pod)
		snprintf(uid, sizeof(uid), "%.*s", (int)(strlen(pod + 4) - strlen(".slice")),
			 pod + 4);
	else if (!strncmp(segment, "pod", 3) && walk->kube)
		snprintf(uid, sizeof(uid), "%s", segment + 3);
	else
		return false;
	length = strlen(uid);
	if (length < 32 || length >= sizeof(walk->name->pod_uid))
		return false;
	for (size_t i = 0; i < length; i++)
		if (uid[i] == '_')
			uid[i] = '-';
	for (size_t i = 0; i < length; i++)
		if (uid[i] != '-' && !isxdigit((unsigned char)uid[i]))
			return false;
	memcpy(walk->name->pod_uid, uid, length + 1);
	walk->kube = true;
	return true;
}

static bool grammar_child(struct cgroup_walk *walk, const char *segment)
{
	for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++) {
		if (strcmp(walk->parent, parents[i].parent) ||
		    (parents[i].hex && !grammar_is_id(segment)))
			continue;
		grammar_container(walk, parents[i].runtime, segment, false);
		return true;
	}
	return false;
}

/* systemd's machines: nspawn containers, and virtual machines of libvirt. */
static bool grammar_machine(struct cgroup_walk *walk, const char *segment)
{
	char name[SEGMENT_MAX];
	const char *runtime = "nspawn";

	if (!strncmp(segment, "machine-", 8) && grammar_ends(segment, ".scope"))
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(segment) - 14), segment + 8);
	else if (!strncmp(segment, "systemd-nspawn@", 15) && grammar_ends(segment, ".service"))
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(segment) - 23), segment + 15);
	else
		return false;
	grammar_unescape(name);
	if (!strncmp(name, "qemu-", 5) || !strncmp(name, "lxc-", 4))
		runtime = "libvirt";
	grammar_container(walk, runtime, name, false);
	return true;
}

static bool grammar_lxc(struct cgroup_walk *walk, const char *segment)
{
	bool monitor = !strncmp(segment, "lxc.monitor.", 12);

	if (strncmp(segment, "lxc.payload.", 12) && !monitor)
		return false;
	grammar_container(walk, "lxc", segment + 12, monitor);
	return true;
}

/* "nomad.slice/share.slice/ALLOCATION.TASK.scope" */
static bool grammar_nomad(struct cgroup_walk *walk, const char *segment)
{
	const char *dot = strchr(segment, '.');
	char task[SEGMENT_MAX];

	if (strncmp(walk->parent, "nomad", 5) && strcmp(walk->parent, "share.slice") &&
	    strcmp(walk->parent, "reserve.slice"))
		return false;
	if (!dot || dot - segment != 36 || !grammar_ends(segment, ".scope"))
		return false;
	snprintf(task, sizeof(task), "%.*s", (int)(strlen(dot + 1) - strlen(".scope")), dot + 1);
	grammar_container(walk, "nomad", task, false);
	snprintf(walk->name->pod_group, sizeof(walk->name->pod_group), "%.36s", segment);
	return true;
}

/* A bare id: below kubepods, in an ECS task, in a podman pod's directory. */
static bool grammar_bare_id(struct cgroup_walk *walk, const char *segment)
{
	if (!grammar_is_id(segment))
		return false;
	if (walk->kube)
		grammar_container(walk, "cri", segment, false);
	else if (walk->ecs)
		grammar_container(walk, "docker", segment, false);
	else if (!strcmp(walk->parent, "libpod_parent"))
		snprintf(walk->name->pod_group, sizeof(walk->name->pod_group), "%s", segment);
	else
		grammar_container(walk, "oci", segment, false);
	return true;
}

static bool grammar_group(struct cgroup_walk *walk, const char *segment)
{
	static const char podman[] = "machine-libpod_pod_";

	if (!strncmp(segment, podman, strlen(podman)) && grammar_ends(segment, ".slice")) {
		snprintf(walk->name->pod_group, sizeof(walk->name->pod_group), "%.*s",
			 (int)(strlen(segment) - strlen(podman) - strlen(".slice")),
			 segment + strlen(podman));
		return true;
	}
	if (walk->ecs && !strcmp(walk->parent, "ecs")) {
		snprintf(walk->name->pod_group, sizeof(walk->name->pod_group), "%.128s", segment);
		return true;
	}
	return false;
}

static void grammar_unit(struct cgroup_walk *walk, const char *segment)
{
	static const char *const kinds[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!grammar_ends(segment, kinds[i]))
			continue;
		snprintf(walk->name->unit, sizeof(walk->name->unit), "%s", segment);
		grammar_unescape(walk->name->unit);
	}
}

/* "SLICE:PREFIX:ID", what an engine makes whose driver is not the kubelet's. */
static bool grammar_triple(struct cgroup_walk *walk, const char *segment)
{
	const char *prefix = strchr(segment, ':');
	const char *id = prefix ? strchr(prefix + 1, ':') : NULL;
	char part[SEGMENT_MAX];

	if (!id || !grammar_looks_like_id(id + 1))
		return false;
	snprintf(part, sizeof(part), "%.*s", (int)(prefix - segment), segment);
	grammar_pod(walk, part);
	snprintf(part, sizeof(part), "%.*s-%.64s.scope", (int)(id - prefix - 1), prefix + 1,
		 id + 1);
	return grammar_scope(walk, part);
}

static void grammar_segment(struct cgroup_walk *walk, const char *segment)
{
	if (!strncmp(segment, "kubepods", 8) || strstr(segment, "-kubepods"))
		walk->kube = true;
	if (!strcmp(segment, "ecs"))
		walk->ecs = true;
	if (!grammar_triple(walk, segment) && !grammar_pod(walk, segment) &&
	    !grammar_group(walk, segment) && !grammar_scope(walk, segment) &&
	    !grammar_machine(walk, segment) && !grammar_lxc(walk, segment) &&
	    !grammar_nomad(walk, segment) && !grammar_child(walk, segment) &&
	    !grammar_bare_id(walk, segment))
		grammar_unit(walk, segment);
	snprintf(walk->parent, sizeof(walk->parent), "%s", segment);
}

void cgroup_grammar_parse(const char *path, struct cgroup_name *name)
{
	struct cgroup_walk walk = { .name = name };
	char segment[SEGMENT_MAX];

	memset(name, 0, sizeof(*name));
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length && length < sizeof(segment)) {
			memcpy(segment, path, length);
			segment[length] = '\0';
			grammar_segment(&walk, segment);
		}
		path += length + (path[length] == '/');
	}
}
