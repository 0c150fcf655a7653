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

/* ---- what is wanted ---- */

struct wanted {
    uint64_t events, seed;
    uint32_t people, workers, months;
    int64_t start;            /* ms since 1970 */
    const char *sites[32];
    uint32_t site_count;      /* 0: the events name none */
    double pace, length;      /* where many events a person are asked for, life hurries (below 1) and is long (above) */
};

/* ---- one event, written field by field ---- */

struct line {
    const struct wanted *wanted;
    uint64_t number;          /* from 1 */
    uint32_t person, worker;
    int64_t time, occurred;   /* occurred 0: at the same time */
};
void line_begin(const struct line *line, const char *type);
void line_text(const char *name, const char *value);
void line_number(const char *name, int64_t value);
void line_yes(const char *name, bool value);
void line_end(void);
/* The id of an event, for events that name another. */
#define LINE_ID_SIZE 65
void line_id(const struct wanted *wanted, uint64_t number, char out[LINE_ID_SIZE]);

/* ---- a life ---- */

enum stage {
    STAGE_INTRODUCED, STAGE_DETAILS, STAGE_ACKNOWLEDGED, STAGE_WELCOME, STAGE_STARTED, STAGE_JOINED, STAGE_KEYWORKER,
    STAGE_CONTACT, STAGE_NOTE, STAGE_STRUCK, STAGE_LEFT, STAGE_SETTLED, STAGE_FAREWELL, STAGE_ENDED, STAGE_RETURNED,
    STAGE_OVER
};
struct person {
    int64_t next;             /* when the next event of this life is */
    uint64_t last_note;       /* number of the event that may be struck */
    uint32_t number, keyworker, second;
    uint16_t contacts;        /* still to come before the farewell */
    uint8_t stage, joining;
    bool one_off;
};

/* A time of day at which people work, on this day or the next working one. */
int64_t life_at_work(struct chance *chance, int64_t ms);
/* Writes the person's event of this stage and decides on the next: STAGE_OVER when there is none. */
void life_step(struct person *person, const struct wanted *wanted, struct chance *chance, uint64_t number);

#endif
