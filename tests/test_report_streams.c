/* SPDX-License-Identifier: MIT */
/*
 * Every report onto a stream that takes so many writes and no more: what came through is the beginning of the whole,
 * and long listings end soon. And listings of files that are rare: with the log replayed, of children, changed while
 * they are read, longer than a buffer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "build.h"
#include "carve/carve.h"
#include "faulty.h"
#include "image/chain_set.h"
#include "image/guest.h"
#include "report/carve.h"
#include "report/chain.h"
#include "report/guest.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* ---- a stream that ends ---- */

struct full {
    uint64_t writes, most; /* most: bytes that it takes */
    char *text;
    size_t len;
    char room[4096]; /* ours, so that what the host puts there counts as written (MemorySanitizer) */
};

static ssize_t full_write(void *cookie, const char *buf, size_t len)
{
    struct full *f = cookie;
    size_t takes = (size_t)u64_min(len, f->most - f->len);

    f->writes++;
    char *more = realloc(f->text, f->len + takes + 1);
    assert_non_null(more);
    memcpy(more + f->len, buf, takes);
    f->text = more;
    f->len += takes;
    f->text[f->len] = '\0';
    if (takes < len)
        errno = ENOSPC;
    return (ssize_t)takes;
}

static FILE *full_open(struct full *f, uint64_t most)
{
    *f = (struct full){.most = most};
    FILE *out = fopencookie(f, "w", (cookie_io_functions_t){.write = full_write});
    assert_non_null(out);
    assert_int_equal(setvbuf(out, f->room, _IOFBF, sizeof(f->room)), 0);
    return out;
}

/* ---- reports ---- */

enum what { CHECK, INFO, LOG, DUMP, LAYOUT, MAP, CARVE, CHAIN, RULES, WHATS };

struct shown {
    struct checked c;
    struct carve *carve;
    bool *selected;
    struct guest *guest;
    struct chain_set set;
};

static void scene_open(struct shown *s, const struct img *img)
{
    const struct carve_options options = {.no_payload = false};
    const char *why;

    *s = (struct shown){.c = reports_check(img, "scene.vhdx", 1000)};
    assert_int_equal(carve_run(s->c.image, &options, &s->carve), STATUS_OK);
    s->selected = calloc((size_t)s->carve->item_count + 1, sizeof(bool));
    assert_non_null(s->selected);
    for (uint64_t i = 0; i < s->carve->item_count; i++)
        s->selected[i] = i != 1;
    assert_int_equal(guest_open(s->c.image, &(struct guest_options){.salvage = true}, &s->guest, &why), STATUS_OK);
    s->set.arena = s->c.arena;
    assert_int_equal(chain_set_add(&s->set, "scene.vhdx", s->c.image, true, NULL), STATUS_OK);
    assert_int_equal(chain_set_add(&s->set, "gone.vhdx", NULL, true, "no such file"), STATUS_OK);
    assert_int_equal(chain_set_resolve(&s->set, NULL, 0), STATUS_OK);
}

static void scene_close(struct shown *s)
{
    free(s->selected);
    carve_close(s->carve);
    reports_done(&s->c);
}

static void say(struct shown *s, enum what what, struct report *r)
{
    const struct dump_options all = {.parts = DUMP_ALL, .hex = true};
    struct guest_fault_list faults = {.arena = s->c.arena};
    const char *missing = NULL;

    switch (what) {
    case CHECK:
        report_check(r, s->c.result);
        break;
    case INFO:
        report_info(r, s->c.image);
        break;
    case LOG:
        assert_int_equal(report_log(r, s->c.image, true), STATUS_OK);
        break;
    case DUMP:
        assert_int_equal(report_dump(r, s->c.image, &all, &missing), STATUS_OK);
        break;
    case LAYOUT:
        assert_int_equal(report_layout(r, s->c.image, &missing), STATUS_OK);
        break;
    case MAP:
        assert_int_equal(report_map(r, "scene.vhdx", s->guest, 0, guest_size(s->guest), &faults), STATUS_OK);
        break;
    case CARVE:
        report_carve(r, &(struct carve_listing){.carve = s->carve, .selected = s->selected});
        break;
    case CHAIN:
        report_chain(r, &s->set);
        break;
    case RULES:
    case WHATS:
        report_rules(r);
        break;
    }
}

static struct full one(struct shown *s, enum what what, enum report_format format, uint64_t most, bool *ret_failed)
{
    const char *list = what == CHECK || what == INFO ? "images" : what == RULES ? "rules" : NULL;
    struct full f;
    struct report r = {.out = full_open(&f, most), .format = format, .verbose = true};

    assert_int_equal(report_begin(&r, list), STATUS_OK);
    say(s, what, &r);
    (void)report_end(&r);
    (void)fflush(r.out);
    *ret_failed = ferror(r.out) != 0;
    (void)fclose(r.out);
    return f;
}

