/* SPDX-License-Identifier: Apache-2.0 */
/* What the spoke's machine wants to be durable; and how a laptop that was set back or copied goes on. */
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_spoke.h"

/* A laptop that has lost its keys, too, gets them back from the hub, if it can, before it writes again: in the end,
 * after about a minute, it goes on without. */
#define GO_ON_WAITS    7u
#define GO_ON_FIRST_MS 1000u
#define GO_ON_DOUBLED  5u

static void expect_more(const struct log_job *log_job, struct projector *projector)
{
    if (projector != NULL && log_job->kind == LOG_KEEP_FEED && log_job->batch->count >= BACKLOG_ENTRIES)
        projector_expect(projector);
}

static void kept(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct spoke_driver *s = spoke_of(job->driver);
    struct spoke_input input = {.site = bytes_str(log_job->site), .ok = log_job->code == FELLOE_OK};
    if (log_job->kind == LOG_KEEP_FEED) {
        input.kind = SPOKE_FEED_KEPT;
    } else if (log_job->kind == LOG_KEEP_RECEIPT) {
        input.kind = SPOKE_RECEIPT_KEPT;
        input.seq = log_job->receipt->seq;
        input.oldest_waiting_ms = log_job->oldest_waiting_ms;
    }
    /* The log refused it, alone and for certain: the machine deals with it, and nothing has to start afresh. But what
     * only does not follow because that of before it failed says nothing. */
    bool refusable = log_job->kind == LOG_KEEP_FEED || (log_job->kind == LOG_KEEP_RECEIPT && log_job->lowered);
    bool refused = refusable && log_job->code == FELLOE_INVALID;
    input.contradicts = refused && !job->driver->restarting && !event_log_failed(job->driver->daemon->log);
    if (input.contradicts)
        report(LEVEL_ERROR, "%s: %s", log_job->site, log_job->error.message);
    if (!input.ok && !refused)
        driver_restart(job->driver, log_job->error.message);
    else if (log_job->kind != LOG_KEEP_KEYS && (input.ok || input.contradicts)) {
        expect_more(log_job, job->driver->daemon->projector);
        driver_works(job->driver);
        driver_spoke_step(s, &input);
    }
    free(log_job->sealed_keys);
    driver_job_end(job);
}

/* ---- keys ---- */

/* Bytes and where they are, in one block. */
static struct bytes *copy_records(const struct bytes *records, size_t count)
{
    size_t size = count * sizeof *records;
    for (size_t i = 0; i < count; i++)
        size += records[i].len;
    struct bytes *copy = malloc(size);
    if (copy == NULL)
        return NULL;
    uint8_t *at = (uint8_t *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, records[i].data, records[i].len);
        copy[i] = bytes_of(at, records[i].len);
        at += records[i].len;
    }
    return copy;
}

/* Those that this session cannot open (it is locked, or a second worker's) are kept as they are. */
static void take_sealed(struct spoke_driver *s, struct bytes records, uint32_t count, struct log_job *job)
{
    struct bytes *found = count > 0 ? calloc(count, sizeof *found) : NULL;
    struct bytes rest = records;
    size_t sealed = 0;
    for (uint32_t i = 0; i < count && found != NULL; i++) {
        struct mp_reader *r = &s->base.reader;
        struct key_record record;
        mp_reader_init(r, rest);
        if (!mp_next(r))
            break;
        struct bytes object = mp_object(r);
        if (key_record_read(r, &record) && !keyring_opens(s->base.daemon->keyring, record.kind))
            found[sealed++] = object;
        rest = bytes_of(rest.data + object.len, rest.len - object.len);
    }
    if (sealed > 0)
        job->sealed_keys = copy_records(found, sealed);
    job->sealed_key_count = job->sealed_keys != NULL ? sealed : 0;
    free(found);
}

