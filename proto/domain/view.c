/* SPDX-License-Identifier: Apache-2.0 */
/* The table of views. Names are JSON keys and stay; labels are headings. */
#include "proto/domain/view.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Who a row of people is about: the first two columns of all of them. */
#define PERSON_COLUMNS \
    {"person", "person", CELL_TEXTS, NULL, false}, {"id", "id", CELL_PERSON, NULL, false}

static const struct column_def caseload[] = {
    PERSON_COLUMNS,
    {"key_workers", "key worker", CELL_WORKERS, NULL, false},
    {"team", "team", CELL_WORKERS, NULL, false},
    {"last_contact", "last contact", CELL_TIME, NULL, false},
    {"next", "next", CELL_NEXT, NULL, false},
    {"to_settle", "to settle", CELL_NUMBER, NULL, false},
};

static const struct column_def front_door[] = {
    PERSON_COLUMNS,
    {"source", "introduced by", CELL_CODE, &codes_source, false},
    {"own_words", "in their own words", CELL_TEXT, NULL, false},
    {"urgency", "urgency", CELL_CODE, &codes_urgency, false},
    {"since", "waiting", CELL_SINCE, NULL, false},
    {"clock", "time to answer", CELL_CLOCK, NULL, false},
    {"acknowledged", "acknowledged", CELL_TIME, NULL, false},
};

static const struct column_def person[] = {
    {"when", "when", CELL_TIME, NULL, false},
    {"recorded", "recorded", CELL_TIME, NULL, false},
    {"who", "who", CELL_WORKER, NULL, false},
    {"type", "what", CELL_CODE, &codes_type, false},
    {"fields", "in words", CELL_FIELDS, NULL, false},
    {"late", "late", CELL_YESNO, NULL, false},
    {"struck", "struck", CELL_TEXT, NULL, false},
    {"not_recognised", "not recognised", CELL_YESNO, NULL, false},
    {"id", "entry", CELL_EVENT, NULL, false},
    {"restricted", "restricted", CELL_YESNO, NULL, false},
};

static const struct column_def safety[] = {
    PERSON_COLUMNS,
    {"concerns", "worried about", CELL_TEXTS, NULL, false},
    {"protects", "what keeps safe", CELL_TEXTS, NULL, false},
    {"urgency", "urgency", CELL_CODE, &codes_urgency, false},
    {"crisis", "open crisis", CELL_TEXT, NULL, false},
    {"clock", "time to respond", CELL_CLOCK, NULL, false},
    {"plan", "safety plan of", CELL_TIME, NULL, false},
    {"since", "since", CELL_TIME, NULL, false},
    {"entries", "entries", CELL_TEXTS, NULL, true},
};

static const struct column_def huddle[HUDDLE_COLUMNS] = {
    [HUDDLE_PERSON] = {"person", "person", CELL_TEXTS, NULL, false},
    [HUDDLE_ID] = {"id", "id", CELL_PERSON, NULL, false},
    [HUDDLE_WHY] = {"why", "why", CELL_TEXTS, NULL, false},
    [HUDDLE_ASKED_BY] = {"asked_by", "asked by", CELL_WORKERS, NULL, false},
    [HUDDLE_LAST_CONTACT] = {"last_contact", "last contact", CELL_TIME, NULL, false},
    [HUDDLE_KEY_WORKERS] = {"key_workers", "key worker", CELL_WORKERS, NULL, false},
    [HUDDLE_QUIET_SINCE] = {"quiet_since", "quiet since", CELL_TIME, NULL, true},
};

