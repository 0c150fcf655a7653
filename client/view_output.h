/* SPDX-License-Identifier: Apache-2.0 */
/* A view's answer as a table or as JSON, laid out by the table of views that the daemon fills in too. */
#ifndef FELLOE_CLIENT_VIEW_OUTPUT_H
#define FELLOE_CLIENT_VIEW_OUTPUT_H

#include <jansson.h>

#include "client/cell.h"
#include "client/cli.h"
#include "proto/domain/view.h"

/* What an answer's cells are shown with: the workers' names, and the time now. */
struct cell_context context_of(const struct felloe_answer *answer);
/* {"view":…,"as_of":…,"rows":[…]}; `extra` members are added when it is not NULL (and it is let go of). */

enum felloe_code view_json(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer,
                           json_t *extra);
/* Title, table (or what is said when it is empty), and as of when it holds. */
enum felloe_code view_print(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer);
/* The table alone. */
enum felloe_code view_table(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer);
/* "As of 14:02", and what is still being folded. */
void view_footer(const struct felloe_answer *answer);

#endif
