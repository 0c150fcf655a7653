/* SPDX-License-Identifier: Apache-2.0 */
/* What verify.c (the run), verify_own.c (own streams) and verify_site.c (a site's log) share. */
#ifndef FELLOE_DAEMON_VERIFY_INTERNAL_H
#define FELLOE_DAEMON_VERIFY_INTERNAL_H

#include "daemon/log/log_internal.h"
#include "daemon/log/verify.h"

/* A reader is begun afresh after so many events, so that a long run keeps no old pages from being used again. */
#define VERIFY_TURN 2000

struct verify_run {
    const struct verify_options *options;
    struct verify_result *result;
    struct felloe_error *error;
    struct log_reader *reader;
    enum felloe_code failed;   /* something could not be looked at, for want of memory or because of the disk: what is
                                  found says nothing about the log; `error` says why */
    unsigned in_turn;          /* events since the reader was begun */
    uint64_t done, total;
    /* the site at hand */
    struct verify_site *site;
    uint32_t number;
    struct buffer plain;
    struct event_body body;    /* of the event that verify_event opened last; lies in plain */
    struct cached_key *keys;   /* KEY_CACHE of them */
    struct verify_unreadable *unreadable; /* of the site at hand */
    size_t unreadable_count, unreadable_cap;
    struct position at;        /* of the event at hand; epoch 0: it is looked at in the own stream */
    struct told_list told;     /* heads that events since the last turn tell */
    struct verify_story *stories; /* of the site at hand: of each device that told any */
    size_t story_count, story_cap;
};

/* Begins the run's reader, or begins it afresh. */
enum felloe_code verify_renew(struct verify_run *run);
/* One more event is done. Says so when a turn is over: then cursors have to be closed and the reader renewed. */
bool verify_counts(struct verify_run *run);
enum felloe_code verify_turn(struct verify_run *run); /* progress, and the reader afresh */
void verify_problem(struct verify_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An event's own bytes: form, site, and with `content` also that (*time is then the event's, and run->body what it
 * says; 0 when it cannot be read, which is no problem: its id is in the chain, so its device wrote it so). `where`
 * names it in problems. Counts the event where its content is looked at, which is once. False: it cannot be read. */
bool verify_event(struct verify_run *run, const char *where, struct bytes raw, bool content, struct event *event,
                  struct event_id *id, uint64_t *time);

/* Entries of events that have come before, at another position; compared once the site's log was read. */
struct verify_second {
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq;
    struct event_id id;
    struct position at;
    bool found;
};
struct verify_seconds {
    struct verify_second *items;
    size_t count, cap;
};
/* False: memory ran out. */
bool verify_seconds_add(struct verify_seconds *seconds, const struct verify_second *second);
enum felloe_code verify_seconds_compare(struct verify_run *run, struct verify_seconds *seconds);
void verify_seconds_release(struct verify_seconds *seconds);

/* To be told of; result->stories counts it. */
void verify_tell_story(struct verify_run *run, const struct verify_story *story);

/* All but the sites' own rows. */
enum felloe_code verify_rows(struct verify_run *run);
enum felloe_code verify_own(struct verify_run *run);
enum felloe_code verify_site_log(struct verify_run *run);

#endif
