/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for what is missing. Questions go to stderr, so that what is recorded can still be piped on. */
#include "client/ask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/record.h"
#include "client/when.h"

bool ask_possible(const struct cli *cli)
{
    return cli->asks && cli->answers && !cli->json;
}

static enum felloe_code gave_up(struct cli *cli)
{
    fputc('\n', cli->asks);
    return cli_fail(cli, FELLOE_USAGE, "nothing was recorded");
}

enum felloe_code ask_line(struct cli *cli, const char *question, const char *otherwise, char **out)
{
    char *line = NULL;
    size_t size = 0;
    *out = NULL;
    out_text(cli->asks, question);
    if (otherwise) {
        fputs(" [", cli->asks);
        out_text(cli->asks, otherwise);
        fputc(']', cli->asks);
    }
    fputs(": ", cli->asks);
    fflush(cli->asks);
    ssize_t len = getline(&line, &size, cli->answers);
    if (len < 0) {
        free(line);
        return gave_up(cli);
    }
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        line[--len] = '\0';
    size_t begin = strspn(line, " \t");
    if (!line[begin] && otherwise) {
        free(line);
        line = strdup(otherwise);
        begin = 0;
    }
    if (!line)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    memmove(line, line + begin, strlen(line + begin) + 1);
    *out = line;
    return FELLOE_OK;
}

/* ---- the codes ---- */

#define CODES_SHOWN 12 /* more are listed when asked for */

static void list_codes(struct cli *cli, const struct code_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct code *code = &list->codes[i];
        fprintf(cli->asks, "  %-3s %s\n", strlen(code->code) <= 3 ? code->code : "", code->label);
    }
}

/* ---- a field ---- */

/* What is wrong with the value, in words: the catalogue's own check, of this field alone. */
static enum felloe_code check(const struct field_def *field, const char *value, struct felloe_error *error)
{
    struct mp_reader *reader = malloc(sizeof *reader);
    struct buffer fields = {0}, normal = {0};
    struct field_def one = *field;
    const struct type_def type = {.name = field->label, .label = field->label, .fields = &one, .field_count = 1};
    enum felloe_code code = FELLOE_OK;
    one.items = 0; /* one of several may stand alone */
    mp_put_map(&fields, 1);
    mp_put_text(&fields, field->name);
    mp_put_text(&fields, value);
    if (reader && !fields.failed) {
        mp_reader_init(reader, buffer_bytes(&fields));
        if (mp_next(reader))
            code = catalogue_check(&type, reader, NULL, &normal, error);
    }
    free(reader);
    buffer_release(&fields);
    buffer_release(&normal);
    return code;
}

static bool can_be_checked(const struct field_def *field)
{
    return field->kind != KIND_EVENT && field->kind != KIND_PERSON && field->kind != KIND_WORKER &&
           field->kind != KIND_VALUE && !field->list;
}

static void question_of(const struct field_def *field, bool required, char *out, size_t size)
{
    const char *hint = "";
    switch (field->kind) {
    case KIND_CODE: hint = field->codes->count > CODES_SHOWN ? "? lists them" : ""; break;
    case KIND_DATE: hint = "a day"; break;
    case KIND_TIME: hint = "a day and a time"; break;
    case KIND_YESNO: hint = "yes or no"; break;
    case KIND_WORKER: hint = field->list ? "workers" : "a worker"; break;
    case KIND_DURATION: hint = "minutes, or 1h30"; break;
    default: break;
    }
    snprintf(out, size, "%c%s%s%s%s%s%s", toupper((unsigned char)field->label[0]), field->label + 1,
             *hint || !required ? " (" : "", hint, *hint && !required ? "; " : "",
             required ? "" : "Enter leaves it out",
             *hint || !required ? ")" : "");
}

enum felloe_code ask_field(struct cli *cli, const struct field_def *field, bool required, const char *otherwise,
                           char **out)
{
    char question[240];
    const char *label = field->codes && otherwise ? code_label(field->codes, bytes_str(otherwise)) : NULL;
    *out = NULL;
    question_of(field, required, question, sizeof question);
    if (field->codes && field->codes->count <= CODES_SHOWN)
        list_codes(cli, field->codes);
    for (;;) {
        char *typed, *normal = NULL;
        struct felloe_error error = {0};
        enum felloe_code code = ask_line(cli, question, label ? label : otherwise, &typed);
        if (code != FELLOE_OK)
            return code;
        *out = NULL;
        if (!*typed && !required) {
            free(typed);
            return FELLOE_OK;
        }
        if (field->codes && strcmp(typed, "?") == 0) {
            list_codes(cli, field->codes);
            free(typed);
            continue;
        }
        if (*typed)
            code = field_normal(field, typed, when_now(), &normal, &error);
        else
            code = felloe_fail(&error, FELLOE_INVALID, "This is needed (ctrl-D gives up, and nothing is recorded).");
        bool is_code = code == FELLOE_OK && field->codes && code_label(field->codes, bytes_str(normal));
        if (code == FELLOE_OK && field->codes && !is_code && field->codes->count > CODES_SHOWN)
            code = felloe_fail(&error, FELLOE_INVALID, "\"%.60s\" is none of them: ? lists them.", typed);
        if (code == FELLOE_OK && can_be_checked(field))
            code = check(field, normal, &error);
        free(normal);
        if (code == FELLOE_OK) {
            *out = typed;
            return FELLOE_OK;
        }
        free(typed);
        fputs("  ", cli->asks);
        out_text(cli->asks, error.message);
        fputc('\n', cli->asks);
    }
}

/* ---- a task, a concern, a goal … ---- */

static const struct thread_item *by_number(const struct thread_list *list, const char *typed)
{
    char *end;
    unsigned long wanted = strtoul(typed, &end, 10), number = 0;
    for (size_t i = 0; *end == '\0' && wanted > 0 && i < list->count; i++)
        if (list->items[i].open && ++number == wanted)
            return &list->items[i];
    return NULL;
}

static size_t list_open(struct cli *cli, const struct thread_list *list)
{
    size_t number = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!list->items[i].open)
            continue;
        fprintf(cli->asks, "  %zu  ", ++number);
        out_text(cli->asks, list->items[i].words);
        fputc('\n', cli->asks);
    }
    return number;
}

enum felloe_code ask_thread(struct cli *cli, const struct field_def *field, bool required,
                            const struct thread_list *list, char **out)
{
    char question[240];
    size_t count = list_open(cli, list);
    *out = NULL;
    if (count == 0)
        return required ? cli_fail(cli, FELLOE_NOT_FOUND, "no %s%s%s is open", list->what, list->whose ? " of " : "",
                                   list->whose ? list->whose : "") : FELLOE_OK;
    question_of(field, required, question, sizeof question);
    for (;;) {
        char *typed;
        enum felloe_code code = ask_line(cli, question, required && count == 1 ? "1" : NULL, &typed);
        if (code != FELLOE_OK)
            return code;
        const struct thread_item *item = by_number(list, typed);
        bool left_out = !*typed && !required;
        if (!item && *typed)
            code = threads_pick(cli, list, typed, &item);
        free(typed);
        if (left_out)
            return FELLOE_OK;
        if (code == FELLOE_OK && item) {
            *out = strdup(item->id);
            return *out ? FELLOE_OK : cli_fail(cli, FELLOE_FAILED, "out of memory");
        }
        fputs("  ", cli->asks);
        out_text(cli->asks, code != FELLOE_OK ? cli->error.message : "say its number, or the beginning of its words");
        fputc('\n', cli->asks);
        cli->error = (struct felloe_error){0};
    }
}
