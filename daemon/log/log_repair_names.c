/* SPDX-License-Identifier: Apache-2.0 */
/* What a damaged log says about itself: its sites, which incarnation it wrote as, which epochs there are. Most of these
 * rows do not prove themselves, so they are compared with what does: events that open under their keys. */
#include <sodium.h>
#include <stdio.h>

#include "daemon/log/log_repair_inside.h"
#include "proto/event/look.h"

struct repair_site *repair_site_named(struct repair *r, struct bytes name)
{
    for (size_t i = 0; i < r->site_count; i++)
        if (bytes_is(name, r->sites[i].name))
            return &r->sites[i];
    return NULL;
}

struct repair_site *repair_site_add(struct repair *r, struct bytes name, uint32_t number)
{
    if (r->site_count == SITES_MAX)
        return NULL;
    struct repair_site *site = &r->sites[r->site_count++];
    bytes_to_text(name, site->name, sizeof site->name);
    site->number = number;
    return site;
}

/* ---- sites ---- */

struct site_rows {
    char at[SITES_MAX][SLUG_MAX + 1]; /* empty: there is none of this number, or it cannot be read */
};

static bool take_site(void *context, struct bytes key, struct bytes value)
{
    struct site_rows *rows = context;
    uint32_t number = key.len == 2 ? be_u16(key.data) : SITES_MAX;
    if (number < SITES_MAX && rows->at[number][0] == '\0' && slug_valid(value))
        bytes_to_text(value, rows->at[number], sizeof rows->at[number]);
    return true;
}

/* Which site a number's events are of: what one says that opens; and does any say, opened or not, what the row says? */
struct naming {
    struct repair *r;
    size_t prefix;
    const char *row;
    char name[SLUG_MAX + 1];
    bool as_row;
    struct buffer plain;
};

static bool name_by_event(void *context, struct bytes key, struct bytes value)
{
    struct naming *n = context;
    struct log_row row;
    struct event event;
    struct event_body body;
    struct bytes raw = {0};
    (void)key;
    if (n->prefix > 0 && value.len > n->prefix)
        raw = bytes_of(value.data + n->prefix, value.len - n->prefix);
    else if (n->prefix == 0 && log_row_read(value, &row))
        raw = row.event;
    if (raw.len == 0 || !event_decode(raw, &event))
        return true;
    n->as_row |= bytes_is(event.clear.site, n->row);
    return !repair_opens(n->r, &event, &n->plain, &body) || !bytes_to_text(event.clear.site, n->name, sizeof n->name);
}

static bool in_keyring(struct repair *r, const char *name)
{
    char site[SLUG_MAX + 1];
    for (size_t i = 0; keyring_site_at(r->config->keyring, i, site, &r->no_memory); i++)
        if (strcmp(site, name) == 0)
            return true;
    return false;
}

static bool name_number(struct repair *r, uint32_t number, const char *row)
{
    char table[8];
    struct naming n = {.r = r, .prefix = OWN_PREFIX, .row = row};
    snprintf(table, sizeof table, "own.%02u", number % 100);
    bool fine = store_salvage_table(r->old, table, name_by_event, &n);
    if (fine && n.name[0] == '\0') {
        n.prefix = 0;
        snprintf(table, sizeof table, "log.%02u", number % 100);
        fine = store_salvage_table(r->old, table, name_by_event, &n);
    }
    if (n.plain.data != NULL)
        sodium_memzero(n.plain.data, n.plain.cap);
    buffer_release(&n.plain);
    if (n.name[0] == '\0' && row[0] != '\0' && (n.as_row || in_keyring(r, row)))
        snprintf(n.name, sizeof n.name, "%s", row);
    if (n.name[0] != '\0' && repair_site_named(r, bytes_str(n.name)) == NULL)
        repair_site_add(r, bytes_str(n.name), number);
    return fine && !r->no_memory;
}

bool repair_read_sites(struct repair *r)
{
    struct site_rows rows = {0};
    bool fine = store_salvage_table(r->old, "sites", take_site, &rows);
    /* Looks have no row. At a laptop they are looked for all the same: they open for nobody here, so it is heads,
     * receipts and chains that prove them. A hub gets them again from the laptops. */
    if (!repair_at_hub(r))
        snprintf(rows.at[LOG_AUDIT], sizeof rows.at[LOG_AUDIT], "%s", AUDIT_SITE);
    for (uint32_t number = 0; number < SITES_MAX && fine; number++)
        fine = name_number(r, number, rows.at[number]);
    return fine;
}

/* ---- numbers ---- */

struct meta_numbers {
    struct repair *r;
    uint32_t newest; /* incarnation; 0: not to be read */
};

