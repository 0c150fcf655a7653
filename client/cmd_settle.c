/* SPDX-License-Identifier: Apache-2.0 */
/* settle: those concerned agreed which of several values holds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/cell.h"
#include "client/output.h"
#include "client/record.h"
#include "client/verbs.h"
#include "client/view_output.h"
#include "client/view_verbs.h"

static const struct option_def options[] = {
    {"choose", "N", "the value of this number, as `felloe to-settle` lists them"},
    {"text", "TEXT", "a value in words of your own"},
    {"with", "NAME", "with whom it was agreed; repeat it for several"},
    {"why", "TEXT", "why"},
    {"which", "WHICH", "which one of several (with PERSON WHAT VALUE)"},
    {"anyway", NULL, "also what makes no sense as far as is known here"},
    OPTION_OCCURRED,
    OPTIONS_END,
};

/* ---- by person, register and value: as programs do ---- */

static enum felloe_code by_name(struct cli *cli)
{
    struct recording recording;
    const char **with = cli_option_all(cli, "with");
    enum felloe_code code = recording_init(&recording, cli, "conflict.settled", cli->words[0]);
    if (code == FELLOE_OK)
        code = recording_add(&recording, cli, "what", cli->words[1]);
    if (code == FELLOE_OK && cli_option(cli, "which"))
        code = recording_add(&recording, cli, "which", cli_option(cli, "which"));
    if (code == FELLOE_OK)
        code = recording_add(&recording, cli, "chosen", cli->words[2]);
    for (size_t i = 0; with && with[i] && code == FELLOE_OK; i++)
        code = recording_add(&recording, cli, "with", with[i]);
    if (code == FELLOE_OK && cli_option(cli, "why"))
        code = recording_add(&recording, cli, "text", cli_option(cli, "why"));
    if (code == FELLOE_OK)
        code = recording_save(&recording, cli);
    recording_release(&recording);
    free(with);
    return code;
}

/* ---- by number ---- */

static bool number_of(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out > 0;
}

/* What is to settle, for choosing from. */
static enum felloe_code look(struct cli *cli, struct felloe_answer **out)
{
    enum felloe_code code = cli_connect(cli);
    return code == FELLOE_OK ? felloe_view(cli->client, "to-settle", NULL, NULL, out, &cli->error) : code;
}

static const struct felloe_value *row_of_number(const struct felloe_answer *answer, int64_t number)
{
    for (size_t i = 0; i < felloe_answer_count(answer); i++)
        if (felloe_value_integer(felloe_value_at(felloe_answer_item(answer, i), SETTLE_NUMBER)) == number)
            return felloe_answer_item(answer, i);
    return NULL;
}

static enum felloe_code ask_number(struct cli *cli, const char *question, int64_t *out)
{
    char *typed;
    for (;;) {
        enum felloe_code code = ask_line(cli, question, NULL, &typed);
        if (code != FELLOE_OK)
            return code;
        bool understood = number_of(typed, out);
        free(typed);
        if (understood)
            return FELLOE_OK;
        fputs("  a number, please (ctrl-D gives up, and nothing is recorded)\n", cli->asks);
    }
}

/* Where nothing says what was chosen, on a terminal: the choices, and with whom. */
static enum felloe_code ask_choice(struct cli *cli, int64_t *number, int64_t *choice, char **with)
{
    struct felloe_answer *answer;
    enum felloe_code code = look(cli, &answer);
    if (code != FELLOE_OK)
        return code;
    if (*number == 0) {
        code = view_print(cli, view_of(VIEW_TO_SETTLE), answer);
        if (felloe_answer_count(answer) == 0)
            code = cli_fail(cli, FELLOE_NOT_FOUND, "there is nothing to settle");
        else if (code == FELLOE_OK)
            code = ask_number(cli, "Which number", number);
    }
    const struct felloe_value *row = code == FELLOE_OK ? row_of_number(answer, *number) : NULL;
    if (code == FELLOE_OK && !row)
        code = cli_fail(cli, FELLOE_NOT_FOUND, "nothing of number %lld is to settle: `felloe to-settle` lists what is",
                        (long long)*number);
    if (code == FELLOE_OK) {
        settle_choices(cli->asks, row, answer);
        code = ask_number(cli, "Which of these", choice);
    }
    if (code == FELLOE_OK)
        code = ask_line(cli, "With whom (names, with commas; Enter leaves it out)", NULL, with);
    felloe_answer_free(answer);
    return code;
}

struct settling {
    struct felloe_argument arguments[12];
    size_t count;
    char *asked;              /* names, cut in place */
    const char *names[32 + 1];
};

