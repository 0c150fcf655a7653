/* SPDX-License-Identifier: Apache-2.0 */
/* felloed: serves a directory, or makes a hub or a laptop of one. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/setup_tell.h"
#include "felloe/version.h"
#include "proto/event/ticket.h"
#include "proto/limits.h"

static const char help[] =
    "felloed: keeps a team's record on this machine and shares it through a hub.\n"
    "\n"
    "  felloed [--dir D]                     serve D in the foreground, until SIGTERM or SIGINT\n"
    "  felloed [--dir D] --check             check D's configuration\n"
    "  felloed [--dir D] --init-hub --name NAME --listen tcp://ADDRESS:PORT --site SITE [--site SITE]…\n"
    "                    [--unlock WAY] [--advertise tcp://ADDRESS:PORT]\n"
    "                                        make a hub of D; --advertise: the address that tickets carry, if it "
    "differs\n"
    "  felloed [--dir D] --join TICKET [--unlock WAY] [--label NAME] [--proxy HOST:PORT]\n"
    "                                        make a laptop of D; TICKET may be -, to be read from stdin\n"
    "  felloed [--dir D] --restore FILE [--keys KEYFILE]\n"
    "                                        put D back to a backup; --keys KEYFILE alone brings the keys back\n"
    "  felloed [--dir D] --repair            look for damage in D, and make whole what can be\n"
    "  felloed --help | --version\n"
    "\n"
    "WAY says what opens the record: file:PATH (a key file), credential:NAME (of systemd), none, or on a laptop\n"
    "passphrase, which is read from --passphrase-fd N, a line. --restore and --repair take both, where needed.\n"
    "\n"
    "D is $FELLOE_DIR, else $XDG_DATA_HOME/felloe, else ~/.local/share/felloe. --json: confirmations and errors as "
    "JSON.\n"
    "SIGHUP reads D/felloe.conf again. The exit code is 0, or says what kind of error it was (see the README).\n";

#define FILES_MIN 128u

enum mode { MODE_SERVE, MODE_CHECK, MODE_INIT_HUB, MODE_JOIN, MODE_RESTORE, MODE_REPAIR, MODE_HELP, MODE_VERSION };

struct arguments {
    enum mode mode;
    bool json;
    char dir[PATH_MAX];
    struct setup_options setup;
    struct restore_options restore;
    struct repair_options repair;
    const char *unlock, *passphrase_fd;
    struct vault_secret secret;
    const char *sites[SITES_MAX];
    char *visible_ticket; /* in argv */
    char ticket[TICKET_TEXT_MAX + 64];
};

/* ---- what is printed ---- */

static void print_error(const struct arguments *arguments, const struct felloe_error *error)
{
    if (!arguments->json) {
        struct felloe_error clean = *error;
        report_clean(clean.message);
        fprintf(stderr, "felloed: %s\n", clean.message);
        return;
    }
    fprintf(stderr, "{\"error\":{\"code\":%d,\"name\":\"%s\",\"message\":", (int)error->code,
            felloe_code_name(error->code));
    tell_json_text(stderr, error->message);
    fputs("}}\n", stderr);
}

static void print_made_json(const struct arguments *arguments, const struct setup_result *made)
{
    char device[33];
    hex_encode(bytes_of(made->device.b, sizeof made->device.b), device);
    printf("{\"device\":\"%s\",\"hub\":", device);
    tell_json_text(stdout, made->name);
    fputs(",\"worker\":", stdout);
    tell_json_text(stdout, made->worker);
    fputs(",\"dir\":", stdout);
    tell_json_text(stdout, arguments->dir);
    fputs(",\"sites\":[", stdout);
    for (uint32_t i = 0; i < made->site_count; i++)
        printf("%s\"%s\"", i > 0 ? "," : "", made->sites[i]);
    printf("],\"words\":");
    tell_json_text(stdout, made->words);
    if (made->recovery[0] != '\0')
        printf(",\"recovery\":\"%s\"", made->recovery);
    fputs("}\n", stdout);
}

