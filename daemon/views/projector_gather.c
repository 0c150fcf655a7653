/* SPDX-License-Identifier: Apache-2.0 */
/* When the projector folds. Each fold competes with the log for the processors and the disk, and ten events of a person
 * fold at little more than the price of one. So:
 *
 *   somebody waits for what the log has        at once
 *   nobody waits, the log has become quiet     a moment later
 *   nobody waits, the log goes on              now and then, and for no more than a part of the time
 *   nobody waits, large batches come           the same, at longer intervals
 *
 * Nothing is shown later for that, and an event never claims to have seen more: whoever is shown something waits. */
#include <time.h>

#include "daemon/daemon.h"
#include "daemon/views/projector_state.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* With the mutex held. */
static bool somebody_waits(const struct projector *p)
{
    return p->gather.wanted > p->has_commits || (p->gather.wants_first && !p->has_any);
}

/* With the mutex held: large batches come, and nothing has come since the last. */
static bool more_comes(const struct gather *g)
{
    return g->more_until_ms > g->last_ms;
}

/* With the mutex held: when to fold, on the steady clock. 0: now; UINT64_MAX: when there is something to fold. */
static uint64_t due_ms(const struct projector *p)
{
    const struct gather *g = &p->gather;
    if (p->stop || p->wipe || g->asked)
        return 0;
    if (!g->poked)
        return UINT64_MAX;
    if (somebody_waits(p))
        return 0;
    const uint64_t times = more_comes(g) ? PROJECTOR_MORE_TIMES : 1;
    return lesser(greater(g->last_ms + g->quiet_ms, g->more_until_ms),
                  greater(g->first_ms + g->most_ms * times, g->rest_until_ms));
}

void gather_init(struct projector *p)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&p->woken, &steady);
    pthread_condattr_destroy(&steady);
    p->gather = (struct gather){
        .poked = true,
        .asked = true, /* what there is already waits for nothing */
        .quiet_ms = p->config.quiet_ms != 0 ? p->config.quiet_ms : PROJECTOR_QUIET_MS,
        .most_ms = p->config.most_ms != 0 ? p->config.most_ms : PROJECTOR_MOST_MS,
    };
}

void gather_wait_ms(struct projector *p, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    if (!p->stop)
        pthread_cond_timedwait(&p->woken, &p->mutex, &until);
}

bool gather_wait(struct projector *p, uint64_t until_ms)
{
    for (;;) {
        const uint64_t folds = due_ms(p), due = lesser(folds, until_ms);
        const uint64_t now = due == 0 || due == UINT64_MAX ? 0 : clock_steady_ms();
        if (folds <= now)
            break;
        if (due <= now)
            return false;
        if (due == UINT64_MAX)
            pthread_cond_wait(&p->woken, &p->mutex);
        else
            gather_wait_ms(p, due - now);
    }
    p->gather.poked = p->gather.asked = false;
    p->gather.began_ms = clock_steady_ms();
    return true;
}

bool gather_goes_on(struct projector *p, bool more)
{
    struct gather *g = &p->gather;
    if (p->stop || p->wipe)
        return false;
    if (!g->poked) /* whatever comes is told */
        return more;
    /* Is something new on top, and nobody waiting? Then others need the processor and the disk, too. */
    if (somebody_waits(p))
        return true;
    const uint64_t now = clock_steady_ms(), took = now - g->began_ms;
    g->rest_until_ms = now + (more_comes(g) ? PROJECTOR_MORE_REST * lesser(took, PROJECTOR_MORE_TURN_MAX_MS)
                                            : PROJECTOR_REST * lesser(took, PROJECTOR_TURN_MAX_MS));
    if (more)
        g->first_ms = 0; /* what is left has waited long enough but for the rest */
    return false;
}

bool gather_will_go_on(struct projector *p)
{
    const uint64_t now = clock_steady_ms();
    pthread_mutex_lock(&p->mutex);
    const struct gather *g = &p->gather;
    const bool on = !p->stop && !p->wipe && (somebody_waits(p) || !(g->poked || g->more_until_ms > now));
    pthread_mutex_unlock(&p->mutex);
    return on;
}

void projector_poke(struct projector *p)
{
    pthread_mutex_lock(&p->mutex);
    struct gather *g = &p->gather;
    const bool first = !g->poked;
    g->last_ms = clock_steady_ms();
    if (first)
        g->first_ms = g->last_ms;
    g->poked = true;
    if (first || somebody_waits(p)) /* else the thread wakes by the clock, and looks */
        pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->mutex);
}

void projector_expect(struct projector *p)
{
    pthread_mutex_lock(&p->mutex);
    p->gather.more_until_ms = clock_steady_ms() + PROJECTOR_MORE_MS;
    pthread_mutex_unlock(&p->mutex);
}

void projector_want(struct projector *p, uint64_t commits)
{
    pthread_mutex_lock(&p->mutex);
    p->gather.wanted = greater(p->gather.wanted, commits);
    p->gather.wants_first = true;
    if (somebody_waits(p)) {
        /* What the log does not have yet is folded when it has come, and not before. */
        p->gather.poked |= p->has_commits < event_log_commits(p->config.log);
        pthread_cond_signal(&p->woken);
    }
    pthread_mutex_unlock(&p->mutex);
}
