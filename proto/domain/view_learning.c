/* SPDX-License-Identifier: Apache-2.0 */
/* learning: what one person's record adds to what the team learns. Each row is a line of the view with this person's
 * share: how many, of how many, and the value whose median is told. The daemon adds them up; nobody is named. */
#include "proto/domain/view_community.h"
#include "proto/domain/view_goals.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

enum line {
    LINE_INTRODUCED, LINE_FIRST_CONTACT, LINE_BACK, LINE_CONNECTED, LINE_QUALITY, LINE_HELP, LINE_REQOL, LINE_COUNT
};
static const char *const words[LINE_COUNT] = {
    [LINE_INTRODUCED] = "introductions",
    [LINE_FIRST_CONTACT] = "met, and after how many days",
    [LINE_BACK] = "came back after a farewell",
    [LINE_CONNECTED] = "connections that happened",
    [LINE_QUALITY] = "asked twice, and change in DIALOG 1-8",
    [LINE_HELP] = "asked twice, and change in DIALOG 9-11",
    [LINE_REQOL] = "asked twice, and change in ReQoL",
};

/* `of` below 0: not told. */
static bool put_line(struct row_maker *maker, enum line line, int64_t count, int64_t of, bool has_value, int64_t value)
{
    row_begin(maker, VIEW_LEARNING);
    mp_put_text(&maker->cells, words[line]);
    mp_put_int(&maker->cells, count);
    put_time(&maker->cells, of >= 0, of);
    put_time(&maker->cells, has_value, value);
    return row_emit(maker, VIEW_LEARNING, (uint64_t)line, (uint32_t)line);
}

/* Two who wrote of one return without knowing of each other wrote of one. */
static int64_t count_returns(const struct document *document)
{
    const struct items returns = record_of(document, TYPE_support_returned);
    int64_t count = 0;
    for (size_t i = 0; i < returns.count; i++) {
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = !stamp_has_seen(&returns.at[i]->stamp, &returns.at[j]->stamp) &&
                    !stamp_has_seen(&returns.at[j]->stamp, &returns.at[i]->stamp);
        count += !again;
    }
    return count;
}

/* Days from the first introduction to the first meeting (one of the same day counts as none). */
static bool first_contact_days(const struct document *document, int64_t *days)
{
    const struct items introductions = record_of(document, TYPE_person_introduced);
    const struct items contacts = record_of(document, TYPE_contact_recorded);
    int64_t introduced = INT64_MAX, met = INT64_MAX;
    for (size_t i = 0; i < introductions.count; i++)
        if (item_ms(introductions.at[i]) < introduced)
            introduced = item_ms(introductions.at[i]);
    for (size_t i = 0; i < contacts.count; i++)
        if (item_is_meeting(document, contacts.at[i]) && item_corrected_ms(document, contacts.at[i]) < met)
            met = item_corrected_ms(document, contacts.at[i]);
    if (introduced == INT64_MAX || met == INT64_MAX)
        return false;
    int64_t passed = met / DAY_MS - introduced / DAY_MS;
    *days = passed > 0 ? passed : 0;
    return true;
}

struct connected {
    int64_t made, all;
};

static bool count_connection(void *context, const struct item *latest, bool made)
{
    struct connected *connected = context;
    (void)latest;
    connected->made += made;
    connected->all++;
    return true;
}

static bool put_measures(struct row_maker *maker)
{
    struct measures measures;
    struct dialog first, last;
    int64_t from, to;
    measures_of(maker->document, &measures);
    if (measures.first_dialog && dialog_of(measures.first_dialog, &first) && dialog_of(measures.last_dialog, &last)) {
        bool twice = measures.first_dialog != measures.last_dialog;
        if (!put_line(maker, LINE_QUALITY, twice, 1, twice, last.quality - first.quality) ||
            !put_line(maker, LINE_HELP, twice, 1, twice, last.help - first.help))
            return false;
    }
    if (measures.first_reqol && item_number(measures.first_reqol, "reqol", &from) &&
        item_number(measures.last_reqol, "reqol", &to)) {
        bool twice = measures.first_reqol != measures.last_reqol;
        return put_line(maker, LINE_REQOL, twice, 1, twice, (to - from) * 100);
    }
    return true;
}

bool rows_learning(struct row_maker *maker)
{
    const struct document *document = maker->document;
    struct connected connected = {0};
    int64_t days = 0;
    const int64_t introduced = (int64_t)record_of(document, TYPE_person_introduced).count;
    const int64_t back = count_returns(document);
    if (maker->state->moved)
        return true;
    if (introduced > 0) {
        bool met = first_contact_days(document, &days);
        if (!put_line(maker, LINE_INTRODUCED, introduced, -1, false, 0) ||
            !put_line(maker, LINE_FIRST_CONTACT, met, 1, met, days * 100))
            return false;
    }
    const bool left = back > 0 || record_of(document, TYPE_support_ended).count > 0;
    if (left && !put_line(maker, LINE_BACK, back > 0, 1, false, 0))
        return false;
    if (!connections_each(document, count_connection, &connected))
        return false;
    if (connected.all > 0 && !put_line(maker, LINE_CONNECTED, connected.made, connected.all, false, 0))
        return false;
    return put_measures(maker);
}
