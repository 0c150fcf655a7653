/* SPDX-License-Identifier: Apache-2.0 */
/* A site's log out of a damaged file. Its running hash is compared with every hash that is known by other means
 * (marks); it is taken over up to the last one that agrees, epoch by epoch. So it is read twice: to find that place,
 * and to put what is before it into the new log. A hub, which signs what it takes over, also takes what proves itself:
 * as long as each event opens under its key. */
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "daemon/log/authors.h"
#include "daemon/log/log_repair_inside.h"

#define PUT_MAX 1000u /* at a hub, where a batch may end anywhere */

/* A hash that the log must have at a position. */
struct mark {
    struct log_head head;
    struct signature signature; /* the hub's; at the hub it is made when it is needed */
    bool agrees;
};

struct site_repair {
    struct repair *r;
    struct repair_site *site;
    unsigned root;      /* under which the log's table is read */
    struct mark *marks; /* by position */
    size_t mark_count, mark_cap;
    struct log_head proven[SEEN_MAX]; /* hub: the furthest of each epoch up to which all events open */
    size_t proven_count;
    struct authors authors;
    struct buffer plain;
    /* the epoch at hand */
    struct log_head head;
    bool broken;              /* nothing more of this epoch */
    uint32_t own_incarnation; /* hub: the last own event that an entry named */
    uint64_t own_seq;
    bool unproven; /* since the last mark that agrees, an event did not open */
    bool putting;  /* the second time */
    /* entries on their way into the new log */
    struct buffer bytes;
    struct entry *entries;
    size_t *at; /* where each one's event is in `bytes` */
    uint32_t count;
    enum felloe_code code;
};

/* ---- marks ---- */

static bool add_mark(struct site_repair *s, const struct log_head *head, const struct signature *signature)
{
    const struct identity *me = s->r->config->identity;
    if (head->at.n == 0 ||
        (me->role == ROLE_SPOKE &&
         (signature == NULL || !verify_log_head(&me->hub_sign, bytes_str(s->site->name), head, signature))))
        return true;
    if (s->mark_count == s->mark_cap) {
        size_t cap = s->mark_cap > 0 ? s->mark_cap * 2 : 64;
        struct mark *marks = realloc(s->marks, cap * sizeof *marks);
        if (marks == NULL)
            return !(s->r->no_memory = true);
        s->marks = marks;
        s->mark_cap = cap;
    }
    struct mark *mark = &s->marks[s->mark_count++];
    *mark = (struct mark){.head = *head};
    if (signature != NULL)
        mark->signature = *signature;
    return true;
}

static bool of_site(const struct site_repair *s, struct bytes key, size_t len)
{
    return key.len == len && be_u16(key.data) == s->site->number;
}

static bool take_head(void *context, struct bytes key, struct bytes value)
{
    struct site_repair *s = context;
    struct head_row row;
    if (!of_site(s, key, 6) || !head_row_read(value, be_u32(key.data + 2), &row))
        return true;
    return add_mark(s, &row.head, row.has_signature ? &row.signature : NULL);
}

/* Anchors have a signature after the hash, checkpoints have not. */
static bool take_mark(void *context, struct bytes key, struct bytes value)
{
    struct site_repair *s = context;
    struct log_head head;
    struct signature signature;
    if (!of_site(s, key, 14) || (value.len != sizeof head.hash && value.len != sizeof head.hash + sizeof signature))
        return true;
    head.at = (struct position){be_u32(key.data + 2), be_u64(key.data + 6)};
    memcpy(head.hash.b, value.data, sizeof head.hash.b);
    if (value.len == sizeof head.hash)
        return add_mark(s, &head, NULL);
    memcpy(signature.b, value.data + sizeof head.hash, sizeof signature.b);
    return add_mark(s, &head, &signature);
}

static int compare_marks(const void *left, const void *right)
{
    const struct mark *a = left, *b = right;
    return position_compare(a->head.at, b->head.at);
}

static void sort_marks(struct site_repair *s)
{
    if (s->mark_count > 0)
        qsort(s->marks, s->mark_count, sizeof *s->marks, compare_marks);
}

static bool load_marks(struct site_repair *s)
{
    struct store_salvage *old = s->r->old;
    bool fine = store_salvage_table(old, "heads", take_head, s) &&
                store_salvage_table(old, "checkpoints", take_mark, s) &&
                store_salvage_table(old, "anchors", take_mark, s) && !s->r->no_memory;
    sort_marks(s);
    return fine;
}

