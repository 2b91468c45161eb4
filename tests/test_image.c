/* SPDX-License-Identifier: MIT */
/*
 * Opening whole images: which stages exist, the state of the log, two views of a dirty one, damage and failures at
 * every step, who made the file. At the end the real images, when $VHDXRAY_IMAGES names the folder they are in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/bat_walk.h"
#include "image/image.h"

struct opened {
    struct arena *arena;
    struct source *source;
    struct image *image;
};

static struct opened open_source(struct source *s, const struct image_options *options)
{
    struct opened o = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = s};
    assert_non_null(o.arena);
    assert_int_equal(image_open(o.arena, s, "test.vhdx", NULL, options, &o.image), STATUS_OK);
    return o;
}

static struct opened open_image(const struct img *img)
{
    return open_source(img_source(img), NULL);
}

static void done(struct opened *o)
{
    image_close(o->image);
    source_close(o->source);
    arena_destroy(o->arena);
}

static uint64_t bat_entry(struct view *v, uint64_t index)
{
    struct bat_reader r;
    uint64_t entry = 0;
    assert_int_equal(bat_reader_open(v, &r), STATUS_OK);
    assert_int_equal(bat_reader_get(&r, index, &entry), STATUS_OK);
    return entry;
}

/* ---- stages ---- */

static void a_healthy_image_has_every_stage(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct opened o = open_image(img);
    struct image *i = o.image;
    assert_int_equal(i->file_size, img->size);
    assert_string_equal(i->path, "test.vhdx");
    assert_false(i->host.known);
    assert_int_equal(i->file_id_absence, ABSENT_NOT);
    assert_true(i->file_id.signature_ok);
    assert_int_equal(i->file_id_got, FILE_ID_LEN);
    assert_in_range(i->file_id.raw.len, FILE_ID_RESERVED_OFF, FILE_ID_LEN);
    assert_string_equal(i->creator, "Microsoft Windows 10.0.19041.0");
    assert_int_equal(i->current, 1);
    assert_ptr_equal(image_header(i), &i->headers[1].h);
    assert_int_equal(i->choice, HEADER_HIGHER_SEQUENCE);
    assert_true(i->log.scanned && i->log.all_zero);
    assert_int_equal(i->log.off, img->log_off);
    assert_int_equal(i->log_state, LOG_STATE_EMPTY);
    assert_false(i->replayed);
    assert_ptr_equal(i->main, i->stored);
    assert_int_equal(i->main->kind, VIEW_STORED);
    assert_int_equal(i->main->type, DISK_DYNAMIC);
    assert_null(i->parent);
    done(&o);
    img_free(img);
}

static void a_dirty_log_gives_two_views(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t index = img_block_index(img, 1), old = img_bat_get(img, index), new = bat_entry_make(0x700000, 6);
    img_make_dirty_bat(img, index, new);
    struct opened o = open_image(img);
    struct image *i = o.image;
    assert_int_equal(i->log_state, LOG_STATE_DIRTY);
    assert_true(i->replayed);
    assert_ptr_not_equal(i->main, i->stored);
    assert_int_equal(i->main->kind, VIEW_REPLAYED);
    assert_int_equal(i->stored->kind, VIEW_STORED);
    assert_int_equal(bat_entry(i->main, index), new);
    assert_int_equal(bat_entry(i->stored, index), old);
    assert_int_equal(i->replay.pages_changed, 1);
    done(&o);

    o = open_source(img_source(img), &(struct image_options){.no_replay = true});
    assert_int_equal(o.image->log_state, LOG_STATE_DIRTY);
    assert_false(o.image->replayed);
    assert_ptr_equal(o.image->main, o.image->stored);
    assert_int_equal(bat_entry(o.image->main, index), old);
    assert_int_equal(o.image->replay.pages_changed, 1); /* what it would be */
    done(&o);
    img_free(img);
}

