/* SPDX-License-Identifier: Apache-2.0 */
/* A line of JSON, read where it stands: RFC 8259, one object or array, no name twice in an object, no NUL in a text.
 * An import reads millions of such lines and keeps none: a tree of jansson's for each cost it eight times as much. */
#ifndef FELLOE_CLIENT_JSON_LINE_H
#define FELLOE_CLIENT_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "felloe/client.h"

enum json_item_kind { LINE_NULL, LINE_TRUE, LINE_FALSE, LINE_WHOLE, LINE_REAL, LINE_TEXT, LINE_LIST, LINE_OBJECT };

/* In the order of the line: what is in a list or an object follows it, up to `end`. Texts are in the line itself,
 * NUL-terminated, their escapes undone. */
struct json_item {
    enum json_item_kind kind;
    const char *name;          /* of an object's member, else NULL */
    const char *text;          /* of a text or a whole number, which fits into 64 bits; else "" */
    size_t name_len, text_len;
    size_t end;                /* the index of the item behind it and all that is in it */
};

/* Starts as {0}, and may be used for line after line. */
struct json_line {
    struct json_item *items;
    size_t count, cap;
};

/* `text` is UTF-8 with a NUL behind, and is written to. FELLOE_INVALID, saying what is wrong with it and where. */
enum felloe_code json_line_read(struct json_line *line, char *text, size_t len, struct felloe_error *error);
void json_line_release(struct json_line *line);

/* The member of that name of the object at `object`; NULL when there is none. */
const struct json_item *json_line_member(const struct json_line *line, const struct json_item *object,
                                         const char *name);

#endif
