/* SPDX-License-Identifier: Apache-2.0 */
/* What a laptop's machine asks of its disk: some time later, in order, and it may fail. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

static struct task *done_later(struct sim *sim, uint32_t node, enum spoke_input_kind kind, struct bytes site)
{
    struct sim_node *n = &sim->nodes[node];
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_SPOKE_DONE, node, n->life);
    done->spoke_done = (struct spoke_input){.kind = kind, .site = site, .ok = true};
    return done;
}

/* ---- keys ---- */

static void learn_keys(struct sim *sim, uint32_t node, struct bytes records, uint32_t count)
{
    struct sim_node *n = &sim->nodes[node];
    struct mp_reader r MP_UNSET;
    struct key_record record;
    mp_reader_init(&r, records);
    for (uint32_t i = 0; i < count && mp_next(&r); i++) {
        if (!key_record_unwrap(&r, &n->box, &record))
            continue; /* dropped and reported; the events are kept all the same */
        uint32_t key = key_number(sim, &record.id);
        if (key == SIM_KEYS || memcmp(&record.key, &sim->key_bytes[key], sizeof record.key) != 0)
            sim_fail(sim, "a key record opens and holds another key than was made");
        else
            n->keys[key] = true;
        if (key != SIM_KEYS)
            sim_got_key(sim, node, key, &record);
    }
}

static void put_key(struct sim *sim, uint32_t node, uint32_t key, uint8_t how, struct bytes site, struct buffer *out)
{
    struct key_record record;
    uint8_t nonce[BOX_NONCE_SIZE] = {(uint8_t)key, (uint8_t)node, how};
    sim_key_record(sim, key, site, &record);
    record.kind = record.kind == KEY_SITE ? KEY_PERSON : record.kind;
    memcpy(record.owner.b, record.id.b, sizeof record.owner.b);
    key_record_wrap(&record, &sim->nodes[node].box, nonce, out);
}

/* ---- reads ---- */

/* Of `count` own events, or of as many as there are. */
static void give_ids(const struct disk_site *site, struct task *done)
{
    struct spoke_input *in = &done->spoke_done;
    const struct disk_stream *own = disk_own(site);
    const uint32_t wanted = in->count;
    done->ids = calloc(wanted > 0 ? wanted : 1, sizeof *done->ids);
    if (!done->ids)
        abort();
    for (in->count = 0; in->count < wanted && in->first_seq + in->count <= own->count; in->count++)
        done->ids[in->count] = own->events[in->first_seq + in->count - 1]->id;
    in->ids = done->ids;
}

static void read_own(struct sim *sim, uint32_t node, struct disk_site *site, const struct spoke_output *asked)
{
    struct sim_node *n = &sim->nodes[node];
    struct task *done = done_later(sim, node, SPOKE_OWN_READ, asked->site);
    struct spoke_input *in = &done->spoke_done;
    struct buffer body = {0};
    struct lent events;
    in->first_seq = asked->first_seq;
    in->count = disk_read_own(&n->disk, site, asked->first_seq, asked->max_bytes, &events, &in->last_id);
    for (uint32_t i = 0; i < in->count; i++) {
        const struct sim_event *event = &sim->events[disk_own(site)->events[asked->first_seq - 1 + i]->index];
        if (!event->brings_key || sim_chance(sim, sim->plan.keys_late))
            continue; /* left out: the RECEIPT names it, and it is brought after all */
        put_key(sim, node, event->key, 0, asked->site, &body);
        in->key_count++;
    }
    buffer_append(&body, events.bytes.data, events.bytes.len);
    lent_return(&events);
    in->body = lend(&body);
    if (in->first_seq % 4 != 0) /* where they are at hand */
        give_ids(site, done);
}

static void read_ids(struct sim *sim, uint32_t node, const struct disk_site *site, const struct spoke_output *asked)
{
    struct task *done = done_later(sim, node, SPOKE_IDS_READ, asked->site);
    done->spoke_done.first_seq = asked->first_seq;
    done->spoke_done.count = asked->count;
    give_ids(site, done);
}

