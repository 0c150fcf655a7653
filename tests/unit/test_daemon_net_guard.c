/* SPDX-License-Identifier: Apache-2.0 */
/* What connections may make ZeroMQ hold: what was sent and is no message yet counts, however long it takes; heartbeats,
 * which are never messages, do not, however long a laptop stays connected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/loop.h"
#include "daemon/net/net_guard.h"
#include "daemon/report.h"

#define PIECE 16000u
#define PIECES 3000u /* 48 MB: more than all may hold */
#define MESSAGE 100u

static uv_loop_t loop;

struct line {
    int listener, laptop, hub;
    struct net_guard *guard;
};

static struct line connect_one(void)
{
    struct line l = {.listener = socket(AF_INET, SOCK_STREAM, 0), .laptop = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char endpoint[64];
    assert_int_equal(bind(l.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(l.listener, 1), 0);
    assert_int_equal(getsockname(l.listener, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(connect(l.laptop, (struct sockaddr *)&at, sizeof at), 0);
    l.hub = accept(l.listener, NULL, NULL);
    assert_true(l.hub >= 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    l.guard = net_guard_new(&loop, endpoint);
    assert_non_null(l.guard);
    return l;
}

static void close_line(struct line *l)
{
    net_guard_free(l->guard);
    close(l->listener);
    close(l->laptop);
    close(l->hub);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* Sent, and read by ZeroMQ. */
static void bring(const struct line *l, size_t len)
{
    static uint8_t data[PIECE];
    assert_int_equal(send(l->laptop, data, len, 0), len);
    for (size_t got = 0; got < len;) {
        ssize_t some = recv(l->hub, data, len - got, 0);
        assert_true(some > 0);
        got += (size_t)some;
    }
}

static void stop(void *context)
{
    uv_stop(context);
}

/* The guard looks when memory grows. */
static bool is_cut_as_memory_grows(const struct line *l)
{
    const size_t size = (size_t)12 << 20;
    struct loop_timer *timer = loop_timer_new(&loop, stop, &loop);
    loop_timer_set(timer, 150);
    uv_run(&loop, UV_RUN_DEFAULT);
    volatile uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    for (size_t i = 0; i < size; i += 512)
        memory[i] = (uint8_t)i;
    loop_timer_set(timer, 300);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_timer_free(timer);
    munmap((void *)memory, size);
    struct pollfd look = {.fd = l->laptop, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void what_was_sent_and_is_no_message_counts(void **state)
{
    (void)state;
    struct line l = connect_one();
    bring(&l, MESSAGE);
    net_guard_heard(l.guard, l.hub, MESSAGE, NULL);
    for (unsigned i = 0; i < PIECES; i++)
        bring(&l, PIECE);
    assert_true(is_cut_as_memory_grows(&l));
    close_line(&l);
}

static void heartbeats_of_days_do_not_count(void **state)
{
    (void)state;
    struct line l = connect_one();
    for (unsigned i = 0; i < PIECES; i++) {
        bring(&l, PIECE - MESSAGE - 1); /* between two messages there are a few; here, more than there ever are */
        bring(&l, MESSAGE);
        net_guard_heard(l.guard, l.hub, MESSAGE, NULL);
    }
    assert_false(is_cut_as_memory_grows(&l));
    for (unsigned i = 0; i < PIECES; i++) /* and do not make room for what does */
        bring(&l, PIECE);
    assert_true(is_cut_as_memory_grows(&l));
    close_line(&l);
}

int main(void)
{
    report_level(LEVEL_ERROR);
    uv_loop_init(&loop);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sent_and_is_no_message_counts),
        cmocka_unit_test(heartbeats_of_days_do_not_count),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    uv_loop_close(&loop);
    return failed;
}
