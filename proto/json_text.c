/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/json_text.h"

#include "proto/json.h"

#define ESCAPED_MAX 6 /* bytes that one character can become: \u001f */

static const char digit_pairs[] = "00010203040506070809"
				  "10111213141516171819"
				  "20212223242526272829"
				  "30313233343536373839"
				  "40414243444546474849"
				  "50515253545556575859"
				  "60616263646566676869"
				  "70717273747576777879"
				  "80818283848586878889"
				  "90919293949596979899";

static size_t count_digits(uint64_t number)
{
	size_t count = 1;

	for (; number >= 10000; number /= 10000)
		count += 4;
	return count + (number >= 10) + (number >= 100) + (number >= 1000);
}

char *json_u64(char *out, uint64_t number)
{
	char *end = out + count_digits(number), *at = end;

	for (; number >= 100; number /= 100) {
		at -= 2;
		memcpy(at, digit_pairs + number % 100 * 2, 2);
	}
	if (number >= 10)
		memcpy(at - 2, digit_pairs + number * 2, 2);
	else
		at[-1] = (char)('0' + number);
	return end;
}

/* Bytes of the well-formed UTF-8 sequence that starts here, 0 for none (RFC 3629, table in 4). */
static size_t utf8_length(const unsigned char *text)
{
	unsigned low = 0x80, high = 0xbf;
	size_t length;

	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return length;
}

static size_t escape_control(unsigned char c, char *out)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};

	out[0] = '\\';
	if (c == '"' || c == '\\' || (c < 0x20 && shorts[c])) {
		out[1] = c < 0x20 ? shorts[c] : (char)c;
		return 2;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = hex[c >> 4];
	out[5] = hex[c & 15];
	return ESCAPED_MAX;
}

/* Takes one character from *text, writes what stands for it, returns its length. */
static size_t escape_one(const char **text, char *out)
{
	const unsigned char *at = (const unsigned char *)*text;

	if (*at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\') {
		*text += 1;
		return escape_control(*at, out);
	}
	if (*at == 0xc2 && at[1] >= 0x80 &&
	    at[1] <= 0x9f) { /* U+0080 to U+009F: terminals obey them */
		*text += 2;
		return escape_control(at[1], out);
	}
	if (*at < 0x80) {
		*text += 1;
		*out = (char)*at;
		return 1;
	}
	size_t length = utf8_length(at);
	if (!length) {
		*text += 1;
		memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		return 3;
	}
	memcpy(out, at, length);
	*text += length;
	return length;
}

/* Bytes from here on, at most `max`, that stand for themselves. */
static size_t plain_length(const char *text, size_t max)
{
	size_t length = 0;

	while (length < max) {
		unsigned char c = (unsigned char)text[length];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			break;
		length++;
	}
	return length;
}

char *json_string(char *out, const char *text, size_t max)
{
	static const char cut[] = "\xe2\x80\xa6"; /* U+2026 */
	const char *end = out + 1 + max - (sizeof(cut) - 1);
	char piece[ESCAPED_MAX];

	*out++ = '"';
	for (;;) {
		size_t length = plain_length(text, (size_t)(end - out));

		out = json_bytes(out, text, length);
		text += length;
		if (!*text)
			break;
		length = escape_one(&text, piece);
		if (length > (size_t)(end - out)) {
			out = json_bytes(out, cut, sizeof(cut) - 1);
			break;
		}
		out = json_bytes(out, piece, length);
	}
	*out++ = '"';
	return out;
}

int json_escape(const char *text, char *out, size_t size)
{
	size_t length = 0, written = 0;
	char piece[ESCAPED_MAX];

	while (*text) {
		size_t piece_length = escape_one(&text, piece);
		if (written == length && length + piece_length < size) {
			memcpy(out + length, piece, piece_length);
			written += piece_length;
		}
		length += piece_length;
	}
	if (size)
		out[written] = '\0';
	return (int)length;
}
