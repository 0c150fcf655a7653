/* SPDX-License-Identifier: Apache-2.0 */
/* D/felloe.conf: one table of settings serves reading and checking; inih parses. */
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/store/file.h"
#include "daemon/store/vault.h"
#include "proto/event/look.h"
#include "proto/event/terms.h"

#define CONFIG_NAME "felloe.conf"
/* inih's own limit (its buffer of 200 holds the line's end too); a longer line would be cut into two. */
#define LINE_MAX_BYTES 198

struct parse {
    struct config *config;
    FILE *file;
    int line;
    bool has_role;
    unsigned problems;
    char text[400]; /* of the problems, as many as fit */
};

static void problem(struct parse *parse, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void problem(struct parse *parse, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = strlen(parse->text), room = sizeof parse->text - used;
    const char *gap = used > 0 ? "; " : "";
    if (parse->line > 0)
        snprintf(parse->text + used, room, "%sline %d: %s", gap, parse->line, text);
    else
        snprintf(parse->text + used, room, "%s%s", gap, text);
    parse->problems++;
}

/* ---- values ---- */

static bool port_valid(const char *text)
{
    char *end = NULL;
    if (*text < '1' || *text > '9')
        return false;
    unsigned long port = strtoul(text, &end, 10);
    return *end == '\0' && port <= 65535;
}

/* tcp://host:port; the host may be * where one listens. */
static bool address_valid(const char *text)
{
    static const char scheme[] = "tcp://";
    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *host = text + sizeof scheme - 1, *colon = strrchr(host, ':');
    return colon != NULL && colon > host && port_valid(colon + 1) && strpbrk(host, " \t/;") == NULL;
}

static bool address_is_wildcard(const char *text)
{
    return strstr(text, "//*:") != NULL || strstr(text, "//0.0.0.0:") != NULL || strstr(text, "//[::]:") != NULL;
}

static bool copy_text(struct parse *parse, char *out, size_t size, const char *value)
{
    if (strlen(value) >= size) {
        problem(parse, "the value is too long");
        return false;
    }
    memcpy(out, value, strlen(value) + 1);
    return true;
}

static void set_address(struct parse *parse, char *out, const char *name, const char *value)
{
    if (!address_valid(value))
        problem(parse, "%s is to be tcp://HOST:PORT, not '%.60s'", name, value);
    else
        copy_text(parse, out, sizeof parse->config->listen, value);
}

static uint32_t number(struct parse *parse, const char *name, const char *value, uint32_t min, uint32_t max)
{
    char *end = NULL;
    errno = 0;
    long read = strtol(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || read < (long)min || read > (long)max) {
        problem(parse, "%s is to be a whole number from %u to %u, not '%.40s'", name, min, max, value);
        return min;
    }
    return (uint32_t)read;
}

/* ---- settings ---- */

static void set_role(struct parse *parse, const char *value)
{
    parse->has_role = true;
    if (strcmp(value, "hub") == 0)
        parse->config->role = ROLE_HUB;
    else if (strcmp(value, "spoke") == 0)
        parse->config->role = ROLE_SPOKE;
    else
        problem(parse, "role is hub or spoke, not '%.40s'", value);
}

static void set_log(struct parse *parse, const char *value)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) {
            parse->config->level = (enum log_level)i;
            return;
        }
    problem(parse, "log is error, warning, info or debug, not '%.40s'", value);
}

static void set_socket(struct parse *parse, const char *value)
{
    if (value[0] != '/')
        problem(parse, "socket is to be a whole path, starting with /");
    else if (strlen(value) > 107) /* sun_path */
        problem(parse, "socket's path has more than 107 characters");
    else
        copy_text(parse, parse->config->socket, sizeof parse->config->socket, value);
}

static void set_unlock(struct parse *parse, const char *value)
{
    if (vault_way_of(value) == VAULT_WAY_UNKNOWN)
        problem(parse, "unlock is passphrase, file:PATH (PATH from /), credential:NAME or none, not '%.60s'", value);
    else
        copy_text(parse, parse->config->unlock, sizeof parse->config->unlock, value);
}

static void set_socket_group(struct parse *parse, const char *value)
{
    copy_text(parse, parse->config->socket_group, sizeof parse->config->socket_group, value);
}

