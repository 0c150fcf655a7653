/* SPDX-License-Identifier: Apache-2.0 */
/* Download of one site: PULL after the cursors, check every entry of the FEED, and have it made durable together with
 * the new cursor. All of it goes on side by side: a FEED's header already tells where the next one begins, so that is
 * asked for before the entries of this one are checked, and while others of before are being committed. */
#include <assert.h>
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

/* ---- cursors ---- */

struct log_head *cursor_of_epoch(struct cursors *cursors, uint32_t epoch)
{
    for (uint8_t i = 0; i < cursors->count; i++)
        if (cursors->at[i].at.epoch == epoch)
            return &cursors->at[i];
    return NULL;
}

bool cursors_set(struct cursors *cursors, const struct log_head *head)
{
    struct log_head *found = cursor_of_epoch(cursors, head->at.epoch);
    if (found) {
        *found = *head;
        return true;
    }
    if (cursors->count == SEEN_MAX || head->at.epoch == 0)
        return false;
    uint8_t at = cursors->count++;
    for (; at > 0 && cursors->at[at - 1].at.epoch > head->at.epoch; at--)
        cursors->at[at] = cursors->at[at - 1];
    cursors->at[at] = *head;
    return true;
}

/* How far what came reaches in this epoch, checked or not. */
static const struct log_head *reached(struct download *down, uint32_t epoch)
{
    for (uint32_t i = down->fed_count; i-- > 0;)
        if (down->feds[i].feed.head.at.epoch == epoch)
            return &down->feds[i].feed.head;
    return cursor_of_epoch(&down->ahead, epoch);
}

/* … in all epochs. */
static struct cursors all_reached(const struct download *down)
{
    struct cursors after = down->ahead;
    for (uint32_t i = 0; i < down->fed_count; i++)
        (void)cursors_set(&after, &down->feds[i].feed.head); /* comes_next has seen that there is room */
    return after;
}

/* ---- FEEDs that came, and are not checked yet ---- */

void download_drop_feds(struct site *site)
{
    struct download *down = &site->down;
    for (uint32_t i = 0; i < down->fed_count; i++)
        lent_return(&down->feds[i].body);
    down->fed_count = 0;
    down->ids.needed = false;
}

static void drop_first_fed(struct download *down)
{
    lent_return(&down->feds[0].body);
    down->fed_count--;
    memmove(down->feds, down->feds + 1, down->fed_count * sizeof down->feds[0]);
    down->ids.needed = false;
}

/* One of each site, also where others have many. */
static bool may_commit(const struct spoke *s, const struct download *down)
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < s->site_count; i++)
        all += s->sites[i]->down.commits;
    return down->commits == 0 || all < COMMITS_MAX;
}

static bool may_check(const struct spoke *s, const struct download *down)
{
    return down->fed_count > 0 && !down->ids.needed && may_commit(s, down);
}

void download_reset(struct site *site)
{
    download_drop_feds(site);
    site->down.request = 0;
    site->down.retry_ms = 0;
    site->down.failures = 0;
}

/* ---- FEED ---- */

static void commit(struct spoke *s, struct site *site, struct batch *batch)
{
    struct spoke_output *o = spoke_put(s, SPOKE_KEEP_FEED, site);
    if (!o) {
        batch_free(batch);
        return;
    }
    site->down.committing[site->down.commits++] = batch->head;
    o->batch = batch;
}

/* What came after it, or was asked for after it, goes with it. */
static void feed_bad(struct spoke *s, struct site *site, const struct feed_check *c)
{
    struct download *down = &site->down;
    char at[40];
    if (down->fed_count > 0)
        down->request = 0;
    download_drop_feds(site);
    uint64_t pause = (uint64_t)BACKOFF_FIRST_MS << (down->failures < 10 ? down->failures : 10);
    down->failures++;
    down->retry_ms = s->now + (pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS);
    if (c->forked) {
        receipt_forked(s, site);
        spoke_hello_soon(s);
    } else {
        position_format((struct position){c->head.at.epoch, c->head.at.n + 1}, at);
        spoke_notice(s, site, NOTICE_BAD_FEED,
                     "What the hub sent for '%s' does not verify: %s %s. It is not taken in, and asked for again; if "
                     "this stays, tell who looks after the hub.",
                     site->name, at, c->why);
    }
}

