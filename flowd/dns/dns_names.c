/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/dns/dns_index.h"

#define CLIENTS_COMPARED 16  /* for one eviction */
#define ENTRY_TYPICAL	 256 /* bytes; sizes the index */

struct name {
	char *text;
	uint64_t from_ns, until_ns; /* on the caller's axis */
};

struct client {
	struct dns_link link;
	struct dns_item item;
	struct dns_list entries; /* by last use */
	uint8_t address[16];
	size_t bytes;
};

/* What a client knows of one address; the latest name first. */
struct entry {
	struct dns_link link;
	struct dns_item item;
	struct client *client;
	uint8_t address[16];
	struct name name[FLOW_NAMES_MAX];
};

struct dns_names {
	struct dns_names_options options;
	struct dns_index clients, entries;
	struct dns_list all;   /* clients */
	struct dns_item *hand; /* where the search for the next victim goes on */
	struct dns_names_stats stats;
	uint64_t now_ns; /* the latest answer */
};

int dns_names_open(struct dns_names **out, const struct dns_names_options *options)
{
	struct dns_names *names = calloc(1, sizeof(*names));
	size_t entries = options->max_bytes / ENTRY_TYPICAL;

	if (!names)
		return -ENOMEM;
	names->options = *options;
	if (dns_index_init(&names->entries, entries) || dns_index_init(&names->clients, entries)) {
		dns_names_close(names);
		return -ENOMEM;
	}
	*out = names;
	return 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void count_bytes(struct dns_names *names, struct client *client, ptrdiff_t bytes)
{
	client->bytes += (size_t)bytes;
	names->stats.bytes += (uint64_t)bytes;
}

static void name_drop(struct dns_names *names, struct entry *entry, struct name *name)
{
	if (!name->text)
		return;
	count_bytes(names, entry->client, -(ptrdiff_t)strlen(name->text) - 1);
	free(name->text);
	*name = (struct name){ 0 };
}

static void client_end(struct dns_names *names, struct client *client)
{
	if (names->hand == &client->item)
		names->hand = client->item.newer;
	dns_index_remove(&client->link);
	dns_list_remove(&names->all, &client->item);
	names->stats.bytes -= sizeof(*client);
	names->stats.clients--;
	free(client);
}

static void entry_end(struct dns_names *names, struct entry *entry)
{
	struct client *client = entry->client;

	for (int i = 0; i < FLOW_NAMES_MAX; i++)
		name_drop(names, entry, &entry->name[i]);
	dns_index_remove(&entry->link);
	dns_list_remove(&client->entries, &entry->item);
	count_bytes(names, client, -(ptrdiff_t)sizeof(*entry));
	names->stats.addresses--;
	free(entry);
	if (!client->entries.oldest)
		client_end(names, client);
}

void dns_names_close(struct dns_names *names)
{
	if (!names)
		return;
	while (names->all.oldest) {
		struct client *client = DNS_HOLDER(names->all.oldest, struct client, item);

		entry_end(names, DNS_HOLDER(client->entries.oldest, struct entry, item));
	}
	dns_index_fini(&names->clients);
	dns_index_fini(&names->entries);
	free(names);
}

static struct client *next_client(struct dns_names *names)
{
	struct dns_item *item = names->hand ? names->hand : names->all.oldest;

	names->hand = item->newer;
	return DNS_HOLDER(item, struct client, item);
}

/* Whoever holds most, of the one that adds and of some others in turn. */
static struct client *heaviest(struct dns_names *names, struct client *adding)
{
	struct client *heaviest = adding;

	for (int i = 0; i < CLIENTS_COMPARED; i++) {
		struct client *client = next_client(names);

		if (client->bytes > heaviest->bytes)
			heaviest = client;
	}
	return heaviest;
}

static bool is_valid(const struct entry *entry, uint64_t now_ns)
{
	for (int i = 0; i < FLOW_NAMES_MAX; i++)
		if (entry->name[i].text && entry->name[i].until_ns >= now_ns)
			return true;
	return false;
}

static void make_room(struct dns_names *names, struct entry *keep)
{
	while (names->stats.bytes > names->options.max_bytes) {
		struct client *client = heaviest(names, keep->client);
		struct entry *victim = DNS_HOLDER(client->entries.oldest, struct entry, item);

		if (victim == keep)
			return;
		names->stats.evicted += is_valid(victim, names->now_ns);
		entry_end(names, victim);
	}
}

/* ---- finding and making -----------------------------------------------------------------------
 */

static uint64_t pair_hash(const struct dns_names *names, const uint8_t client[16],
			  const uint8_t address[16])
{
	uint8_t pair[32];

	memcpy(pair, client, 16);
	memcpy(pair + 16, address, 16);
	return dns_hash(names->options.seed, pair, sizeof(pair));
}

static struct entry *entry_find(const struct dns_names *names, const uint8_t client[16],
				const uint8_t address[16], uint64_t hash)
{
	struct dns_link *link = dns_index_first(&names->entries, hash);

	for (; link; link = dns_index_next(link)) {
		struct entry *entry = DNS_HOLDER(link, struct entry, link);

		if (!memcmp(entry->address, address, 16) &&
		    !memcmp(entry->client->address, client, 16))
			return entry;
	}
	return NULL;
}

static struct client *client_of(struct dns_names *names, const uint8_t address[16])
{
	uint64_t hash = dns_hash(names->options.seed, address, 16);
	struct dns_link *link = dns_index_first(&names->clients, hash);
	struct client *client;

	for (; link; link = dns_index_next(link)) {
		client = DNS_HOLDER(link, struct client, link);
		if (!memcmp(client->address, address, 16))
			return client;
	}
	client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	memcpy(client->address, address, 16);
	dns_index_add(&names->clients, &client->link, hash);
	dns_list_add(&names->all, &client->item);
	names->stats.bytes += sizeof(*client);
	names->stats.clients++;
	return client;
}

static struct entry *entry_make(struct dns_names *names, const uint8_t client[16],
				const uint8_t address[16], uint64_t hash)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->client = client_of(names, client);
	if (!entry->client) {
		free(entry);
		return NULL;
	}
	memcpy(entry->address, address, 16);
	dns_index_add(&names->entries, &entry->link, hash);
	dns_list_add(&entry->client->entries, &entry->item);
	count_bytes(names, entry->client, sizeof(*entry));
	names->stats.addresses++;
	return entry;
}

