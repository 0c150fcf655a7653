/* SPDX-License-Identifier: Apache-2.0 */
/* Recording, in turns with what it is held against: a disk that others use too changes by several times within
 * seconds, so that what is measured after one another for seconds each cannot be compared. Slices of half a second
 * or a second, the limit's, ours, the limit's, ours, the limit's; a slice of ours is held against the two around it,
 * and the ratio is the median of those. While the limit is measured the daemon rests: its views have all that was
 * recorded. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/raw.h"
#include "tests/bench/recorder.h"

#define SLICES_MAX 4096u
#define STALLS_NS  100000000u /* of the disk's commits, where these are not the limit */
#define REST_MS    5
#define REST_MAX_NS 120000000000u
#define CLIENTS 64u
#define BULK    1000u

struct side {
    uint64_t (*run)(void *who, uint64_t until_ns);
    void *who;
    double events, ns, rates[SLICES_MAX]; /* all of its slices, and each one's */
};

static void slice(struct side *side, size_t number, uint64_t ns)
{
    const uint64_t begun = bench_now();
    const double events = (double)side->run(side->who, begun + ns), took = (double)(bench_now() - begun);
    side->events += events;
    side->ns += took;
    side->rates[number] = events * 1e9 / took;
}

/* Waits until the daemon has folded what was recorded. */
static void rest(struct felloe_client *client)
{
    const uint64_t until = bench_now() + REST_MAX_NS;
    for (bool folded = false; !folded; (void)!poll(NULL, 0, REST_MS)) {
        struct felloe_answer *answer;
        struct felloe_error error;
        if (felloe_status(client, &answer, &error) != FELLOE_OK)
            bench_die("%s", error.message);
        const struct felloe_value *status = felloe_answer_summary(answer);
        folded = felloe_value_integer(felloe_value_get(status, "folded")) >=
                 felloe_value_integer(felloe_value_get(status, "total"));
        felloe_answer_free(answer);
        if (bench_now() > until)
            bench_die("the views do not come to an end");
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* What is measured, and how. `stalls` is NULL where the disk's commits are the limit. */
struct turns {
    struct side *ours, *limit, *stalls;
    struct felloe_client *client;
    uint64_t slice_ns;
};

static void take_turns(const struct turns *t, uint64_t ns)
{
    static double ratios[SLICES_MAX];
    size_t count = 0;
    rest(t->client);
    slice(t->limit, 0, t->slice_ns);
    while (count < SLICES_MAX - 1 && (t->ours->ns < (double)ns || count < 2)) {
        rest(t->client); /* the limit may be the daemon's too */
        slice(t->ours, count, t->slice_ns);
        rest(t->client);
        if (t->stalls != NULL)
            slice(t->stalls, count, STALLS_NS);
        slice(t->limit, count + 1, t->slice_ns);
        ratios[count] = t->ours->rates[count] * 2 / (t->limit->rates[count] + t->limit->rates[count + 1]);
        count++;
    }
    qsort(ratios, count, sizeof *ratios, by_size);
    bench_tell("events", t->ours->events * 1e9 / t->ours->ns, "/s");
    bench_tell("limit", t->limit->events * 1e9 / t->limit->ns, "/s");
    bench_tell("ratio", (ratios[(count - 1) / 2] + ratios[count / 2]) / 2, "");
    bench_tell("least", ratios[0], "");
    bench_tell("most", ratios[count - 1], "");
}

void bench_turns(int argc, char **argv)
{
    (void)argc;
    static struct side ours, limit, stalls;
    static struct recorder recorder;
    static struct crowd crowd;
    struct raw_disk disk;
    struct turns turns = {.ours = &ours, .limit = &limit, .slice_ns = 500000000u};
    const bool bulk = strcmp(argv[3], "bulk") == 0, clients = strcmp(argv[3], "clients") == 0;
    char *words = bench_words(NOTE_BYTES);
    if (!bulk && !clients && strcmp(argv[3], "one") != 0)
        bench_die("'%s' is not one, clients or bulk", argv[3]);
    recorder_open(&recorder, argv[1], words, bulk ? BULK : 1);
    raw_disk_open(&disk, argv[2], RAW_BYTES, bulk ? BULK : 1);
    ours.run = limit.run = recorder_run;
    ours.who = limit.who = &recorder;
    if (clients) { /* against one client; the disk's commits between them */
        crowd_open(&crowd, argv[1], words, CLIENTS);
        ours = (struct side){.run = crowd_run, .who = &crowd};
        stalls = (struct side){.run = raw_disk_run, .who = &disk};
        turns.stalls = &stalls;
    } else {
        limit = (struct side){.run = raw_disk_run, .who = &disk};
    }
    if (bulk) /* a slice's beginning and end, where less is under way, are to be small in it */
        turns.slice_ns *= 2;
    turns.client = bench_connect(argv[1]);
    take_turns(&turns, bench_number(argv[4]) * 1000000000u);
    raw_disk_tell(&disk);
    felloe_close(turns.client);
    if (clients)
        crowd_close(&crowd);
    recorder_close(&recorder);
    raw_disk_close(&disk);
    free(words);
}
