/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the views of people: caseload, front-door, to-settle. */
#include "proto/domain/view_person.h"

void row_begin(struct row_maker *maker, enum view view)
{
    buffer_clear(&maker->cells);
    mp_put_array(&maker->cells, (uint32_t)view_of(view)->column_count);
}

bool row_emit(struct row_maker *maker, enum view view, uint64_t sort, uint32_t sub)
{
    struct view_row row = {.view = view, .sort = sort, .sub = sub, .cells = buffer_bytes(&maker->cells)};
    return !maker->cells.failed && maker->emit(maker->context, &row);
}

static void put_text(struct buffer *out, struct bytes text)
{
    if (text.len > 0)
        mp_put_str(out, text);
    else
        mp_put_nil(out);
}

static void put_who(struct row_maker *maker)
{
    put_register(&maker->cells, record_reading(maker->document, REG_known_as));
    mp_put_bin(&maker->cells, maker->subject->b, sizeof maker->subject->b);
}

/* ---- caseload: longest unseen first ---- */

bool rows_caseload(struct row_maker *maker)
{
    const struct person_state *state = maker->state;
    struct buffer *cells = &maker->cells;
    if (state->standing != STANDING_ACTIVE)
        return true;
    row_begin(maker, VIEW_CASELOAD);
    put_who(maker);
    put_register(cells, record_reading(maker->document, REG_keyworker));
    put_members(cells, maker->document, REG_team);
    if (state->met)
        mp_put_int(cells, state->last_contact);
    else
        mp_put_nil(cells);
    mp_put_nil(cells); /* next: no appointments yet */
    mp_put_uint(cells, state->to_settle);
    return row_emit(maker, VIEW_CASELOAD, state->unseen_since, 0);
}

/* ---- front-door: most urgent first, then who has waited longest ---- */

bool rows_front_door(struct row_maker *maker)
{
    const struct person_state *state = maker->state;
    struct buffer *cells = &maker->cells;
    if (state->standing != STANDING_WAITING)
        return true;
    row_begin(maker, VIEW_FRONT_DOOR);
    put_who(maker);
    put_text(cells, state->source);
    put_text(cells, state->own_words);
    put_text(cells, state->urgency);
    mp_put_int(cells, item_ms(state->introduced));
    if (state->acknowledged)
        mp_put_int(cells, item_ms(state->acknowledged));
    else
        mp_put_nil(cells);
    uint64_t rank = code_rank(&codes_urgency, state->urgency);
    return row_emit(maker, VIEW_FRONT_DOOR, rank << 56 | item_sort_ms(state->introduced), 0);
}

/* ---- to-settle: safety, sharing, the rest; oldest first ---- */

static void put_settle_row(struct row_maker *maker, const struct reading *reading)
{
    struct buffer *cells = &maker->cells;
    row_begin(maker, VIEW_TO_SETTLE);
    put_who(maker);
    mp_put_text(cells, reading->def->name);
    mp_put_array(cells, (uint32_t)reading->values);
    for (size_t i = 0; i < reading->values; i++)
        buffer_append(cells, reading->writes[i].value.data, reading->writes[i].value.len);
    mp_put_array(cells, (uint32_t)reading->values);
    for (size_t i = 0; i < reading->values; i++)
        mp_put_str(cells, reading->writes[i].by);
    mp_put_text(cells, reading->def->id == REG_support ? "ended while seen" : "written without knowing of each other");
}

bool rows_to_settle(struct row_maker *maker)
{
    size_t count;
    bool ok;
    const struct reading *readings = record_readings(maker->document, &count, &ok);
    for (size_t i = 0; i < count; i++) {
        const struct reading *reading = &readings[i];
        if (!reading->to_settle)
            continue;
        uint64_t since = 0; /* when the last of them was written, the disagreement began */
        for (size_t w = 0; w < reading->values; w++)
            if (reading->writes[w].stamp->time > since)
                since = reading->writes[w].stamp->time;
        put_settle_row(maker, reading);
        mp_put_uint(&maker->cells, since >> 16);
        if (!row_emit(maker, VIEW_TO_SETTLE, (uint64_t)reading->def->settle << 56 | since >> 16, (uint32_t)i))
            return false;
    }
    return ok;
}

/* ---- all of them ---- */

bool view_rows(const struct document *document, const struct person_id *subject, view_emit emit, void *context)
{
    static const make_rows of_person[] = {rows_caseload, rows_front_door, rows_to_settle};
    static const make_rows of_site[] = {rows_workers};
    struct row_maker maker = {.document = document, .subject = subject, .emit = emit, .context = context};
    struct person_state state;
    bool site = person_id_is_none(subject);
    size_t count = site ? sizeof of_site / sizeof of_site[0] : sizeof of_person / sizeof of_person[0];
    bool ok = site || person_state_of(document, &state);
    maker.state = site ? NULL : &state;
    for (size_t i = 0; ok && i < count; i++)
        ok = (site ? of_site : of_person)[i](&maker);
    buffer_release(&maker.cells);
    return ok;
}
