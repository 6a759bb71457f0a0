/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/container_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flowd/identity/container_logs.h"
#include "flowd/identity/json_file.h"

#define CONTAINER_STATES 256 /* of runc that are looked through */

struct container_search {
	const struct container_paths *paths;
	const struct cgroup_name *name;
	const char *path; /* of the cgroup */
	struct container_facts *facts;
};

__attribute__((format(printf, 2, 3))) static struct json_object *
container_read(const struct container_search *search, const char *format, ...)
{
	char path[PATH_MAX], below[PATH_MAX / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(below, sizeof(below), format, arguments);
	va_end(arguments);
	if (strstr(below, "/../"))
		return NULL;
	if (snprintf(path, sizeof(path), "%s%s", search->paths->host_root, below) >=
	    (int)sizeof(path))
		return NULL;
	return json_file_read(path);
}

void container_facts_label(struct container_facts *facts, const char *prefix, const char *key,
			   const char *value)
{
	size_t room = sizeof(facts->labels) - facts->labels_used;
	int length;

	if (facts->label_count >= ENDPOINT_LABELS_MAX || room < 4)
		return;
	length = snprintf(facts->labels + facts->labels_used, room, "%s:%s%s%.*s", prefix, key,
			  *value ? "=" : "", ENDPOINT_TEXT_MAX, value);
	if (length < 0 || (size_t)length >= room)
		return;
	facts->labels_used += (size_t)length + 1;
	facts->label_count++;
}

/* Keys by which kubelets and engines pass on what pod it is, and where they go. */
static bool container_known_key(struct container_facts *facts, const char *key, const char *value)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} keys[] = {
		{ "io.kubernetes.pod.name", facts->pod, sizeof(facts->pod) },
		{ "io.kubernetes.cri.sandbox-name", facts->pod, sizeof(facts->pod) },
		{ "io.kubernetes.pod.namespace", facts->namespace, sizeof(facts->namespace) },
		{ "io.kubernetes.cri.sandbox-namespace", facts->namespace,
		  sizeof(facts->namespace) },
		{ "io.kubernetes.pod.uid", facts->pod_uid, sizeof(facts->pod_uid) },
		{ "io.kubernetes.cri.sandbox-uid", facts->pod_uid, sizeof(facts->pod_uid) },
		{ "io.kubernetes.container.name", facts->name, sizeof(facts->name) },
		{ "io.kubernetes.cri.container-name", facts->name, sizeof(facts->name) },
		{ "io.kubernetes.cri.image-name", facts->image, sizeof(facts->image) },
		{ "io.kubernetes.cri-o.ImageName", facts->image, sizeof(facts->image) },
		{ "nerdctl/name", facts->name, sizeof(facts->name) },
		{ "org.opencontainers.image.ref.name", facts->image, sizeof(facts->image) },
	};

	if (!strcmp(key, "io.kubernetes.cri.container-type") ||
	    !strcmp(key, "io.kubernetes.cri-o.ContainerType"))
		facts->sandbox = !strcmp(value, "sandbox");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		snprintf(keys[i].to, keys[i].size, "%s", value);
		return true;
	}
	return !strncmp(key, "io.kubernetes.", 14) || !strncmp(key, "io.container.manager", 20) ||
	       !strncmp(key, "org.systemd.", 12) || !strncmp(key, "io.podman.", 10);
}

void container_facts_labels(struct container_facts *facts, struct json_object *labels)
{
	if (!json_object_is_type(labels, json_type_object))
		return;
	json_object_object_foreach(labels, key, value)
	{
		const char *text = json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : "";

		if (!container_known_key(facts, key, text))
			container_facts_label(facts, "container", key, text);
	}
}

static void container_runtime(const struct container_search *search, const char *runtime)
{
	snprintf(search->facts->runtime, sizeof(search->facts->runtime), "%s", runtime);
}

/* ---- docker --------------------------------------------------------------------------------- */

