/* SPDX-License-Identifier: Apache-2.0 */
/* Verify: a good log has no problems, and no byte of an event, a head, a checkpoint, a receipt or a signature can be
 * altered in the file without being reported. */
#include "tests/unit/given_log.h"

#include <fcntl.h>

#include "daemon/log/verify.h"

#define TEXTS 64
struct heard {
    char texts[TEXTS][400];
    unsigned count, progress;
    bool stop;
    struct verify_unreadable unreadable[8];
    unsigned unreadable_count;
};

static void hear(void *context, const char *text)
{
    struct heard *heard = context;
    if (heard->count < TEXTS)
        snprintf(heard->texts[heard->count], sizeof heard->texts[0], "%s", text);
    heard->count++;
}

static void hear_of(void *context, const struct verify_unreadable *unreadable)
{
    struct heard *heard = context;
    assert_true(heard->unreadable_count < 8);
    heard->unreadable[heard->unreadable_count++] = *unreadable;
}

static bool step(void *context, uint64_t done, uint64_t total)
{
    struct heard *heard = context;
    heard->progress++;
    assert_true(done <= total);
    return !heard->stop;
}

static struct verify_result verify(struct given_log *g, struct heard *heard)
{
    struct verify_result result;
    struct felloe_error error = {0};
    *heard = (struct heard){0};
    const struct verify_options options = {.log = g->log,
                                           .keyring = g->keyring,
                                           .identity = &g->identity,
                                           .problem = hear,
                                           .unreadable = hear_of,
                                           .progress = step,
                                           .context = heard};
    if (verify_log(&options, &result, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.problems, heard->count);
    return result;
}

static bool heard_of(const struct heard *heard, const char *words)
{
    for (unsigned i = 0; i < heard->count && i < TEXTS; i++)
        if (strstr(heard->texts[i], words) != NULL)
            return true;
    return false;
}

static void assert_clean(struct given_log *g)
{
    struct heard heard;
    verify(g, &heard);
    if (heard.count > 0)
        fail_msg("%u problems, the first: %s", heard.count, heard.texts[0]);
}

/* ---- a hub and two laptops that know it all ---- */

struct team {
    struct given_log *hub, *a, *b;
};

static void share(struct team *t, struct given_log *spoke)
{
    uint64_t shared;
    own_head(spoke, &shared);
    struct log_job pushed, job;
    uint32_t count;
    while ((count = push(spoke, t->hub, shared + 1, &pushed)) > 0) {
        assert_int_equal(pushed.code, FELLOE_OK);
        struct log_reader *reader = reader_of(spoke);
        struct log_item item;
        struct stream_head head = {.seq = shared + count};
        assert_true(log_get_own(reader, bytes_str(SITE), head.seq, &item));
        event_id_of(item.event, &head.id);
        log_reader_end(reader);
        struct msg_receipt receipt = receipt_of(t->hub, spoke, &pushed, &head, count);
        job = (struct log_job){.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
        run_well(spoke, &job);
        shared += count;
    }
}

static void receive(struct team *t, struct given_log *spoke)
{
    struct log_job job;
    while (feed(t->hub, spoke, (struct position){1, site_head(spoke).at.n + 1}, 20000, &job) > 0)
        assert_int_equal(job.code, FELLOE_OK);
}

static void admit(struct given_log *hub, const struct given_log *spoke)
{
    struct device_record device = {
        .device = spoke->identity.device, .sign = spoke->identity.sign_public, .sites = {SITE}, .site_count = 1};
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(hub, &job);
}

static struct team team_with(unsigned notes)
{
    struct team t = {.hub = given_log(ROLE_HUB, NULL)};
    t.a = given_log(ROLE_SPOKE, t.hub);
    t.b = given_log(ROLE_SPOKE, t.hub);
    admit(t.hub, t.a);
    admit(t.hub, t.b);
    struct key_record person = new_person(SITE);
    struct log_draft draft = person_note(&person, "hello");
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &person;
    job.new_key_count = 1;
    run_well(t.a, &job);
    record_notes(t.a, notes);
    record_notes(t.b, notes / 2);
    share(&t, t.a);
    record_notes(t.hub, 3);
    share(&t, t.b);
    record_notes(t.a, 2);
    share(&t, t.a);
    receive(&t, t.a);
    receive(&t, t.b);
    return t;
}

static void team_end(struct team *t)
{
    given_log_end(t->a);
    given_log_end(t->b);
    given_log_end(t->hub);
}

static void a_good_log_has_no_problems(void **state)
{
    (void)state;
    struct team t = team_with(100);
    record_notes(t.b, 1); /* waiting */
    struct given_log *all[] = {t.hub, t.a, t.b};
    for (unsigned i = 0; i < 3; i++) {
        assert_clean(all[i]);
        given_log_close(all[i]);
        given_log_reopen(all[i]);
        assert_clean(all[i]);
    }
    struct heard heard;
    struct verify_result result = verify(t.hub, &heard);
    assert_int_equal(result.site_count, 1);
    assert_int_equal(result.sites[0].entries, 101 + 50 + 3 + 2);
    assert_int_equal(result.sites[0].own, 3);
    assert_int_equal(result.sites[0].signatures, 4); /* three pushes, one job of the hub's own */
    assert_int_equal(result.sites[0].sealed, 0);
    result = verify(t.b, &heard);
    assert_int_equal(result.sites[0].own, 51);
    assert_int_equal(result.sites[0].events, 101 + 50 + 3 + 2 + 1); /* each once, the waiting one too */
    team_end(&t);
}

static void it_can_be_watched_and_stopped(void **state)
{
    (void)state;
    struct team t = team_with(5000);
    struct heard heard;
    verify(t.hub, &heard);
    assert_true(heard.progress >= 3);
    const struct verify_options options = {.log = t.hub->log,
                                           .keyring = t.hub->keyring,
                                           .identity = &t.hub->identity,
                                           .progress = step,
                                           .context = &heard};
    struct verify_result result;
    heard.stop = true;
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_INTERRUPTED);
    team_end(&t);
}

static void events_whose_key_is_not_here_are_counted_and_still_checked(void **state)
{
    (void)state;
    struct team t = team_with(10);
    given_log_close(t.b);
    assert_int_equal(unlink(given_path(&t.b->dir, "keys/data.mdb")), 0);
    given_log_reopen(t.b);
    struct heard heard;
    struct verify_result result = verify(t.b, &heard);
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.sites[0].sealed, result.events);
    assert_int_equal(result.sites[0].unreadable, 0);
    assert_true(heard.unreadable_count > 0);
    for (unsigned i = 0; i < heard.unreadable_count; i++)
        assert_int_equal(heard.unreadable[i].why, UNREAD_NO_KEY);
    team_end(&t);
}

