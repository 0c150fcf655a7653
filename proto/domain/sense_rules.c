/* SPDX-License-Identifier: Apache-2.0 */
/* What each type asks of the person's (or the site's) record: one function a type, a table of them at the end. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/domain/sense_inside.h"
#include "proto/domain/validate.h"

#define HOUR_MS ((int64_t)3600000)
#define GOALS_MAX 3 /* goal-based outcomes: three at a time */

/* A date field as days since 1970; false when it is not given (or empty). */
static bool date_field(const struct sense *s, const char *field, int32_t *day)
{
    struct bytes text = sense_text(s, field);
    char digits[11];
    if (text.len != 10 || !date_valid(text))
        return false;
    memcpy(digits, text.data, 10);
    digits[4] = digits[7] = digits[10] = '\0';
    *day = (int32_t)days_of_date((int)strtol(digits, NULL, 10), (int)strtol(digits + 5, NULL, 10),
                                 (int)strtol(digits + 8, NULL, 10));
    return true;
}

/* A date that lies behind us is most likely mistyped: a hint. */
static bool warn_of_past(struct sense *s, const char *field)
{
    int32_t day;
    struct bytes text = sense_text(s, field);
    if (!date_field(s, field, &day) || day >= s->today)
        return true;
    return sense_warn(s, "%s is over already: %.*s.", field, (int)text.len, (const char *)text.data);
}

/* ---- who the person is ---- */

static bool details_recorded(struct sense *s)
{
    int32_t day;
    struct bytes text = sense_text(s, "date_of_birth");
    if (!date_field(s, "date_of_birth", &day))
        return true;
    if (day > s->today)
        return sense_refuse(s, "date_of_birth cannot be %.*s, which is still to come.", (int)text.len,
                            (const char *)text.data);
    return s->today - day < 120 * 366 ||
           sense_warn(s, "date_of_birth says that the person is older than 120 years: %.*s.", (int)text.len,
                      (const char *)text.data);
}

static bool is_itself(struct sense *s)
{
    struct bytes other = sense_text(s, "other");
    return other.len == sizeof s->c->subject && memcmp(other.data, s->c->subject.b, other.len) == 0;
}

static bool person_linked(struct sense *s)
{
    char hex[2 * sizeof(struct person_id) + 1], by[SENSE_TEXT];
    struct bytes other = sense_text(s, "other");
    if (is_itself(s))
        return sense_refuse(s, "A record cannot be linked with itself: name the other record of the same person.");
    if (other.len != sizeof(struct person_id))
        return true;
    hex_encode(other, hex);
    const struct reading *reading = sense_reading(s, REG_linked, bytes_str(hex));
    bool linking = s->c->type->id == TYPE_person_linked;
    if (reading && reading->values == 1 && reading_is(reading, linking ? "linked" : "apart"))
        return sense_warn(s, "They are %s already (%s).", linking ? "linked" : "told apart", sense_who(reading, by));
    return true;
}

static bool person_shared(struct sense *s)
{
    struct bytes to = sense_text(s, "to");
    char by[SENSE_TEXT];
    const struct sense_lookup *lookup = s->c->lookup;
    if (bytes_equal(to, s->c->site))
        return sense_refuse(s, "The person is with %.*s already: name the other team's site.", (int)to.len,
                            (const char *)to.data);
    if (bytes_is(to, "commons"))
        return sense_refuse(s, "commons is what all teams share, and no team's site: a person is shared with a team.");
    const struct reading *reading = sense_reading(s, REG_shared, to);
    if (sense_yes(s, "moves") && !reading_is(reading, "in"))
        return sense_refuse(s,
                            "Moving takes the person off this team's laptops, and only the hub knows whether there is "
                            "a team %.*s. Share first, without moving; or say it again with --anyway.",
                            (int)to.len, (const char *)to.data);
    if (reading_is(reading, "in") && !sense_yes(s, "moves"))
        return sense_warn(s, "The person is shared with %.*s already (%s).", (int)to.len, (const char *)to.data,
                          sense_who(reading, by));
    if (lookup && lookup->site && !lookup->site(lookup->context, to))
        return sense_warn(s, "No site %.*s is known here; if there is none, nothing is shared.", (int)to.len,
                          (const char *)to.data);
    return true;
}

/* ---- support ---- */

/* All that stands says so. */
static bool has_ended(const struct reading *support)
{
    return support && support->values == 1 && reading_is(support, "ended");
}

