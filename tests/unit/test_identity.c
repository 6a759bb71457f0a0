/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables behind identity: who owns what, from when to when, and what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flowd/identity/endpoint_pool.h"
#include "flowd/identity/json_file.h"
#include "flowd/identity/kube_object.h"
#include "flowd/identity/kube_store.h"
#include "flowd/identity/lru.h"
#include "flowd/identity/netns_read.h"
#include "flowd/identity/owner_table.h"
#include "proto/address.h"

#define S 1000000000ull

static void set_address(uint8_t address[16], const char *text)
{
	int version;

	assert_int_equal(address_parse(text, address, &version), 0);
}

/* ---- lru ------------------------------------------------------------------------------------ */

struct counted {
	uint64_t key, value;
};

static void test_lru(void **state)
{
	struct lru *lru;
	uint64_t key;

	(void)state;
	assert_int_equal(lru_open(&lru, sizeof(struct counted), sizeof(uint64_t), 100, NULL), 0);
	for (key = 0; key < 100; key++)
		((struct counted *)lru_make(lru, &key))->value = key * 3;
	key = 0;
	assert_non_null(lru_find(lru, &key)); /* so that it is not the longest unused */
	for (key = 100; key < 150; key++)
		((struct counted *)lru_make(lru, &key))->value = key * 3;
	assert_int_equal(lru_count(lru), 100);
	assert_int_equal(lru_dropped(lru), 50);
	for (key = 0; key < 150; key++) {
		const struct counted *found = lru_find(lru, &key);

		assert_int_equal(found != NULL, key == 0 || key > 50);
		if (found)
			assert_int_equal(found->value, key * 3);
	}
	lru_close(lru);
}

/* ---- pool ----------------------------------------------------------------------------------- */

static void test_pool(void **state)
{
	struct flow_endpoint web = { .text = { [ENDPOINT_POD] = "shop/web" },
				     .labels = "k8s:app=web",
				     .label_count = 1 };
	struct flow_endpoint other = web;
	const struct flow_endpoint *kept, *held;
	struct endpoint_pool *pool;

	(void)state;
	assert_int_equal(endpoint_pool_open(&pool, 60 * S), 0);
	kept = endpoint_pool_keep(pool, &web, 1 * S);
	assert_ptr_equal(kept, endpoint_pool_keep(pool, &web, 2 * S));
	other.labels = "k8s:app=db";
	held = endpoint_pool_keep(pool, &other, 1 * S);
	assert_ptr_not_equal(kept, held);
	assert_string_equal(endpoint_label(held, 0), "k8s:app=db");
	assert_null(kept->text[ENDPOINT_NODE]);
	endpoint_pool_used(pool, kept, 10, 3 * S);
	endpoint_pool_hold(held);
	endpoint_pool_sweep(pool, 10, 1000 * S); /* still in history */
	assert_int_equal(endpoint_pool_count(pool), 2);
	endpoint_pool_sweep(pool, 11, 50 * S); /* a reader may still have it */
	assert_int_equal(endpoint_pool_count(pool), 2);
	endpoint_pool_sweep(pool, 11, 64 * S);
	assert_int_equal(endpoint_pool_count(pool), 1);
	endpoint_pool_release(held);
	endpoint_pool_sweep(pool, 11, 64 * S);
	assert_int_equal(endpoint_pool_count(pool), 0);
	endpoint_pool_close(pool);
}

/* ---- owners --------------------------------------------------------------------------------- */

static struct owner_socket owner(uint16_t type, uint64_t cookie, uint32_t pid, uint64_t time_ns)
{
	struct owner_socket socket = {
		.event = { .type = type, .size = sizeof(socket), .time_ns = time_ns },
		.cookie = cookie,
		.cgroup_id = pid * 100,
		.netns = 7,
		.pid = pid,
		.protocol = 6,
		.local_port = 40000,
		.remote_port = 80
	};

	set_address(socket.local, "10.0.0.1");
	set_address(socket.remote, "10.0.0.2");
	return socket;
}

static struct flow_key owner_flow(void)
{
	struct flow_key key = { .src_port = 40000, .dst_port = 80, .protocol = 6 };