static int container_docker(const struct container_search *search)
{
	struct container_facts *facts = search->facts;
	struct json_object *file = container_read(search, "%s/containers/%s/config.v2.json",
						  search->paths->docker, search->name->container);
	struct json_object *config = json_member(file, "Config");
	const char *name = json_member_text(file, "Name");

	if (!file)
		return -ENOENT;
	container_runtime(search, "docker");
	if (name)
		snprintf(facts->name, sizeof(facts->name), "%s", name + (*name == '/'));
	json_member_copy(config, "Image", facts->image, sizeof(facts->image));
	container_facts_labels(facts, json_member(config, "Labels"));
	json_object_put(file);
	return 0;
}

/* ---- containerd: the bundle of each task ---------------------------------------------------- */

static int container_bundle(const struct container_search *search, const char *namespace,
			    const char *id)
{
	struct container_facts *facts = search->facts;
	struct json_object *file =
		container_read(search, "%s/io.containerd.runtime.v2.task/%s/%s/config.json",
			       search->paths->containerd, namespace, id);

	if (!file)
		return -ENOENT;
	container_runtime(search, strcmp(namespace, "moby") ? "containerd" : "docker");
	snprintf(facts->id, sizeof(facts->id), "%s", id);
	container_facts_labels(facts, json_member(file, "annotations"));
	if (!*facts->name && !facts->sandbox)
		snprintf(facts->name, sizeof(facts->name), "%s", id);
	json_object_put(file);
	return 0;
}

/* "/NAMESPACE/ID", also where the grammar cannot know that they are. */
static int container_path_bundle(const struct container_search *search)
{
	char namespace[129], id[129];
	const char *last = strrchr(search->path, '/'), *first = search->path;

	for (const char *at = search->path; at < last; at++)
		if (*at == '/')
			first = at;
	if (!last || last == first || last - first > 128 || strlen(last + 1) > 128)
		return -ENOENT;
	snprintf(namespace, sizeof(namespace), "%.*s", (int)(last - first - 1), first + 1);
	snprintf(id, sizeof(id), "%s", last + 1);
	if (!*namespace || !*id || *namespace == '.' || *id == '.')
		return -ENOENT;
	return container_bundle(search, namespace, id);
}

static int container_containerd(const struct container_search *search)
{
	static const char *const namespaces[] = { "k8s.io", "default", "moby", "nerdctl" };

	for (size_t i = 0; i < sizeof(namespaces) / sizeof(*namespaces); i++)
		if (!container_bundle(search, namespaces[i], search->name->container))
			return 0;
	return -ENOENT;
}

/* ---- podman and CRI-O: containers/storage --------------------------------------------------- */

static void container_storage_name(struct container_facts *facts, struct json_object *list)
{
	size_t count =
		json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *names = json_member(entry, "names"), *metadata;
		const char *id = json_member_text(entry, "id");
		const char *text = json_member_text(entry, "metadata");

		if (!id || strcmp(id, facts->id))
			continue;
		if (!*facts->name && json_object_is_type(names, json_type_array) &&
		    json_object_array_length(names))
			snprintf(facts->name, sizeof(facts->name), "%s",
				 json_object_get_string(json_object_array_get_idx(names, 0)));
		metadata = text ? json_tokener_parse(text) : NULL;
		json_member_copy(metadata, "image-name", facts->image, sizeof(facts->image));
		json_object_put(metadata);
	}
}

static int container_storage(const struct container_search *search)
{
	struct container_facts *facts = search->facts;
	const char *store = search->paths->storage;
	struct json_object *list =
		container_read(search, "%s/overlay-containers/containers.json", store);
	struct json_object *config =
		container_read(search, "%s/overlay-containers/%s/userdata/config.json", store,
			       search->name->container);
	struct json_object *annotations = json_member(config, "annotations");
	const char *manager = json_member_text(annotations, "io.container.manager");

	if (!list && !config)
		return -ENOENT;
	container_facts_labels(facts, annotations);
	if (json_member_text(annotations, "io.kubernetes.cri-o.Labels")) {
		struct json_object *labels = json_tokener_parse(
			json_member_text(annotations, "io.kubernetes.cri-o.Labels"));

		container_facts_labels(facts, labels);
		json_object_put(labels);
	}
	if (manager)
		container_runtime(search, strcmp(manager, "cri-o") ? "podman" : "cri-o");
	container_storage_name(facts, list);
	json_object_put(list);
	json_object_put(config);
	return *facts->name || manager ? 0 : -ENOENT;
}

