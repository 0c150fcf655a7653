/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that show a view: rows of a table. */
#ifndef FELLOE_CLIENT_VIEW_VERBS_H
#define FELLOE_CLIENT_VIEW_VERBS_H

#include "client/cli.h"
#include "proto/domain/view.h"

extern const struct verb view_verbs[];
extern const size_t view_verb_count;
extern const struct option_def view_filters[]; /* --team, --person, --since … */

/* What the filters of the command line ask of a view: arguments for `cli_ask("view", …)`. */
#define VIEW_ARGUMENTS_MAX 12
struct view_asking {
    struct felloe_argument arguments[VIEW_ARGUMENTS_MAX];
    size_t count;
};
/* Takes over --site, --worker, --team, --person, --since, --urgency, --days, --limit, --after. `person` (or NULL) goes
 * before --person. */
enum felloe_code view_asking_init(struct view_asking *asking, struct cli *cli, const struct view_def *view,
                                  const char *person);
void view_asking_text(struct view_asking *asking, const char *name, const char *text);
void view_asking_number(struct view_asking *asking, const char *name, int64_t number);
/* Asks for the view, and shows it. */
enum felloe_code view_run(struct cli *cli, const struct view_def *view, const char *person);

#endif
