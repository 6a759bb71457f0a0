/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/interfaces.h"

#include <errno.h>
#include <fnmatch.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/log.h"
#include "flowd/kernel/attach.h"
#include "flowd/kernel/device_table.h"
#include "flowd/kernel/link_watch.h"
#include "flowd/kernel/roles.h"

struct interfaces {
	struct datapath *datapath;
	struct interfaces_options options;
	struct link_watch *watch;
	struct device_table table;
	uint32_t sweep;
	bool busy;	/* another flowd holds a device */
	int32_t *scope; /* namespaces */
	size_t scope_count;
	uint32_t thrift; /* a factor on sampling; 0 = 1 */
};

/* ---- choice --------------------------------------------------------------------------------- */

static bool interfaces_match(const char *const *globs, const char *name)
{
	for (; globs && *globs; globs++)
		if (!fnmatch(*globs, name, 0))
			return true;
	return false;
}

static bool interfaces_wants(const struct interfaces *interfaces, const struct device *device)
{
	const char *const *include = interfaces->options.include;

	if (interfaces_match(interfaces->options.exclude, device->name))
		return false;
	if (include && *include)
		return interfaces_match(include, device->name);
	return device->link_type != ARPHRD_LOOPBACK;
}

static unsigned int interfaces_rule(const struct interface_rule *rule, const char *name,
				    unsigned int otherwise)
{
	for (; rule && rule->glob; rule++)
		if (!fnmatch(rule->glob, name, 0))
			return rule->value;
	return otherwise;
}

static enum attach_mode interfaces_mode(const struct interfaces *interfaces, const char *name)
{
	return (enum attach_mode)interfaces_rule(interfaces->options.rules, name, ATTACH_AUTO);
}

static uint16_t interfaces_sampling(const struct interfaces *interfaces, const char *name)
{
	const struct interfaces_options *options = &interfaces->options;
	uint64_t rate = interfaces_rule(options->sampling, name, options->sampling_rate);

	rate = (rate ? rate : 1) * (interfaces->thrift ? interfaces->thrift : 1);
	return rate < UINT16_MAX ? (uint16_t)rate : UINT16_MAX;
}

/* ---- attachment of one device --------------------------------------------------------------- */

static void interfaces_detach(struct device *device)
{
	if (device->attachment)
		log_info("%s: detached", device->name);
	attach_close(device->attachment);
	device->attachment = NULL;
}

/* The name decides; a renamed device may change its lot. */
static void interfaces_choose(const struct interfaces *interfaces, struct device *device)
{
	bool wanted = interfaces_wants(interfaces, device);
	enum attach_mode mode = interfaces_mode(interfaces, device->name);

	if (wanted == device->wanted && mode == device->mode)
		return;
	interfaces_detach(device);
	device->wanted = wanted;
	device->mode = mode;
	device->refused = wanted && !roles_link_type_supported(device->link_type);
	device->note[0] = '\0';
	if (!device->refused)
		return;
	snprintf(device->note, sizeof(device->note), "link type %u is not supported",
		 device->link_type);
	log_info("%s: not attached: %s", device->name, device->note);
}

static void interfaces_refuse(struct interfaces *interfaces, struct device *device, int err)
{
	device->refused = true;
	if (err == -ENODEV) { /* gone already; its RTM_DELLINK is on the way */
		log_debug("%s: gone before it was attached", device->name);
		return;
	}
	if (err == -EBUSY)
		interfaces->busy = true;
	log_error("%s: not attached: %s; %s", device->name,
		  device->note[0] ? device->note : strerror(-err),
		  err == -EBUSY ? "stop that one, or exclude the interface in one of them"
				: "see `flowd --check`");
}

/* XDP sees packets before they have a socket. */
static void interfaces_warn_of_cgroups(const struct interfaces *interfaces,
				       const struct device *device)
{
	enum attached_mode mode =
		device->attachment ? attach_mode(device->attachment) : ATTACHED_NONE;

	if (packet_filter_asks_cgroups(interfaces->options.filter) &&
	    (mode == ATTACHED_XDP || mode == ATTACHED_XDP_GENERIC))
		log_warning(
			"%s: no packet that it receives satisfies filter rules with a cgroup: XDP "
			"comes before the socket; set interfaces.modes to tc for it",
			device->name);
}

