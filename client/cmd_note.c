/* SPDX-License-Identifier: Apache-2.0 */
/* note: something worth knowing about a person. */
#include "client/record.h"
#include "client/verbs.h"

static const struct option_def options[] = {OPTION_OCCURRED, OPTIONS_END};

static enum felloe_code run(struct cli *cli)
{
    return record_simply(cli, "note.added", cli->words[0], "text", cli->words[1]);
}

const struct verb verb_note = {"note", GROUP_RECORD, "PERSON TEXT", "something worth knowing about a person", NULL,
                               options, 2, 2, run};
