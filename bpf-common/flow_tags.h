/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arithmetic on a set's head: seven bits a way, 0 where the way is unused, else a tag from the hash
 * of the key that is there. All ways are compared at once and without a branch, so that a hit
 * touches one line of the table, and a miss none. Pure, for the kernel programs and tests.
 */
#ifndef FLOW_TAGS_H
#define FLOW_TAGS_H

#include "bpf-common/packet.h"

#define FLOW_TAG_BITS 7
FLOW_ABI_ASSERT(FLOW_WAYS == 8);
#define FLOW_TAGS_ONE  0x0002040810204081ull	     /* the lowest bit of each */
#define FLOW_TAGS_TOP  (1ull << (FLOW_TAG_BITS - 1)) /* of the first one */
#define FLOW_TAGS_HIGH (FLOW_TAGS_ONE * FLOW_TAGS_TOP)
#define FLOW_TAGS_LOW  (FLOW_TAGS_HIGH - FLOW_TAGS_ONE)

/* Of bits of the hash that choose neither the set nor the first way; 1 to 127. */
PACKET_INLINE __u64 flow_tag(__u32 hash)
{
	return ((hash >> 22 & 0x7f) * 127 >> 7) + 1;
}

/*
 * The ways with the tag, as the highest bits of theirs. There may be others, above one that has it:
 * where the tags differ by one bit and the way below matched.
 */
PACKET_INLINE __u64 flow_tags_equal(__u64 head, __u64 tag)
{
	__u64 difference = head ^ tag * FLOW_TAGS_ONE;

	return (difference - FLOW_TAGS_ONE) & ~difference & FLOW_TAGS_HIGH;
}

/* The unused ways, exactly. */
PACKET_INLINE __u64 flow_tags_unused(__u64 head)
{
	return ~(((head & FLOW_TAGS_LOW) + FLOW_TAGS_LOW) | head) & FLOW_TAGS_HIGH;
}

/* The lowest way of a mask that is not empty. Windows of three bits in the factor hold 0 to 7; the
 * product shifts the right one to the top. */
PACKET_INLINE __u32 flow_tags_first(__u64 mask)
{
	const __u64 numbers = 1ull << 48 | 2ull << 41 | 3ull << 34 | 4ull << 27 | 5ull << 20 |
			      6ull << 13 | 7ull << 6;

	return (__u32)((mask & -mask) * numbers >> 61);
}

/* The same, but way `wanted` where it is in the mask, else the one beside it, if that is: a pair of
 * lines is loaded as one. */
PACKET_INLINE __u32 flow_tags_nearest(__u64 mask, __u32 wanted)
{
	if (mask >> (wanted * FLOW_TAG_BITS) & FLOW_TAGS_TOP)
		return wanted;
	if (mask >> ((wanted ^ 1) * FLOW_TAG_BITS) & FLOW_TAGS_TOP)
		return wanted ^ 1;
	return flow_tags_first(mask);
}

PACKET_INLINE __u64 flow_tags_set(__u64 head, __u32 way, __u64 tag)
{
	__u32 shift = way * FLOW_TAG_BITS;

	return (head & ~(0x7full << shift)) | tag << shift;
}

#endif
