/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the views: rows of several sites, numbers, names of resources, records of one person, sums, and how long it
 * takes with two thousand people. */
#include "tests/unit/given_dir.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/daemon.h"
#include "daemon/views/view_linked.h"
#include "daemon/views/view_team.h"
#include "daemon/views/view_told.h"
#include "daemon/views/views_inside.h"
#include "daemon/views/views_made.h"
#include "proto/domain/settled.h"

#define NORTH bytes_str("north")
#define SOUTH bytes_str("south")

static const struct scope one_site = {{"north"}, 1}, both_sites = {{"north", "south"}, 2};

struct given {
    struct given_dir dir;
    struct daemon daemon;
    struct views *views;
    struct views_txn txn;
    struct document *document;
    uint64_t seq;
};

static void given(struct given *g)
{
    *g = (struct given){.dir = given_dir(), .document = document_new()};
    struct felloe_error error = {0};
    identity_generate(&g->daemon.identity, ROLE_SPOKE);
    g->daemon.settle_numbers = settle_numbers_new();
    assert_int_equal(keyring_open(&g->daemon.keyring, g->dir.path, g->daemon.identity.keyring_key, NULL), FELLOE_OK);
    const struct key_record sites[] = {{.id = {{3}}, .kind = KEY_SITE, .site = "north", .key = {{33}}},
                                       {.id = {{4}}, .kind = KEY_SITE, .site = "south", .key = {{44}}}};
    assert_int_equal(keyring_add(g->daemon.keyring, sites, 2, NULL), FELLOE_OK);
    const struct views_options options = {g->dir.path, g->daemon.keyring, &g->daemon.identity, 1};
    assert_int_equal(views_open(&g->views, &options, &error), FELLOE_OK);
    assert_int_equal(views_write(g->views, &g->txn, NULL), FELLOE_OK);
}

static void end(struct given *g)
{
    views_end(&g->txn);
    views_close(g->views);
    keyring_close(g->daemon.keyring);
    settle_numbers_free(g->daemon.settle_numbers);
    document_free(g->document);
    given_dir_end(&g->dir);
}

/* From writing to reading. */
static void now_ask(struct given *g)
{
    assert_int_equal(views_commit(&g->txn, NULL), STORE_DONE);
    assert_int_equal(views_read(g->views, &g->txn, NULL), FELLOE_OK);
}

static struct person_id person_of(unsigned number)
{
    struct person_id id = {{0}};
    be_put_u32(id.b, number);
    id.b[15] = 1;
    return id;
}

static void give_key(struct given *g, const struct person_id *person)
{
    struct key_record key = {.id = key_id_of_person(*person), .kind = KEY_PERSON, .owner = *person, .site = "north"};
    memcpy(key.key.b, person->b, sizeof person->b);
    assert_int_equal(keyring_add(g->daemon.keyring, &key, 1, NULL), FELLOE_OK);
}

/* Folds one entry, by a laptop of its own that knows of no other where `apart`. */
static struct event_id fold(struct given *g, const struct person_id *subject, bool apart, const char *type,
                            const char *const *pairs)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct buffer map = {0}, fields = {0};
    struct felloe_error error = {0};
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    mp_put_map(&map, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(&map, pairs[i]);
    mp_reader_init(r, buffer_bytes(&map));
    assert_true(mp_next(r));
    if (catalogue_check(catalogue_find(bytes_str(type)), r, NULL, &fields, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    g->seq++;
    const struct event_body body = {.type = bytes_str(type), .worker = bytes_str(apart ? "ben" : "amy"),
                                    .has_subject = !person_id_is_none(subject), .subject = *subject,
                                    .time = (1795262400000u + g->seq * 1000) << 16, .fields = buffer_bytes(&fields)};
    struct fold_event event = {.at = {1, g->seq}, .log = 1, .home = 1, .incarnation = 1, .seq = g->seq, .body = &body,
                               .device = {{apart ? 9 : 8}}, .by_hub = body.type.data[0] == 'w'};
    if (!apart)
        seen_advance(&event.seen, (struct position){1, g->seq - 1});
    be_put_u64(event.id.b, g->seq * 0x9e3779b97f4a7c15u);
    event.id.b[20] = 1;
    assert_true(document_fold(g->document, &event));
    buffer_release(&fields);
    buffer_release(&map);
    free(r);
    return event.id;
}
#define fold_(g, subject, ...) fold(g, subject, false, (const char *[]){__VA_ARGS__}[0], \
                                    &(const char *[]){__VA_ARGS__, NULL, NULL}[1])
#define fold_apart_(g, subject, ...) fold(g, subject, true, (const char *[]){__VA_ARGS__}[0], \
                                          &(const char *[]){__VA_ARGS__, NULL, NULL}[1])