/* -1: there is none. */
static int64_t uid_of(const char *name)
{
    struct passwd entry, *found = NULL;
    char room[4096], *end = NULL;
    if (getpwnam_r(name, &entry, room, sizeof room, &found) == 0 && found != NULL)
        return (int64_t)entry.pw_uid;
    unsigned long number = strtoul(name, &end, 10);
    return *name >= '0' && *name <= '9' && *end == '\0' && number < UINT32_MAX ? (int64_t)number : -1;
}

static void add_user(struct parse *parse, struct config_user *users, uint32_t *count, uint32_t max, const char *name)
{
    if (*count == max || strlen(name) >= CONFIG_USER_SIZE) {
        problem(parse, "%s", *count == max ? "too many users" : "the user's name is too long");
        return;
    }
    struct config_user *user = &users[(*count)++];
    *user = (struct config_user){.uid = uid_of(name)};
    snprintf(user->name, sizeof user->name, "%s", name);
}

/* amy = amy-okafor bea-lind: a user, and the workers that they may act as. */
static void set_user(struct parse *parse, const char *name, const char *value)
{
    struct config *config = parse->config;
    char copy[LINE_MAX_BYTES + 2], *rest = NULL;
    const uint32_t before = config->user_count;
    add_user(parse, config->users, &config->user_count, CONFIG_USERS_MAX, name);
    snprintf(copy, sizeof copy, "%s", value);
    struct config_user *user = &config->users[before];
    for (char *word = strtok_r(copy, ", \t", &rest); word != NULL && config->user_count > before;
         word = strtok_r(NULL, ", \t", &rest)) {
        if (!slug_valid(bytes_str(word)) || user->worker_count == CONFIG_WORKERS_MAX) {
            problem(parse, "[users] is USER = WORKER WORKER …, at most %d workers; '%.40s' is no worker's id",
                    CONFIG_WORKERS_MAX, word);
            return;
        }
        snprintf(user->workers[user->worker_count++], SLUG_MAX + 1, "%s", word);
    }
}

static void set_administrators(struct parse *parse, const char *value)
{
    char copy[LINE_MAX_BYTES + 2], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", value);
    for (char *word = strtok_r(copy, ", \t", &rest); word != NULL; word = strtok_r(NULL, ", \t", &rest))
        add_user(parse, parse->config->administrators, &parse->config->administrator_count, CONFIG_ADMINS_MAX, word);
}

void config_add_self(struct config *config)
{
    struct passwd entry, *found = NULL;
    char room[4096], number[24];
    struct parse parse = {.config = config};
    snprintf(number, sizeof number, "%lu", (unsigned long)getuid());
    bool named = getpwuid_r(getuid(), &entry, room, sizeof room, &found) == 0 && found != NULL;
    add_user(&parse, config->administrators, &config->administrator_count, CONFIG_ADMINS_MAX,
             named ? entry.pw_name : number);
}

/* Minutes; with an s behind it seconds. */
static void set_lock_after(struct parse *parse, const char *value)
{
    char digits[16];
    size_t len = strlen(value);
    bool seconds = len > 1 && len < sizeof digits && value[len - 1] == 's';
    snprintf(digits, sizeof digits, "%.*s", (int)(seconds ? len - 1 : len), value);
    parse->config->lock_after_s = number(parse, "lock_after", digits, 0, 24 * 60) * (seconds ? 1 : 60);
}

static void set_listen(struct parse *parse, const char *value)
{
    set_address(parse, parse->config->listen, "listen", value);
}

static void set_advertise(struct parse *parse, const char *value)
{
    set_address(parse, parse->config->advertise, "advertise", value);
    if (address_is_wildcard(value))
        problem(parse, "advertise is to be an address that laptops can reach, not '%.60s'", value);
}

enum felloe_code config_add_site(struct config *config, const char *site, struct felloe_error *error)
{
    if (!slug_valid(bytes_str(site)))
        return felloe_fail(error, FELLOE_INVALID,
                           "a site's name has up to %d of a-z, 0-9 and -, and starts with a letter or digit; "
                           "'%.60s' does not",
                           SLUG_MAX, site);
    for (uint32_t i = 0; i < config->site_count; i++)
        if (strcmp(config->sites[i], site) == 0)
            return FELLOE_OK;
    if (site_is_audit(bytes_str(site)))
        return felloe_fail(error, FELLOE_INVALID,
                           "no site can be called %s: that is where looks at the record are recorded", AUDIT_SITE);
    if (config->site_count == SITES_MAX - 1) /* that one is among them */
        return felloe_fail(error, FELLOE_INVALID, "a hub has at most %u sites", SITES_MAX - 1);
    snprintf(config->sites[config->site_count++], SLUG_MAX + 1, "%s", site);
    return FELLOE_OK;
}

