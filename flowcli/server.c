/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowcli/server.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flowcli/clock.h"
#include "flowcli/interrupt.h"
#include "flowcli/server_tls.h"
#include "flowcli/terminal.h"

#define ANSWER_BYTES_MAX (256u << 20)
#define SEND_TRY_MS	 100 /* how late a signal is noticed */
#define REDIAL_MIN_MS	 50
#define REDIAL_MAX_MS	 500

struct server {
	const char *url;
	nng_socket socket;
	int reply_fd;
	int change_fd; /* eventfd: the connection came or went */
	atomic_int pipes;
	atomic_uint breaks;   /* how often a connection went */
	unsigned breaks_told; /* of these, what callers know of */
};

static int nng_to_errno(int error)
{
	switch (error) {
	case 0:
		return 0;
	case NNG_ENOMEM:
		return -ENOMEM;
	case NNG_EAGAIN:
		return -EAGAIN;
	case NNG_ENOENT:
		return -ENOENT;
	case NNG_ECONNREFUSED:
		return -ECONNREFUSED;
	case NNG_EPERM:
		return -EACCES;
	case NNG_ECRYPTO:
	case NNG_EPEERAUTH:
		return -EKEYREJECTED;
	case NNG_ECONNSHUT:
	case NNG_ECLOSED:
		return -ECONNRESET;
	case NNG_EINVAL:
	case NNG_EADDRINVAL:
	case NNG_ENOTSUP:
		return -EINVAL;
	}
	return -EIO;
}

static const char *remedy(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "is flowd running? Start it ('systemctl start flowd'), or name its address "
		       "with --server or FLOWCLI_SERVER";
	case -EACCES:
		return "run as root or as a member of the group flowd";
	case -EKEYREJECTED:
		return "check --tls-ca-file, --tls-server-name and the certificates of both ends";
	case -ECONNRESET:
		return "the daemon refused: check --tls-cert-file and --tls-key-file, or your "
		       "permission on its socket";
	case -EINVAL:
		return "an address looks like ipc:///run/flowd/flowd.sock or tls+tcp://host:port";
	}
	return "check the address";
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
	struct server *server = context;
	uint64_t one = 1;

	(void)pipe;
	atomic_fetch_add(&server->pipes, event == NNG_PIPE_EV_ADD_POST ? 1 : -1);
	if (event == NNG_PIPE_EV_REM_POST)
		atomic_fetch_add(&server->breaks, 1);
	if (write(server->change_fd, &one, sizeof(one)) < 0)
		return; /* the counter is at its top: readable already */
}

static int dial(struct server *server, const struct server_options *options, char *why,
		size_t why_size)
{
	nng_dialer dialer;
	int error = nng_dialer_create(&dialer, server->socket, options->url);

	if (!error && !strncmp(options->url, "tls", 3)) {
		int tls_error = server_tls_setup(dialer, options, why, why_size);
		if (tls_error)
			return tls_error;
	}
	if (!error)
		error = nng_dialer_start(dialer, 0);
	if (!error)
		return 0;
	snprintf(why, why_size, "cannot reach flowd at %s: %s; %s", options->url,
		 nng_strerror(error), remedy(nng_to_errno(error)));
	return nng_to_errno(error);
}

static int configure(struct server *server)
{
	int error = nng_req0_open(&server->socket);

	if (error)
		return error;
	nng_socket_set_ms(server->socket, NNG_OPT_SENDTIMEO, SEND_TRY_MS);
	nng_socket_set_ms(server->socket, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
	nng_socket_set_ms(server->socket, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
	nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, ANSWER_BYTES_MAX);
	nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_POST, on_pipe, server);
	nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe, server);
	return nng_socket_get_int(server->socket, NNG_OPT_RECVFD, &server->reply_fd);
}

/* nng's threads inherit the mask: signals are for the main thread, whose calls they interrupt. */
static int open_quietly(struct server *server)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = configure(server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return nng_to_errno(error);
}

int server_open(struct server **out, const struct server_options *options, char *why,
		size_t why_size)
{
	struct server *server = calloc(1, sizeof(*server));
	int error = -ENOMEM;

	snprintf(why, why_size, "not enough memory");
	if (!server)
		return error;
	server->url = options->url;
	server->change_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = server->change_fd < 0 ? -errno : open_quietly(server);
	if (error)
		snprintf(why, why_size, "cannot open a socket: %s", strerror(-error));
	else
		error = dial(server, options, why, why_size);
	if (error) {
		server_close(server);
		return error;
	}
	*out = server;
	return 0;
}

void server_close(struct server *server)
{
	if (!server)
		return;
	nng_close(server->socket);
	if (server->change_fd >= 0)
		close(server->change_fd);
	free(server);
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_steady_ns() / 1000000);
}

