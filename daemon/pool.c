/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for the loop; see pool.h. */
#include "daemon/pool.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 4u /* some wait for the disk while others work */

struct work {
    struct work *next;
    loop_call work, done;
    void *context;
};

struct list {
    struct work *first, **last;
};

struct pool {
    struct loop_wake *wake;
    pthread_t threads[THREADS];
    unsigned count;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t filled;
    struct list to_do, ended;
    bool closed;
};

static void push(struct list *list, struct work *work)
{
    work->next = NULL;
    *list->last = work;
    list->last = &work->next;
}

static struct work *pop(struct list *list)
{
    struct work *work = list->first;
    if (work != NULL)
        list->first = work->next;
    if (list->first == NULL)
        list->last = &list->first;
    return work;
}

/* ---- on a thread ---- */

static void *run(void *context)
{
    struct pool *pool = context;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct work *work = pop(&pool->to_do);
        if (work == NULL && pool->closed)
            break;
        if (work == NULL) {
            pthread_cond_wait(&pool->filled, &pool->mutex);
            continue;
        }
        pthread_mutex_unlock(&pool->mutex);
        work->work(work->context);
        pthread_mutex_lock(&pool->mutex);
        push(&pool->ended, work);
        pthread_mutex_unlock(&pool->mutex);
        loop_wake_signal(pool->wake);
        pthread_mutex_lock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* ---- on the loop ---- */

/* One by one, and told of the next beforehand: what is done may itself run the loop until others are done. */
static void end_all(void *context)
{
    struct pool *pool = context;
    for (;;) {
        pthread_mutex_lock(&pool->mutex);
        struct work *work = pop(&pool->ended);
        const bool more = pool->ended.first != NULL;
        pthread_mutex_unlock(&pool->mutex);
        if (work == NULL)
            return;
        if (more)
            loop_wake_signal(pool->wake);
        const struct work ended = *work;
        free(work);
        ended.done(ended.context);
    }
}

static bool has_threads(struct pool *pool)
{
    while (pool->count < THREADS) {
        if (pthread_create(&pool->threads[pool->count], NULL, run, pool) != 0)
            break;
        pthread_setname_np(pool->threads[pool->count++], "pool");
    }
    return pool->count > 0;
}

bool pool_work(struct pool *pool, loop_call call, loop_call done, void *context)
{
    struct work *work = has_threads(pool) ? malloc(sizeof *work) : NULL;
    if (work == NULL)
        return false;
    *work = (struct work){.work = call, .done = done, .context = context};
    pthread_mutex_lock(&pool->mutex);
    push(&pool->to_do, work);
    pthread_mutex_unlock(&pool->mutex);
    pthread_cond_signal(&pool->filled); /* after: who wakes finds the mutex free */
    return true;
}

struct pool *pool_new(uv_loop_t *loop)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->wake = loop_wake_new(loop, end_all, pool);
    if (pool->wake == NULL) {
        free(pool);
        return NULL;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pool->to_do.last = &pool->to_do.first;
    pool->ended.last = &pool->ended.first;
    return pool;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->closed = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    loop_wake_free(pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->filled);
    free(pool);
}
