/* SPDX-License-Identifier: Apache-2.0 */
/* The table of views agrees with the rows that are made for it; what else is asked of a document. */
#include "tests/unit/given_history.h"

#include "proto/arena.h"

static void every_view_is_found_by_name_and_number(void **state)
{
    (void)state;
    static const char *const names[] = {"front-door", "caseload",    "person",    "safety", "huddle",  "my-day",
                                        "before-you-call", "goals", "connections", "resources", "places", "to-settle",
                                        "worries",    "freshness",   "news",      "learning", "farewells", "workers"};
    assert_int_equal(view_count(), sizeof names / sizeof names[0]);
    assert_null(view_at(view_count()));
    assert_null(view_find(bytes_str("tea")));
    assert_null(view_of((enum view)99));
    for (size_t i = 0; i < view_count(); i++) {
        const struct view_def *view = view_find(bytes_str(names[i]));
        assert_non_null(view);
        assert_ptr_equal(view_of(view->view), view);
        assert_true(*view->title && *view->empty && view->column_count > 0);
        for (size_t c = 0; c < view->column_count; c++) {
            assert_true(*view->columns[c].name && *view->columns[c].label);
            assert_true((view->columns[c].kind != CELL_CODE && view->columns[c].kind != CELL_CODES) ||
                        view->columns[c].codes);
            for (size_t other = 0; other < c; other++)
                assert_string_not_equal(view->columns[c].name, view->columns[other].name);
        }
    }
}

/* Is the reader's next value what a column of this kind holds? Takes it. */
static bool is_of_kind(struct mp_reader *r, enum cell_kind kind)
{
    enum mp_type type = mp_peek(r);
    uint32_t size = r->tape[r->at].count;
    mp_skip(r);
    if (type == MP_NIL)
        return true;
    switch (kind) {
    case CELL_TEXT:
    case CELL_CODE:
    case CELL_WORKER: return type == MP_STR;
    case CELL_NUMBER:
    case CELL_TIME:
    case CELL_MEAN:
    case CELL_CHANGE:
    case CELL_SINCE: return type == MP_UINT || type == MP_INT;
    case CELL_PERSON:
    case CELL_DEVICE: return type == MP_BIN && size == 16;
    case CELL_RESOURCE:
    case CELL_EVENT: return type == MP_BIN && size == 32;
    case CELL_WORKERS:
    case CELL_DEVICES:
    case CELL_CODES:
    case CELL_TEXTS: return type == MP_ARRAY;
    case CELL_CLOCK: return type == MP_ARRAY && size == 3;
    case CELL_NEXT: return type == MP_ARRAY && size > 0;
    case CELL_OPEN: return type == MP_STR;
    case CELL_FIELDS: return type == MP_MAP;
    case CELL_YESNO: return type == MP_BOOL;
    }
    return false;
}

static void assert_fits(const struct view_def *view, struct bytes cells)
{
    static struct mp_reader r;
    mp_reader_init(&r, cells);
    assert_true(mp_next(&r));
    assert_int_equal(mp_array(&r, 0, 64), view->column_count);
    for (size_t c = 0; c < view->column_count; c++)
        assert_true(is_of_kind(&r, view->columns[c].kind));
    assert_true(mp_done(&r));
}

static bool check_row(void *context, const struct view_row *row)
{
    *(unsigned *)context |= 1u << row->view;
    assert_fits(view_of(row->view), row->cells);
    return true;
}

