/* SPDX-License-Identifier: Apache-2.0 */
/* A hub that signs two stories, each of them whole: who was told one of them finds it out by what those write who were
 * told the other. Two hubs here have one identity; to each laptop the hub passes on what the other has written, as a
 * hub that lies would, and as none does that compares cursors. */
#include "tests/unit/given_restored.h"
#include "tests/unit/given_views.h"

#include "daemon/log/log_internal.h"
#include "daemon/report.h"
#include "daemon/views/views_witness.h"

struct scene {
    struct given_log *truth, *lie;     /* the hub, as it is to Amy and as it is to Ben */
    struct given_node *amy, *ben;
    struct given_log *carl, *dora;     /* laptops that both hubs know */
    struct key_record jo;              /* whom Amy introduced */
};

/* The same hub once more: another log, the same keys to sign and to open with. */
static struct given_log *hub_again(const struct given_log *hub)
{
    struct given_log *again = calloc(1, sizeof *again);
    assert_non_null(again);
    again->dir = given_dir();
    again->identity = hub->identity;
    again->site_key = hub->site_key;
    queue_init(&again->completions, NULL, NULL);
    given_log_reopen(again);
    struct log_job job = {.kind = LOG_ADD_SITE, .new_keys = &again->site_key, .new_key_count = 1};
    name_site(&job, SITE);
    run_well(again, &job);
    return again;
}

static struct given_node *node_of(struct given_log *hub)
{
    struct given_node shell = {.log = hub};
    return given_node(ROLE_SPOKE, &shell);
}

static void push_rest(struct given_log *spoke, struct given_log *hub, uint64_t from)
{
    struct log_job job;
    assert_true(push(spoke, hub, from, &job) > 0);
    if (job.code != FELLOE_OK)
        fail_msg("%s", job.error.message);
}

/* What is common to both stories: at 1.1 Amy's introduction of Jo. */
static struct scene given_scene(void)
{
    struct scene s = {.truth = given_log(ROLE_HUB, NULL)};
    s.lie = hub_again(s.truth);
    s.amy = node_of(s.truth);
    s.ben = node_of(s.truth);
    s.carl = given_log(ROLE_SPOKE, s.truth);
    s.dora = given_log(ROLE_SPOKE, s.truth);
    s.jo = node_introduce(s.amy, "Jo");
    push_rest(s.amy->log, s.truth, 1);
    push_rest(s.amy->log, s.lie, 1);
    return s;
}

static void scene_end(struct scene *s)
{
    given_node_end(s->amy);
    given_node_end(s->ben);
    given_log_end(s->carl);
    given_log_end(s->dora);
    given_log_end(s->truth);
    given_log_end(s->lie);
}

/* ---- what is found ---- */

struct findings {
    unsigned devices, contradicting;
    struct views_witness first; /* that contradicts */
};

static bool find(void *context, const struct views_witness *witness)
{
    struct findings *f = context;
    f->devices++;
    if (testimony_contradicts(witness->other.outcome) && f->contradicting++ == 0)
        f->first = *witness;
    return true;
}

static struct findings found_by(struct given_node *node)
{
    struct findings f = {0};
    struct views_txn txn;
    node_fold(node);
    assert_int_equal(views_read(projector_views(node->projector), &txn, NULL), FELLOE_OK);
    views_witnesses(&txn, bytes_str(SITE), find, &f);
    views_end(&txn);
    return f;
}

static struct views_witness witness_of(struct given_node *node, const struct given_log *who)
{
    struct views_witness w = {0};
    struct views_txn txn;
    node_fold(node);
    assert_int_equal(views_read(projector_views(node->projector), &txn, NULL), FELLOE_OK);
    if (!views_get_witness(&txn, bytes_str(SITE), &who->identity.device, &w))
        w = (struct views_witness){0};
    views_end(&txn);
    return w;
}

/* A laptop's next run, in which it tells of the log's head at once. */
static void start_again(struct given_node *node)
{
    projector_close(node->projector);
    reopen(node->log);
    node_open_views(node);
}

static uint64_t own_seq(struct given_node *node)
{
    return own_head(node->log, NULL).seq;
}

/* Amy has received all of the truth, and writes; the event goes to this hub. */
static void amy_tells(struct scene *s, struct given_log *hub)
{
    catch_up(s->truth, s->amy->log);
    node_fold(s->amy);
    start_again(s->amy);
    node_name(s->amy, &s->jo, "Joe");
    push_rest(s->amy->log, hub, own_seq(s->amy));
}

static bool position_is(struct position at, uint32_t epoch, uint64_t n)
{
    return position_compare(at, (struct position){epoch, n}) == 0;
}

