/* SPDX-License-Identifier: Apache-2.0 */
/* felloed --join: a ticket makes a laptop of a directory.
 *
 *   keys saved, not joined --> JOIN, asked again until answered --> sites and keys into the log --> configuration
 *   --> identity saved as joined, the ticket's secret gone
 *
 * Whoever is interrupted runs it again: the keys are the same, and the hub knows them. */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/net/net.h"
#include "daemon/setup/setup.h"
#include "proto/event/ticket.h"

/* An answer takes a commit or two at the hub; past this somebody should look. */
#define GIVE_UP_MS   10000
#define ASK_AGAIN_MS 3000
/* A hub that just starts, or a network that just came up, gets this long. */
#define PATIENCE_MS 2000

struct joining {
    uv_loop_t loop;
    struct loop_timer *give_up, *again;
    struct net_spoke *net;
    struct identity *identity;
    const struct setup_options *options;
    const char *label, *dir, *proxy;
    char recovery[VAULT_RECOVERY_SIZE];
    enum net_link link;
    bool answered; /* code, and message or error, are there */
    enum felloe_code code;
    struct felloe_error *error;
    struct message message;
    struct buffer header; /* what message's strings point into */
    struct lent keys;
};

/* ---- asking ---- */

static void finish(struct joining *j, enum felloe_code code)
{
    j->answered = true;
    j->code = code;
    uv_stop(&j->loop);
}

static void ask(void *context)
{
    struct joining *j = context;
    struct msg_join *join = &j->message.join;
    struct buffer header = {0};
    struct lent nothing = {0};
    j->message.kind = MSG_JOIN;
    j->message.request = 1;
    *join = (struct msg_join){.version = PROTOCOL_VERSION,
                              .sign = j->identity->sign_public,
                              .box = j->identity->box_public,
                              .label = bytes_str(j->label)};
    memcpy(join->curve, j->identity->curve_public, sizeof join->curve);
    join_sign(&j->identity->sign_secret, join);
    message_encode(&j->message, &header);
    net_spoke_send(j->net, &header, &nothing);
    loop_timer_set(j->again, ASK_AGAIN_MS);
}

static void on_message(void *context, struct bytes header, struct lent *body)
{
    struct joining *j = context;
    if (j->answered)
        return;
    buffer_clear(&j->header);
    buffer_append(&j->header, header.data, header.len);
    if (j->header.failed || !message_decode(buffer_bytes(&j->header), &j->message))
        return; /* asked again */
    if (j->message.kind == MSG_JOINED) {
        j->keys = *body;
        *body = (struct lent){0};
        finish(j, FELLOE_OK);
    } else if (j->message.kind == MSG_REFUSED) {
        const struct msg_refused *refused = &j->message.refused;
        enum felloe_code code = refused->reason == REFUSED_BUSY ? FELLOE_UNREACHABLE : FELLOE_REFUSED;
        finish(j, felloe_fail(j->error, code, "%.*s", (int)refused->text.len, (const char *)refused->text.data));
    }
}

/* Why there was no answer, and what to do. */
static void no_answer(void *context)
{
    struct joining *j = context;
    const char *address = j->identity->hub_address;
    if (j->link == NET_REFUSED)
        finish(j,
               felloe_fail(j->error, FELLOE_REFUSED,
                           "the hub at %s does not know this ticket. Ask for a new one: felloe hub invite", address));
    else if (j->link == NET_WRONG_KEY)
        finish(j,
               felloe_fail(j->error, FELLOE_REFUSED,
                           "what answers at %s is not the hub of this ticket: it does not hold its key. Ask who looks "
                           "after the hub; the ticket stays good until it expires",
                           address));
    else if (j->link == NET_UP)
        finish(j,
               felloe_fail(j->error, FELLOE_UNREACHABLE,
                           "the hub at %s was reached, and did not answer. The ticket stays good: run the same again",
                           address));
    else
        finish(j,
               felloe_fail(j->error, FELLOE_UNREACHABLE,
                           "the hub does not answer at %s. The ticket stays good until it expires: try again when the "
                           "hub runs and this machine has a network",
                           address));
}

