/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/service.h"

#include <errno.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <nng/transport/ipc/ipc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "flowd/base/log.h"
#include "flowd/serve/peer.h"

/* nng reports a reply as sent when it has taken it; without linger it would die with the socket. */
#define SERVICE_LINGER_MS 50

/* A request goes round: RECEIVING (nng) -> ARRIVED (queue) -> HELD (loop) -> SENDING (nng). */
enum request_state {
	REQUEST_IDLE,
	REQUEST_RECEIVING,
	REQUEST_ARRIVED,
	REQUEST_HELD,
	REQUEST_SENDING
};

struct service_request {
	struct service *service;
	nng_ctx ctx;
	bool ctx_open;
	nng_aio *aio;
	/* Under the service's lock: */
	enum request_state state;
	bool gone;
	/* Of the side that has the request: */
	nng_msg *message;
	int pipe;
	bool local;
	void *job;
};

struct service {
	nng_socket socket;
	struct service_handler handler;
	struct loop_source *wake;
	int event_fd;
	struct peer_guard *guard;
	struct listener **listeners;
	size_t listener_count;
	pthread_mutex_t lock;
	pthread_cond_t sent;
	bool closing;
	bool replied; /* ever */
	struct service_request *requests;
	unsigned int request_count;
};

static void service_signal(struct service *service)
{
	uint64_t one = 1;

	if (write(service->event_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("cannot wake the event loop: %s", strerror(errno));
}

/* Under the lock. */
static bool service_receive(struct service_request *request)
{
	if (request->service->closing) {
		request->state = REQUEST_IDLE;
		return false;
	}
	request->state = REQUEST_RECEIVING;
	request->gone = false;
	return true;
}

/* On a thread of nng: a receive has ended. True: receive again. */
static bool service_received(struct service_request *request, int error)
{
	nng_msg *message = nng_aio_get_msg(request->aio);
	uint64_t uid;

	if (error) {
		request->state = REQUEST_IDLE;
		return error != NNG_ECLOSED && error != NNG_ECANCELED && service_receive(request);
	}
	nng_aio_set_msg(request->aio, NULL);
	request->message = message;
	request->pipe = nng_pipe_id(nng_msg_get_pipe(message));
	request->local =
		!nng_pipe_get_uint64(nng_msg_get_pipe(message), NNG_OPT_IPC_PEER_UID, &uid);
	request->state = REQUEST_ARRIVED;
	service_signal(request->service);
	return false;
}

/* On a thread of nng: a send has ended. True: receive again. */
static bool service_sent(struct service_request *request, int error)
{
	if (error) { /* ours again */
		nng_msg_free(nng_aio_get_msg(request->aio));
		nng_aio_set_msg(request->aio, NULL);
	}
	pthread_cond_signal(&request->service->sent);
	return service_receive(request);
}

static void service_done(void *argument)
{
	struct service_request *request = argument;
	struct service *service = request->service;
	int error = nng_aio_result(request->aio);
	bool again;

	pthread_mutex_lock(&service->lock);
	again = request->state == REQUEST_SENDING ? service_sent(request, error)
						  : service_received(request, error);
	pthread_mutex_unlock(&service->lock);
	if (again)
		nng_ctx_recv(request->ctx, request->aio);
}

/* On a thread of nng: a connection has gone. */
static void service_pipe_gone(void *context, int pipe_id)
{
	struct service *service = context;

	pthread_mutex_lock(&service->lock);
	for (unsigned int i = 0; i < service->request_count; i++) {
		struct service_request *request = &service->requests[i];

		if ((request->state == REQUEST_ARRIVED || request->state == REQUEST_HELD) &&
		    request->pipe == pipe_id) {
			request->gone = true;
			service_signal(service);
		}
	}
	pthread_mutex_unlock(&service->lock);
}

/* What the loop has to do with a request: take it in, forget it, nothing. */
static void service_look_at(struct service *service, struct service_request *request)
{
	enum request_state state;
	bool gone;

	pthread_mutex_lock(&service->lock);
	state = request->state;
	gone = request->gone;
	if (state == REQUEST_ARRIVED)
		request->state = REQUEST_HELD;
	pthread_mutex_unlock(&service->lock);
	if (state == REQUEST_ARRIVED)
		service->handler.arrived(service->handler.context, request);
	else if (state == REQUEST_HELD && gone)
		service->handler.gone(service->handler.context, request);
}

static void service_wake(void *context)
{
	struct service *service = context;
	uint64_t count;

	if (read(service->event_fd, &count, sizeof(count)) < 0)
		return;
	for (unsigned int i = 0; i < service->request_count; i++)
		service_look_at(service, &service->requests[i]);
}

const uint8_t *service_request_data(const struct service_request *request, size_t *size)
{
	*size = nng_msg_len(request->message);
	return nng_msg_body(request->message);
}

bool service_request_is_local(const struct service_request *request)
{
	return request->local;
}

void service_request_keep(struct service_request *request, void *job)
{
	request->job = job;
}

void *service_request_kept(const struct service_request *request)
{
	return request->job;
}

void service_reply(struct service_request *request, const struct buffer *reply)
{
	nng_msg *message = request->message;

	/* The request's message carries the reply; it cannot fail for an empty one. */
	request->message = NULL;
	request->job = NULL;
	nng_msg_clear(message);
	if (nng_msg_append(message, reply->data, reply->size))
		log_error("no memory for a reply of %zu bytes", reply->size);
	request->service->replied = true;
	pthread_mutex_lock(&request->service->lock);
	request->state = REQUEST_SENDING;
	pthread_mutex_unlock(&request->service->lock);
	nng_aio_set_msg(request->aio, message);
	nng_ctx_send(request->ctx, request->aio);
}

static int service_open_request(struct service *service, struct service_request *request)
{
	request->service = service;
	if (nng_aio_alloc(&request->aio, service_done, request))
		return -ENOMEM;
	if (nng_ctx_open(&request->ctx, service->socket))
		return -ENOMEM;
	request->ctx_open = true;
	service->request_count++;
	return 0;
}

static int service_open_requests(struct service *service, unsigned int contexts)
{
	int error = 0;

	service->requests = calloc(contexts, sizeof(*service->requests));
	if (!service->requests)
		return -ENOMEM;
	for (unsigned int i = 0; i < contexts && !error; i++)
		error = service_open_request(service, &service->requests[i]);
	return error;
}

static int service_listen(struct service *service, const struct service_options *options)
{
	int error = 0;

	service->listeners = calloc(options->listen_count, sizeof(*service->listeners));
	if (!service->listeners)
		return -ENOMEM;
	for (size_t i = 0; i < options->listen_count && !error; i++) {
		error = listener_open(&service->listeners[i], service->socket, &options->listen[i]);
		service->listener_count += !error;
	}
	return error;
}

static void service_start_receiving(struct service *service)
{
	for (unsigned int i = 0; i < service->request_count; i++) {
		service->requests[i].state = REQUEST_RECEIVING;
		nng_ctx_recv(service->requests[i].ctx, service->requests[i].aio);
	}
}

static int service_setup(struct service *service, struct loop *loop,
			 const struct service_options *options)
{
	int error = listen_errno(nng_rep0_open(&service->socket));

	if (error)
		return error;
	if (nng_socket_set_size(service->socket, NNG_OPT_RECVMAXSZ, options->max_bytes))
		return -EIO;
	service->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (service->event_fd < 0)
		return -errno;
	error = loop_add_readable(loop, service->event_fd, service_wake, service, &service->wake);
	if (!error)
		error = peer_guard_open(&service->guard, service->socket, options->group,
					service_pipe_gone, service);
	if (!error)
		error = service_open_requests(service, options->contexts);
	if (!error)
		error = service_listen(service, options);
	if (!error)
		service_start_receiving(service);
	return error;
}

int service_open(struct service **out, struct loop *loop, const struct service_options *options,
		 const struct service_handler *handler)
{
	struct service *service = calloc(1, sizeof(*service));
	int error;

	if (!service)
		return -ENOMEM;
	service->handler = *handler;
	service->event_fd = -1;
	pthread_mutex_init(&service->lock, NULL);
	pthread_cond_init(&service->sent, NULL);
	error = service_setup(service, loop, options);
	if (error) {
		service_close(service);
		return error;
	}
	*out = service;
	return 0;
}

static bool service_sending(const struct service *service)
{
	for (unsigned int i = 0; i < service->request_count; i++) {
		if (service->requests[i].state == REQUEST_SENDING)
			return true;
	}
	return false;
}

/* Lets replies out; a client that does not read holds us up for a second at most. */
static void service_linger(struct service *service)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec++;
	pthread_mutex_lock(&service->lock);
	service->closing = true;
	while (service_sending(service) &&
	       !pthread_cond_timedwait(&service->sent, &service->lock, &deadline))
		;
	pthread_mutex_unlock(&service->lock);
	if (service->replied)
		nng_msleep(SERVICE_LINGER_MS);
}

static void service_close_requests(struct service *service)
{
	for (unsigned int i = 0; i < service->request_count; i++) {
		nng_aio_stop(service->requests[i].aio);
		nng_aio_free(service->requests[i].aio);
		nng_msg_free(service->requests[i].message);
	}
	free(service->requests);
}

void service_close(struct service *service)
{
	if (!service)
		return;
	service_linger(service);
	loop_source_free(service->wake);
	nng_close(service->socket);
	service_close_requests(service);
	for (size_t i = 0; i < service->listener_count; i++)
		listener_close(service->listeners[i]);
	free(service->listeners);
	peer_guard_close(service->guard);
	if (service->event_fd >= 0)
		close(service->event_fd);
	pthread_cond_destroy(&service->sent);
	pthread_mutex_destroy(&service->lock);
	free(service);
}
