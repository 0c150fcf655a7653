/* SPDX-License-Identifier: Apache-2.0 */
/* The table of views. Names are JSON keys and stay; labels are headings. */
#include "proto/domain/view.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct column_def caseload[] = {
    {"person", "person", CELL_TEXTS, NULL},
    {"id", "id", CELL_PERSON, NULL},
    {"key_workers", "key worker", CELL_WORKERS, NULL},
    {"team", "team", CELL_WORKERS, NULL},
    {"last_contact", "last contact", CELL_TIME, NULL},
    {"next", "next", CELL_TIME, NULL},
    {"to_settle", "to settle", CELL_NUMBER, NULL},
};

static const struct column_def front_door[] = {
    {"person", "person", CELL_TEXTS, NULL},
    {"id", "id", CELL_PERSON, NULL},
    {"source", "introduced by", CELL_CODE, &codes_source},
    {"own_words", "in their own words", CELL_TEXT, NULL},
    {"urgency", "urgency", CELL_CODE, &codes_urgency},
    {"since", "waiting", CELL_SINCE, NULL},
    {"acknowledged", "acknowledged", CELL_TIME, NULL},
};

static const struct column_def to_settle[] = {
    {"person", "person", CELL_TEXTS, NULL},
    {"id", "id", CELL_PERSON, NULL},
    {"field", "what", CELL_CODE, &codes_what},
    {"values", "values", CELL_TEXTS, NULL},
    {"workers", "written by", CELL_WORKERS, NULL},
    {"why", "why", CELL_TEXT, NULL},
    {"since", "since", CELL_TIME, NULL},
};

static const struct column_def person[] = {
    {"when", "when", CELL_TIME, NULL},
    {"recorded", "recorded", CELL_TIME, NULL},
    {"who", "who", CELL_WORKER, NULL},
    {"type", "what", CELL_CODE, &codes_type},
    {"fields", "in words", CELL_FIELDS, NULL},
    {"late", "late", CELL_YESNO, NULL},
    {"struck", "struck", CELL_TEXT, NULL},
    {"not_recognised", "not recognised", CELL_YESNO, NULL},
    {"id", "entry", CELL_EVENT, NULL},
};

static const struct column_def freshness[FRESHNESS_COLUMNS] = {
    [FRESHNESS_DEVICE] = {"device", "laptop", CELL_DEVICE, NULL},
    [FRESHNESS_WORKER] = {"worker", "whose", CELL_WORKER, NULL},
    [FRESHNESS_LAST_EVENT] = {"last_event", "last entry", CELL_TIME, NULL},
    [FRESHNESS_LAST_HEARD] = {"last_heard", "last heard", CELL_TIME, NULL},
    [FRESHNESS_WAITING] = {"waiting", "waiting to share", CELL_NUMBER, NULL},
};

static const struct column_def workers[WORKER_COLUMNS] = {
    [WORKER_ID] = {"worker", "id", CELL_TEXT, NULL},
    [WORKER_NAME] = {"name", "name", CELL_TEXT, NULL},
    [WORKER_ROLE] = {"role", "role", CELL_TEXT, NULL},
    [WORKER_AGENCY] = {"agency", "agency", CELL_TEXT, NULL},
    [WORKER_DEVICES] = {"devices", "laptops", CELL_DEVICES, NULL},
};

static const struct view_def views[] = {
    {VIEW_FRONT_DOOR, "front-door", "Who is waiting?", "Nobody is waiting.", front_door, COUNT(front_door)},
    {VIEW_CASELOAD, "caseload", "Who are we with?", "We are with nobody yet.", caseload, COUNT(caseload)},
    {VIEW_PERSON, "person", "What is the story so far?", "Nothing is recorded yet.", person, COUNT(person)},
    {VIEW_TO_SETTLE, "to-settle", "What needs us to agree?", "Nothing is to settle.", to_settle, COUNT(to_settle)},
    {VIEW_FRESHNESS, "freshness", "What don't we know?", "No laptop has been heard yet.", freshness, COUNT(freshness)},
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
