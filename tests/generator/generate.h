/* SPDX-License-Identifier: Apache-2.0 */
/* The generator: people whose lives with a team are made up, one event at a time, the same for the same seed. */
#ifndef FELLOE_TESTS_GENERATE_H
#define FELLOE_TESTS_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MINUTES(n) ((int64_t)(n) * 60000)
#define HOURS(n) MINUTES((n) * 60)
#define DAYS(n) HOURS((int64_t)(n) * 24)

/* ---- chance ---- */

struct chance {
    uint64_t state;
};
uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t bound);        /* 0 … bound - 1 */
int64_t chance_between(struct chance *chance, int64_t low, int64_t high); /* low … high */
bool chance_in(struct chance *chance, unsigned per_mille);           /* true that often */

/* A table of what may be picked, and how often. */
struct weighted {
    unsigned weight;
    const char *value;
};
const char *pick(struct chance *chance, const struct weighted *table, size_t count);
#define PICK(chance, table) pick(chance, table, sizeof(table) / sizeof((table)[0]))

/* ---- words ---- */

#define NAME_SIZE 64
void words_name(uint32_t person, char out[NAME_SIZE]);  /* "Zoë Hart": the same person, the same name */
void words_worker(uint32_t worker, char out[33]);       /* a slug */
const char *words_own(struct chance *chance);           /* what somebody hopes for */
const char *words_note(struct chance *chance);
const char *words_contact(struct chance *chance);
const char *words_goal(struct chance *chance);
const char *words_task(struct chance *chance);
const char *words_worry(struct chance *chance);
/* A place of the community and what is known of it, by its number. */
struct resource_words {
    const char *name, *area, *place, *schedule;
};
struct resource_words words_resource(uint32_t number);

/* ---- what is wanted ---- */

struct wanted {
    uint64_t events, seed;
    uint32_t people, workers, months;
    int64_t start;            /* ms since 1970 */
    const char *sites[32];
    uint32_t site_count;      /* 0: the events name none */
    const char *spells;       /* folder for one file a laptop and spell; NULL: all lines to standard output */
    uint32_t laptops, spell_days;
    double pace, length;      /* where many events a person are asked for, life hurries (below 1) and is long (above) */
};

/* ---- one event, written field by field ---- */

#define NOBODY UINT32_MAX
#define LAPTOPS_MAX 64
struct line {
    const struct wanted *wanted;
    uint64_t number;          /* from 1 */
    uint32_t person, worker;  /* person NOBODY: about the site */
    uint32_t site;            /* index, of what is about the site */
    int64_t time, occurred;   /* occurred 0: at the same time */
};
/* An entry that others may name later. */
struct ref {
    uint64_t number;          /* 0: none */
    uint32_t worker;
    int64_t time;
};
void line_begin(const struct line *line, const char *type);
void line_text(const char *name, const char *value);
void line_number(const char *name, int64_t value);
void line_yes(const char *name, bool value);
void line_numbers(const char *name, const int64_t *values, size_t count);
void line_time(const char *name, int64_t ms);
void line_day(const char *name, int64_t ms);
void line_worker(const char *name, uint32_t worker);
void line_workers(const char *name, const uint32_t *workers, size_t count);
void line_ref(const struct line *line, const char *name, const struct ref *ref);
void line_end(void);
/* Closes all files. False: something could not be written. */
bool lines_close(void);
/* The id of an event, for events that name another. */
#define LINE_ID_SIZE 65
void line_id(const struct wanted *wanted, uint64_t number, char out[LINE_ID_SIZE]);
/* Whoever was without a network when the entry was written, on another laptop, cannot know of it: its author speaks
 * instead. */
void line_knows(struct line *line, const struct ref *ref);

/* ---- a life ---- */

enum stage {
    STAGE_INTRODUCED, STAGE_DETAILS, STAGE_ACKNOWLEDGED, STAGE_WELCOME, STAGE_STARTED, STAGE_JOINED, STAGE_KEYWORKER,
    STAGE_CONTACT, STAGE_NOTE, STAGE_MORE, STAGE_STRUCK, STAGE_LEFT, STAGE_SETTLED, STAGE_FAREWELL, STAGE_ENDED,
    STAGE_RETURNED, STAGE_COMMUNITY, STAGE_OVER
};
#define GOALS_MAX 3
struct person {
    int64_t next;             /* when the next event of this life is */
    uint32_t number, keyworker, second;
    uint16_t contacts;        /* still to come before the farewell */
    uint8_t stage, joining, goal_count;
    bool one_off, task_taken;
    struct ref first, note, contact, task, goals[GOALS_MAX], concern, appointment, crisis, safeguarding;
};

/* What a site has of its own: places that people can turn to, sessions, who is out. */
#define RESOURCES_MAX 12
struct community {
    struct ref resources[RESOURCES_MAX];
    uint32_t resource_count;
    struct ref session, outing, worry;
};

struct step {
    struct person *person;
    const struct wanted *wanted;
    struct chance *chance;
    struct community *community;
    struct line line;
};

/* A time of day at which people work, on this day or the next working one. */
int64_t life_at_work(struct chance *chance, int64_t ms);
/* Writes the person's event of this stage and decides on the next: STAGE_OVER when there is none. `community` is their
 * site's. */
void life_step(struct person *person, const struct wanted *wanted, struct chance *chance, struct community *community,
               uint64_t number);

/* ---- for the parts of a life (life*.c, community.c) ---- */

/* The next event of this person: after a while between low and high, at work when there is time for that. */
void life_next(struct step *step, enum stage stage, int64_t low, int64_t high);
void life_begin(struct step *step, const char *type);
/* The entry that is being written, to be named later. */
struct ref life_ref(const struct step *step);
uint32_t life_any_worker(struct step *step);
void life_more(struct step *step);      /* one of the many things that happen between two meetings */
void community_step(struct step *step); /* what happens in a site */

#endif
