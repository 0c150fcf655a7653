/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the table of verbs: groups on one screen, a group on one, a verb in full. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "client/output.h"
#include "client/record.h"
#include "client/record_verb.h"
#include "client/setup.h"
#include "client/upkeep.h"
#include "client/verbs.h"
#include "client/wrap.h"

#define NAME_WIDTH 34

/* In the order of a working day; `felloe help WORD` shows one. */
static const struct group { const char *word, *heading; } groups[] = {
    {"look", GROUP_LOOK},             {"people", GROUP_PEOPLE},         {"meeting", GROUP_MEET},
    {"together", GROUP_TOGETHER},     {"keeping-safe", GROUP_SAFETY},   {"community", GROUP_COMMUNITY},
    {"colleagues", GROUP_COLLEAGUES}, {"any", GROUP_RECORD},            {"keep", GROUP_KEEP},
    {"setup", GROUP_SETUP},         {"helping", GROUP_HELP},
};
#define GROUP_COUNT (sizeof groups / sizeof *groups)

static bool in_group(const struct verb *verb, const struct group *group)
{
    return strcmp(verb->group, group->heading) == 0;
}

const char *verb_arguments(const struct verb *verb, char room[ARGUMENTS_MAX])
{
    const struct record_verb *row = record_verb_of(verb);
    if (!row)
        return verb->arguments;
    record_verb_arguments(row, room, ARGUMENTS_MAX);
    return room;
}

static void print_options(FILE *to, const struct option_def *options, const char *heading)
{
    if (!options || !options->name)
        return;
    fprintf(to, "\n%s\n", heading);
    for (; options->name; options++) {
        char left[48];
        snprintf(left, sizeof left, "--%s%s%s", options->name, options->meta ? " " : "",
                 options->meta ? options->meta : "");
        fprintf(to, "  %-24s %s\n", left, options->help);
    }
}

static void print_verb_line(FILE *to, const struct verb *verb)
{
    char room[ARGUMENTS_MAX], left[ARGUMENTS_MAX + 40];
    snprintf(left, sizeof left, "%s %s", verb->name, verb_arguments(verb, room));
    size_t width = text_width(left);
    if (width > NAME_WIDTH)
        fprintf(to, "  %s\n  %-*s %s\n", left, NAME_WIDTH, "", verb->help);
    else
        fprintf(to, "  %s%*s %s\n", left, (int)(NAME_WIDTH - width), "", verb->help);
}

/* The names of a group's verbs, in lines that fit. */
static void print_names(FILE *to, const struct group *group)
{
    size_t used = 0;
    for (size_t i = 0; i < verb_count(); i++) {
        const char *name = verb_at(i)->name;
        if (!in_group(verb_at(i), group))
            continue;
        size_t len = text_width(name) + 2;
        if (used > 0 && used + len > 76) {
            fputs(",\n", to);
            used = 0;
        }
        fprintf(to, "%s%s", used ? ", " : "    ", name);
        used += len;
    }
    fputc('\n', to);
}

void help_overview(FILE *to)
{
    fprintf(to, "felloe: the shared record of a community team, on every worker's laptop\n\n"
                "  felloe [--dir DIR] VERB …\n\n"
                "  felloe today                        what you promised\n"
                "  felloe show Jo                      a person's story\n"
                "  felloe meet Jo --at library --minutes 30 \"talked about the tenancy\"\n"
                "  felloe help meet                    a verb in full, with examples\n"
                "  felloe help look                    a group of verbs, a line each\n");
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        fprintf(to, "\n%s (help %s)\n", groups[i].heading, groups[i].word);
        print_names(to, &groups[i]);
    }
    fprintf(to, "\nPERSON is a name that only one person has, an id or the beginning of it. A task, a goal, a\n"
                "concern … is found by the beginning of its words. What is missing is asked for on a terminal.\n");
}

