/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Values of fields as people read them. */
#include <inttypes.h>
#include <stdio.h>

#include "proto/address.h"
#include "proto/field.h"
#include "proto/tcp_flags.h"
#include "proto/time.h"

static int format_name(const struct field_name *names, uint64_t number, char *text, size_t size)
{
	for (; names && names->name; names++)
		if (names->number == number)
			return snprintf(text, size, "%s", names->name);
	return snprintf(text, size, "%" PRIu64, number);
}

static int format_address(const struct field_value *value, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX];

	address_write(address, value->address, value->number != 6);
	return snprintf(text, size, "%s", address);
}

static int format_flags(uint16_t flags, char *text, size_t size)
{
	char names[TCP_FLAGS_TEXT_MAX];

	tcp_flags_write(names, flags, ",");
	return snprintf(text, size, "%s", names);
}

static int format_mac(uint64_t number, char *text, size_t size)
{
	char mac[MAC_TEXT_MAX];
	uint8_t bytes[6];

	for (int i = 5; i >= 0; i--, number >>= 8)
		bytes[i] = (uint8_t)number;
	mac_write(mac, bytes);
	return snprintf(text, size, "%s", mac);
}

int field_format(const struct field *field, const struct field_value *value, char *text,
		 size_t size)
{
	if (!value->present)
		return snprintf(text, size, "%s", "");
	switch (field->type) {
	case FIELD_NUMBER:
	case FIELD_PORT:
		return snprintf(text, size, "%" PRIu64, value->number);
	case FIELD_ADDRESS:
		return format_address(value, text, size);
	case FIELD_TEXT:
	case FIELD_DOMAIN:
	case FIELD_PATTERN:
		return snprintf(text, size, "%s", value->text);
	case FIELD_NAME:
		return format_name(field->names, value->number, text, size);
	case FIELD_TCP_FLAGS:
		return format_flags((uint16_t)value->number, text, size);
	case FIELD_TIME:
		return time_format(value->number, TIME_RFC3339_NANO, NULL, text, size);
	case FIELD_DURATION:
		return time_format_duration(value->number, text, size);
	case FIELD_BOOL:
		return snprintf(text, size, "%s", value->number ? "true" : "false");
	case FIELD_MAC:
		return format_mac(value->number, text, size);
	}
	return 0;
}
