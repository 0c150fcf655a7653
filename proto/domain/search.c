/* SPDX-License-Identifier: Apache-2.0 */
/* Searching: a query of folded words, how well an entry matches, and the line to show of it. */
#include "proto/domain/search.h"

#include <stdlib.h>

#include "proto/domain/text_fold.h"

/* How well a word can be found, and how much better in a name. */
#define FOUND_INSIDE 1
#define FOUND_BEGINNING 2
#define FOUND_WHOLE 3
#define FOUND_NAME 3 /* on top */

#define SPANS_MAX 64

/* ---- the query ---- */

static struct bytes word_of(const struct search_query *query, size_t index)
{
    return bytes_of(query->folded + query->words[index].at, query->words[index].len);
}

static bool is_word_at(struct bytes text, size_t at)
{
    uint32_t c;
    if (at >= text.len)
        return false;
    text_character(bytes_of(text.data + at, text.len - at), &c);
    return text_is_word(c);
}

/* Is what ends before `at` part of a word? */
static bool is_word_before(struct bytes text, size_t at)
{
    if (at == 0)
        return false;
    size_t begin = at - 1;
    while (begin > 0 && at - begin < 4 && (text.data[begin] & 0xc0) == 0x80)
        begin--;
    return is_word_at(text, begin);
}

static bool add_word(struct search_query *query, struct bytes word)
{
    while (word.len > 0 && word.data[0] == ' ')
        word.data++, word.len--;
    while (word.len > 0 && word.data[word.len - 1] == ' ')
        word.len--;
    for (size_t i = 0; i < query->count; i++)
        if (bytes_equal(word_of(query, i), word))
            return true;
    if (word.len == 0)
        return true;
    if (query->count == SEARCH_WORDS_MAX)
        return false;
    memcpy(query->folded + query->folded_len, word.data, word.len);
    query->words[query->count].at = (uint16_t)query->folded_len;
    query->words[query->count].len = (uint16_t)word.len;
    query->words[query->count].starts = is_word_at(word, 0);
    query->words[query->count++].ends = is_word_before(word, word.len);
    query->folded_len += word.len;
    return true;
}

/* A comma or a full stop that was copied along is not looked for; a word of nothing else is. */
static struct bytes without_stops(struct bytes word)
{
    static const char stops[] = ",.;:!?()";
    struct bytes bare = word;
    while (bare.len > 0 && strchr(stops, bare.data[bare.len - 1]))
        bare.len--;
    while (bare.len > 0 && strchr(stops, bare.data[0]))
        bare.data++, bare.len--;
    return bare.len > 0 ? bare : word;
}

static bool add_words(struct search_query *query, struct bytes folded)
{
    for (size_t at = 0; at < folded.len;) {
        const uint8_t *from = folded.data + at, *to;
        bool phrase = *from == '"' && memchr(from + 1, '"', folded.len - at - 1);
        size_t len = folded.len - at;
        if (phrase)
            from++, len--;
        to = memchr(from, phrase ? '"' : ' ', len);
        if (to)
            len = (size_t)(to - from);
        struct bytes word = bytes_of(from, len);
        if (!add_word(query, phrase ? word : without_stops(word)))
            return false;
        at = (size_t)(from - folded.data) + len + 1;
    }
    return true;
}

enum felloe_code search_parse(struct search_query *out, struct bytes text, struct felloe_error *error)
{
    struct buffer folded = {0};
    out->count = out->folded_len = 0;
    if (text.len > SEARCH_BYTES_MAX)
        return felloe_fail(error, FELLOE_USAGE, "That is too much to look for: give up to %d words.", SEARCH_WORDS_MAX);
    text_fold(text, &folded);
    bool failed = folded.failed, all = add_words(out, buffer_bytes(&folded));
    buffer_release(&folded);
    if (failed)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    if (!all)
        return felloe_fail(error, FELLOE_USAGE, "That is too much to look for: give up to %d words.", SEARCH_WORDS_MAX);
    if (out->count == 0)
        return felloe_fail(error, FELLOE_USAGE, "Say what to look for: one word or several.");
    return FELLOE_OK;
}

/* ---- matching ---- */

void search_match_release(struct search_match *match)
{
    buffer_release(&match->folded);
    *match = (struct search_match){0};
}

void search_match_begin(struct search_match *match)
{
    memset(match->found, 0, sizeof match->found);
    match->own = false;
    match->best = (struct bytes){0};
    match->best_score = 0;
}

static size_t find(struct bytes text, size_t from, struct bytes word)
{
    if (from >= text.len)
        return SIZE_MAX;
    const uint8_t *at = memmem(text.data + from, text.len - from, word.data, word.len);
    return at ? (size_t)(at - text.data) : SIZE_MAX;
}

static uint8_t quality_at(const struct search_query *query, size_t index, struct bytes folded, size_t at)
{
    if (query->words[index].starts && is_word_before(folded, at))
        return FOUND_INSIDE;
    bool ends = !query->words[index].ends || !is_word_at(folded, at + query->words[index].len);
    return ends ? FOUND_WHOLE : FOUND_BEGINNING;
}

