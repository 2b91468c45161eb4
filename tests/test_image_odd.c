/* SPDX-License-Identifier: MIT */
/*
 * Images at the ends of what is looked at: more lost structures than are kept, parents that are named many ways or not
 * at all, entries whose neighbours nobody remembers. What becomes of each, by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "faulty.h"
#include "image/bitmaps.h"
#include "image/chain.h"
#include "image/disk_bins.h"
#include "image/guest.h"
#include "image/guest_walk.h"
#include "image/lost.h"
#include "image/replay_plan.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* ---- lost structures ---- */

static void copy_metadata(struct img *img, uint64_t to)
{
    static uint8_t bytes[65536];

    for (uint64_t off = 0; off < 2 * sizeof(bytes); off += sizeof(bytes)) {
        img_read(img, img->metadata_off + off, bytes, sizeof(bytes));
        img_write(img, to + off, bytes, sizeof(bytes));
    }
}

static void more_than_is_kept(void **state)
{
    enum { MANY = 40 };
    struct img *img = img_create(&(struct img_params){.states = "66"});
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct lost_metadata_list *metadata = arena_alloc(a, sizeof(*metadata));
    struct lost_bat_list *bats = arena_alloc(a, sizeof(*bats));
    uint64_t end = img->size;

    (void)state;
    assert_true(metadata != NULL && bats != NULL);
    img_resize(img, end + (uint64_t)4 * MANY * MIB);
    for (uint64_t i = 0; i < MANY; i++) {
        copy_metadata(img, end + 4 * i * MIB);
        for (uint64_t k = 0; k <= i % 8; k++) /* those with more blocks are better */
            put_le64(img_bytes(img, end + (4 * i + 2) * MIB + 8 * k, 8), bat_entry_make((20 + 2 * k) * MIB, 6));
    }
    struct source *src = img_source(img);
    assert_int_equal(lost_find_metadata(a, src, metadata), STATUS_OK);
    assert_int_equal(metadata->count, LIMIT_LOST_METADATA);
    assert_int_equal(metadata->items[0].off, img->metadata_off); /* in the order of the file */
    assert_int_equal(lost_find_bats(a, src, bats), STATUS_OK);
    assert_int_equal(bats->count, LIMIT_LOST_BATS);
    for (uint32_t i = 1; i < bats->count; i++) /* the best ones, best first */
        assert_true(bat_guess_score(&bats->items[i - 1].guess) >= bat_guess_score(&bats->items[i].guess));
    assert_int_equal(bats->items[0].guess.live, 4);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

/* A new disk, nothing lost but its region tables: the BAT of zeros is behind the metadata, or there is none. */
static void a_bat_of_zeros(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = ""});
    const struct lost_place nothing = {.log_off = img->log_off, .log_len = img->log_len};
    static const uint8_t zeros[4096];
    bool found = false;
    struct lost_fit fit;

    (void)state;
    img_fill(img, 192 * 1024, 128 * 1024, 0);
    for (int round = 0; round < 3; round++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        assert_non_null(a);
        if (round == 1) /* a unit that is stored, and all zeros */
            img_write(img, img->size - 4096, zeros, sizeof(zeros));
        if (round == 2) { /* metadata with nothing but the header section and the end of the file around it */
            copy_metadata(img, MIB);
            img_resize(img, 2 * MIB);
        }
        struct source *src = img_source(img);
        const struct lost_place none = {.metadata_off = 0};
        assert_int_equal(lost_find_pair(a, src, round == 2 ? &none : &nothing, &found, &fit), STATUS_OK);
        assert_int_equal(found, round < 2);
        if (found) {
            assert_int_equal(fit.place.metadata_off, img->metadata_off);
            assert_int_equal(fit.place.bat_off, img->metadata_off + MIB);
            assert_int_equal(fit.percent, 100);
        }
        source_close(src);
        arena_destroy(a);
    }
    img_free(img);
}

/* ---- what is drawn of a disk ---- */

static void draw(const struct img *img, struct arena **ret_arena, struct image **ret_image, struct source **ret_source,
                 struct disk_bins *ret)
{
    *ret_arena = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(*ret_arena);
    *ret_source = img_source(img);
    assert_int_equal(image_open(*ret_arena, *ret_source, "x.vhdx", NULL, NULL, ret_image), STATUS_OK);
    assert_int_equal(view_survey((*ret_image)->main), STATUS_OK);
    assert_int_equal(disk_bins_make(*ret_arena, (*ret_image)->main, 1024, ret), STATUS_OK);
}