static void read_keys(struct sim *sim, uint32_t node, const struct spoke_output *asked)
{
    struct task *done = done_later(sim, node, SPOKE_KEYS_READ, asked->site);
    struct buffer body = {0};
    for (uint32_t i = 0; i < asked->key_count; i++) {
        uint32_t key = key_number(sim, &asked->keys[i]);
        if (key == SIM_KEYS || !sim->nodes[node].keys[key])
            continue;
        put_key(sim, node, key, 1, asked->site, &body);
        done->spoke_done.key_count++;
    }
    done->spoke_done.body = lend(&body);
}

static void read_offer(struct sim *sim, uint32_t node, const struct disk_site *site, const struct spoke_output *asked)
{
    struct task *done = done_later(sim, node, SPOKE_OFFER_READ, asked->site);
    struct spoke_input *in = &done->spoke_done;
    uint32_t most = asked->max_bytes < sim->plan.offer_bytes ? asked->max_bytes : sim->plan.offer_bytes;
    in->first = asked->from;
    in->count = disk_read_offer(&sim->nodes[node].disk, site, asked->from, most, &in->body, &in->head, &in->signature);
}

/* ---- FEED ---- */

/* What an entry stands for; NULL when it is not byte for byte what was written. */
static const struct pool_event *entry_event(struct sim *sim, const struct disk_site *site, const struct entry *entry)
{
    const struct pool_event *event = pool_find(&sim->pool, &entry->id);
    if (!event || event->seq != entry->seq || event->incarnation != entry->incarnation)
        return NULL;
    if (entry->flags & ENTRY_OWN)
        return disk_wrote(site, event) ? event : NULL;
    return bytes_equal(buffer_bytes(&event->raw), entry->event) ? event : NULL;
}

static uint32_t whole_bytes(const struct disk_site *site, const struct batch *batch)
{
    const struct disk_epoch *e = disk_epoch(site, batch->epoch);
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        bytes += (uint32_t)e->entries[e->count - 1 - i].event->raw.len + 66;
    return bytes;
}

struct known_stream {
    const struct batch_stream *known;
    struct stream_head here;
};

static void find_known(void *context, const struct device_id *device, uint32_t incarnation,
                       const struct stream_head *head)
{
    struct known_stream *k = context;
    if (incarnation == k->known->incarnation && device_id_equal(device, &k->known->device))
        k->here = *head;
}

/* What a FEED tells of streams the log believes, where it begins with what is there. */
static void check_streams(struct sim *sim, uint32_t node, const struct disk_site *site, const struct batch *batch,
                          bool after)
{
    for (uint32_t i = 0; i < batch->stream_count; i++) {
        struct known_stream k = {.known = &batch->streams[i]};
        disk_streams(site, find_known, &k);
        const struct stream_head *told = after ? &k.known->after : &k.known->before;
        if (told->seq != k.here.seq || !event_id_equal(&told->id, &k.here.id) ||
            !seen_includes(&told->seen, &k.here.seen) || !seen_includes(&k.here.seen, &told->seen))
            sim_fail(sim, "laptop %u: a FEED tells %llu of a stream of %s, where %llu is %s", node,
                     (unsigned long long)told->seq, site->name, (unsigned long long)k.here.seq,
                     after ? "then" : "before it");
    }
}

