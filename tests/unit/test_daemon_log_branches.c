/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop that was set back or copied goes on as another incarnation: what the hub does not have of its stream is
 * written again, once and whole; what the hub has comes back as anybody's; and nothing is written twice or lost,
 * wherever it stops in between. */
#include "tests/unit/given_set_back.h"

#include "daemon/log/log_internal.h"

/* The laptop opens an own event of the incarnation it has now. */
static void open_own(struct given_log *g, uint64_t seq, struct event_body *body, struct event *event)
{
    static struct buffer plain, raw; /* the last one's, until the next call */
    struct log_reader *reader = reader_of(g);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), seq, &item));
    buffer_clear(&raw);
    buffer_append(&raw, item.event.data, item.event.len);
    log_reader_end(reader);
    struct key_record key;
    assert_true(event_decode(buffer_bytes(&raw), event));
    assert_int_equal(keyring_get(g->keyring, &event->clear.key, &key), FELLOE_OK);
    assert_true(event_open(event, &key.key, &plain, body));
}

static void assert_text(const struct event_body *body, const char *text)
{
    struct bytes fields = note_fields(text);
    assert_true(bytes_equal(body->fields, fields));
}

static uint64_t go_on_with(struct pair *p, uint32_t incarnation)
{
    name_next(p->spoke, incarnation);
    catch_up_as(p->hub, p->spoke, incarnation);
    return finish(p->spoke);
}

/* ---- what is written again ---- */

static void what_the_hub_has_not_is_written_again_with_all_it_said(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(5, 3, 4);
    struct key_record person = new_person(SITE);
    struct log_draft draft = person_note(&person, "about somebody");
    draft.body.has_occurred = true;
    draft.body.occurred = 1795262400000;
    draft.body.has_origin = true;
    draft.body.origin = (struct origin_id){{7, 7, 7}};
    seen_advance(&draft.seen, (struct position){1, 4});
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    struct event was;
    struct event_body said;
    open_own(p.spoke, 9, &said, &was);
    const uint64_t time = said.time;

    name_next(p.spoke, 2);
    catch_up_as(p.hub, p.spoke, 2);
    assert_int_equal(finish(p.spoke), 4);
    assert_int_equal(event_log_incarnation(p.spoke->log), 2);
    uint64_t shared;
    assert_int_equal(own_head(p.spoke, &shared).seq, 4);
    assert_int_equal(shared, 0);
    struct event event;
    struct event_body body;
    open_own(p.spoke, 1, &body, &event);
    assert_text(&body, "mine 1");
    open_own(p.spoke, 4, &body, &event);
    assert_text(&body, "about somebody");
    assert_int_equal(body.time, time);
    assert_true(body.has_subject && person_id_equal(&body.subject, &person.owner));
    assert_true(body.has_occurred);
    assert_int_equal(body.occurred, 1795262400000);
    assert_true(bytes_is(body.type, "note.added"));
    assert_true(bytes_is(body.worker, "ash-grey"));
    assert_true(body.has_origin);
    assert_true(body.has_was && event_id_equal(&body.was, &draft.id));
    assert_int_equal(seen_in(&event.clear.seen, 1), 4);
    assert_int_equal(body.after.count, 1);
    assert_int_equal(body.after.at[0].incarnation, 1);
    assert_int_equal(body.after.at[0].seq, 5);

    /* The key goes along; the import is known by its new event. */
    push_rest(p.spoke, p.hub, 1);
    assert_true(keyring_has(p.hub->keyring, &person.id, NULL));
    struct log_draft again = draft;
    job = record_job(SITE, &again, 1);
    run_well(p.spoke, &job);
    assert_true(again.known);
    assert_memory_not_equal(&again.id, &draft.id, sizeof draft.id);
    catch_up(p.hub, p.spoke);
    assert_same_rows(p.hub, p.spoke);
    assert_int_equal(head_in(p.hub, 1).at.n, 5 + 4 + 4);
    pair_end(&p);
}