/* RG-LOG-23: the log may carry the region tables that everything else is found through. */
static void a_replayed_region_table_is_the_one_used(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct img *moved = img_clone(img);
    uint8_t *entry = img_region_find(moved, 0, KNOWN_REGION_BAT);
    put_le64(entry + 16, img->bat_off + 0x4000000);
    img_sign_region_table(moved, 0);
    const uint8_t *page = img_page_copy(moved, REGION_TABLE_OFF[0]); /* the checksum and the entries are in one page */
    struct img_log_desc d = {.off = REGION_TABLE_OFF[0], .page = page};
    img_make_dirty(img, &d, 1);
    struct opened o = open_image(img);
    assert_true(o.image->replayed);
    assert_int_equal(o.image->main->bat_region.off, img->bat_off + 0x4000000);
    assert_int_equal(o.image->stored->bat_region.off, img->bat_off);
    done(&o);
    img_free(moved);
    img_free(img);
}

static void log_states_follow_header_and_ring(void **state)
{
    (void)state;
    enum { NO_ENTRY, NO_LENGTH, BAD_TARGET, VERSION_1, VERSION_1_NIL, OUTSIDE, NO_HEADER, STALE, TORN, GOOD, KINDS };
    static const enum log_state want[KINDS] = {
        [NO_ENTRY] = LOG_STATE_INVALID,  [NO_LENGTH] = LOG_STATE_INVALID,   [BAD_TARGET] = LOG_STATE_INVALID,
        [VERSION_1] = LOG_STATE_INVALID, [VERSION_1_NIL] = LOG_STATE_EMPTY, [OUTSIDE] = LOG_STATE_INVALID,
        [NO_HEADER] = LOG_STATE_EMPTY,   [STALE] = LOG_STATE_EMPTY,         [TORN] = LOG_STATE_INVALID,
        [GOOD] = LOG_STATE_DIRTY,
    };
    for (int kind = 0; kind < KINDS; kind++) {
        struct img *img = img_create(NULL);
        static uint8_t page[4096];
        struct img_log_desc d = {.off = kind == BAD_TARGET ? 0x10000 : 0x280000, .page = page};
        if (kind == TORN) {
            img_set_log_guid(img, &img->log.guid);
            img_log_write(
                img, 0,
                &(struct img_log_entry){.sequence_number = 1, .descs = &d, .desc_count = 1, .flags = IMG_LOG_TORN});
        } else {
            img_make_dirty(img, &d, 1);
        }
        if (kind == NO_ENTRY)
            img_fill(img, img->log_off, img->log_len, 0);
        if (kind == STALE || kind == VERSION_1_NIL)
            img_log_end(img);
        for (unsigned slot = 0; slot < 2; slot++) {
            uint8_t *h = img_header(img, slot);
            if (kind == NO_LENGTH)
                put_le32(h + IMG_HEADER_LOG_LEN, 0);
            if (kind == VERSION_1 || kind == VERSION_1_NIL)
                put_le16(h + IMG_HEADER_LOG_VERSION, 1);
            if (kind == OUTSIDE)
                put_le64(h + IMG_HEADER_LOG_OFF, UINT64_MAX - 0xFFFFF);
            img_sign_header(img, slot);
            if (kind == NO_HEADER)
                h[4] ^= 1;
        }
        struct opened o = open_image(img);
        const struct image *i = o.image;
        if (i->log_state != want[kind])
            fail_msg("case %d: %s", kind, log_state_name(i->log_state));
        assert_int_equal(i->replayed, kind == GOOD);
        assert_int_equal(i->replay.refused, kind == BAD_TARGET);
        assert_int_equal(i->replay.attempted, kind == GOOD || kind == BAD_TARGET);
        assert_int_equal(i->log.valid_stale, kind == STALE || kind == VERSION_1_NIL ? 2 : 0);
        if (kind == VERSION_1) /* evidence all the same */
            assert_int_equal(i->log.valid_live, 2);
        done(&o);
        img_free(img);
    }
}

static void log_states_have_the_names_of_the_report(void **state)
{
    (void)state;
    assert_string_equal(log_state_name(LOG_STATE_EMPTY), "empty");
    assert_string_equal(log_state_name(LOG_STATE_DIRTY), "dirty");
    assert_string_equal(log_state_name(LOG_STATE_INVALID), "invalid");
}

