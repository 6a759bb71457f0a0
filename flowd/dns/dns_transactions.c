/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/dns/dns_transactions.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/dns/dns_index.h"

#define PORT_MDNS 5353 /* RFC 6762: answers are for everybody */

enum state { WAITING, OVERDUE, ANSWERED, STATES };

struct transaction {
	struct dns_link by_id, by_question;
	struct dns_item item; /* in the list of its state, by when it got there */
	struct dns_query query;
	uint64_t moved_ns; /* when it got into its state, or was sent again */
	uint8_t state;
	uint8_t quiet;	       /* nobody need answer: it was asked to a group */
	uint8_t truncated;     /* the answer was */
	struct flow_dns dns[]; /* of the query, with what lies behind it */
};

struct dns_transactions {
	struct dns_transactions_options options;
	struct dns_index by_id, by_question;
	struct dns_list lists[STATES];
	struct dns_transactions_stats stats;
	uint64_t began_ns;   /* the first packet */
	uint64_t evicted_ns; /* the latest time that a waiting one was forgotten */
};

int dns_transactions_open(struct dns_transactions **out,
			  const struct dns_transactions_options *options)
{
	struct dns_transactions *transactions = calloc(1, sizeof(*transactions));

	if (!transactions)
		return -ENOMEM;
	transactions->options = *options;
	if (dns_index_init(&transactions->by_id, options->max_pending) ||
	    dns_index_init(&transactions->by_question, options->max_pending)) {
		dns_transactions_close(transactions);
		return -ENOMEM;
	}
	*out = transactions;
	return 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static struct transaction *oldest(const struct dns_transactions *transactions, enum state state)
{
	struct dns_item *item = transactions->lists[state].oldest;

	return item ? DNS_HOLDER(item, struct transaction, item) : NULL;
}

static void transaction_move(struct dns_transactions *transactions, struct transaction *transaction,
			     enum state state, uint64_t now_ns)
{
	dns_list_remove(&transactions->lists[transaction->state], &transaction->item);
	transaction->state = (uint8_t)state;
	transaction->moved_ns = now_ns;
	dns_list_add(&transactions->lists[state], &transaction->item);
}

static void transaction_end(struct dns_transactions *transactions, struct transaction *transaction)
{
	dns_index_remove(&transaction->by_id);
	dns_index_remove(&transaction->by_question);
	dns_list_remove(&transactions->lists[transaction->state], &transaction->item);
	transactions->stats.pending--;
	free(transaction);
}

void dns_transactions_close(struct dns_transactions *transactions)
{
	if (!transactions)
		return;
	for (int state = 0; state < STATES; state++)
		while (oldest(transactions, (enum state)state))
			transaction_end(transactions, oldest(transactions, (enum state)state));
	dns_index_fini(&transactions->by_id);
	dns_index_fini(&transactions->by_question);
	free(transactions);
}

static void make_room(struct dns_transactions *transactions, uint64_t now_ns)
{
	static const enum state order[STATES] = { ANSWERED, OVERDUE, WAITING };

	if (transactions->stats.pending < transactions->options.max_pending)
		return;
	for (int i = 0; i < STATES; i++) {
		struct transaction *victim = oldest(transactions, order[i]);

		if (!victim)
			continue;
		if (order[i] == WAITING && !victim->quiet) {
			transactions->stats.evicted++;
			transactions->evicted_ns = now_ns;
		}
		transaction_end(transactions, victim);
		return;
	}
}

/* ---- finding ----------------------------------------------------------------------------------
 */

/* What a query and its answer share, whoever answers. */
static uint64_t id_hash(const struct dns_transactions *transactions, const uint8_t client[16],
			uint16_t port, uint8_t protocol, uint16_t id)
{
	struct {
		uint8_t client[16];
		uint16_t port, id, protocol, pad;
	} words = { .port = port, .id = id, .protocol = protocol };

	memcpy(words.client, client, sizeof(words.client));
	return dns_hash(transactions->options.seed, &words, sizeof(words));
}

static uint16_t first_type(const struct flow_dns *dns)
{
	return dns->qtype_count ? flow_dns_qtypes(dns)[0] : 0;
}

static uint64_t question_hash(const struct dns_transactions *transactions, const uint8_t client[16],
			      const struct flow_dns *dns)
{
	char words[16 + 2 + FLOW_DNS_NAME];
	const char *query = flow_dns_query(dns);
	uint16_t type = first_type(dns);
	size_t length = strlen(query);

	memcpy(words, client, 16);
	memcpy(words + 16, &type, 2);
	memcpy(words + 18, query, length);
	return dns_hash(transactions->options.seed, words, 18 + length);
}

static bool same_question(const struct flow_dns *left, const struct flow_dns *right)
{
	return first_type(left) == first_type(right) &&
	       !strcmp(flow_dns_query(left), flow_dns_query(right));
}

/* The answer to it would be this one; some servers leave the question out of an error. */
static bool is_answer_to(const struct transaction *transaction, const struct dns_packet *packet,
			 const struct flow_dns *dns)
{
	const struct flow_key *query = &transaction->query.key;

	return transaction->dns->id == dns->id && query->protocol == packet->key.protocol &&
	       query->src_port == packet->key.dst_port &&
	       !memcmp(query->src, packet->key.dst, sizeof(query->src)) &&
	       (!dns->qtype_count || same_question(transaction->dns, dns));
}

static bool is_from_server(const struct transaction *transaction, const struct dns_packet *packet)
{
	const struct flow_key *query = &transaction->query.key;

	return query->dst_port == packet->key.src_port &&
	       !memcmp(query->dst, packet->key.src, sizeof(query->dst));
}

/* From the server that was asked, else from any. */
static struct transaction *find_query(const struct dns_transactions *transactions,
				      const struct dns_packet *packet, const struct flow_dns *dns)
{
	uint64_t hash = id_hash(transactions, packet->key.dst, packet->key.dst_port,
				packet->key.protocol, dns->id);
	struct dns_link *link = dns_index_first(&transactions->by_id, hash);
	struct transaction *other = NULL;

	for (; link; link = dns_index_next(link)) {
		struct transaction *transaction = DNS_HOLDER(link, struct transaction, by_id);

		if (!is_answer_to(transaction, packet, dns))
			continue;
		if (is_from_server(transaction, packet))
			return transaction;
		if (!other)
			other = transaction;
	}
	return other;
}

static struct transaction *find_same(const struct dns_transactions *transactions,
				     const struct dns_packet *packet, const struct flow_dns *dns)
{
	uint64_t hash = id_hash(transactions, packet->key.src, packet->key.src_port,
				packet->key.protocol, dns->id);
	struct dns_link *link = dns_index_first(&transactions->by_id, hash);

	for (; link; link = dns_index_next(link)) {
		struct transaction *transaction = DNS_HOLDER(link, struct transaction, by_id);

		if (transaction->dns->id == dns->id && same_question(transaction->dns, dns) &&
		    !memcmp(&transaction->query.key, &packet->key, sizeof(packet->key)))
			return transaction;
	}
	return NULL;
}

/* The latest query of the same question. */
static const struct transaction *find_question(const struct dns_transactions *transactions,
					       const struct dns_packet *packet,
					       const struct flow_dns *dns, uint64_t hash)
{
	struct dns_link *link = dns_index_first(&transactions->by_question, hash);

	for (; link; link = dns_index_next(link)) {
		struct transaction *transaction = DNS_HOLDER(link, struct transaction, by_question);

		if (same_question(transaction->dns, dns) &&
		    !memcmp(transaction->query.key.src, packet->key.src, sizeof(packet->key.src)))
			return transaction;
	}
	return NULL;
}

/* ---- queries ----------------------------------------------------------------------------------
 */

static bool is_group(const struct flow_key *key)
{
	const uint8_t *address = key->dst;

	if (key->scope & FLOW_SCOPE_IPV6)
		return address[0] == 0xff;
	return address[12] >= 224 && address[12] < 240;
}

static bool is_mdns(const struct flow_key *key)
{
	return key->src_port == PORT_MDNS && (key->dst_port == PORT_MDNS || is_group(key));
}

/* What the new query continues. */
static void join_question(struct dns_transactions *transactions, struct transaction *transaction,
			  const struct transaction *before, struct flow_dns *dns)
{
	struct dns_query *query = &transaction->query;
	bool unanswered = before->state != ANSWERED;

	if (unanswered && query->first_ns - before->query.last_ns >= DNS_RETRY_MIN_NS) {
		query->retries = (uint16_t)(before->query.retries + 1);
		transactions->stats.retries++;
	} else if (!unanswered && before->truncated && query->key.protocol == IPPROTO_TCP &&
		   before->query.key.protocol == IPPROTO_UDP) {
		query->retries = before->query.retries;
		dns->flags |= FLOW_DNS_TCP_RETRY;
		transactions->stats.tcp_retries++;
	} else {
		return;
	}
	query->asked_ns = before->query.asked_ns;
	dns->retries = query->retries;
	dns->waited_ns = query->first_ns - query->asked_ns;
}

static void ask_again(struct dns_transactions *transactions, struct transaction *transaction,
		      uint64_t now_ns, struct flow_dns *dns)
{
	struct dns_query *query = &transaction->query;

	query->last_ns = now_ns;
	dns->retries = ++query->retries;
	dns->waited_ns = now_ns - query->asked_ns;
	transactions->stats.retries++;
	transaction_move(transactions, transaction, WAITING, now_ns);
}

static struct transaction *transaction_make(const struct dns_packet *packet,
					    const struct flow_dns *dns)
{
	struct transaction *transaction = calloc(1, sizeof(*transaction) + dns->size);

	if (!transaction)
		return NULL;
	transaction->query = (struct dns_query){ .key = packet->key,
						 .first_ns = packet->time_ns,
						 .last_ns = packet->time_ns,
						 .asked_ns = packet->time_ns,
						 .point = packet->point,
						 .dns = transaction->dns };
	memcpy(transaction->query.eth_src, packet->eth_src, sizeof(packet->eth_src));
	transaction->moved_ns = packet->time_ns;
	transaction->quiet = is_group(&packet->key);
	return transaction;
}

static void ask_new(struct dns_transactions *transactions, const struct dns_packet *packet,
		    struct flow_dns *dns)
{
	uint64_t question = question_hash(transactions, packet->key.src, dns);
	const struct transaction *before = find_question(transactions, packet, dns, question);
	struct transaction *transaction = transaction_make(packet, dns);

	if (!transaction) {
		transactions->stats.evicted++;
		return;
	}
	if (before)
		join_question(transactions, transaction, before, dns);
	memcpy(transaction->dns, dns, dns->size);
	make_room(transactions, packet->time_ns);
	dns_index_add(&transactions->by_id, &transaction->by_id,
		      id_hash(transactions, packet->key.src, packet->key.src_port,
			      packet->key.protocol, dns->id));
	dns_index_add(&transactions->by_question, &transaction->by_question, question);
	dns_list_add(&transactions->lists[WAITING], &transaction->item);
	transactions->stats.pending++;
}

void dns_transactions_ask(struct dns_transactions *transactions, const struct dns_packet *packet,
			  struct flow_dns *dns)
{
	struct transaction *same;

	transactions->stats.queries++;
	if (!transactions->began_ns)
		transactions->began_ns = packet->time_ns;
	if (is_mdns(&packet->key))
		return;
	same = find_same(transactions, packet, dns);
	if (same && same->state != ANSWERED) {
		ask_again(transactions, same, packet->time_ns, dns);
		return;
	}
	if (same)
		transaction_end(transactions, same);
	ask_new(transactions, packet, dns);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* Whether a query for it would have been seen and remembered. */
static bool would_know(const struct dns_transactions *transactions, uint64_t now_ns)
{
	uint64_t timeout = transactions->options.timeout_ns;

	return transactions->began_ns && now_ns >= transactions->began_ns + timeout &&
	       (!transactions->evicted_ns || now_ns >= transactions->evicted_ns + timeout);
}

static void answer_unknown(struct dns_transactions *transactions, const struct dns_packet *packet,
			   struct flow_dns *dns)
{
	if (is_group(&packet->key) || is_mdns(&packet->key) ||
	    !would_know(transactions, packet->time_ns))
		return;
	dns->flags |= FLOW_DNS_UNSOLICITED;
	transactions->stats.unsolicited++;
}

static void judge_answer(struct dns_transactions *transactions,
			 const struct transaction *transaction, const struct dns_packet *packet,
			 struct flow_dns *dns)
{
	struct dns_transactions_stats *stats = &transactions->stats;

	if (transaction->state == ANSWERED) {
		dns->flags |= FLOW_DNS_DUPLICATE;
		stats->duplicates++;
	} else if (transaction->state == OVERDUE) {
		dns->flags |= FLOW_DNS_LATE;
		stats->late++;
	}
	stats->answered += transaction->state != ANSWERED;
	if (is_from_server(transaction, packet) || transaction->quiet)
		return;
	dns->flags |= FLOW_DNS_OTHER_SERVER;
	stats->other_server++;
}

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static void time_answer(const struct dns_query *query, uint64_t now_ns, struct flow_dns *dns)
{
	dns->latency_ns = since(now_ns, query->first_ns);
	if (query->asked_ns != query->first_ns)
		dns->waited_ns = since(now_ns, query->asked_ns);
	dns->retries = query->retries;
	dns->flags |= query->dns->flags & FLOW_DNS_TCP_RETRY;
}

const struct dns_query *dns_transactions_answer(struct dns_transactions *transactions,
						const struct dns_packet *packet,
						struct flow_dns *dns)
{
	struct transaction *transaction;

	transactions->stats.responses++;
	if (!transactions->began_ns)
		transactions->began_ns = packet->time_ns;
	transaction = is_mdns(&packet->key) ? NULL : find_query(transactions, packet, dns);
	if (!transaction) {
		answer_unknown(transactions, packet, dns);
		return NULL;
	}
	time_answer(&transaction->query, packet->time_ns, dns);
	judge_answer(transactions, transaction, packet, dns);
	memcpy(dns->server, transaction->query.key.dst, sizeof(dns->server));
	if (transaction->quiet && transaction->state == WAITING)
		return &transaction->query; /* others may answer too */
	transaction->truncated = !!(dns->flags & FLOW_DNS_TRUNCATED);
	transaction_move(transactions, transaction, ANSWERED, packet->time_ns);
	return &transaction->query;
}

/* ---- time -------------------------------------------------------------------------------------
 */

static void forget(struct dns_transactions *transactions, enum state state, uint64_t before_ns)
{
	struct transaction *transaction;

	while ((transaction = oldest(transactions, state)) && transaction->moved_ns <= before_ns)
		transaction_end(transactions, transaction);
}

void dns_transactions_age(struct dns_transactions *transactions, uint64_t now_ns,
			  dns_timeout_fn tell, void *context)
{
	uint64_t timeout = transactions->options.timeout_ns;
	struct transaction *transaction;

	while ((transaction = oldest(transactions, WAITING)) &&
	       transaction->moved_ns + timeout <= now_ns) {
		if (transaction->quiet) {
			transaction_end(transactions, transaction);
			continue;
		}
		transactions->stats.timeouts++;
		tell(context, &transaction->query);
		transaction_move(transactions, transaction, OVERDUE,
				 transaction->moved_ns + timeout);
	}
	if (now_ns > DNS_ANSWERED_NS)
		forget(transactions, ANSWERED, now_ns - DNS_ANSWERED_NS);
	if (now_ns > DNS_LATE_NS)
		forget(transactions, OVERDUE, now_ns - DNS_LATE_NS);
}

void dns_transactions_stats(const struct dns_transactions *transactions,
			    struct dns_transactions_stats *stats)
{
	*stats = transactions->stats;
}
