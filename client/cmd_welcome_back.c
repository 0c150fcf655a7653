/* SPDX-License-Identifier: Apache-2.0 */
/* welcome-back: a person came back. */
#include "client/record.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"source", "CODE", "who introduced them (codes: `felloe types support.returned`)"},
    {"own-words", "TEXT", "what the person wants, in their own words"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    return record_simply(cli, "support.returned", cli->words[0], NULL, NULL);
}

const struct verb verb_welcome_back = {"welcome-back", GROUP_RECORD, "PERSON", "a person came back", NULL, options, 1,
                                       1, run};
