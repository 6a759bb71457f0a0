/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_watch.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flowd/base/clock.h"
#include "flowd/base/log.h"
#include "flowd/identity/json_file.h"
#include "flowd/identity/kube_config.h"
#include "flowd/identity/kube_queue.h"
#include "flowd/identity/kube_request.h"

#define KUBE_PAGE	100		 /* objects of a list's page */
#define KUBE_BODY_MAX	(16u << 20)	 /* of a page, or of a line of a watch */
#define KUBE_WATCH_S	290		 /* the server ends a watch after this */
#define KUBE_PAUSE_NS	(200 * CLOCK_MS) /* before the next try; twice as long each time ... */
#define KUBE_PAUSE_MOST (30 * CLOCK_S)	 /* ... up to this */
#define KUBE_POLL_MS	200
#define KUBE_GONE	410

enum kube_state { KUBE_IDLE, KUBE_LISTING, KUBE_WATCHING };

/* One kind: its list, then its watch. */
struct kube_stream {
	struct kube_watch *watch;
	enum kube_kind kind;
	enum kube_state state;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t used, room;
	char *version;	 /* where the watch goes on; NULL: list first */
	char *next_page; /* of the list; NULL: the first */
	bool listing;	 /* KUBE_NEWS_LIST has been told */
	bool expired, refused;
	char error[CURL_ERROR_SIZE]; /* of the request, in curl's words */
	uint64_t pause_ns, due_ns;
};

struct kube_watch {
	struct kube_config config;
	char *node;
	struct kube_queue *queue;
	struct kube_stream streams[KUBE_KIND_COUNT];
	CURLM *multi;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	bool ill; /* something is wrong, and has been told */
	pthread_mutex_t lock;
	struct kube_watch_stats stats;
};

#define KUBE_PATH(name, path, metadata) path,
static const char *const kube_paths[] = { KUBE_KINDS(KUBE_PATH) };
#define KUBE_METADATA_ONLY(name, path, metadata) metadata,
static const bool kube_metadata_only[] = { KUBE_KINDS(KUBE_METADATA_ONLY) };

/* ---- what the server says ------------------------------------------------------------------- */

static void kube_set(char **text, const char *value)
{
	free(*text);
	*text = value && *value ? strdup(value) : NULL;
}

static void kube_tell(struct kube_stream *stream, enum kube_news_type type,
		      struct json_object *json)
{
	struct kube_object *object = json ? kube_object_read(stream->kind, json) : NULL;

	if (!json || object)
		kube_queue_put(stream->watch->queue, type, stream->kind, object);
}

/* One line of a watch. */
static void kube_take_event(struct kube_stream *stream, const char *line)
{
	struct json_object *event = json_tokener_parse(line);
	struct json_object *object = json_member(event, "object");
	const char *type = json_member_text(event, "type");
	const char *version = json_member_text(json_member(object, "metadata"), "resourceVersion");

	if (!type) {
		json_object_put(event);
		return;
	}
	if (!strcmp(type, "ERROR")) {
		stream->expired |= json_object_get_int(json_member(object, "code")) == KUBE_GONE;
		stream->refused = true;
	} else {
		if (version)
			kube_set(&stream->version, version);
		if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED"))
			kube_tell(stream, KUBE_NEWS_CHANGED, object);
		else if (!strcmp(type, "DELETED"))
			kube_tell(stream, KUBE_NEWS_GONE, object);
		stream->pause_ns = 0;
	}
	json_object_put(event);
}

static void kube_take_lines(struct kube_stream *stream)
{
	char *line = stream->body, *end;

	while ((end = memchr(line, '\n', stream->used - (size_t)(line - stream->body)))) {
		*end = '\0';
		kube_take_event(stream, line);
		line = end + 1;
	}
	stream->used -= (size_t)(line - stream->body);
	memmove(stream->body, line, stream->used);
}

