/* SPDX-License-Identifier: Apache-2.0 */
/* Imports that come without waiting: while one is committed the next is looked at as far as it does not depend on it,
 * and the record is the same as if each had waited for the one before. */
#include "tests/unit/given_laptop.h"

#include <signal.h>

#define FILES 12
#define LINES 40
#define ALL   (FILES * LINES)

struct line {
    char id[65], subject[16], of[65], text[24];
    const char *type;
    bool restricted, without_site;
};

static uint32_t chance(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

/* An earlier line's number, mostly one of this file or of the one before; at times one that is still to come. */
static size_t other_line(uint32_t *state, size_t at)
{
    const size_t near = at < 2 * LINES ? at : 2 * LINES;
    return chance(state, 9) == 0 ? at + chance(state, LINES) : at - (near > 0 ? chance(state, (uint32_t)near) + 1 : 0);
}

static void name_line(char id[65], size_t number, bool in_words)
{
    if (in_words)
        snprintf(id, 65, "entry %zu there", number);
    else
        snprintf(id, 65, "%064zx", number * 7919 + 17);
}

/* Somebody who was met lately, or is new with this line: mostly without having been introduced. */
static void name_subject(char subject[16], size_t number)
{
    uint32_t state = (uint32_t)number;
    const unsigned newest = (unsigned)number / 9;
    snprintf(subject, 16, "p%u", newest - chance(&state, newest < 12 ? newest + 1 : 12));
}

static void make_line(struct line *line, size_t at, uint32_t *state)
{
    const uint32_t kind = chance(state, 16);
    *line = (struct line){.type = "note.added"};
    const size_t number = kind == 0 ? other_line(state, at) : at; /* at times one that was there before */
    name_line(line->id, number, number % 3 == 0);
    snprintf(line->text, sizeof line->text, "line %zu", at);
    name_subject(line->subject, number);
    line->without_site = kind == 1;
    line->restricted = kind == 2;
    if (kind == 3)
        line->type = "note.sung";
    if (kind == 4)
        line->type = "person.introduced";
    if (kind >= 11) {
        const size_t of = other_line(state, at);
        line->type = "entry.struck";
        name_line(line->of, of, of % 3 == 0);
        name_subject(line->subject, of);
    }
}

static void make_lines(struct line lines[ALL], uint32_t seed)
{
    for (size_t i = 0; i < ALL; i++)
        make_line(&lines[i], i, &seed);
}

static void put_line(struct buffer *out, const struct line *line)
{
    const struct control_draft draft = {.source = bytes_str("old"), .origin = bytes_str(line->id),
                                        .subject = bytes_str(line->subject),
                                        .site = bytes_str(line->without_site ? "" : SITE)};
    if (*line->of)
        put_draft(out, draft, line->type, (const char *[]){"of", line->of, "why", line->text, NULL});
    else if (strcmp(line->type, "person.introduced") == 0)
        put_draft(out, draft, line->type, (const char *[]){"known_as", line->text, NULL});
    else
        put_draft(out, draft, line->type,
                  (const char *[]){"text", line->text, line->restricted ? "audience" : NULL, "bea", NULL});
}

static void put_file(struct buffer *out, const struct line *lines)
{
    size_t begin = control_frame_begin(out);
    put_request(out, CONTROL_RECORD, (const char *[]){"partly", "!", NULL});
    for (size_t i = 0; i < LINES; i++)
        put_line(out, &lines[i]);
    control_frame_end(out, begin);
}

/* What there is in the end, without what is random: ids and people as numbers in the order of the log. */
struct outcome {
    size_t count;
    struct entry_there {
        uint8_t id[32], person[16];
        char said[200];
    } entries[2 * ALL];
    char answers[ALL][80];
};

static size_t entry_of(const struct outcome *all, struct bytes id)
{
    for (size_t i = 0; i < all->count; i++)
        if (id.len == 32 && memcmp(all->entries[i].id, id.data, 32) == 0)
            return i;
    return SIZE_MAX;
}

static size_t person_of(const struct outcome *all, struct bytes person)
{
    for (size_t i = 0; i < all->count; i++)
        if (person.len == 16 && memcmp(all->entries[i].person, person.data, 16) == 0)
            return i;
    return SIZE_MAX;
}

static void say_fields(struct outcome *all, struct mp_reader *r, struct entry_there *entry)
{
    const uint32_t pairs = mp_map(r, 64);
    for (uint32_t i = 0; i < pairs && !r->failed; i++) {
        char value[100] = "";
        const struct bytes name = mp_str(r, 0, 64);
        if (mp_peek(r) == MP_STR)
            bytes_to_text(mp_str(r, 0, 99), value, sizeof value);
        else if (mp_peek(r) == MP_BIN)
            snprintf(value, sizeof value, "entry %zu", entry_of(all, mp_bin(r, 0, 32)));
        else
            mp_skip(r);
        snprintf(entry->said + strlen(entry->said), sizeof entry->said - strlen(entry->said), " %.*s=%.20s",
                 (int)name.len, (const char *)name.data, value);
    }
}

static void read_entry(struct outcome *all, struct mp_reader *r)
{
    struct entry_there *entry = &all->entries[all->count];
    mp_array(r, 12, 12);
    const struct bytes id = mp_bin(r, 32, 32);
    for (int i = 1; i < 7; i++)
        mp_skip(r);
    const struct bytes type = mp_str(r, 1, 48), person = mp_bin(r, 16, 16);
    memcpy(entry->id, id.data, id.len);
    memcpy(entry->person, person.data, person.len);
    all->count++;
    mp_skip(r);
    mp_skip(r);
    snprintf(entry->said, sizeof entry->said, "%.*s of %zu:", (int)type.len, (const char *)type.data,
             person_of(all, person));
    say_fields(all, r, entry);
    assert_false(r->failed);
}

static void read_log(struct given_client *client, struct outcome *all)
{
    struct reply log = client_ask(client, CONTROL_LOG, NULL);
    struct mp_reader *r = malloc(sizeof *r);
    assert_true(log.count <= 2 * ALL);
    mp_reader_init(r, buffer_bytes(&log.items));
    while (mp_next(r))
        read_entry(all, r);
    assert_int_equal(all->count, log.count);
    free(r);
    reply_release(&log);
}

/* A text as it is, an id as the number of what it is of. */
static void read_answers(const struct outcome *all, const struct reply *reply, char out[][80])
{
    struct mp_reader *r = malloc(sizeof *r);
    mp_reader_init(r, buffer_bytes(&reply->items));
    for (size_t i = 0; mp_next(r); i++) {
        out[i][0] = '\0';
        for (uint32_t pairs = mp_map(r, 8); pairs > 0 && !r->failed; pairs--) {
            const struct bytes name = mp_str(r, 1, 20);
            size_t number = SIZE_MAX;
            if (mp_peek(r) == MP_BIN && bytes_is(name, "person"))
                number = person_of(all, mp_bin(r, 16, 16));
            else if (mp_peek(r) == MP_BIN)
                number = entry_of(all, mp_bin(r, 32, 32));
            else
                mp_skip(r);
            snprintf(out[i] + strlen(out[i]), 80 - strlen(out[i]), " %.*s %zd", (int)name.len,
                     (const char *)name.data, (ssize_t)number);
        }
    }
    free(r);
}

/* So many files at a time; the views have what came before. */
static void send_files(struct given_client *client, const struct line lines[ALL], size_t at_once, struct reply *replies)
{
    struct buffer out = {0};
    for (size_t first = 0; first < FILES; first += at_once) {
        for (size_t file = first; file < first + at_once; file++)
            put_file(&out, &lines[file * LINES]);
        client_send(client, &out);
        for (size_t file = first; file < first + at_once; file++)
            replies[file] = client_reply(client);
        struct reply view = client_ask(client, CONTROL_VIEW, (const char *[]){"name", "front-door", NULL});
        assert_int_equal(view.code, FELLOE_OK);
        reply_release(&view);
    }
}

static struct outcome *import_all(const struct line lines[ALL], size_t at_once)
{
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct key_record commons = {.id = {{9}}, .kind = KEY_SITE, .site = "commons", .key = {{7}}};
    struct outcome *all = calloc(1, sizeof *all);
    struct reply replies[FILES];
    assert_int_equal(keyring_add(d->log->keyring, &commons, 1, NULL), FELLOE_OK);
    send_files(&client, lines, at_once, replies);
    read_log(&client, all);
    for (size_t file = 0; file < FILES; file++) {
        if (replies[file].code != FELLOE_OK)
            fail_msg("%s", replies[file].text);
        assert_int_equal(replies[file].count, LINES);
        read_answers(all, &replies[file], &all->answers[file * LINES]);
        reply_release(&replies[file]);
    }
    client_end(&client);
    laptop_end(d);
    return all;
}

static void expect_the_same(const struct outcome *is, const struct outcome *meant)
{
    for (size_t i = 0; i < meant->count && i < is->count; i++)
        assert_string_equal(is->entries[i].said, meant->entries[i].said);
    assert_int_equal(is->count, meant->count);
    for (size_t i = 0; i < ALL; i++)
        assert_string_equal(is->answers[i], meant->answers[i]);
}

static void the_record_is_as_if_each_had_waited(void **state)
{
    (void)state;
    static struct line lines[ALL];
    uint32_t seed = 1;
    for (int round = 0; round < 3; round++) {
        make_lines(lines, seed++);
        struct outcome *meant = import_all(lines, 1);
        assert_in_range(meant->count, ALL / 2, ALL);
        for (size_t at_once = 3; at_once <= FILES; at_once += FILES - 3) {
            struct outcome *is = import_all(lines, at_once);
            expect_the_same(is, meant);
            free(is);
        }
        free(meant);
    }
}

/* While some are committed, looked at ahead, and wait. */
static void somebody_leaves_or_the_daemon_ends_in_the_middle(void **state)
{
    (void)state;
    static struct line lines[ALL];
    make_lines(lines, 77);
    for (int round = 0; round < 8; round++) {
        struct given_daemon *d = laptop();
        struct given_client gone = given_client(d), client = given_client(d);
        struct key_record commons = {.id = {{9}}, .kind = KEY_SITE, .site = "commons", .key = {{7}}};
        struct buffer out = {0};
        assert_int_equal(keyring_add(d->log->keyring, &commons, 1, NULL), FELLOE_OK);
        for (size_t file = 0; file < 6; file++)
            put_file(&out, &lines[file * LINES]);
        client_send(&gone, &out);
        for (int i = 0; i < round / 2; i++) {
            struct reply reply = client_reply(&gone);
            reply_release(&reply);
        }
        if (round % 2) {
            client_end(&gone);
            put_file(&out, &lines[6 * LINES]);
            client_send(&client, &out);
            struct reply reply = client_reply(&client);
            assert_int_equal(reply.count, LINES);
            reply_release(&reply);
        }
        laptop_end(d);
        if (round % 2 == 0)
            client_end(&gone);
        client_end(&client);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_is_as_if_each_had_waited),
        cmocka_unit_test(somebody_leaves_or_the_daemon_ends_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
