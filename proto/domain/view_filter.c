/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of views; see view_filter.h. */
#include "proto/domain/view_filter.h"

#include <stdio.h>

#include "proto/domain/text_fold.h"

static bool holds_workers(const struct column_def *column)
{
    return column->kind == CELL_WORKER || column->kind == CELL_WORKERS ||
           (column->kind == CELL_TEXT && strcmp(column->name, "worker") == 0);
}

static bool holds_time(const struct column_def *column)
{
    return column->kind == CELL_TIME || column->kind == CELL_SINCE;
}

static bool is_named(const struct column_def *column, const char *name)
{
    return strcmp(column->name, name) == 0;
}

static bool holds_person(const struct column_def *column)
{
    return column->kind == CELL_PERSON;
}

static bool holds_urgency(const struct column_def *column)
{
    return column->kind == CELL_CODE && is_named(column, "urgency");
}

static bool has_column(const struct view_def *view, bool (*holds)(const struct column_def *))
{
    for (size_t i = 0; i < view->column_count; i++)
        if (holds(&view->columns[i]))
            return true;
    return false;
}

static bool has_team(const struct view_def *view)
{
    for (size_t i = 0; i < view->column_count; i++)
        if (holds_workers(&view->columns[i]) && is_named(&view->columns[i], "team"))
            return true;
    return false;
}

static enum felloe_code refuse(const struct view_def *view, const char *filter, struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_USAGE, "The rows of %s cannot be chosen by %s: they do not say it.", view->name,
                       filter);
}

/* By its code, or its label in whatever case. */
static enum felloe_code understand_urgency(struct view_filter *filter, struct felloe_error *error)
{
    char list[200];
    size_t len = 0;
    for (size_t i = 0; i < codes_urgency.count; i++) {
        const struct code *code = &codes_urgency.codes[i];
        if (bytes_is(filter->urgency, code->code) || text_fold_equal(filter->urgency, bytes_str(code->label))) {
            filter->urgency = bytes_str(code->code);
            return FELLOE_OK;
        }
        if (len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s %s", i > 0 ? ", " : "", code->code,
                                    code->label);
    }
    return felloe_fail(error, FELLOE_INVALID, "urgency must be one of: %s.", list);
}

enum felloe_code view_filter_check(const struct view_def *view, struct view_filter *filter, struct felloe_error *error)
{
    if (filter->worker.len > 0 && !has_column(view, holds_workers))
        return refuse(view, "worker", error);
    if (filter->by_team && !has_column(view, holds_workers))
        return refuse(view, "team", error);
    if (filter->people_count > 0 && !has_column(view, holds_person))
        return refuse(view, "person", error);
    if (filter->has_since && !has_column(view, holds_time))
        return refuse(view, "time", error);
    if (filter->urgency.len == 0)
        return FELLOE_OK;
    return has_column(view, holds_urgency) ? understand_urgency(filter, error) : refuse(view, "urgency", error);
}

/* What a row was found to have. */
struct found {
    bool worker, team, person, since, urgency;
};

static bool is_one_of(struct bytes worker, const struct view_filter *filter)
{
    for (size_t i = 0; i < filter->team_count; i++)
        if (bytes_equal(worker, filter->team[i]))
            return true;
    return false;
}

static void look_at_worker(const struct view_filter *filter, bool counts_for_team, struct mp_reader *r,
                           struct found *found)
{
    if (mp_peek(r) != MP_STR) {
        mp_skip(r);
        return;
    }
    struct bytes worker = mp_str(r, 0, EVENT_SIZE_MAX);
    found->worker |= bytes_equal(worker, filter->worker);
    found->team |= counts_for_team && is_one_of(worker, filter);
}

static void look_at_workers(const struct view_filter *filter, bool counts_for_team, struct mp_reader *r,
                            struct found *found)
{
    if (mp_peek(r) != MP_ARRAY) {
        look_at_worker(filter, counts_for_team, r, found);
        return;
    }
    uint32_t count = mp_array(r, 0, MP_TAPE_MAX);
    for (uint32_t i = 0; i < count && !r->failed; i++)
        look_at_worker(filter, counts_for_team, r, found);
}

static void look_at_person(const struct view_filter *filter, struct mp_reader *r, struct found *found)
{
    struct person_id id;
    if (mp_peek(r) != MP_BIN) {
        mp_skip(r);
        return;
    }
    struct bytes raw = mp_bin(r, 0, EVENT_SIZE_MAX);
    if (raw.len != sizeof id.b)
        return;
    memcpy(id.b, raw.data, sizeof id.b);
    for (size_t i = 0; i < filter->people_count; i++)
        found->person |= person_id_equal(&id, &filter->people[i]);
}

/* What is to settle between two records names the second one in its key. */
static void look_at_key(const struct view_filter *filter, struct mp_reader *r, struct found *found)
{
    char hex[2 * sizeof(struct person_id) + 1];
    if (mp_peek(r) != MP_STR) {
        mp_skip(r);
        return;
    }
    struct bytes key = mp_str(r, 0, EVENT_SIZE_MAX);
    for (size_t i = 0; i < filter->people_count && key.len > sizeof hex - 1; i++) {
        hex_encode(bytes_of(filter->people[i].b, sizeof filter->people[i].b), hex);
        found->person |= memcmp(key.data + key.len - (sizeof hex - 1), hex, sizeof hex - 1) == 0;
    }
}

static void look_at_time(const struct view_filter *filter, struct mp_reader *r, struct found *found)
{
    enum mp_type type = mp_peek(r);
    if (type == MP_UINT || type == MP_INT)
        found->since |= mp_int(r, INT64_MIN, INT64_MAX) >= filter->since;
    else
        mp_skip(r);
}

static void look_at_urgency(const struct view_filter *filter, struct mp_reader *r, struct found *found)
{
    if (mp_peek(r) == MP_STR)
        found->urgency |= bytes_equal(mp_str(r, 0, EVENT_SIZE_MAX), filter->urgency);
    else
        mp_skip(r);
}

bool view_filter_is_empty(const struct view_filter *filter)
{
    return filter->worker.len == 0 && !filter->by_team && filter->people_count == 0 && !filter->has_since &&
           filter->urgency.len == 0;
}

bool view_filter_passes(const struct view_def *view, const struct view_filter *filter, struct bytes cells,
                        struct mp_reader *r)
{
    bool by_worker = filter->worker.len > 0, by_person = filter->people_count > 0, by_urgency = filter->urgency.len > 0;
    if (view_filter_is_empty(filter))
        return true;
    struct found found = {0};
    bool team_column = has_team(view);
    mp_reader_init(r, cells);
    if (!mp_next(r))
        return false;
    uint32_t count = mp_array(r, 0, MP_TAPE_MAX);
    for (uint32_t i = 0; i < count && i < view->column_count && !r->failed; i++) {
        const struct column_def *column = &view->columns[i];
        if (holds_workers(column))
            look_at_workers(filter, !team_column || is_named(column, "team"), r, &found);
        else if (holds_person(column))
            look_at_person(filter, r, &found);
        else if (view->view == VIEW_TO_SETTLE && i == SETTLE_KEY)
            look_at_key(filter, r, &found);
        else if (holds_time(column))
            look_at_time(filter, r, &found);
        else if (holds_urgency(column))
            look_at_urgency(filter, r, &found);
        else
            mp_skip(r);
    }
    return !r->failed && (!by_worker || found.worker) && (!filter->by_team || found.team) &&
           (!by_person || found.person) && (!filter->has_since || found.since) && (!by_urgency || found.urgency);
}
