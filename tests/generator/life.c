/* SPDX-License-Identifier: Apache-2.0 */
/* A life with the team, stage by stage. The proportions are those of the Dales Living Well audit (BJPsych Open, 2025):
 * 75 % introduced by a GP, 9 % by talking therapies, 67 % accepted for more than a conversation, 71 % with a welcome
 * call, 8 % whom the team did not get to meet, 14 to 25 days from introduction to support. */
#include "tests/generator/generate.h"

#include <stdio.h>
#include <string.h>

static const struct weighted sources[] = {{750, "A1"}, {40, "N1"}, {20, "N2"}, {30, "N4"}, {50, "B1"},
                                          {20, "B2"},  {15, "C1"}, {10, "C3"}, {5, "E1"},  {20, "G4"},
                                          {20, "H1"},  {10, "M7"}, {10, "Q1"}};
static const struct weighted reasons[] = {{150, "04"}, {140, "05"}, {122, "14"}, {90, "11"}, {60, "02"}, {50, "03"},
                                          {40, "15"},  {40, "19"},  {40, "23"},  {30, "06"}, {30, "09"}, {30, "18"},
                                          {30, "22"},  {30, "25"},  {20, "12"},  {20, "24"}, {20, "31"}, {10, "13"}};
static const struct weighted urgencies[] = {{780, "3"}, {170, "2"}, {40, "4"}, {10, "1"}};
static const struct weighted mechanisms[] = {{550, "01"}, {330, "02"}, {50, "11"}, {40, "09"}, {20, "05"}, {10, "98"}};
static const struct weighted places[] = {{400, "A01"}, {250, "N02"}, {150, "N03"},
                                         {80, "C01"},  {60, "N01"},  {60, "J01"}};
static const struct weighted attendances[] = {{800, "5"}, {50, "6"}, {10, "7"}, {50, "2"}, {70, "3"}, {20, "4"}};
static const struct weighted closures[] = {{600, "02"}, {120, "08"}, {100, "07"}, {80, "03"}, {60, "05"}, {40, "04"}};
static const struct weighted roles[] = {{300, "support worker"},
                                        {200, "peer worker"},
                                        {200, "nurse"},
                                        {100, "occupational therapist"},
                                        {80, "psychologist"},
                                        {60, "psychiatrist"},
                                        {60, "community development worker"}};
static const struct weighted agencies[] = {{400, "NHS trust"}, {350, "voluntary sector"}, {250, "council"}};
static const struct weighted methods[] = {{700, "letter"}, {200, "email"}, {100, "phone"}};

int64_t life_at_work(struct chance *chance, int64_t ms)
{
    int64_t day = ms / DAYS(1);
    int64_t weekday = (day + 3) % 7; /* 1970-01-01 was a Thursday; Monday is 0 */
    if (weekday > 4)
        day += 7 - weekday;
    return day * DAYS(1) + MINUTES(8 * 60 + 30) + chance_between(chance, 0, HOURS(9));
}

void life_next(struct step *step, enum stage stage, int64_t low, int64_t high)
{
    struct person *person = step->person;
    int64_t gap = (int64_t)((double)chance_between(step->chance, low, high) * step->wanted->pace);
    int64_t then = person->next + (gap > 1000 ? gap : 1000);
    if (gap >= DAYS(1)) {
        int64_t at_work = life_at_work(step->chance, then);
        then = at_work > person->next ? at_work : then;
    }
    person->stage = (uint8_t)stage;
    person->next = then;
}

void life_begin(struct step *step, const char *type)
{
    line_knows(&step->line, &step->person->first);
    if (step->line.occurred == 0 && chance_in(step->chance, 60)) /* written up in the evening, or days later */
        step->line.occurred = step->line.time - chance_between(step->chance, HOURS(1), DAYS(4));
    line_begin(&step->line, type);
}

struct ref life_ref(const struct step *step)
{
    return (struct ref){step->line.number, step->line.worker, step->line.time};
}

uint32_t life_any_worker(struct step *step)
{
    return chance_below(step->chance, step->wanted->workers);
}

/* How many contacts there will be until the farewell. */
static uint16_t contacts(struct step *step, int64_t low, int64_t high)
{
    double count = (double)chance_between(step->chance, low, high) * step->wanted->length;
    return count < UINT16_MAX ? (uint16_t)count : UINT16_MAX;
}

/* ---- stages ---- */

static void introduced(struct step *step)
{
    char name[NAME_SIZE];
    words_name(step->person->number, name);
    life_begin(step, "person.introduced");
    step->person->first = life_ref(step);
    line_text("known_as", name);
    line_text("source", PICK(step->chance, sources));
    if (chance_in(step->chance, 600))
        line_text("own_words", words_own(step->chance));
    line_text("reason", PICK(step->chance, reasons));
    line_text("urgency", PICK(step->chance, urgencies));
    life_next(step, STAGE_DETAILS, MINUTES(2), HOURS(3));
}

