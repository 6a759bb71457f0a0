/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/engine_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/identity/engine_answer.h"

#define ENGINE_QUESTIONS 256
#define ENGINE_TRIES	 8
#define ENGINE_PAUSE_NS	 (50 * CLOCK_MS) /* before the second try; twice as long each time */
#define ENGINE_TIMEOUT_S 5L
#define ENGINE_BODY_MAX	 (1u << 20)
#define ENGINE_POLL_MS	 200
#define ENGINE_NOT_FOUND 404

enum engine_state { ENGINE_FREE, ENGINE_WAITING, ENGINE_ASKING, ENGINE_ANSWERED };

struct engine_question {
	enum engine_state state;
	char id[ENGINE_ID_SIZE];
	unsigned int tries;
	uint64_t due_ns;
	struct container_facts *facts; /* ANSWERED; NULL: there is no such container */
};

struct engine_client {
	struct engine_client_options options;
	char *socket;
	pthread_mutex_t lock; /* of questions and stats */
	pthread_cond_t asked;
	struct engine_question questions[ENGINE_QUESTIONS];
	struct engine_client_stats stats;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	/* the thread's own */
	CURLM *multi;
	char *body;
	size_t used;
};

/* ---- one request ---------------------------------------------------------------------------- */

static size_t engine_receive(char *data, size_t one, size_t size, void *context)
{
	struct engine_client *client = context;
	char *more;

	(void)one;
	if (client->used + size > ENGINE_BODY_MAX)
		return 0;
	more = realloc(client->body, client->used + size + 1);
	if (!more)
		return 0;
	client->body = more;
	memcpy(more + client->used, data, size);
	client->used += size;
	more[client->used] = '\0';
	return size;
}

static CURL *engine_prepare(struct engine_client *client, const char *id)
{
	CURL *easy = curl_easy_init();
	char url[128];

	if (!easy)
		return NULL;
	client->used = 0;
	snprintf(url, sizeof(url), "http://localhost/containers/%s/json", id);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->socket);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, engine_receive);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "flowd/" FLOWD_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, ENGINE_TIMEOUT_S);
	/* A connection that waits for the next container would keep an activated engine running. */
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	return easy;
}

