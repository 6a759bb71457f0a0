/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/icmp.h"

#include <stddef.h>
#include <stdio.h>

#include "proto/protocol.h"

struct icmp_message {
	uint8_t type;
	const char *name;
	uint8_t code_count;
	const char *const *codes; /* NULL: the message does not use the code */
};

#define ICMP_CODES(list) (uint8_t)(sizeof(list) / sizeof(*(list))), list

/* RFC 792, 1122, 1812 */
static const char *const unreachable4[] = { "Net",
					    "Host",
					    "Protocol",
					    "Port",
					    "FragmentationNeeded",
					    "SourceRoutingFailed",
					    "NetUnknown",
					    "HostUnknown",
					    "SourceIsolated",
					    "NetAdminProhibited",
					    "HostAdminProhibited",
					    "NetTOS",
					    "HostTOS",
					    "CommAdminProhibited",
					    "HostPrecedence",
					    "PrecedenceCutoff" };
static const char *const exceeded4[] = { "TTLExceeded", "FragmentReassemblyTimeExceeded" };
static const char *const problem4[] = { "PointerIndicatesError", "MissingOption", "BadLength" };
static const char *const redirect4[] = { "Net", "Host", "TOS+Net", "TOS+Host" };

static const struct icmp_message messages4[] = {
	{ 0, "EchoReply", 0, NULL },
	{ 3, "DestinationUnreachable", ICMP_CODES(unreachable4) },
	{ 4, "SourceQuench", 0, NULL },
	{ 5, "Redirect", ICMP_CODES(redirect4) },
	{ 8, "EchoRequest", 0, NULL },
	{ 9, "RouterAdvertisement", 0, NULL },
	{ 10, "RouterSolicitation", 0, NULL },
	{ 11, "TimeExceeded", ICMP_CODES(exceeded4) },
	{ 12, "ParameterProblem", ICMP_CODES(problem4) },
	{ 13, "TimestampRequest", 0, NULL },
	{ 14, "TimestampReply", 0, NULL },
	{ 15, "InfoRequest", 0, NULL },
	{ 16, "InfoReply", 0, NULL },
	{ 17, "AddressMaskRequest", 0, NULL },
	{ 18, "AddressMaskReply", 0, NULL },
};

/* RFC 4443, 4861, 2710, 3810 */
static const char *const unreachable6[] = { "NoRouteToDst",	"AdminProhibited",
					    "BeyondScopeOfSrc", "AddressUnreachable",
					    "PortUnreachable",	"SrcAddressFailedPolicy",
					    "RejectRouteToDst" };
static const char *const exceeded6[] = { "HopLimitExceeded", "FragmentReassemblyTimeExceeded" };
static const char *const problem6[] = { "ErroneousHeaderField", "UnrecognizedNextHeader",
					"UnrecognizedIPv6Option" };

static const struct icmp_message messages6[] = {
	{ 1, "DestinationUnreachable", ICMP_CODES(unreachable6) },
	{ 2, "PacketTooBig", 0, NULL },
	{ 3, "TimeExceeded", ICMP_CODES(exceeded6) },
	{ 4, "ParameterProblem", ICMP_CODES(problem6) },
	{ 128, "EchoRequest", 0, NULL },
	{ 129, "EchoReply", 0, NULL },
	{ 130, "MLDv1MulticastListenerQueryMessage", 0, NULL },
	{ 131, "MLDv1MulticastListenerReportMessage", 0, NULL },
	{ 132, "MLDv1MulticastListenerDoneMessage", 0, NULL },
	{ 133, "RouterSolicitation", 0, NULL },
	{ 134, "RouterAdvertisement", 0, NULL },
	{ 135, "NeighborSolicitation", 0, NULL },
	{ 136, "NeighborAdvertisement", 0, NULL },
	{ 137, "Redirect", 0, NULL },
	{ 143, "MLDv2MulticastListenerReportMessageV2", 0, NULL },
};

bool icmp_is_error(uint8_t protocol, uint16_t type)
{
	if (protocol == PROTOCOL_ICMPV6)
		return type >= 1 && type <= 4;
	return protocol == PROTOCOL_ICMP &&
	       (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

#define ICMP_COUNT(list) (sizeof(list) / sizeof(*(list)))

static const struct icmp_message *icmp_find(uint8_t protocol, uint8_t type)
{
	bool v6 = protocol == PROTOCOL_ICMPV6;
	const struct icmp_message *list = v6 ? messages6 : messages4;
	size_t count = v6 ? ICMP_COUNT(messages6) : ICMP_COUNT(messages4);

	for (size_t i = 0; i < count; i++)
		if (list[i].type == type)
			return &list[i];
	return NULL;
}

char *icmp_write(char *out, uint8_t protocol, uint8_t type, uint8_t code)
{
	const struct icmp_message *message = icmp_find(protocol, type);

	if (!message)
		return out + sprintf(out, "%u(%u)", type, code);
	if (!message->codes && code == 0)
		return out + sprintf(out, "%s", message->name);
	if (code >= message->code_count)
		return out + sprintf(out, "%s(Code: %u)", message->name, code);
	return out + sprintf(out, "%s(%s)", message->name, message->codes[code]);
}