static void keep(struct given *g, struct bytes site, const struct person_id *subject)
{
    struct views_made made = {0};
    const struct data_key *key = views_key(&g->txn, site, subject);
    assert_non_null(key);
    assert_true(views_make(&made, site, subject, key, g->document));
    views_put_made(&g->txn, &made);
    views_made_release(&made);
    document_clear(g->document);
}

static void put_person(struct given *g, unsigned number, const char *name, const char *born)
{
    const struct person_id person = person_of(number);
    give_key(g, &person);
    fold_(g, &person, "person.introduced", "known_as", name, "source", "Q1", "urgency", number % 2 ? "2" : "3");
    if (born)
        fold_(g, &person, "person.details.recorded", "date_of_birth", born);
    keep(g, NORTH, &person);
}

static void link_records(struct given *g, unsigned one, unsigned other, const char *type)
{
    const struct person_id person = person_of(one), second = person_of(other);
    struct buffer plain = {0};
    char hex[33];
    hex_encode(bytes_of(second.b, sizeof second.b), hex);
    assert_int_equal(views_get_document(&g->txn, NORTH, &person, &plain), VIEWS_FOUND);
    assert_true(document_decode(g->document, buffer_bytes(&plain)));
    fold_(g, &person, type, "other", hex);
    keep(g, NORTH, &person);
    buffer_release(&plain);
}

static struct query_rows ask_(struct given *g, const struct scope *scope, enum view view, struct view_filter filter)
{
    struct query_rows rows = {0};
    const struct view_wish wish = {view_of(view), filter, {1795262400000, 0}};
    query_view(&g->txn, scope, view, &rows);
    if (view == VIEW_TO_SETTLE)
        query_duplicates(&g->txn, scope, &rows);
    if (view == VIEW_LEARNING)
        query_learn(&rows);
    query_tell(&g->daemon, &g->txn, scope, scope, &wish, &rows);
    assert_false(rows.failed);
    return rows;
}

static struct mp_reader reader;

/* Moves the reader to one cell of a row. */
static void read_cell(const struct query_rows *rows, size_t row, size_t column)
{
    assert_true(row < rows->count);
    mp_reader_init(&reader, bytes_of(rows->cells.data + rows->rows[row].begin, rows->rows[row].len));
    assert_true(mp_next(&reader));
    assert_true(column < mp_array(&reader, 1, 100));
    for (size_t i = 0; i < column; i++)
        mp_skip(&reader);
}

/* ---- what is to settle ---- */

static void likely_duplicates_come_last_and_are_numbered(void **state)
{
    (void)state;
    struct given g;
    given(&g);
    put_person(&g, 1, "Jo", "1990-02-03");
    put_person(&g, 2, "Joanne", "1990-02-03");
    put_person(&g, 3, "Sam", "1990-02-03");
    const struct person_id kim = person_of(4);
    give_key(&g, &kim);
    fold_(&g, &kim, "person.introduced", "known_as", "Kim");
    fold_(&g, &kim, "person.details.recorded", "date_of_birth", "1980-10-01");
    fold_apart_(&g, &kim, "person.details.recorded", "date_of_birth", "1980-01-10");
    keep(&g, NORTH, &kim);
    now_ask(&g);
    struct query_rows rows = ask_(&g, &one_site, VIEW_TO_SETTLE, (struct view_filter){0});
    assert_int_equal(rows.count, 2);
    read_cell(&rows, 0, SETTLE_NUMBER);
    assert_int_equal(mp_uint(&reader, 10), 1);
    read_cell(&rows, 0, SETTLE_KEY);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "date_of_birth"));
    read_cell(&rows, 1, SETTLE_NUMBER);
    assert_int_equal(mp_uint(&reader, 10), 2);
    read_cell(&rows, 1, SETTLE_FIELD);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "linked"));
    read_cell(&rows, 1, SETTLE_WHICH);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "Joanne (00000002)"));
    read_cell(&rows, 1, SETTLE_KEY);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "linked\x1f" "00000002000000000000000000000001"));
    read_cell(&rows, 1, SETTLE_CHOICES);
    assert_int_equal(mp_array(&reader, 2, 2), 2);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "linked"));
    query_rows_release(&rows);
    uint64_t counts[2] = {0, 5};
    query_count_duplicates(&g.txn, &both_sites, counts);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 5);
    const struct person_id second = person_of(2), third = person_of(3);
    rows = ask_(&g, &one_site, VIEW_TO_SETTLE, (struct view_filter){.people = &second, .people_count = 1});
    assert_int_equal(rows.count, 1);
    query_rows_release(&rows);
    rows = ask_(&g, &one_site, VIEW_TO_SETTLE, (struct view_filter){.people = &third, .people_count = 1});
    assert_int_equal(rows.count, 0);
    query_rows_release(&rows);
    end(&g);
}

