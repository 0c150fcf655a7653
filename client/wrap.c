/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the columns of a terminal. */
#include "client/wrap.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Bytes of the character at `text`, and its columns. What is no character counts as one of each. */
static size_t character(const char *text, size_t *columns)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t len = mbrtowc(&c, text, strlen(text), &state);
    *columns = 1;
    if (len == 0 || len == (size_t)-1 || len == (size_t)-2)
        return 1;
    int width = wcwidth(c);
    *columns = width < 0 ? 0 : (size_t)width;
    return len;
}

size_t text_width(const char *text)
{
    size_t width = 0, columns;
    for (; *text; width += columns)
        text += character(text, &columns);
    return width;
}

/* Bytes up to the end of the word at `text`, but no more than fit; at least one character. */
static size_t word(const char *text, size_t fit, size_t *columns)
{
    size_t len = 0, wide;
    for (*columns = 0; text[len] && text[len] != ' '; *columns += wide) {
        size_t next = character(text + len, &wide);
        if (len > 0 && *columns + wide > fit)
            break;
        len += next;
    }
    return len;
}

char *text_wrap(const char *text, size_t width)
{
    char *out = malloc(strlen(text) * 2 + 1), *to = out; /* at worst a newline after each byte */
    size_t used = 0;
    while (out && *text) {
        size_t columns, spaces = strspn(text, " ");
        size_t len = word(text + spaces, width, &columns);
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
    }
    if (out)
        *to = '\0';
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
