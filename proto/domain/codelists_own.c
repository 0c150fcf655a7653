/* SPDX-License-Identifier: Apache-2.0 */
/* Felloe's own code lists: words of teams, and states of what the catalogue's registers hold. */
#include "proto/domain/codelists.h"

#define LIST(id, list_name, table) \
    const struct code_list id = {.name = list_name, .codes = table, .count = sizeof table / sizeof table[0]}

static const struct code linked_codes[] = {
    {"linked", "the same person"},
    {"apart", "two people"},
};
LIST(codes_linked, "linked", linked_codes);

static const struct code pause_codes[] = {
    {"paused", "resting"},
    {"going on", "going on"},
};
LIST(codes_pause, "pause", pause_codes);

static const struct code section_codes[] = {
    {"matters", "what matters to me"},
    {"good-day", "what a good day is"},
    {"helps", "what helps"},
    {"hinders", "what does not help"},
    {"strengths", "what I am good at"},
    {"people", "people who matter"},
    {"background", "what to know about me"},
    {"reach", "how to reach me"},
};
LIST(codes_section, "section", section_codes);

static const struct code need_codes[] = {
    {"format", "format"},
    {"contact-method", "way to get in touch"},
    {"interpreter", "interpreter"},
    {"adjustment", "adjustment"},
};
LIST(codes_need, "need", need_codes);

static const struct code sharing_codes[] = {
    {"object", "objects"},
    {"allow", "allows"},
};
LIST(codes_sharing, "sharing", sharing_codes);

static const struct code agency_codes[] = {
    {"all", "anybody"},
    {"gp", "GP"},
    {"trust", "mental health trust"},
    {"hospital", "hospital"},
    {"social-care", "social care"},
    {"housing", "housing"},
    {"voluntary", "voluntary sector"},
    {"police", "police"},
    {"benefits", "benefits and work"},
    {"family", "family and carers"},
    {"other", "others"},
};
LIST(codes_agency, "agency", agency_codes);

static const struct code category_codes[] = {
    {"all", "everything"},
    {"contact", "how to get in touch"},
    {"plan", "the plan"},
    {"safety", "what concerns safety"},
    {"health", "health"},
    {"story", "the story"},
};
LIST(codes_category, "category", category_codes);

static const struct code appointment_codes[] = {
    {"done", "took place"},
    {"planned", "planned"},
};
LIST(codes_appointment, "appointment", appointment_codes);

static const struct code correctable_codes[] = {
    {"mechanism", "how"},
    {"place", "where"},
    {"attendance", "attendance"},
    {"minutes", "minutes"},
    {"purpose", "purpose"},
    {"occurred", "when it was"},
    {"text", "what was said and done"},
};
LIST(codes_correctable, "correctable", correctable_codes);

static const struct code visit_codes[] = {
    {"one", "one visit together"},
    {"two", "two visits"},
};
LIST(codes_visit, "visit", visit_codes);

static const struct code booking_codes[] = {
    {"both", "both stand"},
    {"first", "the first stands"},
    {"second", "the second stands"},
};
LIST(codes_booking, "booking", booking_codes);

static const struct code task_codes[] = {
    {"done", "done"},
    {"dropped", "dropped"},
    {"open", "open"},
};
LIST(codes_task, "task", task_codes);

static const struct code closing_codes[] = {
    {"done", "done"},
    {"dropped", "dropped"},
};
LIST(codes_closing, "closing", closing_codes);

static const struct code goal_codes[] = {
    {"active", "working on it"},
    {"reached", "reached"},
    {"resting", "resting"},
    {"let-go", "let go"},
};
LIST(codes_goal, "goal", goal_codes);

static const struct code goals_codes[] = {
    {"all", "all of them"},
    {"fewer", "fewer"},
};
LIST(codes_goals, "goals", goals_codes);

static const struct code concern_codes[] = {
    {"open", "open"},
    {"stood down", "stood down"},
};
LIST(codes_concern, "concern", concern_codes);

static const struct code concern_kind_codes[] = {
    {"suicide", "suicide"},
    {"self-harm", "self-harm"},
    {"harm-to-others", "harm to others"},
    {"from-others", "harm from others"},
    {"neglect", "neglecting themselves"},
    {"relapse", "becoming unwell again"},
    {"substances", "drugs or alcohol"},
    {"home", "home or money"},
    {"physical", "physical health"},
    {"other", "something else"},
};
LIST(codes_concern_kind, "concern-kind", concern_kind_codes);

static const struct code crisis_codes[] = {
    {"1", "emergency"},
    {"4", "very urgent"},
    {"2", "urgent"},
    {"3", "routine"},
    {"answered", "answered"},
};
LIST(codes_crisis, "crisis", crisis_codes);

static const struct code by_codes[] = {
    {"person", "the person"},
    {"worker", "the worker"},
    {"both", "both together"},
    {"carer", "a carer or relative"},
};
LIST(codes_by, "by", by_codes);

static const struct code connection_codes[] = {
    {"offered", "offered"},
    {"agreed", "agreed"},
    {"made", "made"},
    {"ended", "ended"},
    {"declined", "declined"},
};
LIST(codes_connection, "connection", connection_codes);

static const struct code resource_codes[] = {
    {"open", "open"},
    {"changed", "changed, ask first"},
    {"closed", "closed"},
};
LIST(codes_resource, "resource", resource_codes);

static const struct code session_codes[] = {
    {"cancelled", "cancelled"},
    {"on", "takes place"},
};
LIST(codes_session, "session", session_codes);

static const struct code outing_codes[] = {
    {"out", "out"},
    {"safe", "back safe"},
};
LIST(codes_outing, "outing", outing_codes);

static const struct code works_codes[] = {
    {"here", "works here"},
    {"left", "left"},
};
LIST(codes_works, "works", works_codes);

static const struct code supervision_codes[] = {
    {"clinical", "clinical"},
    {"management", "with the team lead"},
    {"peer", "peer"},
    {"group", "in the group"},
    {"reflective", "reflective practice"},
};
LIST(codes_supervision, "supervision", supervision_codes);