/* And are not among those that it can. */
static void leave_out_sealed(struct spoke_driver *s, struct log_job *job)
{
    size_t kept = 0;
    for (size_t i = 0; i < job->new_key_count; i++)
        if (keyring_opens(s->base.daemon->keyring, job->new_keys[i].kind))
            job->new_keys[kept++] = job->new_keys[i];
    if (kept < job->new_key_count)
        explicit_bzero(&job->new_keys[kept], (job->new_key_count - kept) * sizeof job->new_keys[0]);
    job->new_key_count = kept;
}

/* ---- what waits for company, in one commit ----
 *
 * A receipt for a few events: a tenth of a second after it the hub tells where those stand (OWN_NEWS_QUIET_MS,
 * sync_hub_internal.h), and the disk has not to write it while a note is on its way. And where many own events stand,
 * as long as a backlog moves: nobody asks for that meanwhile. Whatever else comes takes them along. */

#define RECEIPT_EVENTS 4u
#define RECEIPT_MS     150u
#define OWN_MS         20u
#define HELD_MAX       16u /* the machine may have twice as many FEEDs under way: it goes on */

static bool is_for_a_few(const struct msg_receipt *receipt)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < receipt->run_count; i++)
        events += receipt->runs[i].count;
    return receipt->run_count > 0 && events <= RECEIPT_EVENTS; /* without runs it may be of any number */
}

static bool is_of_own_backlog(const struct batch *batch)
{
    uint32_t own = 0;
    while (own < batch->count && (batch->entries[own].flags & ENTRY_OWN))
        own++;
    return own == batch->count && own >= BACKLOG_ENTRIES;
}

/* For so long; 0: it goes at once. */
static unsigned may_wait_ms(const struct log_job *job)
{
    if (job->kind == LOG_KEEP_RECEIPT && !job->lowered && is_for_a_few(job->receipt))
        return RECEIPT_MS;
    return job->kind == LOG_KEEP_FEED && is_of_own_backlog(job->batch) ? OWN_MS : 0;
}

void driver_spoke_release(void *spoke_driver)
{
    struct spoke_driver *s = spoke_driver;
    struct queue_item *held = s->held;
    s->held = NULL;
    loop_timer_stop(s->holder);
    if (held != NULL)
        event_log_submit_all(s->base.daemon->log, held);
}

static void submit(struct spoke_driver *s, struct driver_job *job)
{
    const unsigned ms = may_wait_ms(&job->job);
    struct queue_item **last = &s->held;
    unsigned count = 1;
    for (; *last != NULL; count++)
        last = &(*last)->next;
    job->job.link.next = NULL;
    *last = &job->job.link;
    s->base.under_way++;
    if (ms == 0 || count == HELD_MAX)
        driver_spoke_release(s);
    else if (count == 1)
        loop_timer_set(s->holder, ms);
}

void driver_spoke_keep(struct spoke_driver *s, struct spoke_output *output, enum log_job_kind kind)
{
    struct driver_job *job = driver_job_new(&s->base, kind, output->site, kept);
    if (job == NULL) {
        driver_restart(&s->base, "out of memory");
        return;
    }
    struct log_job *log_job = &job->job;
    struct bytes keys = kind == LOG_KEEP_KEYS ? output->body.bytes : (struct bytes){0};
    uint32_t key_count = kind == LOG_KEEP_KEYS ? output->key_count : 0;
    if (output->batch != NULL) {
        keys = output->batch->keys;
        key_count = output->batch->key_count;
    }
    take_sealed(s, keys, key_count, log_job);
    if (s->base.daemon->identity.locked)
        key_count = 0;
    log_job->new_keys = driver_unwrap(&s->base, keys, key_count, &s->hub_pairs, &log_job->new_key_count);
    leave_out_sealed(s, log_job);
    log_job->batch = output->batch;
    output->batch = NULL;
    log_job->receipt = output->receipt;
    output->receipt = NULL;
    log_job->lowered = output->lowered;
    if (log_job->receipt != NULL) /* the machine may go before the job does */
        log_job->receipt->site = bytes_str(log_job->site);
    submit(s, job);
}

