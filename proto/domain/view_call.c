/* SPDX-License-Identifier: Apache-2.0 */
/* before-you-call: what may not be shared and with whom, and how the person wants to be reached. Who objects to
 * something comes first. */
#include "proto/domain/view_person.h"

/* "housing: the plan", "housing: everything". */
static void sharing_words(struct bytes each, struct buffer *out)
{
    const uint8_t *at = each.len > 0 ? memchr(each.data, EACH_SEPARATOR, each.len) : NULL;
    struct bytes agency = at ? bytes_of(each.data, (size_t)(at - each.data)) : each;
    struct bytes category = at ? bytes_of(at + 1, each.len - agency.len - 1) : (struct bytes){0};
    const char *who = code_label(&codes_agency, agency), *what = code_label(&codes_category, category);
    buffer_clear(out);
    buffer_append(out, who ? who : (const char *)agency.data, who ? strlen(who) : agency.len);
    buffer_append(out, ": ", 2);
    buffer_append(out, what ? what : (const char *)category.data, what ? strlen(what) : category.len);
}

/* Returns how many objections there are. */
static uint32_t put_objections(struct row_maker *maker)
{
    struct texts objects = {0}, ask_again = {0};
    struct buffer words = {0};
    size_t count;
    const struct reading *readings = readings_of(maker->document, REG_sharing, &count);
    for (size_t i = 0; i < count; i++) {
        if (!reading_is_first(&readings[i]))
            continue;
        sharing_words(readings[i].each, &words);
        texts_add(&objects, buffer_bytes(&words));
        if (readings[i].to_settle) /* somebody heard the person allow it, and did not know of this */
            texts_add(&ask_again, buffer_bytes(&words));
    }
    const uint32_t objections = objects.count;
    texts_end(&objects, &maker->cells);
    texts_end(&ask_again, &maker->cells);
    maker->cells.failed = maker->cells.failed || words.failed;
    buffer_release(&words);
    return objections;
}

bool rows_call(struct row_maker *maker)
{
    static const char *const needs[] = {"format", "interpreter", "contact-method", "adjustment"};
    if (maker->state->moved || record_count(maker->document) == 0)
        return true;
    row_begin(maker, VIEW_BEFORE_YOU_CALL);
    put_who(maker);
    const uint32_t objections = put_objections(maker);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        put_access_needs(&maker->cells, maker->document, needs[i]);
    put_register(&maker->cells, record_reading(maker->document, REG_contact));
    put_register(&maker->cells, record_reading(maker->document, REG_pronouns));
    return row_emit(maker, VIEW_BEFORE_YOU_CALL, objections > 0 ? 0 : 1, 0);
}
