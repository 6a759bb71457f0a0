/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

const uint8_t address_mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static const char hex_digits[] = "0123456789abcdef";

bool address_is_mapped(const uint8_t address[16])
{
	return memcmp(address, address_mapped_prefix, sizeof(address_mapped_prefix)) == 0;
}

static char *write_octet(char *out, unsigned octet)
{
	if (octet >= 100)
		*out++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*out++ = (char)('0' + octet / 10 % 10);
	*out++ = (char)('0' + octet % 10);
	return out;
}

static char *write_ipv4(char *out, const uint8_t octets[4])
{
	for (int i = 0; i < 4; i++) {
		out = write_octet(out, octets[i]);
		*out++ = '.';
	}
	out[-1] = '\0';
	return out - 1;
}

static char *write_group(char *out, unsigned group)
{
	if (group >= 0x1000)
		*out++ = hex_digits[group >> 12];
	if (group >= 0x100)
		*out++ = hex_digits[group >> 8 & 15];
	if (group >= 0x10)
		*out++ = hex_digits[group >> 4 & 15];
	*out++ = hex_digits[group & 15];
	return out;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952, 4.2). */
static void find_zero_run(const uint16_t groups[8], int *start, int *length)
{
	*start = -1;
	*length = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && groups[i + n] == 0)
			n++;
		if (n > *length) {
			*start = i;
			*length = n;
		}
		i += n;
	}
}

static char *write_ipv6(char *out, const uint8_t address[16])
{
	uint16_t groups[8];
	int run, run_length;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
	find_zero_run(groups, &run, &run_length);
	for (int i = 0; i < 8;) {
		if (i == run) {
			*out++ = ':';
			i += run_length;
			if (i == 8)
				*out++ = ':';
			continue;
		}
		if (i)
			*out++ = ':';
		out = write_group(out, groups[i++]);
	}
	*out = '\0';
	return out;
}

char *address_write(char *out, const uint8_t address[16], bool ipv4)
{
	if (ipv4)
		return write_ipv4(out, address + 12);
	if (!address_is_mapped(address))
		return write_ipv6(out, address);
	memcpy(out, "::ffff:", 7);
	return write_ipv4(out + 7, address + 12);
}

int address_parse(const char *text, uint8_t address[16], int *version)
{
	*version = strchr(text, ':') ? 6 : 4;
	if (*version == 6)
		return inet_pton(AF_INET6, text, address) == 1 ? 0 : -EINVAL;
	memcpy(address, address_mapped_prefix, sizeof(address_mapped_prefix));
	return inet_pton(AF_INET, text, address + 12) == 1 ? 0 : -EINVAL;
}

char *mac_write(char *out, const uint8_t mac[6])
{
	for (int i = 0; i < 6; i++) {
		*out++ = hex_digits[mac[i] >> 4];
		*out++ = hex_digits[mac[i] & 15];
		*out++ = ':';
	}
	out[-1] = '\0';
	return out - 1;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_parse(const char *text, uint8_t mac[6])
{
	if (strlen(text) != MAC_TEXT_MAX - 1)
		return -EINVAL;
	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_value(text[0]), low = hex_value(text[1]);
		if (high < 0 || low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
