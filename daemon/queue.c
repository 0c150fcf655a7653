/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between threads; see queue.h. */
#include "daemon/queue.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

void queue_init(struct queue *queue, void (*wake)(void *context), void *context)
{
    pthread_condattr_t by_monotonic;
    pthread_condattr_init(&by_monotonic);
    pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->filled, &by_monotonic);
    pthread_condattr_destroy(&by_monotonic);
    queue->first = NULL;
    queue->last = &queue->first;
    queue->closed = false;
    queue->wake = wake;
    queue->context = context;
}

void queue_destroy(struct queue *queue)
{
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
}

void queue_push(struct queue *queue, struct queue_item *item)
{
    item->next = NULL;
    queue_push_all(queue, item);
}

void queue_push_all(struct queue *queue, struct queue_item *first)
{
    struct queue_item **last = &first->next;
    while (*last != NULL)
        last = &(*last)->next;
    pthread_mutex_lock(&queue->mutex);
    *queue->last = first;
    queue->last = last;
    pthread_mutex_unlock(&queue->mutex);
    pthread_cond_signal(&queue->filled); /* after: who wakes finds the mutex free */
    if (queue->wake != NULL)
        queue->wake(queue->context);
}

/* With the mutex held. */
static struct queue_item *take(struct queue *queue)
{
    struct queue_item *items = queue->first;
    queue->first = NULL;
    queue->last = &queue->first;
    return items;
}

struct queue_item *queue_take_all(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    struct queue_item *items = take(queue);
    pthread_mutex_unlock(&queue->mutex);
    return items;
}

struct queue_item *queue_wait_all(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->first == NULL && !queue->closed)
        pthread_cond_wait(&queue->filled, &queue->mutex);
    struct queue_item *items = take(queue);
    pthread_mutex_unlock(&queue->mutex);
    return items;
}

struct queue_item *queue_wait_all_for(struct queue *queue, unsigned ms, bool *late)
{
    struct timespec until;
    int failed = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&queue->mutex);
    while (queue->first == NULL && !queue->closed && failed != ETIMEDOUT)
        failed = pthread_cond_timedwait(&queue->filled, &queue->mutex, &until);
    *late = queue->first == NULL && !queue->closed;
    struct queue_item *items = take(queue);
    pthread_mutex_unlock(&queue->mutex);
    return items;
}

struct queue_item *queue_look(struct queue *queue, const struct queue_item *after, const atomic_bool *enough)
{
    pthread_mutex_lock(&queue->mutex);
    struct queue_item *const *next = after != NULL ? &after->next : &queue->first;
    while (*next == NULL && !atomic_load(enough) && !queue->closed)
        pthread_cond_wait(&queue->filled, &queue->mutex);
    struct queue_item *item = atomic_load(enough) ? NULL : *next;
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void queue_nudge(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
    if (queue->wake != NULL)
        queue->wake(queue->context);
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
}
