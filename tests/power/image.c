/* SPDX-License-Identifier: Apache-2.0 */
/* One image judged: opened by the daemon's code, verified, and held against what had been said before the cut. */
#include "tests/power/power.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/setup/setup.h"
#include "daemon/store/store.h"
#include "daemon/store/store_mark.h"
#include "tests/power/opened.h"

struct judging {
    struct opened opened;
    const struct said_list *said;
    size_t cut;
    struct verdict *verdict;
};

static bool wrong(struct judging *j, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (j->verdict->why[0] == '\0')
        vsnprintf(j->verdict->why, WHY_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

bool image_directory(const char *folder, char *out, size_t size)
{
    bool there = false;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && !there && (entry = readdir(dir)) != NULL;)
        there = entry->d_name[0] != '.' && snprintf(out, size, "%s/%s", folder, entry->d_name) < (int)size;
    if (dir != NULL)
        closedir(dir);
    return there;
}

/* ---- what was said ---- */

static bool is_event(struct bytes raw, const uint8_t *id)
{
    struct event_id found;
    event_id_of(raw, &found);
    return memcmp(found.b, id, sizeof found.b) == 0;
}

static bool find_ticket(void *context, const struct ticket_record *ticket)
{
    struct said *wanted = context;
    bool same = memcmp(ticket->curve, wanted->id, sizeof ticket->curve) == 0;
    wanted->seq += same;
    return !same;
}

static bool kept_entry(struct judging *j, struct log_reader *reader, const struct said *said)
{
    struct log_item item;
    const struct bytes site = bytes_str(said->site);
    if (said->kind == SAID_EVENT)
        return (log_get_own(reader, site, said->seq, &item) && is_event(item.event, said->id)) ||
               wrong(j, "event %llu of %s had been said to be saved, and is not there", (unsigned long long)said->seq,
                     said->site);
    return (log_get(reader, site, (struct position){said->epoch, said->n}, &item) && is_event(item.event, said->id)) ||
           wrong(j, "the event at %u.%llu of %s had been said to be there, and is not", said->epoch,
                 (unsigned long long)said->n, said->site);
}

/* A key is there until its erasing begins; then it is there, or listed as erased; and once it is erased, only that. */
static bool kept_key(struct judging *j, const struct said *said)
{
    struct key_id id;
    bool erasing = false;
    memcpy(id.b, said->id, sizeof id.b);
    for (size_t i = 0; i < j->said->count; i++) {
        const struct said *other = &j->said->items[i];
        erasing |= other->kind == SAID_ERASING && other->op < j->cut && memcmp(other->id, said->id, sizeof id.b) == 0;
    }
    const bool has = keyring_has(j->opened.keyring, &id, NULL), erased = keyring_erased(j->opened.keyring, &id, NULL);
    if (has && erased)
        return wrong(j, "a key is there and listed as erased");
    if (said->kind == SAID_ERASED)
        return erased || wrong(j, "a key had been said to be erased, and is not");
    return has || (erasing && erased) || wrong(j, "a key had been said to be kept, and is not there");
}

static bool kept(struct judging *j, struct log_reader *reader, const struct said *said)
{
    struct log_hash hash;
    struct device_record device;
    struct device_id id;
    struct said found = *said;
    found.seq = 0;
    switch (said->kind) {
    case SAID_EVENT:
    case SAID_ENTRY:
        return kept_entry(j, reader, said);
    case SAID_HEAD:
        return (log_hash_at(reader, bytes_str(said->site), (struct position){said->epoch, said->n}, &hash) &&
                memcmp(hash.b, said->id, sizeof hash.b) == 0) ||
               wrong(j, "the log of %s had been said to reach %u.%llu, and does not", said->site, said->epoch,
                     (unsigned long long)said->n);
    case SAID_DEVICE:
        memcpy(id.b, said->id, sizeof id.b);
        return log_device(reader, &id, &device) || wrong(j, "a laptop was told that it is let in, and is not known");
    case SAID_TICKET:
        log_tickets(reader, find_ticket, &found);
        return found.seq > 0 || wrong(j, "a ticket was handed out, and is not known");
    case SAID_SELF:
        return memcmp(j->opened.identity.sign_public.b, said->id, sizeof j->opened.identity.sign_public.b) == 0 ||
               wrong(j, "the hub was told this laptop's keys, and they are others now");
    case SAID_KEY:
    case SAID_ERASED:
        return kept_key(j, said);
    case SAID_ERASING:
    case SAID_MADE:
        break;
    }
    return true;
}

/* Was what was said taken back, since the hub was set back to a backup? */
static bool taken_back(const struct judging *j, const struct said *said)
{
    return j->said->restored_to > 0 && j->cut > j->said->restored_from && said->op < j->said->restored_from &&
           said->kind <= SAID_TICKET && event_log_epoch(j->opened.log) == j->said->epoch;
}

/* The latest promises first. Heads are a chain: a later one says all that the earlier ones did. */
#define HEADS_ENOUGH 6
static bool all_kept(struct judging *j)
{
    struct log_reader *reader = log_reader_begin(j->opened.log, NULL);
    bool fine = reader != NULL || wrong(j, "the log cannot be read");
    unsigned heads = 0;
    if (j->said->restored_to > 0 && j->cut > j->said->restored_to && event_log_epoch(j->opened.log) != j->said->epoch)
        fine = wrong(j, "it had been said that the backup was put back, and it is not");
    for (size_t i = j->said->count; fine && i-- > 0;) {
        const struct said *said = &j->said->items[i];
        if (said->op < j->cut && !taken_back(j, said) && (said->kind != SAID_HEAD || heads++ < HEADS_ENOUGH))
            fine = kept(j, reader, said);
    }
    log_reader_end(reader);
    return fine;
}

/* ---- what is there ---- */

static void note_problem(void *context, const char *text)
{
    wrong(context, "verify: %s", text);
}

static bool verifies(struct judging *j)
{
    struct verify_result result;
    struct felloe_error error = {0};
    const struct verify_options options = {.log = j->opened.log,
                                           .keyring = j->opened.keyring,
                                           .identity = &j->opened.identity,
                                           .problem = note_problem,
                                           .context = j};
    if (verify_log(&options, &result, &error) != FELLOE_OK)
        return wrong(j, "verify: %s", error.message);
    for (size_t i = 0; i < result.site_count && !j->said->sealed; i++)
        if (result.sites[i].sealed > 0 || result.sites[i].unreadable > 0)
            return wrong(j, "%llu events of %s are there, and their keys are not",
                         (unsigned long long)(result.sites[i].sealed + result.sites[i].unreadable),
                         result.sites[i].site);
    return result.problems == 0;
}

/* One more event goes in, and is there when the log is opened again. */
static bool goes_on(struct judging *j, const char *folder)
{
    char site[SLUG_MAX + 1];
    struct key_record key;
    struct log_reader *reader = log_reader_begin(j->opened.log, NULL);
    bool has = reader != NULL && log_site_at(reader, 0, site);
    log_reader_end(reader);
    if (!has || keyring_site_key(j->opened.keyring, bytes_str(site), &key) != FELLOE_OK)
        return true;
    static const uint8_t no_fields[] = {0x80};
    struct log_draft draft = {.body = {.type = bytes_str("resource.added"),
                                       .worker = bytes_str("amy"),
                                       .fields = bytes_of(no_fields, sizeof no_fields)},
                              .key = key.id};
    struct log_job job = {.kind = LOG_RECORD, .drafts = &draft, .draft_count = 1};
    snprintf(job.site, sizeof job.site, "%s", site);
    if (opened_do(&j->opened, &job) != FELLOE_OK)
        return wrong(j, "nothing more can be recorded: %s", job.error.message);
    opened_close(&j->opened);
    struct felloe_error error = {0};
    if (opened_open_unmade(&j->opened, folder, &error) != FELLOE_OK)
        return wrong(j, "after one more event it does not open: %s", error.message);
    struct log_item item;
    reader = log_reader_begin(j->opened.log, NULL);
    bool there =
        reader != NULL && log_get_own(reader, bytes_str(site), draft.seq, &item) && is_event(item.event, draft.id.b);
    log_reader_end(reader);
    return (there && verifies(j)) || wrong(j, "one more event was recorded, and is not there");
}

/* They can be opened, or are seen to be damaged, and are made again; but not what is said to be at rest. */
static bool views_are_whole(struct judging *j)
{
    char path[sizeof j->opened.dir + 16];
    struct stat st;
    struct store *store;
    struct felloe_error error = {0};
    snprintf(path, sizeof path, "%s/views", j->opened.dir);
    if (stat(path, &st) != 0)
        return true;
    const struct store_options options = {.dir = path, .what = "the views", .sync = STORE_DERIVED};
    char mark[sizeof path + sizeof MARK_NAME];
    snprintf(mark, sizeof mark, "%s/" MARK_NAME, path);
    const bool at_rest = access(mark, F_OK) == 0 && store_mark_read(path) == MARK_REST;
    enum felloe_code code = store_open(&store, &options, &error);
    if (code == FELLOE_OK)
        store_close(store);
    j->verdict->views_again = code == FELLOE_DAMAGED;
    if (code == FELLOE_DAMAGED && at_rest)
        return wrong(j, "the views are said to be at rest: %s", error.message);
    return code == FELLOE_OK || code == FELLOE_DAMAGED || wrong(j, "the views: %s", error.message);
}

/* ---- before it was said to be made ---- */

/* Making it can be interrupted at any point, and done again: what is there must be nothing, or what can be gone on
 * with. */
static bool can_be_made_again(struct judging *j, const char *folder)
{
    struct felloe_error error = {0};
    struct setup_result made;
    const char *sites[] = {"salford"};
    const struct setup_options options = {.unlock = "none",
        .dir = j->opened.dir, .name = "hub", .listen = "tcp://127.0.0.1:7355", .sites = sites, .site_count = 1};
    enum felloe_code code = FELLOE_OK;
    const bool there = image_directory(folder, j->opened.dir, sizeof j->opened.dir);
    if (there && !j->said->hub) {
        setup_forget_unfinished(j->opened.dir);
        code = opened_open_unmade(&j->opened, folder, &error);
        if (code == FELLOE_OK)
            opened_close(&j->opened);
        else if (code == FELLOE_NOT_FOUND)
            code = FELLOE_OK;
    } else if (there) {
        code = setup_hub(&options, &made, &error);
        if (code == FELLOE_IN_USE) /* all of it was there */
            code = FELLOE_OK;
        else if (code == FELLOE_OK && (code = opened_open(&j->opened, folder, &error)) == FELLOE_OK)
            opened_close(&j->opened);
    }
    return code == FELLOE_OK || wrong(j, "making it again: %s", error.message);
}

/* Is there a promise before the cut, and of which kind is the last? */
static bool promised(const struct judging *j, enum said_kind kind)
{
    for (size_t i = 0; i < j->said->count && j->said->items[i].op < j->cut; i++)
        if (j->said->items[i].kind == kind)
            return true;
    return false;
}

bool image_judge(const char *folder, const struct said_list *said, size_t cut, struct chance *chance,
                 struct verdict *verdict)
{
    static struct judging j; /* a hub's directory of devices makes it large */
    j = (struct judging){.said = said, .cut = cut, .verdict = verdict};
    struct felloe_error error = {0};
    *verdict = (struct verdict){0};
    const bool made = promised(&j, SAID_MADE);
    if (!made && !can_be_made_again(&j, folder))
        return false;
    enum felloe_code code =
        made ? opened_open(&j.opened, folder, &error) : opened_open_unmade(&j.opened, folder, &error);
    if (code == FELLOE_NOT_FOUND && !made && !promised(&j, SAID_SELF))
        return true;
    if (code != FELLOE_OK)
        return wrong(&j, "it does not open: %s", error.message);
    bool fine =
        all_kept(&j) && verifies(&j) && views_are_whole(&j) && (chance_below(chance, 4) != 0 || goes_on(&j, folder));
    if (j.opened.log != NULL)
        opened_close(&j.opened);
    return fine;
}
