/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that show a view, as rows, and what their filters ask of the daemon. */
#include "client/view_verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/record.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/when.h"

const struct option_def view_filters[] = {
    {"team", "NAMES", "only rows of these workers, or of a team: \"amy, ben\""},
    {"person", "PERSON", "only rows about this person"},
    {"since", "WHEN", "only rows with something of then or later: yesterday, 1/12"},
    {"urgency", "CODE", "only rows of this urgency"},
    {"days", "N", "so many days from today on (today, places)"},
    {"limit", "N", "so many rows at most"},
    {"after", "N", "not the first so many rows"},
    OPTIONS_END,
};

/* ---- filters ---- */

static void add(struct view_asking *asking, struct felloe_argument argument)
{
    if (asking->count < VIEW_ARGUMENTS_MAX)
        asking->arguments[asking->count++] = argument;
}

void view_asking_text(struct view_asking *asking, const char *name, const char *text)
{
    if (text)
        add(asking, (struct felloe_argument){.name = name, .kind = FELLOE_TEXT, .text = text});
}

void view_asking_number(struct view_asking *asking, const char *name, int64_t number)
{
    add(asking, (struct felloe_argument){.name = name, .kind = FELLOE_INTEGER, .integer = number});
}

static enum felloe_code add_number(struct view_asking *asking, struct cli *cli, const char *name)
{
    const char *text = cli_option(cli, name);
    char *end;
    if (!text)
        return FELLOE_OK;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end || end == text || number < 0)
        return cli_fail(cli, FELLOE_USAGE, "--%s takes a number, not \"%.40s\"", name, text);
    view_asking_number(asking, name, number);
    return FELLOE_OK;
}

static enum felloe_code add_since(struct view_asking *asking, struct cli *cli)
{
    const char *text = cli_option(cli, "since");
    struct when when;
    if (!text)
        return FELLOE_OK;
    if (!when_parse(text, WHEN_BACK, when_now(), &when))
        return cli_fail(cli, FELLOE_USAGE, "--since %.40s is not a time: write yesterday, friday, 1/12 or 2026-12-01",
                        text);
    view_asking_number(asking, "since", when.ms);
    return FELLOE_OK;
}

enum felloe_code view_asking_init(struct view_asking *asking, struct cli *cli, const struct view_def *view,
                                  const char *person)
{
    static const char *const numbers[] = {"days", "limit", "after"};
    const char *site = cli_option(cli, "site");
    *asking = (struct view_asking){0};
    if (view->view == VIEW_WORKERS && !site)
        site = "commons"; /* where all are; each is in the other sites once more */
    view_asking_text(asking, "name", view->name);
    view_asking_text(asking, "site", site);
    view_asking_text(asking, "person", person ? person : cli_option(cli, "person"));
    view_asking_text(asking, "worker", cli_option(cli, "worker"));
    view_asking_text(asking, "team", cli_option(cli, "team"));
    view_asking_text(asking, "urgency", cli_option(cli, "urgency"));
    enum felloe_code code = add_since(asking, cli);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && code == FELLOE_OK; i++)
        code = add_number(asking, cli, numbers[i]);
    return code;
}

enum felloe_code view_run(struct cli *cli, const struct view_def *view, const char *person)
{
    struct view_asking asking;
    struct felloe_answer *answer;
    enum felloe_code code = view_asking_init(&asking, cli, view, person);
    if (code == FELLOE_OK)
        code = cli_ask(cli, "view", asking.arguments, asking.count, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = cli->json ? view_json(cli, view, answer, NULL) : view_print(cli, view, answer);
    felloe_answer_free(answer);
    return code;
}

/* ---- the rows ---- */

static enum felloe_code run(struct cli *cli)
{
    const char *name = strcmp(cli->verb->name, "today") == 0 ? "my-day" : cli->verb->name;
    const struct view_def *view = view_find(bytes_str(name));
    if (!view)
        return cli_fail(cli, FELLOE_FAILED, "this version does not know the view %s", name);
    return view_run(cli, view, cli->word_count > 0 ? cli->words[0] : NULL);
}

#define VIEW(name, help, more) {name, GROUP_LOOK, "", help, more, view_filters, 0, 0, run}
#define VIEW_PERSON(name, help, more) {name, GROUP_LOOK, "[PERSON]", help, more, view_filters, 0, 1, run}
const struct verb view_verbs[] = {
    VIEW("today", "what you promised: appointments and tasks, with places and access needs",
         "  felloe today\n  felloe today --days 7\n  felloe today --worker ben\n  felloe today --worker '*'"),
    VIEW_PERSON("caseload", "who we are with, longest unseen first", "  felloe caseload --worker amy"),
    VIEW_PERSON("front-door", "who is waiting, most urgent first", "  felloe front-door --urgency 2"),
    VIEW_PERSON("safety", "what we hold together: concerns, crises, the clock", NULL),
    {"before-you-call", GROUP_LOOK, "PERSON", "how to get in touch, what may be shared", NULL, NULL, 1, 1, run},
    VIEW_PERSON("goals", "is life better? Goals, and the means of DIALOG", NULL),
    VIEW_PERSON("connections", "on the way to something in the community: did it happen?", NULL),
    VIEW("resources", "what is near, and open now", "`felloe resource record` makes one."),
    VIEW("places", "who is where: sessions, and who is out", NULL),
    VIEW_PERSON("to-settle", "what needs us to agree, numbered",
                "`felloe settle NUMBER --choose 2 --with Amy` settles."),
    VIEW("worries", "is anyone carrying this alone?", "`felloe worry hold` holds one."),
    VIEW("freshness", "when each laptop was last heard: what we may not know yet", NULL),
    VIEW("learning", "what we learn: counts only", NULL),
    VIEW_PERSON("farewells", "who said farewell, and how they can come back", NULL),
    VIEW("workers", "who works here", NULL),
};
const size_t view_verb_count = sizeof view_verbs / sizeof *view_verbs;

static enum felloe_code view_list(struct cli *cli)
{
    if (cli->json) {
        json_t *views = json_array();
        for (size_t i = 0; i < view_count(); i++) {
            const struct view_def *view = view_at(i);
            json_t *columns = json_array();
            for (size_t c = 0; c < view->column_count; c++)
                json_array_append_new(columns, json_pack("{s:s,s:s}", "name", view->columns[c].name, "label",
                                                         view->columns[c].label));
            json_array_append_new(views, json_pack("{s:s,s:s,s:o}", "view", view->name, "answers", view->title,
                                                   "columns", columns));
        }
        return out_json(json_pack("{s:o}", "views", views), &cli->error);
    }
    struct table *table = table_new();
    table_column(table, "view", COLUMN_PLAIN);
    table_column(table, "answers", COLUMN_WRAP);
    for (size_t i = 0; i < view_count(); i++) {
        table_row(table);
        table_cell(table, 0, view_at(i)->name);
        table_cell(table, 1, view_at(i)->title);
    }
    return table_print(table, &cli->error);
}
const struct verb verb_views = {"views", GROUP_LOOK, "", "the shared views, and what each answers", NULL, NULL, 0, 0,
                                view_list};