/* The first mark at or after a position. */
static size_t mark_at(const struct site_repair *s, struct position at)
{
    size_t low = 0, high = s->mark_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (position_compare(s->marks[middle].head.at, at) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void compare_with_marks(struct site_repair *s)
{
    for (size_t i = mark_at(s, s->head.at); i < s->mark_count && position_compare(s->marks[i].head.at, s->head.at) == 0;
         i++)
        if (memcmp(&s->marks[i].head.hash, &s->head.hash, sizeof s->head.hash) == 0) {
            s->marks[i].agrees = true;
            s->unproven = false;
        }
}

/* The next mark at or after a position, of its epoch, that agrees; NULL when there is none. */
static const struct mark *next_agreeing(const struct site_repair *s, struct position at)
{
    for (size_t i = mark_at(s, at); i < s->mark_count && s->marks[i].head.at.epoch == at.epoch; i++)
        if (s->marks[i].agrees)
            return &s->marks[i];
    return NULL;
}

/* ---- into the new log ---- */

static void forget_batch(struct site_repair *s)
{
    buffer_clear(&s->bytes);
    s->count = 0;
}

/* Own events of the batch that is in the new log now. */
static void note_placed(struct site_repair *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct entry *entry = &s->entries[i];
        struct own_ref *ref = device_id_equal(&entry->device, &s->r->config->identity->device)
                                  ? own_events_find(&s->site->own, entry->incarnation, entry->seq)
                                  : NULL;
        if (ref != NULL && event_id_equal(&ref->id, &entry->id))
            ref->placed = true;
    }
}

static void put_batch(struct site_repair *s, const struct signature *signature)
{
    const bool hub = repair_at_hub(s->r);
    struct log_job job = {.kind = hub ? LOG_KEEP_OFFER : LOG_KEEP_FEED};
    struct batch *batch = batch_new(s->count);
    if (batch == NULL) {
        s->r->no_memory = true;
        return;
    }
    batch->count = s->count;
    memcpy(batch->entries, s->entries, s->count * sizeof *s->entries);
    for (uint32_t i = 0; i < s->count; i++)
        batch->entries[i].event.data = s->bytes.data + s->at[i];
    snprintf(job.site, sizeof job.site, "%s", s->site->name);
    snprintf(batch->site, sizeof batch->site, "%s", s->site->name);
    batch->epoch = s->head.at.epoch;
    batch->first_n = s->head.at.n + 1 - s->count;
    batch->head = s->head;
    if (hub)
        sign_log_head(&s->r->config->identity->sign_secret, bytes_str(s->site->name), &s->head, &batch->head_signature);
    else
        batch->head_signature = *signature;
    job.batch = batch;
    s->code = repair_do(s->r, &job);
    if (s->code == FELLOE_OK) {
        s->site->out->entries += s->count;
        note_placed(s);
    } else if (s->code == FELLOE_INVALID || s->code == FELLOE_DAMAGED) { /* it does not follow: it is fetched again */
        s->broken = true;
        s->code = FELLOE_OK;
    }
    batch_free(batch);
    forget_batch(s);
}

/* A batch ends where the hub's signature is known; at the hub, anywhere before the last place that agrees. */
static void put_where_it_ends(struct site_repair *s, const struct mark *next)
{
    bool at_mark = position_compare(next->head.at, s->head.at) == 0;
    if (at_mark || (repair_at_hub(s->r) && s->count == PUT_MAX))
        put_batch(s, &next->signature);
    else if (s->count == BATCH_ENTRIES_MAX)
        s->broken = true;
}

/* The log's hash says nothing about its authors' signatures: one that is false here is left out. (At a hub,
 * LOG_KEEP_OFFER sees to it.) Of an author whom nobody has told it cannot be said. */
static bool signature_holds(const struct site_repair *s, const struct event_clear *clear, const struct event_id *id,
                            const struct signature *signature)
{
    const struct identity *me = s->r->config->identity;
    struct sign_public author;
    if (device_id_equal(&clear->device, &me->device))
        author = me->sign_public;
    else if (me->role == ROLE_SPOKE && device_id_equal(&clear->device, &me->hub_device))
        author = me->hub_sign;
    else if (!authors_find(&s->authors, &clear->device, &author))
        return true;
    return verify_stream(&author, bytes_str(s->site->name), &clear->device, clear->incarnation, clear->seq, id,
                         signature);
}

static void add_entry(struct site_repair *s, const struct log_row *row, const struct event *event,
                      const struct event_id *id)
{
    s->at[s->count] = s->bytes.len;
    buffer_append(&s->bytes, event->raw.data, event->raw.len);
    s->r->no_memory |= s->bytes.failed;
    struct entry *entry = &s->entries[s->count++];
    *entry = (struct entry){.event = bytes_of(NULL, event->raw.len),
                            .id = *id,
                            .device = event->clear.device,
                            .incarnation = event->clear.incarnation,
                            .seq = event->clear.seq,
                            .key = event->clear.key,
                            .flags = row->flags & ENTRY_FIRST_KEY};
    if (row->signature != NULL && signature_holds(s, &event->clear, id, row->signature)) {
        entry->flags |= ENTRY_SIGNED;
        entry->signature = *row->signature;
    }
}

/* ---- rows ---- */

static bool read_event(const struct site_repair *s, const struct log_row *row, struct event *out)
{
    struct bytes raw = row->event;
    if (row->flags & ENTRY_OWN) {
        const struct own_ref *ref = own_events_find(&s->site->own, row->incarnation, row->seq);
        if (ref == NULL)
            return false;
        raw = own_ref_bytes(&s->site->own, ref);
    }
    return event_decode(raw, out) && bytes_is(out->clear.site, s->site->name);
}

static void end_epoch(struct site_repair *s)
{
    forget_batch(s);
    s->broken = true;
}

static void begin_epoch(struct site_repair *s, uint32_t epoch)
{
    end_epoch(s);
    log_head_start(&s->head, bytes_str(s->site->name), epoch);
    s->broken = epoch == 0;
    s->unproven = false;
}

/* At a hub: up to here each event proves itself, and their numbers have no gap. */
static void note_proven(struct site_repair *s)
{
    size_t i = 0;
    while (i < s->proven_count && s->proven[i].at.epoch != s->head.at.epoch)
        i++;
    if (s->unproven || i == SEEN_MAX)
        return;
    s->proven[i] = s->head;
    s->proven_count += i == s->proven_count;
}

/* An entry of the hub's own names an event, and the event does not name the entry: but they go up one by one. */
static void look_at_own(struct site_repair *s, const struct log_row *row)
{
    if (!(row->flags & ENTRY_OWN))
        return;
    const uint64_t expected = row->incarnation == s->own_incarnation ? s->own_seq + 1 : 1;
    s->unproven |= row->seq != expected;
    s->own_incarnation = row->incarnation;
    s->own_seq = row->seq;
}

/* The first time: what does the event say? */
static void look_inside(struct site_repair *s, const struct event *event)
{
    const struct identity *me = s->r->config->identity;
    const bool hub = me->role == ROLE_HUB;
    struct event_body body;
    if (!hub && !device_id_equal(&event->clear.device, &me->hub_device))
        return;
    bool opens = repair_opens(s->r, event, &s->plain, &body);
    s->unproven |= !opens;
    if (!hub && opens)
        s->r->no_memory |= !authors_learn(&s->authors, &body);
}

static bool take_row(void *context, struct bytes key, struct bytes value)
{
    struct site_repair *s = context;
    struct log_row row;
    struct event event;
    if (key.len != 12)
        return true;
    const struct position at = {be_u32(key.data), be_u64(key.data + 4)};
    if (at.epoch < s->head.at.epoch)
        return true; /* out of order: from a page that is not of this tree */
    if (at.epoch > s->head.at.epoch)
        begin_epoch(s, at.epoch);
    const struct mark *next = s->putting ? next_agreeing(s, at) : NULL;
    s->broken |= s->putting && next == NULL;
    if (s->broken || at.n <= s->head.at.n)
        return true;
    if (at.n != s->head.at.n + 1 || !log_row_read(value, &row) || !read_event(s, &row, &event)) {
        s->broken = true;
        return true;
    }
    struct event_id id;
    event_id_of(event.raw, &id);
    log_head_advance(&s->head, &id);
    if (s->putting) {
        add_entry(s, &row, &event, &id);
        put_where_it_ends(s, next);
    } else {
        look_at_own(s, &row);
        look_inside(s, &event);
        compare_with_marks(s);
        note_proven(s);
    }
    return s->code == FELLOE_OK && !s->r->no_memory;
}

static bool pass(struct site_repair *s, bool putting)
{
    char table[8];
    snprintf(table, sizeof table, "log.%02u", s->site->number % 100);
    s->putting = putting;
    s->own_incarnation = 0;
    begin_epoch(s, 0);
    return store_salvage_rows(s->r->old, s->root, table, take_row, s) && !s->r->no_memory;
}

/* ---- where it ends ---- */

/* How far an epoch is true. */
static uint64_t count_epoch(const struct site_repair *s, uint32_t epoch)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->mark_count; i++)
        if (s->marks[i].agrees && s->marks[i].head.at.epoch == epoch && s->marks[i].head.at.n > n)
            n = s->marks[i].head.at.n;
    for (size_t i = 0; i < s->proven_count; i++)
        if (s->proven[i].at.epoch == epoch && s->proven[i].at.n > n)
            n = s->proven[i].at.n;
    return n;
}

