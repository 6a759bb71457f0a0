/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nng/transport/ipc/ipc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flowd/base/log.h"
#include "flowd/serve/lock.h"
#include "flowd/serve/tls.h"

struct listener {
	struct lock *lock;
};

int listen_errno(int nng_error)
{
	static const struct {
		int nng, error;
	} rows[] = {
		{ NNG_ENOMEM, ENOMEM },
		{ NNG_EINVAL, EINVAL },
		{ NNG_EADDRINUSE, EADDRINUSE },
		{ NNG_EADDRINVAL, EADDRNOTAVAIL },
		{ NNG_EPERM, EACCES },
		{ NNG_ENOENT, ENOENT },
		{ NNG_ENOTSUP, EPROTONOSUPPORT },
		{ NNG_ECRYPTO, EKEYREJECTED },
		{ NNG_EPEERAUTH, EKEYREJECTED },
		{ NNG_ENOFILES, EMFILE },
	};

	if (!nng_error)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].nng == nng_error)
			return -rows[i].error;
	}
	return nng_error & NNG_ESYSERR ? -(nng_error & ~NNG_ESYSERR) : -EIO;
}

static bool listen_is(const char *url, const char *scheme)
{
	return !strncmp(url, scheme, strlen(scheme));
}

static bool listen_loopback(const char *url)
{
	struct in6_addr v6;
	struct in_addr v4;
	nng_url *parts;
	bool loopback = false;

	if (nng_url_parse(&parts, url))
		return false;
	if (inet_pton(AF_INET, parts->u_hostname, &v4) == 1)
		loopback = ntohl(v4.s_addr) >> 24 == 127;
	else if (inet_pton(AF_INET6, parts->u_hostname, &v6) == 1)
		loopback = IN6_IS_ADDR_LOOPBACK(&v6);
	else
		loopback = !strcmp(parts->u_hostname, "localhost");
	nng_url_free(parts);
	return loopback;
}

/* Makes the directory of a socket; one that is there already is left as it is. */
static int listen_directory(const char *path, gid_t group)
{
	char *directory = strdup(path), *slash = directory ? strrchr(directory, '/') : NULL;
	int error = 0;

	if (!directory)
		return -ENOMEM;
	if (slash && slash != directory) {
		*slash = 0;
		if (!mkdir(directory, 0750)) {
			if (group != LISTEN_NO_GROUP && chown(directory, (uid_t)-1, group))
				log_warning("%s: cannot give it to group %u: %s", directory,
					    (unsigned int)group, strerror(errno));
		} else if (errno != EEXIST) {
			error = -errno;
			log_error("cannot make the socket directory %s: %s; make it, or choose "
				  "another place with --run-dir",
				  directory, strerror(errno));
		}
	}
	free(directory);
	return error;
}

static int listen_prepare_ipc(struct listener *listener, const struct listen_options *options)
{
	const char *path = options->url + strlen("ipc://");
	int error = listen_directory(path, options->group);

	return error ? error : lock_take(&listener->lock, path);
}

static int listen_configure(nng_listener handle, const struct listen_options *options)
{
	if (listen_is(options->url, "ipc://"))
		return listen_errno(nng_listener_set_int(handle, NNG_OPT_IPC_PERMISSIONS, 0660));
	if (listen_is(options->url, "tls+tcp://"))
		return tls_configure(handle, options->cert, options->key, options->ca);
	if (options->insecure_tcp || listen_loopback(options->url))
		return 0;
	log_error("%s is neither loopback nor encrypted; use tls+tcp:// with certificates, or say "
		  "bus.insecure_tcp: true",
		  options->url);
	return -EPERM;
}

/* nng binds before it sets the mode: the mask closes the moment between the two. */
static int listen_bind(nng_listener handle, const struct listen_options *options)
{
	mode_t mask = umask(0117);
	int error = nng_listener_start(handle, 0);

	umask(mask);
	if (error) {
		log_error("cannot serve at %s: %s", options->url, nng_strerror(error));
		return listen_errno(error);
	}
	if (listen_is(options->url, "ipc://") && options->group != LISTEN_NO_GROUP &&
	    chown(options->url + strlen("ipc://"), (uid_t)-1, options->group))
		log_warning("%s: cannot give it to group %u: %s", options->url,
			    (unsigned int)options->group, strerror(errno));
	return 0;
}

static int listen_start(struct listener *listener, nng_socket socket,
			const struct listen_options *options)
{
	nng_listener handle;
	int error = 0;

	if (listen_is(options->url, "ipc://"))
		error = listen_prepare_ipc(listener, options);
	if (error)
		return error;
	error = nng_listener_create(&handle, socket, options->url);
	if (error) {
		log_error("cannot serve at %s: %s; write ipc:///path, tls+tcp://host:port or "
			  "tcp://127.0.0.1:port",
			  options->url, nng_strerror(error));
		return listen_errno(error);
	}
	error = listen_configure(handle, options);
	if (!error)
		error = listen_bind(handle, options);
	if (error)
		nng_listener_close(handle);
	return error;
}

int listener_open(struct listener **out, nng_socket socket, const struct listen_options *options)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int error;

	if (!listener)
		return -ENOMEM;
	error = listen_start(listener, socket, options);
	if (error) {
		listener_close(listener);
		return error;
	}
	*out = listener;
	return 0;
}

void listener_close(struct listener *listener)
{
	if (!listener)
		return;
	lock_release(listener->lock);
	free(listener);
}
