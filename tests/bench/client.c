/* SPDX-License-Identifier: Apache-2.0 */
/* Recording as a program does that uses the client library: one connection a thread. See recorder.h. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/bench/bench.h"
#include "tests/bench/recorder.h"

struct recording {
    struct recorder recorder;
    pthread_t thread;
    uint64_t until, saved;
};

static void *record(void *argument)
{
    struct recording *r = argument;
    r->saved = recorder_run(&r->recorder, r->until);
    return NULL;
}

void bench_record(int argc, char **argv)
{
    const size_t clients = bench_number(argv[2]), batch = bench_number(argv[3]);
    char *words = bench_words(argc > 5 ? bench_number(argv[5]) : NOTE_BYTES);
    struct recording *all = calloc(clients, sizeof *all);
    uint64_t saved = 0;
    if (all == NULL)
        bench_die("out of memory");
    for (size_t i = 0; i < clients; i++)
        recorder_open(&all[i].recorder, argv[1], words, batch);
    const uint64_t begun = bench_now();
    for (size_t i = 0; i < clients; i++) {
        all[i].until = begun + bench_number(argv[4]) * 1000000000u;
        if (pthread_create(&all[i].thread, NULL, record, &all[i]) != 0)
            bench_die("no thread");
    }
    for (size_t i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
        saved += all[i].saved;
    }
    bench_tell("events", (double)saved * 1e9 / (double)(bench_now() - begun), "/s");
    for (size_t i = 0; i < clients; i++)
        recorder_close(&all[i].recorder);
    free(all);
    free(words);
}