static void linked_records_are_found_from_every_side(void **state)
{
    (void)state;
    struct given g;
    struct person_id found[LINKED_MAX];
    const struct person_id one = person_of(1), two = person_of(2), three = person_of(3), four = person_of(4);
    given(&g);
    for (unsigned i = 1; i <= 4; i++)
        put_person(&g, i, "Jo", "1990-02-03");
    link_records(&g, 1, 2, "person.linked");
    link_records(&g, 2, 3, "person.linked");
    link_records(&g, 1, 4, "person.unlinked");
    assert_int_equal(query_linked(&g.txn, &both_sites, &three, found), 3);
    assert_true(person_id_equal(&found[0], &three) && person_id_equal(&found[1], &one));
    assert_true(person_id_equal(&found[2], &two));
    assert_int_equal(query_linked(&g.txn, &both_sites, &four, found), 1);
    /* What the other side says counts as long as the record with the lower id says nothing. */
    link_records(&g, 4, 3, "person.linked");
    assert_int_equal(query_linked(&g.txn, &both_sites, &four, found), 4);
    link_records(&g, 3, 4, "person.unlinked");
    assert_int_equal(query_linked(&g.txn, &both_sites, &four, found), 1);
    link_records(&g, 2, 3, "person.unlinked");
    assert_int_equal(query_linked(&g.txn, &both_sites, &three, found), 1);
    end(&g);
}

static void who_comes_too_late_can_be_told_what_holds(void **state)
{
    (void)state;
    struct given g;
    struct settled settled;
    const struct register_def *def;
    struct bytes each;
    const struct person_id jo = person_of(1);
    given(&g);
    assert_true(settle_key_read(bytes_str("date_of_birth"), &def, &each));
    assert_false(settled_read(g.document, def, each, &settled));
    fold_(&g, &jo, "person.details.recorded", "date_of_birth", "1990-02-03");
    assert_true(settled_read(g.document, def, each, &settled));
    assert_true(bytes_is(settled.value, "1990-02-03") && bytes_is(settled.by, "amy") && !settled.agreed);
    fold_apart_(&g, &jo, "person.details.recorded", "date_of_birth", "1990-03-02");
    assert_false(settled_read(g.document, def, each, &settled));
    fold_(&g, &jo, "conflict.settled", "what", "date_of_birth", "chosen", "1990-03-02");
    assert_true(settled_read(g.document, def, each, &settled));
    assert_true(bytes_is(settled.value, "1990-03-02") && settled.agreed);
    assert_false(settle_key_read(bytes_str("no_such"), &def, &each));
    assert_true(settle_key_read(bytes_str("sharing\x1fgp\x1fplan"), &def, &each));
    assert_int_equal(def->id, REG_sharing);
    assert_true(bytes_is(each, "gp\x1fplan"));
    end(&g);
}

/* ---- sites, teams ---- */

static void a_person_with_two_teams_comes_once(void **state)
{
    (void)state;
    struct given g;
    const struct person_id jo = person_of(1);
    given(&g);
    put_person(&g, 1, "Jo", NULL);
    put_person(&g, 2, "Kim", NULL);
    fold_(&g, &jo, "person.introduced", "known_as", "Jo", "source", "A1");
    keep(&g, SOUTH, &jo);
    now_ask(&g);
    struct query_rows rows = ask_(&g, &both_sites, VIEW_FRONT_DOOR, (struct view_filter){0});
    assert_int_equal(rows.count, 2);
    query_rows_release(&rows);
    rows = ask_(&g, &both_sites, VIEW_FRONT_DOOR, (struct view_filter){.urgency = bytes_str("3")});
    assert_int_equal(rows.count, 1);
    assert_true(rows.rows[0].subject.b[3] == 2);
    query_rows_release(&rows);
    end(&g);
}

