/* SPDX-License-Identifier: Apache-2.0 */
/* One small queue between threads: many may push, one takes all. Items are owned by the queue between the two. */
#ifndef FELLOE_DAEMON_QUEUE_H
#define FELLOE_DAEMON_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct queue_item {
    struct queue_item *next;
};

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct queue_item *first, **last;
    bool closed;
    void (*wake)(void *context); /* called after a push, from the pushing thread; NULL when the taker waits */
    void *context;
};

void queue_init(struct queue *queue, void (*wake)(void *context), void *context);
void queue_destroy(struct queue *queue);
void queue_push(struct queue *queue, struct queue_item *item);
/* All of a list, which ends with NULL: whoever takes gets all of them or none. */
void queue_push_all(struct queue *queue, struct queue_item *first);
/* All items in the order they were pushed (a linked list), NULL when there are none. */
struct queue_item *queue_take_all(struct queue *queue);
/* As above, but waits for the first; NULL only when the queue is closed and empty. */
struct queue_item *queue_wait_all(struct queue *queue);
/* The same for at most so many ms; NULL also when none came, which `late` says. */
struct queue_item *queue_wait_all_for(struct queue *queue, unsigned ms, bool *late);
/* While the one that takes does something else: waits for the item behind `after` (NULL: for the first), and leaves it
 * where it is. NULL once there is enough, which is to be said with queue_nudge, or the queue is closed and has no more.
 * It is back before anything is taken. */
struct queue_item *queue_look(struct queue *queue, const struct queue_item *after, const atomic_bool *enough);
/* Wakes whoever takes, though nothing was pushed. */
void queue_nudge(struct queue *queue);
void queue_close(struct queue *queue);

#endif
