/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that record an entry are rows of a table (record_verbs.c): which type, what is typed in which order. Their
 * options are the type's fields. */
#ifndef FELLOE_CLIENT_RECORD_VERB_H
#define FELLOE_CLIENT_RECORD_VERB_H

#include "client/cli.h"
#include "proto/domain/catalogue.h"

struct recording;

struct record_verb {
    struct verb verb;
    const char *type;     /* "task.closed" */
    /* What is typed behind the verb, in order: PERSON, PERSON+ (several), @new (a new person; takes no word), names of
     * fields. A ? behind it: may be left out; PERSON? in front is left out first. */
    const char *takes;
    const char *fixed;    /* fields that the verb itself says: "cancelled=yes" */
    const char *defaults; /* what is recorded unless something else is said: "worker=@me category=all" */
    const char *asks;     /* fields that are asked for on a terminal too, once something has to be asked */
    const char *flags;    /* fields of codes, each of which is an option: --done for state=done */
    bool carries;         /* fields of the entry that is changed stay as they are unless given anew */
};

extern const struct record_verb record_verbs[];
extern const size_t record_verb_count;

/* The row of a verb; NULL for verbs of another kind. */
const struct record_verb *record_verb_of(const struct verb *verb);
enum felloe_code record_verb_run(struct cli *cli);
enum felloe_code huddle_run(struct cli *cli); /* without people, the view */
/* Asks for all that is missing of an entry of the row's type, or says what is. */
enum felloe_code record_verb_complete(struct cli *cli, const struct record_verb *row, struct recording *recording);

/* ---- what a row says ---- */

struct taken {
    enum { TAKE_PERSON, TAKE_PEOPLE, TAKE_NEW, TAKE_FIELD } kind;
    const struct field_def *field; /* TAKE_FIELD */
    bool optional;
};
#define TAKES_MAX 8
/* The words of `takes`; returns how many. */
size_t record_verb_takes(const struct record_verb *row, struct taken out[TAKES_MAX]);
const struct type_def *record_verb_type(const struct record_verb *row);
/* "PERSON TASK [OUTCOME]", for help. */
void record_verb_arguments(const struct record_verb *row, char *out, size_t size);
/* The value of a name in "name=value name=value"; false when it is not there. */
bool pair_value(const char *pairs, const char *name, char *out, size_t size);
/* Is the word one of those, which spaces part? */
bool word_among(const char *words, const char *word);

/* ---- options that come from the catalogue ---- */

struct derived_options {
    struct option_def *defs;  /* ends with OPTIONS_END */
    struct option_meaning {
        const struct field_def *field; /* NULL: none (--occurred) */
        const char *value;             /* what a flag says */
        char *name, *help;             /* owned */
    } *meanings;
    size_t count;
};
/* False: memory ran out. */
bool derive_options(const struct record_verb *row, struct derived_options *out);
void derived_release(struct derived_options *options);
/* What an option of the command line stands for; NULL when it is none of these. */
const struct option_meaning *option_meaning(const struct derived_options *options, const struct option_def *def);

#endif
