/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for a passphrase, without an echo and without stdio, whose buffers nobody wipes. */
#include "client/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/ask.h"
#include "proto/mp.h"

#define TRIES 3

bool secret_possible(const struct cli *cli)
{
    return cli_option(cli, "passphrase-fd") != NULL || ask_possible(cli);
}

void secret_release(struct secret *secret)
{
    sodium_free(secret->text);
    secret->text = NULL;
}

/* ---- a line ---- */

static enum felloe_code out_of_memory(struct cli *cli)
{
    return cli_fail(cli, FELLOE_FAILED, "out of memory");
}

enum line { LINE_WHOLE, LINE_NONE, LINE_LONG, LINE_FAILED };

/* One byte at a time, so that what follows the line is there for whoever reads next. */
static enum line read_line(int fd, char *out)
{
    size_t len = 0;
    bool fits = true, any = false;
    for (;;) {
        char c;
        ssize_t got = read(fd, &c, 1);
        if (got < 0)
            return LINE_FAILED;
        if (got == 0 || c == '\n')
            break;
        any = true;
        fits = fits && len < SECRET_MAX;
        if (fits)
            out[len++] = c;
    }
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return !fits ? LINE_LONG : any ? LINE_WHOLE : LINE_NONE;
}

static enum felloe_code check_line(struct cli *cli, enum line line, const char *text)
{
    if (line == LINE_LONG)
        return cli_fail(cli, FELLOE_INVALID, "a passphrase has at most %u bytes", SECRET_MAX);
    if (line == LINE_FAILED)
        return cli_fail(cli, FELLOE_FAILED, "no passphrase can be read: %s", strerror(errno));
    if (line == LINE_NONE || *text == '\0')
        return cli_fail(cli, FELLOE_USAGE, "no passphrase was given: nothing was done");
    if (!utf8_valid(bytes_str(text)))
        return cli_fail(cli, FELLOE_INVALID, "the passphrase is not UTF-8: type it in a UTF-8 terminal");
    return FELLOE_OK;
}

/* ---- the terminal ---- */

static volatile sig_atomic_t came;

static void note(int number)
{
    came = number;
}

/* Whoever interrupts gets their terminal's echo back first. */
static enum line read_hidden(int fd, FILE *asks, char *out)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    struct sigaction action = {.sa_handler = note}, before[COUNT]; /* without SA_RESTART: read comes back */
    struct termios shown, hidden;
    bool terminal = tcgetattr(fd, &shown) == 0;
    came = 0;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT; i++)
        sigaction(numbers[i], &action, &before[i]);
    if (terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        tcsetattr(fd, TCSAFLUSH, &hidden);
    }
    enum line line = read_line(fd, out);
    int cause = errno;
    if (terminal) {
        tcsetattr(fd, TCSAFLUSH, &shown);
        fputc('\n', asks);
    }
    for (size_t i = 0; i < COUNT; i++)
        sigaction(numbers[i], &before[i], NULL);
    if (came != 0) {
        sodium_memzero(out, SECRET_MAX + 1);
        raise((int)came);
    }
    errno = cause;
    return line;
}

static enum felloe_code ask_terminal(struct cli *cli, const char *question, char *out)
{
    fprintf(cli->asks, "%s: ", question);
    fflush(cli->asks);
    return check_line(cli, read_hidden(fileno(cli->answers), cli->asks, out), out);
}

/* ---- asking ---- */

static enum felloe_code read_descriptor(struct cli *cli, const char *number, char *out)
{
    char *end = NULL;
    long fd = strtol(number, &end, 10);
    if (*number < '0' || *number > '9' || *end != '\0' || fd > 1023 || fcntl((int)fd, F_GETFD) < 0)
        return cli_fail(cli, FELLOE_USAGE, "--passphrase-fd is to be the number of an open file, not '%.40s'", number);
    return check_line(cli, read_line((int)fd, out), out);
}

static bool prepare(struct secret *out)
{
    out->text = sodium_init() < 0 ? NULL : sodium_malloc(SECRET_MAX + 1);
    if (out->text != NULL)
        memset(out->text, 0, SECRET_MAX + 1);
    return out->text != NULL;
}

enum felloe_code secret_ask(struct cli *cli, const char *question, struct secret *out)
{
    const char *number = cli_option(cli, "passphrase-fd");
    enum felloe_code code;
    *out = (struct secret){0};
    if (!secret_possible(cli))
        return cli_fail(cli, FELLOE_USAGE, "a passphrase is needed, and nobody is there to be asked: write it, as a "
                                           "line, to a file descriptor N, and give --passphrase-fd N");
    if (!prepare(out))
        return out_of_memory(cli);
    code = number ? read_descriptor(cli, number, out->text) : ask_terminal(cli, question, out->text);
    if (code != FELLOE_OK)
        secret_release(out);
    return code;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static enum felloe_code check_new(struct cli *cli, const struct secret *secret)
{
    if (characters(secret->text) >= SECRET_CHARACTERS_MIN)
        return FELLOE_OK;
    return cli_fail(cli, FELLOE_INVALID, "a passphrase has at least %u characters; four or five words make a good one",
                    SECRET_CHARACTERS_MIN);
}

/* Asked for twice; what is wrong with it is told, and it is asked for again. */
static enum felloe_code ask_twice(struct cli *cli, const char *question, struct secret *out)
{
    struct secret again = {0};
    enum felloe_code code = secret_ask(cli, question, out);
    if (code != FELLOE_OK)
        return code;
    code = check_new(cli, out);
    if (code == FELLOE_OK) {
        code = secret_ask(cli, "Once more", &again);
        if (code == FELLOE_OK && strcmp(out->text, again.text) != 0)
            code = cli_fail(cli, FELLOE_INVALID, "the two are not the same");
    }
    secret_release(&again);
    if (code != FELLOE_OK)
        secret_release(out);
    return code;
}

enum felloe_code secret_ask_new(struct cli *cli, const char *question, struct secret *out)
{
    enum felloe_code code;
    if (cli_option(cli, "passphrase-fd")) {
        code = secret_ask(cli, question, out);
        if (code == FELLOE_OK)
            code = check_new(cli, out);
        if (code != FELLOE_OK)
            secret_release(out);
        return code;
    }
    for (int i = 0; i < TRIES; i++) {
        code = ask_twice(cli, question, out);
        if (code != FELLOE_INVALID)
            return code;
        if (i + 1 < TRIES) {
            fprintf(cli->asks, "%s: try again\n", cli->error.message);
            cli->error = (struct felloe_error){0};
        }
    }
    return code;
}

int secret_pipe(const struct secret *secret)
{
    int ends[2];
    size_t len = strlen(secret->text);
    if (pipe(ends) != 0)
        return -1;
    bool written = write(ends[1], secret->text, len) == (ssize_t)len && write(ends[1], "\n", 1) == 1; /* it has room */
    close(ends[1]);
    if (written)
        return ends[0];
    close(ends[0]);
    return -1;
}