static void set_site(struct parse *parse, const char *value)
{
    struct felloe_error error;
    if (config_add_site(parse->config, value, &error) != FELLOE_OK)
        problem(parse, "%.180s", error.message);
}

static void set_ticket_hours(struct parse *parse, const char *value)
{
    parse->config->ticket_hours = number(parse, "ticket_hours", value, 1, 24 * 31);
}

static void set_retention_years(struct parse *parse, const char *value)
{
    parse->config->retention_years = number(parse, "retention_years", value, 1, 200);
}

static void set_lease_hours(struct parse *parse, const char *value)
{
    parse->config->lease_hours = number(parse, "lease_hours", value, 0, LEASE_HOURS_MAX);
}

static void set_hub(struct parse *parse, const char *value)
{
    set_address(parse, parse->config->hub, "hub", value);
}

static void set_proxy(struct parse *parse, const char *value)
{
    const char *colon = strrchr(value, ':');
    if (colon == NULL || colon == value || !port_valid(colon + 1))
        problem(parse, "proxy is to be HOST:PORT, not '%.60s'", value);
    else
        copy_text(parse, parse->config->proxy, sizeof parse->config->proxy, value);
}

static void set_pull_wait(struct parse *parse, const char *value)
{
    parse->config->pull_wait_s = number(parse, "pull_wait", value, 1, PULL_WAIT_MAX_MS / 1000);
}

static const struct setting {
    const char *section, *name;
    void (*set)(struct parse *parse, const char *value);
} settings[] = {
    {"felloe", "role", set_role},
    {"felloe", "log", set_log},
    {"felloe", "socket", set_socket},
    {"felloe", "socket_group", set_socket_group},
    {"felloe", "lock_after", set_lock_after},
    {"felloe", "unlock", set_unlock},
    {"hub", "listen", set_listen},
    {"hub", "advertise", set_advertise},
    {"hub", "site", set_site},
    {"hub", "administrators", set_administrators},
    {"hub", "ticket_hours", set_ticket_hours},
    {"hub", "lease_hours", set_lease_hours},
    {"hub", "retention_years", set_retention_years},
    {"spoke", "hub", set_hub},
    {"spoke", "proxy", set_proxy},
    {"spoke", "pull_wait", set_pull_wait},
};

static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct parse *parse = user;
    if (strcmp(section, "users") == 0) {
        if (*value != '\0')
            set_user(parse, name, value);
        return 1;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (strcmp(settings[i].section, section) == 0 && strcmp(settings[i].name, name) == 0) {
            if (*value != '\0')
                settings[i].set(parse, value);
            return 1;
        }
    problem(parse, "there is no setting '%.40s' in [%.40s]", name, section);
    return 1;
}

/* inih does not tell the handler its line; its reader can count. */
static char *read_line(char *out, int size, void *stream)
{
    struct parse *parse = stream;
    char *line = fgets(out, size, parse->file);
    if (line == NULL)
        return NULL;
    parse->line++;
    size_t len = strlen(line);
    if (len > LINE_MAX_BYTES && line[len - 1] != '\n') {
        problem(parse, "the line is longer than %d characters", LINE_MAX_BYTES);
        for (int c = getc(parse->file); c != '\n' && c != EOF;)
            c = getc(parse->file);
    }
    return line;
}

/* What only the whole can tell. */
static void check_whole(struct parse *parse)
{
    struct config *config = parse->config;
    if (parse->problems > 0)
        return; /* what seems missing may be what was refused above */
    parse->line = 0;
    if (config->socket_group[0] != '\0' && config->socket[0] == '\0')
        problem(parse, "socket_group needs a socket in [felloe] that lies outside of this directory, which nobody else "
                       "may enter (/run/felloe/felloe.sock)");
    if (!parse->has_role)
        problem(parse, "role is missing in [felloe]: hub or spoke");
    else if (config->role == ROLE_HUB) {
        if (config->listen[0] == '\0')
            problem(parse, "listen is missing in [hub]: the address at which laptops are heard");
        else if (address_is_wildcard(config->listen) && config->advertise[0] == '\0')
            problem(parse,
                    "advertise is missing in [hub]: with listen = %.60s, tickets need an address that laptops "
                    "can reach",
                    config->listen);
        config_add_site(config, "commons", NULL);
    } else if (config->hub[0] == '\0')
        problem(parse, "hub is missing in [spoke]: the hub's address");
}

