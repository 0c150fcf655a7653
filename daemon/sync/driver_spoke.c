/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's driver: the hub's messages, ticks and completions in; sends, reads and commits out. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_spoke.h"
#include "proto/event/look.h"

size_t driver_spoke_size(void)
{
    return sizeof(struct spoke_driver);
}

static void perform_all(struct spoke_driver *s);

/* More than this, and the connection is dead more often than not: the hub, or what translates addresses on the way, has
 * forgotten it. */
#define SLEPT_MS 60000

/* A laptop whose lid was closed learns from its clocks that it slept. */
static bool has_slept(struct spoke_driver *s)
{
    const uint64_t slept_ms = clock_slept_ms(), before = s->slept_ms;
    s->slept_ms = slept_ms;
    return slept_ms > before + SLEPT_MS;
}

void driver_spoke_step(struct spoke_driver *s, struct spoke_input *input)
{
    if (s->machine == NULL || s->base.restarting) {
        lent_return(&input->body);
        return;
    }
    input->now_ms = clock_steady_ms();
    s->reconnect |= has_slept(s) && s->link == NET_UP;
    spoke_step(s->machine, input, &s->outputs);
    const enum spoke_phase phase = spoke_phase(s->machine);
    s->refused = phase == SPOKE_PHASE_REFUSED || (s->refused && phase != SPOKE_PHASE_LIVE);
    perform_all(s);
    driver_retick(&s->base);
}

/* ---- what people are told ---- */

static void set_notice(struct spoke_driver *s, const struct spoke_output *output)
{
    char *notice = s->notice;
    if (output->site.len > 0) {
        size_t i = 0;
        while (i < SITES_MAX && s->sites[i].site[0] != '\0' && !bytes_is(output->site, s->sites[i].site))
            i++;
        if (i == SITES_MAX)
            return;
        bytes_to_text(output->site, s->sites[i].site, sizeof s->sites[i].site);
        notice = s->sites[i].notice;
    }
    bool clear = output->notice == NOTICE_CLEAR;
    snprintf(notice, sizeof s->notice, "%s", clear ? "" : output->text);
    if (!clear)
        report(LEVEL_WARNING, "%.*s%s%s", (int)output->site.len, (const char *)output->site.data,
               output->site.len > 0 ? ": " : "", output->text);
}

/* While a backlog is shared its entries come back with their positions: each few of them, folded at once, would fold
 * their people anew, which took more of the processor than sharing did. */
static void tell_projector(struct spoke_driver *s)
{
    struct projector *projector = s->base.daemon->projector;
    for (size_t i = 0; projector != NULL && i < spoke_site_count(s->machine); i++) {
        struct spoke_site_status site;
        spoke_site_status(s->machine, i, &site);
        if (site.saved_seq >= site.shared_seq + BACKLOG_ENTRIES) {
            projector_expect(projector);
            return;
        }
    }
}

/* What is answered is of when it was asked at the earliest, whenever the answer comes. */
static void send_out(struct spoke_driver *s, struct spoke_output *output)
{
    const enum message_kind kind = message_kind_of(buffer_bytes(&output->header));
    if (kind == MSG_HELLO) {
        s->hello_wall_ms = clock_wall_ms();
        s->hello_steady_ms = clock_steady_ms();
    } else if (kind == MSG_PUSH) {
        tell_projector(s);
    }
    net_spoke_send(s->net, &output->header, &output->body);
}

static void heard(struct spoke_driver *s, const struct msg_welcome *welcome)
{
    s->clock_skew_ms = clock_wall_ms() - welcome->now_ms;
    s->peer_count = welcome->peer_count < WELCOME_PEERS_MAX ? welcome->peer_count : WELCOME_PEERS_MAX;
    memcpy(s->peers, welcome->peers, s->peer_count * sizeof s->peers[0]);
    struct terms terms;
    if (!terms_read(welcome->terms, &s->base.daemon->identity.hub_sign, &terms))
        return; /* they were proven */
    lease_heard(s->base.daemon, terms.lease_hours, s->hello_wall_ms, s->hello_steady_ms);
    if (rekey_hub_told(s, &terms))
        terms_take(s->base.daemon, welcome->terms);
    rekey_welcomed(s);
}

/* ---- outputs ---- */