/* ---- one story ---- */

static void with_one_story_every_laptop_is_told_the_same(void **state)
{
    (void)state;
    struct scene s = given_scene();
    record_notes(s.carl, 3);
    push_rest(s.carl, s.truth, 1);
    amy_tells(&s, s.truth);
    catch_up(s.truth, s.ben->log);
    struct findings f = found_by(s.ben);
    assert_int_equal(f.devices, 1);
    assert_int_equal(f.contradicting, 0);
    assert_true(position_is(witness_of(s.ben, s.amy->log).same, 1, 4));
    catch_up(s.truth, s.amy->log); /* and Amy herself, by what she told */
    assert_int_equal(found_by(s.amy).contradicting, 0);
    scene_end(&s);
}

static bool tells_head(struct given_node *node, uint64_t seq, struct log_head *out)
{
    struct log_reader *reader = reader_of(node->log);
    struct log_item item;
    struct event event;
    struct event_body body;
    struct buffer plain = {0};
    struct key_record key;
    assert_true(log_get_own(reader, bytes_str(SITE), seq, &item) && event_decode(item.event, &event));
    assert_int_equal(keyring_get(node->log->keyring, &event.clear.key, &key), FELLOE_OK);
    assert_true(event_open(&event, &key.key, &plain, &body));
    *out = body.head;
    log_reader_end(reader);
    buffer_release(&plain);
    return body.has_head;
}

/* The writer's own copy is what it goes by, and what was committed is what it takes up again. */
static void a_minute_passes(struct given_node *node)
{
    node->log->log->told[0].ms -= HEAD_TOLD_EVERY_MS;
    node->log->log->write.told[0].ms -= HEAD_TOLD_EVERY_MS;
}

static void a_head_is_told_at_first_and_then_once_a_minute_if_it_is_new(void **state)
{
    (void)state;
    struct scene s = given_scene();
    struct log_head head, here;
    assert_false(tells_head(s.amy, 1, &head)); /* there was none yet */
    catch_up(s.truth, s.amy->log);
    here = head_in(s.amy->log, 1);
    node_name(s.amy, &s.jo, "Joe");
    node_name(s.amy, &s.jo, "Joey");
    assert_true(tells_head(s.amy, 2, &head));
    assert_true(position_is(head.at, 1, 1) && memcmp(&head.hash, &here.hash, sizeof head.hash) == 0);
    assert_false(tells_head(s.amy, 3, &head));
    push_rest(s.amy->log, s.truth, 2);
    catch_up(s.truth, s.amy->log);
    node_name(s.amy, &s.jo, "Jojo");
    assert_false(tells_head(s.amy, 4, &head)); /* it is new, and not a minute has passed */
    a_minute_passes(s.amy);
    node_name(s.amy, &s.jo, "Jojoe");
    assert_true(tells_head(s.amy, 5, &head) && position_is(head.at, 1, 3));
    a_minute_passes(s.amy);
    node_name(s.amy, &s.jo, "Jo again");
    assert_false(tells_head(s.amy, 6, &head)); /* a minute has passed, and there is nothing new */
    start_again(s.amy);
    node_name(s.amy, &s.jo, "Jo once more");
    assert_true(tells_head(s.amy, 7, &head));
    scene_end(&s);
}

/* What was not recorded told nothing. */
static void an_event_that_fails_has_not_told(void **state)
{
    (void)state;
    struct scene s = given_scene();
    struct log_head head;
    catch_up(s.truth, s.amy->log);
    struct log_draft drafts[2] = {person_note(&s.jo, "goes with the other"), person_note(&s.jo, "has no key")};
    drafts[1].key.b[3] ^= 1;
    struct log_job job = record_job(SITE, drafts, 2);
    assert_int_equal(run(s.amy->log, &job), FELLOE_NOT_FOUND);
    node_name(s.amy, &s.jo, "Joe");
    assert_true(tells_head(s.amy, 2, &head));
    scene_end(&s);
}

/* What may be recorded does not depend on it. */
static void the_longest_entry_is_as_long_as_before(void **state)
{
    (void)state;
    struct scene s = given_scene();
    struct log_head head;
    char *text = malloc(65536);
    assert_non_null(text);
    catch_up(s.truth, s.amy->log);
    memset(text, 'x', 65100);
    text[65100] = '\0';
    struct log_draft draft = person_note(&s.jo, text);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(s.amy->log, &job);
    assert_false(tells_head(s.amy, 2, &head));
    node_name(s.amy, &s.jo, "Joe");
    assert_true(tells_head(s.amy, 3, &head));
    free(text);
    scene_end(&s);
}

