/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon's stores opened as the daemon does; see opened.h. */
#include "tests/power/opened.h"

#include <stdio.h>
#include <sys/stat.h>

#include "daemon/store/vault.h"
#include "tests/power/power.h"

/* Small, as each image has its own. */
#define RESERVE_BYTES 4096

enum felloe_code opened_open_unmade(struct opened *opened, const char *image, struct felloe_error *error)
{
    *opened = (struct opened){0};
    if (!image_directory(image, opened->dir, sizeof opened->dir))
        return felloe_fail(error, FELLOE_NOT_FOUND, "there is no directory");
    const struct vault_opening opening = {.dir = opened->dir, .now_ms = 1};
    enum felloe_code code = vault_open_directory(&opening, &opened->identity, NULL, error);
    if (code != FELLOE_OK)
        return code;
    queue_init(&opened->completions, NULL, NULL);
    code = keyring_open(&opened->keyring, opened->dir, opened->identity.keyring_key, error);
    const struct event_log_config config = {.dir = opened->dir,
                                            .identity = &opened->identity,
                                            .keyring = opened->keyring,
                                            .completions = &opened->completions,
                                            .reserve_bytes = RESERVE_BYTES};
    if (code == FELLOE_OK)
        code = event_log_open(&opened->log, &config, error);
    if (code != FELLOE_OK)
        opened_close(opened);
    return code;
}

enum felloe_code opened_open(struct opened *opened, const char *image, struct felloe_error *error)
{
    char dir[sizeof opened->dir];
    struct config config;
    if (!image_directory(image, dir, sizeof dir))
        return felloe_fail(error, FELLOE_NOT_FOUND, "there is no directory");
    enum felloe_code code = config_load(&config, dir, error);
    if (code != FELLOE_OK)
        return code;
    code = opened_open_unmade(opened, image, error);
    if (code == FELLOE_OK)
        opened->config = config;
    return code;
}

void opened_close(struct opened *opened)
{
    event_log_close(opened->log);
    if (opened->keyring != NULL)
        keyring_close(opened->keyring);
    queue_destroy(&opened->completions);
    identity_clear(&opened->identity);
    opened->log = NULL;
    opened->keyring = NULL;
}

enum felloe_code opened_do(struct opened *opened, struct log_job *job)
{
    event_log_submit(opened->log, job);
    queue_wait_all(&opened->completions); /* one job is under way at a time */
    return job->code;
}
