/* SPDX-License-Identifier: Apache-2.0 */
/* Own events that were found, into the new log: a laptop's under the numbers that they have; a hub's with its sites'
 * logs, and those that are not in these, which perhaps no laptop has either, are written again. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/log_repair_inside.h"

#define PUT_MAX 1000u /* events in one commit */

/* ---- at a laptop; and where a hub's imports came from ---- */

static enum felloe_code put_some(struct repair *r, const struct repair_site *site, const struct own_ref *const *refs,
                                 uint32_t count)
{
    struct log_job job = {.kind = LOG_RESTORE_OWN, .incarnation = refs[0]->incarnation, .batch = batch_new(count)};
    uint64_t *times = calloc(count, sizeof *times);
    if (times == NULL || job.batch == NULL) {
        free(times);
        batch_free(job.batch);
        return repair_no_memory(r);
    }
    snprintf(job.site, sizeof job.site, "%s", site->name);
    snprintf(job.batch->site, sizeof job.batch->site, "%s", site->name);
    job.times = times;
    job.batch->count = count;
    for (uint32_t i = 0; i < count; i++) {
        job.batch->entries[i] = (struct entry){.event = own_ref_bytes(&site->own, refs[i]), .id = refs[i]->id};
        times[i] = refs[i]->time;
    }
    enum felloe_code code = repair_do(r, &job);
    batch_free(job.batch);
    free(times);
    return code;
}

/* All that are placed, or all. A job is of one incarnation. */
static enum felloe_code put_all(struct repair *r, const struct repair_site *site, bool placed)
{
    const struct own_ref *refs[PUT_MAX];
    uint32_t count = 0;
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < site->own.count && code == FELLOE_OK; i++) {
        const struct own_ref *ref = &site->own.refs[i];
        if (placed && !ref->placed)
            continue;
        if (count == PUT_MAX || (count > 0 && refs[0]->incarnation != ref->incarnation)) {
            code = put_some(r, site, refs, count);
            count = 0;
        }
        refs[count++] = ref;
    }
    return code == FELLOE_OK && count > 0 ? put_some(r, site, refs, count) : code;
}

/* A receipt that does not fit is not one: what it spoke for is sent again, and the hub says that it has it. */
static enum felloe_code put_receipt(struct repair *r, const struct repair_site *site)
{
    const struct own_name *best = NULL;
    for (uint32_t i = 0; i < site->name_count; i++) {
        const struct own_name *name = &site->names[i];
        const struct own_ref *ref = name->by == NAMED_BY_RECEIPT && name->incarnation == r->incarnation
                                        ? own_events_find(&site->own, name->incarnation, name->seq)
                                        : NULL;
        if (ref != NULL && event_id_equal(&ref->id, &name->id) && (best == NULL || best->seq < name->seq))
            best = name;
    }
    if (best == NULL)
        return FELLOE_OK;
    struct msg_receipt *receipt = calloc(1, sizeof *receipt);
    if (receipt == NULL)
        return repair_no_memory(r);
    struct log_job job = {.kind = LOG_KEEP_RECEIPT, .receipt = receipt};
    receipt->site = bytes_str(site->name);
    receipt->incarnation = best->incarnation;
    receipt->seq = best->seq;
    receipt->id = best->id;
    receipt->signature = best->signature;
    enum felloe_code code = repair_do(r, &job);
    free(receipt);
    return code == FELLOE_INVALID ? FELLOE_OK : code;
}

enum felloe_code own_events_put(struct repair *r, struct repair_site *site)
{
    if (!own_events_whole(r, site))
        r->goes_on = true;
    for (uint32_t i = 0; i < site->name_count; i++)
        if (site->names[i].by == NAMED_BY_HEAD && site->names[i].incarnation == r->incarnation)
            site->out->own_before = site->names[i].seq;
    for (size_t i = 0; i < site->own.count; i++)
        site->out->own += site->own.refs[i].incarnation == r->incarnation;
    enum felloe_code code = put_all(r, site, false);
    return code == FELLOE_OK ? put_receipt(r, site) : code;
}

/* ---- at a hub ---- */

/* What earlier repairs wrote again is here as what it became. */
struct names_of_old {
    struct event_id *all;
    size_t count;
};

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct event_id));
}

static bool load_old_names(struct repair *r, const struct repair_site *site, struct buffer *plain,
                           struct names_of_old *out)
{
    out->all = calloc(site->own.count + 1, sizeof *out->all);
    for (size_t i = 0; out->all != NULL && i < site->own.count; i++) {
        struct event event;
        struct event_body body;
        if (event_decode(own_ref_bytes(&site->own, &site->own.refs[i]), &event) &&
            repair_opens(r, &event, plain, &body) && body.has_was)
            out->all[out->count++] = body.was;
    }
    if (out->count > 1)
        qsort(out->all, out->count, sizeof *out->all, compare_ids);
    return out->all != NULL && !r->no_memory;
}

/* One that cannot be read here cannot be written again. */
static enum felloe_code write_again(struct repair *r, const struct repair_site *site, const struct own_ref *ref,
                                    struct buffer *plain)
{
    struct event event;
    struct log_draft draft = {0};
    if (!event_decode(own_ref_bytes(&site->own, ref), &event) || !repair_opens(r, &event, plain, &draft.body) ||
        draft.body.type.len == 0)
        return r->no_memory ? repair_no_memory(r) : FELLOE_OK;
    if (!draft.body.has_was)
        draft.body.was = ref->id;
    draft.body.has_was = true;
    draft.key = event.clear.key;
    draft.seen = event.clear.seen;
    struct log_job job = {.kind = LOG_RECORD, .drafts = &draft, .draft_count = 1};
    snprintf(job.site, sizeof job.site, "%s", site->name);
    enum felloe_code code = repair_do(r, &job);
    site->out->again += code == FELLOE_OK;
    return code == FELLOE_INVALID ? FELLOE_OK : code;
}

enum felloe_code own_events_again(struct repair *r, struct repair_site *site)
{
    struct buffer plain = {0};
    struct names_of_old old = {0};
    enum felloe_code code = load_old_names(r, site, &plain, &old) ? put_all(r, site, true) : repair_no_memory(r);
    for (size_t i = 0; i < site->own.count && code == FELLOE_OK; i++) {
        const struct own_ref *ref = &site->own.refs[i];
        if (!ref->placed && bsearch(&ref->id, old.all, old.count, sizeof *old.all, compare_ids) == NULL)
            code = write_again(r, site, ref, &plain);
    }
    if (plain.data != NULL)
        sodium_memzero(plain.data, plain.cap);
    buffer_release(&plain);
    free(old.all);
    return code;
}