/* ---- two stories ---- */

static void nothing_more(struct scene *s)
{
    (void)s;
}

static void carl_in_both(struct scene *s)
{
    record_notes(s->carl, 2);
    push_rest(s->carl, s->truth, 1);
    push_rest(s->carl, s->lie, 1);
}

static void an_entry_is_removed(struct scene *s)
{
    struct key_record keys[64];
    uint32_t key_count;
    record_notes(s->carl, 2);
    push_rest(s->carl, s->truth, 1);
    struct batch *batch = read_push(s->carl, s->lie, 1, BODY_TARGET, keys, &key_count);
    batch->count = 1;
    free(batch->streams);
    given_stream(batch);
    struct log_job job = {.kind = LOG_KEEP_PUSH, .batch = batch};
    run_well(s->lie, &job);
    batch_free(batch);
    record_notes(s->dora, 3); /* and what came after it is there, so that nobody misses a position */
    push_rest(s->dora, s->truth, 1);
    push_rest(s->dora, s->lie, 1);
}

static void an_entry_is_changed(struct scene *s)
{
    keep_copy(s->carl);
    record_note(s->carl, "as it was");
    push_rest(s->carl, s->truth, 1);
    put_back(s->carl);
    record_note(s->carl, "as the hub would have it");
    push_rest(s->carl, s->lie, 1);
}

static void entries_are_reordered(struct scene *s)
{
    record_note(s->carl, "first");
    record_note(s->dora, "second");
    push_rest(s->carl, s->truth, 1);
    push_rest(s->dora, s->truth, 1);
    push_rest(s->dora, s->lie, 1);
    push_rest(s->carl, s->lie, 1);
}

static void an_entry_is_invented(struct scene *s)
{
    record_note(s->dora, "never written for anybody else");
    push_rest(s->dora, s->lie, 1);
    carl_in_both(s);
}

static void an_old_state_is_served(struct scene *s)
{
    record_notes(s->carl, 5);
    push_rest(s->carl, s->truth, 1);
}

static const struct {
    const char *what;
    void (*tell)(struct scene *s);
    enum testimony to_ben, to_amy; /* of what the other writes */
    uint64_t at; /* in epoch 1: what Amy had received when she told */
} lies[] = {
    {"none", nothing_more, HEAD_SAME, HEAD_SAME, 1},
    {"none, though there is more", carl_in_both, HEAD_SAME, HEAD_SAME, 3},
    {"an entry is removed", an_entry_is_removed, HEAD_BEHIND, HEAD_OTHER, 6},
    {"an entry is changed", an_entry_is_changed, HEAD_OTHER, HEAD_OTHER, 2},
    {"entries are reordered", entries_are_reordered, HEAD_OTHER, HEAD_OTHER, 3},
    {"an entry is invented", an_entry_is_invented, HEAD_OTHER, HEAD_BEHIND, 3},
    /* Whoever is served one holds nothing that is not so. */
    {"an old state is served", an_old_state_is_served, HEAD_BEHIND, HEAD_SAME, 6},
};

struct stories {
    unsigned count;
    struct verify_story last;
};

static void hear_story(void *context, const struct verify_story *story)
{
    struct stories *stories = context;
    stories->count++;
    stories->last = *story;
}

static struct stories stories_at(struct given_log *g, struct verify_result *result)
{
    struct stories stories = {0};
    const struct verify_options options = {.log = g->log, .keyring = g->keyring, .identity = &g->identity,
                                           .problem = told_problem, .story = hear_story, .context = &stories};
    assert_int_equal(verify_log(&options, result, NULL), FELLOE_OK);
    assert_int_equal(result->stories, stories.count);
    return stories;
}

static bool begins_with(const struct buffer *all, const struct buffer *first)
{
    return all->len >= first->len && memcmp(all->data, first->data, first->len) == 0;
}

static void named_in_words(const struct views_witness *found)
{
    char text[WITNESS_TEXT_MAX], device[33], at[40];
    witness_text(&found->other, found->same, bytes_str(SITE), "amy", false, text);
    hex_encode(bytes_of(found->device.b, 4), device);
    position_format(found->other.head.at, at);
    assert_true(strstr(text, SITE) && strstr(text, device) && strstr(text, "of amy") && strstr(text, at));
    assert_true(strlen(text) < 400);
}

