/* SPDX-License-Identifier: Apache-2.0 */
/* How large a directory's events are, and what people wrote of them: what disk and wire are held against. No daemon may
 * run on the directory. */
#include "daemon/log/event_log.h"
#include "tests/bench/bench.h"
#include "tests/power/opened.h"

#define TAG_SIZE 16u /* of the seal, behind the body */

struct sum {
    uint64_t events, bytes, bodies;
};

static void add(struct sum *sum, struct bytes bytes)
{
    struct event event;
    if (!event_decode(bytes, &event))
        bench_die("an event of the log is none");
    sum->events++;
    sum->bytes += bytes.len;
    sum->bodies += event.sealed.len - TAG_SIZE;
}

static void add_site(struct sum *sum, struct log_reader *reader, const char *site)
{
    struct log_walk walk;
    struct log_item item;
    struct stream_head own;
    uint64_t shared;
    int64_t oldest;
    log_walk_begin(&walk, reader, bytes_str(site), (struct position){1, 1});
    while (log_walk_next(&walk, &item))
        add(sum, item.event);
    log_walk_end(&walk);
    if (!log_own(reader, bytes_str(site), &own, &shared, &oldest))
        return;
    for (uint64_t seq = shared + 1; seq <= own.seq && log_get_own(reader, bytes_str(site), seq, &item); seq++)
        add(sum, item.event);
}

void bench_bytes(int argc, char **argv)
{
    (void)argc;
    static struct opened opened;
    struct felloe_error error;
    struct sum sum = {0};
    char site[SLUG_MAX + 1];
    if (opened_open(&opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    struct log_reader *reader = log_reader_begin(opened.log, &error);
    for (size_t i = 0; reader != NULL && log_site_at(reader, i, site); i++)
        add_site(&sum, reader, site);
    log_reader_end(reader);
    opened_close(&opened);
    if (sum.events == 0)
        bench_die("there are no events");
    bench_tell("events", (double)sum.events, "");
    bench_tell("event", (double)sum.bytes / (double)sum.events, "B");
    bench_tell("body", (double)sum.bodies / (double)sum.events, "B");
}