static uint64_t faults_drawn(const struct img *img)
{
    struct arena *a;
    struct image *image;
    struct source *src;
    struct disk_bins d;
    uint64_t n = 0;

    draw(img, &a, &image, &src, &d);
    for (uint32_t i = 0; i < d.guest_count; i++)
        n += d.guest[i].fault;
    image_close(image);
    source_close(src);
    arena_destroy(a);
    return n;
}

static void faults_that_are_no_block(void **state)
{
    const struct img_block one[] = {{.block = 0, .state = 7}};
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .virtual_size = (uint64_t)9 << 30, .states = "", .blocks = one, .block_count = 1});

    (void)state;
    assert_int_equal(faults_drawn(img), 0);
    /* A bitmap behind the end of the file is no block; nor is a slot behind the last block. */
    img_bat_set(img, img_bitmap_index(img, 1), bat_entry_make(img->size + 64 * MIB, 6));
    assert_int_equal(faults_drawn(img), 0);
    img_bat_set(img, img_bitmap_index(img, 2) - 1, 4);
    assert_int_equal(faults_drawn(img), 0);
    img_block_set(img, 4000, 4, 0);
    assert_int_equal(faults_drawn(img), 1);
    img_free(img);

    /* The region ends right before the slot of a bitmap: the blocks of all other chunks are missing. */
    img = img_create(&(struct img_params){.virtual_size = (uint64_t)12 << 30, .states = "6"});
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_find(img, copy, KNOWN_REGION_BAT) + 24, 2048 * 8);
    img_sign_region_tables(img);
    struct arena *a;
    struct image *image;
    struct source *src;
    struct disk_bins d;
    draw(img, &a, &image, &src, &d);
    for (uint32_t i = 0; i < d.guest_count; i++)
        assert_int_equal(d.guest[i].fault, i * d.guest_unit >= (uint64_t)4 << 30);
    image_close(image);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

static bool count_bitmap(void *ctx, const struct bitmap_note *n)
{
    (void)n;
    ++*(unsigned *)ctx;
    return true;
}

/* What is drawn of an image before its BAT was looked at, or without a BAT: its file, and no blocks. */
static void images_without_blocks(void **state)
{
    struct img *img = img_create(NULL);

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *src = img_source(img);
        struct image *image;
        struct disk_bins d;
        unsigned bitmaps = 0;

        assert_non_null(a);
        assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
        assert_null(image->main->layout);
        assert_int_equal(disk_bins_make(a, image->main, 1024, &d), STATUS_OK);
        assert_int_equal(d.file_count, img->size / MIB);
        assert_int_equal(d.guest_count, 0);
        for (unsigned use = 0; use < FILE_USE_COUNT; use++)
            assert_int_equal(d.file_bytes[use], 0);
        image->main->geometry.differencing = true; /* a disk of bitmaps, if there was one */
        if (round == 0)
            image->main->geometry_absence = ABSENT_NO_ITEM;
        else
            image->main->bat.absence = ABSENT_NO_REGION;
        assert_int_equal(bitmaps_visit(image->main, count_bitmap, &bitmaps), STATUS_OK);
        assert_int_equal(bitmaps, 0);
        image_close(image);
        source_close(src);
        arena_destroy(a);
    }
    img_free(img);
}

/* ---- replays ---- */

struct pages {
    unsigned count, most;
    enum owner_kind owner[8];
};

static bool note_page(void *ctx, const struct replay_page *p)
{
    struct pages *pages = ctx;

    pages->owner[pages->count++] = p->owner.kind;
    return pages->count < pages->most;
}

static struct pages pages_of(const struct img *img, unsigned most, bool survey)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct source *src = img_source(img);
    struct pages pages = {.most = most};
    struct image *image;

    assert_non_null(a);
    assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
    if (survey)
        assert_int_equal(view_survey(image->main), STATUS_OK);
    assert_int_equal(replay_plan_visit(image, note_page, &pages), STATUS_OK);
    image_close(image);
    source_close(src);
    arena_destroy(a);
    return pages;
}