/* Ben, who is told the lie, by what Amy writes, who is told the truth; and by verifying. */
static void each_lie_is_found_by_who_is_told_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct scene s = given_scene();
        struct verify_result result;
        const bool lied = lies[i].to_ben != HEAD_SAME;
        lies[i].tell(&s);
        catch_up(s.lie, s.ben->log);
        assert_int_equal(found_by(s.ben).contradicting, 0); /* each story for itself is whole */
        struct buffer before = rows_of(s.ben->log, ROWS_SIGNED);
        amy_tells(&s, s.lie);
        catch_up(s.lie, s.ben->log);
        struct findings f = found_by(s.ben);
        struct stories stories = stories_at(s.ben->log, &result);
        if (f.contradicting != lied || stories.count != lied)
            fail_msg("%s: %u contradict, and %u to verify", lies[i].what, f.contradicting, stories.count);
        if (lied) {
            assert_int_equal(f.first.other.outcome, lies[i].to_ben);
            assert_true(position_is(f.first.other.head.at, 1, lies[i].at));
            assert_true(device_id_equal(&f.first.device, &s.amy->log->identity.device));
            named_in_words(&f.first);
            assert_int_equal(stories.last.other.outcome, lies[i].to_ben);
            assert_true(position_is(stories.last.other.head.at, 1, lies[i].at) && stories.last.count == 1);
        }
        struct buffer after = rows_of(s.ben->log, ROWS_SIGNED);
        struct log_head head = head_in(s.ben->log, 1);
        assert_true(begins_with(&after, &before)); /* nothing that was received is overwritten */
        assert_int_equal(result.problems, 0);      /* and nothing is damaged */
        assert_int_equal(result.sites[0].heads, 1);
        assert_memory_equal(&result.sites[0].head.hash, &head.hash, sizeof head.hash);
        buffer_release(&before);
        buffer_release(&after);
        scene_end(&s);
    }
}

/* And the other way round: Amy, by what Ben writes. */
static void each_lie_is_found_by_who_is_told_the_truth(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct scene s = given_scene();
        lies[i].tell(&s);
        catch_up(s.truth, s.amy->log);
        catch_up(s.lie, s.ben->log);
        node_fold(s.ben);
        node_name(s.ben, &s.jo, "Jo to Ben");
        push_rest(s.ben->log, s.truth, 1);
        catch_up(s.truth, s.amy->log);
        struct findings f = found_by(s.amy);
        if (f.contradicting != (lies[i].to_amy != HEAD_SAME))
            fail_msg("%s: %u contradict", lies[i].what, f.contradicting);
        if (f.contradicting > 0)
            assert_int_equal(f.first.other.outcome, lies[i].to_amy);
        scene_end(&s);
    }
}

/* Where the two part is between the last head that was the same and the first that was not. */
static void it_is_told_up_to_where_they_are_the_same(void **state)
{
    (void)state;
    struct scene s = given_scene();
    carl_in_both(&s);
    amy_tells(&s, s.truth);                              /* at 1.4 of both, telling of 1.3 */
    push_rest(s.amy->log, s.lie, own_seq(s.amy));
    record_notes(s.dora, 3);
    push_rest(s.dora, s.lie, 1);                         /* which the truth has never had */
    record_notes(s.carl, 4);
    push_rest(s.carl, s.truth, 3);
    amy_tells(&s, s.lie);
    catch_up(s.lie, s.ben->log);
    struct findings f = found_by(s.ben);
    assert_int_equal(f.contradicting, 1);
    assert_true(position_is(f.first.same, 1, 3));
    assert_int_equal(f.first.other.outcome, HEAD_BEHIND); /* Amy had received up to 1.8, and is at 1.8 herself here */
    assert_true(position_is(f.first.other.head.at, 1, 8));
    scene_end(&s);
}

/* The hub was put back, and what it lost came back late: what was told of it is compared then. */
static void what_is_told_too_early_is_compared_when_it_comes(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct scene s = given_scene();
        record_notes(s.carl, 5);
        push_rest(s.carl, s.truth, 1);
        catch_up(s.truth, s.amy->log); /* up to 1.6 */
        node_fold(s.amy);
        next_epoch(s.lie);             /* which holds 1.1 alone, and goes on in an epoch of its own */
        node_name(s.amy, &s.jo, "Joe");
        push_rest(s.amy->log, s.lie, 2);
        catch_up(s.lie, s.ben->log);
        struct views_witness w = witness_of(s.ben, s.amy->log);
        assert_int_equal(w.waiting_count, 1);
        assert_true(position_is(w.waiting[0].head.at, 1, 6) && !testimony_contradicts(w.other.outcome));
        if (wrong) {
            record_notes(s.dora, 5);
            struct given_log *third = hub_again(s.truth);
            push_rest(s.amy->log, third, 1); /* brings both of Amy's: the second stands where Carl's first is */
            push_rest(s.dora, third, 1);
            catch_up(third, s.ben->log);
            given_log_end(third);
        } else {
            assert_int_equal(offer_all(s.amy->log, s.lie), 5);
            catch_up(s.lie, s.ben->log);
        }
        w = witness_of(s.ben, s.amy->log);
        assert_int_equal(w.waiting_count, 0);
        assert_int_equal(testimony_contradicts(w.other.outcome), wrong);
        assert_true(position_is(wrong ? w.other.head.at : w.same, 1, 6));
        scene_end(&s);
    }
}

