/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A filter in the kernel decides as libpcap does: packets of every Ethernet capture given (files or
 * folders) through expressions, in libpcap's bpf_filter() and behind the entry programs of tc and
 * XDP; as they are, without their link header, and with a VLAN tag in the metadata.
 */
#include <errno.h>
#include <ftw.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bpf/pcap_stage.h"

#define ETHERNET_BYTES	 14
#define ADDRESS_BYTES	 12
#define PACKETS_OF_EACH	 1200 /* that an expression is tried with; the first ones with all */
#define THOROUGH	 3
#define XDP_LINEAR_LEAST 3000
#define TAG		 0x6005 /* priority 3, VLAN 5 */
#define MATCHING_LEAST	 60	/* expressions that match something, or the captures are poor */

static const char *const expressions[] = {
	"tcp port 80",
	"ip[2:2]-((ip[0]&0xf)<<2) > 40",
	"host 10.0.0.1 or ip6 or net 192.168.0.0/16 and not icmp",
	"",
	"ip",
	"ip6",
	"arp",
	"rarp",
	"not ip and not ip6",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"igmp",
	"ah or esp",
	"pim or vrrp",
	"stp",
	"isis",
	"iso",
	"decnet or ipx or netbeui",
	"llc",
	"host 192.168.1.1",
	"src host 10.0.0.1 or dst host 10.0.0.2",
	"net 10.0.0.0/8",
	"src net 192.168 and dst net not 192.168",
	"ip6 host fe80::1",
	"ip6 net fe80::/10",
	"dst net ff00::/8",
	"port 53",
	"src port 53",
	"dst port 53 and udp",
	"tcp portrange 1-1023",
	"portrange 1024-65535 and not tcp",
	"port 443 or port 80 or port 22 or port 8080",
	"ip proto 47",
	"ip proto 4 or ip proto 41",
	"ip6 proto 6",
	"proto 17",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn",
	"tcp[tcpflags] == tcp-ack",
	"icmp[icmptype] = icmp-echo or icmp[icmptype] = icmp-echoreply",
	"icmp6[icmp6type] = icmp6-neighborsolicit",
	"tcp[((tcp[12]&0xf0)>>2):4] = 0x47455420",
	"udp[10:2] & 0x8000 = 0",
	"ip[6:2] & 0x1fff != 0",
	"ip[6] & 0x20 != 0",
	"ip[0] & 0xf != 5",
	"ip[8] < 64",
	"ip6[7] = 255",
	"ip6[6] = 0 or ip6[6] = 44",
	"ether[0] & 1 = 0",
	"ether[0] & 1 = 1 and ether[12:2] > 1500",
	"ether broadcast",
	"ether multicast",
	"ether src 00:00:00:00:00:00 or ether dst ff:ff:ff:ff:ff:ff",
	"ether proto 0x88cc",
	"ether[12:2] = 0x0806 and ether[20:2] = 1",
	"ip multicast",
	"ip6 multicast",
	"len > 100",
	"greater 1000",
	"less 60",
	"len = ip[2:2] + 14",
	"ip[2:2] > len",
	"len / 3 * 3 = len",
	"len % 7 = 3",
	"len - 60 > 2000000000",
	"(ip[10:2] ^ ip[4:2]) % 3 = 1",
	"ip[ip[8]] = 0",
	"ether[ip[4:2]] = 0",
	"ip[ip[12:4]] = 0",
	"ip[1 << (ip[3] & 7)] > 100",
	"10 / (ip[9] - 6) >= 0",
	"1 << (ip[9]) > 0",
	"tcp[0:2] * tcp[2:2] > 0x7fffffff",
	"-ip[9] & 0xff = 250",
	"ether[65530:4] = 0 or udp",
	"ip[12:4] = ip[16:4]",
	"mpls",
	"mpls 16 or mpls 29",
	"mpls and ip",
	"pppoed",
	"pppoes",
	"pppoes and ip",
	"vlan",
	"vlan 5",
	"not vlan",
	"vlan and ip",
	"vlan 5 and tcp port 80",
	"vlan 5 and vlan",
	"vlan and len > 100",
	"vlan and ip[8] > 60",
	"vlan and ether[10:4] & 0xffff = 0x8100",
	"vlan and ether[13] = 0 and ether[14:4] & 0xffff = 0x800",
	"vlan and tcp[((tcp[12]&0xf0)>>2):4] = 0x47455420",
	"ip host 10.1.1.1 or (vlan and host 10.1.1.1)",
	"tcp and not port 22 and not port 80 and (net 10.0.0.0/8 or net 192.168.0.0/16)",
	"((tcp or udp) and (src port 53 or dst port 53)) or icmp or (ip6 and icmp6) or arp",
};