static void defaults(struct config *config)
{
    *config = (struct config){.level = LEVEL_INFO,
                              .lock_after_s = 15 * 60,
                              .pull_wait_s = PULL_WAIT_MAX_MS / 1000,
                              .ticket_hours = 24,
                              .lease_hours = 72,
                              .retention_years = 20};
}

void config_start(struct config *config, enum role role)
{
    defaults(config);
    config->role = role;
}

enum felloe_code config_check(const struct config *config, struct felloe_error *error)
{
    struct config copy = *config;
    struct parse parse = {.config = &copy, .has_role = true};
    const char *const addresses[] = {config->listen, config->advertise, config->hub};
    static const char *const names[] = {"listen", "advertise", "hub"};
    for (size_t i = 0; i < 3; i++)
        if (*addresses[i] != '\0' && !address_valid(addresses[i]))
            problem(&parse, "%s is to be tcp://HOST:PORT, not '%.60s'", names[i], addresses[i]);
    check_whole(&parse);
    return parse.problems == 0 ? FELLOE_OK : felloe_fail(error, FELLOE_INVALID, "%s", parse.text);
}

/* A directory that lost its settings is not to be taken for one in which nothing was ever made. */
static enum felloe_code not_there(const char *dir, struct felloe_error *error)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/identity", dir) < (int)sizeof path && access(path, F_OK) == 0)
        return felloe_fail(error, FELLOE_NOT_FOUND,
                           "%s/" CONFIG_NAME " is missing. Put it back; a backup of the keys has it, too: "
                           "felloe --dir %s restore --keys KEYFILE",
                           dir, dir);
    return felloe_fail(error, FELLOE_NOT_FOUND,
                       "nothing is set up in %s. Join a hub with: felloe --dir %s join TICKET, or make one with: "
                       "felloe --dir %s hub init; a hub that was lost comes back with: felloe --dir %s hub restore",
                       dir, dir, dir, dir);
}

enum felloe_code config_load(struct config *config, const char *dir, struct felloe_error *error)
{
    char path[PATH_MAX];
    defaults(config);
    if (snprintf(path, sizeof path, "%s/%s", dir, CONFIG_NAME) >= (int)sizeof path)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long");
    struct parse parse = {.config = config, .file = fopen(path, "re")};
    if (parse.file == NULL && (errno == ENOENT || errno == ENOTDIR))
        return not_there(dir, error);
    if (parse.file == NULL)
        return felloe_fail(error, errno == EACCES ? FELLOE_DENIED : FELLOE_FAILED, "%s cannot be read: %s", path,
                           strerror(errno));
    int bad = ini_parse_stream(read_line, &parse, handle, &parse);
    bool unread = ferror(parse.file) != 0;
    fclose(parse.file);
    if (unread || bad < 0)
        return felloe_fail(error, FELLOE_FAILED, "%s cannot be read to its end", path);
    if (bad > 0) {
        parse.line = bad;
        problem(&parse, "neither a setting (name = value), a [section] nor a comment");
    }
    check_whole(&parse);
    if (parse.problems == 0)
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID, "%s has %u problem%s: %s", path, parse.problems,
                       parse.problems == 1 ? "" : "s", parse.text);
}

/* ---- writing ---- */

