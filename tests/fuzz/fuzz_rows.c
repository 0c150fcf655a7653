/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what reads rows and identities back. The first byte says of which view the cells behind it are. A finished row
 * has its view's columns, and is read again where workers are compared; an identity that is read is like itself. */
#include "tests/fuzz/fuzz.h"

#include "proto/domain/duplicates.h"
#include "proto/domain/view_clash.h"
#include "proto/domain/view_finish.h"

unsigned long fuzz_accepted;

static struct mp_reader reader;

static void put_nils(struct buffer *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mp_put_nil(out);
}

static void seed_day(struct buffer *out)
{
    mp_put_array(out, MY_DAY_COLUMNS);
    mp_put_int(out, 1795266000000);
    mp_put_array(out, 1);
    mp_put_text(out, "Jo");
    mp_put_bin(out, "0123456789abcdef", 16);
    mp_put_text(out, "talk");
    put_nils(out, 2);
    mp_put_array(out, 2);
    mp_put_text(out, "amy");
    mp_put_text(out, "bo");
    mp_put_text(out, "appointment");
    put_nils(out, 2);
    mp_put_int(out, 60);
    put_nils(out, 1);
}

static void seed_identity(struct buffer *out)
{
    static const char *const values[] = {"Joanna", "1990-04-01", "9434765919", "07700 900123"};
    mp_put_text(out, "Jo");
    mp_put_array(out, 6);
    for (size_t i = 0; i < 4; i++) {
        mp_put_array(out, 1);
        mp_put_text(out, values[i]);
    }
    mp_put_array(out, 1);
    mp_put_array(out, 2);
    mp_put_bin(out, "0123456789abcdef", 16);
    mp_put_text(out, "linked");
    mp_put_bool(out, false);
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number > view_count())
        return false;
    if (number == view_count()) {
        buffer_append_byte(out, 0xff);
        seed_identity(out);
        return true;
    }
    const struct view_def *view = view_at(number);
    buffer_append_byte(out, (uint8_t)number);
    if (view->view == VIEW_MY_DAY) {
        seed_day(out);
        return true;
    }
    mp_put_array(out, (uint32_t)view->column_count);
    for (size_t c = 0; c < view->column_count; c++)
        switch (view->columns[c].kind) {
        case CELL_OPEN: mp_put_text(out, "mon-fri 09:00-17:00; closed 2026-12-25"); break;
        case CELL_NEXT:
            mp_put_array(out, 2);
            mp_put_int(out, 1795262300000);
            mp_put_int(out, 1795266000000);
            break;
        case CELL_TEXTS:
        case CELL_WORKERS:
            mp_put_array(out, 1);
            mp_put_text(out, "new");
            break;
        case CELL_TIME: mp_put_int(out, 1790000000000); break;
        default: mp_put_nil(out); break;
        }
    return true;
}

static void check_clash(struct bytes cells)
{
    struct promise promises[2];
    struct buffer out = {0};
    if (!promise_read(cells, &reader, &promises[0]))
        return;
    promises[1] = promises[0];
    if (view_clash(promises, 1, 0, &reader, &out))
        MUST(promise_read(buffer_bytes(&out), &reader, &promises[1]));
    buffer_clear(&out);
    promises[1] = promises[0];
    promises[1].person = (struct bytes){0};
    view_clash(promises, 2, 1, &reader, &out);
    buffer_release(&out);
}

static void check_row(const struct view_def *view, struct bytes cells)
{
    const struct view_moment moment = {1795262400000, 1};
    struct buffer once = {0};
    buffer_append_byte(&once, 0xc0);
    enum finish_verdict verdict = view_finish(view, cells, &moment, &once);
    MUST(verdict == FINISH_KEEP || once.len == 1);
    fuzz_accepted += verdict != FINISH_FAILED;
    if (verdict == FINISH_KEEP) {
        const struct bytes told = bytes_of(once.data + 1, once.len - 1);
        mp_reader_init(&reader, told);
        MUST(mp_next(&reader) && mp_array(&reader, 0, MP_TAPE_MAX) == view->column_count);
        view_finished_sort(view, told, 7);
        if (view->view == VIEW_MY_DAY)
            check_clash(told);
    }
    buffer_release(&once);
}

static void count_pair(void *context, size_t first, size_t second, const char *why)
{
    MUST(first != second && *why);
    ++*(size_t *)context;
}

static void check_identity(struct bytes in)
{
    static struct person_identity identity;
    const struct duplicate_person people[] = {{{{1}}, in}, {{{2}}, in}, {{{1}}, in}};
    size_t pairs = 0;
    bool read = person_identity_read(in, &reader, &identity);
    MUST(duplicates_find(people, 3, count_pair, &pairs));
    MUST(pairs <= 1 && (read || pairs == 0));
    MUST(!read || pairs == 1 || identity.moved || identity.link_count > 0 || identity.nhs_numbers.count == 0);
    fuzz_accepted += read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct view_def *view = view_at(data[0]);
    if (view)
        check_row(view, bytes_of(data + 1, size - 1));
    else
        check_identity(bytes_of(data + 1, size - 1));
    return 0;
}
