/* SPDX-License-Identifier: Apache-2.0 */
/* What happens between two meetings: conversations, plans, goals, tasks, worries and crises, what is needed and what
 * may be shared, steps into the community. Each is a row of the table at the end: how often, when it can be, what is
 * written. */
#include "tests/generator/generate.h"

#include <stdio.h>

static const struct weighted sections[] = {{200, "matters"}, {200, "helps"}, {120, "hinders"}, {120, "good-day"},
                                           {120, "strengths"}, {100, "people"}, {80, "background"}, {60, "reach"}};
static const struct weighted needs[] = {{400, "contact-method"}, {250, "format"}, {150, "interpreter"},
                                        {200, "adjustment"}};
static const struct weighted agencies[] = {{300, "gp"}, {250, "housing"}, {150, "family"}, {100, "police"},
                                           {100, "benefits"}, {100, "all"}};
static const struct weighted categories[] = {{400, "all"}, {200, "plan"}, {200, "safety"}, {100, "health"},
                                             {100, "contact"}};
static const struct weighted kinds[] = {{250, "suicide"}, {150, "self-harm"}, {150, "relapse"}, {150, "home"},
                                        {100, "substances"}, {100, "from-others"}, {100, "neglect"}};
static const struct weighted urgencies[] = {{500, "2"}, {300, "4"}, {150, "3"}, {50, "1"}};

static void about(struct step *step, const char *type, const struct ref *ref, const char *field)
{
    line_knows(&step->line, ref);
    life_begin(step, type);
    line_ref(&step->line, field, ref);
}

/* ---- what matters ---- */

static void conversation(struct step *step)
{
    life_begin(step, "conversation.recorded");
    line_text("going_well", "Gets up before nine most days; the neighbour looks in.");
    line_text("challenges", words_contact(step->chance));
    line_text("hopes", words_own(step->chance));
    if (chance_in(step->chance, 500))
        line_text("people", "A sister, two streets away.");
}

static void about_me(struct step *step)
{
    life_begin(step, "aboutme.changed");
    line_text("section", PICK(step->chance, sections));
    line_text("text", words_own(step->chance));
}

static void access_need(struct step *step)
{
    static const char *const details[] = {"text only", "BSL interpreter", "large print", "ring in the afternoon",
                                          "Polish interpreter", "ground floor", "no letters with our name on"};
    life_begin(step, "accessneed.recorded");
    line_text("need", PICK(step->chance, needs));
    line_text("detail", details[chance_below(step->chance, 7)]);
}

static void sharing(struct step *step)
{
    life_begin(step, "sharing.preference");
    line_text("agency", PICK(step->chance, agencies));
    line_text("category", PICK(step->chance, categories));
    line_text("choice", chance_in(step->chance, 350) ? "object" : "allow");
}

static void shared(struct step *step)
{
    life_begin(step, "sharing.made");
    line_text("what", PICK(step->chance, categories));
    line_text("to", "gp");
    line_text("basis", "agreed with the person");
    line_text("override_reason", "the GP asked in an emergency");
}

static void formulation(struct step *step)
{
    life_begin(step, "formulation.shared");
    line_text("account", "What happened then makes sense of how it feels now; what kept going is what helps.");
    line_yes("with_person", true);
}

/* ---- what we do ---- */

static void appointment(struct step *step)
{
    uint32_t who = step->person->keyworker;
    life_begin(step, "contact.planned");
    line_time("when", life_at_work(step->chance, step->line.time + DAYS(chance_between(step->chance, 2, 20))));
    line_number("minutes", 60);
    line_text("place", chance_in(step->chance, 500) ? "the library" : "at home");
    line_workers("with", &who, 1);
    step->person->appointment = life_ref(step);
}

static bool has_appointment(const struct person *person)
{
    return person->appointment.number > 0;
}
static void appointment_moved(struct step *step)
{
    uint32_t who = step->person->second;
    about(step, "contact.planned", &step->person->appointment, "appointment");
    line_time("when", life_at_work(step->chance, step->line.time + DAYS(chance_between(step->chance, 3, 25))));
    line_workers("with", &who, 1);
}

static bool has_contact(const struct person *person)
{
    return person->contact.number > 0;
}
static void correction(struct step *step)
{
    about(step, "contact.corrected", &step->person->contact, "of");
    line_text("field", "minutes");
    line_text("value", chance_in(step->chance, 500) ? "45" : "50");
    line_text("why", "looked at the wrong line of the diary");
}