/* A whole page. True: the list is complete. */
static bool kube_take_page(struct kube_stream *stream)
{
	struct json_object *list = json_tokener_parse(stream->body);
	struct json_object *items = json_member(list, "items");
	struct json_object *metadata = json_member(list, "metadata");
	const char *version = json_member_text(metadata, "resourceVersion");

	if (!json_object_is_type(items, json_type_array) || !version) {
		stream->refused = true;
		json_object_put(list);
		return false;
	}
	if (!stream->listing)
		kube_tell(stream, KUBE_NEWS_LIST, NULL);
	stream->listing = true;
	for (size_t i = 0; i < json_object_array_length(items); i++)
		kube_tell(stream, KUBE_NEWS_CHANGED, json_object_array_get_idx(items, i));
	kube_set(&stream->next_page, json_member_text(metadata, "continue"));
	if (!stream->next_page)
		kube_set(&stream->version, version);
	json_object_put(list);
	/* A page is thousands of small objects: what they leave behind would stay ours. */
	malloc_trim(0);
	return !stream->next_page;
}

static size_t kube_receive(char *data, size_t one, size_t size, void *context)
{
	struct kube_stream *stream = context;
	long code = 0;

	(void)one;
	if (stream->used + size + 1 > stream->room) {
		size_t room = (stream->used + size + 1) * 2;
		char *more = room > KUBE_BODY_MAX ? NULL : realloc(stream->body, room);

		if (!more)
			return 0;
		stream->body = more;
		stream->room = room;
	}
	memcpy(stream->body + stream->used, data, size);
	stream->used += size;
	stream->body[stream->used] = '\0';
	curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &code);
	if (stream->state == KUBE_WATCHING && code == 200)
		kube_take_lines(stream);
	return size;
}

/* ---- requests ------------------------------------------------------------------------------- */

static char *kube_url(const struct kube_stream *stream)
{
	const struct kube_watch *watch = stream->watch;
	bool filter = stream->kind == KUBE_POD && watch->node;
	char *url = NULL, *page = NULL;

	if (stream->next_page)
		page = curl_easy_escape(stream->easy, stream->next_page, 0);
	if (stream->state == KUBE_LISTING) {
		if (asprintf(&url, "%s%s?limit=%d%s%s%s%s", watch->config.server,
			     kube_paths[stream->kind], KUBE_PAGE, page ? "&continue=" : "",
			     page ? page : "", filter ? "&fieldSelector=spec.nodeName%3D" : "",
			     filter ? watch->node : "") < 0)
			url = NULL;
	} else if (asprintf(&url,
			    "%s%s?watch=1&allowWatchBookmarks=true&timeoutSeconds=%d"
			    "&resourceVersion=%s%s%s",
			    watch->config.server, kube_paths[stream->kind], KUBE_WATCH_S,
			    stream->version, filter ? "&fieldSelector=spec.nodeName%3D" : "",
			    filter ? watch->node : "") < 0) {
		url = NULL;
	}
	curl_free(page);
	return url;
}

static void kube_start(struct kube_stream *stream)
{
	CURL *easy = stream->easy = curl_easy_init();
	char *url;

	if (!easy)
		return;
	stream->state = stream->version ? KUBE_WATCHING : KUBE_LISTING;
	stream->used = 0;
	stream->error[0] = '\0';
	stream->expired = stream->refused = false;
	url = kube_url(stream);
	curl_easy_setopt(easy, CURLOPT_URL, url ? url : "");
	free(url);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, kube_receive);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, stream);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, stream->error);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "flowd/" FLOWD_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 5L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, stream->state == KUBE_LISTING ? 60L : 360L);
	kube_request_tls(easy, &stream->watch->config);
	stream->headers =
		kube_request_headers(&stream->watch->config, kube_metadata_only[stream->kind],
				     stream->state == KUBE_LISTING);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, stream->headers);
	curl_multi_add_handle(stream->watch->multi, easy);
}

/* ---- what came of them ---------------------------------------------------------------------- */

