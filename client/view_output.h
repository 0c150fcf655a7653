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
/* The cell of a row by its column's name; NULL when the view has no such column. */
const struct felloe_value *row_cell(const struct view_def *view, const struct felloe_value *row, const char *name);
bool view_has(const struct view_def *view, const char *name);
/* The cell as people read it, as its view's table has it; a new string, NULL when memory ran out or there is no such
 * column. */
char *view_cell_text(const struct view_def *view, const struct felloe_value *row, const char *name,
                     const struct cell_context *context);
/* {"view":…,"as_of":…,"rows":[…]}; `extra` members are added when it is not NULL (and it is let go of). */
enum felloe_code view_json(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer,
                           json_t *extra);
/* Title, table (or what is said when it is empty), and as of when it holds. */
enum felloe_code view_print(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer);
/* The table alone. */
enum felloe_code view_table(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer);
/* Of a row of to-settle: the values with their numbers, who wrote them, why. */
void settle_choices(FILE *to, const struct felloe_value *row, const struct felloe_answer *answer);
/* Of an answer of my-day, the tasks. */
enum felloe_code view_tasks(struct cli *cli, const struct felloe_answer *answer);
/* "As of 14:02", and what is still being folded. */
void view_footer(const struct felloe_answer *answer);
/* "Not heard from Amy's laptop for 3 days": which laptops have been quiet for longer than a day; asks for freshness. */
void view_freshness_hint(struct cli *cli);

#endif
