/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding all views by itself, without a daemon around it: for profiles. No daemon may run on the directory. */
#include <pthread.h>
#include <stdlib.h>

#include "daemon/views/projector.h"
#include "tests/bench/bench.h"
#include "tests/power/opened.h"

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

static void changed(void *context)
{
    struct waiting *w = context;
    pthread_mutex_lock(&w->mutex);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

static void wait_until_folded(struct waiting *w, struct projector *projector, struct event_log *log)
{
    const uint64_t commits = event_log_commits(log);
    pthread_mutex_lock(&w->mutex);
    while (!projector_has(projector, commits))
        pthread_cond_wait(&w->changed, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

void bench_fold(int argc, char **argv)
{
    (void)argc;
    static struct opened opened;
    struct felloe_error error;
    struct waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
    struct projector *projector = NULL;
    if (opened_open(&opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    const struct projector_config config = {.dir = opened.dir, .log = opened.log, .keyring = opened.keyring,
                                            .identity = &opened.identity, .changed = changed, .context = &w};
    if (projector_open(&projector, &config, &error) != FELLOE_OK)
        bench_die("%s", error.message);
    for (uint64_t left = bench_number(argv[2]); left > 0; left--) {
        uint64_t folded, total;
        const uint64_t begun = bench_now();
        projector_rebuild(projector);
        wait_until_folded(&w, projector, opened.log);
        projector_progress(projector, &folded, &total);
        bench_tell("fold", (double)folded * 1e9 / (double)(bench_now() - begun), "/s");
    }
    projector_close(projector);
    opened_close(&opened);
}
