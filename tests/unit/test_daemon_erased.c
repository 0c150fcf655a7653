/* SPDX-License-Identifier: Apache-2.0 */
/* People who were erased: the hub's entry in commons destroys their keys and takes them out of the views, on every node
 * that hears of it, in whichever order things come, and again whenever a key is put back. */
#include "tests/unit/given_views.h"

#include <fcntl.h>

#include "daemon/views/erased.h"
#include "daemon/views/views_inside.h"

static const struct key_record commons_key = {.id = {{7, 7}}, .kind = KEY_SITE, .site = ERASURE_SITE, .key = {{8, 8}}};

struct trio {
    struct given_node *hub, *amy, *ben;
};

static struct given_node *node_with_commons(enum role role, const struct given_node *hub)
{
    struct given_node *node = given_node(role, hub);
    struct key_record key = commons_key;
    struct log_job job = {.kind = LOG_ADD_SITE, .new_keys = &key, .new_key_count = 1};
    name_site(&job, ERASURE_SITE);
    run_well(node->log, &job);
    return node;
}

static struct trio trio_new(void)
{
    struct trio t = {.hub = node_with_commons(ROLE_HUB, NULL)};
    t.amy = node_with_commons(ROLE_SPOKE, t.hub);
    t.ben = node_with_commons(ROLE_SPOKE, t.hub);
    return t;
}

static void trio_end(struct trio *t)
{
    given_node_end(t->amy);
    given_node_end(t->ben);
    given_node_end(t->hub);
}

static void sync_all(struct trio *t)
{
    node_share(t->amy, t->hub);
    node_share(t->ben, t->hub);
    node_receive(t->hub, t->amy);
    node_receive(t->hub, t->ben);
}

/* Writes person.erased into this site, as the node's own. */
static void record_erasure(struct given_node *node, const char *site, const struct key_id *site_key,
                           const struct person_id *person, const struct key_id *keys, size_t key_count)
{
    struct buffer fields = {0};
    const struct erasure erasure = {*person, bytes_str("asked for in a letter of 3 March"),
                                    bytes_of(keys, key_count * sizeof *keys)};
    erasure_put(&erasure, &fields);
    struct log_draft draft = {.body = {.type = bytes_str(ERASURE_TYPE), .worker = bytes_str("hub"),
                                       .fields = buffer_bytes(&fields)}, .key = *site_key};
    struct log_job job = record_job(site, &draft, 1);
    run_well(node->log, &job);
    buffer_release(&fields);
}

static void erase_at(struct given_node *hub, const struct key_record *person, const struct key_id *keys, size_t count)
{
    record_erasure(hub, ERASURE_SITE, &commons_key.id, &person->owner, keys, count);
    node_fold(hub);
}

/* What the hub has of commons comes to a laptop. */
static void hear(struct given_node *hub, struct given_node *spoke)
{
    struct lent body;
    struct position first;
    uint32_t count, key_count;
    struct log_head head;
    struct box_shared shared;
    struct felloe_error error = {0};
    struct key_record keys[64];
    assert_true(box_shared_of(&shared, &spoke->log->identity.box_public, &hub->log->identity.box_secret));
    if (log_read_feed(hub->log->log, bytes_str(ERASURE_SITE), (struct position){1, 1}, BODY_TARGET,
                      &spoke->log->identity.device, 1, &shared, &body, &first, &count, &key_count, &head, &error) !=
        FELLOE_OK)
        fail_msg("%s", error.message);
    struct entries_form form = {.site = bytes_str(ERASURE_SITE), .count = count, .key_count = key_count,
                                .markers = true, .signatures = true, .own = spoke->log->identity.device,
                                .incarnation = 1};
    given_own_ids(spoke->log, ERASURE_SITE, &form);
    struct batch *batch = batch_of_body(&body, &form, &shared, keys);
    batch->epoch = first.epoch;
    batch->first_n = first.n;
    batch->head = head;
    sign_log_head(&hub->log->identity.sign_secret, bytes_str(ERASURE_SITE), &head, &batch->head_signature);
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
    run_well(spoke->log, &job);
    batch_free(batch);
    node_fold(spoke);
}