static void put_worker(struct given *g, const char *id, const char *name, const char *role, const char *agency,
                       const char *device)
{
    fold_(g, &PERSON_ID_NONE, "worker.joined", "worker", id, "name", name, "role", role, "agency", agency, "device",
          device);
}

static void a_team_is_an_agency_a_role_or_workers(void **state)
{
    (void)state;
    struct given g;
    struct team team = {0};
    struct felloe_error error = {0};
    given(&g);
    put_worker(&g, "amy", "Amy Ash", "nurse", "Trust", "00000000000000000000000000000001");
    put_worker(&g, "ben", "Ben", "peer worker", "council", "00000000000000000000000000000002");
    put_worker(&g, "cat", "Zoë", "nurse", "council", "00000000000000000000000000000003");
    keep(&g, NORTH, &PERSON_ID_NONE);
    now_ask(&g);
    assert_int_equal(team_find(&g.txn, &both_sites, bytes_str("COUNCIL"), &team, &error), FELLOE_OK);
    assert_int_equal(team.count, 2);
    assert_true(bytes_is(team.workers[0], "ben") && bytes_is(team.workers[1], "cat"));
    team_release(&team);
    assert_int_equal(team_find(&g.txn, &both_sites, bytes_str("nurse, ben"), &team, &error), FELLOE_OK);
    assert_int_equal(team.count, 3);
    team_release(&team);
    assert_int_equal(team_find(&g.txn, &both_sites, bytes_str("nurse, gardeners"), &team, &error), FELLOE_NOT_FOUND);
    team_release(&team);
    assert_int_equal(team_find_worker(&g.txn, &both_sites, bytes_str("zoe"), &team, &error), FELLOE_OK);
    assert_true(bytes_is(team.workers[0], "cat"));
    team_release(&team);
    assert_int_equal(team_find_worker(&g.txn, &both_sites, bytes_str("nurse"), &team, &error), FELLOE_OK);
    assert_true(bytes_is(team.workers[0], "nurse")); /* an id that nobody has here, as far as is known */
    team_release(&team);
    assert_int_equal(team_find_worker(&g.txn, &both_sites, bytes_str("No One"), &team, &error), FELLOE_NOT_FOUND);
    team_release(&team);
    end(&g);
}

/* ---- names and sums ---- */

static void a_connection_says_to_what(void **state)
{
    (void)state;
    struct given g;
    char hex[65];
    const struct person_id jo = person_of(1);
    given(&g);
    struct event_id resource = fold_(&g, &PERSON_ID_NONE, "resource.recorded", "name", "Community garden");
    keep(&g, SOUTH, &PERSON_ID_NONE);
    give_key(&g, &jo);
    hex_encode(bytes_of(resource.b, sizeof resource.b), hex);
    fold_(&g, &jo, "person.introduced", "known_as", "Jo");
    fold_(&g, &jo, "support.started");
    fold_(&g, &jo, "connection.updated", "resource", hex, "status", "offered");
    keep(&g, NORTH, &jo);
    now_ask(&g);
    struct query_rows rows = ask_(&g, &both_sites, VIEW_CONNECTIONS, (struct view_filter){0});
    assert_int_equal(rows.count, 1);
    read_cell(&rows, 0, 2);
    assert_int_equal(mp_array(&reader, 2, 2), 2);
    assert_memory_equal(mp_bin(&reader, 32, 32).data, resource.b, 32);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "Community garden"));
    query_rows_release(&rows);
    rows = ask_(&g, &one_site, VIEW_CONNECTIONS, (struct view_filter){0});
    read_cell(&rows, 0, 2);
    mp_array(&reader, 2, 2);
    mp_skip(&reader);
    assert_true(mp_nil(&reader)); /* the resource is of a site that was not read */
    query_rows_release(&rows);
    end(&g);
}

static void add_learning(struct query_rows *rows, uint64_t sort, const char *what, int64_t count, int64_t of,
                         int64_t median)
{
    struct query_row *row = query_add(rows);
    row->sort = sort;
    row->begin = rows->cells.len;
    mp_put_array(&rows->cells, LEARNING_COLUMNS);
    mp_put_text(&rows->cells, what);
    mp_put_int(&rows->cells, count);
    if (of < 0)
        mp_put_nil(&rows->cells);
    else
        mp_put_int(&rows->cells, of);
    if (median < 0)
        mp_put_nil(&rows->cells);
    else
        mp_put_int(&rows->cells, median);
    row->len = rows->cells.len - row->begin;
}

