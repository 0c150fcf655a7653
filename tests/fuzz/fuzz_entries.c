/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the bodies of PUSH, FEED and OFFER. The first three bytes say which of them, how many entries and how many
 * keys the header claims; the rest is the body. Whatever comes, the body is given back exactly once. */
#include "tests/fuzz/fuzz.h"

#include "proto/event/key_record.h"
#include "proto/sync/message.h"
#include "proto/sync/sync_entries.h"

unsigned long fuzz_accepted;

enum { BODY_PUSH, BODY_FEED, BODY_OFFER, BODY_KINDS };

static const struct device_id own = {{7}};
static const struct event_id own_ids[4] = {{{1}}, {{2}}, {{3}}, {{4}}};

static void put_event(struct buffer *out, uint64_t seq, const struct signature *signature)
{
    static const struct data_key key;
    static const uint8_t nonce[EVENT_NONCE_SIZE], fields[] = {0x81, 0xa4, 't', 'e', 'x', 't', 0xa2, 'h', 'i'};
    struct event_clear clear = {.device = own, .incarnation = 1, .site = bytes_str("dale"), .seq = seq};
    struct event_body body = {.time = seq, .type = bytes_str("note.added"), .worker = bytes_str("ash"),
                              .fields = bytes_of(fields, sizeof fields)};
    struct buffer raw = {0};
    clear.prev.b[0] = seq > 1;
    MUST(event_seal(&clear, &body, &key, nonce, &raw));
    feed_put_event(out, buffer_bytes(&raw), signature);
    buffer_release(&raw);
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static const struct box_shared shared = {{1}};
    static const struct signature signature = {{2}};
    static const uint8_t nonce[BOX_NONCE_SIZE] = {3};
    const struct key_record record = {.id = {{4}}, .kind = KEY_SITE, .site = "dale"};
    unsigned kind = number % BODY_KINDS;
    bool full = number >= BODY_KINDS;
    if (number >= 3 * BODY_KINDS)
        return false;
    buffer_append_byte(out, (uint8_t)kind);
    buffer_append_byte(out, !full ? 0 : kind == BODY_FEED && number / BODY_KINDS == 2 ? 4 : 3);
    buffer_append_byte(out, full ? 2 : 1);
    key_record_wrap(&record, &shared, nonce, out);
    if (!full)
        return true;
    key_record_wrap(&record, &shared, nonce, out);
    put_event(out, 1, kind == BODY_PUSH ? NULL : &signature);
    if (kind == BODY_FEED) {
        const struct event_id id = {{5}};
        if (number / BODY_KINDS == 1)
            feed_put_marker(out, 1, 2, &id);
        else
            feed_put_markers(out, 1, 2, 2, &own_ids[2]);
    } else {
        put_event(out, 2, NULL);
    }
    put_event(out, 3, kind == BODY_PUSH ? NULL : &signature);
    return true;
}

static void count_return(void *owner)
{
    ++*(unsigned *)owner;
}

static bool within(struct bytes part, struct bytes whole)
{
    return part.data >= whole.data && part.data + part.len <= whole.data + whole.len;
}

static void check_batch(const struct batch *batch, const struct entries_form *form, struct bytes body)
{
    MUST(batch->count == form->count && batch->key_count == form->key_count && within(batch->keys, body));
    MUST(keys_check(batch->keys, batch->key_count, NULL, NULL));
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        struct event_id id;
        MUST(entry->seq > 0 && entry->incarnation > 0);
        if (entry->flags & ENTRY_OWN) {
            MUST(form->markers && entry->event.len == 0 && device_id_equal(&entry->device, &own));
            continue;
        }
        MUST(within(entry->event, body) && (form->signatures || !(entry->flags & ENTRY_SIGNED)));
        event_id_of(entry->event, &id);
        MUST(event_id_equal(&id, &entry->id));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    unsigned kind = data[0] % BODY_KINDS, returned = 0;
    struct bytes in = bytes_of(data + 3, size - 3);
    struct entries_form form = {.site = bytes_str("dale"), .count = data[1], .key_count = data[2],
                                .markers = kind == BODY_FEED, .signatures = kind != BODY_PUSH, .own = own,
                                .incarnation = 1, .own_ids = own_ids, .own_first = 1, .own_count = 4};
    struct lent body = {in, count_return, &returned};
    struct batch *batch = NULL;
    enum entries_result result = entries_decode(&body, &form, &batch);
    MUST(!body.release == (result != ENTRIES_OWN) && (result == ENTRIES_OK) == (batch != NULL));
    if (result == ENTRIES_OWN) { /* it may be asked for the ids then */
        uint64_t first;
        uint32_t count = 0;
        MUST(kind == BODY_FEED && returned == 0);
        MUST(!entries_own_span(in, &form, &first, &count) || (first > 0 && count >= 2 && count <= BATCH_ENTRIES_MAX));
        lent_return(&body);
    }
    if (batch) {
        MUST(returned == 0);
        check_batch(batch, &form, in);
        fuzz_accepted++;
    }
    batch_free(batch);
    MUST(returned == 1);
    return 0;
}
