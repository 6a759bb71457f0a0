/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/inventory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flowd/identity/kube_source.h"
#include "flowd/identity/local_source.h"
#include "flowd/identity/netns_table.h"
#include "proto/address.h"
#include "proto/time.h"

#define INVENTORY_TEXT 1024

static const char identity_off[] = "identity.enabled is false";

/* One table in the making. */
struct inventory {
	const struct inventory_sources *sources;
	struct local *local; /* NULL: identity is off */
	struct kube *kube;   /* NULL: no API server */
	struct listing *out;
	uint32_t netns; /* of what is being joined */
	char text[INVENTORY_TEXT];
};

/* "a, b": what does not fit ends in "...". */
static void inventory_join(char text[INVENTORY_TEXT], const char *more)
{
	size_t used = strlen(text);

	if (used + strlen(more) + sizeof(", , ...") < INVENTORY_TEXT)
		snprintf(text + used, INVENTORY_TEXT - used, "%s%s", used ? ", " : "", more);
	else if (used < 3 || strcmp(text + used - 3, "..."))
		snprintf(text + used, INVENTORY_TEXT - used, ", ...");
}

static void inventory_join_address(void *context, const uint8_t address[16])
{
	struct inventory *inventory = context;
	char text[ADDRESS_TEXT_MAX];

	*address_write(text, address, address_is_mapped(address)) = '\0';
	inventory_join(inventory->text, text);
}

static const char *inventory_pod_of(const struct inventory *inventory, const char *uid)
{
	return inventory->kube && *uid && kube_store_by_uid(kube_objects(inventory->kube), uid)
		       ? uid
		       : NULL;
}

/* ---- containers ----------------------------------------------------------------------------- */

static const char *const container_columns[] = { "name",  "id",	    "runtime", "image",
						 "pod",	  "cgroup", "netns",   "pid",
						 "state", "why",    NULL };

static const char *inventory_container_why(const struct cgroup_entry *entry)
{
	if (!entry->known)
		return "no engine's files tell of it";
	return *entry->facts->name ? NULL : "the engine's files give no name";
}

static void inventory_add_container(void *context, const struct cgroup_entry *entry)
{
	struct inventory *inventory = context;
	const struct container_facts *facts = entry->facts;
	uint32_t process, space;
	char pod[2 * ENDPOINT_TEXT_MAX + 3], netns[16] = "", pid[16] = "";

	if (!facts || (!*facts->id && !*facts->name) || entry->name.monitor)
		return;
	process = entry->gone_ns ? 0 : cgroup_table_process(local_cgroups(inventory->local), entry);
	space = process ? netns_table_of(local_spaces(inventory->local), process) : 0;
	snprintf(pod, sizeof(pod), "%s%s%s", facts->namespace, *facts->namespace ? "/" : "",
		 facts->pod);
	if (process)
		snprintf(pid, sizeof(pid), "%u", process);
	if (space)
		snprintf(netns, sizeof(netns), "%u", space);
	listing_add(inventory->out,
		    (const char *const[]){ facts->name, facts->id, facts->runtime, facts->image,
					   *facts->pod ? pod : "", entry->path, netns, pid,
					   entry->gone_ns ? "gone"
					   : process	  ? "running"
							  : "empty",
					   inventory_container_why(entry) });
}

static void inventory_containers(struct inventory *inventory)
{
	listing_begin(inventory->out, container_columns);
	if (inventory->local)
		cgroup_table_each(local_cgroups(inventory->local), inventory_add_container,
				  inventory);
	else
		inventory->out->note = identity_off;
}

/* ---- pods ----------------------------------------------------------------------------------- */

static const char *const pod_columns[] = { "namespace", "name",	      "uid",	"node", "workload",
					   "addresses", "containers", "source", "why",	NULL };