static void a_laptop_goes_on_with_none_some_and_all_unshared(void **state)
{
    (void)state;
    const struct { unsigned shared, unshared, lost; } cases[] = {{5, 0, 4}, {0, 4, 3}, {3, 0, 0}, {0, 3, 0}, {6, 2, 1}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p = set_back_laptop(cases[i].shared, cases[i].unshared, cases[i].lost);
        name_next(p.spoke, 9);
        catch_up_as(p.hub, p.spoke, 9);
        assert_int_equal(finish(p.spoke), cases[i].unshared);
        record_note(p.spoke, "and after that");
        struct event event;
        struct event_body body;
        open_own(p.spoke, cases[i].unshared + 1, &body, &event);
        assert_int_equal(event.clear.incarnation, 9);
        assert_false(body.has_was);
        assert_int_equal(body.after.count, cases[i].shared > 0 ? 1 : 0);
        if (cases[i].shared > 0)
            assert_int_equal(body.after.at[0].seq, cases[i].shared);
        push_rest(p.spoke, p.hub, 1);
        catch_up(p.hub, p.spoke);
        assert_same_rows(p.hub, p.spoke);
        assert_int_equal(head_in(p.hub, 1).at.n, cases[i].shared + cases[i].lost + cases[i].unshared + 1);
        assert_int_equal(verified(p.spoke).again, cases[i].unshared);
        pair_end(&p);
    }
}

static void people_go_on_recording_until_it_goes_on(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(3, 1, 2);
    record_note(p.spoke, "before it is named");
    name_next(p.spoke, 2);
    record_note(p.spoke, "before it caught up");
    assert_int_equal(own_head(p.spoke, NULL).seq, 6);
    catch_up_as(p.hub, p.spoke, 2);
    struct log_draft together[2] = {site_note(p.spoke, "with the turn"), site_note(p.spoke, "right after it")};
    struct log_job jobs[3] = {record_job(SITE, &together[0], 1), {.kind = LOG_GO_ON},
                              record_job(SITE, &together[1], 1)};
    for (unsigned i = 0; i < 3; i++)
        submit(p.spoke, &jobs[i]);
    for (unsigned i = 0; i < 3; i++) {
        wait_for(p.spoke, &jobs[i]);
        assert_int_equal(jobs[i].code, FELLOE_OK);
    }
    assert_int_equal(jobs[1].remade, 4);
    const char *texts[] = {"mine 1", "before it is named", "before it caught up", "with the turn", "right after it"};
    for (unsigned i = 0; i < 5; i++) {
        struct event event;
        struct event_body body;
        open_own(p.spoke, i + 1, &body, &event);
        assert_text(&body, texts[i]);
        assert_int_equal(body.has_was, i < 4);
    }
    pair_end(&p);
}

static void wherever_it_stops_it_takes_up_again(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(4, 3, 2);
    name_next(p.spoke, 2);
    reopen(p.spoke);
    assert_int_equal(event_log_going_on(p.spoke->log), 2);
    assert_int_equal(event_log_incarnation(p.spoke->log), 1);
    assert_int_equal(own_head(p.spoke, NULL).seq, 7);
    name_next(p.spoke, 2); /* the hub says so again */
    catch_up_as(p.hub, p.spoke, 2);
    reopen(p.spoke);
    name_next(p.spoke, 5); /* and now another */
    reopen(p.spoke);
    assert_int_equal(event_log_going_on(p.spoke->log), 5);
    assert_int_equal(finish(p.spoke), 3);
    assert_int_equal(event_log_incarnation(p.spoke->log), 5);
    struct log_job job = {.kind = LOG_GO_ON};
    assert_int_equal(run(p.spoke, &job), FELLOE_INVALID); /* it has gone on */
    for (uint32_t low = 0; low <= 5; low++) {
        job = (struct log_job){.kind = LOG_GOING_ON, .incarnation = low};
        assert_int_equal(run(p.spoke, &job), FELLOE_INVALID);
    }
    job = (struct log_job){.kind = LOG_GOING_ON, .incarnation = 5};
    assert_int_equal(run(p.hub, &job), FELLOE_INVALID);
    reopen(p.spoke);
    assert_int_equal(own_head(p.spoke, NULL).seq, 3);
    pair_end(&p);
}

