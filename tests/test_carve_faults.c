/* SPDX-License-Identifier: MIT */
/*
 * Carving on a host that fails, over files with something of each kind, some of it lost, some unreadable: whatever
 * allocation, read or question for holes fails by a way of its own, and whatever read the time ends at, the result says
 * that it is not complete or is the very same, and what it has is right as far as it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "carve/carve.h"
#include "fault_sites.h"
#include "faulty.h"

/* ---- files ---- */

enum scene_kind {
    SCENE_WHOLE,
    SCENE_LOST,       /* no header section: a model is assumed */
    SCENE_BARE,       /* nor metadata */
    SCENE_UNREADABLE, /* here and there */
    SCENE_CHILD,
    SCENES,
};

static void put_log(struct img *img, uint64_t off)
{
    const struct guid session = img_guid(IMG_WINDOWS, 'S', 1);
    uint8_t *page = img_page_copy(img, img->bat_off);
    uint8_t *bytes;
    uint64_t len;

    put_le64(page + 8, bat_entry_make(5 * MIB, 6));
    const struct img_log_desc descs[] = {{.off = img->bat_off, .page = page},
                                         {.off = img->metadata_off, .page = page},
                                         {.off = img->payload_off, .len = 16384},
                                         {.off = img->size + MIB, .len = 4096}};
    for (uint32_t i = 0; i < 3; i++) {
        const struct img_log_entry e = {.sequence_number = 5 + i,
                                        .tail = 0x8000 * i,
                                        .guid = session,
                                        .descs = descs,
                                        .desc_count = sizeof(descs) / sizeof(descs[0])};
        bytes = img_log_build(img, &e, &len);
        img_write(img, off + 0x8000 * (uint64_t)i, bytes, (size_t)len);
        free(bytes);
    }
}

static void copy(struct img *img, uint64_t from, uint64_t to, uint64_t len)
{
    static uint8_t bytes[65536];

    for (uint64_t at = 0; at < len; at += sizeof(bytes)) {
        img_read(img, from + at, bytes, sizeof(bytes));
        img_write(img, to + at, bytes, sizeof(bytes));
    }
}

static struct img *make(enum scene_kind kind)
{
    struct img *img = img_create(&(struct img_params){.type = kind == SCENE_CHILD ? IMG_DIFFERENCING : IMG_DYNAMIC,
                                                      .states = kind == SCENE_CHILD ? NULL : "6.62MM...6"});
    uint64_t end = img->size;

    img_resize(img, end + 24 * MIB);
    put_log(img, img->log_off + 0x1000);
    put_log(img, end + 20 * MIB); /* no header knows of it */
    put_log(img, end + 22 * MIB);
    img_log_write(img, (uint32_t)img->log_len - 4096, /* across the end of the ring */
                  &(struct img_log_entry){
                      .sequence_number = 2,
                      .tail = (uint32_t)img->log_len - 4096,
                      .guid = img_guid(IMG_WINDOWS, 'W', 1),
                      .descs = &(struct img_log_desc){.off = img->bat_off, .page = img_page_copy(img, img->bat_off)},
                      .desc_count = 1});
    copy(img, img->metadata_off, end, 2 * 65536);
    copy(img, img->metadata_off, end + 2 * MIB, 2 * 65536);
    put_le32(img_bytes(img, end + 2 * MIB + img->item_off[KNOWN_ITEM_FILE_PARAMETERS] - img->metadata_off, 4), 4 << 20);
    copy(img, img->bat_off, end + 4 * MIB, MIB);
    copy(img, img->bat_off, end + 6 * MIB, MIB);
    img_write(img, end + 7 * MIB + 0x3000, img_header(img, 0), 4096);
    copy(img, 192 * 1024, end + 8 * MIB - 32768, 65536); /* a region table across units */
    copy(img, 192 * 1024, end + 9 * MIB, 65536);
    img_fill(img, end + 12 * MIB, MIB, 0x11);
    memcpy(img_bytes(img, end + 13 * MIB + 0x10040, 8), "_BHRfS_M", 8);
    img_fill(img, end + 15 * MIB, 100, 0x12);
    if (kind == SCENE_LOST || kind == SCENE_BARE)
        img_fill(img, 0, MIB, 0);
    if (kind == SCENE_BARE)
        for (int i = 0; i < 3; i++)
            img_fill(img, i == 0 ? img->metadata_off : end + (uint64_t)(i - 1) * 2 * MIB, MIB, 0);
    return img;
}

/* ---- one run ---- */

struct trying {
    enum scene_kind kind;
    bool no_payload;
    bool sites; /* something else than the time may fail */
    const struct img *img;
    bool known;
    uint64_t counts[CARVE_KINDS], read, deadline_read;
    enum carve_model model;
};

static void assert_sound(const struct trying *t, const struct carve *c, bool whole)
{
    for (uint64_t i = 0; i < c->item_count; i++) {
        const struct carve_item *item = &c->items[i];
        assert_non_null(item->u.header);
        assert_true(item->off < t->img->size);
        if (i > 0)
            assert_true(c->items[i - 1].kind <= item->kind);
    }
    if (!whole)
        return;
    assert_memory_equal(c->counts, t->counts, sizeof(t->counts));
    assert_int_equal(c->model, t->model);
}