static void huddle(struct step *step)
{
    uint32_t present[] = {step->line.worker, step->person->keyworker, life_any_worker(step)};
    life_begin(step, "huddle.discussed");
    line_workers("present", present, 3);
    line_text("perspectives", "Peer worker: it is the evenings. Nurse: sleep first.");
}

static void decision(struct step *step)
{
    static const char *const questions[] = {"Meet weekly or every other week?", "Who goes along to the surgery?",
                                            "Is it time for the farewell?"};
    life_begin(step, "decision.made");
    line_text("question", questions[chance_below(step->chance, 3)]);
    line_text("chosen", chance_in(step->chance, 600) ? "the first, for a month" : "wait until the next huddle");
    line_yes("person_present", chance_in(step->chance, 600));
    if (chance_in(step->chance, 150))
        line_text("dissent", "One of us would rather have asked the sister first.");
}

static bool has_no_task(const struct person *person)
{
    return person->task.number == 0;
}
static void task(struct step *step)
{
    life_begin(step, "task.raised");
    line_text("what", words_task(step->chance));
    if (chance_in(step->chance, 700))
        line_day("due", step->line.time + DAYS(chance_between(step->chance, 1, 21)));
    step->person->task = life_ref(step);
    step->person->task_taken = false;
}

static bool has_task(const struct person *person)
{
    return person->task.number > 0 && !person->task_taken;
}
static void task_taken(struct step *step)
{
    about(step, "task.taken", &step->person->task, "task");
    line_worker("worker", step->line.worker);
    step->person->task_taken = true;
}

static bool has_taken_task(const struct person *person)
{
    return person->task.number > 0 && person->task_taken;
}
static void task_closed(struct step *step)
{
    about(step, "task.closed", &step->person->task, "task");
    line_text("state", chance_in(step->chance, 850) ? "done" : "dropped");
    line_text("outcome", "Posted, with a copy for the file.");
    step->person->task = (struct ref){0};
}

static bool has_room_for_goal(const struct person *person)
{
    return person->goal_count < GOALS_MAX;
}
static void goal(struct step *step)
{
    life_begin(step, "goal.set");
    line_text("own_words", words_goal(step->chance));
    line_number("baseline", chance_between(step->chance, 0, 5));
    step->person->goals[step->person->goal_count++] = life_ref(step);
}

static bool has_goal(const struct person *person)
{
    return person->goal_count > 0;
}
static const struct ref *any_goal(struct step *step)
{
    return &step->person->goals[chance_below(step->chance, step->person->goal_count)];
}
static void goal_scored(struct step *step)
{
    about(step, "goal.scored", any_goal(step), "goal");
    line_number("score", chance_between(step->chance, 2, 10));
    line_text("by", chance_in(step->chance, 700) ? "person" : "both");
}
static void goal_changed(struct step *step)
{
    about(step, "goal.changed", any_goal(step), "goal");
    if (chance_in(step->chance, 500))
        line_text("status", chance_in(step->chance, 700) ? "reached" : "resting");
    else
        line_text("text", words_goal(step->chance));
}

static void plan(struct step *step)
{
    life_begin(step, "plan.agreed");
    line_text("aims", words_own(step->chance));
    if (chance_in(step->chance, 600))
        line_text("steps", "The form first, then the group on Thursdays.");
    if (chance_in(step->chance, 400))
        line_text("setbacks", "Ring before it gets dark, not after.");
    line_day("review_by", step->line.time + DAYS(90));
    line_yes("person_agrees", true);
}

static void measure(struct step *step)
{
    life_begin(step, "measure.completed");
    if (chance_in(step->chance, 600)) {
        int64_t answers[11];
        for (size_t i = 0; i < 11; i++)
            answers[i] = chance_between(step->chance, 2, 7);
        line_numbers("dialog", answers, 11);
    } else {
        line_number("reqol", chance_between(step->chance, 8, 38));
    }
}

/* ---- safety ---- */

static bool has_no_concern(const struct person *person)
{
    return person->concern.number == 0;
}
static void concern(struct step *step)
{
    life_begin(step, "concern.raised");
    line_text("kind", PICK(step->chance, kinds));
    line_text("words", words_worry(step->chance));
    line_text("protects", "The sister rings every evening.");
    line_text("urgency", PICK(step->chance, urgencies));
    step->person->concern = life_ref(step);
}

static bool has_concern(const struct person *person)
{
    return person->concern.number > 0;
}
static void stood_down(struct step *step)
{
    about(step, "concern.stooddown", &step->person->concern, "which");
    line_text("why", "The week was good; talked it through together.");
    step->person->concern = (struct ref){0};
}

