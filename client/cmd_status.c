/* SPDX-License-Identifier: Apache-2.0 */
/* status: what is saved, shared and received, and whether the hub is there. All of it comes from receipts and
 * cursors. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "client/output.h"
#include "client/upkeep.h"
#include "client/verbs.h"
#include "client/when.h"
#include "proto/id.h"

/* ---- JSON: the daemon's answer with its times written out ---- */

static bool is_time(const char *key)
{
    static const char *const times[] = {"oldest_waiting", "last_contact", "shared_through", "received_through",
                                        "now", "lease_until", "hub_keys_change"};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strcmp(key, times[i]) == 0)
            return true;
    return false;
}

static json_t *status_json(const struct felloe_value *map)
{
    json_t *object = json_object();
    for (size_t i = 0; i < felloe_value_count(map); i++) {
        const char *key = felloe_value_key(map, i);
        const struct felloe_value *value = felloe_value_at(map, i);
        json_t *made;
        char time[WHEN_MAX];
        if (is_time(key)) {
            when_iso(felloe_value_integer(value), time);
            made = felloe_value_integer(value) > 0 ? json_string(time) : json_null();
        } else if (felloe_value_kind(value) == FELLOE_MAP) {
            made = status_json(value);
        } else if (felloe_value_kind(value) == FELLOE_ARRAY &&
                   felloe_value_kind(felloe_value_at(value, 0)) == FELLOE_MAP) {
            made = json_array();
            for (size_t k = 0; k < felloe_value_count(value); k++)
                json_array_append_new(made, status_json(felloe_value_at(value, k)));
        } else {
            made = json_of(value);
        }
        json_object_set_new(object, key, made);
    }
    return object;
}

/* ---- for people ---- */

struct sums {
    int64_t waiting, oldest, shared_through, received_through, to_settle, saved;
    bool behind; /* the hub is known to have more than was received */
};

static int64_t number(const struct felloe_value *map, const char *key)
{
    return felloe_value_integer(felloe_value_get(map, key));
}

/* The whole device's line says no more than the least of its sites. */
static void lower(int64_t *to, int64_t value)
{
    if (value > 0 && (*to == 0 || value < *to))
        *to = value;
}

/* With --site: is it the one that was asked for? */
static bool is_wanted(const struct cli *cli, const struct felloe_value *site)
{
    const char *name = cli_option(cli, "site");
    return !name || strcmp(name, felloe_value_text(felloe_value_get(site, "site"))) == 0;
}

static void add_up(const struct cli *cli, const struct felloe_value *sites, struct sums *sums)
{
    *sums = (struct sums){0};
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *site = felloe_value_at(sites, i);
        if (!is_wanted(cli, site))
            continue;
        sums->waiting += number(site, "waiting");
        sums->to_settle += number(site, "to_settle");
        sums->saved += number(site, "saved");
        lower(&sums->oldest, number(site, "oldest_waiting"));
        lower(&sums->shared_through, number(site, "shared_through"));
        lower(&sums->received_through, number(site, "received_through"));
        sums->behind |= strcmp(felloe_value_text(felloe_value_get(site, "received")),
                               felloe_value_text(felloe_value_get(site, "head"))) != 0;
    }
}

static void print_through(const char *what, int64_t ms, int64_t now)
{
    char time[WHEN_MAX];
    when_friendly(ms, now, time);
    printf(" · %s %s", what, ms > 0 ? time : "nothing yet");
}

static void print_line(const struct sums *sums, bool hub, bool locked, int64_t now)
{
    char span[WHEN_MAX];
    if (hub) {
        printf("To settle %" PRId64 "\n", sums->to_settle);
        return;
    }
    printf("Waiting to share %" PRId64, sums->waiting);
    if (sums->waiting > 0 && sums->oldest > 0) {
        when_span(now - sums->oldest, span);
        printf(" (oldest %s)", span);
    }
    print_through("Shared through", sums->shared_through, now);
    if (!locked || sums->received_through > 0 || !sums->behind)
        print_through("Received through", sums->received_through, now);
    if (locked)
        puts(" · Locked");
    else
        printf(" · To settle %" PRId64 "\n", sums->to_settle);
}

