/* SPDX-License-Identifier: MIT */
/*
 * Changes on a host that fails: whatever allocation, read or change fails in a session of guest writes, a log replay or
 * the creation of an image, the caller hears of it, and what is on the disk then is an image without errors, or none at
 * all. Without a word of failure it is the very image of a host that does not fail.
 */
#include "writing.h"

#include <stdio.h>

#include "fault_sites.h"
#include "write/create.h"
#include "write/replay_file.h"

struct change {
    const char *name;
    enum status (*make)(const struct change *c, struct store *store);
    struct img *img; /* what is changed; NULL: an empty file */
    const struct create_options *options;
    struct disk expected;
    uint64_t before; /* pool mark */
    bool known;
};

static void judge(struct change *c, struct disk *d, enum status st, enum site_kind failed)
{
    struct store *s = disk_store(d, NULL, 0, NULL);
    const struct check_options options = {.max_findings = 10};
    struct check_result *r = NULL;

    if (failed == SITE_NONE) {
        assert_int_equal(st, STATUS_OK);
        if (!c->known)
            disk_copy(&c->expected, d);
        c->known = true;
    }
    if (st == STATUS_OK && disk_difference(&c->expected, d) != UINT64_MAX)
        fail_msg("%s: something failed, nobody noticed, and the file is another one", c->name);
    struct looked l = look_at(s->source);
    assert_int_equal(check_run(l.image, &options, NULL, &r), STATUS_OK);
    bool none = c->img == NULL && st != STATUS_OK && r->verdict == VERDICT_UNREADABLE;
    if (!none && r->counts[SEVERITY_ERROR] > 0)
        fail_msg("%s: after a failure the image has errors, the first one: %s", c->name, r->findings[0]->message);
    looked_close(&l);
    store_close(s);
}

static void run(void *ctx)
{
    static struct disk work;
    struct change *c = ctx;
    uint64_t here = pool_mark();

    if (c->img != NULL)
        changed_load(&work, c->img);
    else
        memset(&work, 0, sizeof(work));
    work.own_from = here;
    struct store *store = disk_store(&work, NULL, 0, NULL);
    enum status st = c->make(c, store);
    enum site_kind failed = sites_end();
    bool first = failed == SITE_NONE && !c->known;
    store_close(store);
    judge(c, &work, st, failed);
    if (!first)
        pool_release(here);
}

/* Two blocks that are there, one that is new, a flush between, and again in what is new now. */
static enum status make_writes(const struct change *c, struct store *store)
{
    static uint8_t buf[3 * 4096];
    struct session s = open_store(store);
    struct writer *w = NULL;
    const char *why = NULL;

    (void)c;
    memset(buf, 0x5A, sizeof(buf));
    memset(buf + 4096 + 1024, 0, 2048); /* not written where zeros are already */
    sites_begin();
    enum status st = writer_open(s.arena, store, "disk.vhdx", &entropy, &w, &why);
    if (st == STATUS_OK) {
        st = writer_write(w, MIB - 4096, buf, 8192);
        enum status next[] = {writer_write(w, 2 * MIB + 512, buf, 1024), writer_flush(w),
                              writer_write(w, 4 * MIB - 4096, buf, 4096), writer_write(w, 2 * MIB, buf, 4096),
                              writer_close(w)};
        for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
            st = st != STATUS_OK ? st : next[i];
    }
    arena_destroy(s.arena);
    return st;
}

static enum status make_replay(const struct change *c, struct store *store)
{
    struct looked l = look_at(store->source);
    struct entropy e = entropy_seeded(1);

    (void)c;
    sites_begin();
    enum status st = replay_file(store, l.image, &e);
    looked_close(&l);
    return st;
}

static enum status make_image(const struct change *c, struct store *store)
{
    struct entropy e = entropy_seeded(1);

    sites_begin();
    return create_image(store, c->options, &e);
}

static uint64_t runs;

static void try(struct change c)
{
    uint64_t here = pool_mark();

    runs += sites_try(run, &c);
    if (c.img != NULL)
        img_free(c.img);
    pool_release(here);
}

static struct img *four(enum img_type type, const char *states)
{
    return img_create(&(struct img_params){.type = type, .virtual_size = SIZE, .block_size = MIB, .states = states});
}

/* Each group of the below meets ways of its own. */
static void assert_tried(uint64_t least)
{
    printf("# %llu runs with a failure\n", (unsigned long long)runs);
    assert_true(runs >= least);
    runs = 0;
}

static void guest_writes(void **state)
{
    static const char *const states[] = {"6666", "0000", "6060", "0606", "6236", "3331"};

    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        try((struct change){.name = states[i], .make = make_writes, .img = four(IMG_DYNAMIC, states[i])});
    struct img *odd = four(IMG_DYNAMIC, "6U6M"); /* places that may be used again, and an entry to look at */
    img_bat_set(odd, 0, img_bat_get(odd, 0) | 8);
    try((struct change){.name = "old places", .make = make_writes, .img = odd});
    try((struct change){.name = "a fixed disk", .make = make_writes, .img = four(IMG_FIXED, "6666")});
    try((struct change){.name = "a child", .make = make_writes, .img = four(IMG_DIFFERENCING, "7070")});
    try((struct change){.name = "an empty child", .make = make_writes, .img = four(IMG_DIFFERENCING, "0000")});
    try((struct change){.name = "a child with all of it", .make = make_writes, .img = four(IMG_DIFFERENCING, "6666")});
    assert_tried(40);
}

static void log_replays(void **state)
{
    struct img *img = four(IMG_DYNAMIC, "6060");
    struct img *tail = four(IMG_DYNAMIC, "6066");

    (void)state;
    img_make_dirty_bat(img, img_block_index(img, 0), img_bat_get(img, img_block_index(img, 0)));
    try((struct change){.name = "a page of the BAT", .make = make_replay, .img = img});
    const struct img_log_desc zeros[] = {{.off = tail->metadata_off + 0x20000, .len = 4 * LOG_SECTOR_LEN}};
    img_make_dirty(tail, zeros, 1);
    try((struct change){.name = "zeros", .make = make_replay, .img = tail});
    assert_tried(5);
}

static void creation(void **state)
{
    static const struct create_options options[] = {
        {.size = 8 * MIB, .block_size = MIB},
        {.size = 8 * MIB, .block_size = MIB, .type = CREATE_FIXED, .creator = "x"},
        {.size = 8 * MIB, .like = CREATE_LIKE_QEMU, .logical_sector_size = 4096, .creator = "y"},
        {.size = 9000 * MIB, .like = CREATE_LIKE_QEMU, .block_size = MIB, .block_state_zero = true},
        {.size = 8 * MIB,
         .type = CREATE_DIFFERENCING,
         .parent_data_write_guid = {{1, 2, 3}},
         .absolute_win32_path = "C:\\a.vhdx"},
        {.size = 8 * MIB,
         .type = CREATE_DIFFERENCING,
         .parent_data_write_guid = {{1, 2, 3}},
         .relative_path = ".\\a.vhdx",
         .absolute_win32_path = "C:\\a.vhdx",
         .volume_path = "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\a.vhdx"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        try((struct change){.name = "creation", .make = make_image, .options = &options[i]});
    assert_tried(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(guest_writes), cmocka_unit_test(log_replays),
                                       cmocka_unit_test(creation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