struct packet_bytes {
	uint8_t *bytes;
	uint32_t size;
};

static struct packet_bytes *packets;
static size_t packet_count, packet_room;
static uint64_t compared, refused, different, matched_in_all;
static size_t matching_expressions;

static int keep(const uint8_t *bytes, uint32_t size)
{
	if (packet_count == packet_room) {
		packet_room = packet_room ? 2 * packet_room : 4096;
		packets = realloc(packets, packet_room * sizeof(*packets));
	}
	if (!packets)
		return -ENOMEM;
	packets[packet_count].bytes = malloc(size ? size : 1);
	if (!packets[packet_count].bytes)
		return -ENOMEM;
	memcpy(packets[packet_count].bytes, bytes, size);
	packets[packet_count++].size = size;
	return 0;
}

static int read_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	pcap_t *capture;
	int err = 0;

	(void)status;
	(void)where;
	capture = type == FTW_F ? pcap_open_offline(path, error) : NULL;
	while (capture && pcap_datalink(capture) == DLT_EN10MB && !err &&
	       pcap_next_ex(capture, &header, &bytes) == 1)
		err = keep(bytes, header->caplen);
	if (capture)
		pcap_close(capture);
	return err;
}

static void compare(const char *what, const char *expression, size_t number, bool expected,
		    int found)
{
	int verdict = expected ? STAGE_ACCEPTED : STAGE_EXCLUDED;

	if (found == -EINVAL || found == -ENOMEM) { /* too short for tc, too long for XDP's page */
		refused++;
		return;
	}
	compared++;
	if (found != verdict && different++ < 20)
		printf("# \"%s\", packet %zu, %s: %d instead of %d\n", expression, number, what,
		       found, verdict);
}

/* A packet as it is on the wire when the kernel keeps its tag apart. */
static bool matches_tagged(const struct bpf_program *filter, const struct packet_bytes *packet)
{
	static const uint8_t tag[] = { 0x81, 0x00, TAG >> 8, TAG & 0xff };
	uint8_t *wire = malloc(packet->size + sizeof(tag));
	bool matches;

	if (!wire)
		return false;
	memcpy(wire, packet->bytes, ADDRESS_BYTES);
	memcpy(wire + ADDRESS_BYTES, tag, sizeof(tag));
	memcpy(wire + ADDRESS_BYTES + sizeof(tag), packet->bytes + ADDRESS_BYTES,
	       packet->size - ADDRESS_BYTES);
	matches = bpf_filter(filter->bf_insns, wire, packet->size + sizeof(tag),
			     packet->size + sizeof(tag));
	free(wire);
	return matches;
}

/* XDP sees the first buffer of a long packet, and the length of all. */
static uint32_t xdp_linear(size_t number)
{
	struct packet_bytes *packet = &packets[number];
	int linear;

	if (packet->size < XDP_LINEAR_LEAST)
		return packet->size;
	linear = stage_xdp_linear(packet->bytes, packet->size);
	return linear < 0 ? packet->size : (uint32_t)linear;
}

