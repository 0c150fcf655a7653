/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded is found in all that this device can open, the best first, and is news to others once; marks of who
 * has looked are small files, and bad ones are none. */
#include "tests/unit/given_views.h"

#include <sodium.h>

#include "daemon/views/looked.h"
#include "daemon/views/news_scan.h"
#include "daemon/views/search_scan.h"

/* As much of a daemon as reading needs, around a node's log and views. */
static struct daemon *daemon_of(struct given_node *node)
{
    static struct daemon daemon;
    daemon = (struct daemon){.dir = node->log->dir.path, .identity = node->log->identity,
                             .config = {.role = node->log->identity.role}, .keyring = node->log->keyring,
                             .log = node->log->log, .projector = node->projector};
    return &daemon;
}

struct view_of_node {
    struct daemon *daemon;
    struct views_txn views;
    struct log_reader *log;
    struct scope scope;
};

static struct view_of_node look_into(struct given_node *node)
{
    struct view_of_node v = {.daemon = daemon_of(node)};
    struct felloe_error error = {0};
    node_fold(node);
    assert_int_equal(views_read(projector_views(node->projector), &v.views, &error), FELLOE_OK);
    assert_non_null(v.log = log_reader_begin(node->log->log, &error));
    assert_int_equal(scope_of(v.daemon, v.log, (struct bytes){0}, false, &v.scope, &error), FELLOE_OK);
    return v;
}

static void look_no_more(struct view_of_node *v)
{
    log_reader_end(v->log);
    views_end(&v->views);
}

/* ---- search ---- */

static struct search_filter filter_of(const char *words)
{
    struct search_filter filter = {.limit = 20, .now_ms = (int64_t)1 << 46};
    assert_int_equal(search_parse(&filter.query, bytes_str(words), NULL), FELLOE_OK);
    return filter;
}

static struct search_found search(struct given_node *node, const struct search_filter *filter)
{
    struct search_found found = {0};
    struct view_of_node v = look_into(node);
    search_scan(v.daemon, &v.views, v.log, &v.scope, filter, NULL, NULL, &found);
    look_no_more(&v);
    assert_false(found.failed);
    return found;
}

/* How many match; the text cell `column` of the best is `best`. */
static void assert_finds(struct given_node *node, const struct search_filter *filter, uint64_t total, size_t column,
                         const char *best)
{
    static struct mp_reader r;
    struct search_found found = search(node, filter);
    assert_int_equal(found.total, total);
    if (best) {
        mp_reader_init(&r, buffer_bytes(&found.hits[0].cells));
        assert_true(mp_next(&r) && mp_array(&r, SEARCH_COLUMNS, SEARCH_COLUMNS) == SEARCH_COLUMNS);
        for (size_t i = 0; i < column; i++)
            mp_skip(&r);
        struct bytes text = mp_str(&r, 0, EVENT_SIZE_MAX);
        if (!bytes_is(text, best))
            fail_msg("\"%.*s\" comes first, not \"%s\"", (int)text.len, (const char *)text.data, best);
    }
    search_found_release(&found);
}

static void the_best_come_first_and_struck_ones_not_at_all(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_HUB, NULL);
    struct key_record zoe = node_introduce(node, "Zoë"), art = node_introduce(node, "Art");
    node_record(node, &zoe, false, "note.added", (const char *[]){"text", "went to a party", NULL});
    node_record(node, &zoe, false, "note.added", (const char *[]){"text", "asked about art classes", NULL});
    struct log_draft wrong =
        node_record(node, &zoe, false, "note.added", (const char *[]){"text", "art, of somebody else", NULL});
    struct search_filter filter = filter_of("art");
    assert_finds(node, &filter, 4, SEARCH_LINE_OF, "Art");
    filter.limit = 1;
    assert_finds(node, &filter, 4, SEARCH_LINE_OF, "Art");
    filter.has_person = true;
    filter.person = zoe.owner;
    assert_finds(node, &filter, 3, SEARCH_TYPE, "note.added");
    filter.limit = 20;
    filter.worker = bytes_str("somebody");
    assert_finds(node, &filter, 0, 0, NULL);
    filter.worker = bytes_str("ash-grey");
    assert_finds(node, &filter, 3, SEARCH_WHO, "ash-grey");
    filter.has_since = true;
    filter.since_ms = (int64_t)1 << 46;
    assert_finds(node, &filter, 0, 0, NULL);
    filter.has_since = false;

    node_fold(node);
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "of");
    mp_put_bin(&fields, wrong.id.b, sizeof wrong.id.b);
    mp_put_text(&fields, "why");
    mp_put_text(&fields, "another's");
    struct log_draft strike = {.body = {.type = bytes_str("entry.struck"), .worker = bytes_str("ash-grey"),
                                        .has_subject = true, .subject = zoe.owner, .fields = buffer_bytes(&fields)},
                               .key = zoe.id};
    struct log_job job = record_job(SITE, &strike, 1);
    run_well(node->log, &job);
    buffer_release(&fields);
    assert_finds(node, &filter, 2, SEARCH_LINE_OF, "asked about art classes");
    filter = filter_of("zoe somebody");
    assert_finds(node, &filter, 0, 0, NULL);
    filter.struck = true;
    assert_finds(node, &filter, 1, SEARCH_STRUCK, "another's");
    (void)art;
    given_node_end(node);
}

static bool stop_at_once(void *context, uint64_t done, uint64_t total)
{
    ++*(int *)context;
    assert_true(done <= total);
    return false;
}

