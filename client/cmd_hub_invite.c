/* SPDX-License-Identifier: Apache-2.0 */
/* hub invite: a ticket for one laptop. */
#include <stdlib.h>

#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"

#define SPAN_MAX (366ll * 86400)

static const struct option_def options[] = {
    {"site", "SITE", "a site it is let into; repeat it for several"},
    {"worker", "ID", "whose laptop it is: an id of letters, digits and -"},
    {"name", "NAME", "the worker's name"},
    {"role", "ROLE", "peer worker, nurse, …"},
    {"agency", "AGENCY", "who employs the worker"},
    {"valid", "SPAN", "how long the ticket is good for: 30m, 24h (the default), 7d"},
    {"hours", "N", "the same, in hours"},
    OPTIONS_END,
};

/* "90s", "30m", "24h", "7d" in seconds; `unit` stands where none is written (0: one has to be). 0 when it is none. */
static long long span_seconds(const char *text, char unit)
{
    static const struct { char unit; long long seconds; } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    long long count = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : 0;
    if (count <= 0 || count > SPAN_MAX)
        return 0;
    if (*end != '\0' && end[1] == '\0')
        unit = *end;
    else if (*end != '\0')
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == unit)
            return count * units[i].seconds <= SPAN_MAX ? count * units[i].seconds : 0;
    return 0;
}

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
    const char *hours = cli_option(cli, "hours"), *valid = cli_option(cli, "valid"),
               *worker = cli_option(cli, "worker");
    const char *span = valid ? valid : hours;
    long long seconds = span ? span_seconds(span, valid ? '\0' : 'h') : 0;
    if (span && seconds == 0)
        return cli_fail(cli, FELLOE_INVALID,
                        "--%s %s is not how long a ticket can be good for: write 30m, 24h or 7d, at most 366d",
                        valid ? "valid" : "hours", span);
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
        {.name = "seconds", .kind = FELLOE_INTEGER, .integer = seconds},
    };
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.invite", arguments, span ? 6 : 5, NULL, &answer);
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
