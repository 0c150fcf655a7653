/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a document that are not rows. */
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

static uint32_t put_pair(struct buffer *out, const struct document *document, const char *name, enum register_id id)
{
    const struct reading *reading = record_reading(document, id);
    if (!reading)
        return 0;
    mp_put_text(out, name);
    put_register(out, reading);
    return 1;
}

uint32_t document_summary(const struct document *document, struct buffer *out)
{
    static const char *const standings[] = {
        [STANDING_WAITING] = "waiting", [STANDING_ACTIVE] = "active", [STANDING_ENDED] = "ended"};
    static const struct { const char *name; enum register_id id; } shown[] = {
        {"known_as", REG_known_as}, {"pronouns", REG_pronouns}, {"contact", REG_contact},
        {"date_of_birth", REG_date_of_birth}, {"nhs_number", REG_nhs_number}, {"key_workers", REG_keyworker}};
    struct person_state state;
    uint32_t pairs = 4;
    if (!person_state_of(document, &state))
        out->failed = true; /* and nothing more is written */
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        pairs += put_pair(out, document, shown[i].name, shown[i].id);
    mp_put_text(out, "team");
    put_members(out, document, REG_team);
    mp_put_text(out, "support");
    if (state.standing == STANDING_NOBODY)
        mp_put_nil(out);
    else
        mp_put_text(out, standings[state.standing]);
    mp_put_text(out, "to_settle");
    mp_put_uint(out, state.to_settle);
    mp_put_text(out, "not_recognised");
    mp_put_uint(out, document_not_recognised(document));
    return pairs;
}
