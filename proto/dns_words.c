/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proto/dns_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/json_text.h"

const struct field_name dns_type_names[] = {
	{ "A", 1 },	      { "NS", 2 },     { "CNAME", 5 },	     { "SOA", 6 },
	{ "NULL", 10 },	      { "PTR", 12 },   { "HINFO", 13 },	     { "MX", 15 },
	{ "TXT", 16 },	      { "RP", 17 },    { "AFSDB", 18 },	     { "SIG", 24 },
	{ "KEY", 25 },	      { "AAAA", 28 },  { "LOC", 29 },	     { "SRV", 33 },
	{ "NAPTR", 35 },      { "KX", 36 },    { "CERT", 37 },	     { "DNAME", 39 },
	{ "OPT", 41 },	      { "APL", 42 },   { "DS", 43 },	     { "SSHFP", 44 },
	{ "IPSECKEY", 45 },   { "RRSIG", 46 }, { "NSEC", 47 },	     { "DNSKEY", 48 },
	{ "DHCID", 49 },      { "NSEC3", 50 }, { "NSEC3PARAM", 51 }, { "TLSA", 52 },
	{ "SMIMEA", 53 },     { "HIP", 55 },   { "CDS", 59 },	     { "CDNSKEY", 60 },
	{ "OPENPGPKEY", 61 }, { "CSYNC", 62 }, { "ZONEMD", 63 },     { "SVCB", 64 },
	{ "HTTPS", 65 },      { "SPF", 99 },   { "EUI48", 108 },     { "EUI64", 109 },
	{ "TKEY", 249 },      { "TSIG", 250 }, { "IXFR", 251 },	     { "AXFR", 252 },
	{ "ANY", 255 },	      { "URI", 256 },  { "CAA", 257 },	     { NULL, 0 },
};

/* rcode, X(NAME, value, words): the words are those of gopacket, which Hubble prints. */
#define DNS_RCODES(X)                                      \
	X(NOERROR, 0, "No Error")                          \
	X(FORMERR, 1, "Format Error")                      \
	X(SERVFAIL, 2, "Server Failure")                   \
	X(NXDOMAIN, 3, "Non-Existent Domain")              \
	X(NOTIMP, 4, "Not Implemented")                    \
	X(REFUSED, 5, "Query Refused")                     \
	X(YXDOMAIN, 6, "Name Exists when it should not")   \
	X(YXRRSET, 7, "RR Set Exists when it should not")  \
	X(NXRRSET, 8, "RR Set that should exist does not") \
	X(NOTAUTH, 9, "Server Not Authoritative for zone") \
	X(NOTZONE, 10, "Name not contained in zone")       \
	X(BADVERS, 16, "Bad OPT Version")                  \
	X(BADKEY, 17, "Key not recognized")                \
	X(BADTIME, 18, "Signature out of time window")     \
	X(BADMODE, 19, "Bad TKEY Mode")                    \
	X(BADNAME, 20, "Duplicate key name")               \
	X(BADALG, 21, "Algorithm not supported")           \
	X(BADTRUNC, 22, "Bad Truncation")                  \
	X(BADCOOKIE, 23, "Bad/missing Server Cookie")
#define RCODE_NAME(name, value, words) { #name, value },
const struct field_name dns_rcode_names[] = { DNS_RCODES(RCODE_NAME){ NULL, 0 } };

static const struct {
	uint16_t rcode;
	const char *words;
} rcode_words[] = {
#define RCODE_WORDS(name, value, words) { value, words },
	DNS_RCODES(RCODE_WORDS)
};

static const char *find_name(const struct field_name *names, uint64_t number)
{
	for (; names->name; names++)
		if (names->number == number)
			return names->name;
	return NULL;
}

char *dns_type_write(char *out, uint16_t type)
{
	const char *name = find_name(dns_type_names, type);

	return name ? json_word(out, name) : json_u64(json_literal(out, "TYPE"), type);
}

int dns_type_parse(const char *text, uint16_t *type)
{
	unsigned long number;
	char *end;

	for (const struct field_name *row = dns_type_names; row->name; row++) {
		if (strcasecmp(row->name, text) != 0)
			continue;
		*type = (uint16_t)row->number;
		return 0;
	}
	if (strncasecmp(text, "TYPE", 4) != 0 || text[4] < '0' || text[4] > '9')
		return -EINVAL;
	number = strtoul(text + 4, &end, 10);
	if (*end || number > UINT16_MAX)
		return -EINVAL;
	*type = (uint16_t)number;
	return 0;
}

const char *dns_rcode_words(uint16_t rcode)
{
	for (size_t i = 0; i < sizeof(rcode_words) / sizeof(*rcode_words); i++)
		if (rcode_words[i].rcode == rcode)
			return rcode_words[i].words;
	return NULL;
}

const char *dns_rcode_name(uint16_t rcode)
{
	return find_name(dns_rcode_names, rcode);
}
