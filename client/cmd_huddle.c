/* SPDX-License-Identifier: Apache-2.0 */
/* huddle: whom to talk about; and, with people, that the team talked about them. task list: what is open. */
#include <stdio.h>
#include <string.h>

#include "client/output.h"
#include "client/record.h"
#include "client/record_verb.h"
#include "client/threads.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/view_verbs.h"

/* The row of the same name in record_verbs.c has its options; this is what it runs. */
enum felloe_code huddle_run(struct cli *cli)
{
    if (cli->word_count == 0 && !cli_option(cli, "person") && !cli_option(cli, "present") && !cli_option(cli, "text"))
        return view_run(cli, view_of(VIEW_HUDDLE), NULL);
    return record_verb_run(cli);
}

/* ---- task list ---- */

static enum felloe_code tasks_of_all(struct cli *cli)
{
    const struct view_def *view = view_of(VIEW_MY_DAY);
    struct view_asking asking;
    struct felloe_answer *answer;
    enum felloe_code code = view_asking_init(&asking, cli, view, NULL);
    if (!cli_option(cli, "worker"))
        view_asking_text(&asking, "worker", "*");
    view_asking_number(&asking, "days", 3650);
    if (code == FELLOE_OK)
        code = cli_ask(cli, "view", asking.arguments, asking.count, NULL, &answer);
    if (code != FELLOE_OK)
        return code;
    code = view_tasks(cli, answer);
    felloe_answer_free(answer);
    return code;
}

static const char *field_of(const struct thread_item *item, const char *name)
{
    for (size_t i = 0; i < item->field_count; i++)
        if (strcmp(item->fields[i].name, name) == 0)
            return item->fields[i].value;
    return "";
}

static enum felloe_code tasks_json(struct cli *cli, const struct thread_list *list)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct thread_item *item = &list->items[i];
        if (item->open)
            json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s,s:s}", "what", field_of(item, "what"), "due",
                                                  field_of(item, "due"), "for", field_of(item, "for"), "entry",
                                                  item->id, "person", item->person));
    }
    return out_json(json_pack("{s:o}", "rows", rows), &cli->error);
}

static enum felloe_code tasks_table(struct cli *cli, const struct thread_list *list)
{
    struct table *table = table_new();
    table_column(table, "task", COLUMN_WRAP);
    table_column(table, "by when", COLUMN_PLAIN);
    table_column(table, "for", COLUMN_PLAIN);
    table_column(table, "entry", COLUMN_PLAIN);
    for (size_t i = 0; i < list->count; i++) {
        const struct thread_item *item = &list->items[i];
        char id[ID_SHORT + 1];
        if (!item->open)
            continue;
        snprintf(id, sizeof id, "%.*s", ID_SHORT, item->id);
        table_row(table);
        table_cell(table, 0, field_of(item, "what"));
        table_cell(table, 1, field_of(item, "due"));
        table_cell(table, 2, field_of(item, "for"));
        table_cell(table, 3, id);
    }
    return table_print(table, &cli->error);
}

static enum felloe_code tasks_of(struct cli *cli, const char *person)
{
    struct thread_list list;
    size_t open = 0;
    enum felloe_code code = threads_find(cli, "task.closed", "task", person, &list);
    if (code != FELLOE_OK)
        return code;
    for (size_t i = 0; i < list.count; i++)
        open += list.items[i].open;
    if (cli->json)
        code = tasks_json(cli, &list);
    else if (open > 0)
        code = tasks_table(cli, &list);
    else
        puts("No task is open.");
    threads_release(&list);
    return code;
}

static enum felloe_code list_run(struct cli *cli)
{
    return cli->word_count > 0 ? tasks_of(cli, cli->words[0]) : tasks_of_all(cli);
}

const struct verb verb_task_list = {"task list", GROUP_LOOK, "[PERSON]",
                                    "the tasks that are open, of all or of one person",
                                    "  felloe task list Jo\n  felloe task list --worker amy", NULL, 0, 1, list_run};