/* Whose the pages of a log are, as far as regions are known. */
static void pages_of_images_without_regions(void **state)
{
    struct img *img = img_create(NULL);
    const uint64_t places[] = {img->bat_off, img->metadata_off, img->payload_off};
    struct img_log_desc descs[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *page = img_page_copy(img, places[i]);
        page[4095] ^= 1; /* or nothing would change */
        descs[i] = (struct img_log_desc){.off = places[i], .page = page};
    }
    img_make_dirty(img, descs, 3);
    struct pages pages = pages_of(img, 8, false);
    assert_int_equal(pages.count, 3);
    for (unsigned i = 0; i < 3; i++) /* in the order of the file */
        assert_int_equal(pages.owner[i], i == 2 ? OWNER_NONE : OWNER_REGION);
    assert_int_equal(pages_of(img, 1, false).count, 1);
    assert_int_equal(pages_of(img, 8, true).owner[2], OWNER_PAYLOAD);
    /* The BAT is not where the file is any more. */
    uint64_t bat_off = img->bat_off;
    for (unsigned copy = 0; copy < 2; copy++)
        put_le64(img_region_find(img, copy, KNOWN_REGION_BAT) + 16, (uint64_t)1 << 40);
    img_sign_region_tables(img);
    pages = pages_of(img, 8, false);
    assert_int_equal(pages.count, 3);
    assert_int_equal(pages.owner[bat_off < img->metadata_off ? 0 : 1], OWNER_NONE);
    assert_int_equal(pages.owner[bat_off < img->metadata_off ? 1 : 0], OWNER_REGION);
    /* And there are none. */
    for (unsigned copy = 0; copy < 2; copy++)
        put_le32(img_region_table(img, copy) + 8, 0);
    img_sign_region_tables(img);
    pages = pages_of(img, 8, false);
    assert_int_equal(pages.count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pages.owner[i], OWNER_NONE);
    img_free(img);
}

/* ---- what the guest reads ---- */

/* Opens a guest over a source that fails, and reads; what is told is the status, and how many bytes had a fault. */
static enum status read_guest(struct faulty *f, size_t len, uint64_t *ret_faults, uint8_t *out)
{
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct image *image;
    struct guest *g;
    const char *why;

    assert_non_null(a);
    *ret_faults = 0;
    enum status st = image_open(a, &f->source, "x.avhdx", NULL, NULL, &image);
    if (st == STATUS_OK) {
        st = guest_open(image, &(struct guest_options){.salvage = true}, &g, &why);
        if (st == STATUS_OK)
            st = guest_read(g, 0, out, len, NULL, NULL, ret_faults);
        image_close(image);
    }
    arena_destroy(a);
    return st;
}

/* What cannot be read is a fault of the host; from the n-th read on there is no time left. */
static enum status read_slowly(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct faulty *f = (struct faulty *)s;

    if (++f->reads >= f->fail_read)
        return STATUS_LIMIT;
    return off < f->bad_off + f->bad_len && f->bad_off < off + len ? STATUS_IO : source_read(f->base, off, buf, len);
}

/* Time may end at any read: then nothing is told of the disk. Bits and sectors here and there make many reads. */
static void guests_whose_time_ends(void **state)
{
    static const struct source_ops slow = {.read = read_slowly, .next_data = faulty_next_data, .close = faulty_close};
    enum { LEN = 6 << 20 };
    struct img *img =
        img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "776", .data = IMG_DATA_DENSE});
    uint8_t *whole = malloc(LEN), *again = malloc(LEN);
    struct source *base = img_source(img);
    uint64_t faults, faults_again, limits = 0;
    struct faulty f;

    (void)state;
    assert_true(whole != NULL && again != NULL);
    (void)faulty_over(&f, base);
    assert_int_equal(read_guest(&f, LEN, &faults, whole), STATUS_OK);
    uint64_t reads = f.reads;
    for (uint64_t n = 1; n <= reads; n++) {
        (void)faulty_over(&f, base);
        f.fail_read = n;
        f.read_status = STATUS_LIMIT;
        if (read_guest(&f, LEN, &faults_again, again) != STATUS_OK) {
            limits++;
            continue;
        }
        assert_int_equal(faults_again, faults);
        assert_memory_equal(again, whole, LEN);
    }
    assert_true(limits > reads / 2);
    /* And where a part of a block cannot be read, the rest is looked at in small pieces: each may take too long. */
    for (uint64_t n = 1; n < reads + 1000; n++) {
        faulty_over(&f, base)->ops = &slow;
        f.bad_off = img_block_off(img, 2) + 100 * 512;
        f.bad_len = 512;
        f.fail_read = n;
        enum status st = read_guest(&f, LEN, &faults_again, again);
        assert_int_equal(st == STATUS_OK, f.reads < n);
        if (st == STATUS_OK) {
            assert_true(faults_again > faults);
            break;
        }
    }
    source_close(base);
    free(whole);
    free(again);
    img_free(img);
}

