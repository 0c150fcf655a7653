/* SPDX-License-Identifier: Apache-2.0 */
/* person.erased: its fields, written and read. */
#include "proto/domain/erasure.h"

#include <string.h>

#include "proto/mp.h"

#define KEY_SIZE sizeof(struct key_id)

void erasure_put(const struct erasure *erasure, struct buffer *fields)
{
    mp_put_map(fields, 2 + (erasure->keys.len > 0));
    mp_put_text(fields, "person");
    mp_put_bin(fields, erasure->person.b, sizeof erasure->person.b);
    mp_put_text(fields, "basis");
    mp_put_str(fields, erasure->basis);
    if (erasure->keys.len > 0) {
        mp_put_text(fields, "keys");
        mp_put_bin(fields, erasure->keys.data, erasure->keys.len);
    }
}

bool erasure_read(const struct event_body *body, struct erasure *out)
{
    struct mp_reader r MP_UNSET;
    *out = (struct erasure){0};
    if (!bytes_is(body->type, ERASURE_TYPE) || body->has_subject)
        return false;
    mp_reader_init(&r, body->fields);
    if (!mp_next(&r))
        return false;
    uint32_t pairs = mp_map(&r, MP_TAPE_MAX);
    for (uint32_t i = 0; i < pairs && !r.failed; i++) {
        struct bytes name = mp_str(&r, 0, EVENT_SIZE_MAX);
        if (bytes_is(name, "person")) {
            struct bytes person = mp_bin(&r, sizeof out->person.b, sizeof out->person.b);
            if (!r.failed)
                memcpy(out->person.b, person.data, sizeof out->person.b);
        } else if (bytes_is(name, "basis")) {
            out->basis = mp_str(&r, 0, EVENT_SIZE_MAX);
        } else if (bytes_is(name, "keys")) {
            out->keys = mp_bin(&r, 0, ERASURE_KEYS_MAX * KEY_SIZE);
        } else {
            mp_skip(&r); /* what a later version says of it */
        }
    }
    return mp_done(&r) && !person_id_is_none(&out->person) && out->keys.len % KEY_SIZE == 0;
}

size_t erasure_key_count(const struct erasure *erasure)
{
    return erasure->keys.len / KEY_SIZE;
}

struct key_id erasure_key(const struct erasure *erasure, size_t index)
{
    struct key_id id;
    memcpy(id.b, erasure->keys.data + index * KEY_SIZE, KEY_SIZE);
    return id;
}
