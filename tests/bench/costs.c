/* SPDX-License-Identifier: Apache-2.0 */
/* What must not grow with the log: appending to it, reading it on from a place, and finding that place (which is what
 * a hub does when a laptop tells how far it is). Beside it what does: opening it, and starting a daemon until its
 * hub's word, because every page is looked at then. A directory's log is opened by the daemon's own code; no daemon
 * may run on it. */
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

#define TIMES 2000u
#define READ_EVENTS 5000u
#define BATCH 1000u
#define BATCHES 5u

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
static void find_cursors(struct opened *opened, const char *site, const struct log_head *head)
{
    struct log_head heads[SEEN_MAX];
    struct log_hash hash;
    struct log_item item;
    struct log_walk walk;
    const uint64_t begun = bench_now();
    for (unsigned i = 0; i < TIMES; i++) {
        const struct position at = {head->at.epoch, head->at.n - i % 1000};
        struct log_reader *reader = begin(opened);
        log_walk_begin(&walk, reader, bytes_str(site), at);
        if (log_heads(reader, bytes_str(site), heads) == 0 || !log_hash_at(reader, bytes_str(site), at, &hash) ||
            !log_walk_next(&walk, &item))
            bench_die("a cursor is not found");
        log_walk_end(&walk);
        log_reader_end(reader);
    }
    bench_tell("cursor", (double)(bench_now() - begun) / TIMES, "ns");
}

static void read_on(struct opened *opened, const char *site, const struct log_head *head)
{
    struct log_walk walk;
    struct log_item item;
    uint64_t best = UINT64_MAX, bytes = 0;
    for (int turn = 0; turn < 10; turn++) { /* the best counts: its pages are in memory, whatever the size */
        struct log_reader *reader = begin(opened);
        const uint64_t begun = bench_now();
        log_walk_begin(&walk, reader, bytes_str(site), (struct position){head->at.epoch, head->at.n / 2});
        for (unsigned i = 0; i < READ_EVENTS / 2 && log_walk_next(&walk, &item); i++)
            bytes += item.event.len;
        log_walk_end(&walk);
        log_reader_end(reader);
        best = bench_now() - begun < best ? bench_now() - begun : best;
    }
    if (bytes == 0)
        bench_die("nothing was read");
    bench_tell("read", (double)best / (READ_EVENTS / 2), "ns");
}

/* Notes under the key of the latest event, 1,000 a job, each job a commit. */
static void append(struct opened *opened, const char *site, const struct log_head *head)
{
    static struct log_draft drafts[BATCH];
    struct buffer fields = {0};
    struct log_item item;
    struct event event;
    struct log_reader *reader = begin(opened);
    char *words = bench_words(200);
    if (!log_get(reader, bytes_str(site), head->at, &item) || !event_decode(item.event, &event))
        bench_die("the latest event is not there");
    const struct key_id key = event.clear.key;
    log_reader_end(reader);
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, words);
    const uint64_t begun = bench_now();
    for (unsigned i = 0; i < BATCHES; i++) {
        for (unsigned j = 0; j < BATCH; j++)
            drafts[j] = (struct log_draft){.body = {.type = bytes_str("note.added"), .worker = bytes_str("amy"),
                                                    .fields = buffer_bytes(&fields)},
                                           .key = key};
        struct log_job job = {.kind = LOG_RECORD, .drafts = drafts, .draft_count = BATCH};
        snprintf(job.site, sizeof job.site, "%s", site);
        if (opened_do(opened, &job) != FELLOE_OK)
            bench_die("%s", job.error.message);
    }
    bench_tell("append", (double)(bench_now() - begun) / (BATCH * BATCHES), "ns");
    buffer_release(&fields);
    free(words);
}

void bench_costs(int argc, char **argv)
{
    (void)argc;
    static struct opened opened;
    struct felloe_error error;
    char site[SLUG_MAX + 1];
    const uint64_t begun = bench_now();
    if (opened_open(&opened, argv[1], &error) != FELLOE_OK)
        bench_die("%s", error.message);
    bench_tell("open", (double)(bench_now() - begun) / 1e6, "ms");
    struct log_reader *reader = begin(&opened);
    const struct log_head head = largest_site(reader, site);
    log_reader_end(reader);
    find_cursors(&opened, site, &head);
    read_on(&opened, site, &head);
    append(&opened, site, &head);
    opened_close(&opened);
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
