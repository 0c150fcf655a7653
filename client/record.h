/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that record an event share: fields from options and words, and the answer once it is saved. */
#ifndef FELLOE_CLIENT_RECORD_H
#define FELLOE_CLIENT_RECORD_H

#include "client/cli.h"

struct recording {
    struct felloe_draft draft;
    struct felloe_field *fields; /* draft.fields; values are owned */
    size_t count;
};

/* Begins an event of this type; --site, --worker and --occurred of the command line are taken over. */
enum felloe_code recording_init(struct recording *recording, struct cli *cli, const char *type, const char *person);
void recording_release(struct recording *recording);
/* Adds a field. What people type becomes what the catalogue wants: a code's label its code, "tomorrow 9:00" a time. */
enum felloe_code recording_add(struct recording *recording, struct cli *cli, const char *name, const char *value);
/* Adds each option of the verb that is spelled like a field: --own-words is own_words. */
enum felloe_code recording_options(struct recording *recording, struct cli *cli);
/* Records it and says so. */
enum felloe_code recording_save(struct recording *recording, struct cli *cli);

/* A whole verb: type, person, options, and one text. `field` may be NULL. */
enum felloe_code record_simply(struct cli *cli, const char *type, const char *person, const char *field,
                               const char *text);

#define OPTION_OCCURRED {"occurred", "WHEN", "when it happened: \"yesterday 14:30\", 2026-12-01 (else: now)"}
#define GROUP_RECORD "Record"

#endif
