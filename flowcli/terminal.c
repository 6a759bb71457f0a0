/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/terminal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_wants_color(const char *when, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (strcmp(when, "auto"))
		return !strcmp(when, "always");
	return !(no_color && *no_color) && term && strcmp(term, "dumb") && isatty(fd);
}

/* Length of the UTF-8 sequence at `text` and its code point; 0 = not well-formed (RFC 3629). */
static size_t decode(const unsigned char *text, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = text[0] < 0x80	       ? 1
			: (text[0] >> 5) == 6  ? 2
			: (text[0] >> 4) == 14 ? 3
			: (text[0] >> 3) == 30 ? 4
					       : 0;

	if (length < 2) {
		*point = text[0];
		return length;
	}
	*point = text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (text[i] & 0x3f);
	}
	if (*point < least[length] || *point > 0x10ffff || (*point >> 11) == 0x1b)
		return 0;
	return length;
}

static bool is_direction_override(uint32_t point)
{
	return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* Writes what stands for one code point into `out` (8 bytes); returns its length. */
static size_t escape_point(const unsigned char *text, size_t length, uint32_t point, char out[8])
{
	if (!length)
		return (size_t)snprintf(out, 8, "\\x%02x", text[0]);
	if (point == '\r' || point == '\n' || point == '\t')
		return (size_t)snprintf(out, 8, "\\%c",
					point == '\r'	? 'r'
					: point == '\n' ? 'n'
							: 't');
	if (point < 0x20 || point == 0x7f)
		return (size_t)snprintf(out, 8, "^%c", (char)(point ^ 0x40));
	if ((point >= 0x80 && point < 0xa0) || is_direction_override(point))
		return (size_t)snprintf(out, 8, "\\u%04x", point);
	memcpy(out, text, length);
	return length;
}

size_t terminal_escape(const char *text, char *out, size_t size)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t used = 0;

	while (*at) {
		char piece[8];
		if (*at >= 0x20 && *at < 0x7f && used + 1 < size) { /* nearly all there is */
			out[used++] = (char)*at++;
			continue;
		}
		uint32_t point;
		size_t length = decode(at, &point);
		size_t count = escape_point(at, length, point, piece);
		if (used + count >= size)
			break;
		memcpy(out + used, piece, count);
		used += count;
		at += length ? length : 1;
	}
	out[used] = '\0';
	return used;
}

size_t terminal_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

size_t terminal_paint(const char *text, enum paint paint, bool color, char *out, size_t size)
{
	int length = color && paint ? snprintf(out, size, "\033[%dm%s\033[0m", (int)paint, text)
				    : snprintf(out, size, "%s", text);
	return (size_t)length < size ? (size_t)length : size - 1;
}