static void short_files_open(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0,        1,        7,        8,        100,      519,     520,
                                     521,      0xFFFF,   0x10000,  0x11000,  0x21000,  0x30000, 0x41000,
                                     0x100000, 0x1FF000, 0x200000, 0x211000, 0x300008, 0x400000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct img *img = img_create(NULL);
        img_resize(img, sizes[i]);
        struct opened o = open_image(img);
        const struct image *m = o.image;
        assert_int_equal(m->file_id_absence, sizes[i] < 8 ? ABSENT_REGION_UNUSABLE : ABSENT_NOT);
        assert_int_equal(m->file_id.signature_ok, sizes[i] >= 8);
        assert_int_equal(m->file_id_got, sizes[i] < FILE_ID_LEN ? sizes[i] : FILE_ID_LEN);
        assert_true(m->file_id.raw.len >= FILE_ID_RESERVED_OFF);
        assert_int_equal(m->current, sizes[i] >= 0x21000 ? 1 : sizes[i] >= 0x11000 ? 0 : -1);
        assert_int_equal(m->log.truncated, sizes[i] < 0x200000 && m->current >= 0);
        assert_int_equal(m->log_state, LOG_STATE_EMPTY);
        assert_non_null(m->main);
        done(&o);
        img_free(img);
    }
}

static void the_creator_is_text_or_nothing(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.creator = ""});
    struct opened o = open_image(img);
    assert_string_equal(o.image->creator, "");
    done(&o);

    put_le16(img_bytes(img, 8, 2), 0xD800); /* unpaired */
    put_le16(img_bytes(img, 10, 2), 'A');
    o = open_image(img);
    assert_string_equal(o.image->creator, "\xEF\xBF\xBD"
                                          "A");
    done(&o);

    *img_bytes(img, 0, 1) = 'V'; /* the headers still say what it is */
    o = open_image(img);
    assert_false(o.image->file_id.signature_ok);
    assert_non_null(o.image->creator);
    done(&o);

    img_header(img, 0)[0] = img_header(img, 1)[0] = 0;
    o = open_image(img);
    assert_null(o.image->creator);
    done(&o);
    img_free(img);
}

/* ---- failures ---- */

static struct img *dirty_image(void)
{
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    img_make_dirty_bat(img, img_block_index(img, 1), bat_entry_make(0x700000, 6));
    return img;
}

static bool any_io_error(const struct image *i)
{
    return i->file_id_absence == ABSENT_IO || i->headers[0].io_error || i->headers[1].io_error || i->log.io_error ||
           i->replay.io_error || i->stored->io_error || i->main->io_error;
}

static void every_unreadable_part_is_recorded(void **state)
{
    (void)state;
    struct img *img = dirty_image();
    struct source *s = img_source(img);
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        for (int sticky = 0; sticky < 2; sticky++) {
            struct faulty f;
            struct source *over = faulty_over(&f, s);
            f.fail_read = n;
            f.sticky = sticky;
            struct opened o = open_source(over, NULL);
            reached = f.reads >= n;
            if (any_io_error(o.image) != reached)
                fail_msg("read %lu: recorded %d", (unsigned long)n, !reached);
            if (o.image->log.io_error) /* the newest entry may be the one that could not be read */
                assert_int_not_equal(o.image->log_state, LOG_STATE_DIRTY);
            done(&o);
        }
    }
    source_close(s);
    img_free(img);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    struct img *img = dirty_image();
    struct source *s = img_source(img);
    for (int sticky = 0; sticky < 2; sticky++) {
        enum status st = STATUS_NO_MEMORY;
        for (uint64_t n = 1; st != STATUS_OK; n++) {
            struct image *i = NULL;
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            arena_fail_at(a, n, sticky);
            st = image_open(a, s, "x", NULL, NULL, &i);
            if (st == STATUS_OK)
                image_close(i);
            else
                assert_null(i);
            assert_true(st == STATUS_OK ? n > 10 : st == STATUS_NO_MEMORY);
            arena_destroy(a);
        }
    }
    bool enough = false;
    for (uint64_t budget = 0; budget < 1024 * KIB; budget += KIB) {
        struct image *i = NULL;
        struct arena *a = arena_create(budget);
        enum status st = image_open(a, s, "x", NULL, NULL, &i);
        assert_int_equal(st, enough || (st == STATUS_OK && budget >= 2 * HEADER_LEN) ? STATUS_OK : STATUS_LIMIT);
        enough = st == STATUS_OK;
        if (enough)
            image_close(i);
        arena_destroy(a);
    }
    assert_true(enough);
    source_close(s);
    img_free(img);
}