static void inventory_add_pod(void *context, const struct kube_object *object)
{
	struct inventory *inventory = context;
	char workload[2 * ENDPOINT_TEXT_MAX], addresses[INVENTORY_TEXT];

	if (object->kind != KUBE_POD)
		return;
	snprintf(workload, sizeof(workload), "%s%s%s", object->owner_kind ? object->owner_kind : "",
		 object->owner_kind ? "/" : "", object->owner_name ? object->owner_name : "");
	*inventory->text = '\0';
	for (size_t i = 0; i < object->address_count; i++)
		inventory_join_address(inventory, object->addresses[i]);
	memcpy(addresses, inventory->text, sizeof(addresses));
	*inventory->text = '\0';
	for (size_t i = 0; i < object->container_count; i++)
		inventory_join(inventory->text, object->containers[i].name);
	listing_add(inventory->out,
		    (const char *const[]){ object->namespace, object->name, object->uid,
					   object->node, workload, addresses, inventory->text,
					   "kubernetes", NULL });
}

static bool inventory_has_pod(const struct listing *out, const char *uid)
{
	for (size_t row = 0; row < out->row_count; row++)
		if (!strcmp(listing_cell(out, row, 2), uid))
			return true;
	return false;
}

/* Pods that the machine has and the API does not tell of: their containers say what there is. */
static void inventory_add_local_pod(void *context, const struct cgroup_entry *entry)
{
	struct inventory *inventory = context;
	const struct container_facts *facts = entry->facts;
	const char *uid = facts && *facts->pod_uid ? facts->pod_uid
			  : *entry->name.pod_uid   ? entry->name.pod_uid
						   : entry->name.pod_group;

	if (!*uid || entry->gone_ns || inventory_pod_of(inventory, uid) ||
	    inventory_has_pod(inventory->out, uid))
		return;
	if (!facts || !*facts->pod) { /* another of its containers may know */
		listing_add(
			inventory->out,
			(const char *const[]){ "", "", uid, inventory->sources->status->node_name,
					       "", "", facts ? facts->name : "", "cgroup",
					       inventory->kube ? "the API server does not know it"
							       : "no API server is asked" });
		return;
	}
	listing_add(inventory->out,
		    (const char *const[]){ facts->namespace, facts->pod, uid,
					   inventory->sources->status->node_name, "", "",
					   facts->sandbox ? "" : facts->name, "engine",
					   inventory->kube ? "the API server does not know it"
							   : "no API server is asked" });
}

static void inventory_pods(struct inventory *inventory)
{
	listing_begin(inventory->out, pod_columns);
	if (inventory->kube)
		kube_store_each(kube_objects(inventory->kube), inventory_add_pod, inventory);
	if (inventory->local)
		cgroup_table_each(local_cgroups(inventory->local), inventory_add_local_pod,
				  inventory);
	inventory->out->note = !inventory->local  ? identity_off
			       : !inventory->kube ? "no API server is asked "
						    "(identity.kubernetes): pods of this node, as "
						    "far as its engines tell"
						  : NULL;
}

/* ---- devices -------------------------------------------------------------------------------- */

static const char *const interface_columns[] = { "index", "name",  "kind", "mode", "counts",
						 "netns", "scope", "why",  NULL };

struct inventory_link {
	struct inventory *inventory;
	int32_t number;
};

static void inventory_try_space(void *context, const struct netns_entry *space)
{
	struct inventory_link *link = context;

	if (!space->own && !space->gone_ns && space->linked && space->number == link->number)
		link->inventory->netns = space->netns;
}

static const char *inventory_counts(uint32_t role)
{
	if (role & FLOW_DEVICE_COUNT_INGRESS)
		return role & FLOW_DEVICE_COUNT_EGRESS ? "ingress+egress" : "ingress";
	return role & FLOW_DEVICE_COUNT_EGRESS ? "egress" : "observes";
}