static void on_link(void *context, enum net_link link)
{
    struct joining *j = context;
    if (j->answered)
        return;
    j->link = link;
    loop_timer_stop(j->again);
    if (link == NET_UP) {
        loop_timer_set(j->give_up, GIVE_UP_MS);
        ask(j);
    } else if (link == NET_REFUSED) {
        no_answer(j);
    } else if (link == NET_UNREACHABLE || link == NET_WRONG_KEY) {
        loop_timer_set(j->give_up, PATIENCE_MS);
    }
}

static void close_all(struct joining *j)
{
    net_spoke_close(j->net);
    loop_timer_free(j->give_up);
    loop_timer_free(j->again);
    uv_run(&j->loop, UV_RUN_DEFAULT);
    uv_loop_close(&j->loop);
}

static enum felloe_code ask_hub(struct joining *j)
{
    uint8_t ticket_public[CURVE_KEY_SIZE];
    crypto_scalarmult_base(ticket_public, j->identity->ticket_curve_secret);
    const struct net_spoke_config config = {.loop = &j->loop,
                                            .address = j->identity->hub_address,
                                            .proxy = j->proxy,
                                            .hub_curve = j->identity->hub_curve,
                                            .curve_public = ticket_public,
                                            .curve_secret = j->identity->ticket_curve_secret,
                                            .context = j,
                                            .message = on_message,
                                            .link = on_link};
    if (uv_loop_init(&j->loop) != 0)
        return felloe_fail(j->error, FELLOE_FAILED, "no event loop can be had");
    j->give_up = loop_timer_new(&j->loop, no_answer, j);
    j->again = loop_timer_new(&j->loop, ask, j);
    enum felloe_code code = j->give_up == NULL || j->again == NULL
                                ? felloe_fail(j->error, FELLOE_FAILED, "out of memory")
                                : net_spoke_open(&j->net, &config, j->error);
    if (code == FELLOE_OK) {
        loop_timer_set(j->give_up, GIVE_UP_MS);
        while (!j->answered)
            uv_run(&j->loop, UV_RUN_DEFAULT);
        code = j->code;
    }
    close_all(j);
    return code;
}

/* ---- what the hub gave ---- */

static enum felloe_code unwrap_keys(const struct joining *j, struct key_record *out, uint32_t *count)
{
    const struct msg_joined *joined = &j->message.joined;
    struct box_shared shared;
    struct mp_reader *r = malloc(sizeof *r);
    bool fine = r != NULL && joined->key_count <= SITES_MAX &&
                box_shared_of(&shared, &joined->hub_box, &j->identity->box_secret);
    if (fine)
        mp_reader_init(r, j->keys.bytes);
    for (*count = 0; fine && *count < joined->key_count; ++*count)
        fine = mp_next(r) && key_record_unwrap(r, &shared, &out[*count]);
    free(r);
    sodium_memzero(&shared, sizeof shared);
    return fine ? FELLOE_OK
                : felloe_fail(j->error, FELLOE_REFUSED,
                              "the hub's answer cannot be read: its keys are not for this laptop");
}

static enum felloe_code add_site(struct setup_log *setup, struct bytes site, struct key_record *keys, uint32_t count,
                                 struct felloe_error *error)
{
    struct log_job job = {.kind = LOG_ADD_SITE};
    bytes_to_text(site, job.site, sizeof job.site);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(keys[i].site, job.site) == 0) {
            job.new_keys = &keys[i];
            job.new_key_count = 1;
        }
    return setup_log_do(setup, &job, error);
}

static enum felloe_code fill_log(struct joining *j)
{
    const struct msg_joined *joined = &j->message.joined;
    struct key_record keys[SITES_MAX];
    struct setup_log setup;
    uint32_t count = 0;
    enum felloe_code code = unwrap_keys(j, keys, &count);
    if (code == FELLOE_OK) {
        setup_forget_unfinished(j->dir);
        code = setup_log_open(&setup, j->dir, j->identity, j->error);
    }
    if (code == FELLOE_OK) {
        for (uint32_t i = 0; code == FELLOE_OK && i < joined->site_count; i++)
            code = add_site(&setup, joined->sites[i], keys, count, j->error);
        setup_log_close(&setup);
    }
    sodium_memzero(keys, sizeof keys);
    return code;
}