/* A device that writes what it likes: the next event of its stream, with a good chain. The body is rubbish, or sealed
 * under another key than it names. */
struct liar {
    struct identity identity;
    struct stream_head head;
    struct buffer body;
};

static void write_lie(struct liar *liar, const struct key_id *named, const struct data_key *sealed_under, bool rubbish)
{
    const struct event_clear clear = {.device = liar->identity.device, .incarnation = 1, .site = bytes_str(SITE),
                                      .seq = liar->head.seq + 1, .prev = liar->head.id, .key = *named};
    const struct event_body body = {.type = bytes_str("note.added"), .worker = bytes_str("eve"),
                                    .fields = note_fields("a lie")};
    uint8_t nonce[EVENT_NONCE_SIZE] = {(uint8_t)clear.seq}, nothing[100] = {0xc1};
    struct buffer raw = {0};
    struct event event;
    assert_true(event_seal(&clear, &body, sealed_under, nonce, &raw));
    assert_true(event_decode(buffer_bytes(&raw), &event));
    if (rubbish)
        crypto_aead_xchacha20poly1305_ietf_encrypt(raw.data + (event.sealed.data - raw.data), NULL, nothing,
                                                   event.sealed.len - 16, event.header.data, event.header.len, NULL,
                                                   nonce, sealed_under->b);
    liar->head.seq++;
    event_id_of(buffer_bytes(&raw), &liar->head.id);
    buffer_append(&liar->body, raw.data, raw.len);
    buffer_release(&raw);
}

