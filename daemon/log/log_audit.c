/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop that goes on as another incarnation: looks that it had written, and that have no receipt yet, become events
 * of the new stream, as they are. They are sealed for others, so they cannot be written anew; and a hub that holds them
 * already holds them twice then, which whoever reads them tells by their ids. */
#include "daemon/log/log_internal.h"
#include "proto/event/look.h"

/* Of one that was carried over before: the event that it carries. */
static bool carried(struct bytes raw, const struct look_key *envelope, struct buffer *plain, struct bytes *inner)
{
    struct event event;
    struct event_body body;
    return event_decode(raw, &event) && memcmp(&event.clear.key, &envelope->id, sizeof envelope->id) == 0 &&
           event_open(&event, &envelope->key, plain, &body) && bytes_is(body.type, LOOK_AGAIN_TYPE) &&
           look_again_read(body.fields, inner);
}

static enum felloe_code carry(struct event_log *log, struct log_job *job, uint64_t time, struct bytes raw,
                              const struct look_key *envelope)
{
    const struct stream_head *last = log_write_own(log, LOG_AUDIT);
    struct buffer fields = {0}, plain = {0};
    struct event_id id;
    const struct event_clear clear = {.device = log->identity->device,
                                      .incarnation = log->write.incarnation,
                                      .site = bytes_str(AUDIT_SITE),
                                      .seq = last->seq + 1,
                                      .prev = last->id,
                                      .key = envelope->id};
    carried(raw, envelope, &plain, &raw);
    look_again_put(&fields, raw); /* copies it: the map may move with the next change */
    const struct event_body body = {.time = time,
                                    .type = bytes_str(LOOK_AGAIN_TYPE),
                                    .worker = bytes_str(log->identity->worker),
                                    .fields = buffer_bytes(&fields)};
    enum felloe_code code = fields.failed || plain.failed
                                ? felloe_fail(&job->error, FELLOE_FAILED, "out of memory")
                                : log_seal(log, job, &clear, &body, &envelope->key);
    if (code == FELLOE_OK)
        log_append_own(log, LOG_AUDIT, &clear, time, &id);
    buffer_release(&fields);
    buffer_release(&plain);
    return code;
}

enum felloe_code log_audit_again(struct event_log *log, struct log_job *job, uint32_t before, uint64_t shared,
                                 const struct stream_head *own)
{
    struct look_key envelope;
    enum felloe_code code = FELLOE_OK;
    look_envelope_key(&envelope);
    for (uint64_t seq = shared + 1; seq <= own->seq && code == FELLOE_OK; seq++) {
        struct store_key key;
        struct bytes row;
        key_own(&key, before, seq);
        if (store_get(log->write.txn, T_OWN + LOG_AUDIT, key_bytes(&key), &row) && row.len > OWN_PREFIX &&
            row.len - OWN_PREFIX <= LOOK_AGAIN_MAX)
            code = carry(log, job, be_u64(row.data), bytes_of(row.data + OWN_PREFIX, row.len - OWN_PREFIX), &envelope);
    }
    return code;
}
