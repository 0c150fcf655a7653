/* SPDX-License-Identifier: Apache-2.0 */
/* The shared views as a table: name, columns, order. rows(view, document) is pure; the projector stores what it
 * gives, the client lays it out from the same table. */
#ifndef FELLOE_PROTO_VIEW_H
#define FELLOE_PROTO_VIEW_H

#include "proto/domain/document.h"

enum view {
    VIEW_CASELOAD = 1, VIEW_FRONT_DOOR = 2, VIEW_TO_SETTLE = 3, VIEW_PERSON = 4, VIEW_FRESHNESS = 5, VIEW_WORKERS = 6,
    VIEW_SAFETY = 7, VIEW_HUDDLE = 8, VIEW_MY_DAY = 9, VIEW_BEFORE_YOU_CALL = 10, VIEW_GOALS = 11,
    VIEW_CONNECTIONS = 12, VIEW_RESOURCES = 13, VIEW_PLACES = 14, VIEW_WORRIES = 15, VIEW_NEWS = 16, VIEW_LEARNING = 17,
    VIEW_FAREWELLS = 18
};

/* How a cell is stored (msgpack) and shown. Any cell may be nil. */
enum cell_kind {
    CELL_TEXT,    /* str */
    CELL_CODE,    /* str; shown with its label from column.codes */
    CELL_NUMBER,  /* integer */
    CELL_TIME,    /* ms since 1970; shown as local date and time */
    CELL_SINCE,   /* ms since 1970; shown as "12 days" up to now */
    CELL_PERSON,  /* bin 16; the person's id, shown as its short prefix */
    CELL_WORKER,  /* str, worker id; shown with the worker's name */
    CELL_WORKERS, /* array of worker ids */
    CELL_TEXTS,   /* array of str: all values of a register that is to be settled; one when it is not */
    CELL_EVENT,   /* bin 32 */
    CELL_DEVICE,  /* bin 16 */
    CELL_DEVICES, /* array of str, ids in hex; shown as their short prefixes */
    CELL_FIELDS,  /* map of an event's fields */
    CELL_YESNO,   /* bool */
    CELL_CODES,   /* array of str; shown with their labels from column.codes */
    CELL_MEAN,    /* integer, hundredths; shown as "4.25" */
    CELL_CHANGE,  /* integer, shown with its sign: "+2" */
    CELL_CLOCK,   /* array: since (ms), limit (ms, how long), stopped (ms or nil); shown as "2 h 10 min left", "30 min
                     over", "stopped after 1 h 50 min" */
    CELL_NEXT,    /* stored: array of times, ascending; told: the first that is not past, or nil */
    CELL_OPEN,    /* stored: opening hours, str; told: array of bool (open now) and when that changes next (ms or nil),
                     or nil where no hours are known */
    CELL_RESOURCE /* stored: bin 32, the entry that a resource is; told: array of that and the resource's name (str, or
                     nil where it is not known) */
};

struct column_def {
    const char *name, *label; /* JSON key; table heading */
    enum cell_kind kind;
    const struct code_list *codes;
    bool quiet;               /* in JSON only: a table for people leaves it out */
};

struct view_def {
    enum view view;
    const char *name, *title; /* "front-door", "Who is waiting?" */
    const char *empty;        /* shown instead of an empty table */
    const struct column_def *columns;
    size_t column_count;
};

size_t view_count(void);
const struct view_def *view_at(size_t index);
const struct view_def *view_find(struct bytes name);
const struct view_def *view_of(enum view view);

/* The columns that code outside of this file fills in or looks up, by place. */
enum worker_column { WORKER_ID, WORKER_NAME, WORKER_ROLE, WORKER_AGENCY, WORKER_DEVICES, WORKER_COLUMNS };
enum freshness_column {
    FRESHNESS_DEVICE, FRESHNESS_WORKER, FRESHNESS_LAST_EVENT, FRESHNESS_LAST_HEARD, FRESHNESS_WAITING,
    FRESHNESS_REVOKED, FRESHNESS_COLUMNS
};
enum settle_column {
    SETTLE_NUMBER, SETTLE_PERSON, SETTLE_ID, SETTLE_FIELD, SETTLE_WHICH, SETTLE_VALUES, SETTLE_WORKERS, SETTLE_WHY,
    SETTLE_SINCE, SETTLE_KEY, SETTLE_CHOICES, SETTLE_COLUMNS
};
enum resource_column {
    RESOURCE_NAME, RESOURCE_AREA, RESOURCE_PLACE, RESOURCE_CONTACT, RESOURCE_OPEN, RESOURCE_HOURS, RESOURCE_CAPACITY,
    RESOURCE_STATUS, RESOURCE_CHECKED, RESOURCE_ID, RESOURCE_COLUMNS
};
enum huddle_column {
    HUDDLE_PERSON, HUDDLE_ID, HUDDLE_WHY, HUDDLE_ASKED_BY, HUDDLE_LAST_CONTACT, HUDDLE_KEY_WORKERS, HUDDLE_QUIET_SINCE,
    HUDDLE_COLUMNS
};
enum my_day_column {
    MY_DAY_TIME, MY_DAY_PERSON, MY_DAY_ID, MY_DAY_WHAT, MY_DAY_PLACE, MY_DAY_ACCESS, MY_DAY_WORKERS, MY_DAY_KIND,
    MY_DAY_ALSO, MY_DAY_ENTRY, MY_DAY_MINUTES, MY_DAY_HOURS, MY_DAY_COLUMNS
};
enum places_column {
    PLACES_WHAT, PLACES_PLACE, PLACES_WHEN, PLACES_OPEN, PLACES_WORKERS, PLACES_BACK_BY, PLACES_STATUS, PLACES_ID,
    PLACES_COLUMNS
};
enum news_column {
    NEWS_RECORDED, NEWS_WHEN, NEWS_WHO, NEWS_PERSON, NEWS_PERSON_ID, NEWS_TYPE, NEWS_FIELDS, NEWS_LATE, NEWS_STRUCK,
    NEWS_NOT_RECOGNISED, NEWS_SITE, NEWS_ENTRY, NEWS_COLUMNS
};
enum worries_column { WORRIES_WORKER, WORRIES_SINCE, WORRIES_WORDS, WORRIES_HELD_BY, WORRIES_ID, WORRIES_COLUMNS };
enum learning_column { LEARNING_WHAT, LEARNING_COUNT, LEARNING_OF, LEARNING_MEDIAN, LEARNING_COLUMNS };

