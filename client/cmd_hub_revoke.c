/* SPDX-License-Identifier: Apache-2.0 */
/* hub revoke: a laptop is let in no more. */
#include "client/cell.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"

static const struct option_def options[] = {{"why", "TEXT", "why, for the record"}, OPTIONS_END};

static enum felloe_code run(struct cli *cli)
{
    const struct felloe_argument arguments[] = {
        {.name = "device", .kind = FELLOE_TEXT, .text = cli->words[0]},
        {.name = "why", .kind = FELLOE_TEXT, .text = cli_option(cli, "why")},
    };
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.revoke", arguments, 2, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    char device[80];
    hex_of(felloe_value_get(felloe_answer_summary(answer), "device"), device, sizeof device);
    if (cli->json)
        code = out_json(json_pack("{s:s}", "device", device), &cli->error);
    else
        printf("Revoked %.*s: it gets and gives nothing more; what it shared before stays\n", ID_SHORT, device);
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_revoke = {"hub revoke", GROUP_SETUP, "DEVICE", "a laptop is let in no more",
                                     "DEVICE is an id, a prefix of it, or the label that `felloe hub devices` shows.",
                                     options, 1, 1, run};