static void inventory_add_interface(void *context, const struct interface_info *info)
{
	struct inventory *inventory = context;
	struct inventory_link link = { inventory, info->elsewhere };
	char index[16], netns[16] = "";
	const char *why = info->note;

	inventory->netns = 0;
	if (info->elsewhere >= 0 && inventory->local)
		netns_table_each(local_spaces(inventory->local), inventory_try_space, &link);
	snprintf(index, sizeof(index), "%u", info->ifindex);
	if (inventory->netns)
		snprintf(netns, sizeof(netns), "%u", inventory->netns);
	else if (info->elsewhere >= 0 && !why)
		why = "nothing is known of the namespace of its other end";
	if (!info->wanted && !why)
		why = "interfaces.include and exclude do not choose it";
	listing_add(inventory->out,
		    (const char *const[]){ index, info->name, info->kind,
					   interfaces_mode_name(info->mode),
					   info->wanted ? inventory_counts(info->role) : "", netns,
					   info->role & FLOW_DEVICE_IN_SCOPE ? "in" : "", why });
}

static void inventory_interfaces(struct inventory *inventory)
{
	listing_begin(inventory->out, interface_columns);
	interfaces_each(inventory->sources->interfaces, inventory_add_interface, inventory);
}

/* ---- namespaces ----------------------------------------------------------------------------- */

static const char *const namespace_columns[] = { "kind",   "name", "containers", "addresses",
						 "source", "why",  NULL };

static void inventory_join_container(void *context, const struct cgroup_entry *entry)
{
	struct inventory *inventory = context;
	const struct container_facts *facts = entry->facts;
	uint32_t process;

	if (!facts || entry->gone_ns || entry->name.monitor)
		return;
	process = cgroup_table_process(local_cgroups(inventory->local), entry);
	if (process && netns_table_of(local_spaces(inventory->local), process) == inventory->netns)
		inventory_join(inventory->text, *facts->name ? facts->name : facts->id);
}

static void inventory_add_space(void *context, const struct netns_entry *space)
{
	struct inventory *inventory = context;
	char name[16], containers[INVENTORY_TEXT];

	if (space->gone_ns)
		return;
	snprintf(name, sizeof(name), "%u", space->netns);
	inventory->netns = space->netns;
	*inventory->text = '\0';
	cgroup_table_each(local_cgroups(inventory->local), inventory_join_container, inventory);
	memcpy(containers, inventory->text, sizeof(containers));
	*inventory->text = '\0';
	netns_table_each_address(local_spaces(inventory->local), space->netns,
				 inventory_join_address, inventory);
	listing_add(inventory->out,
		    (const char *const[]){ "network", name, containers, inventory->text,
					   space->own ? "the daemon's own" : "kernel",
					   *inventory->text ? NULL : "no address of it is known" });
}

static bool inventory_has_namespace(const struct listing *out, const char *name)
{
	for (size_t row = 0; row < out->row_count; row++)
		if (!strcmp(listing_cell(out, row, 0), "kubernetes") &&
		    !strcmp(listing_cell(out, row, 1), name))
			return true;
	return false;
}

static void inventory_add_namespace(void *context, const struct kube_object *object)
{
	struct inventory *inventory = context;

	if (object->kind == KUBE_NAMESPACE)
		listing_add(inventory->out, (const char *const[]){ "kubernetes", object->name, "",
								   "", "kubernetes", NULL });
}

static void inventory_add_local_namespace(void *context, const struct cgroup_entry *entry)
{
	struct inventory *inventory = context;
	const struct container_facts *facts = entry->facts;

	if (facts && *facts->namespace && !entry->gone_ns &&
	    !inventory_has_namespace(inventory->out, facts->namespace))
		listing_add(inventory->out,
			    (const char *const[]){ "kubernetes", facts->namespace, "", "", "engine",
						   inventory->kube
							   ? "the API server does not know it"
							   : "no API server is asked" });
}