static void push_lies(struct liar *liar, struct given_log *hub)
{
    struct lent body = {buffer_bytes(&liar->body), free, liar->body.data};
    const struct entries_form form = {.site = bytes_str(SITE), .count = (uint32_t)liar->head.seq};
    struct batch *batch = batch_of_body(&body, &form, NULL, NULL);
    given_stream(batch);
    struct entry *last = &batch->entries[batch->count - 1];
    last->flags |= ENTRY_SIGNED;
    sign_stream(&liar->identity.sign_secret, bytes_str(SITE), &last->device, 1, last->seq, &last->id, &last->signature);
    struct log_job job = {.kind = LOG_KEEP_PUSH, .batch = batch};
    run_well(hub, &job);
    batch_free(batch);
}

/* Written so by their device, and its chain holds: no damage, at nobody's. They are counted, and told apart. */
static void events_that_cannot_be_read_are_no_damage(void **state)
{
    (void)state;
    struct team t = team_with(10);
    struct liar liar = {0};
    const struct key_id unknown = {{77}};
    const struct data_key other = {{9}};
    identity_generate(&liar.identity, ROLE_SPOKE);
    write_lie(&liar, &t.hub->site_key.id, &other, false);
    write_lie(&liar, &t.hub->site_key.id, &t.hub->site_key.key, true);
    write_lie(&liar, &t.hub->site_key.id, &t.hub->site_key.key, true);
    write_lie(&liar, &unknown, &other, false);
    uint64_t before = site_head(t.hub).at.n;
    push_lies(&liar, t.hub);
    receive(&t, t.a);
    struct given_log *logs[] = {t.hub, t.a};
    static const struct {
        enum verify_unread why;
        uint64_t count, first;
    } expected[] = {{UNREAD_SEALED, 1, 1}, {UNREAD_FORM, 2, 2}, {UNREAD_NO_KEY, 1, 4}};
    for (unsigned i = 0; i < 2; i++) {
        struct heard heard;
        struct verify_result result = verify(logs[i], &heard);
        assert_int_equal(heard.count, 0);
        assert_int_equal(result.sites[0].sealed, 1);
        assert_int_equal(result.sites[0].unreadable, 3);
        assert_int_equal(heard.unreadable_count, 3);
        for (unsigned j = 0; j < 3; j++) {
            char first[20];
            snprintf(first, sizeof first, "1.%llu", (unsigned long long)(before + expected[j].first));
            assert_int_equal(heard.unreadable[j].why, expected[j].why);
            assert_int_equal(heard.unreadable[j].count, expected[j].count);
            assert_string_equal(heard.unreadable[j].first, first);
            assert_true(device_id_equal(&heard.unreadable[j].device, &liar.identity.device));
        }
    }
    team_end(&t);
}

/* ---- alterations ---- */

struct file {
    int fd;
    uint8_t *all;
    size_t size;
};

static struct file open_file(struct given_log *g)
{
    struct file f = {.fd = open(given_path(&g->dir, "log/data.mdb"), O_RDWR)};
    struct stat st;
    assert_int_equal(fstat(f.fd, &st), 0);
    f.size = (size_t)st.st_size;
    f.all = malloc(f.size);
    assert_non_null(f.all);
    assert_int_equal(read(f.fd, f.all, f.size), st.st_size);
    return f;
}

/* Flips a bit of the byte at `at` in each copy of `what` (older pages may hold some too). */
static void flip(const struct file *f, struct bytes what, size_t at, bool back)
{
    unsigned found = 0;
    const uint8_t *from = f->all;
    for (const uint8_t *p; (p = memmem(from, f->size - (size_t)(from - f->all), what.data, what.len)); from = p + 1) {
        uint8_t byte = back ? p[at] : p[at] ^ 0x10;
        assert_int_equal(pwrite(f->fd, &byte, 1, p - f->all + (off_t)at), 1);
        found++;
    }
    assert_true(found > 0);
}

/* Each `stride`th byte of `what` altered, one at a time: each is reported. */
static void each_byte_matters(struct given_log *g, struct bytes what, size_t stride)
{
    struct heard heard;
    given_log_close(g);
    struct file f = open_file(g);
    for (size_t at = 0; at < what.len; at += stride) {
        flip(&f, what, at, false);
        given_log_reopen(g);
        verify(g, &heard);
        if (heard.count == 0)
            fail_msg("byte %zu of %zu was altered and nobody noticed", at, what.len);
        given_log_close(g);
        flip(&f, what, at, true);
    }
    close(f.fd);
    free(f.all);
    given_log_reopen(g);
    assert_clean(g);
}