/* A restricted key of Jo's, and an entry under it. */
static struct key_record confide(struct given_node *node, const struct key_record *jo, uint8_t number)
{
    struct key_record key = {.id = {{0xAB, number}}, .kind = KEY_PERSON_AUDIENCE, .owner = jo->owner, .site = SITE};
    randombytes_buf(key.key.b, sizeof key.key.b);
    assert_true(audience_add(&key.members, bytes_str("amy")) && audience_add(&key.members, bytes_str("ben")));
    node_record(node, &key, true, "note.added", (const char *[]){"text", "in confidence", NULL});
    return key;
}

static bool has_name(struct given_node *node, const struct person_id *person)
{
    struct views_txn txn;
    struct felloe_error error;
    struct buffer name = {0};
    assert_int_equal(views_read(projector_views(node->projector), &txn, &error), FELLOE_OK);
    views_get_name(&txn, bytes_str(SITE), person, &name);
    views_end(&txn);
    bool named = name.len > 0;
    buffer_release(&name);
    return named;
}

static struct views_erased erased_at(struct given_node *node, const struct person_id *person, bool *found)
{
    struct views_txn txn;
    struct felloe_error error;
    struct views_erased erased;
    assert_int_equal(views_read(projector_views(node->projector), &txn, &error), FELLOE_OK);
    *found = views_get_erased(&txn, person, &erased);
    views_end(&txn);
    return erased;
}

static void assert_gone(struct given_node *node, const struct key_record *person)
{
    bool found;
    node_fold(node);
    struct views_erased erased = erased_at(node, &person->owner, &found);
    assert_true(found);
    assert_string_equal(erased.basis, "asked for in a letter of 3 March");
    assert_true(erased.ms > 1700000000000);
    assert_false(has_name(node, &person->owner));
    assert_false(keyring_has(node->log->keyring, &person->id, NULL));
    assert_true(keyring_erased(node->log->keyring, &person->id, NULL));
    assert_false(views_damaged(projector_views(node->projector)));
}

static size_t missing_at(struct given_node *node)
{
    struct key_id missing[4];
    node_fold(node);
    return projector_missing_keys(node->projector, bytes_str(SITE), missing, 4);
}

static void who_is_erased_is_gone_everywhere_and_nobody_else(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo"), ann = node_introduce(t.amy, "Ann");
    node_record(t.amy, &jo, false, "note.added", (const char *[]){"text", "likes tea", NULL});
    struct key_record secret = confide(t.amy, &jo, 1);
    sync_all(&t);
    struct node_digest before = node_digest(t.ben);
    assert_int_equal(rows_in(&before, "documents"), 2);
    erase_at(t.hub, &jo, &secret.id, 1);
    assert_gone(t.hub, &jo);
    assert_false(keyring_has(t.hub->log->keyring, &secret.id, NULL));
    assert_true(has_name(t.ben, &jo.owner)); /* who has not heard of it */
    hear(t.hub, t.amy);
    hear(t.hub, t.ben);
    for (unsigned i = 0; i < 3; i++) {
        struct given_node *node = i == 0 ? t.hub : i == 1 ? t.amy : t.ben;
        assert_gone(node, &jo);
        assert_int_equal(missing_at(node), 0);
        assert_true(keyring_erased(node->log->keyring, &secret.id, NULL));
        assert_true(has_name(node, &ann.owner));
        struct node_digest digest = node_digest(node);
        assert_int_equal(rows_in(&digest, "documents"), 1);
        assert_int_equal(rows_in(&digest, "timeline"), 1);
        assert_int_equal(rows_in(&digest, "front-door"), 1);
    }
    trio_end(&t);
}

/* The hub's keyring knows whose a restricted key is, also where the entry did not name it. */
static void restricted_keys_go_along_whether_or_not_they_are_named(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    struct key_record secret = confide(t.amy, &jo, 1);
    sync_all(&t);
    erase_at(t.hub, &jo, NULL, 0);
    assert_true(keyring_erased(t.hub->log->keyring, &secret.id, NULL));
    hear(t.hub, t.amy);
    assert_true(keyring_erased(t.amy->log->keyring, &secret.id, NULL));
    trio_end(&t);
}

/* Does the hub say that nobody gets this key? */
static bool is_denied(struct given_node *hub, const struct given_node *spoke, const struct key_id *id)
{
    struct box_shared shared;
    struct lent body;
    struct key_id denied[1];
    struct felloe_error error;
    uint32_t keys, denied_count;
    assert_true(box_shared_of(&shared, &spoke->log->identity.box_public, &hub->log->identity.box_secret));
    assert_int_equal(log_read_keys(hub->log->log, bytes_str(SITE), id, 1, &spoke->log->identity.device, &shared, &body,
                                   &keys, denied, &denied_count, &error), FELLOE_OK);
    lent_return(&body);
    assert_int_equal(keys, 0);
    return denied_count == 1;
}

