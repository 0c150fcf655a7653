/* SPDX-License-Identifier: Apache-2.0 */
/* What was done, and what people should do and expect now; see setup_tell.h. */
#include "daemon/setup/setup_tell.h"

#include <inttypes.h>
#include <time.h>

#include "daemon/report.h"
#include "proto/event/look.h"

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

static void put_path(const char *name, const char *path)
{
    printf(",\"%s\":", name);
    if (*path != '\0')
        tell_json_text(stdout, path);
    else
        fputs("null", stdout);
}

static void put_time(const char *name, int64_t ms)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    if (ms <= 0 || gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        printf(",\"%s\":null", name);
    else
        printf(",\"%s\":\"%s.%03d+00:00\"", name, text, (int)(ms % 1000));
}

/* ---- restored ---- */

static void tell_json(const char *dir, const struct restore_outcome *done)
{
    char device[33];
    hex_encode(bytes_of(done->device.b, sizeof done->device.b), device);
    printf("{\"device\":\"%s\",\"role\":\"%s\",\"name\":", device, done->role == ROLE_HUB ? "hub" : "spoke");
    tell_json_text(stdout, done->name);
    fputs(",\"dir\":", stdout);
    tell_json_text(stdout, dir);
    printf(",\"log\":%s,\"keys\":%s", done->log ? "true" : "false", done->keys ? "true" : "false");
    put_time("made", done->made_ms);
    printf(",\"epoch_then\":%u,\"epoch\":%u", done->epoch_then, done->epoch);
    put_path("log_kept", done->log_kept);
    put_path("keys_kept", done->keys_kept);
    put_path("identity_kept", done->identity_kept);
    printf(",\"waiting\":%" PRIu64 ",\"tickets_void\":%u", done->waiting, done->tickets_void);
    printf(",\"keys_added\":%" PRIu64 ",\"keys_erased\":%" PRIu64 ",\"keys_damaged\":%" PRIu64, done->keys_added,
           done->keys_erased, done->keys_damaged);
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
    if (done->keys_added == 0)
        fputs("All keys of the backup are here already", stdout);
    else
        printf("%" PRIu64 " key%s came back", done->keys_added, done->keys_added == 1 ? "" : "s");
    if (done->keys_erased > 0)
        printf("; %" PRIu64 " that the backup says are erased, are erased", done->keys_erased);
    puts(". Keys that were here stay as they were.");
    if (done->keys_damaged > 0)
        printf("%" PRIu64 " of those cannot be opened: felloed --dir %s --repair, then this again.\n",
               done->keys_damaged, dir);
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
        printf("The hub goes on in epoch %u. Laptops bring what it lacks, by themselves, as they connect; until the\n"
               "last of them has, some of what was shared can be missing here.\n",
               done->epoch);
    if (done->tickets_void > 0)
        printf("%u ticket%s not used yet, and can be used no more: make new ones (felloe hub invite).\n",
               done->tickets_void, done->tickets_void == 1 ? " was" : "s were");
    if (done->role == ROLE_SPOKE && done->log)
        puts("What it had shared comes back from the hub, and it goes on as another incarnation, by itself.");
    if (!done->configured)
        printf("There is no %s/felloe.conf, and no backup of one was given: put the old one there, or write it anew.\n",
               dir);
    printf("Start it: felloed --dir %s\n", dir);
}

/* ---- repaired ---- */

static void tell_repaired_json(const char *dir, const struct repair_outcome *done)
{
    fputs("{\"dir\":", stdout);
    tell_json_text(stdout, dir);
    printf(",\"role\":\"%s\"", done->role == ROLE_HUB ? "hub" : "spoke");
    put_path("keys_damage", done->keys_damage);
    put_path("keys_kept", done->keys_kept);
    printf(",\"keys\":%" PRIu64 ",\"keys_lost\":%" PRIu64, done->keys.kept, done->keys.lost);
    put_path("log_damage", done->log_damage);
    put_path("log_kept", done->log_kept);
    printf(",\"goes_on\":%s,\"sites\":[", done->log.goes_on ? "true" : "false");
    for (size_t i = 0; i < done->log.site_count; i++) {
        const struct log_repair_site *site = &done->log.sites[i];
        printf("%s{\"site\":\"%s\",\"entries\":%" PRIu64 ",\"entries_before\":%" PRIu64 ",\"own\":%" PRIu64
               ",\"own_before\":%" PRIu64 ",\"again\":%" PRIu64 "}",
               i > 0 ? "," : "", site->site, site->entries, site->entries_before, site->own, site->own_before,
               site->again);
    }
    fputs("]}\n", stdout);
}

static void tell_repaired_site(const struct log_repair_site *site, bool hub)
{
    printf("  %s: %" PRIu64, site->site, site->entries);
    if (site->entries_before >= site->entries)
        printf(" of %" PRIu64, site->entries_before);
    fputs(" entries prove to be true and were taken over", stdout);
    if (!hub && site->own_before > site->own)
        printf("; of those written here %" PRIu64 " of %" PRIu64, site->own, site->own_before);
    if (site->again > 0)
        printf("; %" PRIu64 " that the hub wrote itself %s written again", site->again,
               site->again == 1 ? "was" : "were");
    puts("");
}

static void tell_repaired_log(const struct repair_outcome *done)
{
    const bool hub = done->role == ROLE_HUB;
    printf("The log was made anew, because %s.\n", done->log_damage); /* whoever found it says that it is damage */
    for (size_t i = 0; i < done->log.site_count; i++)
        if (!site_is_audit(bytes_str(done->log.sites[i].site))) /* looks are no entries; they are kept all the same */
            tell_repaired_site(&done->log.sites[i], hub);
    if (hub)
        puts("Laptops bring the rest as they connect, and the hub goes on in the next epoch. Tickets that were not\n"
             "used have to be made again.");
    else
        puts("The rest comes back from the hub. Entries that were not shared and are damaged are lost; all others\n"
             "stay.");
    if (done->log.goes_on)
        puts("This laptop goes on as another incarnation: what the hub does not have is written again, by itself.");
    if (done->log_kept[0] != '\0')
        printf("The damaged log is kept: %s. Remove it when all is well.\n", done->log_kept);
}

void tell_repaired(const char *dir, const struct repair_outcome *done, bool json)
{
    if (json) {
        tell_repaired_json(dir, done);
        return;
    }
    if (done->keys_damage[0] == '\0' && done->log_damage[0] == '\0') {
        puts("Nothing is damaged: every chain, hash, signature and key holds. Nothing was changed.");
        return;
    }
    if (done->keys_damage[0] != '\0') {
        printf("The keyring was made anew, because %s.\n"
               "  %" PRIu64 " keys were taken over; what is missing comes back %s.\n",
               done->keys_damage, done->keys.kept,
               done->role == ROLE_HUB ? "from the laptops" : "from the hub");
        if (done->keys_kept[0] != '\0')
            printf("The damaged keyring is kept: %s. Remove it when all is well.\n", done->keys_kept);
    }
    if (done->log_damage[0] != '\0')
        tell_repaired_log(done);
    printf("Start it: felloed --dir %s\n", dir);
}