static void kube_pause(struct kube_stream *stream)
{
	uint64_t now_ns = clock_monotonic_ns();

	stream->pause_ns = stream->pause_ns ? stream->pause_ns * 2 : KUBE_PAUSE_NS;
	if (stream->pause_ns > KUBE_PAUSE_MOST)
		stream->pause_ns = KUBE_PAUSE_MOST;
	/* not all nodes of a cluster at once */
	stream->due_ns = now_ns + stream->pause_ns / 2 + now_ns % (stream->pause_ns / 2 + 1);
}

static const char *kube_remedy(CURLcode result, long code)
{
	if (code == 401)
		return "the server does not know us; renew the token or the certificate";
	if (code == 403)
		return "we may not read this; give list and watch on pods, services, nodes, "
		       "namespaces, endpointslices, replicasets and jobs";
	if (code)
		return "trying again";
	if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
		return "its certificate is not signed by the given CA, or has expired; correct the "
		       "CA file";
	return "trying again; local identity goes on without it";
}

static void kube_set_why(struct kube_watch *watch, const char *why)
{
	pthread_mutex_lock(&watch->lock);
	watch->stats.failures += *why != '\0';
	snprintf(watch->stats.why, sizeof(watch->stats.why), "%s", why);
	pthread_mutex_unlock(&watch->lock);
}

static void kube_complain(struct kube_stream *stream, CURLcode result, long code)
{
	struct kube_watch *watch = stream->watch;
	char why[CURL_ERROR_SIZE + 32];

	if (code)
		snprintf(why, sizeof(why), "HTTP status %ld", code);
	else
		snprintf(why, sizeof(why), "%s",
			 *stream->error ? stream->error : curl_easy_strerror(result));
	kube_set_why(watch, why);
	if (watch->ill)
		return;
	watch->ill = true;
	log_warning("identity: Kubernetes at %s%s: %s; %s", watch->config.server,
		    kube_paths[stream->kind], why, kube_remedy(result, code));
}

static void kube_well(struct kube_stream *stream)
{
	if (stream->watch->ill)
		log_info("identity: Kubernetes at %s answers", stream->watch->config.server);
	stream->watch->ill = false;
	kube_set_why(stream->watch, "");
	stream->due_ns = 0;
}

/* The list is to be made anew, from its beginning. */
static void kube_relist(struct kube_stream *stream)
{
	kube_set(&stream->version, NULL);
	kube_set(&stream->next_page, NULL);
	stream->listing = false;
}

static void kube_listed(struct kube_stream *stream, CURLcode result, long code)
{
	bool done = result == CURLE_OK && code == 200 && stream->used && kube_take_page(stream);

	if (result != CURLE_OK || code != 200 || stream->refused) {
		if (code != KUBE_GONE)
			kube_complain(stream, result, code);
		if (code == 404 && stream->kind != KUBE_POD)
			stream->pause_ns = KUBE_PAUSE_MOST; /* an API that this server lacks */
		kube_relist(stream);
		kube_pause(stream);
		return;
	}
	kube_well(stream);
	if (!done)
		return;
	stream->listing = false;
	stream->pause_ns = 0;
	kube_tell(stream, KUBE_NEWS_LISTED, NULL);
}

static void kube_watched(struct kube_stream *stream, CURLcode result, long code)
{
	if (code == KUBE_GONE || stream->expired) {
		kube_relist(stream);
		stream->due_ns = 0;
	} else if (code == 200 && !stream->refused &&
		   (result == CURLE_OK || result == CURLE_OPERATION_TIMEDOUT)) {
		kube_pause(stream); /* an end that was foreseen; yet not in a tight loop */
	} else {
		kube_complain(stream, result, code);
		kube_pause(stream);
	}
}