static void safety_plan(struct step *step)
{
    life_begin(step, "safetyplan.agreed");
    line_text("signs", "Stops opening letters.");
    line_text("helps", chance_in(step->chance, 500) ? "call sister" : "call crisis line");
    if (chance_in(step->chance, 500))
        line_text("people", "Sister; the neighbour at no. 14.");
    line_yes("person_agrees", true);
}

static bool has_no_crisis(const struct person *person)
{
    return person->crisis.number == 0;
}
static void crisis(struct step *step)
{
    life_begin(step, "crisis.opened");
    line_text("where", chance_in(step->chance, 500) ? "at home" : "emergency department");
    line_text("urgency", PICK(step->chance, urgencies));
    line_text("trigger", words_worry(step->chance));
    step->person->crisis = life_ref(step);
}

static bool has_crisis(const struct person *person)
{
    return person->crisis.number > 0;
}
static void responded(struct step *step)
{
    uint32_t who = step->line.worker;
    line_knows(&step->line, &step->person->crisis);
    life_begin(step, "crisis.responded");
    line_workers("who", &who, 1);
    line_text("how", chance_in(step->chance, 850) ? "01" : "02");
    line_text("text", "Stayed until the sister came.");
    step->person->crisis = (struct ref){0};
}

static void safeguarding(struct step *step)
{
    uint32_t readers[] = {step->person->keyworker, (step->line.worker + 1) % step->wanted->workers};
    life_begin(step, "safeguarding.sent");
    line_text("kind", chance_in(step->chance, 500) ? "financial-material" : "domestic");
    line_text("wishes", "Wants it to stop, and to keep the flat.");
    line_text("to", "the council");
    line_workers("audience", readers, 2);
    step->person->safeguarding = life_ref(step);
}

static bool has_safeguarding(const struct person *person)
{
    return person->safeguarding.number > 0;
}
static void safeguarding_outcome(struct step *step)
{
    uint32_t readers[] = {step->person->keyworker, (step->line.worker + 1) % step->wanted->workers};
    about(step, "safeguarding.outcome", &step->person->safeguarding, "of");
    line_text("outcome", "A visit together is planned.");
    line_workers("audience", readers, 2);
    step->person->safeguarding = (struct ref){0};
}

/* ---- the community ---- */

static void connection(struct step *step)
{
    static const char *const how_far[] = {"offered", "agreed", "made", "ended", "declined"};
    const struct community *community = step->community;
    if (community->resource_count == 0) {
        about_me(step);
        return;
    }
    about(step, "connection.updated", &community->resources[chance_below(step->chance, community->resource_count)],
          "resource");
    line_text("status", how_far[chance_below(step->chance, 5)]);
    line_yes("warm", chance_in(step->chance, 400));
}

static void pause(struct step *step)
{
    life_begin(step, "support.paused");
    line_text("why", "In hospital for a knee.");
    line_day("until", step->line.time + DAYS(30));
}

/* ---- all of it ---- */

static bool always(const struct person *person)
{
    (void)person;
    return true;
}

static const struct {
    unsigned weight;
    bool (*can_be)(const struct person *person);
    void (*write)(struct step *step);
} happenings[] = {
    {120, always, conversation},        {90, always, about_me},           {40, always, access_need},
    {35, always, sharing},              {15, always, shared},             {15, always, formulation},
    {110, always, appointment},         {40, has_appointment, appointment_moved},
    {25, has_contact, correction},      {60, always, huddle},             {30, always, decision},
    {110, has_no_task, task},           {160, has_task, task_taken},      {160, has_taken_task, task_closed},
    {80, has_room_for_goal, goal},      {80, has_goal, goal_scored},      {20, has_goal, goal_changed},
    {45, always, plan},                 {60, always, measure},            {35, has_no_concern, concern},
    {90, has_concern, stood_down},      {25, always, safety_plan},        {8, has_no_crisis, crisis},
    {400, has_crisis, responded},       {6, always, safeguarding},        {60, has_safeguarding, safeguarding_outcome},
    {50, always, connection},           {10, always, pause},
};
#define HAPPENINGS (sizeof happenings / sizeof happenings[0])

void life_more(struct step *step)
{
    uint32_t all = 0;
    for (size_t i = 0; i < HAPPENINGS; i++)
        all += happenings[i].can_be(step->person) ? happenings[i].weight : 0;
    uint32_t at = chance_below(step->chance, all);
    for (size_t i = 0; i < HAPPENINGS; i++) {
        if (!happenings[i].can_be(step->person))
            continue;
        if (at < happenings[i].weight) {
            happenings[i].write(step);
            return;
        }
        at -= happenings[i].weight;
    }
}
