/* SPDX-License-Identifier: Apache-2.0 */
/* felloe-generate: as many events as asked for, as CloudEvents 1.0 JSON lines in order of time. Memory is that of the
 * people alone. */
#include "tests/generator/generate.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/domain/validate.h"

static const char usage[] =
    "usage: felloe-generate --events N [--seed S] [--people P] [--workers W] [--sites A,B…] [--months M] [--start "
    "DATE]\n"
    "                       [--spells FOLDER [--laptops L] [--spell-days D]]\n"
    "Writes N events about made-up people as CloudEvents lines; the same numbers give the same lines.\n"
    "--spells: one file for each of L laptops (4) and each D days (7) that it is without a network; what is in files\n"
    "of the same days is written without knowing of each other.\n";

/* ---- whose turn it is: a heap of people by the time of their next event ---- */

struct crowd {
    struct person *people;       /* and, after them, one "person" a site: what happens in it */
    struct community *communities;
    uint32_t sites;
    uint32_t *heap, *over;
    uint32_t count, over_count;
};

static bool before(const struct crowd *crowd, uint32_t a, uint32_t b)
{
    const struct person *first = &crowd->people[a], *second = &crowd->people[b];
    return first->next != second->next ? first->next < second->next : a < b;
}

static void sink(struct crowd *crowd, uint32_t at)
{
    uint32_t moved = crowd->heap[at];
    for (uint32_t child; (child = 2 * at + 1) < crowd->count; at = child) {
        if (child + 1 < crowd->count && before(crowd, crowd->heap[child + 1], crowd->heap[child]))
            child++;
        if (!before(crowd, crowd->heap[child], moved))
            break;
        crowd->heap[at] = crowd->heap[child];
    }
    crowd->heap[at] = moved;
}

/* Everybody arrives at some time in the first four fifths of the months asked for. */
static bool crowd_gather(struct crowd *crowd, const struct wanted *wanted, struct chance *chance)
{
    crowd->sites = wanted->site_count > 0 ? wanted->site_count : 1;
    size_t all = (size_t)wanted->people + crowd->sites;
    crowd->people = calloc(all, sizeof *crowd->people);
    crowd->communities = calloc(crowd->sites, sizeof *crowd->communities);
    crowd->heap = calloc(all, sizeof *crowd->heap);
    crowd->over = calloc(all, sizeof *crowd->over);
    if (!crowd->people || !crowd->communities || !crowd->heap || !crowd->over)
        return false;
    int64_t length = DAYS(wanted->months * 24);
    for (uint32_t i = 0; i < wanted->people; i++) {
        int64_t part = length / wanted->people;
        crowd->people[i] = (struct person){.number = i, .stage = STAGE_INTRODUCED};
        crowd->people[i].next = life_at_work(chance, wanted->start + part * i + chance_between(chance, 0, part));
        crowd->heap[i] = i;
    }
    for (uint32_t i = 0; i < crowd->sites; i++) {
        crowd->people[wanted->people + i] = (struct person){
            .number = i, .stage = STAGE_COMMUNITY, .next = life_at_work(chance, wanted->start)};
        crowd->heap[wanted->people + i] = wanted->people + i;
    }
    crowd->count = (uint32_t)all;
    for (uint32_t i = crowd->count; i-- > 0;)
        sink(crowd, i);
    return true;
}

/* Where the lives come to an end before the events do, everybody comes back. */
static void all_come_back(struct crowd *crowd, const struct wanted *wanted, struct chance *chance, int64_t now)
{
    int64_t within = (int64_t)((double)DAYS(30) * wanted->pace);
    for (uint32_t i = 0; i < crowd->over_count; i++) {
        struct person *person = &crowd->people[crowd->over[i]];
        person->stage = STAGE_RETURNED;
        person->next = now + chance_between(chance, MINUTES(1), within);
        crowd->heap[crowd->count++] = crowd->over[i];
    }
    crowd->over_count = 0;
    for (uint32_t i = crowd->count; i-- > 0;)
        sink(crowd, i);
}