/* One row: where it sorts in its view (ascending by sort, then by subject, then by sub), and its cells: one msgpack
 * array in the order of the view's columns. */
struct view_row {
    enum view view;
    uint64_t sort;
    uint32_t sub;      /* tells apart several rows of one subject in one view */
    struct bytes cells; /* borrowed for the call */
};
typedef bool (*view_emit)(void *context, const struct view_row *row);

/* Every row that this document has in the views of people (a person's), or of the site (the site's: the subject is
 * none). False when emit said so or memory ran out. */
bool view_rows(const struct document *document, const struct person_id *subject, view_emit emit, void *context);

/* A row of the person view (timeline), made from one event and the document (which knows what was struck).
 * Cells are appended to `out`. False: memory ran out. */
bool view_timeline_cells(const struct document *document, const struct fold_event *event, struct buffer *out);
/* Where it sorts: when it happened, else when it was recorded (as a hybrid time, so that what was recorded in one
 * millisecond keeps its order). */
uint64_t view_timeline_sort(const struct event_body *body);

/* ---- what else is asked of a document ---- */

/* Works out what the document means, if that was not done since it changed. False: memory ran out. After it nothing
 * below needs memory; without it, what finds no memory and cannot say so answers as if nothing had been written. */
bool document_understood(const struct document *document);

/* The person's name as shown, then the other concurrent names; for finding people by name. Calls for each. False:
 * memory ran out (before the first). */
typedef void (*name_visit)(void *context, struct bytes name);
bool document_names(const struct document *document, name_visit visit, void *context);
/* Number of things to settle. False: memory ran out. */
bool document_to_settle(const struct document *document, uint32_t *out);
/* Events that this version does not know, or not all fields of. */
uint32_t document_not_recognised(const struct document *document);
/* The support episode in force, for defaults ("farewell" ends it): how it was called, else the id (hex) of the event
 * that opened it. False when there is none. Lives until the document changes. */
bool document_current_episode(const struct document *document, struct bytes *episode);
/* Who the person is at a glance, as pairs of a map; returns how many it appended. When memory ran out, `out` has
 * failed.
 *
 *   known_as, pronouns, contact, date_of_birth, nhs_number, key_workers, team, shared_with
 *                    arrays of texts, all that are shown; left out when nobody wrote it
 *   support          "waiting", "active" or "ended", nil before an introduction
 *   episode          how the time of support in force is called; else left out, as all below
 *   retain_until     after the farewell: the date until which the record is kept; and way_back, in words
 *   paused           yes; paused_until, a date
 *   moved_to         the site of the team that the person went to
 *   introductions    of this time, then returns: array of {source (code), when (ms), who, own_words}
 *   to_settle, not_recognised  how many
 *
 * What the record says section by section, and what is from before: view_record.h. */
uint32_t document_summary(const struct document *document, struct buffer *out);
/* The devices of a site: whose they are and what they sign with. `key` is NULL where it was not told. False: memory ran
 * out (before the first). */
typedef void (*device_visit)(void *context, const struct device_id *device, const uint8_t *key, struct bytes worker);
bool document_devices(const struct document *document, device_visit visit, void *context);
/* The laptops that were revoked, each as often as it was, and why ("" where nobody said). */
typedef void (*revoked_visit)(void *context, const struct device_id *device, struct bytes why);
bool document_revoked(const struct document *document, revoked_visit visit, void *context);

/* Years for which a record is kept after the farewell, and the day (local time) until which that is. */
#define RETENTION_YEARS 20u
#define RETENTION_DAY_SIZE 16
void retention_until(int64_t ended, uint32_t years, char out[RETENTION_DAY_SIZE]);

#endif
