/* SPDX-License-Identifier: Apache-2.0 */
/* farewells: with whom support came to its end, how they can come back, and until when their record is kept. */
#include <stdio.h>

#include "proto/domain/view_settle.h"

/* Years on there may be no 29 February: then it is the day after. */
void retention_until(int64_t ended, uint32_t years, char out[RETENTION_DAY_SIZE])
{
    int year, month, day;
    moment_day(ended, &year, &month, &day);
    bool leap_day = month == 2 && day == 29;
    snprintf(out, RETENTION_DAY_SIZE, "%04d-%02d-%02d", (year + (int)years) % 10000, leap_day ? 3 : month,
             leap_day ? 1 : day);
}

const struct item *farewell_of(const struct document *document, char until[MOMENT_WORDS_MAX])
{
    const struct item *last = NULL;
    const struct items farewells = record_of(document, TYPE_support_ended);
    for (size_t i = 0; i < farewells.count; i++)
        if (!last || item_ms(farewells.at[i]) >= item_ms(last))
            last = farewells.at[i];
    if (last)
        retention_until(item_ms(last), RETENTION_YEARS, until);
    return last;
}

/* The latest first. */
bool rows_farewells(struct row_maker *maker)
{
    char until[MOMENT_WORDS_MAX];
    const struct item *farewell = farewell_of(maker->document, until);
    if (maker->state->standing != STANDING_ENDED || maker->state->moved || !farewell)
        return true;
    row_begin(maker, VIEW_FAREWELLS);
    put_who(maker);
    mp_put_int(&maker->cells, item_ms(farewell));
    mp_put_str_or_nil(&maker->cells, item_text(farewell, "reason"));
    mp_put_str_or_nil(&maker->cells, item_text(farewell, "way_back"));
    mp_put_text(&maker->cells, until);
    return row_emit(maker, VIEW_FAREWELLS, UINT64_MAX - item_sort_ms(farewell), 0);
}
