/* SPDX-License-Identifier: Apache-2.0 */
/* hub invite: a ticket for one laptop. */
#include <stdlib.h>

#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"

static const struct option_def options[] = {
    {"site", "SITE", "a site it is let into; repeat it for several"},
    {"worker", "ID", "whose laptop it is: an id of letters, digits and -"},
    {"name", "NAME", "the worker's name"},
    {"role", "ROLE", "peer worker, nurse, …"},
    {"agency", "AGENCY", "who employs the worker"},
    {"hours", "N", "how long the ticket is good for (24)"},
    OPTIONS_END,
};

static enum felloe_code print_ticket(struct cli *cli, const struct felloe_value *summary)
{
    const char *ticket = felloe_value_text(felloe_value_get(summary, "ticket"));
    char expires[WHEN_MAX];
    if (!cli->json) {
        puts(ticket); /* alone, so that it can be taken into a variable */
        return FELLOE_OK;
    }
    when_iso(felloe_value_integer(felloe_value_get(summary, "expires")), expires);
    return out_json(json_pack("{s:s,s:s}", "ticket", ticket, "expires", expires), &cli->error);
}

static enum felloe_code run(struct cli *cli)
{
    const char *hours = cli_option(cli, "hours"), *worker = cli_option(cli, "worker");
    char *end = NULL;
    long count = hours ? strtol(hours, &end, 10) : 0;
    if (hours && (!*hours || *end || count < 0 || count > 24 * 366))
        return cli_fail(cli, FELLOE_INVALID, "--hours %s is not a number of hours", hours);
    const char **sites = cli_option_all(cli, "site");
    if (!sites || !worker) {
        free(sites);
        return cli_fail(cli, FELLOE_USAGE, "--%s is missing: felloe hub invite --site SITE --worker ID",
                        worker ? "site" : "worker");
    }
    const struct felloe_argument arguments[] = {
        {.name = "sites", .kind = FELLOE_ARRAY, .texts = sites},
        {.name = "worker", .kind = FELLOE_TEXT, .text = worker},
        {.name = "name", .kind = FELLOE_TEXT, .text = cli_option(cli, "name")},
        {.name = "role", .kind = FELLOE_TEXT, .text = cli_option(cli, "role")},
        {.name = "agency", .kind = FELLOE_TEXT, .text = cli_option(cli, "agency")},
        {.name = "hours", .kind = FELLOE_INTEGER, .integer = count},
    };
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.invite", arguments, hours ? 6 : 5, NULL, &answer);
    free(sites);
    if (code != FELLOE_OK)
        return code;
    code = print_ticket(cli, felloe_answer_summary(answer));
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_invite = {
    "hub invite", GROUP_SETUP, "--site SITE… --worker ID", "a ticket that lets one laptop in, once",
    "Prints the ticket alone. Whoever holds it may join: hand it over as you would a key.", options, 0, 0, run};
