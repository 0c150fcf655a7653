/* SPDX-License-Identifier: Apache-2.0 */
/* What holds where there was something to settle; see settled.h. */
#include "proto/domain/settled.h"

#include "proto/domain/record.h"
#include "proto/event/hlc.h"

bool settle_key_read(struct bytes key, const struct register_def **def, struct bytes *each)
{
    const uint8_t *at = key.len > 0 ? memchr(key.data, EACH_SEPARATOR, key.len) : NULL;
    struct bytes name = at ? bytes_of(key.data, (size_t)(at - key.data)) : key;
    *each = at ? bytes_of(at + 1, key.len - name.len - 1) : (struct bytes){0};
    *def = register_def_find(name);
    return *def != NULL;
}

bool settled_read(const struct document *document, const struct register_def *def, struct bytes each,
                  struct settled *out)
{
    const struct reading *reading = record_reading_of(document, def->id, each);
    if (!reading || reading->values != 1)
        return false;
    const struct write *write = &reading->writes[0];
    const struct item *item = (const struct item *)write->stamp; /* a stamp is the first of its item */
    *out = (struct settled){.by = write->by, .ms = (int64_t)hlc_ms(write->stamp->time)};
    out->value = value_text(write->value);
    out->agreed = item->type && (item->type->id == TYPE_conflict_settled || def->id == REG_linked);
    out->label = def->codes ? code_label(def->codes, out->value) : NULL;
    if (def->kind == KIND_EVENT || def->kind == KIND_PERSON)
        out->value = (struct bytes){0};
    return true;
}
