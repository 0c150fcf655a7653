/* SPDX-License-Identifier: Apache-2.0 */
/* Recording and asking as a program does that uses the client library: one connection a thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "felloe/client.h"
#include "tests/bench/bench.h"

/* ---- recording ---- */

struct recording {
    const char *dir, *words;
    size_t batch;
    uint64_t until;
    atomic_uint_fast64_t saved;
};

/* Of batches so many are under way at once, as in an import; single events wait each for their answer. */
#define BATCHES 3

static void introduce(struct felloe_client *client, char person[33])
{
    const struct felloe_field fields[] = {{"known_as", "Robin"}, {"source", "Q1"}};
    const struct felloe_draft draft = {.type = "person.introduced", .person = "@new", .fields = fields,
                                       .field_count = 2, .anyway = true};
    struct felloe_saved saved;
    struct felloe_error error;
    if (felloe_append(client, &draft, 1, false, &saved, &error) != FELLOE_OK)
        bench_die("%s", error.message);
    snprintf(person, 33, "%s", saved.person);
}

static void *record(void *argument)
{
    struct recording *r = argument;
    struct felloe_client *client = bench_connect(r->dir);
    struct felloe_error error;
    const struct felloe_field field = {"text", r->words};
    struct felloe_draft *drafts = calloc(r->batch, sizeof *drafts);
    struct felloe_saved *saved = calloc(r->batch, sizeof *saved);
    char person[33];
    if (drafts == NULL || saved == NULL)
        bench_die("out of memory");
    introduce(client, person);
    for (size_t i = 0; i < r->batch; i++)
        drafts[i] = (struct felloe_draft){.type = "note.added", .person = person, .fields = &field, .field_count = 1};
    for (size_t under_way = 0; under_way > 0 || bench_now() < r->until;) {
        enum felloe_code code;
        if (under_way < (r->batch > 1 ? BATCHES : 1) && bench_now() < r->until) {
            code = felloe_append_send(client, drafts, r->batch, false, &error);
            under_way++;
        } else {
            code = felloe_append_wait(client, saved, r->batch, &error);
            atomic_fetch_add(&r->saved, r->batch);
            under_way--;
        }
        if (code != FELLOE_OK)
            bench_die("%s", error.message);
    }
    free(drafts);
    free(saved);
    felloe_close(client);
    return NULL;
}

void bench_record(int argc, char **argv)
{
    const size_t clients = bench_number(argv[2]);
    char *words = bench_words(argc > 5 ? bench_number(argv[5]) : NOTE_BYTES);
    const uint64_t begun = bench_now();
    struct recording recording = {.dir = argv[1], .words = words, .batch = bench_number(argv[3])};
    recording.until = begun + bench_number(argv[4]) * 1000000000u;
    pthread_t *threads = calloc(clients, sizeof *threads);
    for (size_t i = 0; threads != NULL && i < clients; i++)
        if (pthread_create(&threads[i], NULL, record, &recording) != 0)
            bench_die("no thread");
    for (size_t i = 0; threads != NULL && i < clients; i++)
        pthread_join(threads[i], NULL);
    bench_tell("events", (double)atomic_load(&recording.saved) * 1e9 / (double)(bench_now() - begun), "/s");
    free(threads);
    free(words);
}

/* ---- asking ---- */

void bench_ask(int argc, char **argv)
{
    const size_t times = bench_number(argv[2]);
    const struct felloe_argument arguments[] = {
        {.name = "name", .kind = FELLOE_TEXT, .text = argv[3]},
        {.name = "limit", .kind = FELLOE_INTEGER, .integer = 50},
        {.name = "person", .kind = FELLOE_TEXT, .text = argc > 4 ? argv[4] : ""},
    };
    struct felloe_client *client = bench_connect(argv[1]);
    uint64_t *took = calloc(times, sizeof *took);
    for (size_t i = 0; took != NULL && i < times; i++) {
        struct felloe_answer *answer;
        struct felloe_error error;
        const uint64_t begun = bench_now();
        if (felloe_ask(client, "view", arguments, argc > 4 ? 3 : 2, NULL, &answer, &error) != FELLOE_OK)
            bench_die("%s", error.message);
        took[i] = bench_now() - begun;
        felloe_answer_free(answer);
    }
    if (took != NULL)
        bench_tell_times(argv[3], took, times);
    free(took);
    felloe_close(client);
}
