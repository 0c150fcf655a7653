/* SPDX-License-Identifier: Apache-2.0 */
/* One request that records, between its two files: control_record.c, which takes it through its steps, and
 * control_record_job.c, which makes the log's jobs of its drafts. */
#ifndef FELLOE_DAEMON_CONTROL_RECORD_H
#define FELLOE_DAEMON_CONTROL_RECORD_H

#include "daemon/control/control_draft.h"
#include "daemon/control/control_group.h"

struct recording {
    struct record_drafts drafts;
    struct record_draft alone;  /* where `drafts` has its one, when it is just one */
    bool partly, has_imports, has_others, by_name;
    bool hides;                 /* the lease had passed when the pass began */
    struct control_shown shown; /* whose record the answer tells something of */
    const struct checking *in;  /* while a pass is made */
    struct checking *ahead_in;  /* what was checked ahead was checked in; its reading has ended. NULL: nothing was */
    size_t next, final;         /* where to go on; drafts before `final` are not put off again */
    bool must_wait;
    struct felloe_error error;  /* of the request as a whole */
    drafts_make make;           /* instead of drafts that were given; NULL: they were */
    struct made made;
    struct record_job *ready;   /* made by the pass, a job a site */
    unsigned jobs;              /* under way */
    struct control_request *request;
};

struct record_job {
    struct log_job log;
    struct recording *recording;
    size_t *index;              /* which drafts, in the order of log.drafts */
    struct record_job *next;
};
#define RECORD_COMPANION SIZE_MAX /* of the one before it: its own entry, which nobody asked for */

/* At the end of a pass: all ready drafts go into r->ready, a job a site, to be handed to the log. */
void record_make_jobs(struct recording *r, void (*done)(struct log_job *job));
void record_job_release(struct record_job *job);

#endif