static void streams_that_end(void **state)
{
    static const uint64_t shares[] = {0, 1, 2, 5, 10, 50, 90, 99};
    struct img *img = img_create(&(struct img_params){.states = "6.62M....6"});
    struct shown s;
    bool failed;

    (void)state;
    img_make_dirty_bat(img, 3, img_bat_get(img, 3));
    scene_open(&s, img);
    for (enum what w = CHECK; w < WHATS; w++)
        for (enum report_format f = REPORT_TEXT; f <= (w == CHECK ? REPORT_HTML : REPORT_JSONL); f++) {
            if (w == DUMP && f == REPORT_JSONL)
                continue;
            struct full whole = one(&s, w, f, UINT64_MAX, &failed);
            assert_false(failed);
            assert_true(whole.len > 100);
            for (size_t k = 0; k < sizeof(shares) / sizeof(shares[0]); k++) {
                struct full part = one(&s, w, f, whole.len * shares[k] / 100, &failed);
                assert_true(failed);
                if (part.len > whole.len || (part.len > 0 && memcmp(part.text, whole.text, part.len) != 0))
                    fail_msg("report %d, format %d: not the beginning of the whole", (int)w, (int)f);
                free(part.text);
            }
            free(whole.text);
        }
    scene_close(&s);
    img_free(img);
}

/* ---- maps ---- */

/* Thousands of extents: more than a buffer of lines, and with nobody to listen they end where the stream does. */
static void listings_longer_than_a_buffer(void **state)
{
    enum { BLOCKS = 4000 };
    struct img *img =
        img_create(&(struct img_params){.virtual_size = (uint64_t)BLOCKS * MIB, .block_size = MIB, .states = ""});
    uint64_t off = img->size;
    struct shown s;
    bool failed;

    (void)state;
    for (uint64_t b = 0; b < BLOCKS; b += 2)
        img_block_set(img, b, 6, off + b * MIB);
    img_resize(img, off + (uint64_t)BLOCKS * MIB);
    scene_open(&s, img);
    for (enum what w = LAYOUT; w <= MAP; w++)
        for (enum report_format f = REPORT_TEXT; f <= REPORT_JSONL; f++) {
            struct full whole = one(&s, w, f, UINT64_MAX, &failed);
            unsigned lines = 0;
            for (size_t i = 0; i < whole.len; i++)
                lines += whole.text[i] == '\n';
            assert_true(lines >= BLOCKS && lines < BLOCKS + 64);
            assert_true(whole.writes > 2);
            struct full part = one(&s, w, f, 0, &failed);
            assert_true(failed);
            assert_int_equal(part.len, 0);
            assert_true(part.writes <= 4); /* nobody goes on for long without a listener */
            free(part.text);
            free(whole.text);
        }
    scene_close(&s);
    img_free(img);
}

/* ---- single listings ---- */

static char *listed(const struct img *img, enum what what, enum report_format format)
{
    struct shown s;
    bool failed;

    scene_open(&s, img);
    struct full f = one(&s, what, format, UINT64_MAX, &failed);
    assert_false(failed);
    scene_close(&s);
    return f.text;
}

static void assert_lists(const struct img *img, enum what what, enum report_format format, const char *words,
                         bool there)
{
    char *text = listed(img, what, format);
    if ((strstr(text, words) != NULL) != there)
        fail_msg("\"%s\" is %s\n%s", words, there ? "not in" : "in", text);
    free(text);
}

static void the_log_is_replayed(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    assert_lists(img, LAYOUT, REPORT_TEXT, "log replayed", false);
    assert_lists(img, DUMP, REPORT_TEXT, "with the log replayed", false);
    img_make_dirty_bat(img, 3, 0);
    assert_lists(img, LAYOUT, REPORT_TEXT, ", log replayed\n", true);
    assert_lists(img, LAYOUT, REPORT_JSON, "\"replayed\": true", true);
    assert_lists(img, DUMP, REPORT_TEXT, "metadata table at 0x", true);
    assert_lists(img, DUMP, REPORT_TEXT, ", with the log replayed\n", true);
    img_free(img);
}

/* A region that has the name of a metadata item is shown by its GUID, like any that is not known. */
static void a_region_named_like_an_item(void **state)
{
    struct img *img = img_create(NULL);
    uint64_t off = img->size;

    (void)state;
    img_resize(img, off + MIB);
    img_region_add(
        img, &(struct region_entry){.guid = *known_guid(KNOWN_ITEM_VIRTUAL_DISK_ID), .off = off, .len = (uint32_t)MIB});
    assert_lists(img, LAYOUT, REPORT_TEXT, "region beca12ab-b2e6-4523-93ef-c309e000c746", true);
    img_free(img);
}

static void one_entry_of_zeros(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "666666666."});

    (void)state;
    assert_lists(img, DUMP, REPORT_TEXT, "(1 entry not shown: zero, not present)", true);
    img_free(img);
}