static void append_feed(struct sim *sim, uint32_t node, struct disk_site *site, const struct batch *batch)
{
    struct sim_node *n = &sim->nodes[node];
    uint32_t number = sim_site_number(bytes_str(site->name));
    uint32_t before = (uint32_t)disk_head(site, batch->epoch).at.n;
    bool torn = sim->breakage == BREAK_CURSOR_ALONE && sim_chance(sim, 500);
    if (number == SIM_AUDIT)
        sim_fail(sim, "laptop %u was given looks", node);
    if (batch->first_n != before + 1)
        sim_fail(sim, "laptop %u: a FEED of %s that begins at %llu was taken after %u", node, site->name,
                 (unsigned long long)batch->first_n, before);
    check_streams(sim, node, site, batch, false);
    for (uint32_t i = 0; i < batch->count && !sim->problem[0] && !torn; i++) {
        const struct entry *entry = &batch->entries[i];
        const struct pool_event *event = entry_event(sim, site, entry);
        if (!event) {
            sim_fail(sim, "laptop %u: an entry of %s was taken in that nobody wrote", node, site->name);
            return;
        }
        struct disk_entry *kept =
            disk_append(site, batch->epoch, event, entry->flags & ENTRY_SIGNED ? &entry->signature : NULL);
        if (!kept) {
            sim_fail(sim, "laptop %u: too many epochs", node);
            return;
        }
        kept->own = disk_wrote(site, event);
        check_placed(sim, node, number, (struct position){batch->epoch, batch->first_n + i}, event->index);
        n->disk.clock = sim->events[event->index].time > n->disk.clock ? sim->events[event->index].time : n->disk.clock;
    }
    if (!torn && !sim->problem[0])
        check_streams(sim, node, site, batch, true);
    if (!torn)
        disk_sign_head(site, batch->epoch, before, whole_bytes(site, batch), sim->plan.offer_bytes,
                       &batch->head_signature);
    for (uint32_t e = 0; e < site->epoch_count; e++)
        if (site->epochs[e].epoch == batch->epoch)
            site->epochs[e].cursor = batch->head;
    learn_keys(sim, node, batch->keys, batch->key_count);
    if (torn)
        spoke_crash(sim, node, 500);
}

/* Another event is here under the number of this one. */
static bool is_taken(const struct sim *sim, const struct disk_site *site, const struct pool_event *event)
{
    for (uint32_t e = 0; event && e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *other = site->epochs[e].entries[i].event;
            if (other != event && other->seq == event->seq &&
                sim->events[other->index].stream == sim->events[event->index].stream)
                return true;
        }
    return false;
}

/* The log holds each marker against its own events, and what comes a second time against what is there; it refuses the
 * batch when they differ. */
static bool fits(struct sim *sim, const struct disk_site *site, const struct batch *batch)
{
    bool restored = disk_epoch(site, batch->epoch) ? site->epoch_count > 1 : site->epoch_count > 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        if ((entry->flags & ENTRY_OWN) && !entry_event(sim, site, entry))
            return false;
        if (restored && is_taken(sim, site, pool_find(&sim->pool, &entry->id)))
            return false;
    }
    return true;
}

/* They are kept in order, and told of in order. */
static struct task *feed_done(struct sim *sim, uint32_t node, struct bytes site)
{
    struct sim_node *n = &sim->nodes[node];
    const uint64_t at = sim->now + sim_below(sim, 3);
    n->feed_told = at > n->feed_told ? at : n->feed_told;
    struct task *done = sim_later(sim, n->feed_told, ITEM_SPOKE_DONE, node, n->life);
    done->spoke_done = (struct spoke_input){.kind = SPOKE_FEED_KEPT, .site = site, .ok = true};
    return done;
}

static void keep_feed(struct sim *sim, uint32_t node, struct disk_site *site, struct spoke_output *asked)
{
    enum fate fate = commit_fate(sim, sim->nodes[node].full_until);
    uint64_t *refused_life = &sim->nodes[node].refused[site - sim->nodes[node].disk.sites];
    if (*refused_life == sim->nodes[node].life || !fits(sim, site, asked->batch)) {
        struct task *refused = feed_done(sim, node, asked->site);
        *refused_life = sim->nodes[node].life;
        refused->spoke_done.ok = false;
        refused->spoke_done.contradicts = true;
        sim_note(sim, node, "an own entry that it did not write", 0, 0, 0);
        if (sim->spoilt) /* the person is told; the daemon is started again some day */
            (void)sim_later(sim, sim->now + 5000 + sim_below(sim, 60000), ITEM_FAULT, node, sim->nodes[node].life);
        return;
    }
    sim_note(sim, node, "keeps % entries from %.%", asked->batch->count, asked->batch->epoch, asked->batch->first_n);
    if (fate != FATE_LOST)
        append_feed(sim, node, site, asked->batch);
    if (fate != FATE_OK) {
        spoke_commit_failed(sim, node, fate == FATE_LOST);
        return;
    }
    if (sim->nodes[node].machine)
        (void)feed_done(sim, node, asked->site);
    views_due(sim, node);
}