static void print_made(const struct arguments *arguments, const struct setup_result *made)
{
    if (arguments->json) {
        print_made_json(arguments, made);
        return;
    }
    char name[sizeof made->name];
    memcpy(name, made->name, sizeof name);
    report_clean(name);
    if (arguments->mode == MODE_INIT_HUB)
        printf("%s is now the hub “%s”. Its sites:", arguments->dir, name);
    else
        printf("%s is now a laptop of %s, at the hub “%s”. Its sites:", arguments->dir, made->worker, name);
    for (uint32_t i = 0; i < made->site_count; i++)
        printf(" %s", made->sites[i]);
    puts(".");
    if (made->words[0] != '\0')
        printf("Its words: %s. The hub shows the same ones (felloe hub devices): compare them by telephone.\n",
               made->words);
    if (made->recovery[0] != '\0')
        printf("\nIts recovery code: %s\n"
               "It opens this laptop's record when the passphrase is forgotten (felloe unlock --recovery), and it is\n"
               "not shown again: write it down, and keep it where the laptop is not.\n\n",
               made->recovery);
    printf("Start it: felloed --dir %s\n", arguments->dir);
}

/* ---- what is asked for ---- */

static enum felloe_code default_dir(char out[PATH_MAX], struct felloe_error *error)
{
    const char *dir = getenv("FELLOE_DIR"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int used = PATH_MAX;
    if (dir != NULL && *dir != '\0')
        used = snprintf(out, PATH_MAX, "%s", dir);
    else if (data != NULL && *data == '/')
        used = snprintf(out, PATH_MAX, "%s/felloe", data);
    else if (home != NULL && *home != '\0')
        used = snprintf(out, PATH_MAX, "%s/.local/share/felloe", home);
    else
        return felloe_fail(error, FELLOE_USAGE, "which directory? Give --dir D, or set FELLOE_DIR");
    return used < PATH_MAX ? FELLOE_OK : felloe_fail(error, FELLOE_USAGE, "the directory's name is too long");
}

/* A ticket among the arguments can be seen by every user of the machine: it is copied, and wiped there. */
static enum felloe_code hide_ticket(struct arguments *arguments, char *visible, struct felloe_error *error)
{
    if (strlen(visible) >= sizeof arguments->ticket)
        return felloe_fail(error, FELLOE_INVALID, "this is no ticket: it is too long");
    memcpy(arguments->ticket, visible, strlen(visible) + 1);
    sodium_memzero(visible, strlen(visible));
    arguments->setup.ticket = arguments->ticket;
    return FELLOE_OK;
}

static enum felloe_code read_ticket(struct arguments *arguments, struct felloe_error *error)
{
    if (strcmp(arguments->setup.ticket, "-") != 0)
        return hide_ticket(arguments, arguments->visible_ticket, error);
    size_t got = fread(arguments->ticket, 1, sizeof arguments->ticket - 1, stdin);
    arguments->ticket[got] = '\0';
    arguments->setup.ticket = arguments->ticket;
    return got > 0 ? FELLOE_OK : felloe_fail(error, FELLOE_USAGE, "no ticket came on stdin");
}

/* What opens the directory, and the passphrase where that is one. */
static enum felloe_code take_unlock(struct arguments *arguments, struct felloe_error *error)
{
    const bool makes = arguments->mode == MODE_INIT_HUB || arguments->mode == MODE_JOIN;
    const bool opens = arguments->mode == MODE_RESTORE || arguments->mode == MODE_REPAIR;
    const char *unlock = arguments->unlock != NULL ? arguments->unlock : "";
    enum felloe_code code = FELLOE_OK;
    if (!makes && !opens)
        return arguments->unlock == NULL && arguments->passphrase_fd == NULL
                   ? FELLOE_OK
                   : felloe_fail(error, FELLOE_USAGE, "--unlock and --passphrase-fd go with --init-hub, --join, "
                                                      "--restore or --repair: serving, felloe.conf says the way");
    if (makes || arguments->unlock != NULL)
        code = vault_way_check(unlock, arguments->mode == MODE_INIT_HUB ? ROLE_HUB : ROLE_SPOKE, error);
    const bool takes = vault_way_of(unlock) == VAULT_WAY_PASSPHRASE;
    if (code == FELLOE_OK && makes && takes != (arguments->passphrase_fd != NULL))
        code = felloe_fail(error, FELLOE_USAGE, "--unlock passphrase and --passphrase-fd N go together: the passphrase "
                                                "is read from N, a line");
    if (code == FELLOE_OK && arguments->passphrase_fd != NULL) {
        char *end = NULL;
        const long descriptor = strtol(arguments->passphrase_fd, &end, 10);
        code = end == arguments->passphrase_fd || *end != '\0' || descriptor < 0 || descriptor > INT_MAX
                   ? felloe_fail(error, FELLOE_USAGE, "--passphrase-fd needs a number")
                   : vault_secret_read(&arguments->secret, (int)descriptor, error);
        arguments->setup.secret = arguments->restore.secret = arguments->repair.secret = &arguments->secret;
    }
    arguments->setup.unlock = unlock;
    arguments->restore.unlock = arguments->repair.unlock = arguments->unlock;
    return code;
}

static enum felloe_code check_arguments(struct arguments *arguments, struct felloe_error *error)
{
    const struct setup_options *setup = &arguments->setup;
    enum felloe_code code = take_unlock(arguments, error);
    if (code != FELLOE_OK)
        return code;
    if (arguments->mode == MODE_INIT_HUB && (setup->name == NULL || setup->listen == NULL || setup->site_count == 0))
        return felloe_fail(error, FELLOE_USAGE,
                           "--init-hub needs --name NAME, --listen tcp://ADDRESS:PORT and at least one "
                           "--site SITE");
    if (arguments->mode == MODE_JOIN)
        return read_ticket(arguments, error);
    return FELLOE_OK;
}

static enum felloe_code set_mode(struct arguments *arguments, enum mode mode, struct felloe_error *error)
{
    if (arguments->mode != MODE_SERVE && arguments->mode != mode)
        return felloe_fail(error, FELLOE_USAGE,
                           "one thing at a time: --check, --init-hub, --join, --restore or --repair");
    arguments->mode = mode;
    return FELLOE_OK;
}

enum {
    OPT_INIT = 256,
    OPT_JOIN,
    OPT_NAME,
    OPT_LISTEN,
    OPT_ADVERTISE,
    OPT_SITE,
    OPT_LABEL,
    OPT_PROXY,
    OPT_JSON,
    OPT_CHECK,
    OPT_RESTORE,
    OPT_REPAIR,
    OPT_KEYS,
    OPT_VERB,
    OPT_UNLOCK,
    OPT_PASSPHRASE_FD
};

static const struct option long_options[] = {
    {"dir", required_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"check", no_argument, NULL, OPT_CHECK},
    {"init-hub", no_argument, NULL, OPT_INIT},
    {"join", required_argument, NULL, OPT_JOIN},
    {"restore", required_argument, NULL, OPT_RESTORE},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"verb", required_argument, NULL, OPT_VERB},
    {"repair", no_argument, NULL, OPT_REPAIR},
    {"unlock", required_argument, NULL, OPT_UNLOCK},
    {"passphrase-fd", required_argument, NULL, OPT_PASSPHRASE_FD},
    {"name", required_argument, NULL, OPT_NAME},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"advertise", required_argument, NULL, OPT_ADVERTISE},
    {"site", required_argument, NULL, OPT_SITE},
    {"label", required_argument, NULL, OPT_LABEL},
    {"proxy", required_argument, NULL, OPT_PROXY},
    {"json", no_argument, NULL, OPT_JSON},
    {NULL, 0, NULL, 0},
};