/* Something of everything, so that each view has a row. */
static void write_a_bit_of_all(struct team *team)
{
    char id[65];
    write_(team, 1, "person.introduced", "known_as", "Jo", "urgency", "2");
    write_(team, 1, "person.details.recorded", "contact", "07700 900123", "pronouns", "they");
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    write_(team, 2, "keyworker.agreed", "worker", "bo");
    write_(team, 1, "contact.planned", "when", "1795266000000", "place", "library", "minutes", "60");
    write_(team, 2, "contact.planned", "when", "1795266000000", "with", "bo");
    write_(team, 1, "contact.recorded", "mechanism", "01");
    write_(team, 2, "contact.recorded", "mechanism", "01");
    struct happened *task = write_(team, 1, "task.raised", "what", "benefits form", "due", "2026-11-23");
    write_(team, 1, "task.taken", "task", id_hex(task, id), "worker", "amy");
    write_(team, 1, "concern.raised", "words", "not sleeping", "protects", "her sister", "urgency", "4");
    write_(team, 1, "crisis.opened", "urgency", "4", "where", "at home");
    write_(team, 1, "safetyplan.agreed", "helps", "call sister");
    write_(team, 2, "safetyplan.agreed", "helps", "call the line");
    struct happened *goal = write_(team, 1, "goal.set", "own_words", "sleep", "baseline", "4");
    write_(team, 1, "goal.scored", "goal", id_hex(goal, id), "score", "6");
    write_(team, 1, "measure.completed", "reqol", "20");
    struct buffer dialog = {0};
    mp_put_map(&dialog, 1);
    mp_put_text(&dialog, "dialog");
    mp_put_array(&dialog, 11);
    for (int i = 0; i < 11; i++)
        mp_put_int(&dialog, 1 + i % 7);
    write_raw(team, 1, "measure.completed", dialog);
    write_(team, 1, "accessneed.recorded", "need", "format", "detail", "text only");
    write_(team, 1, "sharing.preference", "agency", "housing", "category", "all", "choice", "object");
    write_(team, 1, "connection.updated", "resource", id_hex(goal, id), "status", "offered", "warm", "yes");
}

static void write_a_bit_of_the_site(struct team *team)
{
    char id[65];
    write_(team, 1, "worker.joined", "worker", "amy", "device", "00112233445566778899aabbccddeeff");
    struct happened *near = write_(team, 1, "resource.recorded", "name", "Allotment", "area", "Salford", "schedule",
                                   "sat 10:00-12:00", "capacity", "12", "status", "open");
    write_(team, 2, "resource.recorded", "resource", id_hex(near, id), "status", "closed");
    write_(team, 1, "session.recorded", "name", "drop-in", "place", "library", "schedule", "tue 14:00-16:00");
    write_(team, 1, "session.recorded", "place", "library", "when", "1795266000000", "minutes", "90", "workers", "bo");
    write_(team, 1, "worker.out", "where", "Eccles", "back_by", "1795266000000");
    write_(team, 1, "worry.shared", "text", "the phone call");
}

static void rows_fit_their_columns(void **state)
{
    (void)state;
    unsigned seen = 0;
    struct team *team = team_new(), *site = team_new();
    write_a_bit_of_all(team);
    write_a_bit_of_the_site(site);
    struct document *document = fold_all(team), *places = fold_all(site);
    assert_true(view_rows(document, &JO, check_row, &seen)); /* while she waits */
    assert_true(view_rows(places, &PERSON_ID_NONE, check_row, &seen));
    write_(team, 2, "support.started");
    assert_true(document_fold(document, &team->events[team->count - 1].event));
    assert_true(view_rows(document, &JO, check_row, &seen));
    struct team *over = team_new();
    write_(over, 1, "support.started");
    write_(over, 1, "support.ended", "way_back", "ring us");
    struct document *gone = fold_all(over);
    assert_true(view_rows(gone, &JO, check_row, &seen));
    document_free(gone);
    team_free(over);
    for (size_t i = 0; i < view_count(); i++) {
        enum view view = view_at(i)->view;
        bool stored = view != VIEW_PERSON && view != VIEW_FRESHNESS && view != VIEW_NEWS;
        assert_int_equal(seen >> view & 1, stored);
    }
    for (size_t i = 0; i < team->count; i++) {
        struct buffer cells = {0};
        assert_true(view_timeline_cells(document, &team->events[i].event, &cells));
        assert_fits(view_of(VIEW_PERSON), buffer_bytes(&cells));
        buffer_release(&cells);
    }
    document_free(document);
    document_free(places);
    team_free(team);
    team_free(site);
}