static uint64_t count_true(const struct site_repair *s)
{
    uint64_t sum = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < s->mark_count; i++)
        if (s->marks[i].head.at.epoch != last) {
            last = s->marks[i].head.at.epoch;
            sum += count_epoch(s, last);
        }
    return sum;
}

static bool look_through(struct site_repair *s, unsigned root)
{
    s->root = root;
    s->proven_count = 0;
    authors_release(&s->authors);
    for (size_t i = 0; i < s->mark_count; i++)
        s->marks[i].agrees = false;
    return pass(s, false);
}

/* Under the root where more of it is true: the newest, unless that one's pages were hit, or it has nothing of what
 * heads tell of. */
static bool find_ends(struct site_repair *s)
{
    const uint64_t lost = store_salvage_lost(s->r->old);
    if (!look_through(s, 0))
        return false;
    const uint64_t newest = count_true(s);
    const bool whole = store_salvage_lost(s->r->old) == lost && (newest > 0 || s->mark_count == 0);
    if (whole || store_salvage_roots(s->r->old) < 2)
        return true;
    return look_through(s, 1) && (count_true(s) > newest || look_through(s, 0));
}

static bool mark_proven(struct site_repair *s)
{
    for (size_t i = 0; repair_at_hub(s->r) && i < s->proven_count; i++) {
        if (!add_mark(s, &s->proven[i], NULL))
            return false;
        s->marks[s->mark_count - 1].agrees = true;
    }
    sort_marks(s);
    return true;
}

