/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's terms: kept as they came, so that their signature can be held against the hub's key each time. */
#include "daemon/terms.h"

#include <string.h>

#include "daemon/audit.h"
#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/store/file.h"

#define FILE_NAME "terms"

static void of_hub(struct daemon *daemon)
{
    const struct identity *me = &daemon->identity;
    struct terms *terms = &daemon->terms;
    terms->lease_hours = daemon->config.lease_hours;
    memcpy(terms->curve, me->curve_public, sizeof terms->curve);
    terms->box = me->box_public;
    terms->has_auditors = auditors_public(daemon, &terms->auditors);
}

/* Of this hub, and told to this laptop: another one's have other words, perhaps. */
static bool read_kept(const struct daemon *daemon, struct bytes object, struct terms *out)
{
    return terms_read(object, &daemon->identity.hub_sign, out) &&
           device_id_equal(&out->device, &daemon->identity.device);
}

static void of_laptop(struct daemon *daemon)
{
    struct buffer in = {0};
    struct felloe_error error;
    const char *why = "";
    enum felloe_code code = file_read(daemon->dir, FILE_NAME, TERMS_SIZE_MAX, &in, &error);
    daemon->terms = (struct terms){0};
    daemon->terms_kept = TERMS_LOST;
    if (code == FELLOE_NOT_FOUND && !lease_is_kept(daemon))
        daemon->terms_kept = TERMS_NONE;
    else if (code == FELLOE_NOT_FOUND)
        why = "is gone";
    else if (code != FELLOE_OK)
        why = error.message;
    else if (read_kept(daemon, buffer_bytes(&in), &daemon->terms))
        daemon->terms_kept = TERMS_KEPT;
    else
        why = "is damaged, or another laptop's";
    if (daemon->terms_kept == TERMS_LOST) {
        daemon->terms = (struct terms){0};
        report(LEVEL_WARNING, "%s/" FILE_NAME " %s: no record is shown before the hub is heard", daemon->dir, why);
    }
    buffer_release(&in);
}

static bool was_heard(struct log_reader *reader, const char *name)
{
    struct stream_head own = {0};
    struct log_head cursors[SEEN_MAX];
    uint64_t shared_seq = 0;
    int64_t oldest_ms = 0;
    const struct bytes site = bytes_str(name);
    return log_heads(reader, site, cursors) > 0 ||
           (log_own(reader, site, &own, &shared_seq, &oldest_ms) && shared_seq > 0);
}

/* What the hub gave, or has a receipt for, came after a WELCOME. */
void terms_look_at_log(struct daemon *daemon)
{
    char site[SLUG_MAX + 1];
    if (daemon->config.role == ROLE_HUB || daemon->terms_kept != TERMS_NONE)
        return;
    struct log_reader *reader = log_reader_begin(daemon->log, NULL);
    bool heard = reader == NULL;
    for (size_t i = 0; !heard && log_site_at(reader, i, site); i++)
        heard = was_heard(reader, site);
    heard = heard || log_reader_failed(reader, NULL);
    if (reader != NULL)
        log_reader_end(reader);
    if (!heard)
        return;
    daemon->terms = (struct terms){0};
    daemon->terms_kept = TERMS_LOST;
    report(LEVEL_WARNING, "%s/" FILE_NAME " is gone: no record is shown before the hub is heard", daemon->dir);
}

void terms_open(struct daemon *daemon)
{
    if (daemon->config.role == ROLE_HUB)
        of_hub(daemon);
    else
        of_laptop(daemon);
}

void terms_take(struct daemon *daemon, struct bytes object)
{
    struct terms next;
    struct felloe_error error;
    if (!read_kept(daemon, object, &next))
        return; /* they were proven */
    bool same = daemon->terms_kept == TERMS_KEPT && terms_same(&next, &daemon->terms);
    daemon->terms = next;
    if (daemon->terms_kept == TERMS_LOST)
        report(LEVEL_INFO, "the hub was heard: how long the record may be shown is known again");
    if (same)
        return;
    if (file_write(daemon->dir, FILE_NAME, object, &error) == FELLOE_OK) {
        daemon->terms_kept = TERMS_KEPT;
    } else {
        daemon->terms_kept = TERMS_NONE; /* with the next WELCOME again */
        report(LEVEL_WARNING, "what the hub tells all laptops could not be kept: %s", error.message);
    }
}