static bool generate(const struct wanted *wanted)
{
    struct chance chance = {wanted->seed};
    struct crowd crowd = {0};
    bool fine = crowd_gather(&crowd, wanted, &chance);
    for (uint64_t number = 1; fine && number <= wanted->events; number++) {
        struct person *person = &crowd.people[crowd.heap[0]];
        int64_t now = person->next;
        life_step(person, wanted, &chance, &crowd.communities[person->number % crowd.sites], number);
        if (person->stage == STAGE_OVER) {
            crowd.over[crowd.over_count++] = crowd.heap[0];
            crowd.heap[0] = crowd.heap[--crowd.count];
        }
        if (crowd.count == crowd.sites)
            all_come_back(&crowd, wanted, &chance, now);
        else
            sink(&crowd, 0);
        fine = !ferror(stdout);
    }
    free(crowd.people);
    free(crowd.communities);
    free(crowd.heap);
    free(crowd.over);
    return fine;
}

/* ---- what is asked for ---- */

static bool number_of(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && *out >= low && *out <= high;
}

static bool number32_of(const char *text, uint32_t high, uint32_t *out)
{
    uint64_t number;
    bool fine = number_of(text, 1, high, &number);
    *out = fine ? (uint32_t)number : 0;
    return fine;
}

static bool sites_of(char *text, struct wanted *wanted)
{
    char *rest = text;
    for (char *site; (site = strsep(&rest, ",")) != NULL;) {
        size_t len = strspn(site, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (wanted->site_count == sizeof wanted->sites / sizeof wanted->sites[0] || len == 0 || len > SLUG_MAX ||
            site[len])
            return false;
        wanted->sites[wanted->site_count++] = site;
    }
    return true;
}

static bool start_of(const char *text, int64_t *out)
{
    char whole[40];
    snprintf(whole, sizeof whole, "%.12sT00:00:00Z", text);
    return time_parse(bytes_str(whole), out) && *out >= 0;
}

static bool option_of(int option, char *value, struct wanted *wanted)
{
    switch (option) {
    case 'e':
        return number_of(value, 1, UINT64_MAX / 2, &wanted->events);
    case 's':
        return number_of(value, 0, UINT64_MAX, &wanted->seed);
    case 'p':
        return number32_of(value, 100000000, &wanted->people);
    case 'w':
        return number32_of(value, 1000000, &wanted->workers);
    case 'm':
        return number32_of(value, 1200, &wanted->months);
    case 'i':
        return sites_of(value, wanted);
    case 't':
        return start_of(value, &wanted->start);
    case 'o':
        wanted->spells = value;
        return true;
    case 'l':
        return number32_of(value, LAPTOPS_MAX, &wanted->laptops);
    case 'd':
        return number32_of(value, 3650, &wanted->spell_days);
    default:
        return false;
    }
}

/* What was not asked for follows from how many events there are to be. */
static void fill_in(struct wanted *wanted)
{
    uint64_t people = wanted->events / 25 + 1; /* some are still to come when it ends */
    if (wanted->people == 0)
        wanted->people = people > 100000000 ? 100000000 : (uint32_t)people;
    if (wanted->workers == 0)
        wanted->workers = 8 + wanted->people / 40;
    double each = (double)wanted->events / wanted->people;
    double days = each * 5, there_are = wanted->months * 20.0;
    wanted->pace = days > there_are ? there_are / days : 1;
    wanted->length = each > 30 ? each / 30 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"events", required_argument, NULL, 'e'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"people", required_argument, NULL, 'p'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"months", required_argument, NULL, 'm'},
                                            {"sites", required_argument, NULL, 'i'},
                                            {"start", required_argument, NULL, 't'},
                                            {"spells", required_argument, NULL, 'o'},
                                            {"laptops", required_argument, NULL, 'l'},
                                            {"spell-days", required_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct wanted wanted = {.seed = 1, .months = 12, .start = 1756684800000 /* 2025-09-01 */, .laptops = 4,
                            .spell_days = 7};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (!option_of(option, optarg, &wanted)) {
            fprintf(stderr, "%s", usage);
            return 2;
        }
    }
    if (wanted.events == 0 || optind < argc) {
        fprintf(stderr, "%s", usage);
        return 2;
    }
    fill_in(&wanted);
    if (!generate(&wanted) || !lines_close()) {
        fprintf(stderr, "felloe-generate: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