/* ---- going on ---- */

static void named(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    if (log_job->code != FELLOE_OK)
        driver_restart(job->driver, log_job->error.message);
    else
        driver_reload(job->driver);
    driver_job_end(job);
}

void driver_spoke_going_on(struct spoke_driver *s, uint32_t incarnation)
{
    struct driver_job *job = driver_job_new(&s->base, LOG_GOING_ON, (struct bytes){0}, named);
    if (job == NULL) {
        driver_restart(&s->base, "out of memory");
        return;
    }
    driver_halt(&s->base);
    driver_spoke_release(s);
    job->job.incarnation = incarnation;
    driver_job_submit(job);
}

static void gone_on(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct driver *driver = job->driver;
    struct spoke_driver *s = spoke_of(driver);
    if (log_job->code == FELLOE_NOT_FOUND && log_job->patient) {
        if (s->go_on_waits++ == 0)
            report(LEVEL_WARNING, "%s", log_job->error.message);
        s->lacking_count = log_job->missing_count;
        memcpy(s->lacking, log_job->missing, log_job->missing_count * sizeof s->lacking[0]);
        driver_reload(driver);
    } else if (log_job->code != FELLOE_OK) {
        driver_restart(driver, log_job->error.message);
    } else if (!driver->closing) {
        report(LEVEL_WARNING,
               "this laptop's record had two histories (it was set back or copied): it goes on as incarnation %u; %llu "
               "%s that the hub does not have %s written again",
               event_log_incarnation(driver->daemon->log), (unsigned long long)log_job->remade,
               log_job->remade == 1 ? "entry" : "entries", log_job->remade == 1 ? "was" : "were");
        happened_went_on(&driver->daemon->happened, event_log_incarnation(driver->daemon->log), log_job->remade,
                         log_job->left, (struct happened_at){clock_wall_ms(), clock_steady_ms()});
        daemon_again(driver->daemon);
    }
    driver_job_end(job);
}

static void write_again(struct spoke_driver *s)
{
    struct driver_job *job = driver_job_new(&s->base, LOG_GO_ON, (struct bytes){0}, gone_on);
    if (job == NULL) {
        driver_restart(&s->base, "out of memory");
        return;
    }
    driver_halt(&s->base); /* nothing is to come into the log after it but by a new machine */
    job->job.patient = s->go_on_waits < GO_ON_WAITS;
    driver_job_submit(job);
}

static void ask_for_lacking(struct spoke_driver *s)
{
    char site[SLUG_MAX + 1];
    struct log_reader *reader = log_reader_begin(s->base.daemon->log, NULL);
    for (size_t i = 0; reader != NULL && log_site_at(reader, i, site); i++)
        driver_need_keys(&s->base, bytes_str(site), s->lacking, s->lacking_count);
    log_reader_end(reader);
    s->lacking_count = 0;
}

void driver_spoke_go_on_again(void *context)
{
    struct spoke_driver *s = context;
    unsigned doubled = s->go_on_waits < GO_ON_DOUBLED ? s->go_on_waits : GO_ON_DOUBLED;
    if (s->base.closing || s->base.restarting || s->machine == NULL)
        return; /* the next machine says when */
    if (s->lacking_count == 0) {
        write_again(s);
        return;
    }
    ask_for_lacking(s);
    loop_timer_set(s->go_on, GO_ON_FIRST_MS << doubled >> 1);
}

/* While it is locked nothing can be written again: it goes on when somebody has unlocked it (with a new driver). */
void driver_spoke_go_on(struct spoke_driver *s)
{
    if (s->base.daemon->identity.locked)
        return;
    if (s->lacking_count > 0)
        loop_timer_set(s->go_on, 0); /* not from within the machine's step */
    else
        write_again(s);
}
