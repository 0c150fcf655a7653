/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out, at every place where proto asks for some: events, keys, tickets, batches, messages, what people
 * typed. (Documents and views: test_document_memory.c; the sync machines: test_sync_memory.c.) */
#include <sodium.h>

#include "proto/control.h"
#include "proto/domain/catalogue.h"
#include "proto/event/ticket.h"
#include "proto/sync/message.h"
#include "proto/sync/sync_entries.h"
#include "tests/unit/given_event.h"
#include "tests/unit/given_memory.h"
#include "tests/unit/vectors_message.h"

/* What a story is given; released at its end. */
static struct {
    struct given_event event;
    struct buffer raw, plain;
    struct event decoded;
    struct buffer bodies[8];
} g;

static void end(void)
{
    buffer_release(&g.event.fields);
    buffer_release(&g.raw);
    buffer_release(&g.plain);
    for (size_t i = 0; i < sizeof g.bodies / sizeof g.bodies[0]; i++)
        buffer_release(&g.bodies[i]);
}

static void at_every_place(const struct memory_story *stories, size_t count)
{
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    for (size_t i = 0; i < count; i++)
        memory_runs_out_anywhere(&stories[i]);
}
#define AT_EVERY_PLACE(stories) at_every_place(stories, sizeof(stories) / sizeof(stories)[0])

/* ---- events ---- */

static void given_long_event(void)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    g.event = given_event(2);
    buffer_clear(&g.event.fields);
    given_fields(&g.event.fields, (const char *[]){"text", text, NULL});
    g.event.body.fields = buffer_bytes(&g.event.fields);
    g.event.clear.incarnation = 3;
    g.event.body.after = (struct branches){2, {{1, 9}, {2, 70000}}};
}

static void given_sealed_event(void)
{
    given_long_event();
    assert_true(event_seal(&g.event.clear, &g.event.body, &g.event.key, g.event.nonce, &g.raw));
    assert_true(event_decode(buffer_bytes(&g.raw), &g.decoded));
}

static bool seal(struct buffer *out)
{
    if (g.raw.failed)
        buffer_clear(&g.raw);
    else
        mp_put_uint(&g.raw, 7);
    size_t begin = g.raw.len;
    bool ok = !g.raw.failed && event_seal(&g.event.clear, &g.event.body, &g.event.key, g.event.nonce, &g.raw);
    if (!ok) {
        assert_int_equal(g.raw.len, begin); /* it holds what it held before, */
        assert_true(g.raw.failed);          /* and tells what happened from an event that breaks a rule */
        return false;
    }
    buffer_append(out, g.raw.data + begin, g.raw.len - begin);
    buffer_clear(&g.raw);
    return !out->failed;
}

static bool open(struct buffer *out)
{
    struct event_body body;
    if (!event_open(&g.decoded, &g.event.key, &g.plain, &body)) {
        assert_true(g.plain.failed); /* neither a wrong key nor a wrong body */
        return false;
    }
    mp_put_uint(out, body.after.at[1].seq);
    buffer_append(out, g.plain.data, g.plain.len);
    return !out->failed;
}

static void events(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"seal an event", given_long_event, seal, end},
        {"open an event", given_sealed_event, open, end},
    };
    AT_EVERY_PLACE(stories);
}

/* ---- keys, tickets ---- */

static bool wrap(struct buffer *out)
{
    static const struct key_record record = {.id = {{1}}, .kind = KEY_PERSON, .owner = {{1}}, .site = "dale-east"};
    static const struct box_shared shared = {{2}};
    static const uint8_t nonce[BOX_NONCE_SIZE];
    for (unsigned i = 0; i < 5; i++)
        key_record_wrap(&record, &shared, nonce, out);
    return !out->failed;
}

static bool format_ticket(struct buffer *out)
{
    struct ticket ticket = {.address = "tcp://hub.example:7411", .hub_curve = {1}, .expires_ms = 2}, back;
    char text[TICKET_TEXT_MAX];
    memset(ticket.address + 4, 'h', 200);
    if (!ticket_format(&ticket, text)) {
        assert_string_equal(text, "");
        return false;
    }
    assert_int_equal(ticket_parse(bytes_str(text), &back, NULL), FELLOE_OK);
    buffer_append(out, text, strlen(text));
    return !out->failed;
}

