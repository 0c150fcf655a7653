/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a site, a person or an event by what people type. */
#include "daemon/views/view_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/views/erased.h"
#include "daemon/views/opened.h"
#include "daemon/views/views_shares.h"
#include "proto/domain/text_fold.h"
#include "proto/event/hlc.h"

/* ---- sites ---- */

static void list_sites(const struct scope *scope, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < scope->count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", scope->sites[i]);
}

enum felloe_code scope_of(struct daemon *daemon, struct log_reader *reader, struct bytes site, bool for_writing,
                          struct scope *out, struct felloe_error *error)
{
    struct scope all = {0};
    while (all.count < SITES_MAX && log_site_at(reader, all.count, all.sites[all.count]))
        all.count++;
    *out = all;
    if (site.len == 0)
        return FELLOE_OK;
    for (size_t i = 0; i < all.count; i++)
        if (bytes_is(site, all.sites[i])) {
            out->count = 1;
            memmove(out->sites[0], all.sites[i], sizeof out->sites[0]);
            return FELLOE_OK;
        }
    char names[300];
    list_sites(&all, names, sizeof names);
    if (daemon->config.role == ROLE_HUB)
        return felloe_fail(error, FELLOE_NOT_FOUND, "This hub has no site %.*s; it has: %s.", (int)site.len,
                           (const char *)site.data, names);
    if (all.count == 0)
        return felloe_fail(error, FELLOE_DENIED, "This device is not let into any site yet: the hub has not answered "
                                                 "its ticket so far. Connect it to the network once, then try again.");
    return felloe_fail(error, for_writing ? FELLOE_DENIED : FELLOE_NOT_FOUND,
                       "This device is not let into the site %.*s (it is in: %s). Whoever keeps the hub can invite it.",
                       (int)site.len, (const char *)site.data, names);
}

/* ---- names ---- */

void finder_init(struct finder *finder, struct daemon *daemon, struct views_txn *txn, struct log_reader *reader,
                 const struct scope *scope)
{
    *finder = (struct finder){.daemon = daemon, .txn = txn, .reader = reader, .scope = scope};
}

static void drop_names(struct finder *finder)
{
    for (size_t i = 0; i < finder->name_count; i++) {
        buffer_release(&finder->names[i].cased);
        buffer_release(&finder->names[i].plain);
        free(finder->names[i].name);
    }
    free(finder->names);
    finder->names = NULL;
    finder->name_count = finder->name_cap = 0;
}

void finder_release(struct finder *finder)
{
    drop_names(finder);
    *finder = (struct finder){0};
}

struct reading_names {
    struct finder *finder;
    uint32_t site;
};

static bool read_name(void *context, const struct person_id *subject, struct bytes name)
{
    struct reading_names *reading = context;
    struct finder *finder = reading->finder;
    if (finder->name_count == finder->name_cap) {
        size_t cap = finder->name_cap ? finder->name_cap * 2 : 256;
        struct finder_name *grown = realloc(finder->names, cap * sizeof *grown);
        if (!grown)
            return !(finder->failed = true);
        finder->names = grown;
        finder->name_cap = cap;
    }
    struct finder_name *entry = &finder->names[finder->name_count];
    *entry = (struct finder_name){.person = *subject, .site = reading->site};
    text_fold_case(name, &entry->cased);
    text_fold(name, &entry->plain);
    entry->name = strndup((const char *)name.data, name.len);
    finder->name_count++;
    finder->failed |= entry->cased.failed || entry->plain.failed || !entry->name;
    return !finder->failed;
}

static void need_names(struct finder *finder)
{
    for (uint32_t i = 0; i < finder->scope->count && !finder->has_names && !finder->without_names; i++) {
        struct reading_names reading = {finder, i};
        views_names(finder->txn, bytes_str(finder->scope->sites[i]), read_name, &reading);
    }
    finder->has_names = !finder->without_names;
}

/* ---- people ---- */

struct candidates {
    struct person_id id[CANDIDATES_MAX];
    size_t site[CANDIDATES_MAX];
    size_t count, at_site;
    unsigned nibble;   /* 16: none; else the id's next half byte */
    size_t prefix_len;
};