static bool support_started(struct sense *s)
{
    char by[SENSE_TEXT];
    const struct reading *support = sense_reading(s, REG_support, (struct bytes){0});
    if (support && !has_ended(support))
        return sense_warn(s, "Support goes on already (%s). If nothing new began, `felloe strike` this entry.",
                          sense_who(support, by));
    if (support)
        return sense_warn(s, "The person was with the team before: coming back is `felloe welcome-back`.");
    return true;
}

/* A pause or a farewell needs support that goes on. */
static bool support_goes_on(struct sense *s, const char *what)
{
    char by[SENSE_TEXT];
    const struct reading *support = sense_reading(s, REG_support, (struct bytes){0});
    if (!support)
        return sense_refuse(s, "Support has not begun, so there is no %s. `felloe welcome` begins it (offer one-off, "
                               "where that was all).", what);
    if (has_ended(support))
        return sense_refuse(s, "Support has ended already (%s). If the person came back: `felloe "
                               "welcome-back`.", sense_who(support, by));
    return true;
}

static bool support_paused(struct sense *s)
{
    return support_goes_on(s, "pause") && warn_of_past(s, "until");
}

static bool support_ended(struct sense *s)
{
    return support_goes_on(s, "farewell");
}

static bool support_returned(struct sense *s)
{
    char by[SENSE_TEXT];
    const struct reading *support = sense_reading(s, REG_support, (struct bytes){0});
    if (!support)
        return sense_warn(s, "The person was not with this team before, as far as is known here.");
    if (!has_ended(support))
        return sense_warn(s, "Support goes on (%s): the person is with us.", sense_who(support, by));
    return true;
}

/* ---- the people around the person, access ---- */

static bool team_changed(struct sense *s)
{
    struct bytes worker = sense_text(s, "worker");
    bool joins = s->c->type->id == TYPE_team_joined, in = reading_is(sense_reading(s, REG_team, worker), "in");
    if (joins == in)
        return sense_warn(s, "%.*s is %s the people around this person%s.", (int)worker.len, (const char *)worker.data,
                          in ? "one of" : "not among", in ? " already" : "");
    return true;
}

static bool access_need(struct sense *s)
{
    struct bytes need = sense_text(s, "need"), detail = sense_text(s, "detail");
    char shown[SENSE_TEXT];
    struct buffer key = {0};
    if (!bytes_is(sense_text(s, "status"), "out"))
        return true;
    buffer_append(&key, need.data, need.len);
    buffer_append_byte(&key, EACH_SEPARATOR);
    buffer_append(&key, detail.data, detail.len);
    bool there = reading_is(sense_reading(s, REG_access_need, buffer_bytes(&key)), "in");
    s->raw.failed = key.failed; /* then nobody listens to what follows */
    buffer_release(&key);
    return there || sense_refuse(s, "No access need \"%s\" (%.*s) is recorded that could be taken away. Give need and "
                                    "detail as `felloe before-you-call` shows them.",
                                 sense_words(NULL, sense_value(s, "detail"), shown), (int)need.len,
                                 (const char *)need.data);
}

/* Does an objection about `of` speak against sharing `with`? "all" is about each. */
static bool concerns(struct bytes of, struct bytes with)
{
    return bytes_equal(of, with) || bytes_is(of, "all") || bytes_is(with, "all");
}

static bool sharing_made(struct sense *s)
{
    struct bytes to = sense_text(s, "to"), what = sense_text(s, "what");
    char by[SENSE_TEXT];
    size_t count = 0;
    bool ok;
    const struct reading *readings = s->c->document ? record_readings(s->c->document, &count, &ok) : NULL;
    if (sense_value(s, "override_reason").len > 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        const struct reading *reading = &readings[i];
        const uint8_t *split = reading->def->id == REG_sharing
                                   ? memchr(reading->each.data, EACH_SEPARATOR, reading->each.len) : NULL;
        if (!split || !reading_is(reading, "object"))
            continue;
        struct bytes agency = bytes_of(reading->each.data, (size_t)(split - reading->each.data));
        struct bytes category = bytes_of(split + 1, reading->each.len - agency.len - 1);
        if (!concerns(agency, to) || !concerns(category, what))
            continue;
        const char *whom = code_label(&codes_agency, agency), *about = code_label(&codes_category, category);
        return sense_refuse(s, "The person objects to sharing %s with %s (%s). Ask them again and record what they say "
                               "(`felloe sharing`); where it has to be shared all the same, say why "
                               "(--override-reason).",
                            about ? about : "it", whom ? whom : "them", sense_who(reading, by));
    }
    return true;
}

/* ---- appointments, tasks, goals ---- */