static void perform(struct spoke_driver *s, struct spoke_output *output)
{
    switch (output->kind) {
    case SPOKE_SEND:
        send_out(s, output);
        break;
    case SPOKE_READ_OWN:
    case SPOKE_READ_IDS:
    case SPOKE_READ_OFFER:
    case SPOKE_READ_KEYS:
        driver_spoke_read(s, output);
        break;
    case SPOKE_KEEP_FEED:
        driver_spoke_keep(s, output, LOG_KEEP_FEED);
        break;
    case SPOKE_KEEP_RECEIPT:
        driver_spoke_keep(s, output, LOG_KEEP_RECEIPT);
        break;
    case SPOKE_KEEP_KEYS:
        driver_spoke_keep(s, output, LOG_KEEP_KEYS);
        break;
    case SPOKE_KEYS_DENIED:
        if (s->base.daemon->projector != NULL)
            projector_deny_keys(s->base.daemon->projector, output->site, output->keys, output->key_count);
        break;
    case SPOKE_CAUGHT_UP:
        driver_spoke_go_on(s);
        break;
    case SPOKE_HEARD:
        heard(s, output->welcome);
        break;
    case SPOKE_NOTICE:
        set_notice(s, output);
        if (output->notice == NOTICE_FORK && output->next_incarnation > event_log_going_on(s->base.daemon->log))
            driver_spoke_going_on(s, output->next_incarnation);
        break;
    case SPOKE_RECONNECT:
        s->reconnect = true;
        break;
    }
}

static void perform_all(struct spoke_driver *s)
{
    for (size_t i = 0; i < s->outputs.count && !s->base.restarting; i++)
        perform(s, &s->outputs.items[i]);
    bool failed = s->outputs.failed;
    spoke_outputs_clear(&s->outputs);
    if (failed)
        driver_restart(&s->base, "out of memory");
    if (s->reconnect) { /* at last: the link's change is an input of its own */
        s->reconnect = false;
        net_spoke_reconnect(s->net);
    }
}

/* ---- the network ---- */

void driver_spoke_on_message(void *context, struct bytes header, struct lent *body)
{
    struct spoke_driver *s = context;
    if (rekey_answered(s, header))
        return;
    struct spoke_input input = {.kind = SPOKE_MESSAGE, .header = header, .body = *body};
    *body = (struct lent){0};
    driver_spoke_step(s, &input);
    if (s->machine != NULL && spoke_phase(s->machine) == SPOKE_PHASE_LIVE) /* it is the hub that speaks */
        s->last_contact_ms = clock_wall_ms();
}

static void up(struct spoke_driver *s)
{
    struct spoke_input input = {.kind = SPOKE_UP};
    memcpy(input.hub_curve, s->rekey.hub_used, sizeof input.hub_curve);
    driver_spoke_step(s, &input);
}

void driver_spoke_on_link(void *context, enum net_link link)
{
    struct spoke_driver *s = context;
    static const char *const words[] = {
        [NET_DOWN] = "the connection to the hub was lost",
        [NET_UP] = "connected to the hub",
        [NET_UNREACHABLE] = "the hub does not answer",
        [NET_WRONG_KEY] = "what answers at the hub's address does not hold the hub's key",
        [NET_REFUSED] = "the hub does not admit this laptop's key",
    };
    s->link = link;
    report(link == NET_WRONG_KEY || link == NET_REFUSED ? LEVEL_WARNING : LEVEL_INFO, "%s", words[link]);
    if (link == NET_UP && s->base.daemon->projector != NULL)
        projector_deny_nothing(s->base.daemon->projector);
    if (link == NET_UP) {
        up(s);
    } else {
        struct spoke_input down = {.kind = SPOKE_DOWN};
        driver_spoke_step(s, &down);
    }
    rekey_linked(s, link);
}

/* ---- life ---- */

struct loading {
    struct spoke *machine;
    struct bytes site;
};

static bool load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    struct loading *loading = context;
    return spoke_load_stream(loading->machine, loading->site, device, incarnation, head);
}

static bool load_site(struct spoke *machine, struct log_reader *reader, const char *name)
{
    struct loading loading = {machine, bytes_str(name)};
    struct stream_head own = {0};
    struct log_head cursors[SEEN_MAX];
    uint64_t shared_seq = 0;
    int64_t oldest_ms = 0;
    if (!log_own(reader, loading.site, &own, &shared_seq, &oldest_ms) ||
        !spoke_load_site(machine, loading.site, &own, shared_seq, oldest_ms))
        return false;
    size_t count = log_heads(reader, loading.site, cursors);
    for (size_t i = 0; i < count; i++)
        if (!spoke_load_cursor(machine, loading.site, &cursors[i]))
            return false;
    return log_streams(reader, loading.site, load_stream, &loading);
}

