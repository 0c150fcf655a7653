/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON in one pass, front to back; see json_line.h. */
#include "client/json_line.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* No event is nested deeper than three. */
#define DEPTH_MAX 32
/* Each is compared with those before it. */
#define MEMBERS_MAX 1000

struct reading {
    struct json_line *line;
    char *begin, *at, *end;
    const char *wrong;       /* what is wrong at `at`; NULL: nothing yet */
    bool no_memory;
    unsigned depth;
};

static bool fail(struct reading *r, const char *wrong)
{
    if (r->wrong == NULL)
        r->wrong = wrong;
    return false;
}

static void skip_space(struct reading *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r') /* ends at the NUL */
        r->at++;
}

/* ---- texts ---- */

static bool read_four(struct reading *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        const char c = *r->at;
        const bool digit = c >= '0' && c <= '9', letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
        if (!digit && !letter)
            return fail(r, "four hexadecimal digits are expected after \\u");
        *out = *out << 4 | (uint32_t)(digit ? c - '0' : (c | 0x20) - 'a' + 10);
        r->at++;
    }
    return true;
}

/* Behind \u: one character, or the first half of one and the second. */
static bool read_unicode(struct reading *r, uint32_t *out)
{
    uint32_t second;
    if (!read_four(r, out))
        return false;
    if (*out == 0)
        return fail(r, "a text contains a NUL character");
    if (*out < 0xd800 || *out > 0xdfff)
        return true;
    if (*out > 0xdbff || r->at[0] != '\\' || r->at[1] != 'u')
        return fail(r, "half a character (\\ud800 to \\udfff stand in pairs)");
    r->at += 2;
    if (!read_four(r, &second))
        return false;
    if (second < 0xdc00 || second > 0xdfff)
        return fail(r, "half a character (\\ud800 to \\udfff stand in pairs)");
    *out = 0x10000 + ((*out & 0x3ff) << 10) + (second & 0x3ff);
    return true;
}

/* Never longer than the escape that it came from. */
static char *put_utf8(char *out, uint32_t character)
{
    if (character < 0x80) {
        *out++ = (char)character;
        return out;
    }
    const int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    *out++ = (char)((0xff00 >> (more + 1) & 0xff) | character >> 6 * more);
    for (int i = more - 1; i >= 0; i--)
        *out++ = (char)(0x80 | (character >> 6 * i & 0x3f));
    return out;
}