static const struct column_def my_day[MY_DAY_COLUMNS] = {
    [MY_DAY_TIME] = {"time", "time", CELL_TIME, NULL, false},
    [MY_DAY_PERSON] = {"person", "person", CELL_TEXTS, NULL, false},
    [MY_DAY_ID] = {"id", "id", CELL_PERSON, NULL, false},
    [MY_DAY_WHAT] = {"what", "what", CELL_TEXT, NULL, false},
    [MY_DAY_PLACE] = {"place", "where", CELL_TEXT, NULL, false},
    [MY_DAY_ACCESS] = {"access", "access needs", CELL_TEXTS, NULL, false},
    [MY_DAY_WORKERS] = {"workers", "who", CELL_WORKERS, NULL, false},
    [MY_DAY_KIND] = {"kind", "kind", CELL_TEXT, NULL, false},
    [MY_DAY_ALSO] = {"also", "at the same time", CELL_TEXT, NULL, false},
    [MY_DAY_ENTRY] = {"entry", "entry", CELL_EVENT, NULL, false},
    [MY_DAY_MINUTES] = {"minutes", "minutes", CELL_NUMBER, NULL, true},
    [MY_DAY_HOURS] = {"hours", "each week", CELL_TEXT, NULL, true},
};

static const struct column_def before_you_call[] = {
    PERSON_COLUMNS,
    {"objections", "objects to", CELL_TEXTS, NULL, false},
    {"ask_again", "ask again", CELL_TEXTS, NULL, false},
    {"format", "format", CELL_TEXTS, NULL, false},
    {"interpreter", "interpreter", CELL_TEXTS, NULL, false},
    {"contact_method", "way", CELL_TEXTS, NULL, false},
    {"adjustments", "adjustments", CELL_TEXTS, NULL, false},
    {"contact", "how to get in touch", CELL_TEXTS, NULL, false},
    {"pronouns", "pronouns", CELL_TEXTS, NULL, false},
};

static const struct column_def goals[] = {
    PERSON_COLUMNS,
    {"goal", "goal", CELL_TEXTS, NULL, false},
    {"status", "status", CELL_CODES, &codes_goal, false},
    {"baseline", "at first", CELL_NUMBER, NULL, false},
    {"latest", "now", CELL_NUMBER, NULL, false},
    {"change", "change", CELL_CHANGE, NULL, false},
    {"quality", "DIALOG 1-8", CELL_MEAN, NULL, false},
    {"help", "DIALOG 9-11", CELL_MEAN, NULL, false},
    {"reqol", "ReQoL", CELL_NUMBER, NULL, false},
    {"measured", "measured", CELL_TIME, NULL, false},
    {"entry", "entry", CELL_EVENT, NULL, false},
};

static const struct column_def connections[] = {
    PERSON_COLUMNS,
    {"resource", "to what", CELL_RESOURCE, NULL, false},
    {"status", "how far", CELL_CODE, &codes_connection, false},
    {"since", "for", CELL_SINCE, NULL, false},
    {"warm", "walked alongside", CELL_YESNO, NULL, false},
};

static const struct column_def to_settle[SETTLE_COLUMNS] = {
    [SETTLE_NUMBER] = {"number", "no", CELL_NUMBER, NULL, false},
    [SETTLE_PERSON] = {"person", "person", CELL_TEXTS, NULL, false},
    [SETTLE_ID] = {"id", "id", CELL_PERSON, NULL, false},
    [SETTLE_FIELD] = {"field", "what", CELL_CODE, &codes_what, false},
    [SETTLE_WHICH] = {"which", "which", CELL_TEXT, NULL, false},
    [SETTLE_VALUES] = {"values", "values", CELL_TEXTS, NULL, false},
    [SETTLE_WORKERS] = {"workers", "written by", CELL_WORKERS, NULL, false},
    [SETTLE_WHY] = {"why", "why", CELL_TEXT, NULL, false},
    [SETTLE_SINCE] = {"since", "since", CELL_TIME, NULL, false},
    [SETTLE_KEY] = {"key", "key", CELL_TEXT, NULL, true},
    [SETTLE_CHOICES] = {"choices", "choices", CELL_TEXTS, NULL, true},
};

static const struct column_def resources[RESOURCE_COLUMNS] = {
    [RESOURCE_NAME] = {"name", "name", CELL_TEXT, NULL, false},
    [RESOURCE_AREA] = {"area", "area", CELL_TEXT, NULL, false},
    [RESOURCE_PLACE] = {"place", "where", CELL_TEXT, NULL, false},
    [RESOURCE_CONTACT] = {"contact", "how to get in touch", CELL_TEXT, NULL, false},
    [RESOURCE_OPEN] = {"open_now", "open now", CELL_OPEN, NULL, false},
    [RESOURCE_HOURS] = {"hours", "opening hours", CELL_TEXT, NULL, false},
    [RESOURCE_CAPACITY] = {"capacity", "room for", CELL_NUMBER, NULL, false},
    [RESOURCE_STATUS] = {"status", "status", CELL_CODES, &codes_resource, false},
    [RESOURCE_CHECKED] = {"checked_on", "checked", CELL_TIME, NULL, false},
    [RESOURCE_ID] = {"id", "entry", CELL_EVENT, NULL, false},
};