/* ---- RECEIPT ---- */

static bool receipt_fits(const struct disk_stream *own, const struct msg_receipt *receipt)
{
    return receipt->seq == 0 ||
           (receipt->seq <= own->count && event_id_equal(&own->events[receipt->seq - 1]->id, &receipt->id));
}

static void keep_receipt(struct sim *sim, uint32_t node, struct disk_site *site, const struct spoke_output *asked)
{
    const struct msg_receipt *receipt = asked->receipt;
    struct disk_stream *own = disk_own(site);
    enum fate fate = commit_fate(sim, sim->nodes[node].full_until);
    sim_note(sim, node, asked->lowered ? "lowers its receipt to %" : "keeps a receipt up to %", receipt->seq, 0, 0);
    if (receipt->incarnation != own->incarnation || !receipt_fits(own, receipt)) {
        struct task *refused = done_later(sim, node, SPOKE_RECEIPT_KEPT, bytes_str(site->name));
        refused->spoke_done.ok = false;
        refused->spoke_done.contradicts = true;
        refused->spoke_done.seq = receipt->seq;
        if (!asked->lowered)
            sim_fail(sim, "laptop %u: a receipt for %s that is for another event was kept", node, site->name);
        return;
    }
    if (!asked->lowered && receipt->seq < own->shared_seq)
        sim_fail(sim, "laptop %u: a receipt for %s goes back", node, site->name);
    bool forgets =
        sim->breakage == BREAK_RECEIPT_VOLATILE || (sim->breakage == BREAK_LOWERED_FORGOTTEN && asked->lowered);
    if (fate != FATE_LOST && !forgets) {
        own->shared_seq = receipt->seq;
        own->shared_id = receipt->id;
    }
    uint64_t *excused = &sim->nodes[node].excused[sim_site_number(bytes_str(site->name))];
    if (fate != FATE_LOST && asked->lowered && *excused > receipt->seq)
        *excused = receipt->seq; /* from here on it has to know what the hub lost */
    if (fate != FATE_OK) {
        spoke_commit_failed(sim, node, fate == FATE_LOST);
        return;
    }
    if (asked->lowered && spoke_crash_perhaps(sim, node))
        return;
    struct task *done = done_later(sim, node, SPOKE_RECEIPT_KEPT, bytes_str(site->name));
    done->spoke_done.seq = receipt->seq;
}

static void keep_keys(struct sim *sim, uint32_t node, const struct spoke_output *asked)
{
    struct sim_node *n = &sim->nodes[node];
    if (commit_fate(sim, n->full_until) != FATE_OK) {
        spoke_commit_failed(sim, node, true);
        return;
    }
    learn_keys(sim, node, asked->body.bytes, asked->key_count);
    views_due(sim, node);
}

void spoke_ask(struct sim *sim, struct task *item)
{
    struct spoke_output *asked = &item->spoke_ask;
    struct disk_site *site = disk_site(&sim->nodes[item->node].disk, asked->site);
    if (!site)
        return;
    if (asked->kind == SPOKE_READ_OWN)
        read_own(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_READ_IDS)
        read_ids(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_READ_KEYS)
        read_keys(sim, item->node, asked);
    else if (asked->kind == SPOKE_READ_OFFER)
        read_offer(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_KEEP_FEED)
        keep_feed(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_KEEP_RECEIPT)
        keep_receipt(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_KEEP_KEYS)
        keep_keys(sim, item->node, asked);
}