static void keys_and_tickets(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"wrap keys", NULL, wrap, NULL},
        {"format a ticket", NULL, format_ticket, NULL},
    };
    AT_EVERY_PLACE(stories);
}

/* ---- batches ---- */

static void given_bodies(void)
{
    static const char *const events[] = {VECTOR_EVENT_1, VECTOR_EVENT_2, VECTOR_EVENT_3};
    g.bodies[0] = given_buffer(VECTOR_KEY_RECORD);
    for (size_t i = 0; i < 3; i++) {
        struct buffer event = given_buffer(events[i]);
        buffer_append(&g.bodies[0], event.data, event.len);
        buffer_release(&event);
    }
}

static void returned(void *owner)
{
    ++*(int *)owner;
}

static bool decode_entries(struct buffer *out)
{
    int given_back = 0;
    struct lent body = {buffer_bytes(&g.bodies[0]), returned, &given_back};
    const struct entries_form form = {.site = bytes_str(VECTOR_SITE), .count = 3, .key_count = 1};
    struct batch *batch;
    enum entries_result result = entries_decode(&body, &form, &batch);
    assert_null(body.release); /* taken over, whatever comes of it */
    if (result != ENTRIES_OK) {
        assert_int_equal(result, ENTRIES_NO_MEMORY);
        assert_null(batch);
    }
    for (uint32_t i = 0; batch && i < batch->count; i++)
        buffer_append(out, batch->entries[i].id.b, sizeof batch->entries[i].id.b);
    batch_free(batch);
    assert_int_equal(given_back, 1);
    return result == ENTRIES_OK && !out->failed;
}

static void put_bodies(struct buffer *out, const struct buffer *event)
{
    static const struct signature signature = {{1}};
    static const struct event_id id = {{2}};
    for (uint64_t seq = 1; seq < 6; seq++) {
        feed_put_event(out, buffer_bytes(event), seq % 2 ? &signature : NULL);
        feed_put_marker(out, 1, seq, &id);
    }
}

static bool put_feed(struct buffer *out)
{
    put_bodies(out, &g.bodies[0]);
    return !out->failed;
}

static void batches(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"decode entries", given_bodies, decode_entries, end},
        {"write a feed's body", given_bodies, put_feed, end},
    };
    AT_EVERY_PLACE(stories);
}

/* ---- messages ---- */

static struct message message; /* large */

static void put_message(const char *hex, struct buffer *out)
{
    uint8_t header[1024];
    size_t len = strlen(hex) / 2;
    assert_true(hex_decode(bytes_str(hex), header, len));
    assert_true(message_decode(bytes_of(header, len), &message));
    message_encode(&message, out);
}

/* Those that no vector has. */
static void put_others(struct buffer *out)
{
    const struct bytes site = bytes_str(VECTOR_SITE);
    message = (struct message){.kind = MSG_KEYRING, .keyring = {.site = site, .key_count = 3}};
    message_encode(&message, out);
    message = (struct message){.kind = MSG_OFFER, .offer = {.site = site, .first = {1, 1}, .count = 2}};
    message_encode(&message, out);
    message = (struct message){.kind = MSG_OFFERED, .offered = {.site = site, .held = {1, 2}}};
    message_encode(&message, out);
    message = (struct message){.kind = MSG_JOIN, .join = {.version = 1, .label = bytes_str("Ash's laptop")}};
    message_encode(&message, out);
    message = (struct message){.kind = MSG_JOINED, .joined = {.worker = site, .hub_name = site, .site_count = 1}};
    message.joined.sites[0] = site;
    message_encode(&message, out);
}

static bool encode_messages(struct buffer *out)
{
    static const char *const known[] = {VECTOR_HELLO, VECTOR_WELCOME, VECTOR_PUSH, VECTOR_RECEIPT,
                                        VECTOR_PULL,  VECTOR_FEED,    VECTOR_KEYS, VECTOR_REFUSED};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        put_message(known[i], out);
    put_others(out);
    return !out->failed;
}