static uint32_t missing_at_hub(struct trio *t)
{
    struct key_id ids[4];
    struct log_reader *reader = reader_of(t->hub->log);
    size_t count = log_missing_keys(reader, bytes_str(SITE), 0, ids, 4);
    log_reader_end(reader);
    return (uint32_t)count;
}

/* A laptop that was on the road: it wrote more about them, under a restricted key that nobody else has. */
static void what_is_not_shared_yet_goes_up_sealed_for_ever(void **state)
{
    (void)state;
    for (unsigned heard_first = 0; heard_first < 2; heard_first++) {
        struct trio t = trio_new();
        struct key_record jo = node_introduce(t.amy, "Jo");
        sync_all(&t);
        node_fold(t.ben);
        node_record(t.ben, &jo, false, "note.added", (const char *[]){"text", "on the road", NULL});
        struct key_record secret = confide(t.ben, &jo, 2);
        node_fold(t.ben);
        erase_at(t.hub, &jo, NULL, 0);
        if (heard_first)
            hear(t.hub, t.ben);
        sync_all(&t);
        if (!heard_first)
            hear(t.hub, t.ben);
        hear(t.hub, t.amy);
        assert_gone(t.hub, &jo);
        assert_gone(t.amy, &jo);
        assert_gone(t.ben, &jo);
        assert_int_equal(site_head(t.hub->log).at.n, 3); /* the entries are there */
        assert_false(keyring_has(t.hub->log->keyring, &secret.id, NULL));
        assert_true(keyring_erased(t.ben->log->keyring, &secret.id, NULL));
        assert_true(keyring_erased(t.hub->log->keyring, &secret.id, NULL)); /* it was told whose key it is */
        assert_int_equal(missing_at_hub(&t), 0);
        assert_int_equal(missing_at(t.ben), 0);
        assert_true(is_denied(t.hub, t.amy, &secret.id)); /* who met it without its key is told so */
        struct node_digest digest = node_digest(t.hub);
        assert_int_equal(rows_in(&digest, "documents"), 0);
        assert_int_equal(rows_in(&digest, "timeline"), 0);
        trio_end(&t);
    }
}

static void entries_that_waited_for_their_key_wait_no_more(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo"), keys[64];
    uint32_t key_count;
    node_share(t.amy, t.hub);
    struct batch *batch =
        read_feed(t.hub->log, t.ben->log, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch}; /* without the key */
    run_well(t.ben->log, &job);
    batch_free(batch);
    assert_int_equal(missing_at(t.ben), 1);
    erase_at(t.hub, &jo, NULL, 0);
    hear(t.hub, t.ben);
    record_note(t.ben->log, "something to fold");
    assert_int_equal(missing_at(t.ben), 0);
    assert_gone(t.ben, &jo);
    trio_end(&t);
}

/* ---- again and again ---- */

static void made_again_the_views_lack_them_all_the_same(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    node_introduce(t.amy, "Ann");
    sync_all(&t);
    erase_at(t.hub, &jo, NULL, 0);
    hear(t.hub, t.amy);
    struct node_digest before = node_digest(t.amy);
    projector_rebuild(t.amy->projector);
    struct node_digest rebuilt = node_digest(t.amy);
    assert_int_equal(rows_in(&rebuilt, "documents"), rows_in(&before, "documents"));
    assert_int_equal(rows_in(&rebuilt, "timeline"), rows_in(&before, "timeline"));
    assert_gone(t.amy, &jo);
    trio_end(&t);
}

static void copy_file(const char *from, const char *to)
{
    static uint8_t bytes[4u << 20];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in != NULL && out != NULL);
    const size_t len = fread(bytes, 1, sizeof bytes, in);
    assert_true(len > 0 && len < sizeof bytes);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(in) | fclose(out), 0);
}