static const struct column_def places[PLACES_COLUMNS] = {
    [PLACES_WHAT] = {"what", "what", CELL_TEXT, NULL, false},
    [PLACES_PLACE] = {"place", "where", CELL_TEXT, NULL, false},
    [PLACES_WHEN] = {"when", "when", CELL_TIME, NULL, false},
    [PLACES_OPEN] = {"open_now", "on now", CELL_OPEN, NULL, false},
    [PLACES_WORKERS] = {"workers", "who", CELL_WORKERS, NULL, false},
    [PLACES_BACK_BY] = {"back_by", "back by", CELL_TIME, NULL, false},
    [PLACES_STATUS] = {"status", "status", CELL_CODE, &codes_session, false},
    [PLACES_ID] = {"id", "entry", CELL_EVENT, NULL, false},
};

static const struct column_def worries[WORRIES_COLUMNS] = {
    [WORRIES_WORKER] = {"worker", "who", CELL_WORKER, NULL, false},
    [WORRIES_SINCE] = {"since", "since", CELL_TIME, NULL, false},
    [WORRIES_WORDS] = {"words", "in words", CELL_TEXT, NULL, false},
    [WORRIES_HELD_BY] = {"held_by", "held by", CELL_WORKERS, NULL, false},
    [WORRIES_ID] = {"id", "entry", CELL_EVENT, NULL, false},
};

static const struct column_def news[NEWS_COLUMNS] = {
    [NEWS_RECORDED] = {"recorded", "recorded", CELL_TIME, NULL, false},
    [NEWS_WHEN] = {"when", "when", CELL_TIME, NULL, false},
    [NEWS_WHO] = {"who", "who", CELL_WORKER, NULL, false},
    [NEWS_PERSON] = {"person", "person", CELL_TEXTS, NULL, false},
    [NEWS_PERSON_ID] = {"person_id", "id", CELL_PERSON, NULL, false},
    [NEWS_TYPE] = {"type", "what", CELL_CODE, &codes_type, false},
    [NEWS_FIELDS] = {"fields", "in words", CELL_FIELDS, NULL, false},
    [NEWS_LATE] = {"late", "late", CELL_YESNO, NULL, false},
    [NEWS_STRUCK] = {"struck", "struck", CELL_TEXT, NULL, false},
    [NEWS_NOT_RECOGNISED] = {"not_recognised", "not recognised", CELL_YESNO, NULL, false},
    [NEWS_SITE] = {"site", "site", CELL_TEXT, NULL, true},
    [NEWS_ENTRY] = {"id", "entry", CELL_EVENT, NULL, false},
};

static const struct column_def learning[LEARNING_COLUMNS] = {
    [LEARNING_WHAT] = {"what", "what", CELL_TEXT, NULL, false},
    [LEARNING_COUNT] = {"count", "how many", CELL_NUMBER, NULL, false},
    [LEARNING_OF] = {"of", "of", CELL_NUMBER, NULL, false},
    [LEARNING_MEDIAN] = {"median", "median", CELL_MEAN, NULL, false},
};

static const struct column_def freshness[FRESHNESS_COLUMNS] = {
    [FRESHNESS_DEVICE] = {"device", "laptop", CELL_DEVICE, NULL, false},
    [FRESHNESS_WORKER] = {"worker", "whose", CELL_WORKER, NULL, false},
    [FRESHNESS_LAST_EVENT] = {"last_event", "last entry", CELL_TIME, NULL, false},
    [FRESHNESS_LAST_HEARD] = {"last_heard", "last heard", CELL_TIME, NULL, false},
    [FRESHNESS_WAITING] = {"waiting", "waiting to share", CELL_NUMBER, NULL, false},
    [FRESHNESS_REVOKED] = {"revoked", "revoked", CELL_TEXT, NULL, false},
};