/* What people should know, and of which site; nothing when there is nothing. */
static void print_notice(const char *site, const char *notice)
{
    if (!*notice)
        return;
    printf("%s%s", site, *site ? ": " : "");
    out_text(stdout, notice);
    putchar('\n');
}

/* Clocks decide nothing, but people read times. */
#define SKEW_SHOWN_MS 60000

static void print_skew(int64_t skew)
{
    char span[WHEN_MAX];
    if (skew > -SKEW_SHOWN_MS && skew < SKEW_SHOWN_MS)
        return;
    when_span(skew < 0 ? -skew : skew, span);
    printf("This laptop's clock is %s %s the hub's: set it, so that the times of what is recorded here read true\n",
           span, skew < 0 ? "behind" : "ahead of");
}

static void print_hub(const struct felloe_value *status, bool is_hub, int64_t now)
{
    const struct felloe_value *hub = felloe_value_get(status, "hub");
    int64_t contact = number(hub, "last_contact");
    const char *notice = felloe_value_text(felloe_value_get(hub, "notice"));
    char time[WHEN_MAX];
    if (is_hub) {
        printf("Connected laptops: %" PRId64 "\n", number(hub, "connected"));
    } else if (felloe_value_bool(felloe_value_get(hub, "reachable"))) {
        printf("The hub is reachable\n");
        print_skew(number(hub, "clock_skew_ms"));
    } else {
        when_friendly(contact, now, time);
        printf("%sOffline: the hub was %s%s.%s%s\n", out_style(STYLE_GREY),
               contact > 0 ? "last reached at " : "not reached yet", contact > 0 ? time : "",
               *notice ? "" : " Everything is saved here, and shared when the hub is back", out_style(STYLE_PLAIN));
    }
    print_notice("", notice);
}

/* Nobody waits for these: they are told only when they pile up without the hub. */
static void print_quarantine(const struct felloe_value *status)
{
    const struct felloe_value *aside = felloe_value_get(status, "quarantine");
    int64_t events = number(aside, "events"), devices = number(aside, "devices");
    if (events > 0)
        printf("Kept aside from revoked laptops: %" PRId64 " %s of %" PRId64 " %s. felloe hub quarantine\n", events,
               events == 1 ? "entry" : "entries", devices, devices == 1 ? "laptop" : "laptops");
}

static void print_looks(const struct felloe_value *status)
{
    int64_t waiting = number(felloe_value_get(status, "looks"), "waiting");
    if (waiting > 0)
        printf("%sLooks at the record to share %" PRId64 "%s\n", out_style(STYLE_GREY), waiting,
               out_style(STYLE_PLAIN));
}

/* Whose session it is, where it is not that of whose laptop it is. */
static void print_session(const struct felloe_value *status)
{
    const char *worker = felloe_value_text(felloe_value_get(status, "worker"));
    const char *of = felloe_value_text(felloe_value_get(status, "of"));
    if (!*worker || strcmp(worker, of) == 0)
        return;
    printf("Unlocked by ");
    out_text(stdout, worker);
    printf(", on the laptop of ");
    out_text(stdout, of);
    puts(": what is recorded is theirs, and restricted entries stay shut");
}

/* Said when there is something to do about it: the hub is not there, or was not for too long. */
static void print_lease(const struct felloe_value *status, int64_t now)
{
    const struct felloe_value *hub = felloe_value_get(status, "hub");
    const int64_t until = number(status, "lease_until");
    const bool passed = felloe_value_bool(felloe_value_get(status, "lease_passed"));
    char time[WHEN_MAX];
    when_friendly(until, now, time);
    if (felloe_value_bool(felloe_value_get(hub, "refused"))) {
        if (passed)
            puts("The hub does not let this laptop in, and it shows no record any more. Recording goes on");
        else if (until > 0)
            printf("The hub does not let this laptop in: from %s on it shows no record. Recording goes on\n", time);
    } else if (passed) {
        puts("This laptop has not reached the hub for too long: it shows no record until it does. Recording goes on");
    } else if (until > 0 && !felloe_value_bool(felloe_value_get(hub, "reachable"))) {
        printf("Reach the hub by %s: later this laptop shows no record until it has. Recording goes on\n", time);
    }
}

