/* SPDX-License-Identifier: Apache-2.0 */
/* rebuild: fold all views again, from the first event on. */
#include <inttypes.h>

#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = expect_all_sites(cli);
    if (code == FELLOE_OK)
        code = ask_with_progress(cli, "rebuilding", &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *summary = felloe_answer_summary(answer);
    if (cli->json)
        code = out_json(json_of(summary), &cli->error);
    else
        printf("The views are folded again from %" PRId64 " events\n",
               felloe_value_integer(felloe_value_get(summary, "events")));
    felloe_answer_free(answer);
    return code;
}

const struct verb verb_rebuild = {"rebuild", GROUP_KEEP, "", "fold all views again from the log", NULL, NULL, 0, 0,
                                  run};