/* ---- who made it ---- */

static struct producer producer_of(struct img *img)
{
    struct opened o = open_image(img);
    struct producer p = image_producer(o.image);
    done(&o);
    img_free(img);
    return p;
}

static bool lists(const char *const *names, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void makers_are_known_by_their_habits(void **state)
{
    (void)state;
    struct producer p = producer_of(img_create(NULL));
    assert_string_equal(p.name, "windows");
    assert_false(p.contradicted);
    assert_true(p.because_count >= 4);
    assert_string_equal(p.because[0], "creator");
    assert_true(lists(p.because, p.because_count, "region order"));
    assert_true(lists(p.because, p.because_count, "metadata item order"));
    assert_string_equal(p.last_writer, "microsoft");

    p = producer_of(img_create(&(struct img_params){.layout = IMG_QEMU}));
    assert_string_equal(p.name, "qemu");
    assert_false(p.contradicted);
    assert_true(lists(p.because, p.because_count, "required flags"));
    assert_string_equal(p.last_writer, "rfc4122");

    p = producer_of(img_create(&(struct img_params){.creator = ""}));
    assert_string_equal(p.name, "openvmm");
    assert_false(p.contradicted);

    p = producer_of(img_create(&(struct img_params){.creator = "", .layout = IMG_QEMU}));
    assert_string_equal(p.name, "qemu");
    assert_false(p.contradicted);

    p = producer_of(img_create(&(struct img_params){.creator = "my own tool"}));
    assert_null(p.name); /* three families lay files out like this */
    assert_false(p.contradicted);
    assert_int_equal(p.because_count, 0);
    assert_int_equal(p.against_count, 0);

    p = producer_of(img_create(&(struct img_params){.creator = "my own tool", .layout = IMG_QEMU}));
    assert_string_equal(p.name, "qemu");
    assert_false(lists(p.because, p.because_count, "creator"));
}

static void a_creator_that_others_contradict_is_told(void **state)
{
    (void)state;
    struct producer p =
        producer_of(img_create(&(struct img_params){.creator = "Microsoft Windows 10.0.19041.0", .layout = IMG_QEMU}));
    assert_string_equal(p.name, "windows");
    assert_true(p.contradicted);
    assert_true(lists(p.against, p.against_count, "region order"));
    assert_true(lists(p.against, p.against_count, "virtual disk id byte order"));

    p = producer_of(img_create(&(struct img_params){.creator = "QEMU v9.0.0"}));
    assert_true(p.contradicted);
}

/* One habit that does not fit is a later change: a repair that set the Required bits, another program's last open. */
static void one_odd_trait_contradicts_nothing(void **state)
{
    (void)state;
    struct producer p = producer_of(img_create(&(struct img_params){.layout = IMG_QEMU, .required = IMG_YES}));
    assert_string_equal(p.name, "qemu");
    assert_false(p.contradicted);
    assert_int_equal(p.against_count, 0);

    struct guid qemu = img_guid(IMG_QEMU, 'F', 1);
    p = producer_of(img_create(&(struct img_params){.file_write_guid = qemu, .data_write_guid = qemu}));
    assert_string_equal(p.name, "windows");
    assert_string_equal(p.last_writer, "rfc4122");
    assert_false(p.contradicted);

    /* A child carries the disk id of its parent, whoever made that. */
    struct img *parent = img_create(&(struct img_params){.layout = IMG_QEMU});
    p = producer_of(img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent}));
    assert_string_equal(p.name, "windows");
    assert_false(p.contradicted);
    assert_false(lists(p.because, p.because_count, "virtual disk id byte order"));
    img_free(parent);
    p = producer_of(img_create(&(struct img_params){.type = IMG_DIFFERENCING}));
    assert_false(lists(p.because, p.because_count, "virtual disk id byte order"));

    /* All that is left of this one is a pair of headers as Disk2vhd writes them. */
    struct img *img = img_create(&(struct img_params){.sequence_number = {5, 5}});
    img_fill(img, REGION_TABLE_OFF[0], 2 * REGION_TABLE_LEN, 0);
    p = producer_of(img);
    assert_string_equal(p.name, "windows");
    assert_false(p.contradicted);
}

