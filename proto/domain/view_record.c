/* SPDX-License-Identifier: Apache-2.0 */
/* What a person's record says now, register by register. */
#include "proto/domain/view_record.h"

#include "proto/domain/view_person.h"

/* In the order of reading. Of sets and of objections only what is in them. */
static const struct { enum register_id id; bool first_only; } shown[] = {
    {REG_sharing, true},         {REG_access_need, true},      {REG_safety_signs, false},
    {REG_safety_helps, false},   {REG_safety_people, false},   {REG_safety_services, false},
    {REG_aboutme, false},        {REG_plan_aims, false},       {REG_plan_steps, false},
    {REG_plan_support, false},   {REG_plan_community, false},  {REG_plan_setbacks, false},
    {REG_plan_review, false},    {REG_goal_text, false},       {REG_pause, true},
    {REG_shared, true},          {REG_home, false},
};

/* Is there anything to read in it? A goal has to be one that is worked on. */
static bool says_something(const struct document *document, const struct reading *reading, bool first_only)
{
    if (reading->values == 0 || (first_only && !reading_is_first(reading)))
        return false;
    if (reading->def->id == REG_goal_text) {
        const struct reading *status = record_reading_of(document, REG_goal_status, reading->each);
        return status && reading_is_first(status);
    }
    return reading_shown(reading) > 1 || reading_text(reading).len > 0;
}

static void put_entry(const struct document *document, const struct reading *reading, struct buffer *out)
{
    int64_t latest = INT64_MIN;
    bool before = true;
    for (size_t i = 0; i < reading_shown(reading); i++) {
        int64_t ms = item_ms(write_item(&reading->writes[i]));
        latest = ms > latest ? ms : latest;
        before = before && stamp_is_from_before(document, reading->writes[i].stamp);
    }
    mp_put_array(out, 6);
    mp_put_text(out, reading->def->name);
    mp_put_str_or_nil(out, reading->each);
    put_register(out, reading);
    mp_put_int(out, latest);
    mp_put_bool(out, before);
    mp_put_bool(out, reading->to_settle);
}

/* One pass counts, the next writes. */
static uint32_t put_entries(const struct document *document, struct buffer *out)
{
    uint32_t entries = 0;
    for (size_t s = 0; s < sizeof shown / sizeof shown[0]; s++) {
        size_t count;
        const struct reading *readings = readings_of(document, shown[s].id, &count);
        for (size_t i = 0; i < count; i++) {
            if (!says_something(document, &readings[i], shown[s].first_only))
                continue;
            entries++;
            if (out)
                put_entry(document, &readings[i], out);
        }
    }
    return entries;
}

uint32_t document_record(const struct document *document, struct buffer *out)
{
    if (!document_understood(document))
        out->failed = true;
    mp_put_text(out, "record");
    mp_put_array(out, put_entries(document, NULL));
    put_entries(document, out);
    return 1;
}