/* The entry of a bitmap is in another part of the BAT than those of its blocks. */
static void a_bitmap_whose_entry_cannot_be_read(void **state)
{
    enum { LEN = 1 << 20 };
    struct img *img =
        img_create(&(struct img_params){.type = IMG_DIFFERENCING, .virtual_size = (uint64_t)5 << 30, .states = "7"});
    struct source *base = img_source(img);
    uint8_t *bytes = malloc(LEN);
    struct faulty f;
    uint64_t faults;

    (void)state;
    assert_non_null(bytes);
    (void)faulty_over(&f, base);
    f.bad_off = img_bat_entry_off(img, img_bitmap_index(img, 0)) / 4096 * 4096;
    f.bad_len = 4096;
    assert_int_equal(read_guest(&f, LEN, &faults, bytes), STATUS_OK);
    assert_int_equal(faults, LEN);
    source_close(base);
    img_free(img);

    /* Farther away than what is read of a BAT at once: the time ends after the entry of the block was found. */
    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING,
                                          .virtual_size = (uint64_t)40 << 30,
                                          .block_size = MIB,
                                          .logical_sector_size = 4096,
                                          .states = "7"});
    base = img_source(img);
    (void)faulty_over(&f, base);
    f.bad_off = img_bat_entry_off(img, img_bitmap_index(img, 0)) / 4096 * 4096;
    f.bad_len = 4096;
    f.read_status = STATUS_LIMIT;
    assert_true(f.bad_off - img->bat_off > 128 * 1024);
    assert_int_equal(read_guest(&f, LEN, &faults, bytes), STATUS_LIMIT);
    source_close(base);
    free(bytes);
    img_free(img);
}

/* A host that knows every 64 KiB of a file by itself, and of no hole. */
static enum status pieces_of_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct faulty *f = (struct faulty *)s;

    f->questions++;
    *ret_data = off;
    *ret_hole = off / 65536 * 65536 + 65536;
    return STATUS_OK;
}

/* After many answers that help nobody such a host is asked no more, but behind zeros. */
static void a_host_with_useless_answers(void **state)
{
    static const struct source_ops ops = {.read = faulty_read, .next_data = pieces_of_data, .close = faulty_close};
    enum { BLOCKS = 10, LEN = 2 * BLOCKS << 20, ZEROS = 12 << 20 };
    struct img *img = img_create(&(struct img_params){.states = "6666666666", .data = IMG_DATA_DENSE});
    uint8_t *whole = malloc(LEN);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct image *image;
    struct guest_walk *w;
    struct faulty f;
    struct guest *g;
    const char *why;
    uint64_t faults, at = 0;
    bool more;

    (void)state;
    assert_true(whole != NULL && a != NULL);
    img_fill(img, img_block_off(img, ZEROS / (2 << 20)), 2 * MIB, 0);
    struct source *base = img_source(img);
    faulty_over(&f, base)->ops = &ops;
    assert_int_equal(image_open(a, &f.source, "x.vhdx", NULL, NULL, &image), STATUS_OK);
    assert_int_equal(guest_open(image, &(struct guest_options){.salvage = false}, &g, &why), STATUS_OK);
    assert_int_equal(guest_read(g, 0, whole, LEN, NULL, NULL, &faults), STATUS_OK);
    f.questions = 0;
    assert_int_equal(guest_walk_open(g, 0, LEN, &w), STATUS_OK);
    for (;;) {
        struct guest_piece piece;
        const uint8_t *data;
        assert_int_equal(guest_walk_peek(w, &piece, &more), STATUS_OK);
        if (!more)
            break;
        assert_int_equal(piece.off, at);
        assert_int_equal(guest_walk_take(w, piece.len, &data, NULL, NULL, &faults), STATUS_OK);
        assert_int_equal(faults, 0);
        if (data != NULL)
            assert_memory_equal(data, whole + at, piece.len);
        at += piece.len;
    }
    assert_int_equal(at, LEN);
    assert_in_range(f.questions, 64, LEN / 65536 - 1); /* in the end not for each of them */
    image_close(image);
    source_close(base);
    arena_destroy(a);
    free(whole);
    img_free(img);
}

