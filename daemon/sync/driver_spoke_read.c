/* SPDX-License-Identifier: Apache-2.0 */
/* What the spoke's machine wants to read: own events, their ids, ranges to offer, keys; each on a thread of the pool.
 */
#include <stdlib.h>

#include "daemon/sync/driver_spoke.h"

struct spoke_read {
    struct spoke_driver *s;
    enum spoke_output_kind kind;
    char site[SLUG_MAX + 1];
    uint64_t first_seq;
    struct position from;
    uint32_t max_bytes, count;
    struct key_id *ids;
    uint32_t id_count;
    struct event_id *own_ids;
    struct buffer read_ids;
    struct spoke_input input; /* the answer */
    enum felloe_code code;
    struct felloe_error error;
};

/* Their ids are at hand here, and wanted when they come back as markers. */
static void read_own(struct spoke_read *read)
{
    struct spoke_input *in = &read->input;
    read->code = log_read_push(read->s->base.daemon->log, bytes_str(read->site), read->first_seq, read->max_bytes,
                               &in->body, &in->count, &in->key_count, &in->last_id, &read->read_ids, &read->error);
    if (read->code == FELLOE_OK && !read->read_ids.failed && read->read_ids.len == in->count * sizeof *in->ids)
        in->ids = (const struct event_id *)read->read_ids.data;
}

static void do_read(void *context)
{
    struct spoke_read *read = context;
    struct event_log *log = read->s->base.daemon->log;
    struct spoke_input *in = &read->input;
    if (read->kind == SPOKE_READ_OFFER)
        read->code = log_read_offer(log, bytes_str(read->site), read->from, read->max_bytes, &in->body, &in->count,
                                    &in->head, &in->signature, &read->error);
    else if (read->kind == SPOKE_READ_KEYS)
        read->code = log_read_keys(log, bytes_str(read->site), read->ids, read->id_count, NULL, &read->s->hub_shared,
                                   &in->body, &in->key_count, NULL, &(uint32_t){0}, &read->error);
    else if (read->kind == SPOKE_READ_IDS)
        read->code = log_read_ids(log, bytes_str(read->site), read->first_seq, read->count, read->own_ids, &in->count,
                                  &read->error);
    else
        read_own(read);
}

static void read_end(struct spoke_read *read)
{
    free(read->ids);
    free(read->own_ids);
    buffer_release(&read->read_ids);
    free(read);
}

static void read_done(void *context)
{
    struct spoke_read *read = context;
    struct spoke_driver *s = read->s;
    driver_work_end(&s->base);
    if (read->code != FELLOE_OK) {
        lent_return(&read->input.body);
        driver_restart(&s->base, read->error.message);
    } else {
        driver_spoke_step(s, &read->input);
    }
    read_end(read);
}

void driver_spoke_read(struct spoke_driver *s, struct spoke_output *output)
{
    static const enum spoke_input_kind answers[] = {[SPOKE_READ_OWN] = SPOKE_OWN_READ,
                                                    [SPOKE_READ_OFFER] = SPOKE_OFFER_READ,
                                                    [SPOKE_READ_IDS] = SPOKE_IDS_READ,
                                                    [SPOKE_READ_KEYS] = SPOKE_KEYS_READ};
    struct spoke_read *read = calloc(1, sizeof *read);
    if (read != NULL && output->kind == SPOKE_READ_IDS)
        read->own_ids = malloc(output->count * sizeof *read->own_ids);
    if (read == NULL || (output->kind == SPOKE_READ_IDS && read->own_ids == NULL)) {
        free(read);
        driver_restart(&s->base, "out of memory");
        return;
    }
    read->s = s;
    read->kind = output->kind;
    bytes_to_text(output->site, read->site, sizeof read->site);
    read->first_seq = output->first_seq;
    read->from = output->from;
    read->max_bytes = output->max_bytes;
    read->count = output->count;
    read->ids = output->keys;
    read->id_count = output->key_count;
    output->keys = NULL;
    read->input = (struct spoke_input){.kind = answers[output->kind],
                                       .site = bytes_str(read->site),
                                       .first_seq = output->first_seq,
                                       .first = output->from,
                                       .ids = read->own_ids};
    if (!driver_work(&s->base, do_read, read_done, read)) {
        read_end(read);
        driver_restart(&s->base, "a read could not be started");
    }
}
