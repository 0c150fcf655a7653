/* SPDX-License-Identifier: Apache-2.0 */
/* The run of verify: all sites, what is counted, what is said. */
#include "daemon/log/verify.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/verify_internal.h"
#include "proto/event/look.h"

void verify_problem(struct verify_run *run, const char *format, ...)
{
    run->result->problems++;
    if (run->site != NULL)
        run->site->problems++;
    if (run->options->problem == NULL)
        return;
    char text[400];
    int len = run->site != NULL ? snprintf(text, sizeof text, "%s: ", run->site->site) : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + len, sizeof text - (size_t)len, format, arguments);
    va_end(arguments);
    run->options->problem(run->options->context, text);
}

static void note_failure(struct verify_run *run, enum felloe_code code, const char *why)
{
    if (run->failed == FELLOE_OK)
        run->failed = felloe_fail(run->error, code, "%s", why);
}

/* A reader that has failed finds nothing any more, which must not be taken for nothing being there. */
static void check_reader(struct verify_run *run)
{
    struct felloe_error why;
    if (run->reader == NULL || run->site == NULL || !log_reader_failed(run->reader, &why))
        return;
    if (why.code == FELLOE_DAMAGED)
        verify_problem(run, "cannot be read to its end: %s", why.message);
    else
        note_failure(run, why.code, why.message);
}

/* ---- what others hold ---- */

/* NULL: memory ran out. */
static struct verify_story *story_of(struct verify_run *run, const struct device_id *device)
{
    for (size_t i = 0; i < run->story_count; i++)
        if (device_id_equal(&run->stories[i].other.device, device))
            return &run->stories[i];
    if (run->story_count == run->story_cap) {
        size_t cap = run->story_cap ? 2 * run->story_cap : 16;
        struct verify_story *more = realloc(run->stories, cap * sizeof *more);
        if (more == NULL)
            return NULL;
        run->stories = more;
        run->story_cap = cap;
    }
    struct verify_story *new = &run->stories[run->story_count++];
    *new = (struct verify_story){.site = run->site->site, .other.device = *device};
    return new;
}

/* The heads that were told since the last turn, against the log as this reader has it. */
static void compare_heads(struct verify_run *run)
{
    if (run->site == NULL || run->reader == NULL)
        return;
    witness_compare(run->reader, bytes_str(run->site->site), run->told.items, run->told.count);
    for (size_t i = 0; i < run->told.count; i++) {
        const struct told *told = &run->told.items[i];
        struct verify_story *story = story_of(run, &told->device);
        if (story == NULL) {
            note_failure(run, FELLOE_FAILED, "out of memory");
            return;
        }
        run->site->heads += told->outcome != HEAD_NOT_YET;
        if (told->outcome == HEAD_SAME && position_compare(told->head.at, story->same) > 0)
            story->same = told->head.at;
        if (testimony_contradicts(told->outcome) &&
            (story->count++ == 0 || position_compare(told->head.at, story->other.head.at) < 0))
            story->other = *told;
    }
    run->told.count = 0;
}

void verify_tell_story(struct verify_run *run, const struct verify_story *story)
{
    run->result->stories++;
    if (run->options->story != NULL)
        run->options->story(run->options->context, story);
}

static void tell_stories(struct verify_run *run)
{
    for (size_t i = 0; i < run->story_count; i++)
        if (run->stories[i].count > 0)
            verify_tell_story(run, &run->stories[i]);
    run->story_count = 0;
}

enum felloe_code verify_renew(struct verify_run *run)
{
    compare_heads(run);
    check_reader(run);
    log_reader_end(run->reader);
    run->reader = NULL;
    if (run->failed != FELLOE_OK)
        return run->failed;
    run->in_turn = 0;
    run->reader = log_reader_begin(run->options->log, run->error);
    return run->reader != NULL ? FELLOE_OK : FELLOE_STORAGE;
}

bool verify_counts(struct verify_run *run)
{
    run->done++;
    return ++run->in_turn >= VERIFY_TURN;
}

enum felloe_code verify_turn(struct verify_run *run)
{
    const struct verify_options *o = run->options;
    if (run->total < run->done)
        run->total = run->done;
    if (o->progress != NULL && !o->progress(o->context, run->done, run->total))
        return felloe_fail(run->error, FELLOE_INTERRUPTED, "verifying was stopped after %llu events",
                           (unsigned long long)run->done);
    return verify_renew(run);
}

/* ---- one event ---- */

static const struct data_key *key_of(struct verify_run *run, const struct key_id *id)
{
    struct cached_key *cached = &run->keys[id->b[0] % KEY_CACHE];
    if (cached->filled && memcmp(&cached->id, id, sizeof *id) == 0)
        return &cached->key;
    struct key_record record;
    enum felloe_code code = keyring_get(run->options->keyring, id, &record);
    if (code == FELLOE_DAMAGED) {
        char hex[33];
        hex_encode(bytes_of(id->b, sizeof id->b), hex);
        verify_problem(run, "the key %s in the keyring is damaged", hex);
    }
    if (!keyring_was_read(code))
        note_failure(run, code, "a key could not be read");
    if (code != FELLOE_OK)
        return NULL;
    *cached = (struct cached_key){.filled = true, .id = *id, .key = record.key};
    sodium_memzero(&record, sizeof record);
    return &cached->key;
}