/* Headers of one number whose logs differ in nothing but the version of their entries. */
static void headers_that_differ_in_the_log_version(void **state)
{
    struct img *img = img_create(NULL);
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    const char *why = NULL;
    struct image *image;
    struct guest *g;

    (void)state;
    assert_non_null(a);
    for (unsigned slot = 0; slot < 2; slot++)
        put_le64(img_header(img, slot) + IMG_HEADER_SEQUENCE, 7);
    put_le16(img_header(img, 1) + IMG_HEADER_LOG_VERSION, 1);
    img_sign_headers(img);
    struct source *src = img_source(img);
    assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
    assert_int_equal(guest_open(image, &(struct guest_options){.salvage = false}, &g, &why), STATUS_REFUSED);
    assert_string_equal(why, "two headers with one sequence number name different logs");
    image_close(image);
    source_close(src);
    arena_destroy(a);
    img_free(img);
}

/* ---- parents ---- */

struct linked {
    struct arena *arena;
    struct source *source;
    struct image *image;
    enum status status;
};

static struct linked link_up(const struct img *child, const struct chain_options *options)
{
    struct linked l = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .source = img_source(child)};

    assert_non_null(l.arena);
    assert_int_equal(image_open(l.arena, l.source, "child.avhdx", NULL, NULL, &l.image), STATUS_OK);
    l.status = chain_resolve(l.image, options);
    return l;
}

static void unlink_up(struct linked *l)
{
    chain_close(l->image);
    image_close(l->image);
    source_close(l->source);
    arena_destroy(l->arena);
}

static enum status over_the_limit(void *ctx, uint32_t dir, const char *name, struct source **ret,
                                  struct file_info *ret_info)
{
    (void)ctx;
    (void)dir;
    (void)name;
    (void)ret;
    (void)ret_info;
    return STATUS_LIMIT;
}

static void parents_that_cannot_be_opened(void **state)
{
    static const char *const names[] = {"first.vhdx", "gone.vhdx"}, *const dirs[] = {"dir"};
    const struct chain_opened opened[] = {{.status = STATUS_IO}, {.status = STATUS_IO, .message = "gone"}};
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING});

    (void)state;
    /* Without a word of the host its status says it. */
    for (int i = 0; i < 2; i++) {
        struct linked l =
            link_up(child, &(struct chain_options){.parents = names + i, .parent_count = 1, .opened = opened + i});
        assert_int_equal(l.status, STATUS_OK);
        assert_int_equal(l.image->parent->state, PARENT_UNOPENABLE);
        assert_string_equal(l.image->parent->message, i == 0 ? status_text(STATUS_IO) : "gone");
        unlink_up(&l);
    }
    /* A limit is no property of the file: it ends the search. */
    for (int i = 0; i < 2; i++) {
        struct linked l = link_up(child, &(struct chain_options){.parents = names,
                                                                 .parent_count = i == 0 ? 1 : 0,
                                                                 .search_dirs = dirs,
                                                                 .search_count = 1,
                                                                 .open = over_the_limit});
        assert_int_equal(l.status, STATUS_LIMIT);
        unlink_up(&l);
    }
    img_free(child);
}