/* `ip` may be empty: then no packet matches. */
static bool compare_packet(const char *expression, size_t number,
			   const struct bpf_program *ethernet, const struct bpf_program *ip)
{
	const struct packet_bytes *packet = &packets[number];
	uint32_t size = packet->size, ip_size = size - ETHERNET_BYTES;
	const uint8_t *bytes = packet->bytes, *at = bytes + ETHERNET_BYTES;
	bool matches = bpf_filter(ethernet->bf_insns, bytes, size, size);
	uint32_t linear = xdp_linear(number);

	compare("tc", expression, number, matches,
		stage_enter(STAGE_TC_INGRESS, PCAP_LINK_ETHERNET, bytes, size));
	compare("XDP", expression, number, bpf_filter(ethernet->bf_insns, bytes, size, linear),
		stage_enter(STAGE_XDP, PCAP_LINK_ETHERNET, bytes, size));
	if (size > 2 * ETHERNET_BYTES)
		compare("tc without link header", expression, number,
			ip->bf_len && bpf_filter(ip->bf_insns, at, ip_size, ip_size),
			stage_enter(STAGE_TC_EGRESS, PCAP_LINK_IP, at, ip_size));
	if (size >= ETHERNET_BYTES && pcap_expression_names_vlan(expression))
		compare("tc with a tag beside the packet", expression, number,
			matches_tagged(ethernet, packet), stage_enter_tagged(bytes, size, TAG));
	return matches;
}

static void compare_packets(const char *expression, size_t step, const struct bpf_program *ethernet,
			    const struct bpf_program *ip)
{
	uint64_t matched = 0;

	for (size_t number = 0; number < packet_count; number += step)
		matched += compare_packet(expression, number, ethernet, ip);
	matching_expressions += !!matched;
	matched_in_all += matched;
}

static struct bpf_program compile(int link, const char *expression)
{
	pcap_t *dead = pcap_open_dead(link, 262144);
	struct bpf_program program = { 0 };

	if (!dead || pcap_compile(dead, &program, expression, 1, PCAP_NETMASK_UNKNOWN))
		program = (struct bpf_program){ 0 };
	if (dead)
		pcap_close(dead);
	return program;
}

static bool try_expression(struct pcap_filter **filter, const char *expression, size_t step)
{
	struct bpf_program ethernet = compile(DLT_EN10MB, expression);
	struct bpf_program ip = compile(DLT_RAW, expression);
	char why[512];
	int err = pcap_filter_install(filter, expression, stage_hooks(), STAGE_HOOKS, why,
				      sizeof(why));

	if (err)
		printf("# %s\n", why);
	else if (ethernet.bf_len)
		compare_packets(expression, step, &ethernet, &ip);
	if (!err && !!ip.bf_len != !pcap_filter_note(*filter)) {
		printf("# \"%s\": a note that is wrong or missing\n", expression);
		err = -EINVAL;
	}
	pcap_freecode(&ethernet);
	pcap_freecode(&ip);
	return !err;
}

static bool try_all(void)
{
	size_t count = sizeof(expressions) / sizeof(*expressions), sparse;
	struct pcap_filter *filter = NULL;
	bool good = true;

	sparse = packet_count / PACKETS_OF_EACH | 1; /* odd: in no step with request and answer */
	for (size_t i = 0; i < count; i++)
		good &= try_expression(&filter, expressions[i], i < THOROUGH ? 1 : sparse);
	pcap_filter_remove(filter);
	printf("# %zu expressions, %zu packets: %llu comparisons, %llu packets matched, %llu not "
	       "taken by a hook, %zu expressions matched something, %llu differences\n",
	       count, packet_count, (unsigned long long)compared,
	       (unsigned long long)matched_in_all, (unsigned long long)refused,
	       matching_expressions, (unsigned long long)different);
	return good;
}

int main(int argc, char **argv)
{
	int err = stage_open(true);
	bool good, agree, rich;

	printf("1..3\n");
	if (err) {
		printf("Bail out! cannot set up the programs: %s\n", strerror(-err));
		return 1;
	}
	for (int i = 1; i < argc && err != -ENOMEM; i++) {
		err = nftw(argv[i], read_file, 16, FTW_PHYS);
		if (err == -1)
			printf("# %s: %s\n", argv[i], strerror(errno));
	}
	good = err != -ENOMEM && packet_count && try_all();
	printf("%s 1 - every expression is translated and loaded\n", good ? "ok" : "not ok");
	agree = !different && compared > 20 * refused;
	printf("%s 2 - all agree with libpcap\n", agree ? "ok" : "not ok");
	rich = argc < 3 || matching_expressions >= MATCHING_LEAST;
	printf("%s 3 - most of them match something\n", rich ? "ok" : "not ok");
	stage_close();
	for (size_t i = 0; i < packet_count; i++)
		free(packets[i].bytes);
	free(packets);
	return !(good && agree && rich);
}
