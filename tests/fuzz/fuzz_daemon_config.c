/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes felloe.conf: what is accepted is written, and read again to the same. */
#include "tests/fuzz/fuzz_dir.h"

#include "daemon/config.h"

unsigned long fuzz_accepted;

static const char name[] = "felloe.conf";

bool fuzz_seed(unsigned number, struct buffer *out)
{
    struct config config;
    if (number >= 2)
        return false;
    config_start(&config, number == 0 ? ROLE_HUB : ROLE_SPOKE);
    if (number == 0) {
        snprintf(config.listen, sizeof config.listen, "tcp://*:7411");
        snprintf(config.advertise, sizeof config.advertise, "tcp://hub.example:7411");
        MUST(config_add_site(&config, "dale-east", NULL) == FELLOE_OK);
    } else {
        snprintf(config.hub, sizeof config.hub, "tcp://hub.example:7411");
        snprintf(config.proxy, sizeof config.proxy, "127.0.0.1:9050");
    }
    MUST(config_write(&config, fuzz_dir(), NULL) == FELLOE_OK);
    fuzz_read(name, out);
    return true;
}

/* The other role's settings are read, and not written. */
static bool same(const struct config *a, const struct config *b)
{
    if (a->role != b->role || strcmp(a->socket, b->socket) != 0 || a->level != b->level)
        return false;
    if (a->role == ROLE_SPOKE)
        return strcmp(a->hub, b->hub) == 0 && strcmp(a->proxy, b->proxy) == 0 && a->pull_wait_s == b->pull_wait_s;
    for (uint32_t i = 0; i < a->site_count && i < b->site_count; i++)
        if (strcmp(a->sites[i], b->sites[i]) != 0)
            return false;
    return strcmp(a->listen, b->listen) == 0 && strcmp(a->advertise, b->advertise) == 0 &&
           a->ticket_hours == b->ticket_hours && a->lease_hours == b->lease_hours && a->site_count == b->site_count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config config, again;
    struct felloe_error error = {0};
    fuzz_write(name, bytes_of(data, size));
    if (config_load(&config, fuzz_dir(), &error) != FELLOE_OK) {
        MUST(error.message[0] != '\0');
        return 0;
    }
    MUST(config_write(&config, fuzz_dir(), &error) == FELLOE_OK);
    const enum felloe_code code = config_load(&again, fuzz_dir(), &error);
    if (code != FELLOE_OK)
        fprintf(stderr, "what was written cannot be read: %s\n", error.message);
    MUST(code == FELLOE_OK);
    MUST(same(&config, &again));
    fuzz_accepted++;
    return 0;
}