/* Names that differ in case alone: so many are looked at, and no more; none of them is a VHDX file. */
static void names_in_many_cases(void **state)
{
    static const char *const names[] = {"PARENT.vhdx", "PARENt.vhdx", "PAREnt.vhdx", "PARent.vhdx", "PArent.vhdx",
                                        "Parent.vhdx", "pARENT.vhdx", "paRENT.vhdx", "parENT.vhdx", "pareNT.vhdx"};
    enum { NAMES = sizeof(names) / sizeof(names[0]), LOOKED_AT = 8 };
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent_name = "parent.vhdx"});
    char dir[] = "/tmp/vhdxray-image-odd-XXXXXX";
    const char *dirs[] = {dir};

    (void)state;
    assert_non_null(mkdtemp(dir));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < NAMES; i++) {
        int file = openat(fd, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(file >= 0);
        close(file);
    }
    struct linked l =
        link_up(child, &(struct chain_options){.search_dirs = dirs, .search_fds = &fd, .search_count = 1});
    assert_int_equal(l.status, STATUS_OK);
    assert_int_equal(l.image->parent->state, PARENT_NOT_FOUND);
    assert_int_equal(l.image->parent->rejected_count, LOOKED_AT);
    for (uint32_t i = 0; i < LOOKED_AT; i++) { /* in the order of their bytes */
        const char *name = strrchr(l.image->parent->rejected[i].name, '/') + 1;
        assert_string_equal(name, names[i]);
        assert_false(l.image->parent->rejected[i].have_guid);
    }
    unlink_up(&l);
    for (size_t i = 0; i < NAMES; i++)
        assert_int_equal(unlinkat(fd, names[i], 0), 0);
    close(fd);
    assert_int_equal(rmdir(dir), 0);
    img_free(child);
}

/* Memory that ends while parents are looked for is said, whatever it was wanted for. */
static void parents_without_memory(void **state)
{
    static const char *const names[] = {"gone.vhdx"};
    const struct chain_opened opened[] = {{.status = STATUS_IO, .message = "gone"}};
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent_name = "parent.vhdx"});
    char dir[] = "/tmp/vhdxray-image-odd-XXXXXX";
    const char *dirs[] = {dir};
    unsigned failures[2] = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    int file = openat(fd, "PARENT.vhdx", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    for (unsigned searched = 0; searched < 2; searched++) {
        const struct chain_options options = {.parents = names,
                                              .parent_count = !searched,
                                              .opened = opened,
                                              .search_dirs = dirs,
                                              .search_fds = &fd,
                                              .search_count = searched};
        for (uint64_t n = 1;; n++) {
            struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
            struct source *src = img_source(child);
            struct image *image;
            assert_non_null(a);
            assert_int_equal(image_open(a, src, "child.avhdx", NULL, NULL, &image), STATUS_OK);
            arena_fail_at(a, n, false);
            enum status st = chain_resolve(image, &options);
            bool failed = arena_status(a) != STATUS_OK;
            assert_int_equal(st != STATUS_OK, failed);
            failures[searched] += failed;
            if (!failed)
                assert_int_equal(image->parent->state, searched ? PARENT_NOT_FOUND : PARENT_UNOPENABLE);
            chain_close(image);
            image_close(image);
            source_close(src);
            arena_destroy(a);
            if (!failed)
                break;
        }
        assert_true(failures[searched] >= 2);
    }
    assert_int_equal(unlinkat(fd, "PARENT.vhdx", 0), 0);
    close(fd);
    assert_int_equal(rmdir(dir), 0);
    img_free(child);
}

static void names_of_files(void **state)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"C:\\disks\\a.vhdx", "a.vhdx"}, {".a", ".a"}, {"..", NULL}, {".", NULL}, {"dir/.b", ".b"}, {"...", "..."}};
    struct arena *a = arena_create(1 << 20);

    (void)state;
    assert_non_null(a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *name = chain_file_name(a, rows[i].path, strlen(rows[i].path));
        if (rows[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, rows[i].name);
    }
    arena_destroy(a);
}

/* ---- rules over odd places ---- */

static const struct finding *find(const struct checked *c, const char *rule)
{
    for (uint64_t i = 0; i < c->result->finding_count; i++)
        if (strcmp(c->result->findings[i]->rule->id, rule) == 0)
            return c->result->findings[i];
    return NULL;
}

static void a_log_at_the_end_of_all_files(void **state)
{
    const uint64_t end = 0x7ffffffffff00000;
    struct img *img = img_create(NULL);

    (void)state;
    for (unsigned slot = 0; slot < 2; slot++)
        put_le64(img_header(img, slot) + IMG_HEADER_LOG_OFF, end);
    img_sign_headers(img);
    img_block_set(img, 3, 6, end); /* over it, but first of all behind what a file can have */
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_non_null(find(&c, "VHDX-BAT-010"));
    assert_null(find(&c, "VHDX-BAT-014"));
    reports_done(&c);
    img_free(img);
}

