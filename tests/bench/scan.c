/* SPDX-License-Identifier: Apache-2.0 */
/* What rebuilding all views can reach at best: every event of a directory's logs read in order, opened and decoded, on
 * one thread. No daemon may run on the directory. */
#include <stdlib.h>

#include "daemon/store/keyring.h"
#include "tests/bench/bench.h"
#include "tests/bench/each.h"

struct scan {
    struct opened opened;
    struct key_record key;
    struct buffer plain;
    uint64_t events, opened_events;
};

static void open_one(void *context, struct bytes bytes)
{
    struct scan *s = context;
    struct event event;
    struct event_body body;
    if (!event_decode(bytes, &event))
        bench_die("an event of the log is none");
    s->events++;
    if (memcmp(&event.clear.key, &s->key.id, sizeof s->key.id) != 0 &&
        keyring_get(s->opened.keyring, &event.clear.key, &s->key) != FELLOE_OK)
        return;
    s->opened_events += event_open(&event, &s->key.key, &s->plain, &body);
}

void bench_scan(int argc, char **argv)
{
    (void)argc;
    static struct scan scan;
    struct felloe_error error;
    if (opened_open(&scan.opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    const uint64_t begun = bench_now();
    each_event(&scan.opened, open_one, &scan);
    bench_tell("events", (double)scan.events * 1e9 / (double)(bench_now() - begun), "/s");
    if (scan.opened_events < scan.events / 2)
        bench_die("most events do not open here");
    buffer_release(&scan.plain);
    opened_close(&scan.opened);
}
