/* SPDX-License-Identifier: Apache-2.0 */
/* hub auditors: what opens the record of who looked at whom. */
#include <string.h>

#include "client/auditors.h"
#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"passphrase", NULL, "a passphrase of the auditors' own, or another one"},
    {"like-hub", NULL, "opened like the hub itself, as at first"},
    SECRET_OPTION,
    OPTIONS_END,
};

static bool by_passphrase(const struct felloe_answer *answer)
{
    return strcmp(felloe_value_text(felloe_value_get(felloe_answer_summary(answer), "opened_by")), "passphrase") == 0;
}

enum felloe_code auditors_ask(struct cli *cli, struct secret *out)
{
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.auditors", NULL, 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    if (by_passphrase(answer))
        code = secret_ask(cli, "The auditors' passphrase: ", out);
    felloe_answer_free(answer);
    return code;
}

static enum felloe_code tell(struct cli *cli, const struct felloe_answer *answer, bool changed)
{
    const char *by = felloe_value_text(felloe_value_get(felloe_answer_summary(answer), "opened_by"));
    if (cli->json)
        return out_json(json_pack("{s:s}", "opened_by", by), &cli->error);
    if (by_passphrase(answer))
        printf("%s the auditors' passphrase. Whoever forgets it reads no look any more: keep it written down, apart "
               "from the hub\n", changed ? "From now on looks are opened by" : "Looks are opened by");
    else
        printf("Looks are opened by %s, as the hub itself is: whoever runs it can read who looked at whom. A "
               "passphrase of the auditors' own keeps that apart: felloe hub auditors --passphrase\n",
               strcmp(by, "file") == 0 ? "the hub's key file" : "nothing more than the hub's own disk");
    return FELLOE_OK;
}

static enum felloe_code change(struct cli *cli, struct felloe_answer **out)
{
    struct secret present = {0}, next = {0};
    struct felloe_argument arguments[2];
    size_t count = 0;
    enum felloe_code code = auditors_ask(cli, &present);
    if (code == FELLOE_OK && cli_option(cli, "passphrase"))
        code = secret_ask_new(cli, "A new passphrase of the auditors: ", &next);
    if (present.text)
        arguments[count++] = (struct felloe_argument){.name = "passphrase", .kind = FELLOE_TEXT, .text = present.text};
    if (next.text)
        arguments[count++] = (struct felloe_argument){.name = "new", .kind = FELLOE_TEXT, .text = next.text};
    else
        arguments[count++] = (struct felloe_argument){.name = "like_hub", .kind = FELLOE_BOOL, .integer = 1};
    if (code == FELLOE_OK)
        code = cli_ask(cli, "hub.auditors", arguments, count, NULL, out);
    secret_release(&present);
    secret_release(&next);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    bool changes = cli_option(cli, "passphrase") || cli_option(cli, "like-hub");
    if (cli_option(cli, "passphrase") && cli_option(cli, "like-hub"))
        return cli_fail(cli, FELLOE_USAGE, "either --passphrase or --like-hub");
    enum felloe_code code =
        changes ? change(cli, &answer) : cli_ask(cli, "hub.auditors", NULL, 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = tell(cli, answer, changes);
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_auditors = {
    "hub auditors", GROUP_SETUP, "", "what opens the record of who looked at whom",
    "Looks are sealed for the hub's auditors, on every laptop. At first what opens the hub opens them, too; a\n"
    "passphrase of the auditors' own keeps them from whoever runs the hub. `felloe audit` reads them.",
    options, 0, 0, run};