static enum felloe_code check_answer(const struct joining *j)
{
    const struct msg_joined *joined = &j->message.joined;
    bool fine =
        device_id_equal(&joined->device, &j->identity->device) && joined->site_count > 0 && slug_valid(joined->worker);
    for (uint32_t i = 0; fine && i < joined->site_count; i++)
        fine = slug_valid(joined->sites[i]);
    return fine ? FELLOE_OK
                : felloe_fail(j->error, FELLOE_REFUSED,
                              "the hub's answer does not follow the protocol. Update "
                              "felloe here and at the hub");
}

/* Now that it is known whose laptop it is: the slot in the worker's name, and a way back in for a passphrase that was
 * forgotten. */
static enum felloe_code fill_vault(struct joining *j)
{
    const struct setup_options *options = j->options;
    const struct identity *me = j->identity;
    struct vault vault;
    struct vault_secret secret, recovery;
    enum felloe_code code = FELLOE_OK;
    vault_start(&vault, &me->device);
    if (options->secret != NULL)
        secret = *options->secret;
    else
        code = vault_way_secret(options->unlock, &secret, j->error);
    if (code == FELLOE_OK)
        code = vault_add(&vault, &secret, me->worker, me->keyring_key, true, &vault_cost_moderate, clock_wall_ms(),
                         j->error);
    if (code == FELLOE_OK && secret.kind == VAULT_PASSPHRASE) {
        vault_recovery_make(j->recovery, &recovery);
        code = vault_add(&vault, &recovery, me->worker, me->keyring_key, true, NULL, clock_wall_ms(), j->error);
        vault_secret_clear(&recovery);
    }
    vault_secret_clear(&secret);
    vault_seal_boxes(&vault, me);
    return code == FELLOE_OK ? vault_save(&vault, j->dir, j->error) : code;
}

static enum felloe_code become(struct joining *j)
{
    const struct msg_joined *joined = &j->message.joined;
    struct identity *me = j->identity;
    struct config config;
    uint8_t hash[32];
    enum felloe_code code = check_answer(j);
    if (code == FELLOE_OK)
        code = fill_log(j);
    if (code != FELLOE_OK)
        return code;
    config_start(&config, ROLE_SPOKE);
    snprintf(config.hub, sizeof config.hub, "%s", me->hub_address);
    snprintf(config.proxy, sizeof config.proxy, "%s", j->proxy != NULL ? j->proxy : "");
    snprintf(config.unlock, sizeof config.unlock, "%s", j->options->unlock);
    bytes_to_text(joined->worker, me->worker, sizeof me->worker);
    code = fill_vault(j);
    if (code == FELLOE_OK)
        code = config_write(&config, j->dir, j->error);
    if (code != FELLOE_OK)
        return code;
    me->joined = true;
    me->hub_box = joined->hub_box;
    bytes_to_text(joined->hub_name, me->hub_name, sizeof me->hub_name);
    crypto_generichash(hash, sizeof hash, me->hub_sign.b, sizeof me->hub_sign.b, NULL, 0);
    memcpy(me->hub_device.b, hash, sizeof me->hub_device.b);
    sodium_memzero(me->ticket_curve_secret, sizeof me->ticket_curve_secret);
    return identity_save(me, j->dir, j->error);
}

/* ---- the identity ---- */

/* The way may be another one this time. */
static enum felloe_code open_again(const struct setup_options *options, struct identity *me, struct felloe_error *error)
{
    enum felloe_code code = setup_unlock(options->dir, options->unlock, options->secret, me, error);
    return code == FELLOE_NOT_FOUND ? setup_unlock(options->dir, "none", NULL, me, error) : code;
}

static enum felloe_code take_identity(const struct setup_options *options, const struct ticket *ticket,
                                      const char *label, struct identity *me, struct felloe_error *error)
{
    const char *dir = options->dir;
    enum felloe_code code = setup_identity(dir, me, error);
    if (code == FELLOE_OK && (me->joined || me->role == ROLE_HUB))
        return felloe_fail(error, FELLOE_IN_USE, "%s is %s already (%s). Give another --dir", dir,
                           me->role == ROLE_HUB ? "a hub" : "a laptop's", me->label);
    if (code != FELLOE_OK && code != FELLOE_NOT_FOUND)
        return code;
    /* The keys of an earlier try, unless that was at another hub, which may know them. */
    const bool fresh =
        code == FELLOE_NOT_FOUND || memcmp(&me->hub_sign, &ticket->hub_sign, sizeof me->hub_sign) != 0;
    if (fresh)
        identity_generate(me, ROLE_SPOKE);
    else
        code = open_again(options, me, error);
    if (!fresh && code != FELLOE_OK)
        return code;
    snprintf(me->label, sizeof me->label, "%s", label);
    snprintf(me->hub_address, sizeof me->hub_address, "%s", ticket->address);
    memcpy(me->hub_curve, ticket->hub_curve, sizeof me->hub_curve);
    memcpy(me->ticket_curve_secret, ticket->curve_secret, sizeof me->ticket_curve_secret);
    me->hub_sign = ticket->hub_sign;
    return fresh ? setup_save_fresh(options, me, error) : identity_save(me, dir, error);
}