	set_address(key.src, "10.0.0.1");
	set_address(key.dst, "10.0.0.2");
	return key;
}

/* A tuple that is used again belongs to each owner for its own time, and to nobody in between. */
static void test_owner_times(void **state)
{
	struct owner_socket first = owner(OWNER_EVENT_CONNECT, 1, 11, 10 * S);
	struct owner_socket second = owner(OWNER_EVENT_CONNECT, 2, 22, 20 * S);
	struct flow_key key = owner_flow();
	struct owner_table *table;
	struct owner_known known;

	(void)state;
	assert_int_equal(owner_table_open(&table, 1024), 0);
	assert_int_equal(owner_table_sender(table, &key, 9 * S, 12 * S, &known), OWNER_NONE);
	owner_table_tell(table, &first.event);
	assert_int_equal(owner_table_sender(table, &key, 9 * S, 12 * S, &known), OWNER_FOUND);
	assert_int_equal(known.pid, 11);
	owner_table_tell(table, &second.event);
	assert_int_equal(owner_table_sender(table, &key, 10 * S, 15 * S, &known), OWNER_FOUND);
	assert_int_equal(known.pid, 11);
	assert_int_equal(owner_table_sender(table, &key, 20 * S, 25 * S, &known), OWNER_FOUND);
	assert_int_equal(known.pid, 22);
	assert_int_equal(owner_table_sender(table, &key, 10 * S, 25 * S, &known), OWNER_AMBIGUOUS);
	owner_table_close(table);
}

/* A packet tells by its cookie whose socket sent it. */
static void test_owner_packet(void **state)
{
	struct owner_socket made = owner(OWNER_EVENT_CREATE, 5, 55, 1 * S);
	struct owner_packet packet = {
		.event = { .type = OWNER_EVENT_PACKET, .size = sizeof(packet), .time_ns = 2 * S },
		.cookie = 5,
		.key = owner_flow()
	};
	struct flow_key key = owner_flow();
	struct owner_table *table;
	struct owner_known known;

	(void)state;
	made.local_port = made.remote_port = 0;
	assert_int_equal(owner_table_open(&table, 1024), 0);
	owner_table_tell(table, &made.event);
	assert_int_equal(owner_table_sender(table, &key, 2 * S, 3 * S, &known), OWNER_NONE);
	owner_table_tell(table, &packet.event);
	assert_int_equal(owner_table_sender(table, &key, 2 * S, 3 * S, &known), OWNER_FOUND);
	assert_int_equal(known.pid, 55);
	owner_table_close(table);
}

/* Listeners: in their namespace, on their address, the latest, or the one of the cgroup. */
static void test_listeners(void **state)
{
	struct owner_socket any = owner(OWNER_EVENT_LISTEN, 1, 1, 1 * S);
	struct owner_socket one = owner(OWNER_EVENT_LISTEN, 2, 2, 2 * S);
	struct owner_table *table;
	struct owner_known known;
	uint8_t address[16], other[16];

	(void)state;
	any.local_port = one.local_port = 80;
	any.remote_port = one.remote_port = 0;
	memset(any.local, 0, 16);
	set_address(address, "10.0.0.1");
	set_address(other, "10.0.0.9");
	assert_int_equal(owner_table_open(&table, 1024), 0);
	owner_table_tell(table, &any.event);
	owner_table_tell(table, &one.event);
	assert_int_equal(owner_table_listener(table, 7, 6, address, 80, 0, 9 * S, &known),
			 OWNER_FOUND);
	assert_int_equal(known.pid, 2);
	assert_int_equal(owner_table_listener(table, 7, 6, other, 80, 0, 9 * S, &known),
			 OWNER_FOUND);
	assert_int_equal(known.pid, 1);
	assert_int_equal(owner_table_listener(table, 7, 6, address, 80, 100, 9 * S, &known),
			 OWNER_FOUND);
	assert_int_equal(known.pid, 1);
	assert_int_equal(owner_table_listener(table, 8, 6, address, 80, 0, 9 * S, &known),
			 OWNER_NONE);
	assert_int_equal(owner_table_listener(table, 7, 17, address, 80, 0, 9 * S, &known),
			 OWNER_NONE);
	owner_table_close(table);
}

/* ---- proc ----------------------------------------------------------------------------------- */

