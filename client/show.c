/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a person's record: names, where we are with them, then section by section what is to be known. */
#include "client/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/view_output.h"
#include "client/when.h"
#include "client/wrap.h"
#include "proto/domain/register.h"

static void print_texts(const struct felloe_value *value, const struct cell_context *names, const char *between)
{
    bool list = felloe_value_kind(value) == FELLOE_ARRAY;
    for (size_t i = 0; i < (list ? felloe_value_count(value) : 1); i++) {
        const char *text = felloe_value_text(list ? felloe_value_at(value, i) : value);
        fputs(i ? between : "", stdout);
        out_text(stdout, names ? worker_name(names, text) : text);
    }
}

static bool is_there(const struct felloe_value *value)
{
    return felloe_value_count(value) > 0 || *felloe_value_text(value);
}

/* What is known of the person beside names, on one line. */
static void details(const struct felloe_value *summary)
{
    static const struct { const char *key, *label; } shown[] = {{"pronouns", "Pronouns"},
                                                                {"contact", "Contact"},
                                                                {"date_of_birth", "Born"},
                                                                {"nhs_number", "NHS number"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct felloe_value *value = felloe_value_get(summary, shown[i].key);
        if (!is_there(value))
            continue;
        printf("%s%s: ", between, shown[i].label);
        print_texts(value, NULL, " / ");
        between = " · ";
    }
    if (*between)
        putchar('\n');
}

static bool is_resting(const struct felloe_value *record)
{
    for (size_t i = 0; i < felloe_value_count(record); i++)
        if (strcmp(felloe_value_text(felloe_value_at(felloe_value_at(record, i), 0)), "pause") == 0)
            return true;
    return false;
}

/* "Support: active", in the words of teams. */
static const char *support_words(const struct felloe_value *summary)
{
    static const struct { const char *state, *words; } all[] = {
        {"waiting", "Waiting at the front door"},
        {"active", "We are with them"},
        {"ended", "Farewell; they can come back"},
    };
    const char *state = felloe_value_text(felloe_value_get(summary, "support"));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].state, state) == 0)
            return strcmp(state, "active") == 0 && is_resting(felloe_value_get(summary, "record"))
                       ? "We are with them; it rests for now" : all[i].words;
    return "";
}

/* Who is with the person, on one line. */
static void standing(const struct felloe_value *summary)
{
    const struct cell_context names = {.names = felloe_value_get(summary, "names")};
    static const struct { const char *key, *label; } shown[] = {{"key_workers", "Key worker"}, {"team", "Team"}};
    const char *support = support_words(summary), *between = *support ? " · " : "";
    int64_t to_settle = felloe_value_integer(felloe_value_get(summary, "to_settle")),
            strange = felloe_value_integer(felloe_value_get(summary, "not_recognised"));
    fputs(support, stdout);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct felloe_value *value = felloe_value_get(summary, shown[i].key);
        if (!is_there(value))
            continue;
        printf("%s%s: ", between, shown[i].label);
        print_texts(value, &names, i == 0 ? " / " : ", ");
        between = " · ";
    }
    if (to_settle > 0) {
        printf("%sTo settle: %lld (see `felloe to-settle`)", between, (long long)to_settle);
        between = " · ";
    }
    if (strange > 0) {
        printf("%sNot recognised by this version: %lld", between, (long long)strange);
        between = " · ";
    }
    if (*between)
        putchar('\n');
}

/* As long as the laptop has not let go of them. */
static void moved(const struct felloe_value *summary)
{
    const char *to = felloe_value_text(felloe_value_at(felloe_value_get(summary, "moved"), 0));
    if (!*to)
        return;
    fputs("Moved to ", stdout);
    out_text(stdout, to);
    fputs(": this laptop lets go of the record once all that was written here is shared.\n", stdout);
}

/* Who introduced the person this time, and what was agreed about rest, farewell and coming back. */
static void introduced(const struct felloe_value *summary)
{
    const struct felloe_value *all = felloe_value_get(summary, "introductions");
    const char *between = "Introduced by: ";
    char when[WHEN_MAX];
    for (size_t i = 0; i < felloe_value_count(all); i++) {
        const struct felloe_value *one = felloe_value_at(all, i);
        const char *source = felloe_value_text(felloe_value_get(one, "source"));
        const char *label = code_label(&codes_source, bytes_str(source));
        when_friendly(felloe_value_integer(felloe_value_get(one, "when")), when_now(), when);
        fputs(between, stdout);
        out_text(stdout, label ? label : *source ? source : "nobody says");
        printf(" (%s)", when);
        between = ", ";
    }
    if (felloe_value_count(all) > 0)
        putchar('\n');
}

