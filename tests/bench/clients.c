/* SPDX-License-Identifier: Apache-2.0 */
/* Recording by many clients at once: see recorder.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client/lib/client.h"
#include "tests/bench/bench.h"
#include "tests/bench/recorder.h"

void crowd_open(struct crowd *crowd, const char *dir, const char *words, size_t count)
{
    *crowd = (struct crowd){.recorders = calloc(count, sizeof *crowd->recorders), .count = count,
                            .poll = epoll_create1(EPOLL_CLOEXEC)};
    if (crowd->recorders == NULL || crowd->poll < 0)
        bench_die("out of memory");
    for (size_t i = 0; i < count; i++) {
        struct recorder *r = &crowd->recorders[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = r};
        recorder_open(r, dir, words, 1);
        if (epoll_ctl(crowd->poll, EPOLL_CTL_ADD, r->client->fd, &event) != 0)
            bench_die("a connection cannot be watched");
    }
}

uint64_t crowd_run(void *context, uint64_t until_ns)
{
    struct crowd *crowd = context;
    struct epoll_event events[256];
    uint64_t saved = 0;
    size_t under_way = crowd->count;
    for (size_t i = 0; i < crowd->count; i++)
        recorder_send(&crowd->recorders[i]);
    while (under_way > 0) {
        const int ready = epoll_wait(crowd->poll, events, sizeof events / sizeof *events, 10000);
        if (ready <= 0)
            bench_die("nothing came for ten seconds");
        const bool on = bench_now() < until_ns;
        for (int i = 0; i < ready; i++, saved++) {
            recorder_take(events[i].data.ptr);
            if (on)
                recorder_send(events[i].data.ptr);
            else
                under_way--;
        }
    }
    return saved;
}

void crowd_close(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        recorder_close(&crowd->recorders[i]);
    free(crowd->recorders);
}

void bench_clients(int argc, char **argv)
{
    char *words = bench_words(argc > 4 ? bench_number(argv[4]) : NOTE_BYTES);
    struct crowd crowd;
    crowd_open(&crowd, argv[1], words, bench_number(argv[2]));
    const uint64_t begun = bench_now();
    const uint64_t saved = crowd_run(&crowd, begun + bench_number(argv[3]) * 1000000000u);
    bench_tell("events", (double)saved * 1e9 / (double)(bench_now() - begun), "/s");
    crowd_close(&crowd);
    free(words);
}
