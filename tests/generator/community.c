/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a site and is about no person: places to turn to, sessions, who is out and back, worries that are
 * shared, supervision, what was learned. */
#include "tests/generator/generate.h"

#include <stdio.h>

static void begin(struct step *step, const char *type)
{
    step->line.site = step->person->number;
    step->line.person = NOBODY;
    line_begin(&step->line, type);
}

static void resource(struct step *step)
{
    struct community *community = step->community;
    struct resource_words words = words_resource(community->resource_count + step->person->number * RESOURCES_MAX);
    begin(step, "resource.recorded");
    line_text("name", words.name);
    line_text("area", words.area);
    line_text("place", words.place);
    line_text("schedule", words.schedule);
    line_number("capacity", chance_between(step->chance, 6, 40));
    line_text("status", "open");
    community->resources[community->resource_count++] = life_ref(step);
}

static void resource_changed(struct step *step)
{
    struct community *community = step->community;
    const struct ref *which = &community->resources[chance_below(step->chance, community->resource_count)];
    line_knows(&step->line, which);
    begin(step, "resource.recorded");
    line_ref(&step->line, "resource", which);
    if (chance_in(step->chance, 600))
        line_text("schedule", "mon-thu 10:00-16:00; closed 2026-12-24/2026-12-31");
    else
        line_text("status", chance_in(step->chance, 500) ? "changed" : "open");
}

static void session(struct step *step)
{
    uint32_t who[] = {step->line.worker, life_any_worker(step)};
    begin(step, "session.recorded");
    line_text("name", chance_in(step->chance, 600) ? "drop-in" : "walking group");
    line_text("place", chance_in(step->chance, 600) ? "the library" : "the park café");
    line_time("when", life_at_work(step->chance, step->line.time + DAYS(7)));
    line_number("minutes", 120);
    line_workers("workers", who, 2);
    step->community->session = life_ref(step);
}

static void session_changed(struct step *step)
{
    if (step->community->session.number == 0) {
        session(step);
        return;
    }
    line_knows(&step->line, &step->community->session);
    begin(step, "session.recorded");
    line_ref(&step->line, "session", &step->community->session);
    line_text("status", "cancelled");
    step->community->session = (struct ref){0};
}

static void out(struct step *step)
{
    struct community *community = step->community;
    if (community->outing.number > 0) {
        line_knows(&step->line, &community->outing);
        begin(step, "worker.safe");
        line_ref(&step->line, "outing", &community->outing);
        community->outing = (struct ref){0};
        return;
    }
    begin(step, "worker.out");
    line_text("where", "home visits");
    line_time("back_by", step->line.time + HOURS(3));
    community->outing = life_ref(step);
}

static void worry(struct step *step)
{
    struct community *community = step->community;
    if (community->worry.number > 0) {
        line_knows(&step->line, &community->worry);
        begin(step, "worry.held");
        line_ref(&step->line, "worry", &community->worry);
        line_worker("worker", step->line.worker);
        community->worry = (struct ref){0};
        return;
    }
    begin(step, "worry.shared");
    line_text("text", "Took something home from today.");
    community->worry = life_ref(step);
}

static void supervision(struct step *step)
{
    uint32_t who = (step->line.worker + 1) % step->wanted->workers;
    begin(step, "supervision.held");
    line_text("kind", chance_in(step->chance, 500) ? "clinical" : "peer");
    line_day("date", step->line.time);
    line_text("support", "A shorter list for a fortnight; an hour for the notes.");
    line_workers("audience", &who, 1);
}

static void reflection(struct step *step)
{
    begin(step, "reflection.recorded");
    line_text("learned", "Ringing back the same day changed how the week went.");
    line_text("themes", "welcome");
}

/* The places first, a few a day; then one thing or another, a day or some apart, however much else happens. */
void community_step(struct step *step)
{
    static void (*const happenings[])(struct step *) = {session, session_changed, out, out, worry, worry, supervision,
                                                        reflection, resource_changed, out};
    struct community *community = step->community;
    struct person *person = step->person;
    if (community->resource_count < 6 || (community->resource_count < RESOURCES_MAX && chance_in(step->chance, 30)))
        resource(step);
    else
        happenings[chance_below(step->chance, 10)](step);
    int64_t gap = community->resource_count < 6 ? MINUTES(20) : DAYS(chance_between(step->chance, 0, 3));
    int64_t then = life_at_work(step->chance, person->next + gap);
    person->next = then > person->next ? then : person->next + MINUTES(30);
    person->stage = STAGE_COMMUNITY;
}