static void add_candidate(struct candidates *c, const struct person_id *person, size_t site)
{
    for (size_t i = 0; i < c->count; i++)
        if (person_id_equal(&c->id[i], person))
            return;
    if (c->count == CANDIDATES_MAX)
        return;
    c->id[c->count] = *person;
    c->site[c->count++] = site;
}

static bool add_prefixed(void *context, const struct person_id *subject)
{
    struct candidates *c = context;
    if (!person_id_is_none(subject) && (c->nibble == 16 || subject->b[c->prefix_len] >> 4 == c->nibble))
        add_candidate(c, subject, c->at_site);
    return c->count < CANDIDATES_MAX;
}

/* Reads hex of any length up to `max` bytes, odd too. False: it is not hex, or of the wrong length. */
static bool read_prefix(struct bytes text, size_t max, uint8_t *out, size_t *len, unsigned *nibble)
{
    uint8_t half;
    char pair[2] = {'0', '0'};
    if (text.len < ID_PREFIX_MIN || text.len > max * 2)
        return false;
    *len = text.len / 2;
    *nibble = 16;
    if (!hex_decode(bytes_of(text.data, *len * 2), out, *len))
        return false;
    if (text.len % 2 == 0)
        return true;
    pair[1] = (char)text.data[text.len - 1];
    if (!hex_decode(bytes_of(pair, 2), &half, 1))
        return false;
    *nibble = half;
    return true;
}

/* The sites of the scope that have this person, a bit each. A draft asks who it is about, and then where they are. */
static uint64_t sites_of(struct finder *finder, const struct person_id *person)
{
    if (finder->held_in != 0 && person_id_equal(&finder->held, person))
        return finder->held_in;
    finder->held = *person;
    finder->held_in = 0;
    for (size_t i = 0; i < finder->scope->count; i++)
        if (views_has_document(finder->txn, bytes_str(finder->scope->sites[i]), person))
            finder->held_in |= (uint64_t)1 << i;
    return finder->held_in;
}
_Static_assert(SITES_MAX <= 64, "a bit a site");

/* Who has left one of several teams is looked for with the others first. */
bool finder_site_of(struct finder *finder, const struct person_id *person, size_t *site)
{
    bool found = false, stays = false;
    const uint64_t sites = sites_of(finder, person);
    for (size_t i = 0; sites >> i != 0 && !stays; i++) {
        if ((sites >> i & 1) == 0)
            continue;
        stays = !views_has_left(finder->txn, bytes_str(finder->scope->sites[i]), person);
        if (!found || stays)
            *site = i;
        found = true;
    }
    return found;
}

void finder_name_of(struct finder *finder, const struct person_id *person, char *out, size_t size)
{
    out[0] = '\0';
    need_names(finder);
    for (size_t i = 0; i < finder->name_count && !*out; i++)
        if (person_id_equal(&finder->names[i].person, person))
            snprintf(out, size, "%s", finder->names[i].name);
}

/* The day of a person's first entry, as "3 Nov 2026"; "" when it cannot be read. */
struct first_day {
    struct finder *finder;
    struct bytes site;
    char text[32];
};
static bool read_day(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct first_day *day = context;
    struct opener opener = {.reader = day->finder->reader,
                            .identity = &day->finder->daemon->identity,
                            .site = day->site};
    struct opened first = {0};
    (void)id, (void)sort;
    if (opener_get(&opener, day->finder->daemon->keyring, ref, &first) == OPENED) {
        const struct event_body *body = &first.body;
        time_t seconds = (time_t)((body->has_occurred ? body->occurred : (int64_t)hlc_ms(body->time)) / 1000);
        struct tm tm;
        if (localtime_r(&seconds, &tm))
            strftime(day->text, sizeof day->text, "%e %b %Y", &tm);
    }
    opener_release(&opener);
    opened_release(&first);
    return false;
}

