/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, kept and put into words; see happened.h. */
#include "daemon/happened.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool is_told(const struct happened_at *at, uint64_t now_ms)
{
    return now_ms - at->steady_ms < HAPPENED_TOLD_MS;
}

static const struct happened_refill *find(const struct happened *h, const char *site)
{
    for (unsigned i = 0; i < h->refill_count; i++)
        if (strcmp(h->refills[i].site, site) == 0)
            return &h->refills[i];
    return NULL;
}

/* NULL: there are more sites than there can be. */
static struct happened_refill *find_or_add(struct happened *h, const char *site)
{
    struct happened_refill *refill = (struct happened_refill *)find(h, site);
    if (refill != NULL || h->refill_count == SITES_MAX)
        return refill;
    refill = &h->refills[h->refill_count++];
    *refill = (struct happened_refill){0};
    snprintf(refill->site, sizeof refill->site, "%s", site);
    return refill;
}

void happened_label(struct happened_from *from, const char *label)
{
    size_t len = strnlen(label, HAPPENED_LABEL_MAX + 1);
    if (len > HAPPENED_LABEL_MAX)
        for (len = HAPPENED_LABEL_MAX; len > 0 && ((unsigned char)label[len] & 0xC0) == 0x80;)
            len--;
    memcpy(from->label, label, len);
    from->label[len] = '\0';
}

static void note_laptop(struct happened_refill *refill, const struct happened_from *from)
{
    unsigned i = 0;
    while (i < refill->from_count && !device_id_equal(&refill->from[i].device, &from->device))
        i++;
    if (i < refill->from_count)
        refill->from[i].entries += from->entries;
    else if (i < HAPPENED_LAPTOPS)
        refill->from[refill->from_count++] = *from;
}

bool happened_refilled(struct happened *h, const char *site, const struct happened_from *from, struct happened_at now)
{
    struct happened_refill *refill = find_or_add(h, site);
    if (refill == NULL)
        return false;
    if (refill->entries > 0 && !is_told(&refill->last, now.steady_ms)) {
        *refill = (struct happened_refill){0};
        snprintf(refill->site, sizeof refill->site, "%s", site);
    }
    const bool first = refill->entries == 0;
    refill->entries += from->entries;
    refill->last = now;
    note_laptop(refill, from);
    return first;
}

void happened_went_on(struct happened *h, uint32_t incarnation, uint64_t remade, uint64_t left,
                      struct happened_at now)
{
    h->incarnation = incarnation;
    h->remade = remade;
    h->left = left;
    h->went_on = now;
}

void happened_ticket_again(struct happened *h, const struct happened_ticket *ticket)
{
    unsigned before = h->ticket.times > 0 && is_told(&h->ticket.at, ticket->at.steady_ms) ? h->ticket.times : 0;
    h->ticket = *ticket;
    h->ticket.times = before + 1;
}

/* ---- in words ---- */

static void put_time(int64_t wall_ms, char out[40])
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (localtime_r(&seconds, &tm) == NULL || strftime(out, 40, "%d %B, %H:%M", &tm) == 0)
        snprintf(out, 40, "a time unknown");
}

static const char *entries_word(uint64_t count)
{
    return count == 1 ? "entry" : "entries";
}

void happened_aside_settled(struct happened *h, const struct happened_aside *aside)
{
    h->aside = *aside;
}

void happened_aside_text(const struct happened *h, uint64_t now_ms, char out[HAPPENED_TEXT_MAX])
{
    const struct happened_aside *aside = &h->aside;
    char when[40], left[80] = "";
    out[0] = '\0';
    if (aside->entries == 0 || !is_told(&aside->at, now_ms))
        return;
    put_time(aside->at.wall_ms, when);
    if (aside->left > 0)
        snprintf(left, sizeof left, "; %" PRIu64 " could not be, and are still there", aside->left);
    snprintf(out, HAPPENED_TEXT_MAX,
             "%" PRIu64 " %s that the revoked laptop “%s” of %s had handed over %s %s on %s%s.", aside->entries,
             entries_word(aside->entries), aside->label, aside->worker, aside->entries == 1 ? "was" : "were",
             aside->taken ? "taken in" : "discarded", when, left);
}

void happened_let_go(struct happened *h, const struct happened_moved *moved)
{
    unsigned keep = h->moved_count < HAPPENED_MOVED ? h->moved_count : HAPPENED_MOVED - 1;
    memmove(&h->moved[1], &h->moved[0], keep * sizeof h->moved[0]);
    h->moved[0] = *moved;
    h->moved_count = keep + 1;
}

void happened_is_back(struct happened *h, unsigned at)
{
    memmove(&h->moved[at], &h->moved[at + 1], (--h->moved_count - at) * sizeof h->moved[0]);
    h->moved[h->moved_count] = (struct happened_moved){0};
}

void happened_shared_text(uint64_t entries, char out[80])
{
    if (entries == 1)
        snprintf(out, 80, "the one entry written here is shared");
    else if (entries == 0)
        snprintf(out, 80, "none of it was written here");
    else
        snprintf(out, 80, "all %" PRIu64 " entries written here are shared", entries);
}