/* Counted by device and why, so that one that writes thousands of them does not drown what matters. */
static void note_unreadable(struct verify_run *run, const char *where, const struct device_id *device,
                            enum verify_unread why)
{
    *(why == UNREAD_SEALED || why == UNREAD_FORM ? &run->site->unreadable : &run->site->sealed) += 1;
    for (size_t i = 0; i < run->unreadable_count; i++)
        if (run->unreadable[i].why == why && device_id_equal(&run->unreadable[i].device, device)) {
            run->unreadable[i].count++;
            return;
        }
    if (run->unreadable_count == run->unreadable_cap) {
        size_t cap = run->unreadable_cap ? 2 * run->unreadable_cap : 16;
        struct verify_unreadable *more = realloc(run->unreadable, cap * sizeof *more);
        if (more == NULL)
            return; /* still in the sums */
        run->unreadable = more;
        run->unreadable_cap = cap;
    }
    struct verify_unreadable *new = &run->unreadable[run->unreadable_count++];
    *new = (struct verify_unreadable){.site = run->site->site, .device = *device, .why = why, .count = 1};
    snprintf(new->first, sizeof new->first, "%s", where);
}

static void tell_unreadable(struct verify_run *run)
{
    for (size_t i = 0; i < run->unreadable_count && run->options->unreadable != NULL; i++)
        run->options->unreadable(run->options->context, &run->unreadable[i]);
    run->unreadable_count = 0;
}

static enum verify_unread why_no_key(struct verify_run *run, const struct key_id *key)
{
    const struct verify_options *o = run->options;
    bool unread = false;
    if (keyring_erased(o->keyring, key, &unread))
        return UNREAD_ERASED;
    if (unread)
        note_failure(run, FELLOE_STORAGE, "a key could not be read");
    return o->for_others != NULL && o->for_others(o->context, bytes_str(run->site->site), key) ? UNREAD_OTHERS
                                                                                               : UNREAD_NO_KEY;
}

static void note_opened(struct verify_run *run, const struct event *event, uint64_t *time)
{
    *time = run->body.time;
    if (!told_add(&run->told, &run->body, &event->clear.device, run->at))
        note_failure(run, FELLOE_FAILED, "out of memory");
}

bool verify_event(struct verify_run *run, const char *where, struct bytes raw, bool content, struct event *event,
                  struct event_id *id, uint64_t *time)
{
    *time = 0;
    run->site->events += content;
    run->result->events += content && run->number != LOG_AUDIT;
    event_id_of(raw, id);
    if (!event_decode(raw, event)) {
        verify_problem(run, "%s: the event is malformed", where);
        return false;
    }
    if (!bytes_is(event->clear.site, run->site->site))
        verify_problem(run, "%s: the event belongs to another site", where);
    if (!content || run->number == LOG_AUDIT)
        return true;
    const struct data_key *key = key_of(run, &event->clear.key);
    if (key == NULL)
        note_unreadable(run, where, &event->clear.device, why_no_key(run, &event->clear.key));
    else if (event_open(event, key, &run->plain, &run->body))
        note_opened(run, event, time);
    else if (run->plain.failed)
        note_failure(run, FELLOE_FAILED, "out of memory");
    else
        note_unreadable(run, where, &event->clear.device, run->plain.len > 0 ? UNREAD_FORM : UNREAD_SEALED);
    return true;
}

/* ---- all ---- */

static uint64_t count_events(struct verify_run *run)
{
    uint64_t total = 0;
    for (uint32_t site = 0; site < SITES_MAX; site++)
        total += store_count(run->reader->txn, T_OWN + site) + store_count(run->reader->txn, T_LOG + site);
    return total;
}

static void note_head(struct verify_run *run)
{
    struct log_head heads[SEEN_MAX];
    const struct bytes site = bytes_str(run->site->site);
    const struct position at = run->options->at;
    struct log_head *head = &run->site->head;
    size_t count = log_heads(run->reader, site, heads);
    if (at.epoch == 0)
        *head = count > 0 ? heads[count - 1] : (struct log_head){0};
    else
        head->at = log_hash_at(run->reader, site, at, &head->hash) ? at : (struct position){0};
}

static enum felloe_code verify_one(struct verify_run *run, uint32_t number, const char *name, struct verify_site *site)
{
    run->number = number;
    run->site = site;
    run->at = (struct position){0};
    snprintf(site->site, sizeof site->site, "%s", name);
    note_head(run);
    enum felloe_code code = verify_own(run);
    if (code == FELLOE_OK)
        code = verify_site_log(run);
    if (code == FELLOE_OK)
        code = verify_turn(run);
    if (code != FELLOE_OK)
        return code;
    tell_unreadable(run);
    tell_stories(run);
    return FELLOE_OK;
}

static enum felloe_code verify_sites(struct verify_run *run)
{
    enum felloe_code code = verify_renew(run);
    if (code != FELLOE_OK)
        return code;
    run->total = count_events(run);
    code = verify_rows(run);
    if (code != FELLOE_OK)
        return code;
    struct verify_result *result = run->result;
    char name[SLUG_MAX + 1];
    while (code == FELLOE_OK && result->site_count < LOG_AUDIT && log_site_at(run->reader, result->site_count, name)) {
        const size_t number = result->site_count++;
        code = verify_one(run, (uint32_t)number, name, &result->sites[number]);
    }
    return code == FELLOE_OK ? verify_one(run, LOG_AUDIT, AUDIT_SITE, &result->looks) : code;
}

enum felloe_code verify_log(const struct verify_options *options, struct verify_result *out, struct felloe_error *error)
{
    *out = (struct verify_result){0};
    struct verify_run run = {.options = options, .result = out, .error = error};
    run.keys = sodium_malloc(KEY_CACHE * sizeof *run.keys);
    if (run.keys == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    memset(run.keys, 0, KEY_CACHE * sizeof *run.keys);
    enum felloe_code code = verify_sites(&run);
    log_reader_end(run.reader);
    sodium_free(run.keys);
    free(run.unreadable);
    free(run.stories);
    told_release(&run.told);
    if (run.plain.data != NULL)
        sodium_memzero(run.plain.data, run.plain.cap);
    buffer_release(&run.plain);
    return code;
}
