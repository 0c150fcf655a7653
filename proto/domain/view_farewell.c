/* SPDX-License-Identifier: Apache-2.0 */
/* farewells: with whom support came to its end, how they can come back, and until when their record is kept. */
#include "proto/domain/view_settle.h"

#define RETENTION_YEARS 20

/* Twenty years on. */
static void retention_date(int64_t ended, char out[MOMENT_WORDS_MAX])
{
    int year = 0;
    moment_words(ended, out);
    for (size_t i = 0; i < 4; i++)
        year = year * 10 + (out[i] - '0');
    year += RETENTION_YEARS;
    for (size_t i = 4; i-- > 0; year /= 10)
        out[i] = (char)('0' + year % 10);
    if (memcmp(out + 4, "-02-29", 6) == 0) /* then there may be none */
        memcpy(out + 4, "-03-01", 6);
    out[strlen("2026-12-01")] = '\0';
}

const struct item *farewell_of(const struct document *document, char until[MOMENT_WORDS_MAX])
{
    const struct item *last = NULL;
    const struct items farewells = record_of(document, TYPE_support_ended);
    for (size_t i = 0; i < farewells.count; i++)
        if (!last || item_ms(farewells.at[i]) >= item_ms(last))
            last = farewells.at[i];
    if (last)
        retention_date(item_ms(last), until);
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
    put_text(&maker->cells, item_text(farewell, "reason"));
    put_text(&maker->cells, item_text(farewell, "way_back"));
    mp_put_text(&maker->cells, until);
    return row_emit(maker, VIEW_FAREWELLS, UINT64_MAX - item_sort_ms(farewell), 0);
}
