/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "flowd/identity/kube_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define KUBE_QUEUE_MOST 1024

struct kube_news {
	enum kube_news_type type;
	enum kube_kind kind;
	struct kube_object *object;
};

struct kube_queue {
	pthread_mutex_t lock;
	pthread_cond_t room;
	struct kube_news news[KUBE_QUEUE_MOST];
	size_t first, count;
	bool stopped;
	int fd;
};

int kube_queue_open(struct kube_queue **out)
{
	struct kube_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->fd < 0) {
		free(queue);
		return -errno;
	}
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->room, NULL);
	*out = queue;
	return 0;
}

void kube_queue_close(struct kube_queue *queue)
{
	if (!queue)
		return;
	for (; queue->count; queue->count--) {
		kube_object_free(queue->news[queue->first].object);
		queue->first = (queue->first + 1) % KUBE_QUEUE_MOST;
	}
	pthread_mutex_destroy(&queue->lock);
	pthread_cond_destroy(&queue->room);
	close(queue->fd);
	free(queue);
}

bool kube_queue_put(struct kube_queue *queue, enum kube_news_type type, enum kube_kind kind,
		    struct kube_object *object)
{
	bool stopped;

	pthread_mutex_lock(&queue->lock);
	while (queue->count == KUBE_QUEUE_MOST && !queue->stopped)
		pthread_cond_wait(&queue->room, &queue->lock);
	stopped = queue->stopped;
	if (!stopped)
		queue->news[(queue->first + queue->count++) % KUBE_QUEUE_MOST] =
			(struct kube_news){ type, kind, object };
	pthread_mutex_unlock(&queue->lock);
	if (stopped)
		kube_object_free(object);
	else
		eventfd_write(queue->fd, 1);
	return !stopped;
}

int kube_queue_fd(const struct kube_queue *queue)
{
	return queue->fd;
}

static bool kube_queue_pop(struct kube_queue *queue, struct kube_news *news)
{
	bool some;

	pthread_mutex_lock(&queue->lock);
	some = queue->count > 0;
	if (some) {
		*news = queue->news[queue->first];
		queue->first = (queue->first + 1) % KUBE_QUEUE_MOST;
		queue->count--;
		pthread_cond_signal(&queue->room);
	}
	pthread_mutex_unlock(&queue->lock);
	return some;
}

/* A queue's length at once, so that others on the loop have their turn. */
void kube_queue_take(struct kube_queue *queue, kube_news_fn take, void *context)
{
	struct kube_news news;
	eventfd_t value;
	int left = KUBE_QUEUE_MOST;

	eventfd_read(queue->fd, &value);
	while (left-- > 0 && kube_queue_pop(queue, &news))
		take(context, news.type, news.kind, news.object);
	if (left < 0)
		eventfd_write(queue->fd, 1);
}

void kube_queue_stop(struct kube_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stopped = true;
	pthread_cond_broadcast(&queue->room);
	pthread_mutex_unlock(&queue->lock);
}
