/* SPDX-License-Identifier: Apache-2.0 */
/* introduce: a new person, with what is known of them and of who introduced them, in one event. */
#include "client/record.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"known-as", "NAME", "what the person likes to be called"},
    {"source", "CODE", "who introduced them: a code or its label, see `felloe types person.introduced`"},
    {"own-words", "TEXT", "what the person wants, in their own words"},
    {"reason", "CODE", "why"},
    {"urgency", "CODE", "1 emergency, 4 very urgent, 2 urgent, 3 routine"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

static enum felloe_code run(struct cli *cli)
{
    const char *name = cli_option(cli, "known-as");
    if (!name || !*name)
        return cli_fail(cli, FELLOE_USAGE, "say what the person is called: felloe introduce --known-as NAME");
    return record_simply(cli, "person.introduced", "@new", NULL, NULL);
}

const struct verb verb_introduce = {
    "introduce", GROUP_RECORD, "--known-as NAME", "a new person is introduced to the team",
    "Makes a new person; the same name may exist already (look with `felloe caseload` and `felloe front-door`).",
    options, 0, 0, run};