/* Where little came for much that was asked, as own events do, how long it took says nothing of the link. */
static void adapt_window(const struct spoke *s, struct site *site, const struct msg_feed *feed, size_t bytes)
{
    struct download *down = &site->down;
    bool more = position_compare(site->head, feed->head.at) > 0, little = bytes < down->asked / 4;
    const uint64_t took = s->now - down->sent_ms;
    if (little && took >= QUICK_MS)
        return;
    const uint32_t window = window_after(down->window, took, PULL_BYTES_THIN, PULL_BYTES_MAX);
    if (window > down->window ? more : down->was_behind) /* else it was held back */
        down->window = window;
}

static void feed_good(struct spoke *s, struct site *site, struct batch *batch)
{
    struct download *down = &site->down;
    const struct log_head head = batch->head;
    down->failures = 0;
    if (site->noticed && site->notice == NOTICE_BAD_FEED)
        spoke_notice_clear(s, site);
    bool room = cursors_set(&down->ahead, &batch->head);
    assert(room);
    (void)room;
    commit(s, site, batch);
    catch_up_fed(site, &head);
}

static void read_ids(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    struct spoke_output *o = spoke_put(s, SPOKE_READ_IDS, site);
    if (!o)
        return;
    o->first_seq = down->ids.reading_from = down->ids.first_seq;
    o->count = down->ids.reading_count = down->ids.count;
    down->ids.reading = true;
}

/* Markers of several do not tell the id of each; the log does. */
static void wait_for_ids(struct spoke *s, struct site *site, struct feed_check *c)
{
    struct download *down = &site->down;
    const struct fed *fed = &down->feds[0];
    const struct entries_form form = feed_form(s, site, &fed->feed);
    c->why = FEED_NOT_SOUND;
    bool sound = entries_own_span(fed->body.bytes, &form, &down->ids.first_seq, &down->ids.count);
    c->forked = sound && (s->config.going_on != 0 || down->ids.first_seq + down->ids.count - 1 > site->own.seq);
    if (!sound || c->forked) {
        if (!sound) /* less may span less */
            down->window = down->window / 2 > BODY_FLOOR ? down->window / 2 : BODY_FLOOR;
        feed_bad(s, site, c);
        return;
    }
    down->ids.needed = true;
    if (!down->ids.reading)
        read_ids(s, site);
}

/* The first of those that came. `read` brings ids of own events, or is NULL. */
static void check_first(struct spoke *s, struct site *site, const struct spoke_input *read)
{
    struct fed *fed = &site->down.feds[0];
    struct feed_check c = {.s = s, .site = site};
    struct batch *batch = feed_check(&c, &fed->feed, &fed->body, read);
    if (batch) {
        drop_first_fed(&site->down);
        feed_good(s, site, batch);
    } else if (c.wants_ids && !read) {
        wait_for_ids(s, site, &c);
    } else if (!s->dead) {
        feed_bad(s, site, &c);
    }
}

void download_check(struct spoke *s, struct site *site)
{
    while (may_check(s, &site->down) && !s->dead)
        check_first(s, site, NULL);
}

void download_on_ids(struct spoke *s, struct site *site, const struct spoke_input *input)
{
    struct download *down = &site->down;
    down->ids.reading = false;
    if (!down->ids.needed || down->contradicted)
        return;
    if (down->ids.reading_from != down->ids.first_seq || down->ids.reading_count != down->ids.count) {
        read_ids(s, site); /* they were for a FEED of before */
        return;
    }
    down->ids.needed = false;
    if (input->count == down->ids.count) {
        check_first(s, site, input);
        download_check(s, site);
        return;
    }
    download_drop_feds(site); /* our own log is not readable just now */
    down->request = 0;
    down->retry_ms = s->now + BUSY_AGAIN_MS;
}

/* As far as its header tells. */
static bool comes_next(struct site *site, const struct msg_feed *feed, struct feed_check *c)
{
    struct download *down = &site->down;
    const struct log_head *from = reached(down, feed->first.epoch);
    c->head.at = from ? from->at : (struct position){feed->first.epoch, 0};
    c->why = "was to come next, and something else came";
    if (feed->first.epoch == 0 || feed->first.n != c->head.at.n + 1 ||
        (!from && all_reached(down).count == SEEN_MAX))
        return false;
    c->why = "is signed for other entries than these and those before them";
    return feed->head.at.epoch == feed->first.epoch && feed->head.at.n == c->head.at.n + feed->count;
}