static void learning_sums_up_and_tells_the_median(void **state)
{
    (void)state;
    struct query_rows rows = {0};
    add_learning(&rows, 2, "days to first contact", 1, -1, 900);
    add_learning(&rows, 1, "introductions", 1, 1, -1);
    add_learning(&rows, 2, "days to first contact", 1, -1, 300);
    add_learning(&rows, 1, "introductions", 2, 3, -1);
    add_learning(&rows, 2, "days to first contact", 1, -1, 2500);
    query_learn(&rows);
    assert_int_equal(rows.count, 2);
    read_cell(&rows, 0, LEARNING_WHAT);
    assert_true(bytes_is(mp_str(&reader, 0, 100), "introductions"));
    assert_int_equal(mp_uint(&reader, 100), 3);
    assert_int_equal(mp_uint(&reader, 100), 4);
    assert_true(mp_nil(&reader));
    read_cell(&rows, 1, LEARNING_COUNT);
    assert_int_equal(mp_uint(&reader, 100), 3);
    assert_true(mp_nil(&reader));
    assert_int_equal(mp_uint(&reader, 10000), 900);
    query_rows_release(&rows);
}

/* ---- how long it takes ---- */

static double ms_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}
static void assert_page(struct given *g, const struct query_rows *all, size_t from, size_t count)
{
    struct query_rows page = {0};
    const struct view_wish wish = {.view = view_of(VIEW_FRONT_DOOR), .moment = {.now = 1795262400000}};
    assert_true(query_page(&g->txn, &both_sites, VIEW_FRONT_DOOR, from, count, &page));
    query_tell(&g->daemon, &g->txn, &both_sites, &both_sites, &wish, &page);
    assert_int_equal(page.count, all->count); /* how many there are, and of whom, is known of all */
    for (size_t i = 0; i < all->count; i++) {
        const struct query_row *row = &page.rows[i], *want = &all->rows[i];
        const bool shown = i >= from && i - from < count;
        assert_true(person_id_equal(&row->subject, &want->subject) && row->sort == want->sort);
        assert_true(bytes_equal(bytes_of(page.cells.data + row->begin, row->len),
                                bytes_of(all->cells.data + want->begin, shown ? want->len : 0)));
    }
    query_rows_release(&page);
}

static void a_page_is_what_it_is_of_all_rows(void **state)
{
    (void)state;
    struct given g;
    char name[16];
    given(&g);
    for (unsigned i = 1; i <= 20; i++) {
        snprintf(name, sizeof name, "Person %u", i);
        put_person(&g, i, name, NULL);
    }
    now_ask(&g);
    struct query_rows all = ask_(&g, &one_site, VIEW_FRONT_DOOR, (struct view_filter){0});
    assert_int_equal(all.count, 20);
    assert_page(&g, &all, 0, 20);
    assert_page(&g, &all, 0, 7);
    assert_page(&g, &all, 7, 7);
    assert_page(&g, &all, 14, 7);
    assert_page(&g, &all, 30, 7);
    query_rows_release(&all);
    end(&g);

    given(&g); /* of two sites, whose rows stand between each other's */
    const struct person_id jo = person_of(1);
    put_person(&g, 1, "Jo", NULL);
    fold_(&g, &jo, "person.introduced", "known_as", "Jo", "source", "A1");
    keep(&g, SOUTH, &jo);
    now_ask(&g);
    struct query_rows none = {0};
    assert_false(query_page(&g.txn, &both_sites, VIEW_FRONT_DOOR, 0, 7, &none));
    assert_int_equal(none.count, 0);
    end(&g);
}