/* A person's key was erased meanwhile: what was written under it says nothing any more, anywhere. */
static void what_cannot_be_read_is_left_as_it_is(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(2, 1, 1);
    struct key_record person = new_person(SITE);
    struct log_draft draft = person_note(&person, "about somebody");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    record_note(p.spoke, "the last");
    assert_int_equal(keyring_erase(p.spoke->keyring, &person.id, 1, NULL), FELLOE_OK);
    name_next(p.spoke, 2);
    catch_up_as(p.hub, p.spoke, 2);
    job = (struct log_job){.kind = LOG_GO_ON};
    run_well(p.spoke, &job);
    assert_int_equal(job.remade, 2);
    assert_int_equal(job.left, 1); /* which is told */
    reopen(p.spoke);
    struct event event;
    struct event_body body;
    open_own(p.spoke, 2, &body, &event);
    assert_text(&body, "the last");
    pair_end(&p);
}

/* The keys are gone, and the hub may have them: until they came nothing is written again, and nothing left out. */
static void what_waits_for_its_key_is_written_again_when_it_came(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(2, 1, 1);
    struct key_record person = new_person(SITE);
    struct log_draft draft = person_note(&person, "about somebody");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(p.spoke, &job);
    name_next(p.spoke, 2);
    catch_up_as(p.hub, p.spoke, 2);
    given_log_close(p.spoke);
    assert_int_equal(unlink(given_path(&p.spoke->dir, "keys/data.mdb")), 0);
    given_log_reopen(p.spoke);
    assert_int_equal(keyring_add(p.spoke->keyring, &p.spoke->site_key, 1, NULL), FELLOE_OK);
    for (unsigned i = 0; i < 2; i++) {
        job = (struct log_job){.kind = LOG_GO_ON, .patient = true};
        assert_int_equal(run(p.spoke, &job), FELLOE_NOT_FOUND);
        assert_int_equal(job.missing_count, 1);
        assert_memory_equal(&job.missing[0], &person.id, sizeof person.id);
        reopen(p.spoke);
        assert_int_equal(event_log_incarnation(p.spoke->log), 1);
        assert_int_equal(event_log_going_on(p.spoke->log), 2);
    }
    assert_int_equal(keyring_add(p.spoke->keyring, &person, 1, NULL), FELLOE_OK);
    job = (struct log_job){.kind = LOG_GO_ON, .patient = true};
    run_well(p.spoke, &job);
    assert_int_equal(job.remade, 2);
    assert_int_equal(event_log_incarnation(p.spoke->log), 2);
    pair_end(&p);
}

static void one_that_is_set_back_twice_names_both_of_its_branches(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(3, 1, 1);
    go_on_with(&p, 2);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    keep_copy(p.spoke);
    record_note(p.spoke, "lost again");
    push_rest(p.spoke, p.hub, 2);
    put_back(p.spoke);
    struct log_draft mine = record_note(p.spoke, "mine again");
    go_on_with(&p, 3);
    struct event event;
    struct event_body body;
    open_own(p.spoke, 1, &body, &event);
    assert_text(&body, "mine again");
    assert_true(event_id_equal(&body.was, &mine.id));
    assert_int_equal(body.after.count, 2);
    assert_int_equal(body.after.at[0].incarnation, 1);
    assert_int_equal(body.after.at[0].seq, 3);
    assert_int_equal(body.after.at[1].incarnation, 2);
    assert_int_equal(body.after.at[1].seq, 1);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    assert_same_rows(p.hub, p.spoke);
    pair_end(&p);
}

/* It was never shared under the second incarnation either: its name is that of the first writing. */
static void what_is_written_again_twice_keeps_its_first_name(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(1, 0, 0);
    struct log_draft first = record_note(p.spoke, "never shared");
    go_on_with(&p, 2);
    go_on_with(&p, 3);
    struct event event;
    struct event_body body;
    open_own(p.spoke, 1, &body, &event);
    assert_text(&body, "never shared");
    assert_int_equal(event.clear.incarnation, 3);
    assert_true(event_id_equal(&body.was, &first.id));
    assert_int_equal(body.after.count, 1); /* nothing of the second is in the record */
    pair_end(&p);
}

static void no_more_branches_are_named_than_there_is_room_for(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    for (uint32_t incarnation = 2; incarnation <= 12; incarnation++) {
        go_on_with(&p, incarnation);
        record_note(p.spoke, "one of each");
        push_rest(p.spoke, p.hub, 1);
        catch_up(p.hub, p.spoke);
    }
    struct event event;
    struct event_body body;
    open_own(p.spoke, 1, &body, &event);
    assert_int_equal(body.after.count, BRANCHES_MAX);
    assert_int_equal(body.after.at[0].incarnation, 4);
    assert_int_equal(body.after.at[BRANCHES_MAX - 1].incarnation, 11);
    pair_end(&p);
}

