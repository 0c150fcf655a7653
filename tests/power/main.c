/* SPDX-License-Identifier: Apache-2.0 */
/* felloe-power: IMAGES disks after a power cut, of the traces given, each opened and judged.
 *
 *   felloe-power [--images N] [--seed S] [--jobs J] [--pretend FAULT] [--only TRACE:CUT:IMAGE --build FOLDER] TRACE…
 *
 * Cuts are spread evenly over a trace's operations. Where a cut has more images than subsets of at most ten pending
 * operations, all of these are taken; the rest is by chance, from the seed. Exit code 1: an image was wrong. */
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

static const char *const pretences[] = {"nothing", "no-sync", "no-meta-sync", "no-key-sync", "no-folder-sync", "early"};

struct options {
    size_t images, jobs;
    uint64_t seed;
    enum pretence pretence;
    size_t only_cut, only_image;
    bool only;
    const char *build;
};

/* What the processes that judge tell the one that started them. */
struct shared {
    struct progress {
        size_t next;            /* number of the image at hand, plus one */
        size_t judged, failed;
        size_t cut, image, pending_most;
        char why[FAILURES_SHOWN][WHY_SIZE + 100];
    } jobs[JOBS_MAX];
};

struct run {
    const struct options *options;
    struct trace trace;
    struct said_list said;
    size_t number, images;      /* of this trace */
    size_t *cuts, cut_count;    /* operations of the disk */
    struct shared *shared;
    char scratch[PATH_MAX];
};

/* ---- one image after the other ---- */

/* Images first..last of a cut. */
static size_t first_image(const struct run *run, size_t cut)
{
    return (cut * run->images + run->cut_count - 1) / run->cut_count;
}

static struct choice choose(const struct run *run, const struct disk *disk, size_t cut, size_t image, size_t quota)
{
    const size_t pending = disk_pending(disk);
    struct choice choice = {.chance = {run->options->seed ^ (uint64_t)run->number << 56 ^ (uint64_t)cut << 24 ^ image}};
    const uint64_t how = chance_below(&choice.chance, 10);
    choice.views = chance_below(&choice.chance, 8) == 0;
    if (pending <= ALL_SUBSETS_MAX && quota >= (size_t)1 << pending && image < (size_t)1 << pending) {
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
    char why[WHY_SIZE];
    const size_t op = run->cuts[cut];
    struct choice choice = choose(run, disk, cut, image, quota);
    p->cut = cut;
    p->image = image;
    if (disk_pending(disk) > p->pending_most)
        p->pending_most = disk_pending(disk);
    disk_build(disk, &choice, run->options->build != NULL ? run->options->build : run->scratch);
    struct chance chance = {choice.chance.state ^ 1};
    bool fine = run->options->build != NULL || image_judge(run->scratch, &run->said, op, &chance, why);
    p->judged++;
    if (fine)
        return;
    if (p->failed < FAILURES_SHOWN)
        snprintf(p->why[p->failed], sizeof p->why[0], "%zu:%zu:%zu (operation %zu of %zu): %s", run->number, cut, image,
                 op, run->trace.count, why);
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
        const size_t first = o->only ? 0 : first_image(run, cut), last = o->only ? 0 : first_image(run, cut + 1);
        for (; op < run->cuts[cut]; op++) {
            disk_begin(disk, &run->trace.ops[op]);
            disk_end(disk, &run->trace.ops[op]);
        }
        disk_begin(disk, &run->trace.ops[op]);
        for (size_t image = first; image < last; image++) {
            if (image % o->jobs != job || image < p->next)
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
            snprintf(run->scratch + strlen(run->scratch), 16, "/%zu", job);
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
    snprintf(run.scratch, sizeof run.scratch - 16, "%s", scratch);
    trace_load(&run.trace, path);
    find_cuts(&run);
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
        sum.pending_most = p->pending_most > sum.pending_most ? p->pending_most : sum.pending_most;
        for (size_t i = 0; i < p->failed && i < FAILURES_SHOWN; i++)
            printf("    %s\n", p->why[i]);
    }
    printf("%s: %zu cuts (up to %zu writes pending); said: %zu saved, %zu at a position, %zu heads, %zu devices, "
           "%zu tickets; %zu images, %zu wrong, %.0f a second\n",
           strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path, run.cut_count, sum.pending_most,
           said[SAID_EVENT], said[SAID_ENTRY], said[SAID_HEAD], said[SAID_DEVICE], said[SAID_TICKET], sum.judged,
           sum.failed, (double)sum.judged / (seconds > 0.001 ? seconds : 0.001));
    said_release(&run.said);
    trace_release(&run.trace);
    free(run.cuts);
    munmap(run.shared, sizeof *run.shared);
    return sum.failed;
}

/* ---- the command line ---- */

static int usage(void)
{
    fputs("felloe-power [--images N] [--seed S] [--jobs J] [--pretend FAULT] [--only TRACE:CUT:IMAGE [--build FOLDER]] "
          "TRACE…\n",
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
        {NULL, 0, NULL, 0}};
    struct options options = {.images = 200, .jobs = 1, .seed = 1};
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
        else if (option == 'o')
            only_trace = take_only(&options, optarg);
        else if (option != 'p' || !take_pretence(&options, optarg))
            return usage();
    }
    const size_t traces = (size_t)(argc - optind);
    if (traces == 0 || options.jobs == 0 || options.jobs > JOBS_MAX || sodium_init() < 0)
        return usage();
    if (options.only)
        options.jobs = 1;
    report_level(LEVEL_ERROR);
    char scratch[] = "/dev/shm/felloe-power.XXXXXX";
    if (mkdtemp(scratch) == NULL) {
        perror(scratch);
        return 2;
    }
    for (size_t i = 0; i < traces; i++)
        if (!options.only || i == only_trace)
            failed += run_trace(&options, argv[(size_t)optind + i], i,
                                options.images * (i + 1) / traces - options.images * i / traces, scratch);
    folder_empty(scratch);
    rmdir(scratch);
    return failed > 0;
}
