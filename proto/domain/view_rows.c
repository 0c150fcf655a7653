/* SPDX-License-Identifier: Apache-2.0 */
/* All rows of a document; those of caseload and front-door. */
#include "proto/domain/view_appointments.h"

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

void put_who(struct row_maker *maker)
{
    put_register(&maker->cells, record_reading(maker->document, REG_known_as));
    mp_put_bin(&maker->cells, maker->subject->b, sizeof maker->subject->b);
}

/* ---- caseload: longest unseen first ---- */

/* When each appointment is that stands. */
static bool put_next(struct row_maker *maker)
{
    struct appointments appointments;
    if (!appointments_of(maker->document, &appointments))
        return false;
    if (appointments.count > 0)
        mp_put_array(&maker->cells, (uint32_t)appointments.count);
    else
        mp_put_nil(&maker->cells);
    for (size_t i = 0; i < appointments.count; i++)
        mp_put_int(&maker->cells, appointments.at[i].when);
    appointments_release(&appointments);
    return true;
}

bool rows_caseload(struct row_maker *maker)
{
    const struct person_state *state = maker->state;
    struct buffer *cells = &maker->cells;
    if (state->standing != STANDING_ACTIVE || state->moved)
        return true;
    row_begin(maker, VIEW_CASELOAD);
    put_who(maker);
    put_register(cells, record_reading(maker->document, REG_keyworker));
    put_members(cells, maker->document, REG_team);
    put_time(cells, state->met, state->last_contact);
    if (!put_next(maker))
        return false;
    mp_put_uint(cells, state->to_settle);
    return row_emit(maker, VIEW_CASELOAD, state->unseen_since, 0);
}

/* ---- front-door: most urgent first, then who has waited longest ---- */

bool rows_front_door(struct row_maker *maker)
{
    const struct person_state *state = maker->state;
    struct buffer *cells = &maker->cells;
    int64_t limit;
    if (state->standing != STANDING_WAITING || state->moved)
        return true;
    row_begin(maker, VIEW_FRONT_DOOR);
    put_who(maker);
    mp_put_str_or_nil(cells, state->source);
    mp_put_str_or_nil(cells, state->own_words);
    mp_put_str_or_nil(cells, state->urgency);
    mp_put_int(cells, item_ms(state->introduced));
    if (urgency_limit(state->urgency, &limit))
        put_clock(cells, state->urgent_since, limit, state->answered, state->answered_at);
    else
        mp_put_nil(cells);
    put_time(cells, state->acknowledged, state->acknowledged ? item_ms(state->acknowledged) : 0);
    uint64_t rank = code_rank(&codes_urgency, state->urgency);
    return row_emit(maker, VIEW_FRONT_DOOR, rank << 56 | item_sort_ms(state->introduced), 0);
}

/* ---- all of them ---- */

bool view_rows(const struct document *document, const struct person_id *subject, view_emit emit, void *context)
{
    static const make_rows of_person[] = {rows_caseload, rows_front_door, rows_safety, rows_huddle, rows_day,
                                          rows_call, rows_goals, rows_connections, rows_learning, rows_to_settle,
                                          rows_farewells};
    static const make_rows of_site[] = {rows_workers, rows_sessions_of_day, rows_resources, rows_places, rows_worries,
                                        rows_to_settle};
    struct row_maker maker = {.document = document, .subject = subject, .emit = emit, .context = context};
    struct person_state state;
    bool site = person_id_is_none(subject);
    size_t count = site ? sizeof of_site / sizeof of_site[0] : sizeof of_person / sizeof of_person[0];
    bool ok = document_understood(document) && (site || person_state_of(document, &state));
    maker.state = site ? NULL : &state;
    for (size_t i = 0; ok && i < count; i++)
        ok = (site ? of_site : of_person)[i](&maker);
    buffer_release(&maker.cells);
    return ok;
}
