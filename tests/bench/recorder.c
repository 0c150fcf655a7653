/* SPDX-License-Identifier: Apache-2.0 */
/* Recording through the client library, a batch after the other: see recorder.h. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"
#include "tests/bench/recorder.h"

#define BATCHES 3

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

void recorder_open(struct recorder *r, const char *dir, const char *words, size_t batch)
{
    *r = (struct recorder){.client = bench_connect(dir), .field = {"text", words}, .batch = batch,
                           .drafts = calloc(batch, sizeof *r->drafts), .saved = calloc(batch, sizeof *r->saved)};
    if (r->drafts == NULL || r->saved == NULL)
        bench_die("out of memory");
    introduce(r);
    for (size_t i = 0; i < batch; i++)
        r->drafts[i] = (struct felloe_draft){.type = "note.added", .person = r->person, .fields = &r->field,
                                             .field_count = 1};
    recorder_send(r);
    recorder_take(r);
}

void recorder_send(struct recorder *r)
{
    struct felloe_error error;
    if (felloe_append_send(r->client, r->drafts, r->batch, false, &error) != FELLOE_OK)
        bench_die("%s", error.message);
}

void recorder_take(struct recorder *r)
{
    struct felloe_error error;
    if (felloe_append_wait(r->client, r->saved, r->batch, &error) != FELLOE_OK)
        bench_die("%s", error.message);
}

uint64_t recorder_run(void *recorder, uint64_t until_ns)
{
    struct recorder *r = recorder;
    const size_t most = r->batch > 1 ? BATCHES : 1;
    uint64_t saved = 0;
    for (size_t under_way = 0; under_way > 0 || bench_now() < until_ns;) {
        if (under_way < most && bench_now() < until_ns) {
            recorder_send(r);
            under_way++;
        } else {
            recorder_take(r);
            saved += r->batch;
            under_way--;
        }
    }
    return saved;
}

void recorder_close(struct recorder *r)
{
    felloe_close(r->client);
    free(r->drafts);
    free(r->saved);
}
