/* SPDX-License-Identifier: Apache-2.0 */
/* Own events of a damaged log: which of them are what this device wrote, and whether any is missing. They are the only
 * ones that nobody else may have. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/log_repair_inside.h"

#define PUT_MAX 1000u /* events in one commit */

/* ---- reading ---- */

struct loading {
    struct repair *r;
    struct own_events *own;
    struct bytes site;
    struct buffer plain;
};

/* Opened under its key, an event proves itself. */
static bool opens(struct loading *l, const struct event *event)
{
    struct key_record record;
    struct event_body body;
    if (keyring_get(l->r->config->keyring, &event->clear.key, &record) != FELLOE_OK)
        return false;
    bool good = event_open(event, &record.key, &l->plain, &body) || l->plain.len > 0;
    l->r->no_memory |= l->plain.failed;
    sodium_memzero(&record, sizeof record);
    if (l->plain.len > 0)
        sodium_memzero(l->plain.data, l->plain.len);
    return good;
}

static bool take_own(void *context, struct bytes key, struct bytes value)
{
    struct loading *l = context;
    struct own_events *own = l->own;
    struct event event;
    if (key.len != 12 || value.len <= OWN_PREFIX ||
        !event_decode(bytes_of(value.data + OWN_PREFIX, value.len - OWN_PREFIX), &event) ||
        !device_id_equal(&event.clear.device, &l->r->config->identity->device) ||
        event.clear.incarnation != be_u32(key.data) || event.clear.seq != be_u64(key.data + 4) ||
        !bytes_equal(event.clear.site, l->site))
        return true;
    if (own->count == own->cap) {
        size_t cap = own->cap > 0 ? own->cap * 2 : 256;
        struct own_ref *refs = realloc(own->refs, cap * sizeof *refs);
        if (refs == NULL)
            return !(l->r->no_memory = true);
        own->refs = refs;
        own->cap = cap;
    }
    struct own_ref *ref = &own->refs[own->count++];
    *ref = (struct own_ref){.incarnation = event.clear.incarnation,
                            .seq = event.clear.seq,
                            .time = be_u64(value.data),
                            .at = own->bytes.len,
                            .len = event.raw.len,
                            .good = opens(l, &event)};
    event_id_of(event.raw, &ref->id);
    buffer_append(&own->bytes, event.raw.data, event.raw.len);
    return !(l->r->no_memory = own->bytes.failed);
}

/* Of one number the one that is good comes first. */
static int compare_refs(const void *left, const void *right)
{
    const struct own_ref *a = left, *b = right;
    int order = (a->incarnation > b->incarnation) - (a->incarnation < b->incarnation);
    if (order == 0)
        order = (a->seq > b->seq) - (a->seq < b->seq);
    return order != 0 ? order : (int)b->good - (int)a->good;
}

static void leave_out_doubles(struct own_events *own)
{
    size_t kept = 0;
    for (size_t i = 0; i < own->count; i++)
        if (kept == 0 || own->refs[kept - 1].incarnation != own->refs[i].incarnation ||
            own->refs[kept - 1].seq != own->refs[i].seq)
            own->refs[kept++] = own->refs[i];
    own->count = kept;
}

/* Where the key is not here, the next event's `prev` can speak for one; from the last to the first. */
static void believe_chains(struct own_events *own)
{
    for (size_t i = own->count; i-- > 1;) {
        struct own_ref *ref = &own->refs[i - 1], *next = &own->refs[i];
        struct event event;
        if (!ref->good && next->good && next->incarnation == ref->incarnation && next->seq == ref->seq + 1 &&
            event_decode(own_ref_bytes(own, next), &event))
            ref->good = event_id_equal(&event.clear.prev, &ref->id);
    }
}

bool own_events_load(struct repair *r, uint32_t number, const char *site, struct own_events *out)
{
    char table[8];
    snprintf(table, sizeof table, "own.%02u", number % 100);
    *out = (struct own_events){0};
    struct loading l = {.r = r, .own = out, .site = bytes_str(site)};
    if (!store_salvage_table(r->old, table, take_own, &l))
        r->no_memory = true;
    buffer_release(&l.plain);
    if (out->count > 0)
        qsort(out->refs, out->count, sizeof *out->refs, compare_refs);
    leave_out_doubles(out);
    believe_chains(out);
    return !r->no_memory;
}

void own_events_release(struct own_events *own)
{
    buffer_release(&own->bytes);
    free(own->refs);
    *own = (struct own_events){0};
}