static uint8_t best_quality(const struct search_query *query, size_t index, struct bytes folded)
{
    struct bytes word = word_of(query, index);
    uint8_t best = 0;
    size_t at = find(folded, 0, word);
    for (int looks = 0; at != SIZE_MAX && best < FOUND_WHOLE && looks < SPANS_MAX; looks++) {
        uint8_t quality = quality_at(query, index, folded, at);
        best = quality > best ? quality : best;
        at = find(folded, at + 1, word);
    }
    return best;
}

static void match_text(struct search_match *match, const struct search_query *query, struct bytes text, uint8_t more,
                       bool own)
{
    uint32_t score = 0;
    buffer_clear(&match->folded);
    text_fold(text, &match->folded);
    for (size_t i = 0; i < query->count; i++) {
        uint8_t quality = best_quality(query, i, buffer_bytes(&match->folded));
        if (quality == 0)
            continue;
        quality = (uint8_t)(quality + more);
        score += 16 + quality; /* many words in one text before one that is whole */
        if (quality > match->found[i])
            match->found[i] = quality;
    }
    match->own |= own && score > 0;
    if (own && score > match->best_score) {
        match->best = text;
        match->best_score = score;
    }
}

void search_match_about(struct search_match *match, const struct search_query *query, struct bytes name)
{
    match_text(match, query, name, 0, false);
}

void search_match_text(struct search_match *match, const struct search_query *query, struct bytes text, bool name)
{
    match_text(match, query, text, name ? FOUND_NAME : 0, true);
}

/* ---- an event's texts ---- */

static bool is_searched(const struct field_def *field)
{
    return !field || field->kind == KIND_TEXT || field->kind == KIND_NHS || field->kind == KIND_VALUE;
}

static bool is_name(const struct field_def *field)
{
    return field && (strcmp(field->name, "known_as") == 0 || strcmp(field->name, "name") == 0);
}

static void match_value(struct search_match *match, const struct search_query *query, struct mp_reader *r,
                        const struct field_def *field)
{
    if (!is_searched(field) || (mp_peek(r) != MP_STR && mp_peek(r) != MP_ARRAY)) {
        mp_skip(r);
        return;
    }
    uint32_t count = mp_peek(r) == MP_ARRAY ? mp_array(r, 0, MP_TAPE_MAX) : 1;
    for (uint32_t i = 0; i < count; i++)
        if (mp_peek(r) == MP_STR)
            search_match_text(match, query, mp_str(r, 0, EVENT_SIZE_MAX), is_name(field));
        else
            mp_skip(r);
}

void search_match_event(struct search_match *match, const struct search_query *query, struct mp_reader *scratch,
                        const struct event_body *body)
{
    const struct type_def *type = catalogue_find(body->type);
    mp_reader_init(scratch, body->fields);
    if (!mp_next(scratch))
        return;
    uint32_t count = mp_map(scratch, MP_TAPE_MAX);
    for (uint32_t i = 0; i < count && !scratch->failed; i++) {
        struct bytes name = mp_str(scratch, 0, EVENT_SIZE_MAX);
        match_value(match, query, scratch, type ? catalogue_field(type, name) : NULL);
    }
}

bool search_match_whole(const struct search_match *match, const struct search_query *query)
{
    if (!match->own)
        return false;
    for (size_t i = 0; i < query->count; i++)
        if (match->found[i] == 0)
            return false;
    return true;
}

uint32_t search_match_score(const struct search_match *match, const struct search_query *query, int64_t age_ms)
{
    const int64_t month = (int64_t)30 * 24 * 3600 * 1000;
    uint32_t found = 0;
    for (size_t i = 0; i < query->count; i++)
        found += match->found[i];
    int64_t age = age_ms > 0 ? age_ms : 0;
    uint32_t recent = (uint32_t)(100 * month / (month + (age < month * 1000 ? age : month * 1000)));
    return found * 100 / (uint32_t)query->count + recent;
}

/* ---- what to show ---- */

static int compare_spans(const void *a, const void *b)
{
    const struct search_span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* In order, and one in the place of those that overlap. */
static size_t tidy_spans(struct search_span *spans, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(spans, count, sizeof *spans, compare_spans);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || spans[i].begin >= spans[kept - 1].end)
            spans[kept++] = spans[i];
        else if (spans[i].end > spans[kept - 1].end)
            spans[kept - 1].end = spans[i].end;
    }
    return kept;
}

/* All places of the best quality that a word has in this text: "art" is not shown within "party" where it stands
 * alone, too. */
static void span_word(const struct search_query *query, size_t index, struct bytes folded, const uint32_t *offsets,
                      struct search_span *out, size_t *count, size_t max)
{
    struct bytes word = word_of(query, index);
    uint8_t best = best_quality(query, index, folded);
    for (size_t at = find(folded, 0, word); at != SIZE_MAX && *count < max; at = find(folded, at + word.len, word)) {
        if (quality_at(query, index, folded, at) < best)
            continue;
        size_t end = at + word.len;
        while (end < folded.len && offsets[end] == offsets[end - 1]) /* of a character, all of it */
            end++;
        out[(*count)++] = (struct search_span){offsets[at], offsets[end]};
    }
}