static enum felloe_code read_ticket(const char *text, struct ticket *ticket, struct felloe_error *error)
{
    char when[64] = "?";
    struct tm parts;
    enum felloe_code code = ticket_parse(bytes_str(text), ticket, error);
    if (code != FELLOE_OK || ticket->expires_ms > clock_wall_ms())
        return code;
    time_t expired = (time_t)(ticket->expires_ms / 1000);
    if (localtime_r(&expired, &parts) != NULL)
        strftime(when, sizeof when, "%d %B %Y, %H:%M", &parts);
    return felloe_fail(error, FELLOE_REFUSED,
                       "this ticket expired on %s (if that is not past, set this machine's clock). "
                       "Ask for a new one: felloe hub invite",
                       when);
}

static void choose_label(const char *wanted, char out[LABEL_MAX + 1])
{
    char host[HOST_NAME_MAX + 1] = "";
    if (wanted == NULL && gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    if (!bytes_to_text(bytes_str(wanted != NULL ? wanted : host), out, LABEL_MAX + 1) || *out == '\0')
        snprintf(out, LABEL_MAX + 1, "laptop");
}

static void describe(const struct joining *j, struct setup_result *out)
{
    const struct msg_joined *joined = &j->message.joined;
    *out = (struct setup_result){.device = j->identity->device, .site_count = joined->site_count};
    memcpy(out->recovery, j->recovery, sizeof out->recovery);
    memcpy(out->name, j->identity->hub_name, sizeof out->name);
    memcpy(out->worker, j->identity->worker, sizeof out->worker);
    for (uint32_t i = 0; i < joined->site_count; i++)
        bytes_to_text(joined->sites[i], out->sites[i], sizeof out->sites[i]);
    words_of_device(&j->identity->hub_sign, &j->identity->sign_public, &j->identity->box_public,
                    j->identity->curve_public, out->words);
}

enum felloe_code setup_join(const struct setup_options *options, struct setup_result *out, struct felloe_error *error)
{
    struct ticket ticket;
    struct identity identity = {0};
    char label[LABEL_MAX + 1];
    enum felloe_code code = read_ticket(options->ticket, &ticket, error);
    if (code != FELLOE_OK)
        return code;
    if (options->label != NULL && (strlen(options->label) > LABEL_MAX || !utf8_valid(bytes_str(options->label))))
        return felloe_fail(error, FELLOE_INVALID, "a label has at most %d bytes of UTF-8", LABEL_MAX);
    choose_label(options->label, label);
    if ((code = vault_way_check(options->unlock, ROLE_SPOKE, error)) != FELLOE_OK)
        return code;
    int lock = setup_directory(options->dir, error);
    if (lock < 0)
        return error->code;
    code = take_identity(options, &ticket, label, &identity, error);
    struct joining *j = code == FELLOE_OK ? calloc(1, sizeof *j) : NULL;
    if (code == FELLOE_OK && j == NULL)
        code = felloe_fail(error, FELLOE_FAILED, "out of memory");
    if (j != NULL) {
        j->identity = &identity;
        j->options = options;
        j->label = label;
        j->dir = options->dir;
        j->proxy = options->proxy;
        j->error = error;
        code = ask_hub(j);
        if (code == FELLOE_OK)
            code = become(j);
        if (code == FELLOE_OK)
            describe(j, out);
        lent_return(&j->keys);
        buffer_release(&j->header);
        sodium_memzero(j, sizeof *j);
        free(j);
    }
    sodium_memzero(&ticket, sizeof ticket);
    identity_clear(&identity);
    close(lock);
    return code;
}
