/* SPDX-License-Identifier: Apache-2.0 */
/* Looks on their way into the log: one commit each, with whoever else's wait for the disk at that moment. */
#include "daemon/audit.h"

#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/store/auditors.h"

/* For so long a user's name is not looked up again: that reads files, or asks another machine. */
#define USER_KNOWN_MS 10000

/* A run's key, for these auditors; and whether the log has it yet, in the stream that is written now. */
struct audit {
    struct look_key key;
    struct box_public auditors;
    uint32_t announced; /* the incarnation whose stream has it; 0: none */
    int64_t user;       /* who looked last, what their name was, */
    char user_name[LOOK_TEXT_MAX];
    uint64_t named_ms;  /* … and when that was found; 0: it is to be looked for */
};

struct look_job {
    struct log_job log;
    struct daemon *daemon;
    audit_done done;
    void *context;
    struct look_key key, envelope;
    struct box_public auditors;
    uint32_t incarnation;
    bool announces;
    char worker[SLUG_MAX + 1];
    struct buffer fields; /* of all drafts, one after the other */
};

/* Who may open them. A hub of before has no auditors: then whoever has the hub's own key. */
static const struct box_public *auditors_of(const struct daemon *daemon)
{
    if (daemon->terms.has_auditors)
        return &daemon->terms.auditors;
    return daemon->config.role == ROLE_HUB ? &daemon->identity.box_public : &daemon->identity.hub_box;
}

/* The run's key; a new one for other auditors. NULL: memory ran out. */
static struct audit *audit_of(struct daemon *daemon)
{
    const struct box_public *auditors = auditors_of(daemon);
    if (daemon->audit == NULL) {
        daemon->audit = sodium_malloc(sizeof *daemon->audit);
        if (daemon->audit == NULL)
            return NULL;
        sodium_memzero(daemon->audit, sizeof *daemon->audit);
    } else if (memcmp(&daemon->audit->auditors, auditors, sizeof *auditors) == 0) {
        return daemon->audit;
    }
    random_bytes(&daemon->audit->key, sizeof daemon->audit->key);
    daemon->audit->auditors = *auditors;
    daemon->audit->announced = 0;
    return daemon->audit;
}

/* ---- the auditors, at a hub ---- */

enum felloe_code auditors_way(const struct daemon *daemon, struct vault_secret *out, struct felloe_error *error)
{
    return vault_way_secret(daemon->config.unlock[0] != '\0' ? daemon->config.unlock : "none", out, error);
}

bool auditors_public(const struct daemon *daemon, struct box_public *out)
{
    struct auditors auditors;
    struct vault_secret secret = {0};
    struct felloe_error error;
    enum felloe_code code = auditors_load(&auditors, daemon->dir, &error);
    if (code == FELLOE_NOT_FOUND) {
        code = auditors_way(daemon, &secret, &error);
        if (code == FELLOE_OK)
            code = auditors_make(&auditors, daemon->dir, &daemon->identity.device, &secret, &vault_cost_moderate,
                                 &error);
        vault_secret_clear(&secret);
    }
    if (code == FELLOE_OK)
        *out = auditors.public_key;
    else
        report(LEVEL_WARNING, "looks are sealed for the hub's own key, since its auditors' is not to be had: %s",
               error.message);
    return code == FELLOE_OK;
}

void audit_close(struct daemon *daemon)
{
    sodium_free(daemon->audit);
    daemon->audit = NULL;
}

static void free_job(struct look_job *job)
{
    sodium_memzero(&job->key, sizeof job->key);
    buffer_release(&job->fields);
    free(job->log.drafts);
    free(job);
}

static void recorded(struct log_job *log_job)
{
    struct look_job *job = (struct look_job *)((char *)log_job - offsetof(struct look_job, log));
    struct daemon *daemon = job->daemon;
    struct audit *audit = daemon->audit;
    const bool fine = log_job->code == FELLOE_OK;
    if (fine && job->announces && audit != NULL && memcmp(&audit->key, &job->key, sizeof job->key) == 0)
        audit->announced = job->incarnation;
    if (fine && daemon->driver != NULL)
        driver_recorded(daemon->driver, log_job);
    struct felloe_error error = {.code = FELLOE_OK};
    if (!fine)
        felloe_fail(&error, log_job->code, "Nothing is shown, since that it was shown could not be recorded: %s",
                    log_job->error.message);
    audit_done done = job->done;
    void *context = job->context;
    free_job(job);
    done(context, &error);
}

