/* SPDX-License-Identifier: Apache-2.0 */
/* Safe text, colours and JSON on stdout. */
#include "client/output.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/wrap.h"
#include "proto/id.h"

void out_init(void)
{
    setlocale(LC_ALL, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) /* a minimal system has no locale set: names still are UTF-8 */
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* What a terminal would obey: C0 controls, DEL, C1 controls (U+0080 to U+009F), and what turns the direction of the
 * text around it (U+202A to U+202E, U+2066 to U+2069). Bytes, or 0. */
static size_t control_length(const char *at)
{
    const unsigned char *u = (const unsigned char *)at;
    if (u[0] < 0x20 || u[0] == 0x7f)
        return 1;
    if (u[0] == 0xc2)
        return u[1] >= 0x80 && u[1] <= 0x9f ? 2 : 0;
    if (u[0] != 0xe2 || (u[1] != 0x80 && u[1] != 0x81))
        return 0;
    bool turns = u[1] == 0x80 ? u[2] >= 0xaa && u[2] <= 0xae : u[2] >= 0xa6 && u[2] <= 0xa9;
    return turns ? 3 : 0;
}

void out_text(FILE *file, const char *text)
{
    enum text_runs runs = file == stdout && out_terminal() ? text_runs(text) : RUNS_RIGHT;
    fputs(text_apart_begin(runs), file);
    while (*text) {
        size_t len = control_length(text);
        fputc(len ? ' ' : *text, file);
        text += len ? len : 1;
    }
    fputs(text_apart_end(runs), file);
}

char *out_one_line(const char *text)
{
    char *line = malloc(strlen(text) + 1), *to = line;
    bool gap = true; /* runs of white space become one space */
    while (line && *text) {
        size_t len = control_length(text);
        if (len > 0 || *text == ' ') {
            if (!gap)
                *to++ = ' ';
            gap = true;
            text += len ? len : 1;
        } else {
            *to++ = *text++;
            gap = false;
        }
    }
    if (line) {
        if (to > line && to[-1] == ' ')
            to--;
        *to = '\0';
    }
    return line;
}

bool out_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

size_t out_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    unsigned long told = columns ? strtoul(columns, NULL, 10) : 0;
    if (!out_terminal())
        return 0;
    if (told >= 20 && told <= 10000)
        return told;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

const char *out_style(enum out_style style)
{
    static const char *const sequences[] = {"\033[0m", "\033[1m", "\033[90m"};
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    if (!out_terminal() || (no && *no) || (term && strcmp(term, "dumb") == 0))
        return "";
    return sequences[style];
}

/* jansson escapes what JSON says has to be; a terminal obeys more. All of it lies in strings, where escapes stand. */
static bool put_json(FILE *file, const char *text)
{
    while (*text) {
        size_t len = *text == '\n' ? 0 : control_length(text);
        const unsigned char *u = (const unsigned char *)text;
        if (len == 0)
            fputc(*text++, file);
        else
            fprintf(file, "\\u%04x",
                    len == 1 ? u[0] : len == 2 ? u[1] : 0x2000u + (u[1] - 0x80u) * 64 + (u[2] - 0x80u));
        text += len;
    }
    return fputc('\n', file) != EOF && !ferror(file);
}

bool out_json_line(FILE *file, const json_t *value, size_t flags)
{
    char *text = value ? json_dumps(value, flags) : NULL;
    bool done = text && put_json(file, text);
    free(text);
    return done;
}

enum felloe_code out_json(json_t *value, struct felloe_error *error)
{
    bool made = value != NULL, done = out_json_line(stdout, value, out_terminal() ? JSON_INDENT(2) : JSON_COMPACT);
    json_decref(value);
    return done ? FELLOE_OK
                : felloe_fail(error, FELLOE_FAILED, made ? "the answer could not be written" : "out of memory");
}

json_t *json_of_items(const struct felloe_answer *answer, json_t *(*item)(const struct felloe_value *value))
{
    json_t *items = json_array();
    for (size_t i = 0; i < felloe_answer_count(answer); i++)
        json_array_append_new(items, item(felloe_answer_item(answer, i)));
    return items;
}

void hex_of(const struct felloe_value *value, char *out, size_t size)
{
    size_t len;
    const uint8_t *bytes = felloe_value_bytes(value, &len);
    out[0] = '\0';
    if (!bytes)
        snprintf(out, size, "%s", felloe_value_text(value));
    else if (len * 2 < size)
        hex_encode(bytes_of(bytes, len), out);
}

static json_t *json_of_bytes(const struct felloe_value *value)
{
    size_t len;
    felloe_value_bytes(value, &len);
    char *hex = malloc(len * 2 + 1);
    if (!hex)
        return NULL;
    hex_of(value, hex, len * 2 + 1);
    json_t *text = json_string(hex);
    free(hex);
    return text;
}

json_t *json_of(const struct felloe_value *value)
{
    size_t count = felloe_value_count(value);
    json_t *out = NULL;
    switch (felloe_value_kind(value)) {
    case FELLOE_NIL:
        return json_null();
    case FELLOE_BOOL:
        return json_boolean(felloe_value_bool(value));
    case FELLOE_INTEGER:
        return json_integer(felloe_value_integer(value));
    case FELLOE_TEXT:
        return json_string(felloe_value_text(value));
    case FELLOE_BYTES:
        return json_of_bytes(value);
    case FELLOE_ARRAY:
        out = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(out, json_of(felloe_value_at(value, i)));
        return out;
    case FELLOE_MAP:
        out = json_object();
        for (size_t i = 0; i < count; i++)
            json_object_set_new(out, felloe_value_key(value, i), json_of(felloe_value_at(value, i)));
        return out;
    }
    return NULL;
}
