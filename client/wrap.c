/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the columns of a terminal. */
#include "client/wrap.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "proto/domain/text_fold.h"

#define JOINER 0x200du

/* Columns of one character. What is no character counts as one; what the C library does not know is newer than it, and
 * a picture most likely where it knows others. Controls are marks within a cell (table.c). */
static size_t columns_of(uint32_t c)
{
    int width = c > 0x10ffff ? 1 : wcwidth((wchar_t)c);
    if (width >= 0)
        return (size_t)width;
    return c < 0xa0 ? 0 : c >= 0x1f000 && c < 0x20000 ? 2 : iswcntrl((wint_t)c) ? 0 : 1;
}

/* Bytes of the character at `text` with the marks that belong to it and what is joined to it, and their columns. */
static size_t character(const char *text, size_t len, size_t *columns)
{
    struct bytes rest = {(const uint8_t *)text, len};
    uint32_t c;
    size_t at = text_character(rest, &c);
    bool joined = false;
    *columns = columns_of(c);
    while (at < len) {
        size_t next = text_character(bytes_of(rest.data + at, len - at), &c);
        if (!joined && !text_is_mark(c) && (c < 0xa0 || columns_of(c) > 0))
            break;
        joined = c == JOINER;
        *columns += columns_of(c);
        at += next;
    }
    return at;
}

size_t text_width_of(const char *text, size_t len)
{
    size_t width = 0, columns;
    for (size_t at = 0; at < len; width += columns)
        at += character(text + at, len - at, &columns);
    return width;
}

size_t text_width(const char *text)
{
    return text_width_of(text, strlen(text));
}

enum text_runs text_runs(const char *text)
{
    size_t len = strlen(text);
    bool said = false;
    for (size_t at = 0; at < len;) {
        uint32_t c;
        at += text_character(bytes_of(text + at, len - at), &c);
        if ((c >= 0x590 && c < 0x900) || (c >= 0xfb1d && c < 0xfe00) || (c >= 0xfe70 && c < 0xff00) ||
            (c >= 0x10800 && c < 0x11000) || (c >= 0x1e800 && c < 0x1f000))
            return said ? RUNS_BOTH : RUNS_LEFT;
        said |= text_is_word(c) && !(c >= '0' && c <= '9');
    }
    return RUNS_RIGHT;
}

/* Isolates of Unicode: without them, two names in Hebrew beside each other change places, and a number after one moves
 * before it. */
const char *text_apart_begin(enum text_runs runs)
{
    static const char *const begin[] = {[RUNS_RIGHT] = "", [RUNS_BOTH] = "\u2066", [RUNS_LEFT] = "\u2067"};
    return begin[runs];
}

const char *text_apart_end(enum text_runs runs)
{
    return runs == RUNS_RIGHT ? "" : "\u2069";
}

/* Bytes up to the end of the word at `text`, but no more than fit; at least one character. */
static size_t word(const char *text, size_t rest, size_t fit, size_t *columns)
{
    size_t len = 0, wide;
    for (*columns = 0; len < rest && text[len] != ' '; *columns += wide) {
        size_t next = character(text + len, rest - len, &wide);
        if (len > 0 && *columns + wide > fit)
            break;
        len += next;
    }
    return len;
}

char *text_wrap(const char *text, size_t width)
{
    size_t rest = strlen(text), used = 0;
    char *out = malloc(rest * 2 + 1), *to = out; /* at worst a newline after each byte */
    while (out && *text) {
        size_t columns, spaces = strspn(text, " ");
        size_t len = word(text + spaces, rest - spaces, width, &columns);
        if (used > 0 && used + spaces + columns > width) {
            *to++ = '\n';
            used = 0;
        } else {
            memcpy(to, text, spaces);
            to += spaces;
            used += spaces;
        }
        memcpy(to, text + spaces, len);
        to += len;
        used += columns;
        text += spaces + len;
        rest -= spaces + len;
    }
    if (out)
        *to = '\0';
    return out;
}

char *text_cut(const char *text, size_t width)
{
    static const char cut[] = "…";
    size_t rest = strlen(text), at = 0, used = 0, end = 0, space = 0;
    while (at < rest) {
        size_t columns, len = character(text + at, rest - at, &columns);
        used += columns;
        if (used > width)
            break;
        if (used < width) { /* with room for the … */
            space = text[at] == ' ' ? end : space;
            end = at + len;
        }
        at += len;
    }
    if (at >= rest)
        return strdup(text);
    if (end - space < width / 4 && space > 0)
        end = space; /* between words, where one ends near */
    while (end > 0 && text[end - 1] == ' ')
        end--;
    char *out = malloc(end + sizeof cut);
    if (!out)
        return NULL;
    memcpy(out, text, end);
    memcpy(out + end, cut, sizeof cut);
    return out;
}

void columns_fit(size_t *widths, const unsigned char *wrap, size_t count, size_t gap, size_t total, size_t least)
{
    size_t sum = count > 0 ? gap * (count - 1) : 0;
    for (size_t i = 0; i < count; i++)
        sum += widths[i];
    while (sum > total) {
        size_t widest = count;
        for (size_t i = 0; i < count; i++)
            if (wrap[i] && widths[i] > least && (widest == count || widths[i] > widths[widest]))
                widest = i;
        if (widest == count)
            return; /* a narrow terminal: the lines run over */
        widths[widest]--;
        sum--;
    }
}