/* Numbers that begin with 999 are given to nobody. */
static void nhs_number(struct chance *chance, char out[11])
{
    int sum, check;
    do {
        snprintf(out, 11, "999%06u", chance_below(chance, 1000000));
        sum = 0;
        for (int i = 0; i < 9; i++)
            sum += (out[i] - '0') * (10 - i);
        check = (11 - sum % 11) % 11;
    } while (check == 10);
    out[9] = (char)('0' + check);
    out[10] = '\0';
}

static void details(struct step *step)
{
    struct chance *chance = step->chance;
    char text[40];
    life_begin(step, "person.details.recorded");
    snprintf(text, sizeof text, "07700 900%03u", chance_below(chance, 1000)); /* kept free for stories */
    line_text("contact", text);
    if (chance_in(chance, 300))
        line_text("pronouns", chance_in(chance, 450) ? "she/her" : chance_in(chance, 800) ? "he/him" : "they/them");
    if (chance_in(chance, 850)) {
        snprintf(text, sizeof text, "%04u-%02u-%02u", 1940 + chance_below(chance, 67), 1 + chance_below(chance, 12),
                 1 + chance_below(chance, 28));
        line_text("date_of_birth", text);
    }
    if (chance_in(chance, 600)) {
        nhs_number(chance, text);
        line_text("nhs_number", text);
    }
    if (chance_in(chance, 700))
        life_next(step, STAGE_ACKNOWLEDGED, DAYS(1), DAYS(4));
    else
        life_next(step, STAGE_WELCOME, DAYS(2), DAYS(9));
}

static void acknowledged(struct step *step)
{
    life_begin(step, "introduction.acknowledged");
    line_text("to", "whoever introduced them");
    line_text("method", PICK(step->chance, methods));
    life_next(step, STAGE_WELCOME, DAYS(1), DAYS(6));
}

static void contact_fields(struct step *step, const char *attendance, const char *purpose, const char *text)
{
    const char *mechanism = strcmp(purpose, "welcome") == 0 ? "02" : PICK(step->chance, mechanisms);
    line_text("mechanism", mechanism);
    if (strcmp(mechanism, "01") == 0)
        line_text("place", PICK(step->chance, places));
    line_text("attendance", attendance);
    bool met = *attendance == '5' || *attendance == '6';
    if (met)
        line_number("minutes", chance_between(step->chance, 2, 18) * 5);
    if (*purpose)
        line_text("purpose", purpose);
    if (met)
        line_text("text", text);
}

/* Whether it goes on after the welcome: for some it was a conversation and a connection, some were not to be met. */
static void welcome(struct step *step)
{
    struct person *person = step->person;
    bool not_met = chance_in(step->chance, 80);
    life_begin(step, "contact.recorded");
    contact_fields(step, not_met ? "3" : "5", chance_in(step->chance, 710) ? "welcome" : "",
                   "Said hello, explained how we work, asked what matters.");
    person->one_off = not_met || chance_in(step->chance, 270); /* 33 % in all */
    life_next(step, STAGE_STARTED, person->one_off ? HOURS(1) : DAYS(7), person->one_off ? DAYS(2) : DAYS(16));
}

static void started(struct step *step)
{
    struct person *person = step->person;
    bool long_offer = chance_in(step->chance, 180);
    life_begin(step, "support.started");
    line_text("episode", "1");
    line_text("offer", person->one_off ? "one-off" : long_offer ? "long" : "short");
    person->keyworker = step->line.worker;
    person->contacts = contacts(step, long_offer ? 10 : 3, long_offer ? 40 : 12);
    person->joining = (uint8_t)chance_between(step->chance, 1, 3);
    if (person->one_off)
        life_next(step, STAGE_ENDED, HOURS(1), DAYS(3));
    else
        life_next(step, STAGE_JOINED, MINUTES(1), HOURS(2));
}

static void joined(struct step *step)
{
    struct person *person = step->person;
    uint32_t worker = person->joining == 1 ? person->keyworker : life_any_worker(step);
    life_begin(step, "team.joined");
    line_worker("worker", worker);
    line_text("role", PICK(step->chance, roles));
    line_text("agency", PICK(step->chance, agencies));
    person->second = worker;
    person->joining--;
    life_next(step, person->joining > 0 ? STAGE_JOINED : STAGE_KEYWORKER, MINUTES(1), HOURS(1));
}

static void keyworker(struct step *step)
{
    life_begin(step, "keyworker.agreed");
    line_worker("worker", step->person->keyworker);
    line_yes("person_agrees", chance_in(step->chance, 930));
    life_next(step, STAGE_CONTACT, DAYS(1), DAYS(8));
}

/* What comes between two meetings. */
static void between_contacts(struct step *step)
{
    struct person *person = step->person;
    uint32_t dice = chance_below(step->chance, 1000);
    if (person->contacts == 0)
        life_next(step, STAGE_FAREWELL, DAYS(3), DAYS(14));
    else if (dice < 300)
        life_next(step, STAGE_NOTE, MINUTES(10), HOURS(20));
    else if (dice < 640)
        life_next(step, STAGE_MORE, MINUTES(10), HOURS(30));
    else if (dice < 650)
        life_next(step, STAGE_LEFT, HOURS(2), DAYS(3));
    else if (dice < 654)
        life_next(step, STAGE_SETTLED, HOURS(2), DAYS(3));
    else
        life_next(step, STAGE_CONTACT, DAYS(2), DAYS(14));
}