/* Everything that was found is read; the status of the first that cannot be. */
static enum status read_items(const struct carve *c)
{
    static uint8_t bytes[65536];
    enum status first = STATUS_OK;

    for (uint64_t i = 0; i < c->item_count; i++) {
        const struct carve_item *item = &c->items[i];
        uint64_t data = 0, end = 0;
        enum status st = carve_item_next_data(c, item, 0, &data, &end);
        if (st == STATUS_OK)
            assert_true(data <= end && end <= item->len);
        if (st == STATUS_OK)
            st = carve_item_read(c, item, 0, bytes, (size_t)u64_min(item->len, sizeof(bytes)));
        first = first != STATUS_OK ? first : st;
    }
    return first;
}

struct timed {
    struct source source;
    struct source *base;
    struct trying *trying;
};

static enum status timed_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct timed *t = (struct timed *)s;

    if (++t->trying->read == t->trying->deadline_read)
        s->deadline_ns = 1;
    return s->deadline_ns != 0 ? STATUS_LIMIT : source_read(t->base, off, buf, len);
}

static enum status timed_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    return source_next_data(((struct timed *)s)->base, off, ret_data, ret_hole);
}

static void timed_close(struct source *s)
{
    (void)s;
}

static void run(void *ctx)
{
    static const struct source_ops ops = {.read = timed_read, .next_data = timed_next_data, .close = timed_close};
    struct trying *t = ctx;
    const struct carve_options options = {.no_payload = t->no_payload};
    struct source *base = img_source(t->img);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct faulty faulty;
    struct timed timed = {.base = faulty_over(&faulty, base), .trying = t};
    struct image *img = NULL;
    struct carve *c = NULL;

    assert_non_null(a);
    timed.source = (struct source){.ops = &ops, .size = base->size};
    t->read = 0;
    assert_int_equal(image_open(a, &timed.source, "scene.vhdx", NULL, NULL, &img), STATUS_OK);
    if (t->kind == SCENE_UNREADABLE) {
        faulty.bad_off = t->img->size - 11 * MIB - 0x800; /* the end of an orphan and the page behind it */
        faulty.bad_len = 0x1000;
    }
    if (t->sites)
        sites_begin();
    enum status st = carve_run(img, &options, &c);
    enum status items = st == STATUS_OK ? read_items(c) : STATUS_OK;
    enum site_kind failed = t->sites ? sites_end() : SITE_NONE;
    if (st == STATUS_OK && !t->known) {
        t->model = c->model;
        memcpy(t->counts, c->counts, sizeof(t->counts));
    }
    if (st == STATUS_OK) {
        /* A read of what is laid over the file alone cannot fail, but here. */
        assert_sound(t, c, c->complete && (failed != SITE_READ || timed.source.failed_reads > 0));
        if (failed == SITE_MEMORY)
            assert_true(c->stopped == STATUS_NO_MEMORY || c->stopped == STATUS_LIMIT || c->complete || !t->known);
        if (t->kind == SCENE_UNREADABLE)
            assert_false(c->complete);
        else if (failed == SITE_NONE && t->deadline_read == 0)
            assert_true(c->complete && items == STATUS_OK);
        if (t->deadline_read > 0 && t->read >= t->deadline_read && c->complete)
            assert_int_equal(items, STATUS_LIMIT);
        if (timed.source.failed_reads > 0)
            assert_false(c->complete && items == STATUS_OK);
    } else {
        assert_int_equal(failed, SITE_MEMORY);
    }
    t->known = true;
    carve_close(c);
    image_close(img);
    source_close(base);
    arena_destroy(a);
}

static void every_way_to_a_failure(void **state)
{
    uint64_t runs = 0;

    (void)state;
    for (enum scene_kind k = SCENE_WHOLE; k < SCENES; k++)
        for (int no_payload = 0; no_payload < 2; no_payload++) {
            struct img *img = make(k);
            struct trying t = {.kind = k, .no_payload = no_payload == 1, .sites = true, .img = img};
            runs += sites_try(run, &t);
            img_free(img);
        }
    printf("# %llu runs with a failure\n", (unsigned long long)runs);
    assert_true(runs >= 100);
}

/* The first reads, and then fewer: behind the scan most of them are alike. */
static void the_end_of_the_time(void **state)
{
    (void)state;
    for (enum scene_kind k = SCENE_WHOLE; k < SCENES; k++) {
        struct img *img = make(k);
        struct trying t = {.kind = k, .img = img};
        run(&t);
        uint64_t reads = t.read;
        assert_true(reads > 50);
        for (t.deadline_read = 1; t.deadline_read <= reads; t.deadline_read += 1 + t.deadline_read / 100) {
            bool opened = t.deadline_read > 30; /* image_open() is not what is tried here */
            if (opened)
                run(&t);
        }
        img_free(img);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_to_a_failure), cmocka_unit_test(the_end_of_the_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
