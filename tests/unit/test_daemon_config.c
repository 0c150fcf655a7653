/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what init and join write is read back, and every problem is named with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config.h"
#include "tests/unit/given_dir.h"

static struct given_dir given;
static const char *dir;

static int make_dir(void **state)
{
    (void)state;
    given = given_dir();
    dir = given.path;
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    given_dir_end(&given);
    return 0;
}

static enum felloe_code load(const char *text, struct config *config, struct felloe_error *error)
{
    char path[128];
    snprintf(path, sizeof path, "%s/felloe.conf", dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    *error = (struct felloe_error){0};
    return config_load(config, dir, error);
}

static void what_a_hub_writes_is_read_back(void **state)
{
    (void)state;
    struct config written, read;
    struct felloe_error error;
    config_start(&written, ROLE_HUB);
    strcpy(written.listen, "tcp://*:7311");
    strcpy(written.advertise, "tcp://hub.example.org:7311");
    written.level = LEVEL_DEBUG;
    written.ticket_hours = 48;
    written.lease_hours = 12;
    assert_int_equal(config_add_site(&written, "commons", NULL), FELLOE_OK);
    assert_int_equal(config_add_site(&written, "high-peak", NULL), FELLOE_OK);
    assert_int_equal(config_add_site(&written, "high-peak", NULL), FELLOE_OK);
    assert_int_equal(written.site_count, 2);
    assert_int_equal(config_write(&written, dir, &error), FELLOE_OK);
    assert_int_equal(config_load(&read, dir, &error), FELLOE_OK);
    assert_string_equal(read.listen, written.listen);
    assert_string_equal(read.advertise, written.advertise);
    assert_int_equal(read.role, ROLE_HUB);
    assert_int_equal(read.level, LEVEL_DEBUG);
    assert_int_equal(read.ticket_hours, 48);
    assert_int_equal(read.lease_hours, 12);
    assert_int_equal(read.site_count, 2);
    assert_string_equal(read.sites[1], "high-peak");

    char path[128];
    struct stat info;
    snprintf(path, sizeof path, "%s/felloe.conf", dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void users_and_administrators_are_read_back(void **state)
{
    (void)state;
    struct config written, read;
    struct felloe_error error;
    assert_int_equal(load("[felloe]\nrole = hub\nsocket = /run/felloe/felloe.sock\nsocket_group = staff\n"
                          "[hub]\nlisten = tcp://127.0.0.1:1\nadministrators = root, 4242\n"
                          "[users]\nroot = amy  ben,desk\nno-such-user = carl\n",
                          &written, &error),
                     FELLOE_OK);
    assert_int_equal(config_write(&written, dir, &error), FELLOE_OK);
    assert_int_equal(config_load(&read, dir, &error), FELLOE_OK);
    assert_string_equal(read.socket_group, "staff");
    assert_int_equal(read.administrator_count, 2);
    assert_int_equal(read.administrators[0].uid, 0);
    assert_int_equal(read.administrators[1].uid, 4242);
    assert_int_equal(read.user_count, 2);
    assert_string_equal(read.users[0].name, "root");
    assert_int_equal(read.users[0].uid, 0);
    assert_int_equal(read.users[0].worker_count, 3);
    assert_string_equal(read.users[0].workers[2], "desk");
    assert_int_equal(read.users[1].uid, -1); /* nobody */
}

static void who_makes_a_hub_administers_it(void **state)
{
    (void)state;
    struct config config;
    config_start(&config, ROLE_HUB);
    config_add_self(&config);
    assert_int_equal(config.administrator_count, 1);
    assert_int_equal(config.administrators[0].uid, getuid());
}

static void what_a_spoke_writes_is_read_back(void **state)
{
    (void)state;
    struct config written, read;
    struct felloe_error error;
    config_start(&written, ROLE_SPOKE);
    strcpy(written.hub, "tcp://[::1]:7311");
    strcpy(written.proxy, "127.0.0.1:9050");
    written.pull_wait_s = 5;
    assert_int_equal(config_write(&written, dir, &error), FELLOE_OK);
    assert_int_equal(config_load(&read, dir, &error), FELLOE_OK);
    assert_int_equal(read.role, ROLE_SPOKE);
    assert_string_equal(read.hub, written.hub);
    assert_string_equal(read.proxy, written.proxy);
    assert_int_equal(read.pull_wait_s, 5);
    char path[200];
    config_socket_path(&read, "/d", path, sizeof path);
    assert_string_equal(path, "/d/felloe.sock");
}

static void commons_is_always_among_the_sites(void **state)
{
    (void)state;
    struct config config;
    struct felloe_error error;
    assert_int_equal(load("[felloe]\nrole = hub\n[hub]\nlisten = tcp://127.0.0.1:1\nsite = dales\n", &config, &error),
                     FELLOE_OK);
    assert_int_equal(config.site_count, 2);
    assert_string_equal(config.sites[1], "commons");
}

static void each_problem_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"[felloe]\nrole = wheel\n", "line 2: role is hub or spoke"},
        {"[felloe]\nrole = spoke\n[spoke]\nhub = 10.0.0.1\n", "line 4: hub is to be tcp://HOST:PORT"},
        {"[felloe]\nrole = spoke\n[spoke]\nhub = tcp://h:70000\n", "line 4: hub is to be"},
        {"[felloe]\nrole = spoke\ncolour = red\n[spoke]\nhub = tcp://h:1\n", "line 3: there is no setting 'colour'"},
        {"[felloe]\nrole = spoke\n[spoke]\nhub = tcp://h:1\npull_wait = 9999\n", "line 5: pull_wait is to be"},
        {"[felloe]\nrole = spoke\n[spoke]\nhub = tcp://h:1\nproxy = here\n", "line 5: proxy"},
        {"[felloe]\nrole = spoke\nsocket = here\n[spoke]\nhub = tcp://h:1\n", "line 3: socket"},
        {"[felloe]\nrole = spoke\nunlock = a stick\n[spoke]\nhub = tcp://h:1\n", "line 3: unlock"},
        {"[felloe]\nrole = spoke\nlog = loud\n[spoke]\nhub = tcp://h:1\n", "line 3: log is"},
        {"[felloe]\nrole = spoke\nwhat is this\n[spoke]\nhub = tcp://h:1\n", "line 3: neither a setting"},
        {"[felloe]\nrole = hub\n[hub]\nlisten = tcp://1.2.3.4:5\nsite = High Peak\n", "line 5: a site's name"},
        {"[felloe]\nrole = hub\n[hub]\nlisten = tcp://1.2.3.4:5\nticket_hours = soon\n", "line 5: ticket_hours"},
        {"[felloe]\nrole = hub\n[hub]\nlisten = tcp://*:5\n", "advertise is missing"},
        {"[felloe]\nrole = hub\n[hub]\nlisten = tcp://*:5\nadvertise = tcp://*:5\n", "line 5: advertise"},
        {"[felloe]\nrole = hub\n", "listen is missing"},
        {"[felloe]\nrole = spoke\n", "hub is missing"},
        {"", "role is missing"},
    };
    struct config config;
    struct felloe_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(load(cases[i].text, &config, &error), FELLOE_INVALID);
        if (strstr(error.message, cases[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", error.message, cases[i].says);
    }
    load("[felloe]\nrole = spoke\nlog = loud\n[spoke]\nhub = x\n", &config, &error);
    assert_non_null(strstr(error.message, "2 problems"));
    assert_non_null(strstr(error.message, "line 3"));
    assert_non_null(strstr(error.message, "line 5"));
}

static void a_line_over_the_limit_is_named_not_cut(void **state)
{
    (void)state;
    char text[700] = "[felloe]\nrole = spoke\n[spoke]\nhub = tcp://";
    size_t used = strlen(text);
    memset(text + used, 'h', 400);
    strcpy(text + used + 400, ":1\npull_wait = 5\n");
    struct config config;
    struct felloe_error error;
    assert_int_equal(load(text, &config, &error), FELLOE_INVALID);
    assert_non_null(strstr(error.message, "line 4: the line is longer"));
    assert_int_equal(config.pull_wait_s, 5);
}

static void an_empty_directory_says_what_to_do(void **state)
{
    (void)state;
    struct config config;
    struct felloe_error error;
    assert_int_equal(config_load(&config, "/nonexistent", &error), FELLOE_NOT_FOUND);
    assert_non_null(strstr(error.message, "join TICKET"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_hub_writes_is_read_back),
        cmocka_unit_test(users_and_administrators_are_read_back),
        cmocka_unit_test(who_makes_a_hub_administers_it),
        cmocka_unit_test(what_a_spoke_writes_is_read_back),
        cmocka_unit_test(commons_is_always_among_the_sites),      cmocka_unit_test(each_problem_is_named_with_its_line),
        cmocka_unit_test(a_line_over_the_limit_is_named_not_cut), cmocka_unit_test(an_empty_directory_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