/* ---- persistence ---- */

static bool is_verified(struct given_node *node)
{
    struct findings f = {0};
    struct views_txn txn;
    assert_int_equal(views_read(projector_views(node->projector), &txn, NULL), FELLOE_OK);
    views_witnesses(&txn, bytes_str(SITE), find, &f);
    views_end(&txn);
    return f.first.verified;
}

static void let_verify_tell(struct given_node *node)
{
    pthread_mutex_lock(&node->mutex);
    projector_verified(node->projector);
    while (!is_verified(node))
        pthread_cond_wait(&node->changed, &node->mutex);
    pthread_mutex_unlock(&node->mutex);
}

static void it_is_told_until_it_was_verified_and_made_again_with_the_views(void **state)
{
    (void)state;
    struct scene s = given_scene();
    an_entry_is_changed(&s);
    amy_tells(&s, s.lie);
    catch_up(s.lie, s.ben->log);
    assert_false(found_by(s.ben).first.verified);
    start_again(s.ben);
    assert_int_equal(found_by(s.ben).contradicting, 1);
    let_verify_tell(s.ben);
    assert_int_equal(found_by(s.ben).contradicting, 1); /* it still is so */
    start_again(s.ben);
    assert_true(found_by(s.ben).first.verified);
    projector_rebuild(s.ben->projector);
    assert_int_equal(found_by(s.ben).contradicting, 1);
    scene_end(&s);
}

/* ---- laptops that lie ---- */

/* Tells of a head that there never was, as often as one likes. */
static void tell_falsely(struct scene *s, unsigned count, uint32_t epoch, uint64_t n)
{
    for (unsigned i = 0; i < count; i++) {
        struct log_draft draft = site_note(s->carl, "a note");
        struct log_job job = record_job(SITE, &draft, 1);
        memset(s->carl->log->told, 0, sizeof s->carl->log->told);
        draft.body.has_was = true; /* what is written again keeps the head that it had */
        randombytes_buf(draft.body.was.b, sizeof draft.body.was.b);
        draft.body.has_head = true;
        draft.body.head.at = (struct position){epoch, n + i};
        run_well(s->carl, &job);
    }
}

static void what_a_liar_tells_takes_no_room_and_names_the_liar(void **state)
{
    (void)state;
    struct scene s = given_scene();
    tell_falsely(&s, 100, 7, 1u << 20);
    push_rest(s.carl, s.truth, 1);
    catch_up(s.truth, s.ben->log);
    struct findings f = found_by(s.ben);
    assert_int_equal(f.devices, 1);
    assert_int_equal(f.contradicting, 0); /* an epoch that never comes */
    assert_int_equal(witness_of(s.ben, s.carl).waiting_count, WITNESS_WAITING_MAX);
    tell_falsely(&s, 30, 1, 1);
    push_rest(s.carl, s.truth, 101);
    catch_up(s.truth, s.ben->log);
    f = found_by(s.ben);
    assert_int_equal(f.contradicting, 1);
    assert_true(device_id_equal(&f.first.device, &s.carl->identity.device));
    assert_true(position_is(f.first.other.head.at, 1, 1));
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_one_story_every_laptop_is_told_the_same),
        cmocka_unit_test(a_head_is_told_at_first_and_then_once_a_minute_if_it_is_new),
        cmocka_unit_test(an_event_that_fails_has_not_told),
        cmocka_unit_test(the_longest_entry_is_as_long_as_before),
        cmocka_unit_test(each_lie_is_found_by_who_is_told_it),
        cmocka_unit_test(each_lie_is_found_by_who_is_told_the_truth),
        cmocka_unit_test(it_is_told_up_to_where_they_are_the_same),
        cmocka_unit_test(what_is_told_too_early_is_compared_when_it_comes),
        cmocka_unit_test(it_is_told_until_it_was_verified_and_made_again_with_the_views),
        cmocka_unit_test(what_a_liar_tells_takes_no_room_and_names_the_liar),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