/* The hub's own change of keys, which people have to see to; a laptop sees to it by itself. */
static void print_keys_change(const struct felloe_value *status, int64_t now)
{
    const int64_t from = number(status, "hub_keys_change");
    char time[WHEN_MAX];
    if (from <= 0)
        return;
    when_friendly(from, now, time);
    printf("The hub has other keys from %s on: have each laptop connect before (felloe hub devices)\n", time);
}

static void print_words(const struct felloe_value *status)
{
    const char *words = felloe_value_text(felloe_value_get(status, "words"));
    if (*words)
        printf("%sWords of this laptop's keys, to compare with felloe hub devices: %s%s\n", out_style(STYLE_GREY),
               words, out_style(STYLE_PLAIN));
}

static enum felloe_code print_sites(struct cli *cli, const struct felloe_value *sites)
{
    static const char *const keys[] = {"site", "saved", "shared", "waiting", "received", "head", "to_settle"};
    static const char *const headings[] = {"site", "saved", "shared", "waiting", "received", "hub has", "to settle"};
    size_t columns = sizeof keys / sizeof *keys;
    struct table *table = table_new();
    for (size_t c = 0; c < columns; c++)
        table_column(table, headings[c], c == 0 ? COLUMN_PLAIN : COLUMN_RIGHT);
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *site = felloe_value_at(sites, i);
        if (!is_wanted(cli, site))
            continue;
        table_row(table);
        for (size_t c = 0; c < columns; c++) {
            const struct felloe_value *value = felloe_value_get(site, keys[c]);
            char text[32];
            snprintf(text, sizeof text, "%" PRId64, felloe_value_integer(value));
            table_cell(table, c, felloe_value_kind(value) == FELLOE_INTEGER ? text : felloe_value_text(value));
        }
    }
    return table_print(table, &cli->error);
}

static enum felloe_code print_status(struct cli *cli, const struct felloe_value *status)
{
    const struct felloe_value *sites = felloe_value_get(status, "sites");
    bool is_hub = strcmp(felloe_value_text(felloe_value_get(status, "role")), "hub") == 0;
    const bool locked = felloe_value_bool(felloe_value_get(status, "locked"));
    int64_t now = when_now();
    struct sums sums;
    add_up(cli, sites, &sums);
    print_line(&sums, is_hub, locked, now);
    print_hub(status, is_hub, now);
    print_lease(status, now);
    print_looks(status);
    print_quarantine(status);
    if (is_hub)
        print_keys_change(status, now);
    print_words(status);
    if (number(status, "erased") > 0)
        printf("%sPeople who were erased: %" PRId64 "%s\n", out_style(STYLE_GREY), number(status, "erased"),
               out_style(STYLE_PLAIN));
    if (locked)
        puts("This laptop is locked: it shares and receives, and shows nothing. `felloe unlock` opens the record");
    else if (!is_hub)
        print_session(status);
    int64_t folded = number(status, "folded"), total = number(status, "total");
    if (folded < total)
        printf("The views are being folded: %" PRId64 " of %" PRId64 " events\n", folded, total);
    print_notice("", felloe_value_text(felloe_value_get(status, "notice")));
    putchar('\n');
    enum felloe_code code = print_sites(cli, sites);
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *site = felloe_value_at(sites, i);
        if (is_wanted(cli, site))
            print_notice(felloe_value_text(felloe_value_get(site, "site")),
                     felloe_value_text(felloe_value_get(site, "notice")));
    }
    return code;
}

/* ---- waiting until it is up to date ---- */

static struct position reached(const struct felloe_value *site, const char *key)
{
    struct position at = {0};
    (void)position_parse(bytes_str(felloe_value_text(felloe_value_get(site, key))), &at);
    return at;
}

