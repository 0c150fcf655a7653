/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the log as CloudEvents 1.0. Extension attributes: site, worker, device, incarnation, seq, position,
 * occurred; erased, of what cannot be opened any more because its person was erased. */
#include "client/cloudevent.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/when.h"
#include "proto/event/hlc.h"

void position_text(const struct felloe_value *position, char *out)
{
    struct position at = {(uint32_t)felloe_value_integer(felloe_value_at(position, 0)),
                          (uint64_t)felloe_value_integer(felloe_value_at(position, 1))};
    out[0] = '\0';
    if (felloe_value_count(position) == 2)
        position_format(at, out);
}

static void put_text(json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(object, name, json_string(text));
}

static void put_time(json_t *object, const char *name, int64_t ms)
{
    char text[WHEN_MAX];
    when_iso(ms, text);
    put_text(object, name, text);
}

json_t *cloudevent_of(const struct felloe_value *event)
{
    char id[80], device[80], person[80], source[160], position[40];
    const struct felloe_value *items[ITEM_COUNT];
    for (size_t i = 0; i < ITEM_COUNT; i++)
        items[i] = felloe_value_at(event, i);
    bool sealed = felloe_value_kind(items[ITEM_TYPE]) == FELLOE_NIL;
    const char *type = sealed ? TYPE_SEALED : felloe_value_text(items[ITEM_TYPE]);
    hex_of(items[ITEM_ID], id, sizeof id);
    hex_of(items[ITEM_DEVICE], device, sizeof device);
    hex_of(items[ITEM_PERSON], person, sizeof person);
    position_text(items[ITEM_POSITION], position);
    snprintf(source, sizeof source, "/felloe/%s/%s", felloe_value_text(items[ITEM_SITE]), device);

    json_t *out = json_pack("{s:s,s:s,s:s,s:s}", "specversion", "1.0", "id", id, "source", source, "type", type);
    put_text(out, "subject", person);
    if (!sealed) {
        put_time(out, "time", (int64_t)hlc_ms((uint64_t)felloe_value_integer(items[ITEM_TIME])));
        put_text(out, "datacontenttype", "application/json");
        json_object_set_new(out, "data", fields_json(type, items[ITEM_FIELDS]));
    }
    put_text(out, "site", felloe_value_text(items[ITEM_SITE]));
    put_text(out, "worker", felloe_value_text(items[ITEM_WORKER]));
    put_text(out, "device", device);
    json_object_set_new(out, "incarnation", json_integer(felloe_value_integer(items[ITEM_INCARNATION])));
    json_object_set_new(out, "seq", json_integer(felloe_value_integer(items[ITEM_SEQ])));
    put_text(out, "position", position);
    if (sealed && felloe_value_kind(items[ITEM_FIELDS]) == FELLOE_BOOL)
        json_object_set_new(out, "erased", json_true());
    if (felloe_value_kind(items[ITEM_OCCURRED]) == FELLOE_INTEGER)
        put_time(out, "occurred", felloe_value_integer(items[ITEM_OCCURRED]));
    return out;
}
