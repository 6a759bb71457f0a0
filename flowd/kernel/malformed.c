/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/kernel/malformed.h"

#include <net/if.h>
#include <stdio.h>

#include "flowd/base/log.h"

struct outcome {
	const char *name, *text;
};

/* Notes behind statuses, as in flow_malformed.outcome. */
#define MALFORMED_OUTCOME(name, json_name, text) { json_name, text },
static const struct outcome outcomes[] = { PACKET_STATUSES(MALFORMED_OUTCOME)
						   PACKET_NOTES(MALFORMED_OUTCOME) };

static const char *malformed_hook(uint8_t hook)
{
	switch ((enum flow_hook)hook) {
	case FLOW_HOOK_TC_INGRESS:
		return "tc ingress";
	case FLOW_HOOK_TC_EGRESS:
		return "tc egress";
	case FLOW_HOOK_XDP_INGRESS:
		return "XDP";
	case FLOW_HOOK_CAPTURE:
	case FLOW_HOOK_DROP:
	case FLOW_HOOK_NONE:
		break;
	}
	return "unknown hook";
}

bool malformed_fits(const struct flow_event *event, uint32_t size)
{
	return event->type == FLOW_EVENT_FLOW_MALFORMED && size == sizeof(struct flow_malformed);
}

void malformed_text(const struct flow_malformed *malformed, char text[MALFORMED_TEXT_BYTES])
{
	static const struct outcome unknown = { "unknown", "an outcome without a name" };
	const struct outcome *outcome = malformed->outcome < sizeof(outcomes) / sizeof(outcomes[0])
						? &outcomes[malformed->outcome]
						: &unknown;
	uint16_t captured = malformed->captured < FLOW_MALFORMED_BYTES ? malformed->captured
								       : FLOW_MALFORMED_BYTES;
	char device[IF_NAMESIZE] = "gone";
	int used;

	if_indextoname(malformed->ifindex, device);
	used = snprintf(text, MALFORMED_TEXT_BYTES,
			"packet: %s (%s), %s (%u) %s, %u bytes: ", outcome->name, outcome->text,
			device, malformed->ifindex, malformed_hook(malformed->hook),
			malformed->length);
	for (uint16_t i = 0; i < captured && used + 3 <= MALFORMED_TEXT_BYTES; i++)
		used += snprintf(text + used, 3, "%02x", malformed->bytes[i]);
}

void malformed_log(const struct flow_malformed *malformed)
{
	char text[MALFORMED_TEXT_BYTES];

	malformed_text(malformed, text);
	log_debug("%s", text);
}
