/* SPDX-License-Identifier: Apache-2.0 */
/* Small answers of a document that are not rows. */
#include "proto/domain/view_person.h"



bool document_understood(const struct document *document)
{
    size_t count;
    bool ok;
    record_readings(document, &count, &ok);
    return ok;
}

bool document_names(const struct document *document, name_visit visit, void *context)
{
    if (!document_understood(document))
        return false;
    const struct reading *known_as = record_reading(document, REG_known_as);
    for (size_t i = 0; known_as && i < known_as->values; i++) {
        struct bytes name = value_text(known_as->writes[i].value);
        if (name.len > 0)
            visit(context, name);
    }
    return true;
}

bool document_to_settle(const struct document *document, uint32_t *out)
{
    struct person_state state;
    bool ok = person_state_of(document, &state);
    *out = ok ? state.to_settle : 0;
    return ok;
}

uint32_t document_not_recognised(const struct document *document)
{
    uint32_t count = 0;
    for (size_t i = 0; i < record_count(document); i++)
        count += record_at(document, i)->unrecognised;
    return count;
}

bool document_current_episode(const struct document *document, struct bytes *episode)
{
    const struct reading *support = record_reading(document, REG_support);
    const struct write *opened = NULL;
    *episode = (struct bytes){0};
    for (size_t i = 0; support && i < support->count; i++) {
        const struct write *write = &support->writes[i];
        if (!write->witness && bytes_is(value_text(write->value), "active") &&
            (!opened || stamp_compare(write->stamp, opened->stamp) < 0))
            opened = write;
    }
    if (opened)
        *episode = record_episode(document, opened->stamp);
    return opened != NULL;
}