/* Everything shared, received and folded, as far as the hub has told? And how far it is. */
static bool is_up_to_date(const struct felloe_value *status, uint64_t *done, uint64_t *total)
{
    const struct felloe_value *sites = felloe_value_get(status, "sites");
    const bool hub = strcmp(felloe_value_text(felloe_value_get(status, "role")), "hub") == 0;
    bool told = true;
    *done = (uint64_t)number(status, "folded");
    *total = (uint64_t)number(status, "total");
    for (size_t i = 0; i < felloe_value_count(sites); i++) {
        const struct felloe_value *site = felloe_value_at(sites, i);
        const struct position head = reached(site, "head"), received = reached(site, "received");
        told &= hub || head.n > 0;
        *total += head.n + (uint64_t)number(site, "saved");
        *done += (uint64_t)number(site, "shared");
        if (position_compare(received, head) >= 0)
            *done += head.n;
        else if (received.epoch == head.epoch) /* in an older one it counts from the beginning */
            *done += received.n;
    }
    return told && *done >= *total;
}

/* Whoever waits is told once what for, when it is the hub. */
static bool tell_waiting(const struct felloe_value *status)
{
    const struct felloe_value *hub = felloe_value_get(status, "hub");
    const char *notice = felloe_value_text(felloe_value_get(hub, "notice"));
    if (felloe_value_bool(felloe_value_get(hub, "reachable")))
        return false;
    fprintf(stderr, "Waiting for the hub, which is not reachable%s", *notice ? ": " : "");
    out_text(stderr, notice);
    fputc('\n', stderr);
    return true;
}

static enum felloe_code ask_status(struct cli *cli, struct felloe_answer **answer)
{
    const struct timespec pause = {.tv_nsec = 200 * 1000000};
    bool wait = cli_option(cli, "wait") != NULL, told = cli->json;
    struct progress progress;
    progress_init(&progress, "syncing", cli->json);
    enum felloe_code code = cli_connect(cli);
    while (code == FELLOE_OK) {
        uint64_t done, total;
        code = felloe_status(cli->client, answer, &cli->error);
        if (code != FELLOE_OK || is_up_to_date(felloe_answer_summary(*answer), &done, &total) || !wait)
            break;
        told = told || tell_waiting(felloe_answer_summary(*answer));
        progress_show(&progress, done, total, NULL);
        felloe_answer_free(*answer);
        nanosleep(&pause, NULL);
    }
    progress_end(&progress);
    return code;
}

static enum felloe_code print_json(struct cli *cli, const struct felloe_value *status)
{
    json_t *json = status_json(status), *sites = json_object_get(json, "sites");
    for (size_t i = felloe_value_count(felloe_value_get(status, "sites")); i > 0; i--)
        if (!is_wanted(cli, felloe_value_at(felloe_value_get(status, "sites"), i - 1)))
            json_array_remove(sites, i - 1);
    return out_json(json, &cli->error);
}

static bool has_wanted(const struct cli *cli, const struct felloe_value *sites)
{
    bool any = cli_option(cli, "site") == NULL;
    for (size_t i = 0; i < felloe_value_count(sites); i++)
        any |= is_wanted(cli, felloe_value_at(sites, i));
    return any;
}

static enum felloe_code run(struct cli *cli)
{
    struct felloe_answer *answer;
    enum felloe_code code = ask_status(cli, &answer);
    if (code != FELLOE_OK)
        return code;
    const struct felloe_value *status = felloe_answer_summary(answer);
    if (!has_wanted(cli, felloe_value_get(status, "sites")))
        code = cli_fail(cli, FELLOE_NOT_FOUND, "the site %s is not here: `felloe status` lists those that are",
                        cli_option(cli, "site"));
    else
        code = cli->json ? print_json(cli, status) : print_status(cli, status);
    felloe_answer_free(answer);
    return code;
}

static const struct option_def options[] = {
    {"wait", NULL, "first wait until all is shared and received, as after joining"},
    OPTIONS_END,
};

const struct verb verb_status = {
    "status", GROUP_KEEP, "", "what is saved, shared and received; is the hub there?",
    "For each site: how many events were written here (saved), how many of them the hub holds (shared), how many are\n"
    "still to be shared (waiting), up to which position of the hub's log this device has come (received), and how far\n"
    "that log is (hub has). A position is EPOCH.NUMBER; the epoch grows when the hub was put back to a backup. The\n"
    "site commons is in every team: who works here. What goes on, as a hub that is being refilled, and what only\n"
    "people can mend, is said in a line of its own. So is what keeps this laptop from showing the record: that it is\n"
    "locked, or has not reached the hub for too long, and by when it has to. --json tells the laptop's words, too.",
    options, 0, 0, run};