size_t search_spans(const struct search_query *query, struct bytes text, struct buffer *scratch,
                    struct search_span *out, size_t max)
{
    size_t count = 0;
    uint32_t *offsets = malloc((text.len * TEXT_FOLD_GROWTH + 1) * sizeof *offsets);
    buffer_clear(scratch);
    if (!offsets)
        scratch->failed = true;
    else
        text_fold_mapped(text, scratch, offsets);
    for (size_t i = 0; i < query->count && !scratch->failed; i++)
        span_word(query, i, buffer_bytes(scratch), offsets, out, &count, max);
    free(offsets);
    return scratch->failed ? 0 : tidy_spans(out, count);
}

/* Steps from one character to the next, with the marks that belong to it. */
static size_t step(struct bytes text, size_t at)
{
    uint32_t c = 0;
    bool joined = false;
    at += text_character(bytes_of(text.data + at, text.len - at), &c);
    while (at < text.len) {
        size_t len = text_character(bytes_of(text.data + at, text.len - at), &c);
        if (!text_is_mark(c) && !joined)
            break;
        joined = c == 0x200d;
        at += len;
    }
    return at;
}

static size_t count_characters(struct bytes text, size_t from, size_t to)
{
    size_t count = 0;
    for (size_t at = from; at < to; at = step(text, at))
        count++;
    return count;
}

/* From which span on so many bytes have most spans. */
static size_t densest(const struct search_span *spans, size_t count, size_t bytes)
{
    size_t best = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t last = i;
        while (last + 1 < count && spans[last + 1].end - spans[i].begin <= bytes)
            last++;
        if (last - i + 1 > most) {
            most = last - i + 1;
            best = i;
        }
    }
    return best;
}

/* Where a line begins so that about `before` characters stand before `at`: at the beginning of a word where one is
 * near. */
static size_t line_begin(struct bytes text, size_t at, size_t before)
{
    size_t begin = 0, ahead = count_characters(text, 0, at);
    for (size_t i = before; i < ahead; i++)
        begin = step(text, begin);
    for (size_t next = begin > 0 ? begin - 1 : at; next < at; next++)
        if (text.data[next] == ' ' || text.data[next] == '\n')
            return next + 1;
    return begin;
}

static size_t line_end(struct bytes text, size_t begin, size_t least, size_t characters)
{
    size_t end = begin, space = 0;
    for (size_t i = 0; i < characters && end < text.len; i++) {
        if (text.data[end] == ' ' || text.data[end] == '\n')
            space = end;
        end = step(text, end);
    }
    return end < text.len && space > least ? space : end;
}

void search_line(const struct search_query *query, struct bytes text, size_t characters, struct buffer *scratch,
                 struct buffer *out)
{
    static const char cut[] = "…";
    struct search_span spans[SPANS_MAX];
    size_t count = search_spans(query, text, scratch, spans, SPANS_MAX), begin = 0;
    out->failed |= scratch->failed;
    struct search_span first = {0};
    if (count > 0)
        first = spans[densest(spans, count, characters * 2 / 3)];
    if (count_characters(text, 0, text.len) > characters)
        begin = line_begin(text, first.begin, characters / 4);
    size_t end = line_end(text, begin, first.end, characters);
    if (begin > 0)
        buffer_append(out, cut, sizeof cut - 1);
    for (size_t at = begin; at < end; at++)
        buffer_append_byte(out, text.data[at] < ' ' ? ' ' : text.data[at]);
    if (end < text.len)
        buffer_append(out, cut, sizeof cut - 1);
}

/* ---- the answer's rows ---- */

static const struct column_def columns[SEARCH_COLUMNS] = {
    [SEARCH_PERSON] = {.name = "person", .label = "person", .kind = CELL_TEXTS},
    [SEARCH_ID] = {.name = "id", .label = "id", .kind = CELL_PERSON},
    [SEARCH_WHEN] = {.name = "when", .label = "when", .kind = CELL_TIME},
    [SEARCH_RECORDED] = {.name = "recorded", .label = "recorded", .kind = CELL_TIME},
    [SEARCH_WHO] = {.name = "who", .label = "who", .kind = CELL_WORKER},
    [SEARCH_TYPE] = {.name = "type", .label = "what", .kind = CELL_CODE, .codes = &codes_type},
    [SEARCH_LINE_OF] = {.name = "line", .label = "in words", .kind = CELL_TEXT},
    [SEARCH_STRUCK] = {.name = "struck", .label = "struck", .kind = CELL_TEXT},
    [SEARCH_SITE] = {.name = "site", .label = "site", .kind = CELL_TEXT},
    [SEARCH_ENTRY] = {.name = "entry", .label = "entry", .kind = CELL_EVENT},
    [SEARCH_SCORE] = {.name = "score", .label = "score", .kind = CELL_NUMBER},
};

const struct view_def search_view = {.name = "search", .title = "What was said of it?",
                                     .empty = "Nothing that this device can read says so.", .columns = columns,
                                     .column_count = SEARCH_COLUMNS};