/* Disk2vhd lists the disk's id last and places it third, at 0x10010. */
static void items_listed_in_another_order_than_placed(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.creator = "d2v"});
    put_le32(img_metadata_entry(img, KNOWN_ITEM_VIRTUAL_DISK_ID) + 16, 0x10010);
    put_le32(img_metadata_entry(img, KNOWN_ITEM_LOGICAL_SECTOR_SIZE) + 16, 0x10020);
    put_le32(img_bytes(img, img->metadata_off + 0x10020, 4), 512);
    struct producer p = producer_of(img);
    assert_string_equal(p.name, "disk2vhd");
    assert_true(lists(p.because, p.because_count, "metadata item order"));
}

/* A maker is named when two habits or more point at it, and not for one alone. */
static void two_habits_make_a_maker(void **state)
{
    const struct img_params params = {.creator = "my own tool", .layout = IMG_QEMU};
    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        for (unsigned required = 0; required < 4; required++) {
            /* No disk id, and so no order of items: the order of regions in the file and in their table is left. */
            struct img *img = img_create(&params);
            img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_ID);
            for (unsigned copy = 0; copy < 2; copy++) {
                put_le32(img_region_find(img, copy, KNOWN_REGION_BAT) + 28, required & 1);
                put_le32(img_region_find(img, copy, KNOWN_REGION_METADATA) + 28, required >> 1);
                if (order == 1) /* of Windows: the BAT lies behind */
                    put_le64(img_region_find(img, copy, KNOWN_REGION_BAT) + 16, img->size);
            }
            if (order == 1) {
                uint8_t page[4096];
                img_read(img, img->bat_off, page, sizeof(page));
                img_resize(img, img->size + MIB);
                img_write(img, img->size - MIB, page, sizeof(page));
            }
            img_sign_region_tables(img);
            struct producer p = producer_of(img);
            const bool is_qemu = order == 0 && required != 3; /* only one of two Required bits says nothing */
            assert_int_equal(p.name != NULL, is_qemu);
            assert_int_equal(p.because_count, !is_qemu ? 0 : required == 0 ? 3 : 2);
            if (is_qemu)
                assert_string_equal(p.name, "qemu");
            assert_int_equal(lists(p.because, p.because_count, "required flags"), is_qemu && required == 0);
        }
    }
    /* Tables that name no BAT: of the disk id's place and form, the form is left out as well. */
    for (unsigned form = 0; form < 2; form++) {
        struct img *img = img_create(&params);
        for (unsigned copy = 0; copy < 2; copy++)
            img_region_find(img, copy, KNOWN_REGION_BAT)[0] ^= 1;
        img_sign_region_tables(img);
        if (form == 0)
            memset(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID), 0, 16);
        struct producer p = producer_of(img);
        assert_int_equal(p.name != NULL, form);
    }
}

static void little_is_said_about_wrecks(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    img_fill(img, REGION_TABLE_OFF[0], 2 * REGION_TABLE_LEN, 0);
    struct producer p = producer_of(img);
    assert_string_equal(p.name, "windows"); /* the creator alone */
    assert_int_equal(p.because_count, 1);

    img = img_create(NULL);
    img_resize(img, 0);
    p = producer_of(img);
    assert_null(p.name);
    assert_null(p.last_writer);
    assert_int_equal(p.because_count, 0);
}

/* ---- real images ---- */

struct real_case {
    const char *file, *creator, *producer, *last_writer;
    enum header_choice choice;
    enum log_state log;
    uint64_t entries, live, stale, active, changed;
    enum disk_type type;
};