static void entry_use(struct entry *entry)
{
	dns_list_remove(&entry->client->entries, &entry->item);
	dns_list_add(&entry->client->entries, &entry->item);
}

/* The slot of the name, or the last one, emptied; moved to the front. */
static struct name *name_slot(struct dns_names *names, struct entry *entry, const char *text,
			      size_t length)
{
	struct name slot;
	int at = 0;

	while (at < FLOW_NAMES_MAX - 1 && entry->name[at].text &&
	       (strncmp(entry->name[at].text, text, length) || entry->name[at].text[length]))
		at++;
	slot = entry->name[at];
	memmove(&entry->name[1], &entry->name[0], (size_t)at * sizeof(slot));
	entry->name[0] = slot;
	if (slot.text && (strncmp(slot.text, text, length) || slot.text[length]))
		name_drop(names, entry, &entry->name[0]);
	return &entry->name[0];
}

static void name_set(struct dns_names *names, struct entry *entry, const char *text,
		     uint64_t now_ns, uint64_t until_ns)
{
	size_t length = strlen(text);
	struct name *name;

	if (length && text[length - 1] == '.')
		length--;
	name = name_slot(names, entry, text, length);
	if (!name->text) {
		name->text = strndup(text, length);
		name->from_ns = now_ns;
		name->until_ns = 0;
		if (!name->text)
			return;
		count_bytes(names, entry->client, (ptrdiff_t)length + 1);
	}
	if (until_ns > name->until_ns)
		name->until_ns = until_ns;
}

void dns_names_add(struct dns_names *names, const uint8_t client[16], const uint8_t address[16],
		   const char *name, uint32_t ttl_s, uint64_t now_ns)
{
	uint64_t hash = pair_hash(names, client, address);
	struct entry *entry = entry_find(names, client, address, hash);

	if (!entry)
		entry = entry_make(names, client, address, hash);
	if (!entry)
		return;
	if (now_ns > names->now_ns)
		names->now_ns = now_ns;
	entry_use(entry);
	name_set(names, entry, name, now_ns,
		 now_ns + ttl_s * UINT64_C(1000000000) + names->options.grace_ns);
	make_room(names, entry);
}

const char *dns_names_find(struct dns_names *names, const uint8_t client[16],
			   const uint8_t address[16], uint64_t at_ns, char *room)
{
	struct entry *entry = entry_find(names, client, address, pair_hash(names, client, address));
	size_t used = 0, size;

	if (!entry)
		return NULL;
	for (int i = 0; i < FLOW_NAMES_MAX && entry->name[i].text; i++) {
		const struct name *name = &entry->name[i];

		size = strlen(name->text) + 1;
		if (name->from_ns > at_ns || name->until_ns < at_ns ||
		    used + size + 1 > FLOW_NAMES_SIZE)
			continue;
		memcpy(room + used, name->text, size);
		used += size;
	}
	room[used] = '\0';
	if (used)
		entry_use(entry);
	return used ? room : NULL;
}

void dns_names_stats(const struct dns_names *names, struct dns_names_stats *stats)
{
	*stats = names->stats;
}