/* ---- drafts ---- */

/* False: it cannot be said just now whether there is one. */
static bool user_name(int64_t uid, char out[LOOK_TEXT_MAX])
{
    struct passwd entry, *found = NULL;
    char buffer[1024];
    out[0] = '\0';
    if (uid >= 0 && getpwuid_r((uid_t)uid, &entry, buffer, sizeof buffer, &found) != 0)
        return false;
    if (found != NULL)
        snprintf(out, LOOK_TEXT_MAX, "%s", entry.pw_name);
    return true;
}

static const char *name_of(struct audit *audit, int64_t uid)
{
    const uint64_t now = clock_steady_ms();
    if (audit->named_ms == 0 || audit->user != uid || now - audit->named_ms >= USER_KNOWN_MS) {
        audit->named_ms = user_name(uid, audit->user_name) ? now : 0;
        audit->user = uid;
    }
    return audit->user_name;
}

static void add_draft(struct look_job *job, const char *type, const struct look_key *key, size_t begin)
{
    struct log_draft *draft = &job->log.drafts[job->log.draft_count++];
    draft->body.type = bytes_str(type);
    draft->body.worker = bytes_str(job->worker);
    draft->body.fields = (struct bytes){NULL, job->fields.len - begin}; /* where, is known once all are there */
    draft->key = key->id;
    draft->sealing = &key->key;
}

static void add_key(struct look_job *job)
{
    uint8_t nonce[BOX_NONCE_SIZE];
    struct box_secret once;
    size_t begin = job->fields.len;
    random_bytes(nonce, sizeof nonce);
    random_bytes(&once, sizeof once);
    job->fields.failed |= !look_key_put(&job->fields, &job->key, &job->auditors, &once, nonce);
    sodium_memzero(&once, sizeof once);
    add_draft(job, LOOK_KEY_TYPE, &job->envelope, begin);
}

static void add_looks(struct look_job *job, const struct audit_wish *wish, const char *user)
{
    for (size_t at = 0; at < wish->count; at += LOOK_PEOPLE_MAX) {
        const size_t left = wish->count - at, begin = job->fields.len;
        const struct look look = {.how = bytes_str(wish->how),
                                  .what = bytes_str(wish->what),
                                  .user = bytes_str(user),
                                  .uid = wish->uid >= 0 ? (uint64_t)wish->uid : UINT32_MAX,
                                  .people = wish->people + at,
                                  .count = left < LOOK_PEOPLE_MAX ? left : LOOK_PEOPLE_MAX};
        look_put(&job->fields, &look);
        add_draft(job, LOOK_TYPE, &job->key, begin);
    }
}

bool audit_record(struct daemon *daemon, const struct audit_wish *wish, audit_done done, void *context)
{
    struct audit *audit = audit_of(daemon);
    struct look_job *job = audit != NULL ? calloc(1, sizeof *job) : NULL;
    if (job == NULL)
        return false;
    job->daemon = daemon;
    job->done = done;
    job->context = context;
    job->key = audit->key;
    job->auditors = audit->auditors;
    job->incarnation = event_log_incarnation(daemon->log);
    job->announces = audit->announced != job->incarnation;
    look_envelope_key(&job->envelope);
    snprintf(job->worker, sizeof job->worker, "%s", wish->worker);
    job->log.kind = LOG_RECORD;
    job->log.done = recorded;
    snprintf(job->log.site, sizeof job->log.site, "%s", AUDIT_SITE);
    job->log.drafts = calloc(2 + wish->count / LOOK_PEOPLE_MAX, sizeof *job->log.drafts);
    if (job->log.drafts != NULL && job->announces)
        add_key(job);
    if (job->log.drafts != NULL)
        add_looks(job, wish, name_of(audit, wish->uid));
    if (job->log.drafts == NULL || job->fields.failed) {
        free_job(job);
        return false;
    }
    size_t at = 0; /* the buffer does not move any more */
    for (size_t i = 0; i < job->log.draft_count; i++) {
        struct bytes *fields = &job->log.drafts[i].body.fields;
        *fields = bytes_of(job->fields.data + at, fields->len);
        at += fields->len;
    }
    event_log_submit(daemon->log, &job->log);
    return true;
}
