/* SPDX-License-Identifier: Apache-2.0 */
/* A query finds the entries that have all its words, the better ones first, and shows the line that has most of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/domain/search.h"

static struct search_query query_of(const char *text)
{
    struct search_query query;
    struct felloe_error error = {0};
    if (search_parse(&query, bytes_str(text), &error) != FELLOE_OK)
        fail_msg("%s: %s", text, error.message);
    return query;
}

/* How well an entry about `name` whose only text is `text` matches; 0: not. */
static uint32_t score(const char *words, const char *name, const char *text, int64_t days)
{
    const struct search_query query = query_of(words);
    struct search_match match = {0};
    search_match_begin(&match);
    search_match_about(&match, &query, bytes_str(name));
    search_match_text(&match, &query, bytes_str(text), false);
    uint32_t result = search_match_whole(&match, &query)
                          ? search_match_score(&match, &query, days * 24 * 3600 * 1000) : 0;
    search_match_release(&match);
    return result;
}

static void every_word_has_to_be_found(void **state)
{
    (void)state;
    assert_true(score("tenancy", "Jo", "talked about the tenancy", 0) > 0);
    assert_true(score("tenancy talk", "Jo", "talked about the tenancy", 0) > 0);
    assert_true(score("tenancy cat", "Jo", "talked about the tenancy", 0) == 0);
    assert_true(score("ZOE école", "", "l'École de Zoe\u0308", 0) > 0);
    assert_true(score("talked, tenancy.", "Jo", "talked about the tenancy", 0) > 0); /* as copied from somewhere */
}

static void the_name_helps_but_is_not_enough(void **state)
{
    (void)state;
    assert_true(score("jo tenancy", "Jo", "talked about the tenancy", 0) > 0);
    assert_true(score("jo", "Jo", "talked about the tenancy", 0) == 0);
    assert_true(score("jo", "Jo", "Jo talked about the tenancy", 0) > 0);
}

static void phrases_stand_together(void **state)
{
    (void)state;
    assert_true(score("\"benefits form\"", "", "the Benefits\n form is in", 0) > 0);
    assert_true(score("\"benefits form\"", "", "a form about benefits", 0) == 0);
    assert_true(score("benefits form", "", "a form about benefits", 0) > 0);
    assert_true(score("“benefits form” in", "", "the benefits form is in", 0) > 0);
    assert_true(score("5'10\"", "", "5'10\" tall", 0) > 0); /* a quote that is none */
}

static void whole_words_come_before_parts_of_words(void **state)
{
    (void)state;
    uint32_t whole = score("art", "", "went to art class", 5), beginning = score("art", "", "an artist", 5),
             inside = score("art", "", "a party", 5);
    assert_true(whole > beginning && beginning > inside && inside > 0);
    assert_int_equal(score("art", "", "a party, then art", 5), whole);
    assert_int_equal(score("école", "", "école", 5), score("ecole", "", "mon école!", 5));
    assert_true(score("art", "", "an artist", 0) > score("art", "", "an artist", 400));
    assert_true(score("art", "", "art", 4000) > score("art", "", "a party", 0));
}

