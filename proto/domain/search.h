/* SPDX-License-Identifier: Apache-2.0 */
/* Searching words in what was recorded: pure. A query is words, each of which has to be found, and phrases between
 * double quotes; text and query are compared as text_fold has them. An entry has texts of its own (its fields) and is
 * about somebody: the person's names help a word to be found, but an entry of which nothing else matches is none. */
#ifndef FELLOE_PROTO_SEARCH_H
#define FELLOE_PROTO_SEARCH_H

#include "proto/domain/view.h"

#define SEARCH_WORDS_MAX 16
#define SEARCH_BYTES_MAX 480 /* of a query as people type it */
/* The line around a match, in characters. */
#define SEARCH_LINE 160

struct search_query {
    size_t count;
    struct {
        uint16_t at, len; /* in `folded` */
        bool starts, ends; /* its first and last character is of the kind that words are made of */
    } words[SEARCH_WORDS_MAX];
    size_t folded_len;
    uint8_t folded[SEARCH_BYTES_MAX * 3];
};
/* FELLOE_USAGE: no word in it, too many, or too long. FELLOE_FAILED: memory ran out. */
enum felloe_code search_parse(struct search_query *out, struct bytes text, struct felloe_error *error);

/* How well one entry matches. Starts as {0}; its memory is kept from entry to entry. */
struct search_match {
    uint8_t found[SEARCH_WORDS_MAX]; /* how well, by word: 0 not at all */
    bool own;                        /* a text of the entry itself was among them */
    struct bytes best;               /* the entry's text that matches best: borrowed */
    uint32_t best_score;
    struct buffer folded;            /* failed: memory ran out */
};
void search_match_release(struct search_match *match);
void search_match_begin(struct search_match *match);
/* What the entry is about: the person's names. */
void search_match_about(struct search_match *match, const struct search_query *query, struct bytes name);
/* A text of the entry. `name`: what somebody or something is called counts for more. */
void search_match_text(struct search_match *match, const struct search_query *query, struct bytes text, bool name);
/* All texts of an event's fields. Codes, ids, dates and the like are none; of what this version does not know, all. */
void search_match_event(struct search_match *match, const struct search_query *query, struct mp_reader *scratch,
                        const struct event_body *body);
/* Every word is found, one of them in the entry itself. */
bool search_match_whole(const struct search_match *match, const struct search_query *query);
/* How well, and how recent: whole words before beginnings before the inside of words, names before all else; age counts
 * for as much as that difference, at most. Higher is better. */
uint32_t search_match_score(const struct search_match *match, const struct search_query *query, int64_t age_ms);

/* Where words of the query are in a text, in bytes; ascending, and none within another. */
struct search_span {
    uint32_t begin, end;
};
/* Returns how many. `scratch` is cleared first. */
size_t search_spans(const struct search_query *query, struct bytes text, struct buffer *scratch,
                    struct search_span *out, size_t max);
/* The part of the text with most of the words, as one line of up to about `characters`, begun and ended with … where
 * it was cut. Appended to `out`. */
void search_line(const struct search_query *query, struct bytes text, size_t characters, struct buffer *scratch,
                 struct buffer *out);

/* What an answer's rows consist of; the table that daemon and client share. */
enum search_column {
    SEARCH_PERSON, SEARCH_ID, SEARCH_WHEN, SEARCH_RECORDED, SEARCH_WHO, SEARCH_TYPE, SEARCH_LINE_OF, SEARCH_STRUCK,
    SEARCH_SITE, SEARCH_ENTRY, SEARCH_SCORE, SEARCH_COLUMNS
};
extern const struct view_def search_view;

#endif
