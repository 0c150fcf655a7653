/* SPDX-License-Identifier: Apache-2.0 */
/* farewell: support comes to its end, with a way back. */
#include "client/record.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"reason", "CODE", "why (codes: `felloe types support.ended`)"},
    {"agreed", NULL, "it was agreed with the person"},
    {"way-back", "TEXT", "how the person can come back"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    return record_simply(cli, "support.ended", cli->words[0], NULL, NULL);
}

const struct verb verb_farewell = {"farewell", GROUP_RECORD, "PERSON", "support comes to its end, with a way back",
                                   NULL, options, 1, 1, run};