static void bitmaps_at_odd_places(void **state)
{
    const struct img_block one[] = {{.block = 0, .state = 6}};
    struct img *img = img_create(
        &(struct img_params){.virtual_size = (uint64_t)9 << 30, .states = "", .blocks = one, .block_count = 1});

    (void)state;
    /* So far away that its end is no 64-bit number: QEMU refuses it. */
    img_bat_set(img, img_bitmap_index(img, 0), 0xfffffffffff00006);
    struct checked c = reports_check(img, "x.vhdx", 1000);
    assert_non_null(find(&c, "VHDX-BAT-006"));
    assert_true(find(&c, "VHDX-BAT-006")->stops & PEER_QEMU);
    reports_done(&c);
    img_free(img);

    img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING, .virtual_size = (uint64_t)9 << 30, .states = "", .blocks = one, .block_count = 1});
    for (int round = 0; round < 3; round++) {
        /* State 7 of a bitmap: openvmm minds it where it has a place, and that is taken or behind the end. */
        uint64_t off = round == 0 ? 0 : round == 1 ? img_block_off(img, 0) : img->size + 64 * MIB;
        img_bat_set(img, img_bitmap_index(img, 1), bat_entry_make(off, 7));
        c = reports_check(img, "x.vhdx", 1000);
        assert_non_null(find(&c, "VHDX-BAT-005"));
        assert_int_equal((find(&c, "VHDX-BAT-005")->stops & PEER_HYPERV) != 0, round > 0);
        reports_done(&c);
    }
    img_free(img);
}

/* Of blocks that overlap it is known who was first only as far as memory goes: without it the later one is told of. */
static void overlaps_that_nobody_remembers(void **state)
{
    struct img *img = img_create(&(struct img_params){.states = "6666M.6666"});
    bool partial = false, anchor = false, ended = false;

    (void)state;
    img_block_set(img, 6, 6, img_block_off(img, 0) + MIB);
    img_block_set(img, 8, 6, img_block_off(img, 4));
    for (uint64_t n = 1; !ended; n++) {
        struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
        struct source *src = img_source(img);
        struct image *image;
        struct check_result *res = NULL;
        assert_non_null(a);
        assert_int_equal(image_open(a, src, "x.vhdx", NULL, NULL, &image), STATUS_OK);
        arena_fail_at(a, n, false);
        enum status st = check_run(image, &(struct check_options){.max_findings = 1000}, NULL, &res);
        ended = arena_status(a) == STATUS_OK;
        for (uint64_t i = 0; st == STATUS_OK && i < res->finding_count; i++) {
            const struct finding *f = res->findings[i];
            if (strcmp(f->rule->id, "VHDX-BAT-017") == 0) {
                assert_int_equal(f->at.index, 6);
                partial = partial || f->related_count == 0;
                assert_true(f->related_count == 1 || !ended);
            }
            if (strcmp(f->rule->id, "VHDX-BAT-019") == 0) {
                bool unknown = strstr(f->message, "which an earlier entry in state 1 or 3 keeps") != NULL;
                assert_int_equal(f->at.index, unknown ? 8 : 4);
                anchor = anchor || unknown;
                assert_true(!unknown || !ended);
            }
        }
        image_close(image);
        source_close(src);
        arena_destroy(a);
        assert_true(n < 5000);
    }
    assert_true(partial && anchor);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_is_kept),
        cmocka_unit_test(a_bat_of_zeros),
        cmocka_unit_test(faults_that_are_no_block),
        cmocka_unit_test(images_without_blocks),
        cmocka_unit_test(pages_of_images_without_regions),
        cmocka_unit_test(guests_whose_time_ends),
        cmocka_unit_test(a_bitmap_whose_entry_cannot_be_read),
        cmocka_unit_test(a_host_with_useless_answers),
        cmocka_unit_test(headers_that_differ_in_the_log_version),
        cmocka_unit_test(parents_that_cannot_be_opened),
        cmocka_unit_test(parents_without_memory),
        cmocka_unit_test(names_in_many_cases),
        cmocka_unit_test(names_of_files),
        cmocka_unit_test(a_log_at_the_end_of_all_files),
        cmocka_unit_test(bitmaps_at_odd_places),
        cmocka_unit_test(overlaps_that_nobody_remembers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
