/* SPDX-License-Identifier: Apache-2.0 */
/* The code lists of the catalogue. The codes are those of the public standards (see codelists.c); the labels are the
 * words that teams use on screens, exports translate back. */
#ifndef FELLOE_PROTO_CODELISTS_H
#define FELLOE_PROTO_CODELISTS_H

#include "proto/bytes.h"

struct code {
    const char *code, *label;
};
struct code_list {
    const char *name;
    const struct code *codes; /* in order of display (urgency: 1, 4, 2, 3) */
    size_t count;
};

extern const struct code_list codes_source;     /* who introduced the person: SOURCE OF REFERRAL FOR MENTAL HEALTH */
extern const struct code_list codes_urgency;    /* CLINICAL RESPONSE PRIORITY TYPE, most urgent first */
extern const struct code_list codes_reason;     /* PRIMARY REASON FOR REFERRAL */
extern const struct code_list codes_mechanism;  /* CONSULTATION MECHANISM */
extern const struct code_list codes_place;      /* ACTIVITY LOCATION TYPE */
extern const struct code_list codes_attendance; /* ATTENDED OR DID NOT ATTEND */
extern const struct code_list codes_closure;    /* REFERRAL CLOSURE REASON */
extern const struct code_list codes_offer;      /* Felloe's own from here on */
extern const struct code_list codes_purpose;
extern const struct code_list codes_method;
extern const struct code_list codes_support;    /* states of support; the first wins while it is to be settled */
extern const struct code_list codes_member;     /* in or out of a set; the first wins */
extern const struct code_list codes_abuse;      /* the ten kinds of the Care Act 2014 guidance */
extern const struct code_list codes_linked;      /* two records: one person or two */
extern const struct code_list codes_pause;       /* whether support rests */
extern const struct code_list codes_section;     /* sections of about-me */
extern const struct code_list codes_need;        /* kinds of access needs */
extern const struct code_list codes_sharing;     /* the objection wins */
extern const struct code_list codes_agency;      /* with whom is shared */
extern const struct code_list codes_category;    /* what is shared */
extern const struct code_list codes_appointment; /* states of an appointment */
extern const struct code_list codes_correctable; /* fields of a contact that can be corrected */
extern const struct code_list codes_visit;       /* two contacts at one time */
extern const struct code_list codes_booking;     /* two appointments at one time */
extern const struct code_list codes_task;        /* states of a task; done counts before dropped */
extern const struct code_list codes_closing;     /* how a task is closed */
extern const struct code_list codes_goal;        /* states of a goal */
extern const struct code_list codes_goals;       /* more than three goals */
extern const struct code_list codes_concern;     /* states of a concern; open wins */
extern const struct code_list codes_concern_kind; /* what somebody is worried about */
extern const struct code_list codes_crisis;      /* urgency of an open crisis; any of them before answered */
extern const struct code_list codes_by;          /* in whose eyes a goal is scored */
extern const struct code_list codes_connection;  /* how far on the way to a resource */
extern const struct code_list codes_resource;    /* states of a resource */
extern const struct code_list codes_session;     /* states of a session; cancelled wins */
extern const struct code_list codes_outing;      /* out or back */
extern const struct code_list codes_works;       /* whether a worker works here */
extern const struct code_list codes_supervision; /* kinds of supervision */

size_t code_list_count(void);
const struct code_list *code_list_at(size_t index);
/* The label of a code, or NULL. */
const char *code_label(const struct code_list *list, struct bytes code);
/* The place of a code in its list: 0 is first. The list's count when it is not there. */
size_t code_rank(const struct code_list *list, struct bytes code);

#endif