/* ---- runc alone ----------------------------------------------------------------------------- */

static bool container_runc_is(struct json_object *state, const char *path)
{
	struct json_object *paths = json_member(state, "cgroup_paths");

	if (!json_object_is_type(paths, json_type_object))
		return false;
	json_object_object_foreach(paths, key, value)
	{
		const char *text = json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : "";
		size_t length = strlen(text), tail = strlen(path);

		(void)key;
		if (length >= tail && !strcmp(text + length - tail, path))
			return true;
	}
	return false;
}

/* "key=value" strings. */
static void container_runc_labels(struct container_facts *facts, struct json_object *labels)
{
	size_t count =
		json_object_is_type(labels, json_type_array) ? json_object_array_length(labels) : 0;

	for (size_t i = 0; i < count; i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(labels, i));
		char key[ENDPOINT_TEXT_MAX];
		size_t length = text ? strcspn(text, "=") : 0;

		if (!length || length >= sizeof(key) || !strncmp(text, "bundle=", 7))
			continue;
		memcpy(key, text, length);
		key[length] = '\0';
		text += length + (text[length] == '=');
		if (!container_known_key(facts, key, text))
			container_facts_label(facts, "container", key, text);
	}
}

static int container_runc_one(const struct container_search *search, const char *id)
{
	struct json_object *state;
	bool found;

	if (*id == '.' || strlen(id) >= sizeof(search->facts->id))
		return -ENOENT;
	state = container_read(search, "%s/%s/state.json", search->paths->runc, id);
	found = state && container_runc_is(state, search->path);
	if (found) {
		container_runtime(search, "runc");
		if (!*search->facts->id)
			snprintf(search->facts->id, sizeof(search->facts->id), "%.128s", id);
		snprintf(search->facts->name, sizeof(search->facts->name), "%.128s", id);
		container_runc_labels(search->facts,
				      json_member(json_member(state, "config"), "labels"));
	}
	json_object_put(state);
	return found ? 0 : -ENOENT;
}

/* Its cgroups have any path: the last part is often the id, else one of the states knows. */
static int container_runc(const struct container_search *search)
{
	const char *leaf = strrchr(search->path, '/');
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *directory;
	int err = leaf && leaf[1] ? container_runc_one(search, leaf + 1) : -ENOENT;

	if (!err || !leaf || !leaf[1])
		return err;
	snprintf(path, sizeof(path), "%s%s", search->paths->host_root, search->paths->runc);
	directory = opendir(path);
	for (int i = 0; err && directory && i < CONTAINER_STATES && (entry = readdir(directory));
	     i++)
		err = container_runc_one(search, entry->d_name);
	if (directory)
		closedir(directory);
	return err;
}

/* ---- the search ----------------------------------------------------------------------------- */

/* An engine's name in the path says where to look; else everywhere, most likely first. */
static int container_search_all(const struct container_search *search)
{
	const char *runtime = search->name->runtime;
	int err = -ENOENT;

	if (*search->name->container) {
		if (!strcmp(runtime, "podman") || !strcmp(runtime, "cri-o"))
			return container_storage(search);
		err = container_docker(search);
		if (err)
			err = container_containerd(search);
		if (err)
			err = container_storage(search);
	}
	if (err)
		err = container_path_bundle(search);
	return err ? container_runc(search) : 0;
}

int container_files_read(const struct container_paths *paths, const struct cgroup_name *name,
			 const char *path, struct container_facts *facts)
{
	struct container_search search = { paths, name, path, facts };
	int err;

	memset(facts, 0, sizeof(*facts));
	snprintf(facts->runtime, sizeof(facts->runtime), "%s", name->runtime);
	snprintf(facts->id, sizeof(facts->id), "%s", name->container);
	snprintf(facts->pod_uid, sizeof(facts->pod_uid), "%s", name->pod_uid);
	if (*name->unit && !*name->container)
		return -ENOENT;
	err = container_search_all(&search);
	if (*facts->pod || (!err && !*name->pod_uid))
		return err;
	return container_logs_read(paths, facts) ? err : 0;
}