bool happened_moved_told(const struct happened_moved *moved, uint64_t now_ms)
{
    return is_told(&moved->at, now_ms);
}

void happened_let_go_text(const struct happened *h, struct bytes site, uint64_t now_ms, char out[HAPPENED_TEXT_MAX])
{
    const struct happened_moved *last = NULL;
    uint64_t people = 0, entries = 0;
    bool same = true;
    char when[40], shared[80], who[80];
    out[0] = '\0';
    for (unsigned i = 0; i < h->moved_count; i++) {
        const struct happened_moved *moved = &h->moved[i];
        if (!bytes_is(site, moved->site) || !is_told(&moved->at, now_ms))
            continue;
        last = last != NULL ? last : moved;
        same = same && strcmp(last->to, moved->to) == 0;
        people++;
        entries += moved->entries;
    }
    if (last == NULL)
        return;
    put_time(last->moved_ms, when);
    happened_shared_text(entries, shared);
    snprintf(who, sizeof who, "%" PRIu64 " %s", people,
             people == 1 ? "person" : people < HAPPENED_MOVED ? "people" : "people or more");
    snprintf(out, HAPPENED_TEXT_MAX,
             "%s moved to %s%s on %s: this laptop let go of the record%s; %s. felloe news says who.", who,
             same ? last->to : "other teams", people == 1 ? "" : ", the last", when, people == 1 ? "" : "s",
             shared);
}

void happened_refill_text(const struct happened *h, const char *site, uint64_t now_ms, char out[HAPPENED_TEXT_MAX])
{
    const struct happened_refill *refill = find(h, site);
    out[0] = '\0';
    if (refill == NULL || refill->entries == 0 || !is_told(&refill->last, now_ms))
        return;
    char when[40], who[HAPPENED_LAPTOPS * (sizeof refill->from[0] + 40) + 60];
    size_t at = 0;
    uint64_t named = 0;
    put_time(refill->last.wall_ms, when);
    for (unsigned i = 0; i < refill->from_count; i++) {
        const struct happened_from *from = &refill->from[i];
        at += (size_t)snprintf(who + at, sizeof who - at,
                               from->label[0] != '\0' ? "%s%" PRIu64 " from “%s” of %s" : "%s%" PRIu64 " from a laptop",
                               i > 0 ? ", " : "", from->entries, from->label, from->worker);
        named += from->entries;
    }
    if (named < refill->entries)
        snprintf(who + at, sizeof who - at, ", %" PRIu64 " from others", refill->entries - named);
    snprintf(out, HAPPENED_TEXT_MAX,
             "The hub was put back to an older state. Laptops have brought back %" PRIu64 " %s (%s), the last on %s.",
             refill->entries, entries_word(refill->entries), who, when);
}

void happened_ticket_text(const struct happened *h, uint64_t now_ms, char out[HAPPENED_TEXT_MAX])
{
    const struct happened_ticket *ticket = &h->ticket;
    char when[40], others[80] = "", device[33];
    out[0] = '\0';
    if (ticket->times == 0 || !is_told(&ticket->at, now_ms))
        return;
    put_time(ticket->at.wall_ms, when);
    hex_encode(bytes_of(ticket->device.b, sizeof ticket->device.b), device);
    if (ticket->times > 1)
        snprintf(others, sizeof others, " (%u times in a week that such a thing happened)", ticket->times);
    snprintf(out, HAPPENED_TEXT_MAX,
             "A ticket that was used already was used again on %s, by a laptop called “%s” (%.8s)%s. It was refused. "
             "The ticket had let in “%s” of %s: if nobody typed it twice, it fell into other hands. Compare that "
             "laptop's words with its own (felloe hub devices, felloe status --json), and revoke it if they differ.",
             when, ticket->label, device, others, ticket->used_by.label, ticket->used_by.worker);
}

void happened_went_on_text(const struct happened *h, uint64_t now_ms, char out[HAPPENED_TEXT_MAX])
{
    char when[40], again[120] = "Nothing had to be written again", left[160] = "";
    out[0] = '\0';
    if (h->incarnation == 0 || !is_told(&h->went_on, now_ms))
        return;
    put_time(h->went_on.wall_ms, when);
    if (h->remade > 0)
        snprintf(again, sizeof again, "%" PRIu64 " %s that the hub did not have %s written again", h->remade,
                 entries_word(h->remade), h->remade == 1 ? "was" : "were");
    if (h->left > 0)
        snprintf(left, sizeof left,
                 " %" PRIu64 " could not be, since the keys are not here (any more): what they say stays unread.",
                 h->left);
    snprintf(out, HAPPENED_TEXT_MAX,
             "This laptop was set back or copied: since %s it goes on as incarnation %" PRIu32 ". %s.%s There is "
             "nothing to do, unless a copy of it is in use: then each should join anew.",
             when, h->incarnation, again, left);
}
