/* SPDX-License-Identifier: Apache-2.0 */
/* What was done, and what people should do and expect now; see setup_tell.h. */
#include "daemon/setup/setup_tell.h"

#include <inttypes.h>
#include <time.h>

#include "daemon/report.h"

void tell_json_text(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            putc(*c, out);
    putc('"', out);
}

/* ---- restored ---- */

static void put_path(const char *name, const char *path)
{
    printf(",\"%s\":", name);
    if (*path != '\0')
        tell_json_text(stdout, path);
    else
        fputs("null", stdout);
}

static void tell_json(const char *dir, const struct restore_outcome *done)
{
    char device[33];
    hex_encode(bytes_of(done->device.b, sizeof done->device.b), device);
    printf("{\"device\":\"%s\",\"role\":\"%s\",\"name\":", device, done->role == ROLE_HUB ? "hub" : "spoke");
    tell_json_text(stdout, done->name);
    fputs(",\"dir\":", stdout);
    tell_json_text(stdout, dir);
    printf(",\"log\":%s,\"keys\":%s,\"made\":%" PRId64, done->log ? "true" : "false", done->keys ? "true" : "false",
           done->made_ms);
    printf(",\"epoch_then\":%u,\"epoch\":%u", done->epoch_then, done->epoch);
    put_path("log_kept", done->log_kept);
    put_path("keys_kept", done->keys_kept);
    put_path("identity_kept", done->identity_kept);
    printf(",\"waiting\":%" PRIu64, done->waiting);
    printf(",\"keys_added\":%" PRIu64 ",\"keys_erased\":%" PRIu64, done->keys_added, done->keys_erased);
    printf(",\"verified\":%s,\"problems\":%" PRIu64 ",\"configured\":%s}\n", done->verified ? "true" : "false",
           done->problems, done->configured ? "true" : "false");
}

static void time_text(int64_t ms, char out[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (localtime_r(&seconds, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M", &tm) == 0)
        snprintf(out, 32, "unknown time");
}

static void tell_keys(const char *dir, const struct restore_outcome *done)
{
    if (!done->keys)
        return;
    printf("%" PRIu64 " key%s came back", done->keys_added, done->keys_added == 1 ? "" : "s");
    if (done->keys_erased > 0)
        printf("; %" PRIu64 " that the backup says are erased, are erased", done->keys_erased);
    puts(". Keys that were here stay as they were.");
    if (done->identity_kept[0] != '\0')
        printf("The damaged identity is kept: %s\n", done->identity_kept);
    if (done->keys_kept[0] != '\0')
        printf("The damaged keyring is kept: %s\n", done->keys_kept);
    if (!done->log)
        printf("The log of %s is as it was; where there is none, a new one begins, and fills by itself.\n", dir);
}

static void tell_log(const struct restore_outcome *done)
{
    char made[32];
    if (!done->log)
        return;
    time_text(done->made_ms, made);
    printf("The log is as it was backed up (%s).\n", made);
    if (done->log_kept[0] != '\0')
        printf("The log that was here is kept: %s. Remove it when all is well.\n", done->log_kept);
    if (done->log_unreadable)
        puts("It could not be read, so nothing was taken over from it.");
    if (done->waiting > 0)
        printf("%" PRIu64 " entr%s written here and not shared since %s in that one alone.\n", done->waiting,
               done->waiting == 1 ? "y" : "ies", done->waiting == 1 ? "is" : "are");
    if (done->problems > 0)
        printf("%" PRIu64 " problem%s in it, from before it was backed up: `felloe verify` tells which.\n",
               done->problems, done->problems == 1 ? "" : "s");
    else if (!done->verified)
        puts("It is large: let `felloe verify` look through it once it is served.");
}

void tell_restored(const char *dir, const struct restore_outcome *done, bool json)
{
    char name[sizeof done->name];
    if (json) {
        tell_json(dir, done);
        return;
    }
    memcpy(name, done->name, sizeof name);
    report_clean(name);
    printf("%s is %s “%s” again.\n", dir, done->role == ROLE_HUB ? "the hub" : "the laptop", name);
    tell_keys(dir, done);
    tell_log(done);
    if (done->role == ROLE_HUB && done->log)
        printf("The hub goes on in epoch %u. Laptops bring what it lacks, by themselves, as they connect; until the last\n"
               "of them has, some of what was shared can be missing here.\n",
               done->epoch);
    if (done->role == ROLE_SPOKE && done->log)
        puts("What it had shared comes back from the hub, and it goes on as another incarnation, by itself.");
    if (!done->configured)
        printf("There is no %s/felloe.conf, and no backup of one was given: put the old one there, or write it anew.\n",
               dir);
    printf("Start it: felloed --dir %s\n", dir);
}