static void kube_finished(struct kube_watch *watch, CURLMsg *message)
{
	struct kube_stream *stream = NULL;
	CURLcode result = message->data.result;
	enum kube_state state;
	long code = 0;

	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &stream);
	curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &code);
	curl_multi_remove_handle(watch->multi, message->easy_handle);
	curl_easy_cleanup(message->easy_handle);
	curl_slist_free_all(stream->headers);
	stream->headers = NULL;
	stream->easy = NULL;
	state = stream->state;
	stream->state = KUBE_IDLE;
	if (state == KUBE_LISTING)
		kube_listed(stream, result, code);
	else
		kube_watched(stream, result, code);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static void kube_turn(struct kube_watch *watch)
{
	uint64_t now_ns = clock_monotonic_ns();
	CURLMsg *message;
	int running, left;

	for (int kind = 0; kind < KUBE_KIND_COUNT; kind++) {
		struct kube_stream *stream = &watch->streams[kind];

		if (stream->state == KUBE_IDLE && now_ns >= stream->due_ns)
			kube_start(stream);
	}
	curl_multi_perform(watch->multi, &running);
	while ((message = curl_multi_info_read(watch->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			kube_finished(watch, message);
	curl_multi_poll(watch->multi, NULL, 0, KUBE_POLL_MS, NULL);
}

static void *kube_run(void *context)
{
	struct kube_watch *watch = context;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!atomic_load(&watch->stop))
		kube_turn(watch);
	return NULL;
}

int kube_watch_open(struct kube_watch **out, const struct kube_watch_options *options, char *why,
		    size_t why_size)
{
	struct kube_watch *watch = calloc(1, sizeof(*watch));
	int err;

	snprintf(why, why_size, "no memory");
	if (!watch)
		return -ENOMEM;
	pthread_mutex_init(&watch->lock, NULL);
	err = kube_config_read(&watch->config, options->kubeconfig, why, why_size);
	watch->node = options->node ? strdup(options->node) : NULL;
	for (int kind = 0; kind < KUBE_KIND_COUNT; kind++)
		watch->streams[kind] = (struct kube_stream){ .watch = watch, .kind = kind };
	if (!err)
		err = kube_queue_open(&watch->queue);
	if (!err) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		watch->multi = curl_multi_init();
		err = watch->multi ? -pthread_create(&watch->thread, NULL, kube_run, watch)
				   : -ENOMEM;
		watch->started = !err;
	}
	if (err) {
		kube_watch_close(watch);
		return err;
	}
	*out = watch;
	return 0;
}

static void kube_stream_fini(struct kube_stream *stream)
{
	if (stream->easy) {
		curl_multi_remove_handle(stream->watch->multi, stream->easy);
		curl_easy_cleanup(stream->easy);
	}
	curl_slist_free_all(stream->headers);
	free(stream->body);
	free(stream->version);
	free(stream->next_page);
}

void kube_watch_close(struct kube_watch *watch)
{
	if (!watch)
		return;
	if (watch->started) {
		atomic_store(&watch->stop, true);
		kube_queue_stop(watch->queue);
		curl_multi_wakeup(watch->multi);
		pthread_join(watch->thread, NULL);
	}
	for (int kind = 0; kind < KUBE_KIND_COUNT; kind++)
		kube_stream_fini(&watch->streams[kind]);
	if (watch->multi)
		curl_multi_cleanup(watch->multi);
	kube_queue_close(watch->queue);
	kube_config_fini(&watch->config);
	pthread_mutex_destroy(&watch->lock);
	free(watch->node);
	free(watch);
}

void kube_watch_stats(struct kube_watch *watch, struct kube_watch_stats *stats)
{
	pthread_mutex_lock(&watch->lock);
	*stats = watch->stats;
	pthread_mutex_unlock(&watch->lock);
}

int kube_watch_fd(const struct kube_watch *watch)
{
	return kube_queue_fd(watch->queue);
}

void kube_watch_take(struct kube_watch *watch, kube_news_fn take, void *context)
{
	kube_queue_take(watch->queue, take, context);
}