static enum felloe_code tell_ambiguous(struct finder *finder, struct bytes text, const struct candidates *c,
                                       struct felloe_error *error)
{
    char list[360] = "";
    size_t len = 0;
    finder->told_count = 0;
    for (size_t i = 0; i < c->count && i + 1 < CANDIDATES_MAX && len < sizeof list; i++) {
        char name[60], id[33];
        struct first_day day = {finder, bytes_str(finder->scope->sites[c->site[i]]), ""};
        finder->told[finder->told_count++] = c->id[i];
        finder_name_of(finder, &c->id[i], name, sizeof name);
        hex_encode(bytes_of(c->id[i].b, sizeof c->id[i].b), id);
        views_timeline(finder->txn, day.site, &c->id[i], NULL, read_day, &day);
        const char *when = day.text + (day.text[0] == ' ');
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s (%.8s, %s%s%s)", i > 0 ? "; " : "",
                                *name ? name : "no name", id, day.site.data ? (const char *)day.site.data : "",
                                *when ? ", first entry " : "", when);
    }
    return felloe_fail(error, FELLOE_AMBIGUOUS, "%.*s could be several people: %s%s. Give the id, or more of it.",
                       (int)(text.len < 60 ? text.len : 60), (const char *)text.data, list,
                       c->count == CANDIDATES_MAX ? "; and more" : "");
}

/* Is it an id, or the beginning of one, of somebody who was erased? */
struct erased_found {
    const struct candidates *c;
    struct views_erased erased;
    size_t count;
};
static bool note_erased(void *context, const struct views_erased *erased)
{
    struct erased_found *found = context;
    if (found->c->nibble != 16 && erased->person.b[found->c->prefix_len] >> 4 != found->c->nibble)
        return true;
    found->erased = *erased;
    return ++found->count < 2;
}

static enum felloe_code tell_erased(const struct views_erased *erased, struct felloe_error *error)
{
    char id[33], day[40] = "";
    const time_t seconds = (time_t)(erased->ms / 1000);
    struct tm tm;
    hex_encode(bytes_of(erased->person.b, sizeof erased->person.b), id);
    if (localtime_r(&seconds, &tm))
        strftime(day, sizeof day, "%e %b %Y, %H:%M", &tm);
    return felloe_fail(error, FELLOE_NOT_FOUND,
                       "The record of person %.8s was erased at the hub on %s. Basis: %s. Nothing of it can be read "
                       "any more.",
                       id, day + (day[0] == ' '), erased->basis);
}

static enum felloe_code decide_person(struct finder *finder, struct bytes text, const struct candidates *c,
                                      struct person_id *out, size_t *site, struct felloe_error *error)
{
    uint8_t prefix[16];
    struct candidates prefixed;
    struct erased_found found = {.c = &prefixed};
    if (finder->failed)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out while looking for a person.");
    if (c->count > 1)
        return tell_ambiguous(finder, text, c, error);
    if (c->count == 0 && read_prefix(text, sizeof prefix, prefix, &prefixed.prefix_len, &prefixed.nibble))
        views_all_erased(finder->txn, bytes_of(prefix, prefixed.prefix_len), note_erased, &found);
    if (found.count == 1)
        return tell_erased(&found.erased, error);
    if (c->count == 0 && finder->without_names)
        return felloe_fail(error, FELLOE_NOT_FOUND,
                           "No person's id begins so: %.*s. (Its first %d characters at least; by name only workers "
                           "find people, and [users] in felloe.conf says who is one.)",
                           (int)(text.len < 60 ? text.len : 60), (const char *)text.data, ID_PREFIX_MIN);
    if (c->count == 0)
        return felloe_fail(error, FELLOE_NOT_FOUND,
                           "Nobody here is called “%.*s”, and no person's id begins so. (A name has to be whole, an id "
                           "its first %d characters at least; `felloe search` finds parts of names, and former ones.)",
                           (int)(text.len < 60 ? text.len : 60), (const char *)text.data, ID_PREFIX_MIN);
    *out = c->id[0];
    *site = c->site[0];
    return FELLOE_OK;
}