static void write_hub(FILE *out, const struct config *config)
{
    char names[CONFIG_ADMINS_MAX * (CONFIG_USER_SIZE + 1)] = "";
    for (uint32_t i = 0; i < config->administrator_count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %s", config->administrators[i].name);
    }
    fprintf(out,
            "[hub]\n"
            "; The address at which laptops are heard: tcp://ADDRESS:PORT, * for all addresses of this machine.\n"
            "listen = %s\n\n"
            "; The address that tickets carry, where it differs from listen (behind a router, or with *).\n"
            "advertise = %s\n\n"
            "; How many hours a ticket is good for, unless the invitation says otherwise.\n"
            "ticket_hours = %u\n\n"
            "; A laptop that has not heard from this hub for so many hours shows no record until it has; recording\n"
            "; goes on. 0: there is no such lease.\n"
            "lease_hours = %u\n\n"
            "; How many years a record is kept after the farewell, for `felloe hub retention` to tell. Nothing is\n"
            "; erased by itself.\n"
            "retention_years = %u\n\n"
            "; Users of this system who may invite, revoke, erase, and read who looked at what; root may always.\n"
            "administrators =%s\n\n"
            "; One line a site. 'commons' is the one that every laptop is in. Add lines at will (then: kill -HUP);\n"
            "; a site that has been used is never taken away.\n",
            config->listen, config->advertise, config->ticket_hours, config->lease_hours,
            config->retention_years, names);
    for (uint32_t i = 0; i < config->site_count; i++)
        fprintf(out, "site = %s\n", config->sites[i]);
}

static void write_spoke(FILE *out, const struct config *config)
{
    fprintf(out,
            "[spoke]\n"
            "; Where the hub is. Its key was pinned by the ticket, so another machine there is not believed.\n"
            "hub = %s\n\n"
            "; A SOCKS5 proxy on the way to the hub, HOST:PORT; empty for none.\n"
            "proxy = %s\n\n"
            "; How many seconds the hub may hold back its answer while there is no news (1 to %u).\n"
            "; Less costs traffic, and finds out sooner should answers get lost on the way.\n"
            "pull_wait = %u\n",
            config->hub, config->proxy, PULL_WAIT_MAX_MS / 1000, config->pull_wait_s);
}

static void write_users(FILE *out, const struct config *config)
{
    fputs("\n[users]\n"
          "; Users of this system who may speak to the daemon, and the workers whom each may act as (the first is\n"
          "; who records unless it is said): amy = amy-okafor. The owner of this directory and root may always, as\n"
          "; anybody unless they have a line here.\n",
          out);
    for (uint32_t i = 0; i < config->user_count; i++) {
        fprintf(out, "%s =", config->users[i].name);
        for (uint32_t k = 0; k < config->users[i].worker_count; k++)
            fprintf(out, " %s", config->users[i].workers[k]);
        fputc('\n', out);
    }
}

enum felloe_code config_write(const struct config *config, const char *dir, struct felloe_error *error)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory while writing the configuration");
    fprintf(out,
            "; Felloe's configuration of this directory. Check it with: felloed --dir DIR --check\n"
            "; After a change, kill -HUP the daemon (log, lock_after, site, ticket_hours, lease_hours,\n"
            "; administrators, users) or start it again (the rest).\n\n"
            "[felloe]\n"
            "; What this directory is: hub or spoke. Decided when it was made.\n"
            "role = %s\n\n"
            "; How much the daemon tells on stderr: error, warning, info or debug.\n"
            "log = %s\n\n"
            "; The local socket that `felloe` speaks to; empty: felloe.sock in this directory.\n"
            "socket = %s\n\n"
            "; A group whose members may open that socket, too, where it lies outside of this directory; which of\n"
            "; them may speak to the daemon is said in [users] below.\n"
            "socket_group = %s\n\n"
            "; What opens the record here: passphrase, file:PATH, credential:NAME (of systemd), or none. Decided when\n"
            "; the directory was made; PATH and NAME may be changed when the key file has moved.\n"
            "unlock = %s\n\n",
            config->role == ROLE_HUB ? "hub" : "spoke", levels[config->level], config->socket,
            config->socket_group, config->unlock);
    if (config->role == ROLE_SPOKE)
        fprintf(out,
                "; With a passphrase: after how many minutes in which nobody used the record it is locked; 0: never.\n"
                "lock_after = %u\n\n",
                config->lock_after_s / 60);
    if (config->role == ROLE_HUB)
        write_hub(out, config);
    else
        write_spoke(out, config);
    write_users(out, config);
    enum felloe_code code = FELLOE_OK;
    if (fclose(out) != 0)
        code = felloe_fail(error, FELLOE_FAILED, "out of memory while writing the configuration");
    else
        code = file_write(dir, CONFIG_NAME, bytes_of(text, len), error);
    free(text);
    return code;
}

void config_socket_path(const struct config *config, const char *dir, char *out, size_t size)
{
    if (config->socket[0] != '\0')
        snprintf(out, size, "%s", config->socket);
    else
        snprintf(out, size, "%s/felloe.sock", dir);
}