static void interfaces_attach(struct interfaces *interfaces, struct device *device)
{
	const struct attach_target target = { .ifindex = device->ifindex,
					      .name = device->name,
					      .kind = device->kind,
					      .mode = device->mode };
	int err = attach_open(&device->attachment, interfaces->datapath, &target, device->note);

	if (err) {
		interfaces_refuse(interfaces, device, err);
		return;
	}
	interfaces_warn_of_cgroups(interfaces, device);
	log_info("%s: attached, %s%s%s", device->name,
		 interfaces_mode_name(attach_mode(device->attachment)), device->note[0] ? "; " : "",
		 device->note);
}

void interfaces_warn_of_filter(const struct interfaces *interfaces)
{
	for (size_t i = 0; i < interfaces->table.count; i++)
		interfaces_warn_of_cgroups(interfaces, interfaces->table.devices[i]);
}

/* ---- roles ---------------------------------------------------------------------------------- */

static void interfaces_describe(const struct device *device, struct role_device *described)
{
	bool monitored = device->wanted && !device->refused;

	*described = (struct role_device){
		.ifindex = device->ifindex,
		.kind = device->kind,
		.link = device->link,
		.link_elsewhere = device->link_elsewhere,
		.master = device->master,
		.link_type = device->link_type,
		.monitored = monitored,
		.egress =
			monitored && (!device->attachment || attach_has_egress(device->attachment)),
	};
}

static bool interfaces_in_scope(const struct interfaces *interfaces, const struct device *device)
{
	for (size_t i = 0; i < interfaces->scope_count && device->elsewhere >= 0; i++)
		if (interfaces->scope[i] == device->elsewhere)
			return true;
	return false;
}

static void interfaces_set_role(struct interfaces *interfaces, struct device *device, uint32_t role)
{
	uint16_t sampling = interfaces_sampling(interfaces, device->name);
	int err;

	if (interfaces->options.sample_flows)
		role |= FLOW_DEVICE_SAMPLE_FLOWS;
	if (interfaces_in_scope(interfaces, device))
		role |= FLOW_DEVICE_IN_SCOPE;
	if (role == device->role && sampling == device->sampling)
		return;
	err = datapath_device_role(interfaces->datapath, device->ifindex, (uint16_t)role, sampling);
	if (err) {
		log_error("%s: telling the programs its role: %s; its packets are not counted",
			  device->name, strerror(-err));
		return;
	}
	device->role = (uint16_t)role;
	device->sampling = sampling;
}

static void interfaces_update_roles(struct interfaces *interfaces)
{
	const struct device_table *table = &interfaces->table;
	struct role_device *described = calloc(table->count + 1, sizeof(*described));
	uint32_t *roles = calloc(table->count + 1, sizeof(*roles));

	if (described && roles) {
		for (size_t i = 0; i < table->count; i++)
			interfaces_describe(table->devices[i], &described[i]);
		roles_compute(described, table->count, roles);
		for (size_t i = 0; i < table->count; i++)
			interfaces_set_role(interfaces, table->devices[i], roles[i]);
	} else {
		log_error("interfaces: no memory for the roles of %zu devices", table->count);
	}
	free(described);
	free(roles);
}

/* ---- the table and the kernel --------------------------------------------------------------- */

/* Roles first, so that no packet meets a program that does not know its device; and once more when
 * an attachment came out other than meant. */
static void interfaces_settle(struct interfaces *interfaces)
{
	const struct device_table *table = &interfaces->table;
	bool again = false;

	interfaces_update_roles(interfaces);
	for (size_t i = 0; i < table->count; i++) {
		struct device *device = table->devices[i];

		if (!device->wanted || device->refused || device->attachment)
			continue;
		interfaces_attach(interfaces, device);
		again |= !device->attachment || !attach_has_egress(device->attachment);
	}
	if (again)
		interfaces_update_roles(interfaces);
}

static void interfaces_forget(struct interfaces *interfaces, struct device *device)
{
	if (device->attachment)
		log_info("%s: gone", device->name);
	attach_abandon(device->attachment);
	datapath_device_role(interfaces->datapath, device->ifindex, 0, 1);
	packet_filter_device(interfaces->options.filter, device->ifindex, NULL);
	device_table_remove(&interfaces->table, device);
}

static void interfaces_hear(void *context, const struct link_info *info)
{
	struct interfaces *interfaces = context;
	struct device *device;

	if (info->gone) {
		device = device_table_find(&interfaces->table, info->ifindex);
		if (device)
			interfaces_forget(interfaces, device);
		return;
	}
	device = device_table_enter(&interfaces->table, info);
	if (!device) {
		log_error("%s: not attached: no memory", info->name);
		return;
	}
	device->sweep = interfaces->sweep;
	packet_filter_device(interfaces->options.filter, device->ifindex, device->name);
	interfaces_choose(interfaces, device);
}