/* 0 when the reply or a change of the connection may be there, -EINTR, or -ETIMEDOUT. */
static int wait_event(struct server *server, int64_t deadline_ms)
{
	struct pollfd fds[] = { { server->reply_fd, POLLIN, 0 },
				{ server->change_fd, POLLIN, 0 },
				{ interrupt_fd(), POLLIN, 0 } };
	int64_t left = deadline_ms - now_ms();
	uint64_t changes;

	if (interrupt_requested())
		return -EINTR;
	if (left <= 0)
		return -ETIMEDOUT;
	int ready = poll(fds, 3, left < 60000 ? (int)left : 60000);
	if (ready > 0 && fds[1].revents && read(server->change_fd, &changes, sizeof(changes)) < 0)
		return 0;
	return interrupt_requested() ? -EINTR : 0;
}

static int pack(const struct request *request, nng_msg **message)
{
	struct buffer packed = { 0 };
	int error = codec_pack_request(request, &packed);

	if (!error)
		error = nng_to_errno(nng_msg_alloc(message, 0));
	if (!error)
		error = nng_to_errno(nng_msg_append(*message, packed.data, packed.size));
	buffer_fini(&packed);
	return error;
}

/* A connection that has just brought a reply may need a moment until it takes the next question, so
 * "not now" alone does not mean that it is gone. */
static int send_message(struct server *server, nng_msg *message)
{
	for (;;) {
		int error = nng_sendmsg(server->socket, message, 0);
		if (error != NNG_ETIMEDOUT)
			return nng_to_errno(error);
		if (interrupt_requested())
			return -EINTR;
		if (!atomic_load(&server->pipes))
			return -ENOTCONN;
	}
}

int server_send(struct server *server, const struct request *request)
{
	nng_msg *message = NULL;
	int error = pack(request, &message);

	if (!error)
		error = send_message(server, message);
	if (error)
		nng_msg_free(message);
	return error;
}

/* A break is told once, also when the connection is back already: the caller shall know of it. */
static bool broke(struct server *server)
{
	unsigned breaks = atomic_load(&server->breaks);
	bool news = breaks != server->breaks_told;

	server->breaks_told = breaks;
	return news;
}

static int receive(struct server *server, uint32_t timeout_ms, nng_msg **message)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		/* First: nng may have repeated the question and have the reply already. */
		if (broke(server))
			return -ENOTCONN;
		int error = nng_to_errno(nng_recvmsg(server->socket, message, NNG_FLAG_NONBLOCK));
		if (error != -EAGAIN)
			return error;
		error = wait_event(server, deadline);
		if (error)
			return error;
	}
}

/* What the daemon says is shown on a terminal. */
static int refuse(const struct server *server, const char *what, const char *text, char *why,
		  size_t why_size)
{
	char escaped[256];

	terminal_escape(text ? text : "no reason given", escaped, sizeof(escaped));
	snprintf(why, why_size, "flowd at %s %s: %s", server->url, what, escaped);
	return -EPROTO;
}

static int unpack(const struct server *server, nng_msg *message, enum reply_type wanted,
		  struct reply *reply, char *why, size_t why_size)
{
	char text[256] = "";
	int error = codec_unpack_reply(nng_msg_body(message), nng_msg_len(message), reply, text,
				       sizeof(text));
	if (error)
		return refuse(server, "answers in a way that is not understood", text, why,
			      why_size);
	if (reply->type == wanted)
		return 0;
	if (reply->type == REPLY_ERROR)
		refuse(server, "refuses", reply->error_message, why, why_size);
	else
		refuse(server, "answers in a way that is not understood", "not what was asked for",
		       why, why_size);
	reply_fini(reply);
	return -EPROTO;
}

int server_receive(struct server *server, enum reply_type wanted, uint32_t timeout_ms,
		   struct reply *reply, char *why, size_t why_size)
{
	nng_msg *message;
	int error = receive(server, timeout_ms, &message);

	if (!error) {
		error = unpack(server, message, wanted, reply, why, why_size);
		nng_msg_free(message);
	} else if (error == -ETIMEDOUT) {
		snprintf(why, why_size, "flowd at %s does not answer", server->url);
	} else {
		snprintf(why, why_size, "the connection to flowd at %s broke", server->url);
	}
	return error;
}

int server_ask(struct server *server, const struct request *request, enum reply_type wanted,
	       uint32_t timeout_ms, struct reply *reply, char *why, size_t why_size)
{
	int error = server_send(server, request);

	if (error) {
		snprintf(why, why_size, "asking flowd at %s: %s", server->url, strerror(-error));
		return error;
	}
	return server_receive(server, wanted, timeout_ms, reply, why, why_size);
}

int server_ask_status(struct server *server, uint32_t timeout_ms, struct reply *reply, char *why,
		      size_t why_size)
{
	const struct request request = { .type = REQUEST_STATUS };

	return server_ask(server, &request, REPLY_STATUS, timeout_ms, reply, why, why_size);
}

int server_wait(struct server *server)
{
	while (!atomic_load(&server->pipes)) {
		int error = wait_event(server, now_ms() + 60000);
		if (error == -EINTR)
			return error;
	}
	return 0;
}