/* What view_keeps_all says is so is so: whatever the moment, no row is dropped, and none changes its place. */
static void rows_that_are_all_kept_keep_their_order(void **state)
{
    (void)state;
    size_t some = 0;
    for (size_t i = 0; i < view_count(); i++) {
        const struct view_def *view = view_at(i);
        struct buffer cells = {0}, told = {0};
        if (!view_keeps_all(view->view))
            continue;
        some++;
        mp_put_array(&cells, (uint32_t)view->column_count);
        for (size_t k = 0; k < view->column_count; k++)
            mp_put_nil(&cells);
        for (int64_t now = 0; now <= 1795262400000; now += 1795262400000 / 4) {
            buffer_clear(&told);
            assert_int_equal(view_finish(view, buffer_bytes(&cells), &(struct view_moment){now, 0}, &told),
                             FINISH_KEEP);
            assert_true(view_finished_sort(view, buffer_bytes(&told), 77) == 77);
        }
        buffer_release(&cells);
        buffer_release(&told);
    }
    assert_int_equal(some, 3);
}

#define MANY 2000u

/* Somebody who is in every view of people. */
static void put_life(struct given *g, unsigned number, const char *name, const char *born)
{
    static const char resource[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const struct person_id person = person_of(number);
    fold_(g, &person, "person.introduced", "known_as", name, "source", "Q1", "urgency", "2");
    fold_(g, &person, "person.details.recorded", "date_of_birth", born);
    if (number % 4 != 0) {
        fold_(g, &person, "support.started");
        fold_(g, &person, "keyworker.agreed", "worker", number % 2 ? "amy" : "ben");
        fold_(g, &person, "concern.raised", "words", "sleeps badly", "urgency", "3");
        fold_(g, &person, "goal.set", "own_words", "go out more", "baseline", "3");
        fold_(g, &person, "task.raised", "what", "benefits form", "due", "2026-11-20", "for", "amy");
        fold_(g, &person, "connection.updated", "resource", resource, "status", "offered");
    }
    keep(g, NORTH, &person);
}

static void two_thousand_people_are_no_burden(void **state)
{
    (void)state;
    struct given g;
    char name[40], born[24];
    given(&g);
    struct key_record *keys = calloc(MANY + 1, sizeof *keys);
    for (unsigned i = 1; i <= MANY; i++) {
        const struct person_id person = person_of(i);
        keys[i - 1] = (struct key_record){.id = key_id_of_person(person), .kind = KEY_PERSON, .owner = person,
                                          .site = "north", .key = {{(uint8_t)i, (uint8_t)(i >> 8)}}};
    }
    assert_int_equal(keyring_add(g.daemon.keyring, keys, MANY, NULL), FELLOE_OK);
    free(keys);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(name, sizeof name, "Person %u", i / 2);
        snprintf(born, sizeof born, "19%02u-%02u-%02u", i % 97, 1 + i % 12, 1 + i % 28);
        put_life(&g, i, name, born);
    }
    for (unsigned i = 0; i < 50; i++)
        fold_(&g, &PERSON_ID_NONE, "resource.recorded", "name", "Garden", "area", "North");
    keep(&g, NORTH, &PERSON_ID_NONE);
    now_ask(&g);
    double total = 0;
    for (size_t v = 0; v < view_count(); v++) {
        const enum view view = view_at(v)->view;
        if (view == VIEW_PERSON || view == VIEW_FRESHNESS || view == VIEW_NEWS)
            continue;
        double begin = ms_now();
        struct query_rows rows = ask_(&g, &one_site, view, (struct view_filter){0});
        double took = ms_now() - begin;
        printf("%-16s %5zu rows %6.1f ms\n", view_at(v)->name, rows.count, took);
        total += took;
        query_rows_release(&rows);
    }
    struct person_id found[LINKED_MAX];
    double begin = ms_now();
    assert_int_equal(query_linked(&g.txn, &one_site, &(struct person_id){{0, 0, 0, 1}}, found), 1);
    printf("%-16s %21.1f ms\n", "linked", ms_now() - begin);
    assert_true(total < 5000); /* far from what it takes: only a slip of its order is caught here */
    end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likely_duplicates_come_last_and_are_numbered),
        cmocka_unit_test(linked_records_are_found_from_every_side),
        cmocka_unit_test(who_comes_too_late_can_be_told_what_holds),
        cmocka_unit_test(a_person_with_two_teams_comes_once),
        cmocka_unit_test(a_team_is_an_agency_a_role_or_workers),
        cmocka_unit_test(a_connection_says_to_what),
        cmocka_unit_test(learning_sums_up_and_tells_the_median),
        cmocka_unit_test(a_page_is_what_it_is_of_all_rows),
        cmocka_unit_test(rows_that_are_all_kept_keep_their_order),
        cmocka_unit_test(two_thousand_people_are_no_burden),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
