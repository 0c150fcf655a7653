/* SPDX-License-Identifier: Apache-2.0 */
/* felloe-power: IMAGES disks after a power cut, of the traces given, each opened and judged.
 *
 *   felloe-power [--images N] [--seed S] [--jobs J] [--part P/PARTS] [--cuts FROM-TO] [--pretend FAULT]
 *                [--only TRACE:CUT:IMAGE [--build FOLDER]] TRACE…
 *   felloe-power --keys DIR
 *
 * Cuts are spread evenly over a trace's operations, or those FROM-TO of them. Where there are images enough, each
 * subset of at most ten pending operations is one, and as many more are by chance, from the seed; otherwise all are by
 * chance. With
 * --part one of PARTS (0 …) of all these images is judged. Exit code 1: an image was wrong. */
#include "tests/power/power.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/report.h"

#define ALL_SUBSETS_MAX 10
#define FAILURES_SHOWN  5
#define JOBS_MAX        16

static const char *const pretences[] = {"nothing",       "no-sync",        "no-meta-sync", "no-key-sync",
                                        "no-views-sync", "no-folder-sync", "early"};

struct options {
    size_t images, jobs, part, parts;
    size_t cut_from, cut_to;
    uint64_t seed;
    enum pretence pretence;
    size_t only_cut, only_image;
    bool only;
    const char *build;
};

/* What the processes that judge tell the one that started them. */
struct shared {
    struct progress {
        size_t next; /* number of the image at hand, plus one */
        size_t judged, failed, views_again;
        size_t cut, image, pending_most;
        char why[FAILURES_SHOWN][WHY_SIZE + 100];
    } jobs[JOBS_MAX];
};

struct run {
    const struct options *options;
    struct trace trace;
    struct said_list said;
    size_t number, images;   /* of this trace */
    size_t *cuts, cut_count; /* operations of the disk */
    size_t *first;           /* the first image of each cut, and one past the last */
    struct shared *shared;
    char scratch[PATH_MAX];  /* and of a process of its own, a folder in it */
};

#define JOB_ROOM 16 /* "/7" */

/* ---- one image after the other ---- */

static struct choice choose(const struct run *run, const struct disk *disk, size_t cut, size_t image, size_t quota)
{
    const size_t pending = disk_pending(disk);
    struct choice choice = {.chance = {run->options->seed ^ (uint64_t)run->number << 56 ^ (uint64_t)cut << 24 ^ image}};
    const uint64_t how = chance_below(&choice.chance, 10);
    choice.views = run->options->build != NULL || run->options->pretence == PRETEND_NO_VIEWS_SYNC ||
                   chance_below(&choice.chance, 8) == 0;
    if (pending <= ALL_SUBSETS_MAX && quota >> pending > 1 && image >> pending == 0) {
        choice.kind = KEEP_MASK;
        choice.mask = image;
    } else {
        choice.kind = how == 0 ? KEEP_NONE : how == 1 ? KEEP_ALL : how < 6 ? KEEP_SOME : KEEP_TORN;
    }
    return choice;
}

static void judge_one(struct run *run, const struct disk *disk, struct progress *p, size_t cut, size_t image,
                      size_t quota)
{
    struct verdict verdict = {0};
    const size_t op = run->cuts[cut];
    struct choice choice = choose(run, disk, cut, image, quota);
    p->cut = cut;
    p->image = image;
    if (disk_pending(disk) > p->pending_most)
        p->pending_most = disk_pending(disk);
    disk_build(disk, &choice, run->options->build != NULL ? run->options->build : run->scratch);
    struct chance chance = {choice.chance.state ^ 1};
    bool fine = run->options->build != NULL || image_judge(run->scratch, &run->said, op, &chance, &verdict);
    p->judged++;
    p->views_again += verdict.views_again;
    if (fine)
        return;
    if (p->failed < FAILURES_SHOWN)
        snprintf(p->why[p->failed], sizeof p->why[0], "%zu:%zu:%zu (operation %zu of %zu): %s", run->number, cut, image,
                 op, run->trace.count, verdict.why);
    p->failed++;
}

/* Every jobs-th image from p->next on. */
static void judge_share(struct run *run, size_t job)
{
    struct progress *p = &run->shared->jobs[job];
    const struct options *o = run->options;
    struct disk *disk = disk_new(o->pretence);
    size_t op = 0;
    for (size_t cut = 0; cut < run->cut_count; cut++) {
        const size_t first = run->first[cut], last = run->first[cut + 1];
        for (; op < run->cuts[cut]; op++) {
            disk_begin(disk, &run->trace.ops[op]);
            disk_end(disk, &run->trace.ops[op]);
        }
        disk_begin(disk, &run->trace.ops[op]);
        for (size_t image = first; image < last; image++) {
            if (o->only || image % (o->jobs * o->parts) != o->part * o->jobs + job || image < p->next)
                continue;
            p->next = image + 1;
            judge_one(run, disk, p, cut, image - first, last - first);
        }
        if (o->only && cut == o->only_cut)
            judge_one(run, disk, p, cut, o->only_image, SIZE_MAX);
        disk_end(disk, &run->trace.ops[op]);
        op++;
    }
    disk_free(disk);
}