/* {"name": "value" …} of an event of this type, matched. */
static struct search_match match_event(const struct search_query *query, const char *type, const char *const *pairs,
                                       struct buffer *fields)
{
    static struct mp_reader scratch;
    struct search_match match = {0};
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    buffer_clear(fields);
    mp_put_map(fields, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(fields, pairs[i]);
    const struct event_body body = {.type = bytes_str(type), .fields = buffer_bytes(fields)};
    search_match_begin(&match);
    search_match_event(&match, query, &scratch, &body);
    return match;
}

static void texts_of_an_event_are_searched_and_codes_are_not(void **state)
{
    (void)state;
    struct buffer fields = {0};
    const struct search_query jo = query_of("jo"), q1 = query_of("q1"), odd = query_of("odd");
    const char *const introduced[] = {"known_as", "Jo", "source", "Q1", "own_words", "Jo says: too loud", NULL};
    struct search_match match = match_event(&jo, "person.introduced", introduced, &fields);
    assert_true(search_match_whole(&match, &jo));
    assert_true(bytes_is(match.best, "Jo"));
    uint32_t named = search_match_score(&match, &jo, 0);
    search_match_release(&match);
    match = match_event(&jo, "note.added", (const char *[]){"text", "Jo", NULL}, &fields);
    assert_true(search_match_score(&match, &jo, 0) < named);
    search_match_release(&match);
    match = match_event(&q1, "person.introduced", introduced, &fields);
    assert_false(search_match_whole(&match, &q1));
    search_match_release(&match);
    match = match_event(&odd, "note.sung", (const char *[]){"words", "an odd song", NULL}, &fields);
    assert_true(search_match_whole(&match, &odd));
    search_match_release(&match);
    buffer_release(&fields);
}

static void spans_say_what_to_show_bold(void **state)
{
    (void)state;
    const struct search_query query = query_of("zoe ten");
    const char *text = "Zoe\u0308's tenancy; often Zoë";
    struct buffer scratch = {0};
    struct search_span spans[8];
    assert_int_equal(search_spans(&query, bytes_str(text), &scratch, spans, 8), 3);
    assert_int_equal(spans[0].begin, 0);
    assert_int_equal(spans[0].end, 5);
    assert_int_equal(spans[1].begin, 8);
    assert_int_equal(spans[1].end, 11); /* the beginning of a word: not what is within "often" */
    assert_int_equal(spans[2].end, strlen(text));
    assert_int_equal(search_spans(&query, bytes_str(text), &scratch, spans, 1), 1);
    buffer_release(&scratch);
}

static void assert_line(const char *words, const char *text, size_t characters, const char *expected)
{
    const struct search_query query = query_of(words);
    struct buffer scratch = {0}, line = {0};
    search_line(&query, bytes_str(text), characters, &scratch, &line);
    if (!bytes_is(buffer_bytes(&line), expected))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)line.len, (const char *)line.data, expected);
    buffer_release(&scratch);
    buffer_release(&line);
}

static void the_line_is_the_one_with_the_words(void **state)
{
    (void)state;
    assert_line("two", "one two three", 40, "one two three");
    assert_line("six", "one two three\nfour five six seven eight", 16, "…six seven eight");
    assert_line("six", "one two three four five six seven eight nine", 16, "…six seven eight…");
    assert_line("one", "one two three four five six", 12, "one two…");
    assert_line("nine", "one two three four five six seven eight nine", 12, "…nine");
    assert_line("b c", "b x x x x x x x x x x x x x x x x x x b and c", 12, "…x b and c");
    assert_line("ё", "ёёёёёёёёёёёёёёёё", 4, "ёёёё…"); /* no words to cut between */
    assert_line("b", "e\u0301e\u0301e\u0301e\u0301b", 3, "…b"); /* accents stay with their letter */
}

static void what_cannot_be_asked_is_said(void **state)
{
    (void)state;
    struct search_query query;
    struct felloe_error error = {0};
    char many[600];
    assert_int_equal(search_parse(&query, bytes_str(""), &error), FELLOE_USAGE);
    assert_int_equal(search_parse(&query, bytes_str("  \"\" \u0301 "), &error), FELLOE_USAGE);
    assert_int_equal(search_parse(&query, bytes_str("a b c d e f g h i j k l m n o p q"), &error), FELLOE_USAGE);
    assert_non_null(strstr(error.message, "16"));
    assert_int_equal(search_parse(&query, bytes_str("a a a b B"), &error), FELLOE_OK);
    assert_int_equal(query.count, 2);
    memset(many, 'x', sizeof many);
    assert_int_equal(search_parse(&query, bytes_of(many, sizeof many), &error), FELLOE_USAGE);
    assert_int_equal(search_parse(&query, bytes_of(many, SEARCH_BYTES_MAX), &error), FELLOE_OK);
    assert_int_equal(search_parse(&query, bytes_str("?"), &error), FELLOE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_has_to_be_found),
        cmocka_unit_test(the_name_helps_but_is_not_enough),
        cmocka_unit_test(phrases_stand_together),
        cmocka_unit_test(whole_words_come_before_parts_of_words),
        cmocka_unit_test(texts_of_an_event_are_searched_and_codes_are_not),
        cmocka_unit_test(spans_say_what_to_show_bold),
        cmocka_unit_test(the_line_is_the_one_with_the_words),
        cmocka_unit_test(what_cannot_be_asked_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
