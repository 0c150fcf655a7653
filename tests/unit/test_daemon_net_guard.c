/* SPDX-License-Identifier: Apache-2.0 */
/* What connections may make ZeroMQ hold: what was sent and is no message yet counts, and nothing more is read than may
 * be held, though the loop never comes to look. This program's recv is felloed's, as it is ZeroMQ's there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/net/net_guard.h"
#include "daemon/report.h"

#define PIECE   16000u
#define MESSAGE 100u
#define MIB     (1024u * 1024)
#define MINUTE  60000u

/* As ZeroMQ calls it: not the checking one that a header may put in its place. */
static ssize_t (*volatile reads)(int fd, void *data, size_t len, int flags) = recv;
static uv_loop_t loop;
static struct net_guard *guard;
static int listener;
static struct sockaddr_in at;
static uint64_t now = 1000000;
static const struct device_id amy = {{1}}, ben = {{2}};

struct line {
    int laptop, hub;
};

static int set_up(void **state)
{
    (void)state;
    char endpoint[64];
    socklen_t size = sizeof at;
    at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    guard = net_guard_new(&loop, endpoint);
    assert_non_null(guard);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    net_guard_free(guard);
    close(listener);
    uv_run(&loop, UV_RUN_DEFAULT);
    return 0;
}

static struct line connect_one(void)
{
    struct line l = {.laptop = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(connect(l.laptop, (struct sockaddr *)&at, sizeof at), 0);
    l.hub = accept(listener, NULL, NULL);
    assert_true(l.hub >= 0);
    return l;
}

static void close_line(const struct line *l)
{
    close(l->laptop);
    close(l->hub);
}

/* Sent, and read as ZeroMQ does. How much of it was read. */
static size_t bring(const struct line *l, size_t len)
{
    static uint8_t data[PIECE];
    size_t brought = 0;
    while (brought < len) {
        size_t piece = len - brought < PIECE ? len - brought : PIECE;
        if (send(l->laptop, data, piece, MSG_NOSIGNAL) != (ssize_t)piece)
            return brought;
        for (size_t got = 0; got < piece;) {
            ssize_t some = reads(l->hub, data, piece - got, 0);
            if (some <= 0)
                return brought;
            got += (size_t)some;
            brought += (size_t)some;
        }
    }
    return brought;
}

static void say(const struct line *l, const struct device_id *device)
{
    assert_int_equal(bring(l, MESSAGE), MESSAGE);
    net_guard_heard(guard, l->hub, MESSAGE, device, now);
}

static bool is_cut(const struct line *l)
{
    struct pollfd look = {.fd = l->laptop, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void a_message_without_an_end_is_cut_off_though_the_loop_never_runs(void **state)
{
    (void)state;
    struct line l = connect_one();
    say(&l, &amy);
    size_t brought = bring(&l, 100 * MIB);
    assert_in_range(brought, NET_HELD_MAX, NET_HELD_MAX + PIECE);
    assert_true(is_cut(&l));
    close_line(&l);
}

/* Each small read costs ZeroMQ a buffer, however little came: a message that dribbles in is cut off long before it is
 * large. */
static void so_is_one_that_comes_in_crumbs(void **state)
{
    (void)state;
    struct line l = connect_one();
    size_t crumbs = 0;
    say(&l, &amy);
    while (crumbs < 10000 && bring(&l, 64) == 64)
        crumbs++;
    assert_in_range(crumbs, 2000, 2100);
    assert_true(is_cut(&l));
    close_line(&l);
}

static void messages_that_nobody_has_taken_count_as_well(void **state)
{
    (void)state;
    struct line l = connect_one();
    say(&l, &amy);
    uint64_t taken = 0, brought = 0;
    for (size_t now_brought; (now_brought = bring(&l, 10 * MESSAGE)) == 10 * MESSAGE; brought += now_brought) {
        assert_true(brought < 100 * (uint64_t)MIB);
        net_guard_heard(guard, l.hub, MESSAGE, &amy, now); /* one of ten is taken */
        taken += MESSAGE;
    }
    assert_in_range(brought - taken, NET_HELD_MAX - PIECE, NET_HELD_MAX + PIECE);
    close_line(&l);
}

static void a_stranger_brings_no_more_than_a_handshake_and_a_first_message(void **state)
{
    (void)state;
    struct line l = connect_one();
    assert_in_range(bring(&l, 10 * MIB), NET_STRANGER_MAX, NET_STRANGER_MAX + PIECE);
    assert_true(is_cut(&l));
    close_line(&l);
}

static void who_holds_most_is_cut_off_with_all_its_connections(void **state)
{
    (void)state;
    struct line first = connect_one(), second = connect_one(), honest = connect_one();
    say(&first, &amy);
    say(&second, &amy);
    say(&honest, &ben);
    assert_int_equal(bring(&first, 12 * MIB), 12 * MIB);
    assert_int_equal(bring(&second, 12 * MIB), 12 * MIB);
    assert_int_equal(bring(&honest, 15 * MIB), 15 * MIB);
    assert_true(is_cut(&first));
    assert_true(is_cut(&second));
    assert_false(is_cut(&honest));
    close_line(&first);
    close_line(&second);
    close_line(&honest);
}

static void what_ended_connections_left_to_be_taken_counts_and_no_honest_one_is_cut_off_for_it(void **state)
{
    (void)state;
    struct line gone = connect_one(), honest = connect_one();
    say(&gone, &amy);
    say(&honest, &ben);
    assert_int_equal(bring(&gone, 31 * MIB), 31 * MIB);
    close_line(&gone);
    assert_int_equal(bring(&honest, MIB + MIB / 16), MIB + MIB / 16);
    assert_false(is_cut(&honest));
    assert_true(net_guard_remembers(guard));
    net_guard_idle(guard, now += MINUTE);
    assert_int_equal(bring(&honest, 20 * MIB), 20 * MIB);
    assert_false(is_cut(&honest));
    close_line(&honest);
}

static void heartbeats_of_months_do_not_count(void **state)
{
    (void)state;
    struct line l = connect_one();
    for (unsigned i = 0; i < 100000; i++, now += MINUTE) {
        assert_int_equal(bring(&l, 900), 900); /* more than there ever are in a minute */
        say(&l, &amy);
    }
    assert_false(is_cut(&l));
    assert_in_range(bring(&l, 100 * MIB), NET_HELD_MAX - PIECE, NET_HELD_MAX + PIECE); /* nor make room for what does */
    close_line(&l);
}

int main(void)
{
    report_level(LEVEL_ERROR);
    uv_loop_init(&loop);
#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORY(a_message_without_an_end_is_cut_off_though_the_loop_never_runs),
        STORY(so_is_one_that_comes_in_crumbs),
        STORY(messages_that_nobody_has_taken_count_as_well),
        STORY(a_stranger_brings_no_more_than_a_handshake_and_a_first_message),
        STORY(who_holds_most_is_cut_off_with_all_its_connections),
        STORY(what_ended_connections_left_to_be_taken_counts_and_no_honest_one_is_cut_off_for_it),
        STORY(heartbeats_of_months_do_not_count),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    uv_loop_close(&loop);
    return failed;
}