/* What is read again after the scan has changed by then. */
static void a_log_that_changes_while_it_is_read(void **state)
{
    struct img *img = img_create(NULL);
    struct shown s;
    bool failed;

    (void)state;
    img_make_dirty_bat(img, 3, 0);
    scene_open(&s, img);
    const struct log_scan *log = &s.c.image->log;
    assert_true(log->entry_count >= 2);
    for (uint64_t i = 0; i < log->entry_count; i++)
        for (uint64_t off = 0; off < log->entries[i].len; off += 4096)
            memcpy(img_bytes(img, log->off + log->entries[i].ring_off + off, 4), "gone", 4);
    struct full f = one(&s, DUMP, REPORT_TEXT, UINT64_MAX, &failed);
    const char *at = strstr(f.text, "gone");
    if (at == NULL || strncmp(at + strcspn(at, "\n") - 5, "wrong", 5) != 0)
        fail_msg("not told to be wrong:\n%s", f.text);
    free(f.text);
    scene_close(&s);
    img_free(img);
}

static void a_log_that_cannot_be_read(void **state)
{
    const struct dump_options part = {.parts = DUMP_LOG};
    struct img *img = img_create(NULL);
    img_make_dirty_bat(img, 3, 0);
    struct source *base = img_source(img);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct faulty faulty;
    struct image *image;
    const char *missing = NULL;

    (void)state;
    assert_non_null(a);
    struct source *src = faulty_over(&faulty, base);
    faulty.bad_off = img->log_off;
    faulty.bad_len = img->log_len;
    assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
    image->log.scanned = false;
    struct full f;
    struct report r = {.out = full_open(&f, UINT64_MAX), .format = REPORT_TEXT};
    assert_int_equal(report_begin(&r, NULL), STATUS_OK);
    (void)report_dump(&r, image, &part, &missing);
    (void)report_end(&r);
    (void)fclose(r.out);
    assert_non_null(missing);
    assert_string_equal(missing, "it cannot be read");
    free(f.text);
    image_close(image);
    source_close(base);
    arena_destroy(a);
    img_free(img);
}

/* ---- sector bitmaps ---- */

static char *bitmaps_of(const struct img *img, uint64_t first, uint64_t end, bool with_range, enum dump_part part)
{
    const struct dump_options options = {
        .parts = part, .have_range = with_range, .range_first = first, .range_end = end};
    struct checked c = reports_check(img, "child.vhdx", 1000);
    const char *missing = NULL;
    struct full f;
    struct report r = {.out = full_open(&f, UINT64_MAX), .format = REPORT_TEXT};

    assert_int_equal(report_begin(&r, NULL), STATUS_OK);
    assert_int_equal(report_dump(&r, c.image, &options, &missing), STATUS_OK);
    (void)report_end(&r);
    (void)fclose(r.out);
    reports_done(&c);
    return f.text;
}

static void bitmaps_by_range(void **state)
{
    const struct img_block blocks[] = {
        {.block = 0, .state = 7}, {.block = 2048, .state = 7}, {.block = 4096, .state = 7}};
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .virtual_size = (uint64_t)9 << 30, .states = "", .blocks = blocks, .block_count = 3});
    (void)state;
    assert_int_equal(img->geometry.chunk_ratio, 2048);
    char *text = bitmaps_of(img, 0, 0, false, DUMP_BITMAP);
    assert_non_null(strstr(text, "  chunk                  0"));
    assert_non_null(strstr(text, "  chunk                  2"));
    free(text);
    text = bitmaps_of(img, 1, 2, true, DUMP_BITMAP);
    assert_null(strstr(text, "  chunk                  0"));
    assert_non_null(strstr(text, "  chunk                  1"));
    assert_null(strstr(text, "  chunk                  2"));
    assert_null(strstr(text, "behind the end of the disk"));
    free(text);
    /* A sector that the last chunk has, and the disk does not: 9 GiB end after a quarter of it. */
    uint64_t off = img_bitmap_off(img, 2);
    *img_bytes(img, off + BITMAP_BLOCK_LEN / 2, 1) = 1;
    text = bitmaps_of(img, 2, 3, true, DUMP_BITMAP);
    assert_non_null(strstr(text, " (behind the end of the disk)\n"));
    free(text);
    /* Slots of bitmaps in the BAT, with a bitmap, without one, and with neither. */
    img_bat_set(img, img_bitmap_index(img, 1), 3);
    img_bat_set(img, img_bitmap_index(img, 2), 0);
    for (uint64_t chunk = 0; chunk < 3; chunk++) {
        static const char *const names[] = {"present", "invalid", "not_present"};
        uint64_t index = img_bitmap_index(img, chunk);
        text = bitmaps_of(img, index, index + 1, true, DUMP_BAT);
        assert_non_null(strstr(text, names[chunk]));
        free(text);
    }
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_that_end),          cmocka_unit_test(listings_longer_than_a_buffer),
        cmocka_unit_test(the_log_is_replayed),       cmocka_unit_test(a_region_named_like_an_item),
        cmocka_unit_test(one_entry_of_zeros),        cmocka_unit_test(a_log_that_changes_while_it_is_read),
        cmocka_unit_test(a_log_that_cannot_be_read), cmocka_unit_test(bitmaps_by_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
