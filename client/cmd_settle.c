/* SPDX-License-Identifier: Apache-2.0 */
/* settle: those concerned agreed which of several values holds. */
#include "client/record.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"with", "NAME", "with whom it was agreed; repeat it for several"},
    {"text", "TEXT", "why"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    struct recording recording;
    enum felloe_code code = recording_init(&recording, cli, "conflict.settled", cli->words[0]);
    if (code == FELLOE_OK)
        code = recording_add(&recording, cli, "what", cli->words[1]);
    if (code == FELLOE_OK)
        code = recording_add(&recording, cli, "chosen", cli->words[2]);
    if (code == FELLOE_OK)
        code = recording_options(&recording, cli);
    if (code == FELLOE_OK)
        code = recording_save(&recording, cli);
    recording_release(&recording);
    return code;
}

const struct verb verb_settle = {"settle", GROUP_RECORD, "PERSON WHAT VALUE", "we agreed which of several values holds",
                                 "WHAT and the values are those that `felloe to-settle` lists.", options, 3, 3, run};
