/* SPDX-License-Identifier: Apache-2.0 */
/* An event as CloudEvents 1.0 JSON, out of the log and back into a draft. */
#ifndef FELLOE_CLIENT_CLOUDEVENT_H
#define FELLOE_CLIENT_CLOUDEVENT_H

#include <jansson.h>

#include "felloe/client.h"

/* The items of an event as the daemon gives it; see proto/control.h. */
enum event_item {
    ITEM_ID, ITEM_SITE, ITEM_POSITION, ITEM_DEVICE, ITEM_INCARNATION, ITEM_SEQ, ITEM_TIME, ITEM_TYPE, ITEM_PERSON,
    ITEM_WORKER, ITEM_OCCURRED, ITEM_FIELDS, ITEM_COUNT,
    ITEM_NAME = ITEM_COUNT /* the person's; where names were asked for */
};

/* What stands for the type of an event that this device cannot open. */
#define TYPE_SEALED "felloe.sealed"

/* A new object; NULL when memory ran out. */
json_t *cloudevent_of(const struct felloe_value *event);
/* "1.15", or "" for an own event without a position. `out` has room for 33. */
void position_text(const struct felloe_value *position, char *out);

/* A draft made of one line; what it points to lives until imported_release. Starts as {0}. */
struct imported {
    char *text;               /* the line, taken apart where it stands */
    struct felloe_field *fields;
    size_t field_cap;
    struct felloe_draft draft;
};
enum felloe_code imported_read(struct imported *imported, const char *line, size_t len, struct felloe_error *error);
void imported_release(struct imported *imported);

#endif
