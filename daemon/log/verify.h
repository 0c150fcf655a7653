/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying the log, from the first event on: that every own stream and every stream in the sites' logs is one chain,
 * that positions have no gap, that running hashes are what checkpoints, anchors and heads say, that an event with two
 * positions is the same event, that signatures of the hub and of authors hold, that what is sealed under keys that are
 * here opens, and that what others tell of the log's heads is what is here. Reads only; runs in the caller's thread,
 * for about a second per 100,000 events; recording and sync go on meanwhile. */
#ifndef FELLOE_DAEMON_VERIFY_H
#define FELLOE_DAEMON_VERIFY_H

#include "daemon/log/witness.h"

struct verify_site {
    char site[SLUG_MAX + 1];
    uint64_t events;      /* that are here, each counted once: own ones, and those of others */
    uint64_t own;         /* events of this device's streams */
    uint64_t again;       /* … of earlier incarnations, that the hub did not have: they were written again */
    uint64_t lost;        /* … of earlier incarnations, that were lost here to damage; the repair has told */
    uint64_t twice;       /* positions of events that have an earlier one: the hub was put back in between */
    uint64_t entries;     /* positions of the site's log */
    uint64_t signatures;  /* that were checked: authors', the hub's over heads and receipts */
    uint64_t sealed;      /* events whose key is not here: everything but their content was checked */
    uint64_t unreadable;  /* events that do not open, or are not well-formed */
    uint64_t heads;       /* of the log, told by others' events and compared */
    struct log_head head; /* the newest of the log that is here, or the one asked for; epoch 0: there is none */
    uint64_t problems;
};

/* Another device holds another record of the site than this one (see witness.h), or there are events in its name that
 * it never signed, though it is known what it signs with: whoever has the keys of the record can have made them up.
 * Nothing here is damaged. */
struct verify_story {
    const char *site;
    bool made_up;         /* the latter: at other.at is the first of them */
    struct told other;    /* the lowest that contradicts */
    struct position same; /* up to here it holds the same; epoch 0: not known */
    uint64_t count;       /* heads of that device that contradict; or events */
};

/* Events that are as their device wrote them (chains and hashes hold), and cannot be read all the same. Nothing of what
 * is stored here is damaged: a device may write what it likes. */
enum verify_unread {
    UNREAD_NO_KEY,  /* its key is not here (yet) */
    UNREAD_OTHERS,  /* … and is for others: a restricted audience that this device is not in */
    UNREAD_ERASED,  /* … and never comes again: the person was erased */
    UNREAD_SEALED,  /* does not open under its key */
    UNREAD_FORM     /* opens, but is not well-formed */
};
struct verify_unreadable {
    const char *site;
    struct device_id device;
    enum verify_unread why;
    uint64_t count;
    char first[80];       /* where the first of them is: "1.30" */
};

struct verify_result {
    struct verify_site sites[SITES_MAX];
    size_t site_count;
    struct verify_site looks; /* the site audit: chains alone, for nobody here opens it; not among the events */
    uint64_t events, problems, stories; /* sums */
};

struct verify_options {
    struct event_log *log;
    struct keyring *keyring;
    const struct identity *identity;
    struct position at; /* whose hash is wanted; epoch 0: the newest */
    /* Each problem in words: where, what. May be NULL. */
    void (*problem)(void *context, const char *text);
    /* At the end of each site, for each device that wrote such, and each why. May be NULL. */
    void (*unreadable)(void *context, const struct verify_unreadable *unreadable);
    /* At the end of each site, for each device that holds another record, or did not sign its events. May be NULL. */
    void (*story)(void *context, const struct verify_story *story);
    /* Is this key, which is not here, known to be for others? May be NULL: none is. */
    bool (*for_others)(void *context, struct bytes site, const struct key_id *key);
    /* Now and then; false stops (FELLOE_INTERRUPTED). May be NULL. */
    bool (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* FELLOE_OK: verified; there may be problems in the result. Other codes: it could not be done. */
enum felloe_code verify_log(const struct verify_options *options, struct verify_result *out,
                            struct felloe_error *error);

#endif
