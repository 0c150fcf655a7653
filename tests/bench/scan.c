/* SPDX-License-Identifier: Apache-2.0 */
/* What rebuilding all views can reach at best: every event of a directory's logs read in order, opened and decoded, on
 * one thread. No daemon may run on the directory. */
#include <stdlib.h>

#include "daemon/log/event_log.h"
#include "daemon/store/keyring.h"
#include "tests/bench/bench.h"
#include "tests/power/opened.h"

struct scan {
    struct opened opened;
    struct key_record key;
    struct buffer plain;
    uint64_t events, opened_events;
};

static void open_one(struct scan *s, struct bytes bytes)
{
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

static void scan_site(struct scan *s, struct log_reader *reader, const char *site)
{
    struct log_walk walk;
    struct log_item item;
    struct stream_head own;
    uint64_t shared;
    int64_t oldest;
    log_walk_begin(&walk, reader, bytes_str(site), (struct position){1, 1});
    while (log_walk_next(&walk, &item))
        open_one(s, item.event);
    log_walk_end(&walk);
    if (!log_own(reader, bytes_str(site), &own, &shared, &oldest))
        return;
    for (uint64_t seq = shared + 1; seq <= own.seq && log_get_own(reader, bytes_str(site), seq, &item); seq++)
        open_one(s, item.event);
}

void bench_scan(int argc, char **argv)
{
    (void)argc;
    static struct scan scan;
    struct felloe_error error;
    char site[SLUG_MAX + 1];
    if (opened_open(&scan.opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    const uint64_t begun = bench_now();
    struct log_reader *reader = log_reader_begin(scan.opened.log, &error);
    for (size_t i = 0; reader != NULL && log_site_at(reader, i, site); i++)
        scan_site(&scan, reader, site);
    log_reader_end(reader);
    bench_tell("events", (double)scan.events * 1e9 / (double)(bench_now() - begun), "/s");
    if (scan.opened_events < scan.events / 2)
        bench_die("most events do not open here");
    buffer_release(&scan.plain);
    opened_close(&scan.opened);
}