static void take_feed(struct spoke *s, struct site *site, const struct msg_feed *feed, struct lent *body)
{
    struct download *down = &site->down;
    struct feed_check c = {.s = s, .site = site};
    if (!comes_next(site, feed, &c)) {
        feed_bad(s, site, &c);
        return;
    }
    adapt_window(s, site, feed, body->bytes.len);
    assert(down->fed_count < FEEDS_MAX); /* or it would not have been asked for */
    struct fed *fed = &down->feds[down->fed_count++];
    *fed = (struct fed){*feed, *body};
    fed->feed.site = site_name(site);
    *body = (struct lent){0};
    /* Where there is more, that is asked for first: the next step checks. Whoever goes on wants to know what an answer
     * was sent after. */
    if (s->config.going_on != 0 || position_compare(site->head, feed->head.at) <= 0)
        download_check(s, site);
}

void download_on_feed(struct spoke *s, struct lent *body)
{
    const struct msg_feed *feed = &s->in.feed;
    struct site *site = spoke_site(s, feed->site);
    if (!site || site->down.request == 0 || site->down.request != s->in.request)
        return; /* an answer that is no longer waited for */
    struct download *down = &site->down;
    down->request = 0;
    if (position_compare(feed->newest, site->head) > 0)
        site->head = feed->newest;
    if (feed->count == 0) {
        catch_up_fed(site, NULL);
        if (down->wait_ms == 0 || s->now - down->sent_ms < down->wait_ms / 2)
            down->retry_ms = s->now + BACKOFF_FIRST_MS; /* it did not wait: do not chatter */
        else if (down->patience_ms < PULL_WAIT_MAX_MS)
            down->patience_ms *= 2;
        return;
    }
    down->patience_ms = PULL_WAIT_FIRST_MS;
    take_feed(s, site, feed, body);
}

/* Our own log says that we never wrote what the hub has under our name: a second history, though every chain is whole.
 * The stream heads here are ahead of the log now, so this site's download is over for this machine. What was to be kept
 * after it is refused, too. */
static void contradicted(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    down->contradicted = true;
    down->commits = 0;
    down->request = 0;
    download_drop_feds(site);
    receipt_forked(s, site);
    spoke_hello_soon(s);
}

void download_on_kept(struct spoke *s, struct site *site, const struct spoke_input *input)
{
    struct download *down = &site->down;
    if (down->contradicted)
        return;
    if (!input->ok && input->contradicts) {
        contradicted(s, site);
        return;
    }
    if (!input->ok) {
        s->dead = true;
        return;
    }
    if (down->commits == 0)
        return;
    (void)cursors_set(&down->durable, &down->committing[0]); /* room was found for it in `ahead` */
    down->commits--;
    memmove(down->committing, down->committing + 1, down->commits * sizeof down->committing[0]);
}

/* ---- time ---- */

static bool is_behind(struct site *site)
{
    const struct log_head *there = reached(&site->down, site->head.epoch);
    return site->head.n > (there ? there->at.n : 0);
}

/* Sites that have much to catch up with share what may be under way. Whoever waits for news asks for little: what is
 * asked for is time, too, until an answer that got lost is missed. */
static uint32_t pull_bytes(const struct spoke *s, struct site *site)
{
    uint32_t behind = 0;
    if (!is_behind(site) && site->down.window > WINDOW_START)
        return WINDOW_START;
    for (uint32_t i = 0; i < s->site_count; i++)
        behind += is_behind(s->sites[i]);
    const uint32_t all = site->down.window > PULL_BYTES_THIN ? site->down.window : PULL_BYTES_THIN;
    uint32_t share = all / (behind > 0 ? behind : 1);
    if (share < BODY_FLOOR)
        share = BODY_FLOOR;
    return site->down.window < share ? site->down.window : share;
}

/* More than a thin link bears was asked for, over all sites of which the hub had it. */
static bool is_much(const struct spoke *s)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->site_count; i++) {
        const struct download *down = &s->sites[i]->down;
        bytes += down->request != 0 && down->was_behind ? down->asked : 0;
    }
    return bytes > PULL_BYTES_THIN;
}