static void agreed(const struct felloe_value *summary)
{
    static const struct { const char *key, *label; } shown[] = {
        {"paused_until", "Support rests until"},
        {"way_back", "Way back:"},
        {"retain_until", "The record is kept until"}};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct felloe_value *value = felloe_value_get(summary, shown[i].key);
        if (!is_there(value))
            continue;
        printf("%s ", shown[i].label);
        out_text(stdout, felloe_value_text(value));
        putchar('\n');
    }
}

static void header(const struct felloe_value *summary)
{
    const struct felloe_value *known_as = felloe_value_get(summary, "known_as"),
                              *linked = felloe_value_get(summary, "linked");
    char id[80];
    hex_of(felloe_value_get(summary, "person"), id, sizeof id);
    fputs(out_style(STYLE_BOLD), stdout);
    if (is_there(known_as))
        print_texts(known_as, NULL, " / ");
    else
        fputs("(no name yet)", stdout);
    printf("%s  %s%s%s\n", out_style(STYLE_PLAIN), out_style(STYLE_GREY), id, out_style(STYLE_PLAIN));
    details(summary);
    standing(summary);
    introduced(summary);
    agreed(summary);
    moved(summary);
    for (size_t i = 0; i < felloe_value_count(linked); i++) {
        const struct felloe_value *other = felloe_value_at(linked, i);
        hex_of(felloe_value_at(other, 0), id, sizeof id);
        printf("Linked with: ");
        out_text(stdout, felloe_value_text(felloe_value_at(other, 1)));
        printf(" %.*s\n", ID_SHORT, id);
    }
}

/* ---- section by section ---- */

/* Lines of a section are made first, so that they can be wrapped. */
struct section {
    const char *heading;
    bool begun;
    char *text;
    size_t len;
    FILE *to;
};

static bool begin_line(struct section *section)
{
    if (!section->begun)
        printf("\n%s%s%s\n", out_style(STYLE_BOLD), section->heading, out_style(STYLE_PLAIN));
    section->begun = true;
    section->text = NULL;
    section->to = open_memstream(&section->text, &section->len);
    return section->to != NULL;
}

/* On a terminal what does not fit goes on below, further in. */
static void end_line(struct section *section)
{
    size_t width = out_width();
    fclose(section->to);
    char *wrapped = width > 20 && section->text ? text_wrap(section->text, width - 6) : NULL;
    const char *at = wrapped ? wrapped : section->text ? section->text : "";
    for (const char *indent = "  "; *at; indent = "      ") {
        size_t len = strcspn(at, "\n");
        printf("%s%.*s\n", indent, (int)len, at);
        at += len + (at[len] == '\n');
    }
    free(wrapped);
    free(section->text);
}

/* The registers of one section; `each` holds codes of these lists. */
static const struct part {
    const char *heading, *registers;
    const struct code_list *first, *second;
} parts[] = {
    {"Objects to sharing", "sharing", &codes_agency, &codes_category},
    {"How to reach each other", "access_need", &codes_need, NULL},
    {"Safety plan", "safety_", NULL, NULL},
    {"About me", "aboutme", &codes_section, NULL},
    {"Plan", "plan_", NULL, NULL},
    {"With other teams", "shared home", NULL, NULL},
};

static bool is_of(const struct part *part, const char *name)
{
    for (const char *at = part->registers; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        if (strncmp(at, name, len) == 0 && (at[len - 1] == '_' || name[len] == '\0'))
            return true;
        at += len;
    }
    return false;
}

/* "housing: everything"; "what helps"; the label of the register behind a colon of its own: "safety plan: signs". */
static void print_label(FILE *to, const struct part *part, const struct register_def *def, const char *each)
{
    char first[128];
    const char *second = strchr(each, EACH_SEPARATOR), *colon = strchr(def->label, ':');
    if (!*each) {
        out_text(to, colon ? colon + 2 : def->label);
        return;
    }
    snprintf(first, sizeof first, "%.*s", (int)(second ? second - each : (ptrdiff_t)strlen(each)), each);
    const char *label = code_label(part->first, bytes_str(first));
    out_text(to, label ? label : first);
    if (!second)
        return;
    const char *more = part->second ? code_label(part->second, bytes_str(second + 1)) : NULL;
    fputs(": ", to);
    out_text(to, more ? more : second + 1);
}

static void print_entry(struct section *section, const struct part *part, const struct felloe_value *entry)
{
    const char *name = felloe_value_text(felloe_value_at(entry, 0)),
               *each = felloe_value_text(felloe_value_at(entry, 1));
    const struct felloe_value *values = felloe_value_at(entry, 2);
    const struct register_def *def = register_def_find(bytes_str(name));
    if (!def || !begin_line(section))
        return;
    FILE *to = section->to;
    print_label(to, part, def, each);
    for (size_t i = 0; def->kind != KIND_CODE && i < felloe_value_count(values); i++) {
        const char *text = felloe_value_text(felloe_value_at(values, i));
        fputs(i ? " / " : ": ", to);
        if (def->kind == KIND_DATE)
            date_print(to, text, when_now());
        else
            out_text(to, text);
    }
    if (felloe_value_bool(felloe_value_at(entry, 5)))
        fputs(def->id == REG_sharing ? " (ask again)" : " (to settle)", to);
    if (felloe_value_bool(felloe_value_at(entry, 4)))
        fputs(" (from before, check)", to);
    end_line(section);
}

