/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One parser, three builds, the same result: every packet of every capture given (files or folders)
 * goes through the native parser, tc and XDP, and key, lengths, flags, tags and verdict must agree.
 */
#include <errno.h>
#include <ftw.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "bpf-common/packet_encap.h"
#include "flowd/flow/fragments.h"
#include "flowd/flow/packet_rules.h"
#include "tests/bpf/hook.h"

static uint64_t compared, refused, different, files, unreadable;
static const char *current;
static struct packet_rules rules;
static struct fragments *fragments;

static void complain(uint64_t number, enum hook hook, const char *what, uint64_t native,
		     uint64_t kernel)
{
	static const char *const names[] = { "tc ingress", "tc egress", "xdp" };

	different++;
	if (different < 50)
		printf("# %s packet %llu, %s: %s is %llu natively, %llu in the kernel\n", current,
		       (unsigned long long)number, names[hook], what, (unsigned long long)native,
		       (unsigned long long)kernel);
}

/* The first status but OK that the ledger has counted a packet under, else OK. */
static enum packet_status counted_status(const struct flow_ledger *ledger)
{
	for (int status = 1; status < PACKET_STATUS_COUNT; status++)
		if (ledger->status_packets[status])
			return (enum packet_status)status;
	return PACKET_OK;
}

static enum packet_note counted_note(const struct flow_ledger *ledger)
{
	for (int note = 1; note < PACKET_NOTE_COUNT; note++)
		if (ledger->note_packets[note])
			return (enum packet_note)note;
	return PACKET_NOTE_NONE;
}

#define SAME(what, native, kernel)                                                            \
	do {                                                                                  \
		if ((uint64_t)(native) != (uint64_t)(kernel))                                 \
			complain(number, hook, what, (uint64_t)(native), (uint64_t)(kernel)); \
	} while (0)

static void compare_flow(uint64_t number, enum hook hook, const struct packet *packet,
			 const struct flow_extra *extra, const uint8_t *bytes, uint32_t size,
			 const struct hook_result *result)
{
	uint32_t l2_bytes = packet->l3_bytes && packet->l3_bytes <= size ? size - packet->l3_bytes
									 : packet->l3_offset;

	SAME("number of entries", 1, result->entries);
	SAME("key (0 = equal)", 0, memcmp(&packet->key, &result->hot.key, sizeof(packet->key)));
	SAME("flags", packet->flags, result->hot.flags);
	SAME("note", packet->note, counted_note(&result->ledger));
	if (packet->flags & FLOW_FLAG_TUNNEL)
		SAME("outer header (0 = equal)", 0,
		     memcmp(&extra->outer, &result->extra.outer, sizeof(extra->outer)));
	if (packet->flags & FLOW_FLAG_QUOTE)
		SAME("quoted tuple (0 = equal)", 0,
		     memcmp(&extra->quoted, &result->extra.quoted, sizeof(extra->quoted)));
	SAME("packets", 1, result->hot.packets);
	SAME("bytes", size, result->hot.bytes);
	SAME("layer 2 bytes", l2_bytes, result->hot.l2_bytes);
	SAME("outer tag", packet->vlan[0], result->cold.vlan[0]);
	SAME("inner tag", packet->vlan[1], result->cold.vlan[1]);
	SAME("link addresses (0 = equal)", 0, memcmp(bytes, result->cold.eth_dst, 12));
}

/* The packet once more, which finds its entry: the short way of plain packets counts what the long
 * one has. A SYN with FIN or RST opens its flow anew each time. */
static void compare_again(uint64_t number, enum hook hook, const struct hook_input *input,
			  const struct hook_result *first)
{
	struct hook_result again;

	if (hook_run(hook, input, &again))
		return;
	SAME("packets seen twice", 2 * first->ledger.seen_packets, again.ledger.seen_packets);
	SAME("bytes seen twice", 2 * first->ledger.seen_bytes, again.ledger.seen_bytes);
	SAME("number of entries, again", first->entries, again.entries);
	if (!first->entries || again.ledger.restarts)
		return;
	SAME("entries made", 1, again.ledger.inserts);
	SAME("key, again (0 = equal)", 0,
	     memcmp(&first->hot.key, &again.hot.key, sizeof(first->hot.key)));
	SAME("flags, again", first->hot.flags, again.hot.flags);
	SAME("packets twice", 2, again.hot.packets);
	SAME("bytes twice", 2 * first->hot.bytes, again.hot.bytes);
	SAME("layer 2 bytes twice", 2 * first->hot.l2_bytes, again.hot.l2_bytes);
}

static void compare(uint64_t number, enum hook hook, const uint8_t *bytes, uint32_t size)
{
	struct hook_input input = { .bytes = bytes, .size = size };
	struct hook_result result;
	enum packet_status status;
	struct packet packet;
	struct flow_extra extra;

	hook_reset();
	if (hook_run(hook, &input, &result)) {
		refused++;
		return;
	}
	compared++;
	status = packet_parse(bytes, bytes + size, PACKET_LINK_ETHERNET, &rules, &packet, &extra);
	if (status == PACKET_OK)
		fragments_join(fragments, &packet, 0);
	SAME("verdict", hook == HOOK_XDP ? 2 /* XDP_PASS */ : (uint32_t)-1,
	     (uint32_t)result.verdict);
	SAME("packets seen", 1, result.ledger.seen_packets);
	SAME("bytes seen", size, result.ledger.seen_bytes);
	SAME("status", status, counted_status(&result.ledger));
	if (status == PACKET_OK)
		compare_flow(number, hook, &packet, &extra, bytes, size, &result);
	else
		SAME("number of entries", 0, result.entries);
	compare_again(number, hook, &input, &result);
}

static int compare_file(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	if (!capture || pcap_datalink(capture) != DLT_EN10MB) {
		unreadable++;
		if (capture)
			pcap_close(capture);
		return 0;
	}
	files++;
	current = path;
	for (uint64_t number = 1; pcap_next_ex(capture, &header, &bytes) == 1; number++)
		for (int hook = 0; hook < HOOK_COUNT; hook++)
			compare(number, (enum hook)hook, bytes, header->caplen);
	pcap_close(capture);
	return 0;
}

static int visit(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)walk;
	return type == FTW_F ? compare_file(path) : 0;
}

int main(int argc, char **argv)
{
	int err = hook_load();

	if (err) {
		printf("Bail out! cannot load the kernel programs: %s\n", strerror(-err));
		return 1;
	}
	packet_rules_default(&rules);
	fragments = fragments_open();
	hook_set_role(FLOW_DEVICE_KNOWN | FLOW_DEVICE_COUNT_INGRESS | FLOW_DEVICE_COUNT_EGRESS);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		uint64_t before = different, compared_before = compared;

		if (nftw(argv[i], visit, 16, FTW_PHYS)) {
			printf("ok %d - %s # SKIP %s\n", i, argv[i], strerror(errno));
			continue;
		}
		printf("%s %d - native, tc and xdp agree on %s\n",
		       different == before && compared > compared_before ? "ok" : "not ok", i,
		       argv[i]);
	}
	printf("# %llu Ethernet captures, %llu runs compared, %llu refused by the kernel's test run "
	       "(its own size limits), %llu files of other links or unreadable\n",
	       (unsigned long long)files, (unsigned long long)compared, (unsigned long long)refused,
	       (unsigned long long)unreadable);
	fragments_close(fragments);
	hook_unload();
	return different ? 1 : 0;
}