static json_t *options_json(const struct option_def *options)
{
    json_t *list = json_array();
    for (; options && options->name; options++)
        json_array_append_new(list, json_pack("{s:s,s:s?,s:s}", "name", options->name, "value", options->meta, "help",
                                              options->help));
    return list;
}

static json_t *verb_json(const struct verb *verb)
{
    char room[ARGUMENTS_MAX];
    const struct record_verb *row = record_verb_of(verb);
    struct derived_options derived = {0};
    bool has = row && derive_options(row, &derived);
    json_t *json = json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:o}", "verb", verb->name, "group", verb->group, "arguments",
                             verb_arguments(verb, room), "help", verb->help, "more", verb->more, "type",
                             row ? row->type : NULL, "options", options_json(has ? derived.defs : verb->options));
    derived_release(&derived);
    return json;
}

static bool is_a_first_word(const char *word)
{
    char family[8];
    return verb_family(word, family, sizeof family);
}

bool help_group(struct cli *cli, const char *word, enum felloe_code *code)
{
    bool found = false;
    *code = FELLOE_OK;
    for (size_t g = 0; cli->json && g < GROUP_COUNT; g++) {
        if (strcmp(groups[g].word, word) != 0)
            continue;
        json_t *list = json_array();
        for (size_t i = 0; i < verb_count(); i++)
            if (in_group(verb_at(i), &groups[g]))
                json_array_append_new(list, verb_json(verb_at(i)));
        *code = out_json(json_pack("{s:o}", "verbs", list), &cli->error);
        return true;
    }
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        if (strcmp(groups[g].word, word) != 0)
            continue;
        printf("%s%s%s\n\n", out_style(STYLE_BOLD), groups[g].heading, out_style(STYLE_PLAIN));
        for (size_t i = 0; i < verb_count(); i++)
            if (in_group(verb_at(i), &groups[g]))
                print_verb_line(stdout, verb_at(i));
        found = true;
    }
    if (!found && is_a_first_word(word)) {
        found = true;
        for (size_t i = 0; i < verb_count(); i++)
            if (strncmp(verb_at(i)->name, word, strlen(word)) == 0 && strchr(" ", verb_at(i)->name[strlen(word)]))
                print_verb_line(stdout, verb_at(i));
    }
    if (found)
        printf("\n`felloe help VERB` says more.\n");
    return found;
}

static void help_verb(const struct verb *verb)
{
    char room[ARGUMENTS_MAX];
    const char *arguments = verb_arguments(verb, room);
    const struct record_verb *row = record_verb_of(verb);
    struct derived_options derived;
    printf("felloe %s%s%s\n\n%c%s\n", verb->name, *arguments ? " " : "", arguments,
           toupper((unsigned char)verb->help[0]), verb->help + 1);
    if (verb->more)
        printf("\n%s\n", verb->more);
    if (row && derive_options(row, &derived)) {
        print_options(stdout, derived.defs, "Options");
        derived_release(&derived);
        printf("\nIt records `%s`: `felloe types %s` lists the codes, and says what becomes of two at once.\n",
               row->type, row->type);
    }
    print_options(stdout, verb->options, "Options");
    print_options(stdout, global_options(), "Options that every verb takes");
}

enum felloe_code help_tell(struct cli *cli, const struct verb *verb)
{
    if (cli->json && verb)
        return out_json(verb_json(verb), &cli->error);
    if (cli->json) {
        json_t *list = json_array();
        for (size_t g = 0; g < GROUP_COUNT; g++)
            for (size_t i = 0; i < verb_count(); i++)
                if (in_group(verb_at(i), &groups[g]))
                    json_array_append_new(list, verb_json(verb_at(i)));
        return out_json(json_pack("{s:o,s:o}", "verbs", list, "options", options_json(global_options())), &cli->error);
    }
    if (verb)
        help_verb(verb);
    else
        help_overview(stdout);
    return FELLOE_OK;
}

bool help_has_group(const char *heading)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        if (strcmp(groups[i].heading, heading) == 0)
            return true;
    return false;
}