static bool put_control(struct buffer *out)
{
    static const uint8_t fields[] = {0x81, 0xa4, 't', 'e', 'x', 't', 0xa2, 'h', 'i'};
    const struct control_draft draft = {.type = bytes_str("note.added"),
                                        .person = bytes_str("Jo"),
                                        .has_occurred = true,
                                        .occurred = -5,
                                        .fields = bytes_of(fields, sizeof fields)};
    for (unsigned i = 0; i < 20; i++) {
        size_t begin = control_frame_begin(out);
        control_put_request(out, CONTROL_RECORD, 0);
        control_put_draft(out, &draft);
        control_put_data(out);
        control_put_progress(out, i, 20, "events");
        control_put_end(out, 0);
        control_put_error(out, FELLOE_FAILED, i ? "It did not work." : "A name in Latin-1: Ren\xe9");
        control_frame_end(out, begin);
    }
    return !out->failed;
}

static void messages(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"encode messages", NULL, encode_messages, NULL},
        {"frames for the client", NULL, put_control, NULL},
    };
    AT_EVERY_PLACE(stories);
}

/* ---- what people typed ---- */

struct typed {
    const char *type;
    const char *pairs[12];
};

static const struct typed typed[] = {
    {"person.introduced", {"known_as", "Jo", "source", "Q1", "own_words", "I need a hand with the rent"}},
    {"contact.recorded", {"attendance", "5", "minutes", "40"}},
    {"conflict.settled", {"what", "support", "chosen", "ended"}},
    {"conflict.settled", {"what", "date_of_birth", "chosen", "1990-02-28", "text", "It is in the passport."}},
    {"person.details.recorded", {"nhs_number", "943 476 5919", "date_of_birth", "1990-02-28", "known_as", ""}},
    {"support.ended", {"agreed", "yes"}},
    {"contact.corrected",
     {"of", "69621650bed9f4e0deb774783358e64f3a147da4c63e1938e4dcda7bc8a85ef0", "field", "minutes", "value", "1h30"}},
};
#define TYPED (sizeof typed / sizeof typed[0])

static void given_typed(void)
{
    for (size_t i = 0; i < TYPED; i++)
        given_fields(&g.bodies[i], typed[i].pairs);
}

static bool check(struct buffer *out)
{
    static struct mp_reader r;
    for (size_t i = 0; i < TYPED; i++) {
        struct felloe_error error = {0};
        mp_reader_init(&r, buffer_bytes(&g.bodies[i]));
        assert_true(mp_next(&r));
        enum felloe_code code = catalogue_check(catalogue_find(bytes_str(typed[i].type)), &r, NULL, out, &error);
        if (code != (out->failed ? FELLOE_FAILED : FELLOE_OK)) /* what people typed is right */
            fail_msg("%s: %s", felloe_code_name(code), error.message);
    }
    return !out->failed;
}

static void given_notes(void)
{
    for (size_t i = 0; i < 2; i++) {
        mp_put_map(&g.bodies[i], 2);
        mp_put_text(&g.bodies[i], "attendance");
        mp_put_text(&g.bodies[i], "5");
        mp_put_text(&g.bodies[i], "minutes");
        mp_put_text(&g.bodies[i], i ? "ten" : "10");
    }
}

/* What is wrong is said to be wrong as long as it was looked at. */
static bool check_wrong(struct buffer *out)
{
    static struct mp_reader r;
    struct felloe_error error = {0};
    mp_reader_init(&r, buffer_bytes(&g.bodies[1]));
    assert_true(mp_next(&r));
    enum felloe_code code = catalogue_check(catalogue_find(bytes_str("contact.recorded")), &r, NULL, out, &error);
    assert_int_equal(code, out->failed ? FELLOE_FAILED : FELLOE_INVALID);
    mp_put_text(out, error.message);
    return !out->failed;
}

static void what_people_typed(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"check fields", given_typed, check, end},
        {"check wrong fields", given_notes, check_wrong, end},
    };
    AT_EVERY_PLACE(stories);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),   cmocka_unit_test(keys_and_tickets),  cmocka_unit_test(batches),
        cmocka_unit_test(messages), cmocka_unit_test(what_people_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