static void add_text(struct settling *s, const char *name, const char *text)
{
    if (text)
        s->arguments[s->count++] = (struct felloe_argument){.name = name, .kind = FELLOE_TEXT, .text = text};
}

static void add_number(struct settling *s, const char *name, int64_t number)
{
    s->arguments[s->count++] = (struct felloe_argument){.name = name, .kind = FELLOE_INTEGER, .integer = number};
}

/* "Amy, Ben", cut at the commas. */
static void cut_names(struct settling *s, char *text)
{
    size_t count = 0;
    for (char *at = text; at && count + 1 < sizeof s->names / sizeof *s->names;) {
        at += strspn(at, ", ");
        if (!*at)
            break;
        s->names[count++] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
}

static enum felloe_code tell_settled(struct cli *cli, const struct felloe_answer *answer)
{
    const struct felloe_value *summary = felloe_answer_summary(answer), *saved = felloe_answer_item(answer, 0);
    char id[80];
    hex_of(felloe_value_get(saved, "id"), id, sizeof id);
    if (cli->json) {
        json_t *json = json_of(saved);
        json_object_update_new(json, json_of(summary));
        return out_json(json, &cli->error);
    }
    const char *what = felloe_value_text(felloe_value_get(summary, "what")),
               *label = code_label(&codes_what, bytes_str(what));
    printf("Saved: settled together %.*s (%s: ", ID_SHORT, id, label ? label : what);
    const char *words = felloe_value_text(felloe_value_get(summary, "chosen_words"));
    out_text(stdout, *words ? words : felloe_value_text(felloe_value_get(summary, "chosen")));
    puts(")");
    return FELLOE_OK;
}

static enum felloe_code by_number(struct cli *cli)
{
    struct settling s = {0};
    int64_t number = 0, choice = 0;
    const char *text = cli_option(cli, "text"), *choose = cli_option(cli, "choose");
    const char **with = cli_option_all(cli, "with");
    enum felloe_code code = FELLOE_OK;
    if (cli->word_count > 0 && !number_of(cli->words[0], &number))
        code = cli_fail(cli, FELLOE_USAGE, "\"%.60s\" is no number of `felloe to-settle`", cli->words[0]);
    else if (choose && !number_of(choose, &choice))
        code = cli_fail(cli, FELLOE_USAGE, "--choose takes the number of a value, not \"%.60s\"", choose);
    else if (cli_option(cli, "occurred") || cli_option(cli, "which"))
        code = cli_fail(cli, FELLOE_USAGE, "--occurred and --which go with PERSON WHAT VALUE, not with a number");
    else if ((number == 0 || (choice == 0 && !text)) && !ask_possible(cli))
        code = cli_fail(cli, FELLOE_USAGE, "something is missing: say `felloe settle NUMBER --choose N` (or --text "
                        "TEXT); `felloe to-settle` lists numbers and choices");
    else if (number == 0 || (choice == 0 && !text))
        code = ask_choice(cli, &number, &choice, &s.asked);
    if (code == FELLOE_OK) {
        add_number(&s, "number", number);
        if (choice > 0)
            add_number(&s, "choose", choice);
        else
            add_text(&s, "text", text);
        cut_names(&s, s.asked);
        if (with || s.names[0])
            s.arguments[s.count++] = (struct felloe_argument){.name = "with", .kind = FELLOE_ARRAY,
                                                              .texts = with ? with : s.names};
        add_text(&s, "why", cli_option(cli, "why"));
        add_text(&s, "worker", cli_option(cli, "worker"));
        add_text(&s, "site", cli_option(cli, "site"));
        struct felloe_answer *answer;
        code = cli_ask(cli, "settle", s.arguments, s.count, NULL, &answer);
        if (code == FELLOE_OK) {
            code = tell_settled(cli, answer);
            felloe_answer_free(answer);
        }
    }
    free(s.asked);
    free(with);
    return code;
}

static enum felloe_code run(struct cli *cli)
{
    if (cli->word_count == 2)
        return cli_fail(cli, FELLOE_USAGE, "say `felloe settle NUMBER --choose N`, or PERSON WHAT VALUE");
    return cli->word_count == 3 ? by_name(cli) : by_number(cli);
}

const struct verb verb_settle = {
    "settle", GROUP_RECORD, "[NUMBER | PERSON WHAT VALUE]", "we agreed which of several values holds",
    "NUMBER and the choices are those that `felloe to-settle` lists.\n"
    "  felloe settle 3 --choose 2 --with \"Amy\" --why \"asked her\"\n"
    "  felloe settle 3 --text \"call sister, then the crisis line\" --with amy\n"
    "  felloe settle Jo date_of_birth 1990-02-01 --with amy",
    options, 0, 3, run};