static enum felloe_code load(struct driver *driver, struct felloe_error *error)
{
    struct spoke_driver *s = spoke_of(driver);
    const struct identity *me = &driver->daemon->identity;
    struct spoke_config config = {.device = me->device,
                                  .incarnation = event_log_incarnation(driver->daemon->log),
                                  .going_on = event_log_going_on(driver->daemon->log),
                                  .sign = me->sign_secret,
                                  .hub_sign = me->hub_sign,
                                  .last_request = s->last_request,
                                  .pull_wait_ms = driver->daemon->config.pull_wait_s * 1000};
    struct log_reader *reader = log_reader_begin(driver->daemon->log, error);
    if (reader == NULL)
        return FELLOE_STORAGE;
    random_bytes(config.secret, sizeof config.secret);
    s->machine = spoke_new(&config);
    sodium_memzero(&config, sizeof config);
    bool loaded = s->machine != NULL;
    char site[SLUG_MAX + 1];
    for (size_t i = 0; loaded && log_site_at(reader, i, site); i++)
        loaded = load_site(s->machine, reader, site);
    loaded = loaded && load_site(s->machine, reader, AUDIT_SITE);
    loaded = loaded && !log_reader_failed(reader, NULL);
    log_reader_end(reader);
    if (!loaded)
        return felloe_fail(error, FELLOE_FAILED, "what the log holds could not be loaded into memory");
    if (s->link == NET_UP)
        up(s);
    return FELLOE_OK;
}

static void unload(struct driver *driver)
{
    struct spoke_driver *s = spoke_of(driver);
    loop_timer_stop(s->go_on);
    spoke_outputs_clear(&s->outputs);
    if (s->machine != NULL)
        s->last_request = spoke_last_request(s->machine);
    spoke_free(s->machine);
    s->machine = NULL;
}

static enum felloe_code open_spoke(struct driver *driver, struct felloe_error *error)
{
    struct spoke_driver *s = spoke_of(driver);
    const struct daemon *daemon = driver->daemon;
    const struct identity *me = &daemon->identity;
    if (!me->locked && !box_shared_of(&s->hub_shared, &me->hub_box, &me->box_secret))
        return felloe_fail(error, FELLOE_DAMAGED, "the hub's key in the identity file is none");
    s->slept_ms = clock_slept_ms();
    s->go_on = loop_timer_new(daemon->loop, driver_spoke_go_on_again, s);
    s->holder = loop_timer_new(daemon->loop, driver_spoke_release, s);
    if (s->go_on == NULL || s->holder == NULL || !driver_spoke_let_go_open(s) || !rekey_open(s))
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    return driver_spoke_connect(s, error);
}

static void hang_up(struct driver *driver)
{
    struct spoke_driver *s = spoke_of(driver);
    net_spoke_close(s->net);
    s->net = NULL;
    unload(driver); /* nothing may be sent any more */
    driver_spoke_release(s);
}

static void close_spoke(struct driver *driver)
{
    struct spoke_driver *s = spoke_of(driver);
    spoke_outputs_release(&s->outputs);
    loop_timer_free(s->go_on);
    loop_timer_free(s->holder);
    driver_spoke_let_go_close(s);
    rekey_close(s);
    sodium_memzero(&s->hub_shared, sizeof s->hub_shared);
}

static void tick(struct driver *driver)
{
    struct spoke_input input = {.kind = SPOKE_TICK};
    driver_spoke_step(spoke_of(driver), &input);
}

static uint64_t deadline(const struct driver *driver)
{
    const struct spoke_driver *s = (const struct spoke_driver *)driver;
    return s->machine != NULL ? spoke_deadline(s->machine) : UINT64_MAX;
}

static void recorded(struct driver *driver, struct log_job *job)
{
    struct spoke_input input = {.kind = SPOKE_SAVED,
                                .site = bytes_str(job->site),
                                .own = job->own,
                                .oldest_waiting_ms = job->oldest_waiting_ms};
    if (job->events.bytes.len > 0) {
        input.body = job->events;
        input.count = (uint32_t)job->draft_count;
        job->events = (struct lent){0};
    }
    driver_spoke_step(spoke_of(driver), &input);
}

