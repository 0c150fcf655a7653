/* SPDX-License-Identifier: Apache-2.0 */
/* What must not grow with the log: appending to it, reading it on from a place, and finding that place (which is what
 * a hub does when a laptop tells how far it is). Beside it what does: opening it, and starting a daemon until its
 * hub's word, because every page is looked at then. A directory's log is opened by the daemon's own code; no daemon
 * may run on it. Of two logs the same is done to each in turns, so that what the machine does meanwhile it does to
 * both; of what does not wait for the disk the time is the processor's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log/event_log.h"
#include "proto/mp.h"
#include "tests/bench/bench.h"
#include "tests/power/opened.h"

#define TURNS 10u
#define TIMES 200u
#define READ_EVENTS 5000u
#define BATCH 1000u
#define BATCHES 9u

struct measured {
    struct opened opened;
    char site[SLUG_MAX + 1];
    struct log_head head;
    struct key_id key; /* of the head's event */
    uint64_t cursor[TURNS], read[TURNS], append[BATCHES];
};

/* The site with the longest log, and its head. */
static struct log_head largest_site(struct log_reader *reader, char out[SLUG_MAX + 1])
{
    struct log_head largest = {0}, heads[SEEN_MAX];
    char site[SLUG_MAX + 1];
    for (size_t i = 0; log_site_at(reader, i, site); i++) {
        const size_t count = log_heads(reader, bytes_str(site), heads);
        if (count > 0 && heads[count - 1].at.n > largest.at.n) {
            largest = heads[count - 1];
            memcpy(out, site, SLUG_MAX + 1);
        }
    }
    if (largest.at.n < READ_EVENTS)
        bench_die("the log is to have %u events of a site or more", READ_EVENTS);
    return largest;
}

static struct log_reader *begin(struct opened *opened)
{
    struct felloe_error error;
    struct log_reader *reader = log_reader_begin(opened->log, &error);
    if (reader == NULL)
        bench_die("%s", error.message);
    return reader;
}

/* A laptop's cursor among the last thousand: how far is the log, is it the same log, and what comes next. */
static uint64_t find_cursors(struct opened *opened, const char *site, const struct log_head *head)
{
    struct log_head heads[SEEN_MAX];
    struct log_hash hash;
    struct log_item item;
    struct log_walk walk;
    const uint64_t begun = bench_processor();
    for (unsigned i = 0; i < TIMES; i++) {
        const struct position at = {head->at.epoch, head->at.n - i * 7 % 1000};
        struct log_reader *reader = begin(opened);
        log_walk_begin(&walk, reader, bytes_str(site), at);
        if (log_heads(reader, bytes_str(site), heads) == 0 || !log_hash_at(reader, bytes_str(site), at, &hash) ||
            !log_walk_next(&walk, &item))
            bench_die("a cursor is not found");
        log_walk_end(&walk);
        log_reader_end(reader);
    }
    return bench_processor() - begun;
}

static uint64_t read_on(struct opened *opened, const char *site, const struct log_head *head)
{
    struct log_walk walk;
    struct log_item item;
    uint64_t bytes = 0;
    struct log_reader *reader = begin(opened);
    const uint64_t begun = bench_processor();
    log_walk_begin(&walk, reader, bytes_str(site), (struct position){head->at.epoch, head->at.n / 2});
    for (unsigned i = 0; i < READ_EVENTS / 2 && log_walk_next(&walk, &item); i++)
        bytes += item.event.len;
    log_walk_end(&walk);
    log_reader_end(reader);
    if (bytes == 0)
        bench_die("nothing was read");
    return bench_processor() - begun;
}

/* Notes under the key of the latest event, 1,000 in a job, which is a commit. */
static uint64_t append(struct opened *opened, const char *site, const struct key_id *key)
{
    static struct log_draft drafts[BATCH];
    struct buffer fields = {0};
    char *words = bench_words(NOTE_BYTES);
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, words);
    const uint64_t begun = bench_now();
    for (unsigned j = 0; j < BATCH; j++)
        drafts[j] = (struct log_draft){.body = {.type = bytes_str("note.added"), .worker = bytes_str("amy"),
                                                .fields = buffer_bytes(&fields)},
                                       .key = *key};
    struct log_job job = {.kind = LOG_RECORD, .drafts = drafts, .draft_count = BATCH};
    snprintf(job.site, sizeof job.site, "%s", site);
    if (opened_do(opened, &job) != FELLOE_OK)
        bench_die("%s", job.error.message);
    const uint64_t took = bench_now() - begun;
    buffer_release(&fields);
    free(words);
    return took;
}

static void measured_head(struct measured *m)
{
    struct log_item item;
    struct event event;
    struct log_reader *reader = begin(&m->opened);
    m->head = largest_site(reader, m->site);
    if (!log_get(reader, bytes_str(m->site), m->head.at, &item) || !event_decode(item.event, &event))
        bench_die("the latest event is not there");
    m->key = event.clear.key;
    log_reader_end(reader);
}