static bool read_escape(struct reading *r, char **out)
{
    static const char names[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    const char *known = *r->at == '\0' ? NULL : strchr(names, *r->at);
    uint32_t character;
    if (known != NULL) {
        *(*out)++ = characters[known - names];
        r->at++;
        return true;
    }
    if (*r->at != 'u')
        return fail(r, "there is no such escape");
    r->at++;
    if (!read_unicode(r, &character))
        return false;
    *out = put_utf8(*out, character);
    return true;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

#define EACH(byte) ((byte) * 0x0101010101010101u)

/* One of eight bytes that is zero. */
static uint64_t zeros(uint64_t eight)
{
    return (eight - EACH(0x01u)) & ~eight & EACH(0x80u);
}

/* Most of a line is this: eight at a time. */
static void skip_plain(struct reading *r)
{
    uint64_t eight;
    for (; r->end - r->at >= (ptrdiff_t)sizeof eight; r->at += sizeof eight) {
        memcpy(&eight, r->at, sizeof eight);
        if (((eight - EACH(0x20u)) & ~eight & EACH(0x80u)) | zeros(eight ^ EACH(0x22u)) | zeros(eight ^ EACH(0x5cu)))
            break;
    }
    while (is_plain(*r->at))
        r->at++;
}

/* At a quotation mark; a NUL takes the place of the one behind. */
static bool read_string(struct reading *r, const char **text, size_t *len)
{
    char *begin = ++r->at, *out;
    skip_plain(r);
    for (out = r->at; *r->at != '"';) {
        if (*r->at == '\\') {
            r->at++;
            if (!read_escape(r, &out))
                return false;
        } else if (is_plain(*r->at)) {
            *out++ = *r->at++;
        } else {
            return fail(r, r->at == r->end ? "a text does not end" : "a text contains a control character");
        }
    }
    r->at++;
    *out = '\0';
    *text = begin;
    *len = (size_t)(out - begin);
    return true;
}

/* ---- numbers ---- */

static bool read_digits(struct reading *r)
{
    if (*r->at < '0' || *r->at > '9')
        return fail(r, "a digit is expected");
    while (*r->at >= '0' && *r->at <= '9')
        r->at++;
    return true;
}

static bool fits(const struct json_item *item)
{
    if (item->text_len < 19) /* digits, with or without a sign */
        return true;
    errno = 0;
    strtoll(item->text, NULL, 10); /* what is behind it is no digit */
    return errno == 0;
}

static bool read_number(struct reading *r, struct json_item *item)
{
    const char *begin = r->at;
    item->kind = LINE_WHOLE;
    r->at += *r->at == '-';
    if (*r->at == '0')
        r->at++;
    else if (!read_digits(r))
        return false;
    if (*r->at == '.') {
        item->kind = LINE_REAL;
        r->at++;
        if (!read_digits(r))
            return false;
    }
    if (*r->at == 'e' || *r->at == 'E') {
        item->kind = LINE_REAL;
        r->at++;
        r->at += *r->at == '+' || *r->at == '-';
        if (!read_digits(r))
            return false;
    }
    if (item->kind == LINE_REAL)
        return true;
    item->text = begin + (begin[0] == '-' && begin[1] == '0'); /* -0 */
    item->text_len = (size_t)(r->at - item->text);
    return fits(item) || fail(r, "a number is too large");
}

/* ---- values ---- */

static bool read_value(struct reading *r, const char *name, size_t name_len);

static bool read_word(struct reading *r, struct json_item *item, const char *word, enum json_item_kind kind)
{
    const size_t len = strlen(word);
    if (strncmp(r->at, word, len) != 0)
        return fail(r, "a value is expected");
    r->at += len;
    item->kind = kind;
    return true;
}

static bool is_new_name(const struct reading *r, size_t object, size_t members, const char *name, size_t len)
{
    const struct json_item *items = r->line->items;
    for (size_t at = object + 1; members > 0; members--, at = items[at].end)
        if (items[at].name_len == len && memcmp(items[at].name, name, len) == 0)
            return false;
    return true;
}

static bool read_member(struct reading *r, size_t object, size_t members)
{
    const char *name;
    size_t len;
    if (*r->at != '"')
        return fail(r, "a name in quotation marks is expected");
    if (!read_string(r, &name, &len))
        return false;
    if (!is_new_name(r, object, members, name, len))
        return fail(r, "a duplicate name in an object");
    if (members == MEMBERS_MAX)
        return fail(r, "an object with too many names");
    skip_space(r);
    if (*r->at != ':')
        return fail(r, "a colon is expected");
    r->at++;
    skip_space(r);
    return read_value(r, name, len);
}

/* At the bracket. */
static bool read_inside(struct reading *r, size_t index, bool object)
{
    const char last = object ? '}' : ']';
    if (++r->depth > DEPTH_MAX)
        return fail(r, "nested too deeply");
    r->at++;
    skip_space(r);
    for (size_t members = 0; members > 0 || *r->at != last; members++) {
        if (!(object ? read_member(r, index, members) : read_value(r, NULL, 0)))
            return false;
        skip_space(r);
        if (*r->at == last)
            break;
        if (*r->at != ',')
            return fail(r, object ? "a comma or } is expected" : "a comma or ] is expected");
        r->at++;
        skip_space(r);
    }
    r->at++;
    r->depth--;
    return true;
}

static bool new_item(struct reading *r, size_t *index)
{
    struct json_line *line = r->line;
    if (line->count == line->cap) {
        const size_t cap = line->cap ? line->cap * 2 : 64;
        struct json_item *items = reallocarray(line->items, cap, sizeof *items);
        if (items == NULL) {
            r->no_memory = true;
            return false;
        }
        line->items = items;
        line->cap = cap;
    }
    *index = line->count++;
    return true;
}

static bool read_value(struct reading *r, const char *name, size_t name_len)
{
    struct json_item item = {.name = name, .name_len = name_len, .text = ""};
    size_t index;
    bool fine;
    if (!new_item(r, &index))
        return false;
    r->line->items[index] = item;
    switch (*r->at) {
    case '"':
        item.kind = LINE_TEXT;
        fine = read_string(r, &item.text, &item.text_len);
        break;
    case '{':
    case '[':
        item.kind = *r->at == '{' ? LINE_OBJECT : LINE_LIST;
        fine = read_inside(r, index, item.kind == LINE_OBJECT);
        break;
    case 't': fine = read_word(r, &item, "true", LINE_TRUE); break;
    case 'f': fine = read_word(r, &item, "false", LINE_FALSE); break;
    case 'n': fine = read_word(r, &item, "null", LINE_NULL); break;
    case '-':
    case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        fine = read_number(r, &item);
        break;
    default: fine = fail(r, r->at == r->end ? "it ends too early" : "a value is expected");
    }
    item.end = r->line->count;
    r->line->items[index] = item;
    return fine;
}

/* What stood behind them was needed until now. */
static void end_numbers(struct reading *r)
{
    for (size_t i = 0; i < r->line->count; i++) {
        const struct json_item *item = &r->line->items[i];
        if (item->kind == LINE_WHOLE)
            r->begin[(size_t)(item->text - r->begin) + item->text_len] = '\0';
    }
}

enum felloe_code json_line_read(struct json_line *line, char *text, size_t len, struct felloe_error *error)
{
    struct reading r = {.line = line, .begin = text, .at = text, .end = text + len};
    line->count = 0;
    skip_space(&r);
    bool fine = *r.at == '{' || *r.at == '[' ? read_value(&r, NULL, 0) : fail(&r, "an object is expected");
    if (fine)
        skip_space(&r);
    if (fine && r.at != r.end)
        fine = fail(&r, "something stands behind the end");
    if (fine) {
        end_numbers(&r);
        return FELLOE_OK;
    }
    if (r.no_memory)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    return felloe_fail(error, FELLOE_INVALID, "not valid JSON: %s (column %zu)", r.wrong, (size_t)(r.at - text) + 1);
}

void json_line_release(struct json_line *line)
{
    free(line->items);
    *line = (struct json_line){0};
}

const struct json_item *json_line_member(const struct json_line *line, const struct json_item *object,
                                         const char *name)
{
    const size_t len = strlen(name), index = (size_t)(object - line->items);
    for (size_t at = index + 1; at < object->end; at = line->items[at].end) {
        const struct json_item *item = &line->items[at];
        if (item->name_len == len && memcmp(item->name, name, len) == 0)
            return item;
    }
    return NULL;
}