static void the_longest_event_can_be_written_again(void **state)
{
    (void)state;
    struct pair p = pair_with(1);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    for (uint32_t incarnation = 2; incarnation <= 10; incarnation++) {
        go_on_with(&p, incarnation + 0xF0000000u);
        record_note(p.spoke, "one of each");
        push_rest(p.spoke, p.hub, 1);
        catch_up(p.hub, p.spoke);
    }
    char *text = malloc(EVENT_SIZE_MAX);
    assert_non_null(text);
    struct log_draft draft = site_note(p.spoke, "");
    struct log_job job;
    size_t len = EVENT_SIZE_MAX - 1;
    do { /* the longest that is taken */
        memset(text, 'x', --len);
        text[len] = '\0';
        draft = site_note(p.spoke, text);
        job = record_job(SITE, &draft, 1);
    } while (run(p.spoke, &job) != FELLOE_OK);
    assert_true(len > EVENT_SIZE_MAX - 1024);
    assert_int_equal(go_on_with(&p, 0xF00000F0u), 1);
    free(text);
    pair_end(&p);
}

/* ---- what is seen, and by whom ---- */

static void the_next_event_has_seen_what_the_last_had(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(5, 0, 1);
    struct log_draft draft = site_note(p.spoke, "seen much");
    seen_advance(&draft.seen, (struct position){1, 5});
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(p.spoke, &job);
    go_on_with(&p, 2);
    record_note(p.spoke, "next");
    struct event event;
    struct event_body body;
    open_own(p.spoke, 2, &body, &event);
    assert_int_equal(seen_in(&event.clear.seen, 1), 5);

    struct pair other = pair_with(5); /* with nothing to write again */
    draft = site_note(other.spoke, "seen much");
    seen_advance(&draft.seen, (struct position){1, 5});
    job = record_job(SITE, &draft, 1);
    run_well(other.spoke, &job);
    push_rest(other.spoke, other.hub, 1);
    catch_up(other.hub, other.spoke);
    assert_int_equal(go_on_with(&other, 2), 0);
    record_note(other.spoke, "next");
    open_own(other.spoke, 1, &body, &event);
    assert_int_equal(seen_in(&event.clear.seen, 1), 5);
    pair_end(&other);
    pair_end(&p);
}

/* A head in which a bit had turned over once said so, and the hub takes nothing that has seen what it does not have. */
static void what_was_seen_and_is_nowhere_is_seen_no_more(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(5, 0, 1);
    struct log_draft draft = site_note(p.spoke, "seen too much");
    seen_advance(&draft.seen, (struct position){1, 5 + (1 << 20)});
    seen_advance(&draft.seen, (struct position){9, 3});
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(p.spoke, &job);
    go_on_with(&p, 2);
    record_note(p.spoke, "next");
    struct event event;
    struct event_body body;
    for (uint64_t seq = 1; seq <= 2; seq++) {
        open_own(p.spoke, seq, &body, &event);
        assert_true(event.clear.seen.count == 1 && seen_in(&event.clear.seen, 1) == 6); /* all there is */
    }
    pair_end(&p);
}

struct told_stream {
    const struct given_log *g;
    unsigned count, own;
    uint64_t own_seq;
};

static bool tell_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    struct told_stream *told = context;
    told->count++;
    if (device_id_equal(device, &told->g->identity.device)) {
        assert_int_equal(incarnation, 1);
        told->own++;
        told->own_seq = head->seq;
    }
    return true;
}

static struct told_stream streams_of(struct given_log *g)
{
    struct told_stream told = {.g = g};
    struct log_reader *reader = reader_of(g);
    assert_true(log_streams(reader, bytes_str(SITE), tell_stream, &told));
    log_reader_end(reader);
    return told;
}

