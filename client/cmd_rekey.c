/* SPDX-License-Identifier: Apache-2.0 */
/* rekey: this laptop gets other keys; or the hub's new one is pinned by a ticket. */
#include <string.h>

#include "client/output.h"
#include "client/setup.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"ticket", "TICKET", "the hub's keys changed while this laptop was away: this ticket of it names the new one"},
    OPTIONS_END,
};

static void tell(const struct felloe_value *summary)
{
    const char *state = felloe_value_text(felloe_value_get(summary, "state"));
    if (strcmp(state, "done") == 0)
        printf("This laptop has new keys, and the hub knows them; the old ones are refused. Its words are now: %s\n"
               "Make a new backup of the keys: felloe backup --keys FILE\n",
               felloe_value_text(felloe_value_get(summary, "words")));
    else if (strcmp(state, "pinned") == 0)
        puts("The hub's new key is pinned: the laptop connects with it now");
    else if (felloe_value_bool(felloe_value_get(summary, "reachable")))
        puts("The new keys are made, and the hub was asked; it has not answered yet. It goes on by itself");
    else
        puts("The new keys are made. The hub is not reachable: it is asked as soon as it is, and they are used then");
}

static enum felloe_code run(struct cli *cli)
{
    const char *ticket = cli_option(cli, "ticket");
    const struct felloe_argument arguments[] = {{.name = "ticket", .kind = FELLOE_TEXT, .text = ticket}};
    struct felloe_answer *answer;
    enum felloe_code code = cli_ask(cli, "rekey", arguments, ticket ? 1 : 0, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    if (cli->json)
        code = out_json(json_of(felloe_answer_summary(answer)), &cli->error);
    else
        tell(felloe_answer_summary(answer));
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_rekey = {
    "rekey", GROUP_SETUP, "", "this laptop gets other keys",
    "For when somebody may have seen them. The hub lets it in with either until the new ones are used; then the old\n"
    "ones are refused. A laptop that is lost is not helped by it: felloe hub revoke.", options, 0, 0, run};
