/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Values of fields as people read them. */
#include <string.h>

#include "proto/address.h"
#include "proto/field.h"
#include "proto/json_text.h"
#include "proto/tcp_flags.h"
#include "proto/time.h"

/* What snprintf with "%s" does, for the many values of many records. */
static int format_word(const char *word, size_t length, char *text, size_t size)
{
	size_t fits = length < size ? length : size ? size - 1 : 0;

	if (fits)
		memcpy(text, word, fits);
	if (size)
		text[fits] = '\0';
	return (int)length;
}

static int format_text(const char *word, char *text, size_t size)
{
	return format_word(word, strlen(word), text, size);
}

static int format_number(uint64_t number, char *text, size_t size)
{
	char digits[JSON_U64_MAX];

	return format_word(digits, (size_t)(json_u64(digits, number) - digits), text, size);
}

static int format_name(const struct field_name *names, uint64_t number, char *text, size_t size)
{
	for (; names && names->name; names++)
		if (names->number == number)
			return format_text(names->name, text, size);
	return format_number(number, text, size);
}

static int format_address(const struct field_value *value, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX];
	const char *end = address_write(address, value->address, value->number != 6);

	return format_word(address, (size_t)(end - address), text, size);
}

static int format_flags(uint16_t flags, char *text, size_t size)
{
	char names[TCP_FLAGS_TEXT_MAX];

	const char *end = tcp_flags_write(names, flags, ",");

	return format_word(names, (size_t)(end - names), text, size);
}

static int format_mac(uint64_t number, char *text, size_t size)
{
	char mac[MAC_TEXT_MAX];
	uint8_t bytes[6];

	for (int i = 5; i >= 0; i--, number >>= 8)
		bytes[i] = (uint8_t)number;
	mac_write(mac, bytes);
	return format_text(mac, text, size);
}

int field_format(const struct field *field, const struct field_value *value, char *text,
		 size_t size)
{
	if (!value->present)
		return format_text("", text, size);
	switch (field->type) {
	case FIELD_NUMBER:
	case FIELD_PORT:
		return format_number(value->number, text, size);
	case FIELD_ADDRESS:
		return format_address(value, text, size);
	case FIELD_TEXT:
	case FIELD_DOMAIN:
	case FIELD_PATTERN:
		return format_text(value->text, text, size);
	case FIELD_NAME:
		return format_name(field->names, value->number, text, size);
	case FIELD_TCP_FLAGS:
		return format_flags((uint16_t)value->number, text, size);
	case FIELD_TIME:
		return time_format(value->number, TIME_RFC3339_NANO, NULL, text, size);
	case FIELD_DURATION:
		return time_format_duration(value->number, text, size);
	case FIELD_BOOL:
		return format_text(value->number ? "true" : "false", text, size);
	case FIELD_MAC:
		return format_mac(value->number, text, size);
	}
	return 0;
}