/* For the machine that speaks as the next incarnation, the present one is a stream like another's. */
static void the_stream_that_it_leaves_is_told_as_far_as_the_log_has_it(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(5, 3, 2);
    record_notes(p.hub, 1);
    assert_int_equal(streams_of(p.spoke).own, 0);
    name_next(p.spoke, 2);
    struct told_stream told = streams_of(p.spoke);
    assert_int_equal(told.own, 1);
    assert_int_equal(told.own_seq, 5);
    catch_up_as(p.hub, p.spoke, 2);
    told = streams_of(p.spoke);
    assert_int_equal(told.count, 2); /* and the hub's */
    assert_int_equal(told.own_seq, 7);
    finish(p.spoke);
    told = streams_of(p.spoke);
    assert_int_equal(told.own, 1);
    assert_int_equal(told.own_seq, 7);
    pair_end(&p);
}

/* Two that were one: each goes its way, and both find both in the record. */
static void a_copy_and_the_laptop_it_was_made_of_both_go_on(void **state)
{
    (void)state;
    struct pair p = pair_with(0);
    record_text(p.spoke, "both %u", 1, 3);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    keep_copy(p.spoke);
    record_text(p.spoke, "first %u", 1, 2);
    push_rest(p.spoke, p.hub, 4);

    struct given_log *copy = given_log(ROLE_SPOKE, p.hub);
    given_log_close(copy);
    copy->identity = p.spoke->identity;
    char from[160];
    snprintf(from, sizeof from, "%s", given_path(&p.spoke->dir, "older.mdb"));
    copy_file(from, given_path(&copy->dir, "log/data.mdb"));
    nftw(given_path(&copy->dir, "keys"), given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
    given_log_reopen(copy);
    assert_int_equal(keyring_add(copy->keyring, &copy->site_key, 1, NULL), FELLOE_OK);
    record_text(copy, "second %u", 1, 4);
    name_next(copy, 2);
    catch_up_as(p.hub, copy, 2);
    assert_int_equal(finish(copy), 4);
    push_rest(copy, p.hub, 1);
    record_text(p.spoke, "first %u", 3, 3); /* the other one notices nothing */
    push_rest(p.spoke, p.hub, 6);
    catch_up(p.hub, p.spoke);
    catch_up(p.hub, copy);
    assert_same_rows(p.hub, p.spoke);
    assert_same_rows(p.hub, copy);
    assert_int_equal(head_in(p.hub, 1).at.n, 3 + 2 + 4 + 1);
    given_log_end(copy);
    pair_end(&p);
}

/* ---- a log that is gone ---- */

static void a_laptop_without_its_log_gets_it_back_and_goes_on(void **state)
{
    (void)state;
    struct pair p = pair_with(20);
    push_rest(p.spoke, p.hub, 1);
    lose_log(p.spoke);
    char site[SLUG_MAX + 1];
    struct log_reader *reader = reader_of(p.spoke);
    assert_true(log_site_at(reader, 0, site));
    assert_string_equal(site, SITE);
    assert_false(log_site_at(reader, 1, site));
    log_reader_end(reader);
    assert_int_equal(own_head(p.spoke, NULL).seq, 0);
    record_note(p.spoke, "written before the hub was reached");
    assert_int_equal(go_on_with(&p, 2), 1);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    assert_same_rows(p.hub, p.spoke);
    assert_int_equal(head_in(p.hub, 1).at.n, 21);
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_hub_has_not_is_written_again_with_all_it_said),
        cmocka_unit_test(a_laptop_goes_on_with_none_some_and_all_unshared),
        cmocka_unit_test(people_go_on_recording_until_it_goes_on),
        cmocka_unit_test(wherever_it_stops_it_takes_up_again),
        cmocka_unit_test(what_cannot_be_read_is_left_as_it_is),
        cmocka_unit_test(what_waits_for_its_key_is_written_again_when_it_came),
        cmocka_unit_test(one_that_is_set_back_twice_names_both_of_its_branches),
        cmocka_unit_test(what_is_written_again_twice_keeps_its_first_name),
        cmocka_unit_test(no_more_branches_are_named_than_there_is_room_for),
        cmocka_unit_test(the_longest_event_can_be_written_again),
        cmocka_unit_test(the_next_event_has_seen_what_the_last_had),
        cmocka_unit_test(what_was_seen_and_is_nowhere_is_seen_no_more),
        cmocka_unit_test(the_stream_that_it_leaves_is_told_as_far_as_the_log_has_it),
        cmocka_unit_test(a_copy_and_the_laptop_it_was_made_of_both_go_on),
        cmocka_unit_test(a_laptop_without_its_log_gets_it_back_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
