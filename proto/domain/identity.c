/* SPDX-License-Identifier: Apache-2.0 */
/* A person's identity, from the document to bytes and back. */
#include "proto/domain/identity.h"

#include "proto/domain/view_person.h"

/* ---- from the document ---- */

static void put_name(void *context, struct bytes name)
{
    mp_put_str(context, name);
}

static bool is_among(struct bytes text, const struct bytes *among, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(among[i], text))
            return true;
    return false;
}

/* Names that were written once and do not stand any more. */
static void put_other_names(const struct document *document, struct buffer *out)
{
    struct bytes known[2 * IDENTITY_VALUES_MAX];
    struct texts texts = {0};
    uint32_t count = 0, standing;
    const struct reading *known_as = record_reading(document, REG_known_as);
    for (size_t i = 0; known_as && i < known_as->values && count < IDENTITY_VALUES_MAX; i++)
        known[count++] = value_text(known_as->writes[i].value);
    standing = count;
    for (size_t i = record_count(document); i-- > 0 && count < standing + IDENTITY_VALUES_MAX;) {
        const struct item *item = record_at(document, i);
        struct bytes name = item_text(item, "known_as");
        if (name.len == 0 || !item_counts(document, item) || is_among(name, known, count))
            continue;
        texts_add(&texts, name);
        known[count++] = name;
    }
    texts_end(&texts, out);
}

static void put_values(const struct document *document, enum register_id id, struct buffer *out)
{
    struct texts texts = {0};
    const struct reading *reading = record_reading(document, id);
    for (size_t i = 0; reading && i < reading->values && texts.count < IDENTITY_VALUES_MAX; i++)
        texts_add(&texts, value_text(reading->writes[i].value));
    texts_end(&texts, out);
}

static void put_links(const struct document *document, struct buffer *out)
{
    struct person_id other;
    struct buffer links = {0};
    size_t count;
    uint32_t put = 0;
    const struct reading *readings = readings_of(document, REG_linked, &count);
    for (size_t i = 0; i < count && put < IDENTITY_LINKS_MAX; i++) {
        if (readings[i].values == 0 || !hex_decode(readings[i].each, other.b, sizeof other.b))
            continue;
        mp_put_array(&links, 2);
        mp_put_bin(&links, other.b, sizeof other.b);
        mp_put_str(&links, reading_text(&readings[i]));
        put++;
    }
    mp_put_array(out, put);
    buffer_append(out, links.data, links.len);
    out->failed = out->failed || links.failed;
    buffer_release(&links);
}

bool document_identity(const struct document *document, struct buffer *out)
{
    if (!document_names(document, put_name, out))
        return false;
    mp_put_array(out, 6);
    put_other_names(document, out);
    put_values(document, REG_date_of_birth, out);
    put_values(document, REG_nhs_number, out);
    put_values(document, REG_contact, out);
    put_links(document, out);
    mp_put_bool(out, person_has_moved(document));
    return !out->failed;
}

/* ---- and back ---- */

static void take_value(struct identity_values *values, struct bytes text)
{
    if (text.len > 0 && values->count < IDENTITY_VALUES_MAX)
        values->at[values->count++] = text;
}

static void take_values(struct mp_reader *r, struct identity_values *values)
{
    for (uint32_t i = mp_array(r, 0, MP_TAPE_MAX); i > 0; i--)
        take_value(values, mp_str(r, 0, EVENT_SIZE_MAX));
}

static void take_links(struct mp_reader *r, struct person_identity *out)
{
    for (uint32_t i = mp_array(r, 0, IDENTITY_LINKS_MAX); i > 0; i--) {
        struct identity_link link;
        mp_array(r, 2, 2);
        mp_fixed(r, link.other.b, sizeof link.other.b);
        link.linked = bytes_is(mp_str(r, 0, EVENT_SIZE_MAX), "linked");
        if (!r->failed)
            out->links[out->link_count++] = link;
    }
}

bool person_identity_read(struct bytes in, struct mp_reader *r, struct person_identity *out)
{
    out->names.count = out->births.count = out->nhs_numbers.count = out->contacts.count = out->link_count = 0;
    mp_reader_init(r, in);
    while (mp_next(r) && mp_peek(r) == MP_STR)
        take_value(&out->names, mp_str(r, 0, EVENT_SIZE_MAX));
    mp_array(r, 6, 6);
    take_values(r, &out->names);
    take_values(r, &out->births);
    take_values(r, &out->nhs_numbers);
    take_values(r, &out->contacts);
    take_links(r, out);
    out->moved = mp_bool(r);
    return mp_done(r);
}
