/* SPDX-License-Identifier: Apache-2.0 */
/* felloed --init-hub: identity, log with the sites and a key for each, the hub's own device record, and at last the
 * configuration, whose presence says that all of it is there. */
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/setup/setup.h"

static enum felloe_code plan(const struct setup_options *options, struct config *config, struct felloe_error *error)
{
    config_start(config, ROLE_HUB);
    if (*options->name == '\0' || strlen(options->name) > LABEL_MAX || !utf8_valid(bytes_str(options->name)))
        return felloe_fail(error, FELLOE_INVALID, "a hub's name has 1 to %d bytes of UTF-8", LABEL_MAX);
    if (strlen(options->listen) >= sizeof config->listen ||
        (options->advertise != NULL && strlen(options->advertise) >= sizeof config->advertise))
        return felloe_fail(error, FELLOE_INVALID, "the address is too long");
    snprintf(config->listen, sizeof config->listen, "%s", options->listen);
    snprintf(config->advertise, sizeof config->advertise, "%s", options->advertise != NULL ? options->advertise : "");
    snprintf(config->unlock, sizeof config->unlock, "%s", options->unlock);
    config_add_self(config);
    enum felloe_code code = vault_way_check(options->unlock, ROLE_HUB, error);
    if (code == FELLOE_OK)
        code = config_add_site(config, "commons", error);
    for (size_t i = 0; code == FELLOE_OK && i < options->site_count; i++)
        code = config_add_site(config, options->sites[i], error);
    return code == FELLOE_OK ? config_check(config, error) : code;
}

/* Those of an earlier try that was interrupted, or fresh ones. */
static enum felloe_code take_identity(const struct setup_options *options, struct identity *identity,
                                      struct felloe_error *error)
{
    struct config there;
    bool fresh;
    enum felloe_code code = setup_identity(options->dir, identity, error);
    if (code == FELLOE_OK &&
        (identity->role != ROLE_HUB || config_load(&there, options->dir, NULL) != FELLOE_NOT_FOUND))
        return felloe_fail(error, FELLOE_IN_USE, "%s is %s already (%s). Give another --dir", options->dir,
                           identity->role == ROLE_HUB ? "a hub" : "a laptop's", identity->label);
    if (code != FELLOE_OK && code != FELLOE_NOT_FOUND)
        return code;
    fresh = code == FELLOE_NOT_FOUND;
    if (fresh)
        identity_generate(identity, ROLE_HUB);
    else if ((code = setup_unlock(options->dir, options->unlock, NULL, identity, error)) != FELLOE_OK)
        return code;
    identity->joined = true;
    snprintf(identity->label, sizeof identity->label, "%s", options->name);
    snprintf(identity->worker, sizeof identity->worker, "%s", HUB_WORKER);
    return fresh ? setup_save_fresh(options, identity, error) : identity_save(identity, options->dir, error);
}

static enum felloe_code add_site(struct setup_log *setup, const char *site, struct felloe_error *error)
{
    struct key_record key;
    struct log_job job = {.kind = LOG_ADD_SITE};
    snprintf(job.site, sizeof job.site, "%s", site);
    enum felloe_code code = keyring_site_key(setup->keyring, bytes_str(site), &key);
    if (!keyring_was_read(code))
        return keyring_unread(error);
    if (code != FELLOE_OK) {
        site_key_make(&key, site);
        job.new_keys = &key;
        job.new_key_count = 1;
    }
    code = setup_log_do(setup, &job, error);
    sodium_memzero(&key, sizeof key);
    return code;
}

static enum felloe_code add_own_device(struct setup_log *setup, const struct identity *identity,
                                       const struct config *config, struct felloe_error *error)
{
    struct device_record device = {.device = identity->device,
                                   .sign = identity->sign_public,
                                   .box = identity->box_public,
                                   .site_count = config->site_count,
                                   .joined_ms = clock_wall_ms()};
    memcpy(device.curve, identity->curve_public, sizeof device.curve);
    memcpy(device.label, identity->label, sizeof device.label);
    memcpy(device.worker, identity->worker, sizeof device.worker);
    memcpy(device.sites, config->sites, sizeof device.sites);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    return setup_log_do(setup, &job, error);
}

static enum felloe_code fill(const struct setup_options *options, const struct config *config,
                             struct identity *identity, struct felloe_error *error)
{
    struct setup_log setup;
    enum felloe_code code = take_identity(options, identity, error);
    if (code != FELLOE_OK)
        return code;
    setup_forget_unfinished(options->dir);
    code = setup_log_open(&setup, options->dir, identity, error);
    if (code != FELLOE_OK)
        return code;
    for (uint32_t i = 0; code == FELLOE_OK && i < config->site_count; i++)
        code = add_site(&setup, config->sites[i], error);
    if (code == FELLOE_OK)
        code = add_own_device(&setup, identity, config, error);
    setup_log_close(&setup);
    return code == FELLOE_OK ? config_write(config, options->dir, error) : code;
}

enum felloe_code setup_hub(const struct setup_options *options, struct setup_result *out, struct felloe_error *error)
{
    struct config config;
    struct identity identity;
    enum felloe_code code = plan(options, &config, error);
    if (code != FELLOE_OK)
        return code;
    int lock = setup_directory(options->dir, error);
    if (lock < 0)
        return error->code;
    code = fill(options, &config, &identity, error);
    if (code == FELLOE_OK) {
        *out = (struct setup_result){.device = identity.device, .site_count = config.site_count};
        memcpy(out->name, identity.label, sizeof out->name);
        memcpy(out->worker, identity.worker, sizeof out->worker);
        memcpy(out->sites, config.sites, sizeof out->sites);
    }
    identity_clear(&identity);
    close(lock);
    return code;
}
