/* SPDX-License-Identifier: Apache-2.0 */
/* How large a directory's events are, and what people wrote of them: what disk and wire are held against. No daemon may
 * run on the directory. */
#include "tests/bench/bench.h"
#include "tests/bench/each.h"

#define TAG_SIZE 16u /* of the seal, behind the body */

struct sum {
    uint64_t events, bytes, bodies;
};

static void add(void *context, struct bytes bytes)
{
    struct sum *sum = context;
    struct event event;
    if (!event_decode(bytes, &event))
        bench_die("an event of the log is none");
    sum->events++;
    sum->bytes += bytes.len;
    sum->bodies += event.sealed.len - TAG_SIZE;
}

void bench_bytes(int argc, char **argv)
{
    (void)argc;
    static struct opened opened;
    struct felloe_error error;
    struct sum sum = {0};
    if (opened_open(&opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    each_event(&opened, add, &sum);
    opened_close(&opened);
    if (sum.events == 0)
        bench_die("there are no events");
    bench_tell("events", (double)sum.events, "");
    bench_tell("event", (double)sum.bytes / (double)sum.events, "B");
    bench_tell("body", (double)sum.bodies / (double)sum.events, "B");
}