static void it_ends_when_nobody_waits(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_HUB, NULL);
    struct key_record zoe = node_introduce(node, "Zoë");
    node_record(node, &zoe, false, "note.added", (const char *[]){"text", "zoe here", NULL});
    const struct search_filter filter = filter_of("zoe");
    struct search_found found = {0};
    struct view_of_node v = look_into(node);
    int asked = 0;
    search_scan(v.daemon, &v.views, v.log, &v.scope, &filter, stop_at_once, &asked, &found);
    look_no_more(&v);
    assert_int_equal(asked, 1);
    assert_int_equal(found.total, 0);
    search_found_release(&found);
    given_node_end(node);
}

static void whose_key_was_destroyed_is_not_found(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_HUB, NULL);
    struct key_record zoe = node_introduce(node, "Zoë");
    const struct search_filter filter = filter_of("zoe");
    assert_finds(node, &filter, 1, SEARCH_LINE_OF, "Zoë");
    assert_int_equal(keyring_erase(node->log->keyring, &zoe.id, 1, NULL), FELLOE_OK);
    assert_finds(node, &filter, 0, 0, NULL);
    given_node_end(node);
}

/* ---- news ---- */

static const atomic_bool not_cancelled;

/* What is news to this worker, and (with `looked`) that they have looked. */
static uint64_t news(struct given_node *node, const char *worker, struct looked *looked, int64_t now_ms)
{
    struct news found = {0};
    struct view_of_node v = look_into(node);
    const struct news_wish wish = {.worker = worker, .looked = looked, .limit = 100, .now_ms = now_ms};
    news_scan(v.daemon, &v.views, v.log, &v.scope, &wish, &not_cancelled, &found);
    look_no_more(&v);
    assert_false(found.failed);
    uint64_t total = found.total;
    assert_int_equal(total, found.count);
    *looked = found.now;
    news_release(&found);
    return total;
}

static void what_others_wrote_is_news_once(void **state)
{
    (void)state;
    struct given_node *hub = given_node(ROLE_HUB, NULL), *spoke = given_node(ROLE_SPOKE, hub);
    struct looked bea = {0}, ash = {0}, late = {0};
    const int64_t now = clock_wall_ms(), month = (int64_t)30 * 24 * 3600 * 1000;
    struct key_record zoe = node_introduce(hub, "Zoë");
    node_receive(hub, spoke);
    run_well(spoke->log, &(struct log_job){.kind = LOG_KEEP_KEYS, .new_keys = &zoe, .new_key_count = 1});
    assert_int_equal(news(spoke, "bea", &bea, now), 1);
    assert_int_equal(news(spoke, "bea", &bea, now), 0);
    assert_int_equal(news(spoke, "ash-grey", &ash, now), 0); /* one's own */
    assert_int_equal(news(spoke, "carl", &late, now + month), 0); /* looks first a month later */

    /* On one laptop two may write: it is news before it has a position, and not again after. */
    node_record(spoke, &zoe, false, "note.added", (const char *[]){"text", "here", NULL});
    assert_int_equal(news(spoke, "bea", &bea, now), 1);
    assert_int_equal(news(spoke, "bea", &bea, now), 0);
    node_share(spoke, hub);
    node_receive(hub, spoke);
    assert_int_equal(news(spoke, "bea", &bea, now), 0);
    assert_int_equal(news(spoke, "carl", &late, now + month), 1);
    given_node_end(spoke);
    given_node_end(hub);
}

/* ---- marks ---- */

static void a_mark_is_kept_in_a_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct looked looked = {.at_ms = 1767312000000}, again;
    struct looked_site site = {.site = "north", .incarnation = 2, .cursor = {.own_seq = 17}};
    assert_true(seen_advance(&site.cursor.seen, (struct position){1, 340}));
    assert_true(seen_advance(&site.cursor.seen, (struct position){3, 5}));
    looked_put(&looked, &site);
    looked_read(dir.path, "bea", &again);
    assert_int_equal(again.count, 0);
    assert_int_equal(looked_write(dir.path, "bea", &looked, NULL), FELLOE_OK);
    looked_read(dir.path, "bea", &again);
    assert_int_equal(again.at_ms, looked.at_ms);
    assert_int_equal(looked_at(&again, "north")->cursor.own_seq, 17);
    assert_true(seen_covers(&looked_at(&again, "north")->cursor.seen, (struct position){3, 5}));
    assert_null(looked_at(&again, "south"));
    assert_int_equal(looked_write(dir.path, "../bea", &looked, NULL), FELLOE_INVALID);
    given_dir_end(&dir);
}

static void a_mark_that_is_none_is_as_good_as_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "felloe looked\n", "felloe looked\nat x\n", "felloe looked\nat 1",
                                      "felloe looked\nat 1\nsite north 1\n", "felloe looked\nat 1\nsite north 1 1 2.\n",
                                      "felloe looked\nat 1\nsite No! 1 1\n",
                                      "felloe looked\nat 1\nsite a 1 1\nsite a 1 1\n",
                                      "felloe looked\nat 99999999999999999999\n", "other looked\nat 1\n"};
    struct looked looked;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(looked_decode(bytes_str(bad[i]), &looked));
        assert_int_equal(looked.count, 0);
    }
    assert_true(looked_decode(bytes_str("felloe looked\nat 1\nsite north 1 1\n"), &looked));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_come_first_and_struck_ones_not_at_all),
        cmocka_unit_test(it_ends_when_nobody_waits),
        cmocka_unit_test(whose_key_was_destroyed_is_not_found),
        cmocka_unit_test(what_others_wrote_is_news_once),
        cmocka_unit_test(a_mark_is_kept_in_a_file),
        cmocka_unit_test(a_mark_that_is_none_is_as_good_as_none),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
