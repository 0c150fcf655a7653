/* SPDX-License-Identifier: Apache-2.0 */
/* Events that are well made and mean harm: every chain holds, every key is right, and what they say is as odd as can
 * be. The views take them in, say the same when they are made again, and go on. */
#include "tests/unit/given_views.h"

#include "daemon/report.h"

static struct key_record person;

static void record_raw(struct given_node *node, const char *type, struct buffer *fields)
{
    struct log_draft draft = {.body = {.type = bytes_str(type),
                                       .worker = bytes_str("ash-grey"),
                                       .has_subject = true,
                                       .subject = person.owner,
                                       .fields = buffer_bytes(fields)},
                              .key = person.id};
    assert_false(fields->failed);
    projector_seen(node->projector, bytes_str(SITE), &draft.seen);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(node->log, &job);
    buffer_clear(fields);
}

/* One field of a type, with a value that `put` writes. */
static void record_field(struct given_node *node, const char *type, const char *field, struct bytes value)
{
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, field);
    buffer_append(&fields, value.data, value.len);
    record_raw(node, type, &fields);
    buffer_release(&fields);
}

static struct buffer odd_values[16];
static size_t make_odd_values(void)
{
    size_t n = 0;
    static char huge[60000];
    memset(huge, 'x', sizeof huge);
    mp_put_nil(&odd_values[n++]);
    mp_put_bool(&odd_values[n++], true);
    mp_put_int(&odd_values[n++], INT64_MIN);
    mp_put_uint(&odd_values[n++], UINT64_MAX);
    mp_put_text(&odd_values[n++], "");
    mp_put_text(&odd_values[n++], "\x1b[2J\x07\r\n\t\x01\x7f");
    mp_put_str(&odd_values[n++], bytes_of("\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", 11)); /* no UTF-8 */
    mp_put_str(&odd_values[n++], bytes_of("\xe2\x80\xae\xe2\x81\xa6\xcc\x81\xcc\x81\xcc\x81\0x", 14));
    mp_put_str(&odd_values[n++], bytes_of(huge, sizeof huge));
    mp_put_bin(&odd_values[n++], (const uint8_t *)huge, sizeof huge);
    mp_put_bin(&odd_values[n++], (const uint8_t *)huge, 32);
    mp_put_array(&odd_values[n], 900);
    for (unsigned i = 0; i < 900; i++)
        mp_put_nil(&odd_values[n]);
    n++;
    for (unsigned i = 0; i < 10; i++)
        mp_put_array(&odd_values[n], 1);
    mp_put_nil(&odd_values[n++]);
    return n;
}

static void every_field_of_every_type_with_odd_values(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_SPOKE, NULL);
    person = node_introduce(node, "Jo");
    size_t values = make_odd_values();
    unsigned recorded = 1;
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        const struct type_def *type = catalogue_at(t);
        for (size_t f = 0; f < type->field_count; f++)
            for (size_t v = 0; v < values; v++, recorded++)
                record_field(node, type->name, type->fields[f].name, buffer_bytes(&odd_values[v]));
    }
    struct node_digest digest = node_digest(node), again;
    assert_int_equal(rows_in(&digest, "timeline"), recorded);
    projector_rebuild(node->projector);
    again = node_digest(node);
    assert_same_digest(&digest, &again);
    assert_false(projector_stuck(node->projector, NULL));
    for (size_t v = 0; v < values; v++)
        buffer_release(&odd_values[v]);
    given_node_end(node);
}

/* Each strikes the one before: what stands is decided from the far end. */
static void a_long_row_of_strikes(void **state)
{
    (void)state;
    enum { STRIKES = 3000 };
    struct given_node *node = given_node(ROLE_SPOKE, NULL);
    person = node_introduce(node, "Jo");
    struct log_draft first = node_record(node, &person, false, "note.added", (const char *[]){"text", "x", NULL});
    struct event_id last = first.id;
    struct buffer fields = {0};
    for (unsigned i = 0; i < STRIKES; i++) {
        buffer_clear(&fields);
        mp_put_map(&fields, 1);
        mp_put_text(&fields, "of");
        mp_put_bin(&fields, last.b, sizeof last.b);
        struct log_draft draft = {.body = {.type = bytes_str("entry.struck"),
                                           .worker = bytes_str("ash-grey"),
                                           .has_subject = true,
                                           .subject = person.owner,
                                           .fields = buffer_bytes(&fields)},
                                  .key = person.id};
        struct log_job job = record_job(SITE, &draft, 1);
        run_well(node->log, &job);
        last = draft.id;
    }
    buffer_release(&fields);
    struct node_digest digest = node_digest(node);
    assert_int_equal(rows_in(&digest, "timeline"), STRIKES + 2);
    given_node_end(node);
}

static void tell_who_joined(struct given_node *node, const char *name, const struct origin_id *origin,
                            const char *type)
{
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "worker");
    mp_put_text(&fields, "bo");
    mp_put_text(&fields, "name");
    mp_put_text(&fields, name);
    struct log_draft draft = {.body = {.type = bytes_str(type), .worker = bytes_str("hub"), .has_origin = true,
                                       .origin = *origin, .fields = buffer_bytes(&fields)},
                              .key = node->log->site_key.id};
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(node->log, &job);
    buffer_release(&fields);
}

static bool see_row(void *context, const struct views_row *row)
{
    buffer_append(context, row->cells.data, row->cells.len);
    return true;
}

/* A laptop says that others joined, some of it under the origin that the hub's own word has: of two with one origin the
 * lower id counts, and it can try as often as it likes. The hub's word stands, whatever comes first. */
static void a_laptop_that_speaks_for_the_hub(void **state)
{
    (void)state;
    const struct origin_id origin = {{7}};
    struct given_node *hub = given_node(ROLE_HUB, NULL), *liar = given_node(ROLE_SPOKE, hub);
    struct given_node *honest = given_node(ROLE_SPOKE, hub);
    for (unsigned i = 0; i < 8; i++)
        tell_who_joined(liar, "Eve", &origin, i % 2 ? "worker.joined" : "note.added");
    node_share(liar, hub);
    node_fold(hub);
    tell_who_joined(hub, "Bo Hart", &origin, "worker.joined");
    for (unsigned i = 0; i < 8; i++)
        tell_who_joined(liar, "Eve", &origin, i % 2 ? "worker.joined" : "note.added");
    node_share(liar, hub);
    node_receive(hub, liar);
    node_receive(hub, honest);
    struct given_node *all[] = {hub, liar, honest};
    struct node_digest digests[3];
    for (unsigned i = 0; i < 3; i++) {
        struct buffer cells = {0};
        struct views_txn txn;
        digests[i] = node_digest(all[i]);
        assert_int_equal(rows_in(&digests[i], "workers"), 1);
        assert_int_equal(views_read(projector_views(all[i]->projector), &txn, NULL), FELLOE_OK);
        views_rows(&txn, bytes_str(SITE), VIEW_WORKERS, (struct bytes){0}, see_row, &cells);
        views_end(&txn);
        assert_non_null(memmem(cells.data, cells.len, "Bo Hart", 7));
        assert_null(memmem(cells.data, cells.len, "Eve", 3));
        buffer_release(&cells);
        assert_same_digest(&digests[0], &digests[i]);
        projector_rebuild(all[i]->projector);
        struct node_digest again = node_digest(all[i]);
        assert_same_digest(&digests[0], &again);
    }
    for (unsigned i = 3; i > 0; i--)
        given_node_end(all[i - 1]);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_every_type_with_odd_values),
        cmocka_unit_test(a_long_row_of_strikes),
        cmocka_unit_test(a_laptop_that_speaks_for_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
