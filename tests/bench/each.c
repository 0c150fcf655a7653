/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the logs of all sites of an opened directory: see each.h. */
#include "tests/bench/bench.h"
#include "tests/bench/each.h"

static void each_of_site(struct log_reader *reader, struct bytes site, void (*found)(void *context, struct bytes event),
                         void *context)
{
    struct log_walk walk;
    struct log_item item;
    struct stream_head own;
    uint64_t shared;
    int64_t oldest;
    log_walk_begin(&walk, reader, site, (struct position){1, 1});
    while (log_walk_next(&walk, &item))
        found(context, item.event);
    log_walk_end(&walk);
    if (!log_own(reader, site, &own, &shared, &oldest))
        return;
    for (uint64_t seq = shared + 1; seq <= own.seq && log_get_own(reader, site, seq, &item); seq++)
        found(context, item.event);
}

void each_event(struct opened *opened, void (*found)(void *context, struct bytes event), void *context)
{
    struct felloe_error error;
    char site[SLUG_MAX + 1];
    struct log_reader *reader = log_reader_begin(opened->log, &error);
    if (reader == NULL)
        bench_die("%s", error.message);
    for (size_t i = 0; log_site_at(reader, i, site); i++)
        each_of_site(reader, bytes_str(site), found, context);
    log_reader_end(reader);
}
