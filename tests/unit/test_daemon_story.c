/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a person's story opens what is on it, and says of that what the whole story says. */
#include "tests/unit/given_views.h"

struct reading_story {
    struct given_node *node;
    struct daemon *daemon;
    struct scope scope;
    struct views_txn txn;
    struct log_reader *reader;
};

static struct reading_story begin_reading(struct given_node *node)
{
    struct reading_story r = {.node = node, .daemon = calloc(1, sizeof *r.daemon), .scope = {.count = 1}};
    assert_non_null(r.daemon);
    r.daemon->config.role = ROLE_SPOKE;
    r.daemon->identity = node->log->identity;
    r.daemon->keyring = node->log->keyring;
    r.daemon->log = node->log->log;
    r.daemon->projector = node->projector;
    snprintf(r.scope.sites[0], sizeof r.scope.sites[0], "%s", SITE);
    r.reader = log_reader_begin(node->log->log, NULL);
    assert_non_null(r.reader);
    assert_int_equal(views_read(projector_views(node->projector), &r.txn, NULL), FELLOE_OK);
    return r;
}

static void end_reading(struct reading_story *r)
{
    views_end(&r->txn);
    log_reader_end(r->reader);
    free(r->daemon);
}

static struct bytes cells_of(const struct query_rows *rows, size_t at)
{
    return bytes_of(rows->cells.data + rows->rows[at].begin, rows->rows[at].len);
}

static void check_page(struct reading_story *r, const struct person_id *person, const struct query_rows *whole,
                       size_t from, size_t count)
{
    struct query_rows page = {0};
    assert_true(query_story_page(r->daemon, &r->txn, r->reader, &r->scope, person, from, count, &page));
    assert_false(page.failed);
    assert_int_equal(page.count, whole->count);
    for (size_t i = 0; i < page.count; i++) {
        const bool on_it = i >= from && i - from < count;
        assert_true(event_id_equal(&page.rows[i].event, &whole->rows[i].event));
        assert_int_equal(page.rows[i].sort, whole->rows[i].sort);
        assert_int_equal(page.rows[i].len, on_it ? whole->rows[i].len : 0);
        assert_true(!on_it || bytes_equal(cells_of(&page, i), cells_of(whole, i)));
    }
    query_rows_release(&page);
}

static void a_page_says_what_the_whole_says(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_SPOKE, NULL);
    struct key_record jo = node_introduce(node, "Jo"), other = node_introduce(node, "Sam");
    for (unsigned i = 0; i < 20; i++) {
        char text[16];
        snprintf(text, sizeof text, "note %u", i);
        node_record(node, i % 4 == 3 ? &other : &jo, false, "note.added", (const char *[]){"text", text, NULL});
    }
    node_fold(node);
    struct reading_story r = begin_reading(node);
    struct query_rows whole = {0};
    query_story(r.daemon, &r.txn, r.reader, &r.scope, &jo.owner, &whole);
    assert_int_equal(whole.count, 16);
    check_page(&r, &jo.owner, &whole, 0, 5);
    check_page(&r, &jo.owner, &whole, 5, 5);
    check_page(&r, &jo.owner, &whole, 14, 5);
    check_page(&r, &jo.owner, &whole, 16, 5);
    check_page(&r, &jo.owner, &whole, SIZE_MAX, SIZE_MAX);
    check_page(&r, &jo.owner, &whole, 0, SIZE_MAX);
    query_rows_release(&whole);
    end_reading(&r);
    given_node_end(node);
}

static void whoever_is_nowhere_has_no_pages(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_SPOKE, NULL);
    node_introduce(node, "Jo");
    node_fold(node);
    struct reading_story r = begin_reading(node);
    struct query_rows none = {0};
    const struct person_id nobody = new_person(SITE).owner;
    assert_true(query_story_page(r.daemon, &r.txn, r.reader, &r.scope, &nobody, 0, 5, &none));
    assert_int_equal(none.count, 0);
    query_rows_release(&none);
    end_reading(&r);
    given_node_end(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_says_what_the_whole_says),
        cmocka_unit_test(whoever_is_nowhere_has_no_pages),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
