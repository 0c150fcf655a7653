/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes folding and searching. Up to the first line end stands a query, after it a text. Folding twice (what is UTF-8)
 * is folding once, and each folded byte comes from somewhere in the text; a text that matches has spans, in order and
 * apart, that hold words of the query; the line to show is as good UTF-8 as the text was. */
#include "tests/fuzz/fuzz.h"

#include "proto/domain/search.h"
#include "proto/domain/text_fold.h"

unsigned long fuzz_accepted;

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static const char *const seeds[] = {
        "tenancy\nTalked about the tenancy, and what to say to the landlord.",
        "zoe \"benefits form\" 한\nZoe\u0308 had the Benefits  form, Straße, 한국, \u1112\u1161\u11ab, مُحَ 👩\u200d👧",
        "a\na a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a",
        "\xff\xc3(\xe2\x80\n\xff \xc3( \xe2\x80 \xed\xa0\x80 \xf4\x90\x80\x80"};
    if (number >= sizeof seeds / sizeof *seeds)
        return false;
    buffer_append(out, seeds[number], strlen(seeds[number]));
    return true;
}

static void check_fold(struct bytes text)
{
    struct buffer once = {0}, twice = {0}, cased = {0}, recased = {0};
    uint32_t *offsets = malloc((text.len * TEXT_FOLD_GROWTH + 1) * sizeof *offsets);
    MUST(offsets);
    text_fold_mapped(text, &once, offsets);
    text_fold(buffer_bytes(&once), &twice);
    MUST(!utf8_valid(text) || bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    buffer_clear(&twice);
    text_fold(text, &twice);
    MUST(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    MUST(once.len <= text.len * TEXT_FOLD_GROWTH && offsets[once.len] == text.len);
    for (size_t i = 0; i < once.len; i++)
        MUST(offsets[i] <= offsets[i + 1] && offsets[i] < text.len);
    MUST(!utf8_valid(text) || utf8_valid(buffer_bytes(&once)));
    text_fold_case(text, &cased);
    text_fold_case(buffer_bytes(&cased), &recased);
    MUST(cased.len <= text.len * TEXT_FOLD_GROWTH);
    MUST(!utf8_valid(text) || bytes_equal(buffer_bytes(&cased), buffer_bytes(&recased)));
    buffer_clear(&twice);
    text_fold(buffer_bytes(&cased), &twice); /* what differs in case alone does not differ */
    MUST(!utf8_valid(text) || bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    free(offsets);
    buffer_release(&once);
    buffer_release(&twice);
    buffer_release(&cased);
    buffer_release(&recased);
}

static bool has_word(const struct search_query *query, struct bytes text)
{
    struct buffer folded = {0};
    bool found = false;
    text_fold(text, &folded);
    for (size_t i = 0; i < query->count && folded.len > 0; i++)
        found |= memmem(folded.data, folded.len, query->folded + query->words[i].at, query->words[i].len) != NULL;
    buffer_release(&folded);
    return found;
}

static void check_spans(const struct search_query *query, struct bytes text, bool matches)
{
    struct search_span spans[40];
    struct buffer scratch = {0}, line = {0};
    size_t count = search_spans(query, text, &scratch, spans, 40);
    MUST(!matches || count > 0);
    for (size_t i = 0; i < count; i++) {
        MUST(spans[i].begin < spans[i].end && spans[i].end <= text.len);
        MUST(i == 0 || spans[i - 1].end <= spans[i].begin);
        MUST(has_word(query, bytes_of(text.data + spans[i].begin, spans[i].end - spans[i].begin)));
    }
    search_line(query, text, 40, &scratch, &line);
    MUST(!utf8_valid(text) || utf8_valid(buffer_bytes(&line)));
    MUST(line.len <= text.len + 6);
    buffer_release(&scratch);
    buffer_release(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct search_query query;
    struct search_match match = {0};
    struct felloe_error error = {0};
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (!end)
        return 0;
    struct bytes words = bytes_of(data, (size_t)(end - data)), text = bytes_of(end + 1, size - words.len - 1);
    check_fold(text);
    check_fold(words);
    if (search_parse(&query, words, &error) != FELLOE_OK) {
        MUST(error.code == FELLOE_USAGE && error.message[0]);
        return 0;
    }
    MUST(query.count > 0 && query.count <= SEARCH_WORDS_MAX && query.folded_len <= sizeof query.folded);
    search_match_begin(&match);
    search_match_text(&match, &query, text, false);
    bool matches = search_match_whole(&match, &query);
    MUST(!matches || (match.own && match.best.data == text.data && search_match_score(&match, &query, 0) >= 200));
    check_spans(&query, text, match.own);
    search_match_release(&match);
    fuzz_accepted++;
    return 0;
}