/* A keyring from before: whatever is in it, the log says who was erased, before anything is opened. */
static void a_key_that_is_put_back_is_gone_at_once(void **state)
{
    (void)state;
    for (unsigned without_views = 0; without_views < 2; without_views++) {
        struct trio t = trio_new();
        struct key_record jo = node_introduce(t.amy, "Jo");
        struct key_record secret = confide(t.amy, &jo, 3);
        char keys[200], kept[200];
        snprintf(keys, sizeof keys, "%s/keys/data.mdb", t.amy->log->dir.path);
        snprintf(kept, sizeof kept, "%s/kept", t.amy->log->dir.path);
        sync_all(&t);
        node_fold(t.amy);
        copy_file(keys, kept);
        erase_at(t.hub, &jo, &secret.id, 1);
        hear(t.hub, t.amy);
        projector_close(t.amy->projector);
        given_log_close(t.amy->log);
        copy_file(kept, keys);
        if (without_views)
            remove(given_path(&t.amy->log->dir, "views/data.mdb"));
        given_log_reopen(t.amy->log);
        assert_true(keyring_has(t.amy->log->keyring, &jo.id, NULL));
        node_open_views(t.amy);
        assert_false(keyring_has(t.amy->log->keyring, &jo.id, NULL)); /* without waiting for anything */
        assert_false(keyring_has(t.amy->log->keyring, &secret.id, NULL));
        assert_gone(t.amy, &jo);
        trio_end(&t);
    }
}

/* ---- who says so ---- */

static void only_the_hub_erases_and_only_in_commons(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    sync_all(&t);
    record_erasure(t.amy, ERASURE_SITE, &commons_key.id, &jo.owner, NULL, 0); /* a laptop */
    record_erasure(t.hub, SITE, &t.hub->log->site_key.id, &jo.owner, NULL, 0); /* elsewhere */
    node_fold(t.amy);
    sync_all(&t);
    node_fold(t.hub);
    node_fold(t.ben);
    assert_true(has_name(t.amy, &jo.owner));
    assert_true(has_name(t.ben, &jo.owner));
    assert_true(has_name(t.hub, &jo.owner));
    trio_end(&t);
}

/* ---- nothing is left ---- */

struct sealed_bytes {
    uint8_t b[24];
};

/* The nonce that the person's document was sealed with: it is in the file as long as the document is. */
static struct sealed_bytes sealed_document(struct given_node *node, const struct person_id *person)
{
    struct views_txn txn;
    struct felloe_error error;
    struct store_key key;
    struct bytes value;
    struct sealed_bytes out;
    assert_int_equal(views_read(projector_views(node->projector), &txn, &error), FELLOE_OK);
    views_key_subject(&key, bytes_str(SITE), person);
    assert_true(store_get(txn.store, VIEWS_DOCS, key_bytes(&key), &value));
    assert_true(value.len > sizeof out.b);
    memcpy(out.b, value.data, sizeof out.b);
    views_end(&txn);
    return out;
}

static bool is_in_views_file(struct given_node *node, const struct sealed_bytes *what)
{
    struct stat st;
    int fd = open(given_path(&node->log->dir, "views/data.mdb"), O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *all = malloc((size_t)st.st_size);
    assert_non_null(all);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    bool found = memmem(all, (size_t)st.st_size, what->b, sizeof what->b) != NULL;
    free(all);
    close(fd);
    return found;
}

/* Not in free pages either: whoever kept the key from before finds nothing of the views to open with it. */
static void of_their_rows_nothing_is_left_in_the_file(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo"), ann = node_introduce(t.amy, "Ann");
    sync_all(&t);
    node_fold(t.hub);
    struct sealed_bytes jos = sealed_document(t.hub, &jo.owner), anns = sealed_document(t.hub, &ann.owner);
    assert_true(is_in_views_file(t.hub, &jos));
    erase_at(t.hub, &jo, NULL, 0);
    projector_close(t.hub->projector); /* it ends what it is at: the file is written anew after the fold */
    node_open_views(t.hub);
    node_fold(t.hub);
    projector_close(t.hub->projector);
    assert_false(is_in_views_file(t.hub, &jos));
    assert_true(is_in_views_file(t.hub, &anns));
    node_open_views(t.hub);
    trio_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_erased_is_gone_everywhere_and_nobody_else),
        cmocka_unit_test(restricted_keys_go_along_whether_or_not_they_are_named),
        cmocka_unit_test(what_is_not_shared_yet_goes_up_sealed_for_ever),
        cmocka_unit_test(entries_that_waited_for_their_key_wait_no_more),
        cmocka_unit_test(made_again_the_views_lack_them_all_the_same),
        cmocka_unit_test(a_key_that_is_put_back_is_gone_at_once),
        cmocka_unit_test(only_the_hub_erases_and_only_in_commons),
        cmocka_unit_test(of_their_rows_nothing_is_left_in_the_file),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