static bool stop(void *context, const struct view_row *row)
{
    (void)row;
    ++*(unsigned *)context;
    return false;
}

static void whoever_takes_the_rows_may_stop(void **state)
{
    (void)state;
    unsigned rows = 0;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    struct document *document = fold_all(team);
    assert_false(view_rows(document, &JO, stop, &rows));
    assert_int_equal(rows, 1);
    document_free(document);
    team_free(team);
}

/* ---- answers that are not rows ---- */

static void add_name(void *context, struct bytes name)
{
    buffer_append(context, name.data, name.len);
    buffer_append(context, ";", 1);
}

static void a_person_is_found_by_every_name_that_stands(void **state)
{
    (void)state;
    struct buffer names = {0};
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Joanna");
    sync_all(team, 3);
    write_(team, 1, "person.details.recorded", "known_as", "Jo");
    pass(team, HOUR);
    write_(team, 2, "person.details.recorded", "known_as", "Joey");
    write_(team, 3, "person.details.recorded", "known_as", "");
    struct document *document = fold_all(team);
    document_names(document, add_name, &names);
    buffer_append(&names, "", 1);
    assert_string_equal((char *)names.data, "Joey;Jo;");
    buffer_release(&names);
    document_free(document);
    team_free(team);
}

static void the_episode_in_force_is_named(void **state)
{
    (void)state;
    char id[65];
    struct bytes episode;
    struct team *team = team_new();
    struct document *document = fold_all(team);
    assert_false(document_current_episode(document, &episode));
    struct happened *started = write_(team, 1, "support.started");
    assert_true(document_fold(document, &started->event));
    assert_true(document_current_episode(document, &episode));
    assert_true(bytes_is(episode, id_hex(started, id)));
    assert_true(document_fold(document, &write_(team, 1, "support.ended")->event));
    assert_false(document_current_episode(document, &episode));
    assert_true(document_fold(document, &write_(team, 1, "support.returned", "episode", "E2")->event));
    assert_true(document_current_episode(document, &episode));
    assert_true(bytes_is(episode, "E2"));
    document_free(document);
    team_free(team);
}

static void a_summary_says_who_the_person_is(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "A1");
    write_(team, 1, "team.joined", "worker", "amy");
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    write_(team, 2, "keyworker.agreed", "worker", "bo");
    struct document *document = fold_all(team);
    char *text = summary_text(document);
    assert_string_equal(text, "{known_as: [Jo], key_workers: [amy, bo], team: [amy], support: waiting, introductions: "
                              "[{source: A1, when: 1795262400000, who: w1, own_words: -}], to_settle: 1, "
                              "not_recognised: 0}");
    free(text);
    document_free(document);
    team_free(team);
}

static void an_arena_gives_and_takes_all_back(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (unsigned round = 0; round < 3; round++) {
        uint8_t *last = NULL;
        for (size_t size = 1; size < 100000; size = size * 3 / 2 + 1) {
            uint8_t *taken = arena_take(&arena, size);
            assert_true(taken && taken != last && (uintptr_t)taken % 16 == 0);
            memset(taken, 0xff, size);
            last = taken;
        }
        struct bytes copy = arena_copy(&arena, bytes_str("kept"));
        assert_true(bytes_is(copy, "kept"));
        assert_non_null(arena_copy(&arena, bytes_of(NULL, 0)).data);
        arena_clear(&arena);
    }
    assert_null(arena_take(&arena, SIZE_MAX));
    assert_null(arena_take(&arena, SIZE_MAX - 64));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_is_found_by_name_and_number),
        cmocka_unit_test(rows_fit_their_columns),
        cmocka_unit_test(whoever_takes_the_rows_may_stop),
        cmocka_unit_test(a_person_is_found_by_every_name_that_stands),
        cmocka_unit_test(the_episode_in_force_is_named),
        cmocka_unit_test(a_summary_says_who_the_person_is),
        cmocka_unit_test(an_arena_gives_and_takes_all_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
