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

static void of_laptop(struct daemon *daemon)
{
    struct buffer in = {0};
    struct felloe_error error;
    enum felloe_code code = file_read(daemon->dir, FILE_NAME, TERMS_SIZE_MAX, &in, &error);
    if (code == FELLOE_OK && !terms_read(buffer_bytes(&in), &daemon->identity.hub_sign, &daemon->terms))
        report(LEVEL_WARNING, "%s/" FILE_NAME " is damaged: what the hub told all laptops holds again once it is heard",
               daemon->dir);
    else if (code != FELLOE_OK && code != FELLOE_NOT_FOUND)
        report(LEVEL_WARNING, "what the hub told all laptops cannot be read: %s", error.message);
    buffer_release(&in);
}

void terms_open(struct daemon *daemon)
{
    if (daemon->config.role == ROLE_HUB)
        of_hub(daemon);
    else
        of_laptop(daemon);
}

/* What is kept is what came: the same is not written again. */
static bool is_kept(const struct daemon *daemon, struct bytes object)
{
    struct buffer in = {0};
    bool same = file_read(daemon->dir, FILE_NAME, TERMS_SIZE_MAX, &in, NULL) == FELLOE_OK &&
                bytes_equal(buffer_bytes(&in), object);
    buffer_release(&in);
    return same;
}

void terms_take(struct daemon *daemon, struct bytes object)
{
    struct terms next;
    struct felloe_error error;
    bool told = object.len > 0 && terms_read(object, &daemon->identity.hub_sign, &next);
    if (told)
        daemon->terms = next;
    lease_heard(daemon); /* first: a lease without a contact would be over */
    if (object.len > 0 && !told)
        report(LEVEL_WARNING, "what the hub tells all laptops is not signed as it should be, and was left aside");
    if (told && !is_kept(daemon, object) && file_write(daemon->dir, FILE_NAME, object, &error) != FELLOE_OK)
        report(LEVEL_WARNING, "what the hub tells all laptops could not be kept: %s", error.message);
}