static enum felloe_code add_site(struct arguments *arguments, struct felloe_error *error)
{
    if (arguments->setup.site_count == SITES_MAX)
        return felloe_fail(error, FELLOE_INVALID, "a hub has at most %u sites", SITES_MAX);
    arguments->sites[arguments->setup.site_count++] = optarg;
    return FELLOE_OK;
}

static enum felloe_code set_dir(struct arguments *arguments, struct felloe_error *error)
{
    int used = snprintf(arguments->dir, sizeof arguments->dir, "%s", optarg);
    return used > 0 && used < PATH_MAX ? FELLOE_OK : felloe_fail(error, FELLOE_USAGE, "--dir needs a directory's name");
}

static enum felloe_code take_option(struct arguments *arguments, int option, struct felloe_error *error)
{
    struct setup_options *setup = &arguments->setup;
    switch (option) {
    case 'd':
        return set_dir(arguments, error);
    case 'h':
        arguments->mode = MODE_HELP;
        break;
    case 'V':
        arguments->mode = MODE_VERSION;
        break;
    case OPT_CHECK:
        return set_mode(arguments, MODE_CHECK, error);
    case OPT_INIT:
        return set_mode(arguments, MODE_INIT_HUB, error);
    case OPT_JOIN:
        setup->ticket = arguments->visible_ticket = optarg;
        return set_mode(arguments, MODE_JOIN, error);
    case OPT_REPAIR:
        return set_mode(arguments, MODE_REPAIR, error);
    case OPT_RESTORE:
        arguments->restore.log = optarg;
        return set_mode(arguments, MODE_RESTORE, error);
    case OPT_KEYS:
        arguments->restore.keys = optarg;
        return set_mode(arguments, MODE_RESTORE, error);
    case OPT_VERB:
        arguments->restore.verb = optarg;
        break;
    case OPT_UNLOCK:
        arguments->unlock = optarg;
        break;
    case OPT_PASSPHRASE_FD:
        arguments->passphrase_fd = optarg;
        break;
    case OPT_NAME:
        setup->name = optarg;
        break;
    case OPT_LISTEN:
        setup->listen = optarg;
        break;
    case OPT_ADVERTISE:
        setup->advertise = optarg;
        break;
    case OPT_SITE:
        return add_site(arguments, error);
    case OPT_LABEL:
        setup->label = optarg;
        break;
    case OPT_PROXY:
        setup->proxy = optarg;
        break;
    case OPT_JSON:
        arguments->json = true;
        break;
    default:
        return felloe_fail(error, FELLOE_USAGE, "unknown option, or its value is missing. See felloed --help");
    }
    return FELLOE_OK;
}

