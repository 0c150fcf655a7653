/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop that was let in and writes what is well-formed, chained and signed by itself, and not so: what it says to
 * be, what only the hub writes, keys that are not its own, another log than there is, sites that are not its own.
 * (Messages that are wrong in themselves: liar.c.) The hub keeps each device's events; nobody is to believe these.
 *
 *   impostor TICKET DEVICE PERSON ELSEWHERE    an honest laptop's id and a person's of the same site, in hex; a site
 *                                              that it is not let into
 *
 * It says "ok …" or "FAIL …" of what the hub made of each. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/event/look.h"
#include "proto/mp.h"
#include "tests/net/laptop.h"

static struct laptop me;
static struct asker hub;
static struct story story;
static struct key_record site_key;
static char honest_device[33];
static struct person_id honest_person;
static const char *elsewhere;
static unsigned failed;

static void judge(const char *what, bool fine)
{
    const struct message *answer = hub.answer;
    const bool refused = answer->kind == MSG_REFUSED;
    failed += !fine;
    printf("%s %s: %s%.*s\n", fine ? "ok" : "FAIL", what,
           answer->kind == 0 ? "no answer" : refused ? "refused: " : message_name(answer->kind),
           refused ? (int)answer->refused.text.len : 0, refused ? (const char *)answer->refused.text.data : "");
    fflush(stdout);
}

/* ---- the truth ---- */

static void say_hello(void)
{
    hub.said->kind = MSG_HELLO;
    hub.said->hello = (struct msg_hello){
        .version = PROTOCOL_VERSION, .device = me.device, .incarnation = 1, .site_count = 1};
    hub.said->hello.sites[0] = (struct hello_site){
        .site = bytes_str(story.site), .own_seq = story.head.seq, .own_id = story.head.id};
}

/* JOINED brings the keys of its sites. */
static bool take_site_key(uint32_t count)
{
    struct mp_reader *r = malloc(sizeof *r);
    bool found = false;
    if (r == NULL)
        return false;
    mp_reader_init(r, buffer_bytes(&hub.body));
    for (uint32_t i = 0; i < count && !found && mp_next(r); i++)
        found = key_record_unwrap(r, &me.hub, &site_key) && strcmp(site_key.site, story.site) == 0;
    free(r);
    return found;
}

static bool join(void)
{
    asker_connect(&hub, true);
    laptop_join(&me, hub.said);
    if (!asker_ask(&hub, (struct bytes){0}) || hub.answer->kind != MSG_JOINED ||
        !laptop_joined(&me, &hub.answer->joined))
        return false;
    const char *site = me.sites[0];
    for (uint32_t i = 0; i < me.site_count; i++)
        if (strcmp(me.sites[i], "commons") != 0)
            site = me.sites[i];
    story_begin(&story, site);
    return take_site_key(hub.answer->joined.key_count);
}

/* The stream from `first` on, as it is; an answer, whatever it is, to judge. */
static void push_from(uint64_t first)
{
    struct buffer body = {0};
    struct event_id last = story.head.id;
    struct msg_push *push = &hub.said->push;
    hub.said->kind = MSG_PUSH;
    *push = (struct msg_push){.site = bytes_str(story.site), .incarnation = 1, .first_seq = first};
    push->count = story_push(&story, &me, first, BODY_TARGET, &body, &push->key_count, &last);
    sign_stream(&me.sign, push->site, &me.device, 1, first + push->count - 1, &last, &push->signature);
    asker_ask(&hub, buffer_bytes(&body));
    buffer_release(&body);
}

static bool receipt_up_to(uint64_t seq)
{
    return hub.answer->kind == MSG_RECEIPT && hub.answer->receipt.seq == seq;
}

static bool tell_the_truth(void)
{
    asker_connect(&hub, false);
    say_hello();
    if (!asker_ask(&hub, (struct bytes){0}) || hub.answer->kind != MSG_WELCOME)
        return false;
    for (int i = 0; i < 3; i++)
        if (!story_write(&story, &me))
            return false;
    push_from(1);
    return receipt_up_to(3);
}

/* ---- replay, gap ---- */

static void say_it_twice(void)
{
    push_from(1);
    judge("all of it once more: the receipt that there was", receipt_up_to(3));
    push_from(2);
    judge("a part of it once more", receipt_up_to(3));
}