static void need_keys(struct driver *driver, struct bytes site, const struct key_id *keys, size_t count)
{
    struct spoke_input input = {.kind = SPOKE_NEED_KEYS,
                                .site = site,
                                .keys = keys,
                                .key_count = (uint32_t)(count < KEYS_MAX ? count : KEYS_MAX)};
    driver_spoke_step(spoke_of(driver), &input);
}

static void views_changed(struct driver *driver)
{
    driver_spoke_let_go(spoke_of(driver));
}

/* ---- status ---- */

/* While nothing happens the transport alone knows that the hub is there; and what it told of others is old by now. */
static void look(struct spoke_driver *s)
{
    struct spoke_input woken = {.kind = SPOKE_TICK};
    if (clock_slept_ms() > s->slept_ms + SLEPT_MS) /* the transport's word is of a clock that slept along */
        driver_spoke_step(s, &woken);
    if (s->machine == NULL || s->net == NULL || spoke_phase(s->machine) != SPOKE_PHASE_LIVE)
        return;
    const uint64_t now = clock_steady_ms(), heard_ms = net_spoke_heard_ms(s->net);
    const int64_t contact_ms = clock_wall_ms() - (int64_t)(now - heard_ms);
    if (heard_ms != 0 && contact_ms > s->last_contact_ms)
        s->last_contact_ms = contact_ms;
    spoke_looked(s->machine, now);
    driver_retick(&s->base);
}

static void status(struct driver *driver, struct link_status *out)
{
    struct spoke_driver *s = spoke_of(driver);
    look(s);
    out->reachable = s->link == NET_UP && s->machine != NULL && spoke_phase(s->machine) == SPOKE_PHASE_LIVE;
    out->refused = s->refused || s->link == NET_REFUSED;
    out->last_contact_ms = s->last_contact_ms;
    out->clock_skew_ms = s->clock_skew_ms;
    const char *notice = s->notice;
    const bool going_on = event_log_going_on(driver->daemon->log) != 0 && s->notice[0] == '\0';
    if (going_on && driver->daemon->identity.locked)
        notice = "This laptop's record has two histories (it was set back or copied). Entries that the hub does not "
                 "have are written again once it is unlocked: felloe unlock.";
    else if (going_on)
        notice = "This laptop's record has two histories (it was set back or copied). Nothing is lost: entries that "
                 "the hub does not have are written again.";
    if (s->link == NET_WRONG_KEY)
        notice = "What answers at the hub's address does not hold the hub's key. If the hub got other keys meanwhile, "
                 "ask for a ticket: felloe rekey --ticket TICKET. Else check the address in felloe.conf.";
    else if (s->link == NET_REFUSED)
        notice = "The hub does not admit this laptop: it was revoked, or is unknown there. What is here stays; ask who "
                 "looks after the hub.";
    snprintf(out->notice, sizeof out->notice, "%s", notice);
}

static void site_status(struct driver *driver, struct bytes site, struct site_link *out)
{
    const struct spoke_driver *s = spoke_of(driver);
    for (size_t i = 0; s->machine != NULL && i < spoke_site_count(s->machine); i++) {
        struct spoke_site_status found;
        spoke_site_status(s->machine, i, &found);
        if (bytes_equal(found.site, site))
            out->head = found.head;
    }
    for (size_t i = 0; i < SITES_MAX; i++)
        if (bytes_is(site, s->sites[i].site))
            snprintf(out->notice, sizeof out->notice, "%s", s->sites[i].notice);
    if (out->notice[0] == '\0')
        happened_let_go_text(&driver->daemon->happened, site, clock_steady_ms(), out->notice);
}

static bool device_heard(struct driver *driver, const struct device_id *device, struct device_heard *out)
{
    struct spoke_driver *s = spoke_of(driver);
    look(s);
    for (uint32_t i = 0; i < s->peer_count; i++)
        if (device_id_equal(&s->peers[i].device, device)) {
            *out = (struct device_heard){*device, s->peers[i].heard_ms, s->peers[i].waiting};
            return true;
        }
    return false;
}

const struct driver_role driver_spoke_role = {
    .open = open_spoke,
    .close = close_spoke,
    .hang_up = hang_up,
    .tick = tick,
    .deadline = deadline,
    .load = load,
    .unload = unload,
    .recorded = recorded,
    .views_changed = views_changed,
    .need_keys = need_keys,
    .status = status,
    .site_status = site_status,
    .device_heard = device_heard,
};
