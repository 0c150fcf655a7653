/* SPDX-License-Identifier: Apache-2.0 */
/* What devices sign with; see authors.h. */
#include "daemon/log/authors.h"

#include <sodium.h>
#include <stdlib.h>

#include "proto/mp.h"

struct author {
    struct device_id device;
    struct sign_public sign;
};

/* A device's id is its key's: whoever says so of another key, be it the hub, is not believed. */
static bool is_of_key(const struct device_id *device, const struct sign_public *sign)
{
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, sign->b, sizeof sign->b, NULL, 0);
    return memcmp(hash, device->b, sizeof device->b) == 0;
}

static bool read_fields(struct bytes fields, struct author *out)
{
    bool has_device = false, has_key = false;
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, fields);
    uint32_t count = mp_next(&r) ? mp_map(&r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        struct bytes name = mp_str(&r, 0, EVENT_SIZE_MAX), text = {0};
        if (mp_peek(&r) == MP_STR)
            text = mp_str(&r, 0, EVENT_SIZE_MAX);
        else
            mp_skip(&r);
        if (bytes_is(name, "device"))
            has_device = hex_decode(text, out->device.b, sizeof out->device.b);
        else if (bytes_is(name, "key"))
            has_key = hex_decode(text, out->sign.b, sizeof out->sign.b);
    }
    return has_device && has_key && is_of_key(&out->device, &out->sign);
}

bool authors_learn(struct authors *authors, const struct event_body *body)
{
    struct author author;
    if (!bytes_is(body->type, "worker.joined") || !read_fields(body->fields, &author))
        return true;
    if (authors->count == authors->cap) {
        size_t cap = authors->cap ? 2 * authors->cap : 64;
        struct author *more = realloc(authors->all, cap * sizeof *more);
        if (more == NULL)
            return false;
        authors->all = more;
        authors->cap = cap;
    }
    authors->all[authors->count++] = author;
    return true;
}

bool authors_find(const struct authors *authors, const struct device_id *device, struct sign_public *out)
{
    for (size_t i = authors->count; i > 0; i--)
        if (device_id_equal(&authors->all[i - 1].device, device)) {
            *out = authors->all[i - 1].sign;
            return true;
        }
    return false;
}

void authors_release(struct authors *authors)
{
    free(authors->all);
    *authors = (struct authors){0};
}