/* format.md 20. */
static const struct real_case real_cases[] = {
    {"iotest-dynamic-1G", "Microsoft Windows 6.2.9200.16384", "windows", "rfc4122", HEADER_HIGHER_SEQUENCE,
     LOG_STATE_EMPTY, 2, 0, 2, 0, 0, DISK_DYNAMIC},
    {"iotest-dirtylog-10G-4M", "QEMU v1.6.50", "qemu", "rfc4122", HEADER_HIGHER_SEQUENCE, LOG_STATE_DIRTY, 7, 1, 6, 1,
     1, DISK_DYNAMIC},
    {"test-disk2vhd", "d2v", "disk2vhd", "microsoft", HEADER_IDENTICAL, LOG_STATE_EMPTY, 0, 0, 0, 0, 0, DISK_DYNAMIC},
    {"swap", NULL, "windows", "microsoft", HEADER_HIGHER_SEQUENCE, LOG_STATE_EMPTY, 4, 0, 4, 0, 0, DISK_DYNAMIC},
    {"fat-parent", NULL, "windows", "microsoft", HEADER_HIGHER_SEQUENCE, LOG_STATE_EMPTY, 2, 0, 2, 0, 0, DISK_FIXED},
    {"fat-differential", NULL, "windows", "microsoft", HEADER_HIGHER_SEQUENCE, LOG_STATE_EMPTY, 3, 0, 3, 0, 0,
     DISK_DIFFERENCING},
};

static void real_images_are_what_is_known_of_them(void **state)
{
    (void)state;
    const char *folder = getenv("VHDXRAY_IMAGES");
    if (folder == NULL)
        skip();
    for (size_t n = 0; n < sizeof(real_cases) / sizeof(real_cases[0]); n++) {
        const struct real_case *c = &real_cases[n];
        char path[4096], message[256];
        struct source *s = NULL;
        struct file_info info;
        (void)snprintf(path, sizeof(path), "%s/%s.vhdx", folder, c->file);
        if (file_open(path, &s, &info, message, sizeof(message)) != STATUS_OK)
            fail_msg("%s", message);
        struct opened o = open_source(s, NULL);
        const struct image *i = o.image;
        if (c->creator != NULL)
            assert_string_equal(i->creator, c->creator);
        assert_int_equal(i->choice, c->choice);
        assert_int_equal(i->log_state, c->log);
        assert_int_equal(i->log.entry_count, c->entries);
        assert_int_equal(i->log.valid_live, c->live);
        assert_int_equal(i->log.valid_stale, c->stale);
        assert_int_equal(i->log.active_count, c->active);
        assert_int_equal(i->replay.pages_changed, c->changed);
        assert_int_equal(i->main->type, c->type);
        assert_false(any_io_error(i));
        struct producer p = image_producer(i);
        assert_string_equal(p.name, c->producer);
        assert_string_equal(p.last_writer, c->last_writer);
        assert_false(p.contradicted);
        assert_int_equal(p.against_count, 0);
        if (c->changed == 1) { /* block 17 comes into being in the last MiB of the file */
            assert_int_equal(bat_entry(i->stored, 17), 0);
            assert_int_equal(bat_entry(i->main, 17), bat_entry_make(i->file_size - MIB, 6));
            assert_int_equal(bat_entry(i->main, 16), bat_entry(i->stored, 16));
        }
        done(&o);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_image_has_every_stage),
        cmocka_unit_test(a_dirty_log_gives_two_views),
        cmocka_unit_test(a_replayed_region_table_is_the_one_used),
        cmocka_unit_test(log_states_follow_header_and_ring),
        cmocka_unit_test(log_states_have_the_names_of_the_report),
        cmocka_unit_test(short_files_open),
        cmocka_unit_test(the_creator_is_text_or_nothing),
        cmocka_unit_test(every_unreadable_part_is_recorded),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(makers_are_known_by_their_habits),
        cmocka_unit_test(a_creator_that_others_contradict_is_told),
        cmocka_unit_test(one_odd_trait_contradicts_nothing),
        cmocka_unit_test(items_listed_in_another_order_than_placed),
        cmocka_unit_test(two_habits_make_a_maker),
        cmocka_unit_test(little_is_said_about_wrecks),
        cmocka_unit_test(real_images_are_what_is_known_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