static const struct column_def workers[WORKER_COLUMNS] = {
    [WORKER_ID] = {"worker", "id", CELL_TEXT, NULL, false},
    [WORKER_NAME] = {"name", "name", CELL_TEXT, NULL, false},
    [WORKER_ROLE] = {"role", "role", CELL_TEXT, NULL, false},
    [WORKER_AGENCY] = {"agency", "agency", CELL_TEXT, NULL, false},
    [WORKER_DEVICES] = {"devices", "laptops", CELL_DEVICES, NULL, false},
};

static const struct column_def farewells[] = {
    PERSON_COLUMNS,
    {"ended", "farewell", CELL_TIME, NULL, false},
    {"reason", "reason", CELL_CODE, &codes_closure, false},
    {"way_back", "way back", CELL_TEXT, NULL, false},
    {"retain_until", "record kept until", CELL_TEXT, NULL, false},
};

static const struct view_def views[] = {
    {VIEW_FRONT_DOOR, "front-door", "Who is waiting?", "Nobody is waiting.", front_door, COUNT(front_door)},
    {VIEW_CASELOAD, "caseload", "Who are we with?", "We are with nobody yet.", caseload, COUNT(caseload)},
    {VIEW_PERSON, "person", "What is the story so far?", "Nothing is recorded yet.", person, COUNT(person)},
    {VIEW_SAFETY, "safety", "What do we hold together?", "No concern is open.", safety, COUNT(safety)},
    {VIEW_HUDDLE, "huddle", "Whom to talk about?", "Nobody has to be talked about today.", huddle, COUNT(huddle)},
    {VIEW_MY_DAY, "my-day", "What did I promise?", "Nothing is promised now; `felloe today --days 7` looks ahead.",
     my_day, COUNT(my_day)},
    {VIEW_BEFORE_YOU_CALL, "before-you-call", "How may I get in touch, what may I share?",
     "Nothing is recorded about that.", before_you_call, COUNT(before_you_call)},
    {VIEW_GOALS, "goals", "Is life better?", "No goal is set yet.", goals, COUNT(goals)},
    {VIEW_CONNECTIONS, "connections", "Did it happen?", "No connection is under way.", connections, COUNT(connections)},
    {VIEW_RESOURCES, "resources", "What is near?", "No resource is recorded yet.", resources, COUNT(resources)},
    {VIEW_PLACES, "places", "Who is where?", "Nobody is out, and no session is planned.", places, COUNT(places)},
    {VIEW_TO_SETTLE, "to-settle", "What needs us to agree?", "Nothing is to settle.", to_settle, COUNT(to_settle)},
    {VIEW_WORRIES, "worries", "Is anyone carrying this alone?", "Nobody has shared a worry.", worries, COUNT(worries)},
    {VIEW_FRESHNESS, "freshness", "What don't we know?", "No laptop has been heard yet.", freshness, COUNT(freshness)},
    {VIEW_NEWS, "news", "What happened while I was away?", "Nothing new.", news, COUNT(news)},
    {VIEW_LEARNING, "learning", "What do we learn?", "There is nothing to learn from yet.", learning, COUNT(learning)},
    {VIEW_FAREWELLS, "farewells", "Who said farewell, and how can they come back?", "Nobody has said farewell.",
     farewells, COUNT(farewells)},
    {VIEW_WORKERS, "workers", "Who works here?", "Nobody has joined yet.", workers, COUNT(workers)},
};

size_t view_count(void)
{
    return COUNT(views);
}

const struct view_def *view_at(size_t index)
{
    return index < COUNT(views) ? &views[index] : NULL;
}

const struct view_def *view_find(struct bytes name)
{
    for (size_t i = 0; i < COUNT(views); i++)
        if (bytes_is(name, views[i].name))
            return &views[i];
    return NULL;
}

const struct view_def *view_of(enum view view)
{
    for (size_t i = 0; i < COUNT(views); i++)
        if (views[i].view == view)
            return &views[i];
    return NULL;
}