static void leave_a_gap(void)
{
    struct event_id made_up;
    randombytes_buf(&made_up, sizeof made_up);
    hub.said->kind = MSG_PUSH;
    struct msg_push *push = &hub.said->push;
    *push = (struct msg_push){.site = bytes_str(story.site), .incarnation = 1, .first_seq = 7, .count = 1};
    struct buffer event = {0}, fields = {0};
    uint8_t nonce[EVENT_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    mp_put_map(&fields, 0);
    const struct event_clear clear = {.device = me.device, .incarnation = 1, .site = bytes_str(story.site), .seq = 7,
                                      .prev = made_up, .key = story.key.id};
    const struct event_body body = {.time = 1, .type = bytes_str("note.added"), .has_subject = true,
                                    .subject = story.key.owner, .worker = bytes_str("eve"),
                                    .fields = buffer_bytes(&fields)};
    struct event_id id;
    if (event_seal(&clear, &body, &story.key.key, nonce, &event)) {
        event_id_of(buffer_bytes(&event), &id);
        sign_stream(&me.sign, push->site, &me.device, 1, 7, &id, &push->signature);
        asker_ask(&hub, buffer_bytes(&event));
    }
    judge("an event three numbers on: the receipt says where to go on", receipt_up_to(3));
    buffer_release(&event);
    buffer_release(&fields);
}

/* ---- sites that are not its own ---- */

static void ask_elsewhere(void)
{
    struct message *said = hub.said;
    said->kind = MSG_PULL;
    said->pull = (struct msg_pull){.site = bytes_str(elsewhere), .max_bytes = BODY_TARGET};
    asker_ask(&hub, (struct bytes){0});
    judge("a PULL of a site that it is not let into", asker_refused(&hub, REFUSED_SITE));
    said->kind = MSG_KEYS;
    said->keys = (struct msg_keys){.site = bytes_str(elsewhere), .count = 1};
    asker_ask(&hub, (struct bytes){0});
    judge("KEYS of that site", asker_refused(&hub, REFUSED_SITE));
    said->kind = MSG_PUSH;
    said->push = (struct msg_push){.site = bytes_str(elsewhere), .incarnation = 1, .first_seq = 1, .count = 1};
    asker_ask(&hub, buffer_bytes(&story.events[0]));
    judge("a PUSH into that site", asker_refused(&hub, REFUSED_SITE));
    said->kind = MSG_OFFER;
    said->offer = (struct msg_offer){.site = bytes_str(elsewhere), .first = {1, 0}};
    asker_ask(&hub, (struct bytes){0});
    judge("an OFFER of that site", asker_refused(&hub, REFUSED_SITE));
    said->kind = MSG_PULL;
    said->pull = (struct msg_pull){.site = bytes_str(AUDIT_SITE), .max_bytes = BODY_TARGET};
    asker_ask(&hub, (struct bytes){0});
    judge("a PULL of who looked at what", asker_refused(&hub, REFUSED_SITE));
}

/* ---- keys ---- */

static void bring_key(const char *what, const struct key_record *key)
{
    struct buffer body = {0};
    uint8_t nonce[BOX_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    key_record_wrap(key, &me.hub, nonce, &body);
    hub.said->kind = MSG_PUSH;
    hub.said->push = (struct msg_push){.site = bytes_str(story.site), .incarnation = 1, .key_count = 1};
    asker_ask(&hub, buffer_bytes(&body));
    judge(what, receipt_up_to(3));
    buffer_release(&body);
}

/* Answered as all keys are, and dropped: the journal tells. */
static void bring_keys(void)
{
    struct key_record key = story.key;
    key.key.b[0] ^= 1;
    bring_key("other bytes for a key that the hub holds", &key);
    key = story.key;
    memcpy(&key.id, &honest_person, sizeof key.id);
    key.owner = honest_person;
    bring_key("a key of somebody else's person", &key);
    key = site_key;
    randombytes_buf(&key.id, sizeof key.id);
    bring_key("a site's key, which the hub alone makes", &key);
    key = story.key;
    randombytes_buf(&key.id, sizeof key.id);
    memcpy(&key.owner, &key.id, sizeof key.owner);
    snprintf(key.site, sizeof key.site, "%s", elsewhere);
    bring_key("a person's key that was made in another site", &key);
    struct box_shared right = me.hub;
    randombytes_buf(&me.hub, sizeof me.hub);
    key = story.key;
    randombytes_buf(&key.id, sizeof key.id);
    bring_key("a key that is wrapped for somebody else", &key);
    me.hub = right;
}

/* ---- what it says to be, and what only the hub says ---- */

struct tale {
    const char *what, *type, *worker;
    void (*put_fields)(struct buffer *out);
    bool about_person, tells_head;
};

static void put_pair(struct buffer *out, const char *name, const char *value)
{
    mp_put_text(out, name);
    mp_put_text(out, value);
}

static void put_note(struct buffer *out)
{
    mp_put_map(out, 1);
    put_pair(out, "text", "an impostor's note");
}

/* The honest laptop's id, with the impostor's own key. */
static void put_joined(struct buffer *out)
{
    char key[65];
    hex_encode(bytes_of(me.sign_public.b, sizeof me.sign_public.b), key);
    mp_put_map(out, 4);
    put_pair(out, "worker", "eve");
    put_pair(out, "name", "Eve Who Was Never Let In");
    put_pair(out, "device", honest_device);
    put_pair(out, "key", key);
}

static void put_erased(struct buffer *out)
{
    mp_put_map(out, 2);
    mp_put_text(out, "person");
    mp_put_bin(out, honest_person.b, sizeof honest_person.b);
    put_pair(out, "basis", "because an impostor says so");
}

static void put_copied(struct buffer *out)
{
    mp_put_map(out, 4);
    mp_put_text(out, "event");
    mp_put_bin(out, story.events[0].data, story.events[0].len);
    put_pair(out, "from", elsewhere);
    mp_put_text(out, "epoch");
    mp_put_uint(out, 1);
    mp_put_text(out, "n");
    mp_put_uint(out, 1);
}

static const struct tale tales[] = {
    {"a note in another worker's name", "note.added", "amy", put_note, true, false},
    {"a worker.joined of its own making", "worker.joined", "hub", put_joined, false, false},
    {"a person.erased of its own making", "person.erased", "hub", put_erased, false, false},
    {"an entry.copied of its own making", "entry.copied", "hub", put_copied, true, false},
    {"a type that nobody knows", "impostor.was.here", "eve", put_note, true, false},
    {"another log than there is", "note.added", "eve", put_note, true, true},
};

static bool write_tale(const struct tale *tale)
{
    uint64_t seq = story.head.seq + 1;
    struct buffer *events = realloc(story.events, seq * sizeof *events);
    struct event_id *ids = realloc(story.ids, seq * sizeof *ids);
    if (events == NULL || ids == NULL)
        exit(1);
    story.events = events;
    story.ids = ids;
    events[seq - 1] = (struct buffer){0};
    const struct key_record *key = tale->about_person ? &story.key : &site_key;
    struct buffer fields = {0};
    uint8_t nonce[EVENT_NONCE_SIZE];
    randombytes_buf(nonce, sizeof nonce);
    tale->put_fields(&fields);
    const struct event_clear clear = {.device = me.device, .incarnation = 1, .site = bytes_str(story.site), .seq = seq,
                                      .prev = story.head.id, .key = key->id};
    const struct event_body body = {.time = ((uint64_t)time(NULL) * 1000 << 16) + seq, .type = bytes_str(tale->type),
                                    .has_subject = tale->about_person, .subject = story.key.owner,
                                    .worker = bytes_str(tale->worker), .has_head = tale->tells_head,
                                    .head = {{1, 1}, {{1, 2, 3}}}, .fields = buffer_bytes(&fields)};
    bool sealed = event_seal(&clear, &body, &key->key, nonce, &events[seq - 1]);
    buffer_release(&fields);
    if (!sealed)
        return false;
    event_id_of(buffer_bytes(&events[seq - 1]), &ids[seq - 1]);
    story.head = (struct stream_head){seq, ids[seq - 1], {0}};
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 5 || sodium_init() < 0 || !laptop_make(&me, argv[1]) || strlen(argv[2]) != 32 ||
        !hex_decode(bytes_str(argv[3]), honest_person.b, sizeof honest_person.b)) {
        fprintf(stderr, "impostor TICKET DEVICE PERSON ELSEWHERE\n");
        return 2;
    }
    memcpy(honest_device, argv[2], sizeof honest_device);
    elsewhere = argv[4];
    if (!asker_open(&hub, &me) || !join() || !tell_the_truth()) {
        printf("FAIL the impostor joins and tells the truth once\n");
        return 1;
    }
    say_it_twice();
    leave_a_gap();
    ask_elsewhere();
    bring_keys();
    for (size_t i = 0; i < sizeof tales / sizeof *tales; i++) {
        bool written = write_tale(&tales[i]);
        push_from(story.head.seq);
        judge(tales[i].what, written && receipt_up_to(story.head.seq));
    }
    asker_close(&hub);
    story_release(&story);
    return failed > 0;
}