static bool contact_planned(struct sense *s)
{
    int64_t when;
    char date[SENSE_TEXT];
    if (sense_yes(s, "cancelled") || !value_number(sense_value(s, "when"), &when) || when > s->c->now - HOUR_MS)
        return true;
    return sense_warn(s, "%s is over already: what took place is `felloe meet`.", sense_date(when, date));
}

static bool task_raised(struct sense *s)
{
    return warn_of_past(s, "due");
}

static const struct reading *task_state(const struct sense *s)
{
    return sense_thread(s, REG_task_state, sense_text(s, "task"));
}

static bool task_taken(struct sense *s)
{
    const struct reading *state = task_state(s);
    struct bytes worker = sense_text(s, "worker"), task = sense_text(s, "task");
    char what[SENSE_TEXT], by[SENSE_TEXT], key[2 * sizeof(struct event_id) + 1 + SLUG_MAX + 1];
    if (state && !reading_is(state, "open"))
        return sense_refuse(s, "That task is closed: %s (%s). Raise a new one.",
                            sense_words(&codes_task, state->writes[0].value, what), sense_who(state, by));
    if (task.len != sizeof(struct event_id) || worker.len == 0 || worker.len > SLUG_MAX)
        return true;
    hex_encode(task, key);
    key[2 * task.len] = EACH_SEPARATOR;
    memcpy(key + 2 * task.len + 1, worker.data, worker.len);
    if (reading_is(sense_reading(s, REG_task_taken, bytes_of(key, 2 * task.len + 1 + worker.len)), "in"))
        return sense_warn(s, "%.*s took that task before.", (int)worker.len, (const char *)worker.data);
    return true;
}

static bool task_closed(struct sense *s)
{
    const struct reading *state = task_state(s);
    char what[SENSE_TEXT], by[SENSE_TEXT];
    /* dropped, and done after all: that may be said */
    bool open = !state || reading_is(state, "open") ||
                (reading_is(state, "dropped") && bytes_is(sense_text(s, "state"), "done"));
    return open || sense_refuse(s, "That task is closed already: %s (%s).",
                                sense_words(&codes_task, state->writes[0].value, what), sense_who(state, by));
}

static bool goal_set(struct sense *s)
{
    size_t count = 0, active = 0;
    bool ok;
    const struct reading *readings = s->c->document ? record_readings(s->c->document, &count, &ok) : NULL;
    for (size_t i = 0; i < count; i++)
        active += readings[i].def->id == REG_goal_status && readings[i].values > 0 &&
                  reading_is(&readings[i], "active");
    return active < GOALS_MAX ||
           sense_warn(s, "There are %zu goals already; whether a fourth is too many is to settle together.", active);
}

static bool goal_scored(struct sense *s)
{
    const struct reading *status = sense_thread(s, REG_goal_status, sense_text(s, "goal"));
    char what[SENSE_TEXT], by[SENSE_TEXT];
    if (!status || status->values != 1 || reading_is(status, "active"))
        return true;
    return sense_warn(s, "That goal is %s (%s).", sense_words(&codes_goal, status->writes[0].value, what),
                      sense_who(status, by));
}

static bool goal_changed(struct sense *s)
{
    if (sense_value(s, "text").len > 0 || sense_value(s, "status").len > 0)
        return true;
    return sense_refuse(s, "goal.changed says nothing: give its new words (text) or what became of it (status).");
}

static bool plan_agreed(struct sense *s)
{
    return warn_of_past(s, "review_by");
}

/* ---- safety ---- */

static bool concern_stooddown(struct sense *s)
{
    const struct reading *concern = sense_thread(s, REG_concern, sense_text(s, "which"));
    char by[SENSE_TEXT];
    if (!concern || reading_is(concern, "open"))
        return true;
    return sense_refuse(s, "That concern is not open: it was stood down (%s).", sense_who(concern, by));
}

static bool crisis_responded(struct sense *s)
{
    const struct reading *crisis = sense_reading(s, REG_crisis, (struct bytes){0});
    if (crisis && !reading_is(crisis, "answered"))
        return true;
    return sense_warn(s, "No crisis of this person is open here; this counts for one that is still to come.");
}

/* ---- settling ---- */

/* Of what nobody writes but those who settle it: open as long as it is empty. */
static bool is_derived(const struct register_def *def)
{
    return def->id == REG_joint_visit || def->id == REG_double_booking || def->id == REG_fourth_goal;
}