static void measured_open(struct measured *m, const char *image, const char *figure)
{
    struct felloe_error error;
    const uint64_t begun = bench_now();
    if (opened_open(&m->opened, image, &error) != FELLOE_OK)
        bench_die("%s", error.message);
    bench_tell(figure, (double)(bench_now() - begun) / 1e6, "ms");
    measured_head(m);
}

static int by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of each figure the times of all turns, the middle one of them, and what it was of the small log's in the same turn.
 * Of reading it is the least: its pages are in memory then, whatever the size. */
static void tell(const char *figure, size_t turns, double each, uint64_t *times, uint64_t *small)
{
    const size_t which = strcmp(figure, "read") == 0 ? 0 : turns / 2;
    uint64_t ratios[TURNS]; /* in millionths */
    char name[32];
    for (size_t i = 0; small != NULL && i < turns; i++)
        ratios[i] = times[i] * 1000000 / small[i];
    qsort(times, turns, sizeof *times, by_time);
    bench_tell(figure, (double)times[which] / each, "ns");
    if (small == NULL)
        return;
    qsort(small, turns, sizeof *small, by_time);
    snprintf(name, sizeof name, "small-%s", figure);
    bench_tell(name, (double)small[which] / each, "ns");
    qsort(ratios, turns, sizeof *ratios, by_time);
    snprintf(name, sizeof name, "%s-ratio", figure);
    bench_tell(name, which == 0 ? (double)times[0] / (double)small[0] : (double)ratios[turns / 2] / 1e6, "");
}

void bench_costs(int argc, char **argv)
{
    static struct measured all[2];
    struct measured *const large = &all[0], *const small = argc > 2 ? &all[1] : NULL;
    const size_t count = small != NULL ? 2 : 1;
    for (size_t i = 0; i < count; i++)
        measured_open(&all[i], argv[i + 1], i == 0 ? "open" : "small-open");
    for (unsigned turn = 0; turn < TURNS; turn++)
        for (struct measured *m = all; m < all + count; m++)
            m->read[turn] = read_on(&m->opened, m->site, &m->head);
    for (unsigned turn = 0; turn < BATCHES; turn++)
        for (struct measured *m = all; m < all + count; m++)
            m->append[turn] = append(&m->opened, m->site, &m->key);
    for (struct measured *m = all; m < all + count; m++)
        measured_head(m); /* so that both logs end alike, however many rounds there were before */
    for (unsigned turn = 0; turn < TURNS; turn++)
        for (struct measured *m = all; m < all + count; m++)
            m->cursor[turn] = find_cursors(&m->opened, m->site, &m->head);
    tell("cursor", TURNS, TIMES, large->cursor, small ? small->cursor : NULL);
    tell("read", TURNS, READ_EVENTS / 2, large->read, small ? small->read : NULL);
    tell("append", BATCHES, BATCH, large->append, small ? small->append : NULL);
    for (struct measured *m = all; m < all + count; m++)
        opened_close(&m->opened);
}

/* ---- handshakes ---- */

/* A daemon whose journal is read through `journal`. */
static pid_t started(const char *program, const char *dir, FILE **journal)
{
    int ends[2];
    if (pipe(ends) != 0)
        bench_die("no pipe");
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(program, program, "--dir", dir, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *journal = fdopen(ends[0], "r");
    if (pid < 0 || *journal == NULL)
        bench_die("no process");
    return pid;
}

/* Reads it until it says so, or to its end. Asking the daemon would be dearer than what is measured. */
static bool says(FILE *journal, const char *words)
{
    char line[1024];
    while (fgets(line, sizeof line, journal) != NULL)
        if (words != NULL && strstr(line, words) != NULL)
            return true;
    return false;
}

void bench_handshake(int argc, char **argv)
{
    (void)argc;
    const size_t times = bench_number(argv[3]);
    uint64_t *took = calloc(times, sizeof *took);
    double used = 0; /* by the processor, which other work on the machine does not disturb */
    struct rusage usage;
    if (took == NULL)
        bench_die("out of memory");
    for (size_t i = 0; i < times; i++) {
        const uint64_t begun = bench_now();
        FILE *journal;
        const pid_t pid = started(argv[1], argv[2], &journal);
        if (!says(journal, "connected to the hub"))
            bench_die("%s does not reach its hub", argv[2]);
        took[i] = bench_now() - begun;
        kill(pid, SIGTERM);
        says(journal, NULL);
        fclose(journal);
        wait4(pid, NULL, 0, &usage);
        used += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    }
    bench_tell("processor", used / (double)times, "ms");
    bench_tell_times("handshake", took, times);
    free(took);
}