static void contact(struct step *step)
{
    struct person *person = step->person;
    static const struct weighted purposes[] = {{700, ""}, {150, "review"}, {120, "drop-in"}, {30, "crisis"}};
    life_begin(step, "contact.recorded");
    if (person->appointment.number > 0)
        line_knows(&step->line, &person->appointment);
    contact_fields(step, PICK(step->chance, attendances), PICK(step->chance, purposes), words_contact(step->chance));
    if (person->appointment.number > 0 && chance_in(step->chance, 600))
        line_ref(&step->line, "appointment", &person->appointment);
    person->appointment = (struct ref){0};
    person->contact = life_ref(step);
    if (person->contacts > 0)
        person->contacts--;
    between_contacts(step);
}

static void note(struct step *step)
{
    life_begin(step, "note.added");
    line_text("text", words_note(step->chance));
    if (chance_in(step->chance, 60))
        line_yes("huddle", true);
    step->person->note = life_ref(step);
    if (chance_in(step->chance, 12))
        life_next(step, STAGE_STRUCK, MINUTES(1), HOURS(4));
    else
        life_next(step, STAGE_CONTACT, DAYS(2), DAYS(12));
}

static void struck(struct step *step)
{
    line_knows(&step->line, &step->person->note);
    line_begin(&step->line, "entry.struck");
    line_ref(&step->line, "of", &step->person->note);
    line_text("why", "It was about somebody else.");
    life_next(step, STAGE_CONTACT, DAYS(1), DAYS(8));
}

static void more(struct step *step)
{
    life_more(step);
    if (chance_in(step->chance, 500))
        life_next(step, STAGE_MORE, MINUTES(5), HOURS(6));
    else
        life_next(step, STAGE_CONTACT, DAYS(1), DAYS(9));
}

static void left(struct step *step)
{
    life_begin(step, "team.left");
    line_worker("worker", step->person->second);
    step->person->joining = 1;
    step->person->keyworker = life_any_worker(step);
    life_next(step, STAGE_JOINED, HOURS(1), DAYS(4));
}

static void settled(struct step *step)
{
    char name[NAME_SIZE];
    words_name(step->person->number, name);
    life_begin(step, "conflict.settled");
    line_text("what", "keyworker");
    line_worker("chosen", step->person->keyworker);
    line_text("with", name);
    life_next(step, STAGE_CONTACT, DAYS(1), DAYS(8));
}

static void farewell(struct step *step)
{
    life_begin(step, "contact.recorded");
    contact_fields(step, "5", "farewell", "Looked back, said goodbye for now, and how to come back.");
    life_next(step, STAGE_ENDED, MINUTES(20), HOURS(6));
}

static void ended(struct step *step)
{
    struct person *person = step->person;
    life_begin(step, "support.ended");
    line_text("reason", person->one_off ? "08" : PICK(step->chance, closures));
    line_yes("agreed", chance_in(step->chance, 900));
    line_text("way_back", "Ring us or come to the drop-in, any time.");
    person->one_off = false;
    if (chance_in(step->chance, 250))
        life_next(step, STAGE_RETURNED, DAYS(40), DAYS(300));
    else
        person->stage = STAGE_OVER;
}

static void returned(struct step *step)
{
    life_begin(step, "support.returned");
    line_text("source", chance_in(step->chance, 500) ? "B1" : PICK(step->chance, sources));
    line_text("own_words", words_own(step->chance));
    step->person->contacts = contacts(step, 3, 15);
    life_next(step, STAGE_KEYWORKER, MINUTES(10), DAYS(2));
}

/* ---- the step ---- */

void life_step(struct person *person, const struct wanted *wanted, struct chance *chance, struct community *community,
               uint64_t number)
{
    static void (*const stages[])(struct step *) = {
        [STAGE_INTRODUCED] = introduced, [STAGE_DETAILS] = details, [STAGE_ACKNOWLEDGED] = acknowledged,
        [STAGE_WELCOME] = welcome,       [STAGE_STARTED] = started, [STAGE_JOINED] = joined,
        [STAGE_KEYWORKER] = keyworker,   [STAGE_CONTACT] = contact, [STAGE_NOTE] = note,
        [STAGE_MORE] = more,             [STAGE_STRUCK] = struck,   [STAGE_LEFT] = left,
        [STAGE_SETTLED] = settled,       [STAGE_FAREWELL] = farewell, [STAGE_ENDED] = ended,
        [STAGE_RETURNED] = returned,     [STAGE_COMMUNITY] = community_step};
    struct step step = {.person = person, .wanted = wanted, .chance = chance, .community = community};
    bool with_us = person->stage >= STAGE_JOINED && person->stage != STAGE_COMMUNITY && chance_in(chance, 700);
    step.line = (struct line){.wanted = wanted, .number = number, .person = person->number, .time = person->next};
    step.line.worker = with_us ? person->keyworker : chance_below(chance, wanted->workers);
    stages[person->stage](&step);
    line_end();
}
