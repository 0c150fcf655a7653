/* SPDX-License-Identifier: Apache-2.0 */
/* meet: a contact with a person, or an attempt at one. */
#include "client/record.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"mechanism", "CODE", "how: face to face, telephone … (codes: `felloe types contact.recorded`)"},
    {"place", "CODE", "where"},
    {"attendance", "CODE", "whether you met"},
    {"minutes", "N", "how long"},
    {"purpose", "CODE", "what for"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    return record_simply(cli, "contact.recorded", cli->words[0], "text", cli->word_count > 1 ? cli->words[1] : NULL);
}

const struct verb verb_meet = {"meet", GROUP_RECORD, "PERSON [TEXT]", "you met a person, spoke or wrote with them",
                               NULL, options, 1, 2, run};