/* A process that is killed by what it opened has met an image that is wrong; another one goes on after it. */
static void judge_in_processes(struct run *run)
{
    pid_t children[JOBS_MAX] = {0};
    const size_t jobs = run->options->jobs;
    for (size_t left = jobs; left > 0;) {
        for (size_t job = 0; job < jobs; job++) {
            if (children[job] != 0)
                continue;
            fflush(NULL);
            children[job] = fork();
            if (children[job] != 0)
                continue;
            snprintf(run->scratch + strlen(run->scratch), JOB_ROOM, "/%zu", job);
            if (mkdir(run->scratch, 0700) != 0 && errno != EEXIST)
                _exit(2);
            judge_share(run, job);
            _exit(0);
        }
        int status;
        pid_t ended = wait(&status);
        for (size_t job = 0; job < jobs; job++) {
            struct progress *p = &run->shared->jobs[job];
            if (children[job] != ended)
                continue;
            left -= WIFEXITED(status);
            children[job] = WIFEXITED(status) ? -1 : 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                continue;
            if (p->failed < FAILURES_SHOWN)
                snprintf(p->why[p->failed], sizeof p->why[0], "%zu:%zu:%zu: ended with status %x", run->number, p->cut,
                         p->image, (unsigned)status);
            p->failed++;
        }
    }
}

/* ---- a trace ---- */

static void find_cuts(struct run *run)
{
    run->cuts = malloc(run->trace.count * sizeof *run->cuts);
    for (size_t i = 0; run->cuts != NULL && i < run->trace.count; i++)
        if (op_is_of_disk(&run->trace.ops[i]))
            run->cuts[run->cut_count++] = i;
    if (run->cut_count == 0)
        exit(2);
}

static size_t capped(size_t pending, size_t most)
{
    const size_t twice = pending < ALL_SUBSETS_MAX ? (size_t)2 << pending : (size_t)2 << ALL_SUBSETS_MAX;
    return twice < most ? twice : most;
}

/* How many images each cut gets: none more than twice its subsets, and all others alike. */
static void share_out(struct run *run)
{
    const size_t from = run->options->cut_from;
    const size_t to = run->options->cut_to < run->cut_count ? run->options->cut_to : run->cut_count;
    size_t *pending = calloc(run->cut_count + 1, sizeof *pending), op = 0, most = 0, sum = 0;
    run->first = calloc(run->cut_count + 1, sizeof *run->first);
    if (pending == NULL || run->first == NULL || from >= to)
        exit(2);
    struct disk *disk = disk_new(run->options->pretence);
    for (size_t cut = 0; cut < to; cut++) {
        for (; op <= run->cuts[cut]; op++) {
            disk_begin(disk, &run->trace.ops[op]);
            if (op == run->cuts[cut])
                pending[cut] = disk_pending(disk);
            disk_end(disk, &run->trace.ops[op]);
        }
    }
    disk_free(disk);
    for (; sum <= run->images && most <= (size_t)2 << ALL_SUBSETS_MAX; most++) {
        sum = 0;
        for (size_t cut = from; cut < to; cut++)
            sum += capped(pending[cut], most + 1);
    }
    most -= sum > run->images;
    for (size_t cut = 0; cut < run->cut_count; cut++) {
        const size_t nth = cut - from, all = to - from;
        const bool in = cut >= from && cut < to;
        run->first[cut + 1] = !in         ? run->first[cut]
                              : most == 0 ? ((nth + 1) * run->images + all - 1) / all
                                          : run->first[cut] + capped(pending[cut], most);
    }
    free(pending);
}

static void build_whole(struct run *run)
{
    struct disk *disk = disk_new(PRETEND_NOTHING);
    struct choice choice = {.kind = KEEP_ALL};
    for (size_t i = 0; i < run->trace.count; i++) {
        disk_begin(disk, &run->trace.ops[i]);
        disk_end(disk, &run->trace.ops[i]);
    }
    disk_build(disk, &choice, run->scratch);
    disk_free(disk);
}