static void inventory_namespaces(struct inventory *inventory)
{
	listing_begin(inventory->out, namespace_columns);
	if (inventory->kube)
		kube_store_each(kube_objects(inventory->kube), inventory_add_namespace, inventory);
	if (!inventory->local) {
		inventory->out->note = identity_off;
		return;
	}
	cgroup_table_each(local_cgroups(inventory->local), inventory_add_local_namespace,
			  inventory);
	netns_table_each(local_spaces(inventory->local), inventory_add_space, inventory);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static const char *const node_columns[] = { "name",    "status", "version",   "uptime",
					    "flows_s", "flows",	 "addresses", "labels",
					    "source",  "why",	 NULL };

static void inventory_read_node(struct inventory *inventory, const struct kube_object *node,
				char addresses[INVENTORY_TEXT], char labels[INVENTORY_TEXT])
{
	const char *label = node->labels;

	*inventory->text = *labels = '\0';
	for (size_t i = 0; i < node->address_count; i++)
		inventory_join_address(inventory, node->addresses[i]);
	memcpy(addresses, inventory->text, INVENTORY_TEXT);
	for (uint32_t i = 0; label && i < node->label_count; i++, label += strlen(label) + 1)
		inventory_join(labels, label);
}

static void inventory_add_own_node(struct inventory *inventory, const struct kube_object *node)
{
	const struct status *status = inventory->sources->status;
	char uptime[64], rate[32], flows[64], addresses[INVENTORY_TEXT] = "",
					      labels[INVENTORY_TEXT] = "";

	time_format_duration(status->uptime_ns / 1000000000ull * 1000000000ull, uptime,
			     sizeof(uptime));
	snprintf(rate, sizeof(rate), "%.2f", status->flows_rate);
	snprintf(flows, sizeof(flows), "%lu/%lu", (unsigned long)status->num_flows,
		 (unsigned long)status->max_flows);
	if (node)
		inventory_read_node(inventory, node, addresses, labels);
	listing_add(inventory->out,
		    (const char *const[]){ status->node_name, "connected", status->version, uptime,
					   rate, flows, addresses, labels,
					   node ? "flowd, kubernetes" : "flowd",
					   node		     ? NULL
					   : inventory->kube ? "the API server does not know it"
							     : "no API server is asked" });
}

static void inventory_add_node(void *context, const struct kube_object *object)
{
	struct inventory *inventory = context;
	char addresses[INVENTORY_TEXT], labels[INVENTORY_TEXT];

	if (object->kind != KUBE_NODE ||
	    !strcmp(object->name, inventory->sources->status->node_name))
		return;
	inventory_read_node(inventory, object, addresses, labels);
	listing_add(inventory->out,
		    (const char *const[]){ object->name, "", "", "", "", "", addresses, labels,
					   "kubernetes", "not asked; its own flowd tells" });
}

static void inventory_nodes(struct inventory *inventory)
{
	const char *own = inventory->sources->status->node_name;
	struct kube_store *store = inventory->kube ? kube_objects(inventory->kube) : NULL;

	listing_begin(inventory->out, node_columns);
	inventory_add_own_node(inventory,
			       store ? kube_store_by_name(store, KUBE_NODE, "", own) : NULL);
	if (store)
		kube_store_each(store, inventory_add_node, inventory);
}

/* ---- the tables ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*fill)(struct inventory *inventory);
} tables[] = { { "containers", inventory_containers },
	       { "pods", inventory_pods },
	       { "interfaces", inventory_interfaces },
	       { "namespaces", inventory_namespaces },
	       { "nodes", inventory_nodes } };

static int inventory_list(const struct inventory_sources *sources, const char *what,
			  struct listing *out, char *why, size_t why_size)
{
	struct inventory inventory = { .sources = sources,
				       .local = identification_local(sources->identification),
				       .kube = identification_kube(sources->identification),
				       .out = out };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (strcmp(tables[i].name, what))
			continue;
		tables[i].fill(&inventory);
		if (tables[i].fill != inventory_interfaces)
			listing_sort(out);
		return 0;
	}
	snprintf(why, why_size,
		 "there is no list of \"%s\"; there are containers, pods, interfaces, namespaces "
		 "and nodes",
		 what);
	return -EINVAL;
}

int inventory_answer(const struct inventory_sources *sources, const struct request *asked,
		     bool local, struct listing *out, char *why, size_t why_size)
{
	if (asked->type == REQUEST_SCOPE)
		return scope_answer(sources->scope, &asked->scope, local, out, why, why_size);
	return inventory_list(sources, asked->what, out, why, why_size);
}