/* A copy, for the log is closed and opened meanwhile. */
static struct buffer copy_of(struct bytes bytes)
{
    struct buffer b = {0};
    buffer_append(&b, bytes.data, bytes.len);
    return b;
}

static void no_byte_of_an_event_can_be_altered(void **state)
{
    (void)state;
    struct team t = team_with(70);
    struct given_log *logs[] = {t.hub, t.b};
    for (unsigned i = 0; i < 2; i++) {
        struct log_reader *reader = reader_of(logs[i]);
        struct log_item item;
        assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 30}, &item));
        struct buffer event = copy_of(item.event);
        log_reader_end(reader);
        each_byte_matters(logs[i], buffer_bytes(&event), 3);
        buffer_release(&event);
    }
    struct log_reader *reader = reader_of(t.a);
    struct log_item item;
    assert_true(log_get_own(reader, bytes_str(SITE), 20, &item));
    struct buffer event = copy_of(item.event);
    log_reader_end(reader);
    each_byte_matters(t.a, buffer_bytes(&event), 3);
    buffer_release(&event);
    team_end(&t);
}

static void no_hash_and_no_signature_can_be_altered(void **state)
{
    (void)state;
    struct team t = team_with(70);
    struct given_log *logs[] = {t.hub, t.a};
    for (unsigned i = 0; i < 2; i++) {
        struct log_head head = site_head(logs[i]);
        each_byte_matters(logs[i], bytes_of(head.hash.b, sizeof head.hash.b), 7);
        struct log_reader *reader = reader_of(logs[i]);
        struct log_hash checkpoint;
        assert_true(log_hash_at(reader, bytes_str(SITE), (struct position){1, 64}, &checkpoint));
        log_reader_end(reader);
        each_byte_matters(logs[i], bytes_of(checkpoint.b, sizeof checkpoint.b), 7);
    }
    struct log_reader *reader = reader_of(t.a);
    struct signature of_head;
    struct log_item item;
    assert_true(log_head_signature(reader, bytes_str(SITE), 1, &of_head));
    log_reader_end(reader);
    each_byte_matters(t.a, bytes_of(of_head.b, sizeof of_head.b), 13);

    reader = reader_of(t.hub);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 71}, &item));
    assert_true(item.flags & ENTRY_SIGNED);
    struct buffer of_author = copy_of(bytes_of(item.signature->b, 64));
    log_reader_end(reader);
    each_byte_matters(t.hub, buffer_bytes(&of_author), 13);
    buffer_release(&of_author);

    struct stream_head head = own_head(t.a, NULL); /* in the own head and in the receipt */
    each_byte_matters(t.a, bytes_of(head.id.b, sizeof head.id.b), 7);
    team_end(&t);
}

/* What the hub writes of a device that it let in. */
static void tell_of(struct given_log *hub, const struct given_log *spoke)
{
    char device[33], key[65];
    struct buffer fields = {0};
    hex_encode(bytes_of(spoke->identity.device.b, sizeof spoke->identity.device.b), device);
    hex_encode(bytes_of(spoke->identity.sign_public.b, sizeof spoke->identity.sign_public.b), key);
    const char *const words[] = {"worker", "ash-grey", "device", device, "key", key};
    mp_put_map(&fields, 3);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        mp_put_text(&fields, words[i]);
    struct log_draft draft = {.body = {.type = bytes_str("worker.joined"), .worker = bytes_str("hub"),
                                       .fields = buffer_bytes(&fields)},
                              .key = hub->site_key.id};
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(hub, &job);
    buffer_release(&fields);
}

static void note_story(void *context, const struct verify_story *story)
{
    *(struct verify_story *)context = *story;
}

