/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/capture_command.h"
#include "flowcli/command.h"
#include "flowcli/completion.h"
#include "flowcli/connection.h"
#include "flowcli/dns.h"
#include "flowcli/drops.h"
#include "flowcli/interrupt.h"
#include "flowcli/list.h"
#include "flowcli/observe.h"
#include "flowcli/scope.h"
#include "flowcli/status.h"
#include "flowcli/tcp.h"
#include "flowcli/why.h"

static int print_version(int operand_count, const char *const *operands)
{
	(void)operand_count;
	(void)operands;
	puts("flowcli " FLOWD_VERSION);
	return 0;
}

static const struct option_group *const version_groups[] = { &help_options, NULL };
static const struct command version_command = {
	.token = "version",
	.summary = "Print the version.",
	.groups = version_groups,
	.run = print_version,
};

static const struct option_group *const groups[] = { &connection_options, &help_options, NULL };
static const struct command *const children[] = { &observe_command,  &dns_command,
						  &capture_command,  &drops_command,
						  &tcp_command,	     &why_command,
						  &status_command,   &list_command,
						  &scope_command,    &version_command,
						  &help_command,     &completion_command,
						  &complete_command, NULL };

const struct command flowcli = {
	.token = "flowcli",
	.summary = "Show what crosses the network interfaces of a machine that runs flowd.",
	.groups = groups,
	.children = children,
	.examples = "  flowcli observe -f\n"
		    "  flowcli observe --last 100 -o json\n"
		    "  flowcli observe --pcap trace.pcap\n"
		    "  flowcli help observe",
};

int main(int argc, char **argv)
{
	interrupt_ignore_pipe();
	return command_run(argc, argv);
}
