/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub's machine wants to read: ranges of a log, keys, hashes; each on a thread of the pool. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/sync/driver_hub.h"
#include "daemon/report.h"

struct hub_read {
    struct hub_driver *h;
    enum hub_output_kind kind;
    char site[SLUG_MAX + 1];
    struct device_id device;
    uint32_t incarnation;
    struct box_shared shared;
    struct position from;
    uint32_t max_bytes, count;
    struct position positions[SEEN_MAX];
    struct key_id *ids, denied[KEYS_MAX];
    struct log_hash hashes[SEEN_MAX];
    struct hub_input input; /* the answer */
    struct felloe_error error;
};

static enum felloe_code read_hashes(struct hub_read *read, struct bytes site)
{
    struct log_reader *reader = log_reader_begin(read->h->base.daemon->log, &read->error);
    if (reader == NULL)
        return FELLOE_STORAGE;
    enum felloe_code code = FELLOE_OK;
    for (uint32_t i = 0; i < read->count; i++)
        if (!log_hash_at(reader, site, read->positions[i], &read->hashes[i]))
            code = felloe_fail(&read->error, FELLOE_DAMAGED, "the log of %s has no hash at a position it should have",
                               read->site);
    log_reader_end(reader);
    return code;
}

static void do_read(void *context)
{
    struct hub_read *read = context;
    struct event_log *log = read->h->base.daemon->log;
    struct bytes site = bytes_str(read->site);
    struct hub_input *in = &read->input;
    enum felloe_code code;
    if (read->kind == HUB_READ)
        code = log_read_feed(log, site, read->from, read->max_bytes, &read->device, read->incarnation, &read->shared,
                             &in->body, &in->at, &in->count, &in->key_count, &in->head, &read->error);
    else if (read->kind == HUB_READ_KEYS)
        code = log_read_keys(log, site, read->ids, read->count, &read->device, &read->shared, &in->body, &in->key_count,
                             read->denied, &in->denied_count, &read->error);
    else
        code = read_hashes(read, site);
    in->ok = code == FELLOE_OK;
}

static void read_end(struct hub_read *read)
{
    sodium_memzero(&read->shared, sizeof read->shared);
    lent_return(&read->input.body);
    free(read->ids);
    free(read);
}

static void read_done(void *context)
{
    struct hub_read *read = context;
    driver_work_end(&read->h->base);
    if (!read->input.ok)
        report(LEVEL_ERROR, "%s: %s", read->site, read->error.message);
    driver_hub_step(read->h, &read->input);
    read_end(read);
}

void driver_hub_read(struct hub_driver *h, struct hub_output *output)
{
    struct hub_read *read = calloc(1, sizeof *read);
    const struct box_shared *shared = driver_hub_box(h, &output->device);
    if (read == NULL || (shared == NULL && output->kind != HUB_HASH)) {
        free(read);
        driver_restart(&h->base, "out of memory");
        return;
    }
    read->h = h;
    read->kind = output->kind;
    bytes_to_text(output->site, read->site, sizeof read->site);
    read->device = output->device;
    read->incarnation = output->incarnation;
    if (shared != NULL)
        read->shared = *shared;
    read->from = output->from;
    read->max_bytes = output->max_bytes;
    read->count = output->count;
    memcpy(read->positions, output->positions, sizeof read->positions);
    read->ids = output->keys;
    output->keys = NULL;
    read->input = (struct hub_input){
        .kind = output->kind == HUB_HASH ? HUB_HASHES : HUB_RANGE, .ticket = output->ticket, .hashes = read->hashes,
                                      .denied = read->denied};
    if (!driver_work(&h->base, do_read, read_done, read)) {
        read_end(read);
        driver_restart(&h->base, "a read could not be started");
    }
}