static void test_trie(void **state)
{
	static const char *const lines[] = {
		"Main:\n",
		"  +-- 0.0.0.0/0 3 0 5\n",
		"     |-- 0.0.0.0\n",
		"        /0 universe UNICAST\n",
		"           |-- 10.1.2.0\n",
		"              /24 link UNICAST\n",
		"           |-- 10.1.2.3\n",
		"              /32 host LOCAL\n",
		"        |-- 10.1.2.255\n",
		"           /32 link BROADCAST\n",
	};
	struct netns_trie trie = { .leaf = 0 };
	uint8_t expected[16];
	unsigned int found = 0;

	(void)state;
	set_address(expected, "10.1.2.3");
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (!netns_read_trie_line(&trie, lines[i]))
			continue;
		assert_memory_equal(trie.address, expected, 16);
		found++;
	}
	assert_int_equal(found, 1);
	set_address(expected, "fe80::1:2");
	assert_int_equal(netns_read_inet6_line("fe800000000000000000000000010002 02 40 20 80 eth0",
					       trie.address),
			 1);
	assert_memory_equal(trie.address, expected, 16);
}

/* ---- Kubernetes ----------------------------------------------------------------------------- */

static struct kube_object *pod(const char *uid, const char *address)
{
	char text[512];
	struct json_object *json;
	struct kube_object *object;

	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"p-%s\",\"namespace\":\"n\",\"uid\":\"%s\","
		 "\"labels\":{\"app\":\"x\"}},\"spec\":{\"nodeName\":\"a\"},"
		 "\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"%s\"}],"
		 "\"containerStatuses\":[{\"name\":\"c\",\"containerID\":\"containerd://%s-c\"}]}}",
		 uid, uid, address, uid);
	json = json_tokener_parse(text);
	object = kube_object_read(KUBE_POD, json);
	json_object_put(json);
	assert_non_null(object);
	return object;
}

static const char *who(struct kube_store *store, const char *address, uint64_t first, uint64_t last)
{
	const struct kube_object *object;
	uint8_t bytes[16];
	bool moved;

	set_address(bytes, address);
	object = kube_store_by_address(store, KUBE_POD, bytes, first, last, &moved);
	return moved ? "moved" : object ? object->uid : "nobody";
}

static void test_kube_addresses(void **state)
{
	struct kube_store *store;

	(void)state;
	assert_int_equal(kube_store_open(&store, 600 * S), 0);
	kube_store_news(store, KUBE_NEWS_CHANGED, KUBE_POD, pod("a", "10.0.0.1"), 100 * S);
	assert_string_equal(who(store, "10.0.0.1", 50 * S, 101 * S), "a");
	assert_string_equal(kube_store_pod_by_container(store, "a-c")->uid, "a");
	kube_store_news(store, KUBE_NEWS_GONE, KUBE_POD, pod("a", "10.0.0.1"), 200 * S);
	kube_store_news(store, KUBE_NEWS_CHANGED, KUBE_POD, pod("b", "10.0.0.1"), 210 * S);
	assert_string_equal(who(store, "10.0.0.1", 150 * S, 160 * S), "a");
	assert_string_equal(who(store, "10.0.0.1", 220 * S, 230 * S), "b");
	assert_string_equal(who(store, "10.0.0.1", 150 * S, 230 * S), "moved");
	/* a list without it: it has gone */
	kube_store_news(store, KUBE_NEWS_LIST, KUBE_POD, NULL, 300 * S);
	kube_store_news(store, KUBE_NEWS_CHANGED, KUBE_POD, pod("c", "10.0.0.3"), 300 * S);
	kube_store_news(store, KUBE_NEWS_LISTED, KUBE_POD, NULL, 300 * S);
	assert_string_equal(who(store, "10.0.0.1", 310 * S, 320 * S), "nobody");
	assert_string_equal(who(store, "10.0.0.3", 310 * S, 320 * S), "c");
	kube_store_sweep(store, 2000 * S);
	assert_int_equal(kube_store_count(store), 1);
	kube_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lru),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_owner_times),
		cmocka_unit_test(test_owner_packet),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_trie),
		cmocka_unit_test(test_kube_addresses),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
