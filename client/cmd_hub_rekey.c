/* SPDX-License-Identifier: Apache-2.0 */
/* hub rekey: the hub gets other keys, at a time that laptops hear of before. */
#include <inttypes.h>
#include <stdlib.h>

#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"
#include "client/when.h"

static const struct option_def options[] = {
    {"in", "DAYS", "in how many days (14); a span, as 12h or 30m, is fine too"},
    {"cancel", NULL, "it does not after all"},
    {"tell", NULL, "changes nothing: prints what a laptop that missed it all takes by felloe rekey --ticket; it lets "
                   "nobody in"},
    OPTIONS_END,
};

/* Days, or with a unit; -1 when it is none. */
static int64_t span(const char *text)
{
    static const struct { char unit; int64_t seconds; } units[] = {
        {'\0', 86400}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    char *end;
    if (*text < '0' || *text > '9')
        return -1;
    int64_t count = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (*end == units[i].unit && (*end == '\0' || end[1] == '\0') && count <= 366 * 86400)
            return count * units[i].seconds;
    return -1;
}

static enum felloe_code tell(struct cli *cli, const struct felloe_value *summary)
{
    const char *ticket = felloe_value_text(felloe_value_get(summary, "ticket"));
    int64_t from = felloe_value_integer(felloe_value_get(summary, "from"));
    char time[WHEN_MAX];
    if (*ticket) {
        if (cli->json)
            return out_json(json_pack("{s:s}", "ticket", ticket), &cli->error);
        puts(ticket);
        return FELLOE_OK;
    }
    when_iso(from, time);
    if (cli->json)
        return out_json(from > 0 ? json_pack("{s:s}", "from", time) : json_pack("{s:n}", "from"), &cli->error);
    if (from == 0) {
        puts("The hub keeps its keys; laptops hear of it as they connect");
        return FELLOE_OK;
    }
    when_friendly(from, when_now(), time);
    printf("The hub has other keys from %s on. Laptops hear of it as they connect until then, and go on by "
           "themselves.\nOne that does not connect before has to be told afterwards: felloe hub rekey --tell. Tickets "
           "that are\nnot used by then have to be made again, and after it a new backup of the keys.\n",
           time);
    return FELLOE_OK;
}

static enum felloe_code run(struct cli *cli)
{
    const char *in = cli_option(cli, "in");
    int64_t seconds = in ? span(in) : 14 * 86400;
    if (seconds < 0)
        return cli_fail(cli, FELLOE_INVALID, "--in %s is no number of days, nor a span as 12h or 30m", in);
    if ((in != NULL) + (cli_option(cli, "cancel") != NULL) + (cli_option(cli, "tell") != NULL) > 1)
        return cli_fail(cli, FELLOE_USAGE, "Give one of --in, --cancel and --tell");
    const struct felloe_argument arguments[] = {
        {.name = "seconds", .kind = FELLOE_INTEGER, .integer = seconds},
        {.name = "cancel", .kind = FELLOE_BOOL, .integer = cli_option(cli, "cancel") != NULL},
        {.name = "tell", .kind = FELLOE_BOOL, .integer = cli_option(cli, "tell") != NULL},
    };
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "hub.rekey", arguments, 3, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = tell(cli, felloe_answer_summary(answer));
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_hub_rekey = {
    "hub rekey", GROUP_SETUP, "", "the hub gets other keys",
    "For when somebody may have seen them, or as often as your rules say. What it signs with stays: laptops know it\n"
    "by that.", options, 0, 0, run};
