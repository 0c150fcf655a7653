/* SPDX-License-Identifier: Apache-2.0 */
/* Wake-ups from threads and work on threads: nothing that was signalled goes unheard, and what was done is told on the
 * loop's thread, also to who runs the loop until then. */
#include "tests/unit/given.h"

#include <pthread.h>
#include <stdatomic.h>

#include "daemon/pool.h"

static uv_loop_t loop;

/* ---- wake-ups ---- */

#define SIGNALS 20000u

struct signalling {
    struct loop_wake *wake;
    atomic_uint said, heard;
};

static void *say(void *context)
{
    struct signalling *s = context;
    for (unsigned i = 0; i < SIGNALS; i++) {
        atomic_fetch_add(&s->said, 1);
        loop_wake_signal(s->wake);
    }
    return NULL;
}

static void hear(void *context)
{
    struct signalling *s = context;
    atomic_store(&s->heard, atomic_load(&s->said));
    if (atomic_load(&s->heard) == 2 * SIGNALS)
        uv_stop(&loop);
}

static void nothing_that_is_signalled_goes_unheard(void **state)
{
    (void)state;
    struct signalling s = {0};
    pthread_t threads[2];
    assert_int_equal(uv_loop_init(&loop), 0);
    s.wake = loop_wake_new(&loop, hear, &s);
    assert_non_null(s.wake);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say, &s), 0);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends only when the last one was heard */
    assert_int_equal(atomic_load(&s.heard), 2 * SIGNALS);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    loop_wake_free(s.wake);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- work ---- */

#define WORKS 200u

struct task {
    struct pool *pool;
    pthread_t loops, by;
    bool done;
    unsigned *left;
    struct task *waits_for;
};

static void do_task(void *context)
{
    struct task *task = context;
    task->by = pthread_self();
}

static void end_task(void *context)
{
    struct task *task = context;
    assert_true(pthread_equal(pthread_self(), task->loops));
    assert_false(pthread_equal(task->by, task->loops));
    assert_false(task->done);
    while (task->waits_for != NULL && !task->waits_for->done)
        uv_run(&loop, UV_RUN_ONCE);
    task->done = true;
    if (--*task->left == 0)
        uv_stop(&loop);
}

static void work_is_done_on_threads_and_told_on_the_loop(void **state)
{
    (void)state;
    static struct task tasks[WORKS];
    unsigned left = WORKS;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct pool *pool = pool_new(&loop);
    assert_non_null(pool);
    for (unsigned i = 0; i < WORKS; i++) {
        tasks[i] = (struct task){.pool = pool, .loops = pthread_self(), .left = &left};
        if (i % 10 == 0 && i + 5 < WORKS)
            tasks[i].waits_for = &tasks[i + 5]; /* which may have ended together with it */
        assert_true(pool_work(pool, do_task, end_task, &tasks[i]));
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(left, 0);
    for (unsigned i = 0; i < WORKS; i++)
        assert_true(tasks[i].done);
    pool_free(pool);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_pool_that_did_nothing_ends(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    pool_free(pool_new(&loop));
    pool_free(NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_is_signalled_goes_unheard),
        cmocka_unit_test(work_is_done_on_threads_and_told_on_the_loop),
        cmocka_unit_test(a_pool_that_did_nothing_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