/* A hub's log has room for so many epochs, with the one to go on in. */
static bool has_room(struct site_repair *s)
{
    uint32_t last = 0;
    unsigned count = 0;
    for (size_t i = 0; i < s->mark_count; i++)
        if (s->marks[i].agrees && s->marks[i].head.at.epoch != last) {
            last = s->marks[i].head.at.epoch;
            count++;
        }
    if (!repair_at_hub(s->r) || count < SEEN_MAX)
        return true;
    s->code =
        felloe_fail(s->r->error, FELLOE_INVALID,
                    "the log of %s has %u epochs already, and a repaired one needs another. Set up a new hub, and "
                    "bring its record over with `felloe export` (of a laptop) and `felloe import`",
                    s->site->name, count);
    return false;
}

static void count_before(struct site_repair *s)
{
    uint32_t last = 0;
    for (size_t i = s->mark_count; i-- > 0;) /* by position: the last of each epoch */
        if (s->marks[i].head.at.epoch != last) {
            last = s->marks[i].head.at.epoch;
            s->site->out->entries_before += s->marks[i].head.at.n;
        }
}

enum felloe_code repair_site_log(struct repair *r, struct repair_site *site)
{
    struct site_repair s = {.r = r, .site = site};
    if (site->number >= SITES_MAX)
        return FELLOE_OK;
    s.entries = calloc(BATCH_ENTRIES_MAX, sizeof *s.entries);
    s.at = calloc(BATCH_ENTRIES_MAX, sizeof *s.at);
    bool fine = s.entries != NULL && s.at != NULL && load_marks(&s) && find_ends(&s);
    if (fine)
        count_before(&s);
    fine = fine && mark_proven(&s) && (!has_room(&s) || pass(&s, true));
    if (!fine && s.code == FELLOE_OK)
        s.code = repair_no_memory(r);
    if (s.plain.data != NULL)
        sodium_memzero(s.plain.data, s.plain.cap);
    buffer_release(&s.plain);
    buffer_release(&s.bytes);
    authors_release(&s.authors);
    free(s.entries);
    free(s.at);
    free(s.marks);
    return s.code;
}
