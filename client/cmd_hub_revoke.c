/* SPDX-License-Identifier: Apache-2.0 */
/* hub revoke: a laptop is let in no more. */
#include <stdlib.h>

#include "client/ask.h"
#include "client/cell.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"

static const struct option_def options[] = {{"why", "TEXT", "why: lost, stolen, given back …"}, OPTIONS_END};

static enum felloe_code revoke(struct cli *cli, const char *why)
{
    const struct felloe_argument arguments[] = {
        {.name = "device", .kind = FELLOE_TEXT, .text = cli->words[0]},
        {.name = "why", .kind = FELLOE_TEXT, .text = why},
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
        printf("Revoked %.*s: it gets nothing more; what it shared stays. What it had not shared is kept aside should "
               "it show up: felloe hub quarantine\n", ID_SHORT, device);
    felloe_answer_free(answer);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    const char *why = cli_option(cli, "why");
    char *asked = NULL;
    enum felloe_code code = FELLOE_OK;
    if (!why && ask_possible(cli))
        code = ask_line(cli, "Why (lost, stolen, given back …)?", NULL, &asked);
    if (code == FELLOE_OK && !why && (!asked || !*asked))
        code = cli_fail(cli, FELLOE_USAGE, "say why it is revoked, for whoever reads the list in a year: --why TEXT");
    if (code == FELLOE_OK)
        code = revoke(cli, why ? why : asked);
    free(asked);
    return code;
}

const struct verb verb_hub_revoke = {"hub revoke", GROUP_SETUP, "DEVICE", "a laptop is let in no more",
                                     "DEVICE is an id, a prefix of it, or the label that `felloe hub devices` shows.",
                                     options, 1, 1, run};