/* The hub has the keys, and can write in a laptop's name; sign it cannot. */
static void what_its_author_never_signed_is_told(void **state)
{
    (void)state;
    struct team t = {.hub = given_log(ROLE_HUB, NULL)};
    t.a = given_log(ROLE_SPOKE, t.hub);
    t.b = given_log(ROLE_SPOKE, t.hub);
    admit(t.hub, t.a);
    admit(t.hub, t.b);
    tell_of(t.hub, t.a);
    record_notes(t.a, 3);
    share(&t, t.a);
    for (int more = 0; more < 2; more++) { /* as long as nothing follows, the rest may be on its way */
        struct key_record keys[64];
        uint32_t key_count;
        record_notes(t.a, 2);
        struct batch *batch = read_push(t.a, t.hub, 4 + 2 * (uint64_t)more, BODY_TARGET, keys, &key_count);
        batch->entries[batch->count - 1].flags &= ~(unsigned)ENTRY_SIGNED;
        struct log_job job = {.kind = LOG_KEEP_PUSH, .batch = batch};
        run_well(t.hub, &job);
        batch_free(batch);
        receive(&t, t.b);
        struct verify_result result;
        struct verify_story story = {0};
        const struct verify_options options = {.log = t.b->log, .keyring = t.b->keyring, .identity = &t.b->identity,
                                               .story = note_story, .context = &story};
        assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
        assert_int_equal(result.problems, 0);
        assert_int_equal(result.stories, more);
        if (more) {
            assert_true(story.made_up && story.count == 4);
            assert_true(device_id_equal(&story.other.device, &t.a->identity.device));
            assert_int_equal(position_compare(story.other.at, (struct position){1, 5}), 0);
        }
        record_notes(t.hub, 1);
        receive(&t, t.b);
    }
    team_end(&t);
}

static void a_laptop_checks_what_others_signed(void **state)
{
    (void)state;
    struct team t = {.hub = given_log(ROLE_HUB, NULL)};
    t.a = given_log(ROLE_SPOKE, t.hub);
    t.b = given_log(ROLE_SPOKE, t.hub);
    admit(t.hub, t.a);
    admit(t.hub, t.b);
    record_notes(t.a, 3);
    share(&t, t.a);
    receive(&t, t.b);
    struct heard heard;
    uint64_t before = verify(t.b, &heard).sites[0].signatures; /* nobody has said yet what a signs with */
    tell_of(t.hub, t.a);
    record_notes(t.a, 3);
    share(&t, t.a);
    receive(&t, t.b);
    struct verify_result result = verify(t.b, &heard);
    assert_int_equal(heard.count, 0);
    assert_int_equal(result.sites[0].signatures, before + 2); /* the hub's on its own event, and a's */

    struct log_item item;
    struct log_reader *reader = reader_of(t.b);
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 7}, &item));
    assert_true(item.flags & ENTRY_SIGNED);
    struct buffer signature = copy_of(bytes_of(item.signature->b, 64));
    log_reader_end(reader);
    each_byte_matters(t.b, buffer_bytes(&signature), 13);
    buffer_release(&signature);
    team_end(&t);
}

static void a_problem_says_where_it_is(void **state)
{
    (void)state;
    struct team t = team_with(70);
    struct log_reader *reader = reader_of(t.b);
    struct log_item item;
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, 30}, &item));
    struct buffer event = copy_of(item.event);
    log_reader_end(reader);
    given_log_close(t.b);
    struct file f = open_file(t.b);
    flip(&f, buffer_bytes(&event), event.len - 1, false);
    given_log_reopen(t.b);
    struct heard heard;
    verify(t.b, &heard);
    assert_true(heard_of(&heard, "north: 1.31: does not follow"));
    assert_true(heard_of(&heard, "between here and the checkpoint before"));
    assert_int_equal(heard.count, 2); /* one alteration does not drown everything in problems */
    assert_int_equal(heard.unreadable_count, 1);
    assert_string_equal(heard.unreadable[0].first, "1.30");
    buffer_release(&event);
    close(f.fd);
    free(f.all);
    team_end(&t);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_log_has_no_problems),
        cmocka_unit_test(it_can_be_watched_and_stopped),
        cmocka_unit_test(events_whose_key_is_not_here_are_counted_and_still_checked),
        cmocka_unit_test(events_that_cannot_be_read_are_no_damage),
        cmocka_unit_test(no_byte_of_an_event_can_be_altered),
        cmocka_unit_test(no_hash_and_no_signature_can_be_altered),
        cmocka_unit_test(what_its_author_never_signed_is_told),
        cmocka_unit_test(a_laptop_checks_what_others_signed),
        cmocka_unit_test(a_problem_says_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