static enum felloe_code read_arguments(int argc, char **argv, struct arguments *arguments, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    arguments->setup.sites = arguments->sites;
    opterr = 0; /* one message, ours */
    for (int option; code == FELLOE_OK && (option = getopt_long(argc, argv, "d:hV", long_options, NULL)) != -1;) {
        if (arguments->mode == MODE_HELP || arguments->mode == MODE_VERSION)
            return FELLOE_OK;
        code = take_option(arguments, option, error);
    }
    if (code == FELLOE_OK && optind < argc)
        code = felloe_fail(error, FELLOE_USAGE, "'%.60s' is not an option. See felloed --help", argv[optind]);
    if (code == FELLOE_OK && arguments->dir[0] == '\0' && arguments->mode != MODE_HELP &&
        arguments->mode != MODE_VERSION)
        code = default_dir(arguments->dir, error);
    arguments->setup.dir = arguments->restore.dir = arguments->repair.dir = arguments->dir;
    return code == FELLOE_OK ? check_arguments(arguments, error) : code;
}

/* ---- the process ---- */

/* Bytes that go back to the system when they are free. */
#define FREED_AT_ONCE (1 << 20)
_Static_assert(FREED_AT_ONCE > BODY_MAX, "bodies come and go all the time");

/* Nothing of this process is to reach the disk but through the log, and nothing is to be readable by others. */
static void prepare_process(void)
{
    const struct rlimit none = {0, 0};
    struct rlimit files;
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "felloed"); /* locking starts it again by way of /proc/self/exe, which would be its name */
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    /* Left to itself, malloc learns from the first large block that is freed to keep all such. A frame's is smaller. */
    mallopt(M_MMAP_THRESHOLD, FREED_AT_ONCE);
    mallopt(M_TRIM_THRESHOLD, FREED_AT_ONCE);
    /* ZeroMQ spins when it cannot accept another connection. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* ZeroMQ and libuv abort where they cannot have a descriptor of their own, and ZeroMQ spins where it cannot accept. */