const struct own_ref *own_events_find(const struct own_events *own, uint32_t incarnation, uint64_t seq)
{
    struct own_ref key = {.incarnation = incarnation, .seq = seq};
    size_t low = 0, high = own->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct own_ref *ref = &own->refs[middle];
        if (ref->incarnation == incarnation && ref->seq == seq)
            return ref->good ? ref : NULL;
        key.good = ref->good;
        if (compare_refs(ref, &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- is anything missing? ---- */

struct own_rows {
    uint32_t number, incarnation;
    bool has_head, has_receipt;
    struct stream_head head;
    struct receipt_row receipt;
};

static bool is_ours(const struct own_rows *rows, struct bytes key)
{
    return key.len == 6 && be_u16(key.data) == rows->number && be_u32(key.data + 2) == rows->incarnation;
}

static bool take_head(void *context, struct bytes key, struct bytes value)
{
    struct own_rows *rows = context;
    if (is_ours(rows, key))
        rows->has_head = stream_row_read(value, &rows->head);
    return true;
}

static bool take_receipt(void *context, struct bytes key, struct bytes value)
{
    struct own_rows *rows = context;
    if (is_ours(rows, key))
        rows->has_receipt = receipt_row_read(value, &rows->receipt);
    return true;
}

/* Is the present incarnation's stream here from its first event to its last? */
static bool is_whole(const struct repair *r, const struct own_events *own, const struct own_rows *rows)
{
    uint64_t seq = 0;
    struct event_id last = {{0}};
    for (size_t i = 0; i < own->count; i++) {
        const struct own_ref *ref = &own->refs[i];
        struct event event;
        if (ref->incarnation != rows->incarnation)
            continue;
        if (!ref->good || ref->seq != seq + 1 || !event_decode(own_ref_bytes(own, ref), &event) ||
            !event_id_equal(&event.clear.prev, &last))
            return false;
        seq = ref->seq;
        last = ref->id;
    }
    if (!rows->has_head)
        return seq == 0 && store_salvage_lost(r->old) == 0;
    return rows->head.seq == seq && event_id_equal(&rows->head.id, &last) &&
           (!rows->has_receipt || rows->receipt.seq <= seq);
}

/* ---- into the new log ---- */

static enum felloe_code put_some(struct repair *r, const char *site, const struct own_events *own, size_t first,
                                 size_t count)
{
    struct log_job job = {.kind = LOG_RESTORE_OWN, .incarnation = own->refs[first].incarnation};
    uint64_t *times = calloc(count, sizeof *times);
    job.batch = batch_new((uint32_t)count);
    if (times == NULL || job.batch == NULL) {
        free(times);
        batch_free(job.batch);
        return felloe_fail(r->error, FELLOE_FAILED, "out of memory");
    }
    snprintf(job.site, sizeof job.site, "%s", site);
    snprintf(job.batch->site, sizeof job.batch->site, "%s", site);
    job.times = times;
    job.batch->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const struct own_ref *ref = &own->refs[first + i];
        job.batch->entries[i].event = own_ref_bytes(own, ref);
        job.batch->entries[i].id = ref->id;
        times[i] = ref->time;
    }
    enum felloe_code code = repair_do(r, &job);
    batch_free(job.batch);
    free(times);
    return code;
}

/* Those that are not good are left out first, so that what is put is one run of the array. */
static size_t keep_good(const struct own_events *own, struct own_events *good)
{
    *good = *own;
    good->refs = calloc(own->count > 0 ? own->count : 1, sizeof *good->refs);
    good->count = 0;
    for (size_t i = 0; good->refs != NULL && i < own->count; i++)
        if (own->refs[i].good)
            good->refs[good->count++] = own->refs[i];
    return good->count;
}

static enum felloe_code put_all(struct repair *r, const char *site, const struct own_events *own)
{
    struct own_events good;
    keep_good(own, &good);
    enum felloe_code code =
        good.refs != NULL ? FELLOE_OK : felloe_fail(r->error, FELLOE_FAILED, "out of memory");
    for (size_t at = 0; code == FELLOE_OK && at < good.count;) {
        size_t count = 1;
        while (count < PUT_MAX && at + count < good.count &&
               good.refs[at + count].incarnation == good.refs[at].incarnation)
            count++;
        code = put_some(r, site, &good, at, count);
        at += count;
    }
    free(good.refs);
    return code;
}

/* A receipt that does not fit is not one: what it spoke for is sent again, and the hub says that it has it. */
static enum felloe_code put_receipt(struct repair *r, const char *site, const struct own_rows *rows)
{
    const struct identity *me = r->config->identity;
    if (!rows->has_receipt || rows->receipt.seq == 0 ||
        !verify_receipt(&me->hub_sign, bytes_str(site), &me->device, rows->incarnation, rows->receipt.seq,
                        &rows->receipt.id, &rows->receipt.signature))
        return FELLOE_OK;
    struct msg_receipt *receipt = calloc(1, sizeof *receipt);
    if (receipt == NULL)
        return felloe_fail(r->error, FELLOE_FAILED, "out of memory");
    struct log_job job = {.kind = LOG_KEEP_RECEIPT, .receipt = receipt};
    snprintf(job.site, sizeof job.site, "%s", site);
    receipt->site = bytes_str(job.site);
    receipt->incarnation = rows->incarnation;
    receipt->seq = rows->receipt.seq;
    receipt->id = rows->receipt.id;
    receipt->signature = rows->receipt.signature;
    enum felloe_code code = repair_do(r, &job);
    free(receipt);
    return code == FELLOE_INVALID ? FELLOE_OK : code;
}

enum felloe_code own_events_put(struct repair *r, uint32_t number, struct log_repair_site *site,
                                const struct own_events *own)
{
    struct own_rows rows = {.number = number, .incarnation = r->incarnation};
    if (!store_salvage_table(r->old, "own-heads", take_head, &rows) ||
        !store_salvage_table(r->old, "receipts", take_receipt, &rows))
        return felloe_fail(r->error, FELLOE_FAILED, "out of memory");
    if (!is_whole(r, own, &rows))
        r->goes_on = true;
    for (size_t i = 0; i < own->count; i++)
        site->own += own->refs[i].good && own->refs[i].incarnation == r->incarnation;
    site->own_before = rows.has_head ? rows.head.seq : 0;
    enum felloe_code code = put_all(r, site->site, own);
    return code == FELLOE_OK ? put_receipt(r, site->site, &rows) : code;
}
