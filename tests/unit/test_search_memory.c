/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out while something is searched: it is said, and nothing that is there counts as not found. */
#include "tests/unit/given_memory.h"

#include "proto/domain/search.h"
#include "proto/domain/text_fold.h"

static const char text[] = "Zoe\u0308 asked about the Benefits  form, and what else there is for the tenancy";

static bool fold(struct buffer *out)
{
    size_t before = out->len;
    text_fold(bytes_str(text), out);
    text_fold_case(bytes_str(text), out);
    return !out->failed && out->len > before;
}

static bool ask(struct buffer *out)
{
    struct search_query query;
    struct felloe_error error = {0};
    enum felloe_code code = search_parse(&query, bytes_str("zoe \"benefits form\""), &error);
    if (code == FELLOE_OK) {
        buffer_append(out, query.folded, query.folded_len);
        return !out->failed;
    }
    assert_int_equal(code, FELLOE_FAILED); /* not that there were no words */
    return false;
}

static bool match(struct buffer *out)
{
    struct search_query query;
    struct search_match match = {0};
    struct buffer scratch = {0}, line = {0};
    struct search_span spans[8];
    if (search_parse(&query, bytes_str("zoe form"), NULL) != FELLOE_OK)
        return false;
    search_match_begin(&match);
    search_match_about(&match, &query, bytes_str("Zoë"));
    search_match_text(&match, &query, bytes_str(text), false);
    bool ok = !match.folded.failed;
    size_t count = ok ? search_spans(&query, bytes_str(text), &scratch, spans, 8) : 0;
    if (ok && !scratch.failed)
        search_line(&query, bytes_str(text), 40, &scratch, &line);
    ok = ok && !scratch.failed && !line.failed;
    if (ok) {
        buffer_append_byte(out, search_match_whole(&match, &query));
        buffer_append(out, spans, count * sizeof *spans);
        buffer_append(out, line.data, line.len);
    }
    search_match_release(&match);
    buffer_release(&scratch);
    buffer_release(&line);
    return ok && !out->failed;
}

static void it_is_said(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"folding", NULL, fold, NULL}, {"asking", NULL, ask, NULL}, {"matching", NULL, match, NULL}};
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++)
        memory_runs_out_anywhere(&stories[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