/* What is not there any more goes; what came back under its old number gets its programs again. */
static void interfaces_sweep(struct interfaces *interfaces)
{
	struct device_table *table = &interfaces->table;

	for (size_t i = table->count; i-- > 0;) {
		struct device *device = table->devices[i];

		if (device->sweep != interfaces->sweep)
			interfaces_forget(interfaces, device);
		else if (device->attachment && !attach_alive(device->attachment))
			interfaces_detach(device);
	}
}

static int interfaces_look(struct interfaces *interfaces)
{
	int err;

	interfaces->sweep++;
	err = link_watch_dump(interfaces->watch);
	if (!err)
		interfaces_sweep(interfaces);
	return err;
}

int interfaces_dispatch(struct interfaces *interfaces)
{
	int err = link_watch_dispatch(interfaces->watch);

	if (err == -ENOBUFS) {
		log_warning("interfaces: rtnetlink messages were lost; looking at all devices "
			    "again");
		err = interfaces_look(interfaces);
	}
	interfaces_settle(interfaces);
	return err;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int interfaces_start(struct interfaces *interfaces)
{
	int err = link_watch_open(&interfaces->watch, interfaces_hear, interfaces);

	if (!err)
		err = interfaces_look(interfaces);
	if (err) {
		log_error("interfaces: reading them from rtnetlink: %s", strerror(-err));
		return err;
	}
	interfaces_settle(interfaces);
	return interfaces->busy ? -EBUSY : 0;
}

int interfaces_open(struct interfaces **out, struct datapath *datapath,
		    const struct interfaces_options *options)
{
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));
	int err;

	if (!interfaces)
		return -ENOMEM;
	interfaces->datapath = datapath;
	interfaces->options = *options;
	err = device_table_init(&interfaces->table);
	if (!err)
		err = interfaces_start(interfaces);
	if (err) {
		interfaces_close(interfaces);
		return err;
	}
	*out = interfaces;
	return 0;
}

void interfaces_close(struct interfaces *interfaces)
{
	if (!interfaces)
		return;
	link_watch_close(interfaces->watch);
	free(interfaces->scope);
	for (size_t i = 0; i < interfaces->table.count; i++)
		attach_close(interfaces->table.devices[i]->attachment);
	device_table_fini(&interfaces->table);
	free(interfaces);
}

int interfaces_set_scope(struct interfaces *interfaces, const int32_t *elsewhere, size_t count)
{
	int32_t *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, elsewhere, count * sizeof(*copy));
	free(interfaces->scope);
	interfaces->scope = copy;
	interfaces->scope_count = count;
	interfaces_update_roles(interfaces);
	return 0;
}

bool interfaces_in_scope_at(const struct interfaces *interfaces, uint32_t ifindex)
{
	const struct device *device = device_table_find(&interfaces->table, ifindex);

	return device && device->role & FLOW_DEVICE_IN_SCOPE;
}

void interfaces_set_thrift(struct interfaces *interfaces, uint32_t factor)
{
	if (interfaces->thrift == factor)
		return;
	interfaces->thrift = factor;
	interfaces_update_roles(interfaces);
}

int interfaces_fd(const struct interfaces *interfaces)
{
	return link_watch_fd(interfaces->watch);
}

const char *interfaces_name(const struct interfaces *interfaces, uint32_t ifindex)
{
	return device_table_name(&interfaces->table, ifindex);
}

const char *interfaces_mode_name(enum attached_mode mode)
{
	switch (mode) {
	case ATTACHED_NONE:
		return "none";
	case ATTACHED_TCX:
		return "tcx";
	case ATTACHED_CLSACT:
		return "clsact";
	case ATTACHED_XDP:
		return "xdp";
	case ATTACHED_XDP_GENERIC:
		return "xdp-generic";
	}
	return "none";
}

void interfaces_each(const struct interfaces *interfaces, interface_visit_fn visit, void *context)
{
	for (size_t i = 0; i < interfaces->table.count; i++) {
		const struct device *device = interfaces->table.devices[i];
		const struct interface_info info = {
			.ifindex = device->ifindex,
			.name = device->name,
			.kind = device->kind,
			.elsewhere = device->elsewhere,
			.wanted = device->wanted,
			.mode = device->attachment ? attach_mode(device->attachment)
						   : ATTACHED_NONE,
			.role = device->role,
			.note = device->note[0] ? device->note : NULL,
		};

		visit(context, &info);
	}
}