static void print_part(const struct felloe_value *record, const struct part *part)
{
    struct section section = {.heading = part->heading};
    for (size_t i = 0; i < felloe_value_count(record); i++) {
        const struct felloe_value *entry = felloe_value_at(record, i);
        if (is_of(part, felloe_value_text(felloe_value_at(entry, 0))))
            print_entry(&section, part, entry);
    }
}

/* ---- rows of views that are about the person ---- */

/* The view's rows about the person, one a line: these columns, each behind its label where it has one. */
static const struct rows {
    const char *heading;
    enum view view;
    struct { const char *column, *label; } shown[8];
} all_rows[] = {
    {"Worried about", VIEW_SAFETY, {{"crisis", "open crisis: "}, {"concerns", ""}, {"protects", "what keeps safe: "},
                                    {"urgency", ""}, {"clock", ""}, {"since", "since "}}},
    {"Goals", VIEW_GOALS, {{"goal", ""}, {"status", ""}, {"baseline", "at first "}, {"latest", "now "},
                           {"change", ""}, {"quality", "DIALOG 1-8: "}, {"help", "DIALOG 9-11: "},
                           {"reqol", "ReQoL: "}}},
    {"Promised", VIEW_MY_DAY, {{"time", ""}, {"what", ""}, {"place", ""}, {"workers", ""}}},
    {"Connections", VIEW_CONNECTIONS, {{"resource", ""}, {"status", ""}, {"since", "for "}}},
};

/* Of a goal, whether its words are from before the person came back. */
static bool goal_from_before(const struct felloe_value *record, const struct felloe_value *id)
{
    char hex[80];
    hex_of(id, hex, sizeof hex);
    for (size_t i = 0; i < felloe_value_count(record); i++) {
        const struct felloe_value *entry = felloe_value_at(record, i);
        if (strcmp(felloe_value_text(felloe_value_at(entry, 0)), "goal_text") == 0 &&
            strcmp(felloe_value_text(felloe_value_at(entry, 1)), hex) == 0)
            return felloe_value_bool(felloe_value_at(entry, 4));
    }
    return false;
}

static void print_row(FILE *to, const struct rows *rows, const struct view_def *view, const struct felloe_value *row,
                      const struct cell_context *context)
{
    const char *between = "";
    for (size_t s = 0; s < sizeof rows->shown / sizeof *rows->shown && rows->shown[s].column; s++) {
        char *text = view_cell_text(view, row, rows->shown[s].column, context);
        if (text && *text) {
            fprintf(to, "%s%s", between, rows->shown[s].label);
            out_text(to, text);
            between = " · ";
        }
        free(text);
    }
}

static void print_rows(struct cli *cli, const struct rows *rows, const char *person, const struct felloe_value *record)
{
    const struct view_def *view = view_of(rows->view);
    const struct felloe_argument arguments[] = {{.name = "name", .kind = FELLOE_TEXT, .text = view->name},
                                                {.name = "person", .kind = FELLOE_TEXT, .text = person},
                                                {.name = "worker", .kind = FELLOE_TEXT, .text = "*"},
                                                {.name = "days", .kind = FELLOE_INTEGER, .integer = 3650}};
    struct section section = {.heading = rows->heading};
    struct felloe_answer *answer;
    struct felloe_error error;
    if (felloe_ask(cli->client, "view", arguments, 4, NULL, &answer, &error) != FELLOE_OK)
        return;
    const struct cell_context context = context_of(answer);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *row = felloe_answer_item(answer, i);
        if (!begin_line(&section))
            break;
        print_row(section.to, rows, view, row, &context);
        if (rows->view == VIEW_GOALS && goal_from_before(record, row_cell(view, row, "entry")))
            fputs(" (from before, check)", section.to);
        end_line(&section);
    }
    felloe_answer_free(answer);
}

void show_record(struct cli *cli, const struct felloe_answer *story)
{
    const struct felloe_value *summary = felloe_answer_summary(story), *record = felloe_value_get(summary, "record");
    char person[80];
    hex_of(felloe_value_get(summary, "person"), person, sizeof person);
    header(summary);
    print_part(record, &parts[0]);
    print_part(record, &parts[1]);
    print_rows(cli, &all_rows[0], person, record);
    for (size_t i = 2; i < 5; i++)
        print_part(record, &parts[i]);
    for (size_t i = 1; i < sizeof all_rows / sizeof *all_rows; i++)
        print_rows(cli, &all_rows[i], person, record);
    for (size_t i = 5; i < sizeof parts / sizeof *parts; i++)
        print_part(record, &parts[i]);
    putchar('\n');
}
