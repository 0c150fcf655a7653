/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of a person who is with three sites: whatever the order in which originals and copies come, and however
 * often, a site's document has the same bytes; and all sites' documents agree on who knew of whom.
 *
 * The teams write at random moments, having seen some of their log; a hub gives positions, and copies each entry to the
 * others in the order of its log, some late, telling what its writer had seen of other sites as the hub finds it. */
#include "tests/unit/given_history.h"

#define SITES 3
#define WRITINGS 60

static const uint32_t tags[SITES] = {2, 4, 6};

struct entry_at {
    struct happened *happened;
    unsigned home;
    uint64_t at[SITES];       /* its positions; 0: not there (yet) */
    struct site_mark saw[SITES][SITES]; /* as it was copied to a site: what was seen of others' originals */
    uint32_t saw_count[SITES];
    uint64_t seen;            /* of its own site's log */
};

struct sites {
    struct team *team;
    struct entry_at entries[WRITINGS];
    unsigned count;
    uint64_t head[SITES];
};

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* The originals of another site that this entry's writer had seen are all those up to here. */
static uint64_t seen_of_other(const struct sites *s, const struct entry_at *e, unsigned other_site)
{
    uint64_t up_to = 0;
    for (uint64_t n = 1; n <= s->head[other_site]; n++)
        for (unsigned i = 0; i < s->count; i++) {
            const struct entry_at *other = &s->entries[i];
            if (other->home != other_site || other->at[other_site] != n)
                continue;
            if (other->at[e->home] == 0 || other->at[e->home] > e->seen)
                return up_to;
            up_to = n;
        }
    return up_to;
}

static void copy_some(struct sites *s, unsigned from, unsigned to, uint32_t most)
{
    for (unsigned i = 0; i < s->count && most > 0; i++) {
        struct entry_at *e = &s->entries[i];
        if (e->home != from || e->at[to] != 0)
            continue;
        for (unsigned other = 0; other < SITES; other++) {
            uint64_t n = other != from ? seen_of_other(s, e, other) : 0;
            if (n > 0)
                e->saw[to][e->saw_count[to]++] = (struct site_mark){tags[other] | MARK_APART, 1, n};
        }
        e->at[to] = ++s->head[to];
        most--;
    }
}

static void copy_all(struct sites *s, uint32_t sides)
{
    for (unsigned from = 0; from < SITES; from++)
        for (unsigned to = 0; to < SITES; to++)
            if (from != to)
                copy_some(s, from, to, sides > 0 ? dice(sides) : WRITINGS);
}

static void write_one(struct sites *s)
{
    static const char *const values[] = {"1990-01-01", "1990-01-02", "1990-01-03"};
    struct entry_at *e = &s->entries[s->count++];
    unsigned laptop = dice(2 * SITES);
    e->home = laptop / 2;
    pass(s->team, (int64_t)dice(3) * MINUTE);
    e->happened = dice(4) ? write_(s->team, 1 + laptop, "person.details.recorded", "date_of_birth", values[dice(3)])
                          : write_(s->team, 1 + laptop, "support.ended");
    e->seen = s->head[e->home] > 0 ? dice((uint32_t)s->head[e->home] + 1) : 0;
    struct seen *known = &s->team->laptops[laptop].seen;
    if (seen_in(known, 1) > e->seen) /* it never goes back */
        e->seen = seen_in(known, 1);
    if (e->seen > 0)
        seen_advance(known, (struct position){1, e->seen});
    e->happened->event.seen = *known;
    e->happened->event.home = tags[e->home];
    e->at[e->home] = ++s->head[e->home];
}

static void play(struct sites *s)
{
    while (s->count < WRITINGS) {
        write_one(s);
        copy_all(s, 3);
    }
    copy_all(s, 0);
}

static struct fold_event in_site(const struct entry_at *e, unsigned site)
{
    struct fold_event event = e->happened->event;
    event.log = tags[site];
    event.at = (struct position){1, e->at[site]};
    if (site != e->home) {
        event.home_at = (struct position){1, e->at[e->home]};
        event.saw = (struct marks){e->saw[site], e->saw_count[site]};
    }
    return event;
}

/* In an order of its own, some of it twice, and some own entries first without their position. */
static struct document *fold_in_some_order(const struct sites *s, unsigned site)
{
    struct document *document = document_new();
    unsigned order[WRITINGS];
    assert_non_null(document);
    for (unsigned i = 0; i < WRITINGS; i++)
        order[i] = i;
    for (unsigned i = WRITINGS - 1; i > 0; i--) {
        unsigned k = dice(i + 1), other = order[i];
        order[i] = order[k];
        order[k] = other;
    }
    for (unsigned i = 0; i < WRITINGS; i++) {
        struct fold_event event = in_site(&s->entries[order[i]], site), first = event;
        if (s->entries[order[i]].home == site && dice(3) == 0) {
            first.at = (struct position){0};
            assert_true(document_fold(document, &first));
        }
        assert_true(document_fold(document, &event));
        if (dice(3) == 0) {
            struct fold_event again = in_site(&s->entries[order[dice(i + 1)]], site);
            assert_true(document_fold(document, &again));
        }
    }
    return document;
}

static void assert_same_bytes(const struct document *a, const struct document *b)
{
    struct buffer first = {0}, second = {0};
    document_encode(a, &first);
    document_encode(b, &second);
    assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    struct document *read = document_new();
    assert_true(document_decode(read, buffer_bytes(&first)));
    buffer_clear(&second);
    document_encode(read, &second);
    assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    document_free(read);
    buffer_release(&first);
    buffer_release(&second);
}

/* Returns how many pairs of different sites had seen one another. */
static unsigned assert_same_knowledge(const struct document *a, const struct document *b)
{
    unsigned across = 0;
    assert_int_equal(record_count(a), record_count(b));
    for (size_t i = 0; i < record_count(a); i++)
        for (size_t k = 0; k < record_count(a); k++) {
            const struct stamp *x = &record_at(a, i)->stamp, *y = &record_at(a, k)->stamp;
            bool seen = stamp_has_seen(x, y);
            assert_int_equal(seen, stamp_has_seen(&record_at(b, i)->stamp, &record_at(b, k)->stamp));
            across += seen && x->home != y->home;
        }
    return across;
}

static void any_order_gives_the_same_and_all_sites_agree(void **state)
{
    (void)state;
    unsigned across = 0;
    dice_state = 11;
    for (unsigned round = 0; round < 120; round++) {
        struct sites s = {.team = team_new()};
        struct document *of[SITES];
        play(&s);
        for (unsigned site = 0; site < SITES; site++) {
            of[site] = fold_in_some_order(&s, site);
            for (unsigned again = 0; again < 3; again++) {
                struct document *other = fold_in_some_order(&s, site);
                assert_same_bytes(of[site], other);
                document_free(other);
            }
        }
        char *first = rows_text(of[0], VIEW_TO_SETTLE, &JO);
        for (unsigned site = 1; site < SITES; site++) {
            across += assert_same_knowledge(of[0], of[site]);
            char *other = rows_text(of[site], VIEW_TO_SETTLE, &JO);
            assert_string_equal(first, other);
            free(other);
        }
        free(first);
        for (unsigned site = 0; site < SITES; site++)
            document_free(of[site]);
        team_free(s.team);
    }
    assert_true(across > 1000); /* there was something to know */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_and_all_sites_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