/* How many images were wrong. */
static size_t run_trace(const struct options *options, const char *path, size_t number, size_t images,
                        const char *scratch)
{
    struct run run = {.options = options, .number = number, .images = images};
    struct progress sum = {0};
    struct timespec from, to;
    run.shared = mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.shared == MAP_FAILED)
        exit(2);
    snprintf(run.scratch, sizeof run.scratch, "%s", scratch);
    trace_load(&run.trace, path);
    find_cuts(&run);
    share_out(&run);
    build_whole(&run);
    said_collect(&run.said, &run.trace, run.scratch, options->pretence);
    folder_empty(run.scratch);
    clock_gettime(CLOCK_MONOTONIC, &from);
    judge_in_processes(&run);
    clock_gettime(CLOCK_MONOTONIC, &to);
    const size_t *said = run.said.counts;
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    for (size_t job = 0; job < options->jobs; job++) {
        const struct progress *p = &run.shared->jobs[job];
        sum.judged += p->judged;
        sum.failed += p->failed;
        sum.views_again += p->views_again;
        sum.pending_most = p->pending_most > sum.pending_most ? p->pending_most : sum.pending_most;
        for (size_t i = 0; i < p->failed && i < FAILURES_SHOWN; i++)
            printf("    %s\n", p->why[i]);
    }
    printf("%s: %zu cuts (up to %zu writes pending); said: %zu saved, %zu at a position, %zu heads, %zu devices, "
           "%zu tickets, %zu keys, %zu of them erased; %zu images, %zu wrong, %zu to make their views again, %.0f a "
           "second\n",
           strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path, run.cut_count, sum.pending_most,
           said[SAID_EVENT], said[SAID_ENTRY], said[SAID_HEAD], said[SAID_DEVICE], said[SAID_TICKET], said[SAID_KEY],
           said[SAID_ERASED], sum.judged, sum.failed, sum.views_again,
           (double)sum.judged / (seconds > 0.001 ? seconds : 0.001));
    said_release(&run.said);
    trace_release(&run.trace);
    free(run.cuts);
    free(run.first);
    munmap(run.shared, sizeof *run.shared);
    return sum.failed;
}

/* ---- the command line ---- */

static int usage(void)
{
    fputs("felloe-power [--images N] [--seed S] [--jobs J] [--part P/PARTS] [--cuts FROM-TO] [--pretend FAULT] "
          "[--only TRACE:CUT:IMAGE [--build FOLDER]] TRACE…\n",
          stderr);
    return 2;
}

static bool take_pretence(struct options *options, const char *name)
{
    for (size_t i = 0; i < sizeof pretences / sizeof *pretences; i++)
        if (strcmp(pretences[i], name) == 0) {
            options->pretence = (enum pretence)i;
            return true;
        }
    return false;
}

/* Two numbers with a sign between them. */
static void take_two(const char *text, size_t *first, size_t *second)
{
    char *end;
    *first = strtoull(text, &end, 10);
    *second = *end != '\0' ? strtoull(end + 1, NULL, 10) : *first;
}

/* Returns the trace's number. */
static size_t take_only(struct options *options, const char *text)
{
    char *end;
    options->only = true;
    size_t trace = strtoull(text, &end, 10);
    options->only_cut = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
    options->only_image = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
    return trace;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"images", required_argument, NULL, 'i'}, {"seed", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'},   {"pretend", required_argument, NULL, 'p'},
        {"only", required_argument, NULL, 'o'},   {"build", required_argument, NULL, 'b'},
        {"keys", required_argument, NULL, 'k'},   {"part", required_argument, NULL, 'P'},
        {"cuts", required_argument, NULL, 'c'},   {NULL, 0, NULL, 0}};
    struct options options = {.images = 200, .jobs = 1, .seed = 1, .parts = 1, .cut_to = SIZE_MAX};
    size_t only_trace = 0, failed = 0;
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (option == 'i')
            options.images = strtoull(optarg, NULL, 10);
        else if (option == 's')
            options.seed = strtoull(optarg, NULL, 10);
        else if (option == 'j')
            options.jobs = strtoull(optarg, NULL, 10);
        else if (option == 'b')
            options.build = optarg;
        else if (option == 'k')
            return sodium_init() < 0 ? 2 : keys_work(optarg);
        else if (option == 'P')
            take_two(optarg, &options.part, &options.parts);
        else if (option == 'c')
            take_two(optarg, &options.cut_from, &options.cut_to);
        else if (option == 'o')
            only_trace = take_only(&options, optarg);
        else if (option != 'p' || !take_pretence(&options, optarg))
            return usage();
    }
    const size_t traces = (size_t)(argc - optind);
    if (traces == 0 || options.part >= options.parts || options.jobs == 0 || options.jobs > JOBS_MAX ||
        sodium_init() < 0)
        return usage();
    if (options.only)
        options.jobs = 1;
    report_level(LEVEL_ERROR);
    char scratch[PATH_MAX - JOB_ROOM] = "/dev/shm/felloe-power.XXXXXX"; /* in memory, where that is to be had */
    if (mkdtemp(scratch) == NULL) {
        const char *base = getenv("TMPDIR");
        snprintf(scratch, sizeof scratch, "%s/felloe-power.XXXXXX", base != NULL ? base : "/tmp");
        if (mkdtemp(scratch) == NULL) {
            perror(scratch);
            return 2;
        }
    }
    for (size_t i = 0; i < traces; i++)
        if (!options.only || i == only_trace)
            failed += run_trace(&options, argv[(size_t)optind + i], i,
                                options.images * (i + 1) / traces - options.images * i / traces, scratch);
    folder_empty(scratch);
    rmdir(scratch);
    return failed > 0;
}
