/* SPDX-License-Identifier: Apache-2.0 */
/* SIGHUP: the configuration read again; what takes effect at once, and what at the next start. */
#include "daemon/daemon_inside.h"
#include "daemon/report.h"

static void tell_restart(const char *setting, bool changed)
{
    if (changed)
        report(LEVEL_WARNING, "felloe.conf: %s was changed, which takes effect at the next start", setting);
}

static bool has_site(const struct config *config, const char *site)
{
    for (uint32_t i = 0; i < config->site_count; i++)
        if (strcmp(config->sites[i], site) == 0)
            return true;
    return false;
}

void daemon_read_config(struct daemon *daemon)
{
    struct config *now = &daemon->config, next;
    struct felloe_error error;
    if (config_load(&next, daemon->dir, &error) != FELLOE_OK) {
        report(LEVEL_ERROR, "the configuration stays as it was: %s", error.message);
        return;
    }
    tell_restart("role", next.role != now->role);
    tell_restart("listen", strcmp(next.listen, now->listen) != 0);
    tell_restart("hub", strcmp(next.hub, now->hub) != 0);
    tell_restart("proxy", strcmp(next.proxy, now->proxy) != 0);
    tell_restart("socket", strcmp(next.socket, now->socket) != 0);
    tell_restart("socket_group", strcmp(next.socket_group, now->socket_group) != 0);
    tell_restart("unlock", strcmp(next.unlock, now->unlock) != 0);
    tell_restart("pull_wait", next.pull_wait_s != now->pull_wait_s);
    for (uint32_t i = 0; i < now->site_count; i++)
        if (!has_site(&next, now->sites[i]))
            report(LEVEL_WARNING, "felloe.conf: site %s is missing; a site that was used is never taken away",
                   now->sites[i]);
    now->level = next.level;
    now->ticket_hours = next.ticket_hours;
    now->lock_after_s = next.lock_after_s;
    daemon_watch_idle(running_of(daemon));
    now->lease_hours = next.lease_hours;
    now->retention_years = next.retention_years;
    memcpy(now->advertise, next.advertise, sizeof now->advertise);
    memcpy(now->users, next.users, sizeof now->users);
    now->user_count = next.user_count;
    memcpy(now->administrators, next.administrators, sizeof now->administrators);
    now->administrator_count = next.administrator_count;
    for (uint32_t i = 0; i < next.site_count; i++)
        if (config_add_site(now, next.sites[i], &error) != FELLOE_OK)
            report(LEVEL_ERROR, "%s", error.message);
    report_level(now->level);
    sites_add_new(daemon);
    if (daemon->config.role == ROLE_HUB) {
        terms_open(daemon);
        driver_terms_changed(daemon->driver);
    }
    report(LEVEL_INFO, "the configuration was read again");
}

void daemon_on_hangup(void *context)
{
    struct running *running = running_of(context);
    running->hung_up = running->again;
    if (!running->again)
        daemon_read_config(context);
}
