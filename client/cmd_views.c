/* SPDX-License-Identifier: Apache-2.0 */
/* caseload, front-door, to-settle, workers, freshness: the views that are about all people of one's sites. */
#include "client/output.h"
#include "client/verbs.h"
#include "client/view_output.h"

static enum felloe_code run_view(struct cli *cli)
{
    const struct view_def *view = view_find(bytes_str(cli->verb->name));
    const char *site = cli_option(cli, "site");
    if (view && view->view == VIEW_WORKERS && !site)
        site = "commons"; /* where all are; each is in the other sites once more */
    if (!view)
        return cli_fail(cli, FELLOE_FAILED, "this version does not know the view %s", cli->verb->name);
    struct felloe_answer *answer;
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_view(cli->client, view->name, site, NULL, &answer, &cli->error);
    if (code != FELLOE_OK)
        return code;
    code = cli->json ? view_json(cli, view, answer, NULL) : view_print(cli, view, answer);
    felloe_answer_free(answer);
    return code;
}

#define LOOK "Look at what the team holds together"
const struct verb verb_caseload = {"caseload", LOOK, "", "who we are with, longest unseen first", NULL, NULL, 0, 0,
                                   run_view};
const struct verb verb_front_door = {"front-door", LOOK, "", "who is waiting, most urgent first", NULL, NULL, 0, 0,
                                     run_view};
const struct verb verb_to_settle = {"to-settle", LOOK, "", "what needs us to agree", NULL, NULL, 0, 0, run_view};
const struct verb verb_workers = {"workers", LOOK, "", "who works here", NULL, NULL, 0, 0, run_view};
const struct verb verb_freshness = {"freshness", LOOK, "", "when each laptop was last heard: what we may not know yet",
                                    NULL, NULL, 0, 0, run_view};