/* Until it is done, or the client is closed. */
static CURLcode engine_perform(struct engine_client *client, CURL *easy)
{
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	CURLMsg *message;
	int running = 1, left;

	curl_multi_add_handle(client->multi, easy);
	while (running && !atomic_load(&client->stop)) {
		curl_multi_perform(client->multi, &running);
		if (running)
			curl_multi_poll(client->multi, NULL, 0, ENGINE_POLL_MS, NULL);
	}
	while ((message = curl_multi_info_read(client->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			result = message->data.result;
	curl_multi_remove_handle(client->multi, easy);
	return result;
}

/* 0: `facts` are filled, or NULL where there is no such container; else a reason in `why`. */
static int engine_request(struct engine_client *client, const char *id,
			  struct container_facts **facts, char *why, size_t size)
{
	CURL *easy = engine_prepare(client, id);
	CURLcode result = easy ? engine_perform(client, easy) : CURLE_OUT_OF_MEMORY;
	long code = 0, system_error = 0;
	int err = 0;

	*facts = NULL;
	if (easy) {
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
		curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &system_error);
		curl_easy_cleanup(easy);
	}
	if (result != CURLE_OK) {
		snprintf(why, size, "%s",
			 result == CURLE_COULDNT_CONNECT && system_error
				 ? strerror((int)system_error)
				 : curl_easy_strerror(result));
		return system_error ? -(int)system_error : -EIO;
	}
	if (code == ENGINE_NOT_FOUND)
		return 0;
	*facts = code == 200 && client->used ? malloc(sizeof(**facts)) : NULL;
	err = *facts ? engine_answer_read(client->body, *facts) : -EPROTO;
	if (!err)
		return 0;
	snprintf(why, size, "HTTP status %ld, %s", code,
		 code == 200 ? "and no container in its answer" : "where 200 was expected");
	free(*facts);
	*facts = NULL;
	return err;
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* The question that has waited longest of those that are due; NULL and in *next_ns when one is. */
static struct engine_question *engine_next(struct engine_client *client, uint64_t now_ns,
					   uint64_t *next_ns)
{
	struct engine_question *first = NULL;

	for (int i = 0; i < ENGINE_QUESTIONS; i++) {
		struct engine_question *question = &client->questions[i];

		if (question->state == ENGINE_WAITING &&
		    (!first || question->due_ns < first->due_ns))
			first = question;
	}
	*next_ns = first ? first->due_ns : now_ns + 3600 * CLOCK_S;
	return first && first->due_ns <= now_ns ? first : NULL;
}

/* A machine without the engine has no socket, which is nothing to warn of. */
static void engine_told(struct engine_client *client, const char *why, int err)
{
	bool ill = *client->stats.why, wrong = *why;

	if (ill != wrong) {
		if (err == -ENOENT)
			log_debug("identity: no %s", client->socket);
		else if (wrong)
			log_warning(
				"identity: %s at %s: %s; its containers have the names that its "
				"files tell; start it, or set %s",
				client->options.name, client->socket, why, client->options.setting);
		else
			log_info("identity: %s at %s answers", client->options.name,
				 client->socket);
	}
	snprintf(client->stats.why, sizeof(client->stats.why), "%s", why);
}

/* Not found counts as an answer that may change: an engine tells of a container when it is made. */
static void engine_settle(struct engine_client *client, struct engine_question *question,
			  struct container_facts *facts, const char *why, int err)
{
	engine_told(client, why, err);
	client->stats.answers += facts != NULL;
	client->stats.failures += *why != '\0';
	if (!facts && err != -ENOENT && ++question->tries < ENGINE_TRIES) {
		question->state = ENGINE_WAITING;
		question->due_ns =
			clock_monotonic_ns() + (ENGINE_PAUSE_NS << (question->tries - 1));
		return;
	}
	question->facts = facts;
	question->state = ENGINE_ANSWERED;
	eventfd_write(client->options.wake_fd, 1);
}

static void engine_turn(struct engine_client *client)
{
	struct container_facts *facts;
	struct engine_question *question;
	char id[ENGINE_ID_SIZE], why[128] = "";
	struct timespec until;
	uint64_t next_ns;
	int err;

	question = engine_next(client, clock_monotonic_ns(), &next_ns);
	if (!question) {
		until = (struct timespec){ .tv_sec = (time_t)(next_ns / CLOCK_S),
					   .tv_nsec = (long)(next_ns % CLOCK_S) };
		pthread_cond_timedwait(&client->asked, &client->lock, &until);
		return;
	}
	question->state = ENGINE_ASKING;
	memcpy(id, question->id, sizeof(id));
	pthread_mutex_unlock(&client->lock);
	err = engine_request(client, id, &facts, why, sizeof(why));
	pthread_mutex_lock(&client->lock);
	engine_settle(client, question, facts, why, err);
}

static void *engine_run(void *context)
{
	struct engine_client *client = context;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	/* Here, because it costs milliseconds and megabytes that few machines need. */
	curl_global_init(CURL_GLOBAL_DEFAULT);
	pthread_mutex_lock(&client->lock);
	client->multi = curl_multi_init();
	while (client->multi && !atomic_load(&client->stop))
		engine_turn(client);
	pthread_mutex_unlock(&client->lock);
	return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

int engine_client_open(struct engine_client **out, const struct engine_client_options *options)
{
	struct engine_client *client = calloc(1, sizeof(*client));
	pthread_condattr_t monotonic;

	if (!client)
		return -ENOMEM;
	client->options = *options;
	pthread_mutex_init(&client->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&client->asked, &monotonic);
	pthread_condattr_destroy(&monotonic);
	client->socket = strdup(options->socket);
	if (!client->socket) {
		engine_client_close(client);
		return -ENOMEM;
	}
	*out = client;
	return 0;
}

void engine_client_close(struct engine_client *client)
{
	if (!client)
		return;
	if (client->started) {
		pthread_mutex_lock(&client->lock);
		atomic_store(&client->stop, true);
		pthread_cond_signal(&client->asked);
		if (client->multi)
			curl_multi_wakeup(client->multi);
		pthread_mutex_unlock(&client->lock);
		pthread_join(client->thread, NULL);
	}
	for (int i = 0; i < ENGINE_QUESTIONS; i++)
		free(client->questions[i].facts);
	if (client->multi)
		curl_multi_cleanup(client->multi);
	pthread_cond_destroy(&client->asked);
	pthread_mutex_destroy(&client->lock);
	free(client->socket);
	free(client->body);
	free(client);
}

/* ---- from the loop -------------------------------------------------------------------------- */

bool engine_client_present(const struct engine_client *client)
{
	return !access(client->socket, F_OK);
}

static bool engine_place(struct engine_client *client, const char *id)
{
	for (int i = 0; i < ENGINE_QUESTIONS; i++) {
		struct engine_question *question = &client->questions[i];

		if (question->state != ENGINE_FREE)
			continue;
		*question = (struct engine_question){ .state = ENGINE_WAITING };
		snprintf(question->id, sizeof(question->id), "%s", id);
		question->due_ns = clock_monotonic_ns();
		return true;
	}
	client->stats.refused++;
	return false;
}

bool engine_client_ask(struct engine_client *client, const char *id)
{
	bool placed;

	pthread_mutex_lock(&client->lock);
	placed = engine_place(client, id);
	if (placed && !client->started)
		client->started = !pthread_create(&client->thread, NULL, engine_run, client);
	if (placed)
		pthread_cond_signal(&client->asked);
	pthread_mutex_unlock(&client->lock);
	return placed;
}

void engine_client_take(struct engine_client *client, engine_answer_fn take, void *context)
{
	for (int i = 0; i < ENGINE_QUESTIONS; i++) {
		struct engine_question *question = &client->questions[i], answered;

		pthread_mutex_lock(&client->lock);
		answered = *question;
		if (answered.state == ENGINE_ANSWERED)
			*question = (struct engine_question){ .state = ENGINE_FREE };
		pthread_mutex_unlock(&client->lock);
		if (answered.state != ENGINE_ANSWERED)
			continue;
		take(context, answered.id, answered.facts);
		free(answered.facts);
	}
}

void engine_client_stats(struct engine_client *client, struct engine_client_stats *stats)
{
	pthread_mutex_lock(&client->lock);
	*stats = client->stats;
	pthread_mutex_unlock(&client->lock);
}
