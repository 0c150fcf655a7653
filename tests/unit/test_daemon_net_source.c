/* SPDX-License-Identifier: Apache-2.0 */
/* A socket in the loop whose flush leaves something for another flush: that comes by itself, and never keeps the loop
 * from sleeping for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <uv.h>
#include <zmq.h>

#include "daemon/net/net_socket.h"

static uv_loop_t loop;
static struct net_pump *pump;
static struct net_source *source;
static void *zmq, *dealer;
static unsigned flushes, left; /* how often it was called, and will leave something */

static bool receive(void *context)
{
    (void)context;
    return false;
}

static void flush(void *context)
{
    (void)context;
    flushes++;
    if (left > 0) {
        left--;
        net_source_stir(source);
    }
}

static int begin(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    zmq = zmq_ctx_new();
    dealer = zmq_socket(zmq, ZMQ_DEALER);
    pump = net_pump_new(&loop);
    source = net_source_new(pump, dealer, receive, flush, NULL);
    assert_non_null(source);
    for (unsigned turn = 0; turn < 3; turn++)
        uv_run(&loop, UV_RUN_NOWAIT);
    flushes = left = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    net_source_free(source);
    net_pump_free(pump);
    uv_run(&loop, UV_RUN_DEFAULT);
    zmq_close(dealer);
    zmq_ctx_term(zmq);
    return uv_loop_close(&loop);
}

static void turns(unsigned count)
{
    while (count-- > 0)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void what_is_quiet_is_not_flushed(void **state)
{
    (void)state;
    turns(50);
    assert_int_equal(flushes, 0);
}

static void what_a_flush_leaves_the_next_one_does(void **state)
{
    (void)state;
    left = 2;
    net_source_stir(source);
    turns(50);
    assert_int_equal(flushes, 3);
    net_source_stir(source);
    turns(50);
    assert_int_equal(flushes, 4);
}

static void a_flush_that_is_never_done_lets_the_loop_sleep(void **state)
{
    (void)state;
    left = 1000;
    net_source_stir(source);
    turns(50);
    assert_in_range(flushes, 2, 20);
    unsigned before = flushes;
    net_source_stir(source); /* a wake-up */
    turns(50);
    assert_in_range(flushes, before + 2, before + 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(what_is_quiet_is_not_flushed),
        STORY(what_a_flush_leaves_the_next_one_does),
        STORY(a_flush_that_is_never_done_lets_the_loop_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