/* When the connection is given up for that: a PULL mostly follows an answer, so each is a sign that some come. */
static uint64_t thinned_deadline(const struct spoke *s)
{
    uint64_t since = 0;
    for (uint32_t i = 0; i < s->site_count; i++)
        since = s->sites[i]->down.sent_ms > since ? s->sites[i]->down.sent_ms : since;
    return since + s->config.request_timeout_ms;
}

/* Where little happens little will: the longer it was quiet, the longer the hub may wait. An answer that was lost is
 * missed after as long. */
static uint32_t pull_wait(const struct spoke *s, const struct site *site)
{
    /* The hub is not to say for half an hour that something waits here. */
    const uint32_t wait_ms = upload_waiting(site) > 0 ? PULL_WAIT_FIRST_MS : site->down.patience_ms;
    return wait_ms < s->config.pull_wait_ms ? wait_ms : s->config.pull_wait_ms;
}

/* Half an hour may pass without news, but not once it is known that there is some. The answer may stand behind those to
 * all other sites. */
static uint64_t pull_deadline(const struct spoke *s, const struct download *down)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->site_count; i++)
        bytes += s->sites[i]->down.request != 0 ? s->sites[i]->down.asked : 0;
    const uint64_t answerable = down->news_ms != 0 ? down->news_ms : down->sent_ms + down->wait_ms;
    const uint64_t due = answerable + s->config.request_timeout_ms + bytes / THIN_BYTES_PER_MS;
    if (!down->was_behind || !is_much(s))
        return due;
    const uint64_t thinned = thinned_deadline(s);
    return thinned < due ? thinned : due;
}

static bool may_pull(const struct spoke *s, const struct site *site)
{
    return s->phase == SPOKE_PHASE_LIVE && site->greeted && !site->upload_only && site->verdict != SITE_DENIED &&
           site->verdict != SITE_SPLIT && site->down.request == 0 && !site->down.contradicted &&
           site->down.fed_count < (s->config.going_on != 0 ? 1 : FEEDS_MAX) && may_commit(s, &site->down);
}

static void send_pull(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    struct msg_pull *m = &s->msg.pull;
    /* Whoever wants to go on wants to hear that there is nothing more. */
    bool at_once = s->config.going_on != 0 && !site->catch_up.covered;
    *m = (struct msg_pull){.site = site_name(site),
                           .max_bytes = pull_bytes(s, site),
                           .wait_ms = at_once ? 0 : pull_wait(s, site),
                           .waiting = upload_waiting(site)};
    m->oldest_waiting_ms = m->waiting > 0 ? site->oldest_waiting_ms : 0;
    const struct cursors after = all_reached(down);
    m->cursor_count = after.count;
    for (uint8_t i = 0; i < after.count; i++)
        m->cursors[i] = after.at[i].at;
    down->asked = m->max_bytes;
    down->wait_ms = m->wait_ms;
    down->was_behind = is_behind(site);
    down->news_ms = down->was_behind ? s->now : 0;
    down->request = spoke_send(s, MSG_PULL, NULL);
    down->sent_ms = s->now;
    site->catch_up.asked = site->catch_up.targeted;
}

void download_turn(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    if (down->request != 0 && down->news_ms == 0 && is_behind(site))
        down->news_ms = s->now;
    if (down->request != 0 && s->now >= pull_deadline(s, down)) {
        if (down->was_behind && is_much(s) && s->now >= thinned_deadline(s)) {
            renew_thinned(s);
            return;
        }
        spoke_probe(s, down->sent_ms);
        down->window = down->window / 2 > BODY_FLOOR ? down->window / 2 : BODY_FLOOR;
        down->patience_ms = PULL_WAIT_FIRST_MS;
        down->request = 0;
    }
    if (may_pull(s, site) && s->now >= down->retry_ms)
        send_pull(s, site);
}

uint64_t download_deadline(const struct spoke *s, const struct site *site)
{
    uint64_t due = UINT64_MAX;
    if (may_check(s, &site->down))
        return 0;
    if (site->down.request != 0)
        due = pull_deadline(s, &site->down);
    if (may_pull(s, site) && site->down.retry_ms < due)
        due = site->down.retry_ms;
    return due;
}