static void raise(uint32_t *highest, uint32_t number)
{
    if (number > *highest && number <= NUMBER_MAX)
        *highest = number;
}

static bool take_meta(void *context, struct bytes key, struct bytes value)
{
    struct meta_numbers *m = context;
    uint32_t number;
    if (!meta_row_read(value, &number))
        return true;
    if (bytes_is(key, "epoch"))
        raise(&m->r->epoch, number);
    else if (bytes_is(key, "going-on"))
        raise(&m->r->highest, number);
    else if (bytes_is(key, "incarnation")) {
        raise(&m->r->incarnation, number);
        if (m->newest == 0)
            m->newest = number;
    }
    return true;
}

/* Where a device goes on as another incarnation, each site has a head of it from then on. */
static bool take_head_of(void *context, struct bytes key, struct bytes value)
{
    struct repair *r = context;
    (void)value;
    if (key.len == 6)
        raise(&r->highest, be_u32(key.data + 2));
    return true;
}

static bool take_epoch(void *context, struct bytes key, struct bytes value)
{
    struct repair *r = context;
    (void)value;
    if (key.len == 12)
        raise(&r->epoch, be_u32(key.data));
    return true;
}

/* The incarnation: the highest that an own event or the log's own row proves. */
bool repair_read_numbers(struct repair *r)
{
    struct meta_numbers metas = {.r = r};
    char table[8];
    for (size_t i = 0; i < r->site_count; i++)
        for (size_t k = 0; k < r->sites[i].own.count; k++)
            if (r->sites[i].own.refs[k].incarnation > r->incarnation)
                r->incarnation = r->sites[i].own.refs[k].incarnation;
    bool fine = store_salvage_table(r->old, "meta", take_meta, &metas) &&
                store_salvage_table(r->old, "own-heads", take_head_of, r);
    if (r->incarnation == 0)
        r->incarnation = 1;
    r->goes_on |= metas.newest != r->incarnation;
    if (r->highest < r->incarnation)
        r->highest = r->incarnation;
    if (!repair_at_hub(r))
        return fine;
    if (r->epoch < r->incarnation) /* a hub's is its epoch */
        r->epoch = r->incarnation;
    for (uint32_t number = 0; number < SITES_MAX && fine; number++) {
        snprintf(table, sizeof table, "log.%02u", number % 100);
        fine = store_salvage_table(r->old, table, take_epoch, r);
    }
    return fine;
}

/* ---- which own events heads and receipts name ---- */

struct naming_own {
    struct repair *r;
    struct repair_site *site;
    enum own_namer by;
};

static void add_name(struct repair_site *site, const struct own_name *name)
{
    if (site->name_count < OWN_NAMES_MAX && name->seq > 0)
        site->names[site->name_count++] = *name;
}

static bool take_own_head(void *context, struct bytes key, struct bytes value)
{
    struct naming_own *n = context;
    struct stream_head head;
    if (key.len == 6 && be_u16(key.data) == n->site->number && stream_row_read(value, &head))
        add_name(n->site,
                 &(struct own_name){.by = n->by, .incarnation = be_u32(key.data + 2), .seq = head.seq, .id = head.id});
    return true;
}

static bool take_receipt(void *context, struct bytes key, struct bytes value)
{
    struct naming_own *n = context;
    const struct identity *me = n->r->config->identity;
    struct receipt_row row;
    if (key.len != 6 || be_u16(key.data) != n->site->number || !receipt_row_read(value, &row))
        return true;
    const uint32_t incarnation = be_u32(key.data + 2);
    if (row.seq > 0 && verify_receipt(&me->hub_sign, bytes_str(n->site->name), &me->device, incarnation, row.seq,
                                      &row.id, &row.signature))
        add_name(n->site, &(struct own_name){.by = NAMED_BY_RECEIPT,
                                             .incarnation = incarnation,
                                             .seq = row.seq,
                                             .id = row.id,
                                             .signature = row.signature});
    return true;
}

bool repair_read_own_names(struct repair *r, struct repair_site *site)
{
    struct naming_own n = {.r = r, .site = site, .by = NAMED_BY_HEAD};
    const uint64_t lost = store_salvage_lost(r->old);
    bool fine = store_salvage_rows(r->old, 0, "own-heads", take_own_head, &n);
    site->heads_whole = store_salvage_is_newest(r->old) && store_salvage_lost(r->old) == lost;
    n.by = NAMED_BY_OLDER_HEAD;
    fine = fine && store_salvage_rows(r->old, 1, "own-heads", take_own_head, &n);
    return fine && (repair_at_hub(r) || store_salvage_table(r->old, "receipts", take_receipt, &n));
}