static enum felloe_code serve(const struct arguments *arguments, struct felloe_error *error)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_MIN)
        return felloe_fail(error, FELLOE_FAILED,
                           "this process may open %llu files, and needs %u: raise ulimit -n (systemd: LimitNOFILE)",
                           (unsigned long long)files.rlim_cur, FILES_MIN);
    signal(SIGHUP, SIG_IGN); /* until the loop takes it: a reload while starting is no reason to end */
    return daemon_run(arguments->dir, error);
}

static enum felloe_code check(const struct arguments *arguments, struct felloe_error *error)
{
    struct config config;
    enum felloe_code code = config_load(&config, arguments->dir, error);
    if (code == FELLOE_OK)
        puts(arguments->json ? "{\"ok\":true}" : "ok");
    return code;
}

static enum felloe_code restore(const struct arguments *arguments, struct felloe_error *error)
{
    struct restore_outcome done;
    enum felloe_code code = setup_restore(&arguments->restore, &done, error);
    if (code == FELLOE_OK)
        tell_restored(arguments->dir, &done, arguments->json);
    return code;
}

static enum felloe_code repair(const struct arguments *arguments, struct felloe_error *error)
{
    struct repair_outcome done;
    report_level(LEVEL_ERROR); /* what opening finds on the way is told as the outcome */
    enum felloe_code code = setup_repair(&arguments->repair, &done, error);
    if (code == FELLOE_OK)
        tell_repaired(arguments->dir, &done, arguments->json);
    return code;
}

static enum felloe_code run(const struct arguments *arguments, struct felloe_error *error)
{
    struct setup_result made;
    enum felloe_code code = FELLOE_OK;
    switch (arguments->mode) {
    case MODE_SERVE:
        return serve(arguments, error);
    case MODE_CHECK:
        return check(arguments, error);
    case MODE_INIT_HUB:
        code = setup_hub(&arguments->setup, &made, error);
        break;
    case MODE_JOIN:
        code = setup_join(&arguments->setup, &made, error);
        break;
    case MODE_RESTORE:
        return restore(arguments, error);
    case MODE_REPAIR:
        return repair(arguments, error);
    case MODE_HELP:
        fputs(help, stdout);
        return FELLOE_OK;
    case MODE_VERSION:
        puts("felloed " FELLOE_VERSION);
        return FELLOE_OK;
    }
    if (code == FELLOE_OK)
        print_made(arguments, &made);
    return code;
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    struct felloe_error error = {0};
    prepare_process();
    enum felloe_code code = sodium_init() < 0 ? felloe_fail(&error, FELLOE_FAILED, "libsodium cannot be used here")
                                              : read_arguments(argc, argv, &arguments, &error);
    if (code == FELLOE_OK)
        code = run(&arguments, &error);
    vault_secret_clear(&arguments.secret);
    if (code != FELLOE_OK) {
        error.code = code;
        print_error(&arguments, &error);
    }
    return (int)code;
}
