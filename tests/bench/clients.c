/* SPDX-License-Identifier: Apache-2.0 */
/* Recording by many clients at once, each of which waits for its answer before it records again: as many connections,
 * looked after by one thread, so that the machine's cores are the daemon's and not for changing between threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "client/lib/client.h"
#include "felloe/client.h"
#include "tests/bench/bench.h"

struct recorder {
    struct felloe_client *client;
    const char *words;
    char person[33];
};

static void introduce(struct recorder *r)
{
    const struct felloe_field fields[] = {{"known_as", "Robin"}, {"source", "Q1"}};
    const struct felloe_draft draft = {.type = "person.introduced", .person = "@new", .fields = fields,
                                       .field_count = 2, .anyway = true};
    struct felloe_saved saved;
    struct felloe_error error;
    if (felloe_append(r->client, &draft, 1, false, &saved, &error) != FELLOE_OK)
        bench_die("%s", error.message);
    snprintf(r->person, sizeof r->person, "%s", saved.person);
}

static void note(struct recorder *r)
{
    const struct felloe_field field = {"text", r->words};
    const struct felloe_draft draft = {.type = "note.added", .person = r->person, .fields = &field, .field_count = 1};
    struct felloe_error error;
    if (felloe_append_send(r->client, &draft, 1, false, &error) != FELLOE_OK)
        bench_die("%s", error.message);
}

static void take_answer(struct recorder *r)
{
    struct felloe_saved saved;
    struct felloe_error error;
    if (felloe_append_wait(r->client, &saved, 1, &error) != FELLOE_OK)
        bench_die("%s", error.message);
}

/* How many answers came until then. */
static uint64_t go_round(struct recorder *recorders, size_t count, int poll, uint64_t until)
{
    struct epoll_event events[256];
    uint64_t saved = 0;
    size_t under_way = count;
    for (size_t i = 0; i < count; i++)
        note(&recorders[i]);
    while (under_way > 0) {
        const int ready = epoll_wait(poll, events, sizeof events / sizeof *events, 10000);
        if (ready <= 0)
            bench_die("nothing came for ten seconds");
        const bool on = bench_now() < until;
        for (int i = 0; i < ready; i++) {
            take_answer(events[i].data.ptr);
            saved++;
            if (on)
                note(events[i].data.ptr);
            else
                under_way--;
        }
    }
    return saved;
}

void bench_clients(int argc, char **argv)
{
    const size_t count = bench_number(argv[2]);
    char *words = bench_words(argc > 4 ? bench_number(argv[4]) : NOTE_BYTES);
    struct recorder *recorders = calloc(count, sizeof *recorders);
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    if (recorders == NULL || poll < 0)
        bench_die("out of memory");
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &recorders[i]};
        recorders[i].client = bench_connect(argv[1]);
        recorders[i].words = words;
        introduce(&recorders[i]);
        if (epoll_ctl(poll, EPOLL_CTL_ADD, recorders[i].client->fd, &event) != 0)
            bench_die("a connection cannot be watched");
    }
    go_round(recorders, count, poll, 0); /* the first note about each waits for the views */
    const uint64_t begun = bench_now();
    const uint64_t saved = go_round(recorders, count, poll, begun + bench_number(argv[3]) * 1000000000u);
    bench_tell("events", (double)saved * 1e9 / (double)(bench_now() - begun), "/s");
    for (size_t i = 0; i < count; i++)
        felloe_close(recorders[i].client);
    free(recorders);
    free(words);
}