/* Those who go by just this name; else those who do but for accents. */
static void add_named(struct finder *finder, struct bytes text, struct candidates *c)
{
    struct buffer cased = {0}, plain = {0};
    need_names(finder);
    text_fold_case(text, &cased);
    text_fold(text, &plain);
    finder->failed |= cased.failed || plain.failed;
    bool any = plain.len > 0 && !finder->failed;
    for (size_t i = 0; any && i < finder->name_count; i++)
        if (bytes_equal(buffer_bytes(&finder->names[i].cased), buffer_bytes(&cased)))
            add_candidate(c, &finder->names[i].person, finder->names[i].site);
    bool loosely = any && c->count == 0;
    for (size_t i = 0; loosely && i < finder->name_count; i++)
        if (bytes_equal(buffer_bytes(&finder->names[i].plain), buffer_bytes(&plain)))
            add_candidate(c, &finder->names[i].person, finder->names[i].site);
    buffer_release(&cased);
    buffer_release(&plain);
}

static void add_whole(struct finder *finder, const uint8_t id[16], struct candidates *c)
{
    struct person_id person;
    memcpy(person.b, id, sizeof person.b);
    const uint64_t sites = person_id_is_none(&person) ? 0 : sites_of(finder, &person);
    for (size_t i = 0; sites >> i != 0; i++)
        if (sites >> i & 1)
            add_candidate(c, &person, i);
}

enum felloe_code finder_person(struct finder *finder, struct bytes text, struct person_id *out, size_t *site,
                               struct felloe_error *error)
{
    struct candidates c = {0};
    uint8_t prefix[16];
    const bool is_hex = read_prefix(text, sizeof prefix, prefix, &c.prefix_len, &c.nibble);
    if (is_hex && c.prefix_len == sizeof prefix) { /* nobody is called as a whole id, and all names would be read */
        add_whole(finder, prefix, &c);
        return decide_person(finder, text, &c, out, site, error);
    }
    for (size_t i = 0; is_hex && i < finder->scope->count; i++) {
        c.at_site = i;
        views_subjects(finder->txn, bytes_str(finder->scope->sites[i]), bytes_of(prefix, c.prefix_len), add_prefixed,
                       &c);
    }
    add_named(finder, text, &c);
    return decide_person(finder, text, &c, out, site, error);
}

/* ---- events ---- */

struct event_candidates {
    struct event_id id;
    size_t count, prefix_len;
    unsigned nibble;
};

static bool add_event(void *context, const struct event_id *id, struct bytes site, const struct views_event *event)
{
    struct event_candidates *c = context;
    (void)site;
    if (c->nibble != 16 && id->b[c->prefix_len] >> 4 != c->nibble)
        return true;
    const struct event_id *name = event->flags & VIEWS_WRITTEN_AGAIN ? &event->was : id;
    if (c->count > 0 && event_id_equal(&c->id, name))
        return true; /* the same event in another site, or written again */
    c->id = *name;
    return ++c->count < 2;
}

enum felloe_code finder_event(struct finder *finder, struct bytes text, struct event_id *out,
                              struct felloe_error *error)
{
    struct event_candidates c = {0};
    uint8_t prefix[32];
    int shown = (int)(text.len < 64 ? text.len : 64);
    if (!read_prefix(text, sizeof prefix, prefix, &c.prefix_len, &c.nibble))
        return felloe_fail(error, FELLOE_INVALID,
                           "%.*s is not an event's id: give at least its first %d characters (0-9, a-f).", shown,
                           (const char *)text.data, ID_PREFIX_MIN);
    views_events(finder->txn, bytes_of(prefix, c.prefix_len), add_event, &c);
    if (c.count == 0)
        return felloe_fail(error, FELLOE_NOT_FOUND, "There is no entry %.*s here.", shown, (const char *)text.data);
    if (c.count > 1)
        return felloe_fail(error, FELLOE_AMBIGUOUS, "%.*s could be several entries: give more of the id.", shown,
                           (const char *)text.data);
    *out = c.id;
    return FELLOE_OK;
}