static bool is_settled(struct sense *s, const struct register_def *def, const struct reading *reading)
{
    char what[SENSE_TEXT], by[SENSE_TEXT];
    const struct item *item = (const struct item *)(const void *)reading->writes[0].stamp;
    bool chosen = item->type->id == TYPE_conflict_settled;
    return sense_refuse(s, chosen ? "%s is settled: \"%s\" was chosen (%s). `felloe to-settle` lists what is open."
                                  : "%s is not to settle: there is one value, \"%s\" (%s). `felloe to-settle` lists "
                                    "what is open.",
                        def->label, sense_words(def->codes, reading->writes[0].value, what), sense_who(reading, by));
}

static bool conflict_settled(struct sense *s)
{
    const struct register_def *def = register_def_find(sense_text(s, "what"));
    struct bytes which = sense_text(s, "which");
    if (!def)
        return true;
    if ((def->each != NULL) != (which.len > 0))
        return sense_refuse(s, def->each ? "Say which %s is settled: there can be several (`felloe to-settle` lists "
                                           "them, `felloe settle` takes their number)."
                                         : "There is one \"%s\", so which is left out.", def->label);
    if (def->settle == SETTLE_NEVER || (def->merge != MERGE_SETTLE && def->merge != MERGE_PROTECTIVE))
        return sense_refuse(s, "\"%s\" is never to settle: %s. To change it, record it anew.", def->label,
                            merge_rule_words(def->merge));
    const struct reading *reading = sense_reading(s, def->id, which);
    if (reading)
        return reading->to_settle || is_settled(s, def, reading);
    return is_derived(def) ||
           sense_refuse(s, "Nothing is recorded as \"%s\" that could be settled.", def->label);
}

/* ---- the site ---- */

static bool resource_recorded(struct sense *s)
{
    if (sense_value(s, "resource").len == 0)
        return sense_text(s, "name").len > 0 || sense_refuse(s, "A new resource needs a name.");
    static const char *const news[] = {"name", "area", "place", "schedule", "capacity", "contact", "status", "text"};
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++)
        if (sense_value(s, news[i]).len > 0)
            return true;
    return sense_refuse(s, "Say what is new of that resource: name, area, place, schedule, capacity, contact, status.");
}

static bool session_recorded(struct sense *s)
{
    return sense_value(s, "session").len > 0 || sense_value(s, "when").len > 0 || sense_text(s, "schedule").len > 0 ||
           sense_refuse(s, "A new session needs when it is (when), or its weekly hours (schedule).");
}

static bool worker_safe(struct sense *s)
{
    const struct reading *outing = sense_thread(s, REG_outing, sense_text(s, "outing"));
    char by[SENSE_TEXT];
    return !reading_is(outing, "safe") ||
           sense_refuse(s, "That outing is over: back safe (%s).", sense_who(outing, by));
}

static bool supervision_held(struct sense *s)
{
    int32_t day;
    struct bytes text = sense_text(s, "date");
    if (!date_field(s, "date", &day) || day <= s->today)
        return true;
    return sense_refuse(s, "date cannot be %.*s, which is still to come: supervision is recorded once it was held.",
                        (int)text.len, (const char *)text.data);
}

const sense_rule sense_rules[TYPE_COUNT] = {
    [TYPE_person_details_recorded] = details_recorded,
    [TYPE_person_linked] = person_linked,
    [TYPE_person_unlinked] = person_linked,
    [TYPE_person_shared] = person_shared,
    [TYPE_support_started] = support_started,
    [TYPE_support_paused] = support_paused,
    [TYPE_support_ended] = support_ended,
    [TYPE_support_returned] = support_returned,
    [TYPE_team_joined] = team_changed,
    [TYPE_team_left] = team_changed,
    [TYPE_accessneed_recorded] = access_need,
    [TYPE_sharing_made] = sharing_made,
    [TYPE_contact_planned] = contact_planned,
    [TYPE_task_raised] = task_raised,
    [TYPE_task_taken] = task_taken,
    [TYPE_task_closed] = task_closed,
    [TYPE_goal_set] = goal_set,
    [TYPE_goal_scored] = goal_scored,
    [TYPE_goal_changed] = goal_changed,
    [TYPE_plan_agreed] = plan_agreed,
    [TYPE_concern_stooddown] = concern_stooddown,
    [TYPE_crisis_responded] = crisis_responded,
    [TYPE_conflict_settled] = conflict_settled,
    [TYPE_resource_recorded] = resource_recorded,
    [TYPE_session_recorded] = session_recorded,
    [TYPE_worker_safe] = worker_safe,
    [TYPE_supervision_held] = supervision_held,
};
