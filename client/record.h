/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that record an entry share: fields as people type them, and the answer once it is saved. */
#ifndef FELLOE_CLIENT_RECORD_H
#define FELLOE_CLIENT_RECORD_H

#include "client/cli.h"
#include "proto/domain/catalogue.h"

struct recording {
    struct felloe_draft draft;
    const struct type_def *type;  /* NULL: this version does not know it, the daemon says so */
    struct felloe_field *fields;  /* draft.fields; names and values are owned */
    size_t count;
    char **people;                /* more than one: an entry for each; owned */
    size_t people_count;
};

/* Begins an event of this type; --site, --worker and --occurred of the command line are taken over. `person` may be
 * NULL. */
enum felloe_code recording_init(struct recording *recording, struct cli *cli, const char *type, const char *person);
void recording_release(struct recording *recording);
enum felloe_code recording_person(struct recording *recording, struct cli *cli, const char *person);
/* Adds a field. What people type becomes what the catalogue wants: a code's label its code, "tomorrow 9:00" a time,
 * "5 4 3" three numbers. */
enum felloe_code recording_add(struct recording *recording, struct cli *cli, const char *name, const char *value);
/* What was given for a field, NULL when nothing was. */
const char *recording_value(const struct recording *recording, const char *name);
/* Adds each option of the verb that stands for a field. */
enum felloe_code recording_options(struct recording *recording, struct cli *cli);
/* Names of workers become their ids, words of a task (goal, concern …) its entry. Asks the daemon where it must. With
 * `carries`, the fields of the entry that is changed are taken over where none is given. */
enum felloe_code recording_resolve(struct recording *recording, struct cli *cli, bool carries);
/* Records it and says so. */
enum felloe_code recording_save(struct recording *recording, struct cli *cli);

/* ---- one field ---- */

/* What was typed as the catalogue wants it, a new string: FELLOE_INVALID says in `error` what is wrong with it. Texts,
 * workers and references stay as they are. */
enum felloe_code field_normal(const struct field_def *field, const char *typed, int64_t now, char **out,
                              struct felloe_error *error);
/* The code that was meant: a code, its label, the only one that begins with the text or has it in it; NULL: none or
 * several, and `several` says which. */
const char *code_meant(const struct code_list *list, const char *typed, char *several, size_t size);

#define OPTION_OCCURRED {"occurred", "WHEN", "when it happened: \"yesterday 14:30\", friday, 1/12 (else: now)"}

/* ---- the groups of the verbs that record; help.c has them in order ---- */
#define GROUP_PEOPLE "Who comes and goes"
#define GROUP_MEET "Meeting and talking"
#define GROUP_TOGETHER "Deciding and doing together"
#define GROUP_SAFETY "Keeping safe together"
#define GROUP_COMMUNITY "Community and places"
#define GROUP_COLLEAGUES "Looking after one another"
#define GROUP_RECORD "Record anything, put right, settle"
#define GROUP_LOOK "Look at what the team holds together"

#endif
