/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_name.h"

#include <errno.h>

#define WIRE_MAX     255 /* RFC 1035, 2.3.4 */
#define POINTER_MARK 0xc0

static char *put_octet(char *out, uint8_t octet)
{
	if (octet <= ' ' || octet >= 0x7f) {
		*out++ = '\\';
		*out++ = (char)('0' + octet / 100);
		*out++ = (char)('0' + octet / 10 % 10);
		*out++ = (char)('0' + octet % 10);
		return out;
	}
	if (octet == '.' || octet == '\\')
		*out++ = '\\';
	*out++ = (char)(octet >= 'A' && octet <= 'Z' ? octet + 32 : octet);
	return out;
}

/* Where a walk through a name stands. */
struct walk {
	const uint8_t *message;
	size_t size;
	size_t at;    /* the next length byte */
	size_t limit; /* a pointer must lead to before it */
	size_t end;   /* behind the name, where it stands; 0: not known yet */
	size_t wire;  /* bytes of the name so far */
};

static int follow_pointer(struct walk *walk)
{
	size_t target;

	if (walk->at + 2 > walk->size)
		return -EBADMSG;
	target = (size_t)(walk->message[walk->at] & ~POINTER_MARK) << 8 |
		 walk->message[walk->at + 1];
	if (target >= walk->limit)
		return -EBADMSG;
	if (!walk->end)
		walk->end = walk->at + 2;
	walk->at = walk->limit = target;
	return 0;
}

/* The next label's length, 0 at the end; -EBADMSG. The label is at walk->at then. */
static int next_label(struct walk *walk)
{
	uint8_t length;

	while (walk->at < walk->size && walk->message[walk->at] >= POINTER_MARK)
		if (follow_pointer(walk))
			return -EBADMSG;
	if (walk->at >= walk->size)
		return -EBADMSG;
	length = walk->message[walk->at++];
	walk->wire += length + 1u;
	if (length > 63 || walk->wire > WIRE_MAX || walk->at + length > walk->size)
		return -EBADMSG;
	return length;
}

static int read_name(const uint8_t *message, size_t size, size_t *offset, char *text)
{
	struct walk walk = { message, size, *offset, *offset, 0, 0 };
	int length;

	while ((length = next_label(&walk)) > 0) {
		for (int i = 0; text && i < length; i++)
			text = put_octet(text, message[walk.at + (size_t)i]);
		if (text)
			*text++ = '.';
		walk.at += (size_t)length;
	}
	if (length < 0)
		return length;
	if (text && walk.wire == 1)
		*text++ = '.';
	if (text)
		*text = '\0';
	*offset = walk.end ? walk.end : walk.at;
	return 0;
}

int dns_name_read(const uint8_t *message, size_t size, size_t *offset, char text[DNS_NAME_TEXT])
{
	return read_name(message, size, offset, text);
}

int dns_name_skip(const uint8_t *message, size_t size, size_t *offset)
{
	return read_name(message, size, offset, NULL);
}
