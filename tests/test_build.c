/* SPDX-License-Identifier: MIT */
/*
 * The image builder, by independent means: places and values as real Windows, Hyper-V and QEMU files have them
 * (format.md 16, 20), and QEMU's opinion of what comes out: qemu-img opens, checks, replays and reads the images. Those
 * cases are skipped where qemu-img is missing; it cannot open differencing files, whose layout is checked here alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "build.h"
#include "format/file_id.h"
#include "format/header.h"
#include "format/log_entry.h"
#include "format/sector_bitmap.h"

extern char **environ;

/* ---- files and qemu-img ---- */

static char dir[] = "/tmp/vhdxray-build-XXXXXX";
static char image_path[64], raw_path[64], output_path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(image_path, sizeof(image_path), "%s/a.vhdx", dir);
    (void)snprintf(raw_path, sizeof(raw_path), "%s/a.raw", dir);
    (void)snprintf(output_path, sizeof(output_path), "%s/output", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(image_path);
    (void)unlink(raw_path);
    (void)unlink(output_path);
    return rmdir(dir);
}

/* Exit code of qemu-img with these arguments; 127 when there is none. What it prints goes to output_path. */
static int qemu_img(const char *a, const char *b, const char *c, const char *d, const char *e, const char *f)
{
    const char *argv[] = {"qemu-img", a, b, c, d, e, f, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = 0;
    assert_int_equal(posix_spawn_file_actions_init(&files), 0);
    (void)posix_spawn_file_actions_addopen(&files, 1, output_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)posix_spawn_file_actions_adddup2(&files, 1, 2);
    int failed = posix_spawnp(&pid, "qemu-img", &files, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    if (failed)
        return 127;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool have_qemu(void)
{
    return qemu_img("--version", NULL, NULL, NULL, NULL, NULL) == 0;
}

static bool output_has(const char *text)
{
    char buf[8192];
    FILE *f = fopen(output_path, "re");
    assert_non_null(f);
    size_t n = fread(buf, 1, sizeof(buf) - 1, f);
    (void)fclose(f);
    buf[n] = 0;
    return strstr(buf, text) != NULL;
}

static void assert_blocks_equal(const struct img *img, int fd, uint64_t off, uint64_t len)
{
    static uint8_t have[IMG_PAGE_LEN], want[IMG_PAGE_LEN];
    for (uint64_t end = off + len; off < end;) {
        size_t n = end - off < IMG_PAGE_LEN ? (size_t)(end - off) : IMG_PAGE_LEN;
        assert_int_equal(pread(fd, have, n, (off_t)off), n);
        img_expected(img, off, want, n);
        if (memcmp(have, want, n) != 0)
            fail_msg("guest content differs in the 64 KiB at %#llx", (unsigned long long)off);
        off += n;
    }
}

/* qemu-img's reading of the saved image against img_expected(). Blocks that were not built must be holes or zeros. */
static void assert_guest_equal(const struct img *img)
{
    uint64_t size = img->geometry.virtual_size, block = img->geometry.block_size;
    assert_int_equal(qemu_img("convert", "-O", "raw", image_path, raw_path, NULL), 0);
    int fd = open(raw_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true((uint64_t)lseek(fd, 0, SEEK_END) == size);
    for (uint64_t off = 0; off < size; off += block) {
        off_t data = lseek(fd, (off_t)off, SEEK_DATA);
        uint64_t len = block_guest_len(&img->geometry, off / block);
        bool built = false;
        for (size_t i = 0; i < img->block_count && !built; i++)
            built = img->blocks[i].block == off / block;
        if (built || (data >= 0 && (uint64_t)data < off + len))
            assert_blocks_equal(img, fd, off, len);
    }
    (void)close(fd);
}

/* ---- pages ---- */

static void bytes_cross_pages(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint8_t in[300], out[300], zero[300] = {0};
    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i + 1);
    uint64_t off = 15 * MIB - 100; /* no page of either side exists */
    img_read(img, off, out, sizeof(out));
    assert_memory_equal(out, zero, sizeof(out));
    img_write(img, off, in, sizeof(in));
    img_read(img, off, out, sizeof(out));
    assert_memory_equal(out, in, sizeof(in));
    assert_int_equal(*img_bytes(img, off, 100), 1);
    img_fill(img, off + 50, 200, 0xAA);
    img_read(img, off, out, sizeof(out));
    assert_int_equal(out[49], 50);
    assert_int_equal(out[50], 0xAA);
    assert_int_equal(out[249], 0xAA);
    assert_int_equal(out[250], 251);
    img_free(img);
}

static void resize_forgets_what_it_cut(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint64_t size = img->size;
    uint8_t b = 9;
    *img_bytes(img, size - 1, 1) = 1;
    img_resize(img, size - 10);
    img_resize(img, size);
    img_read(img, size - 1, &b, 1);
    assert_int_equal(b, 0);
    img_free(img);
}

static void clones_are_independent(void **state)
{
    (void)state;
    struct img *img = img_create(NULL), *clone = img_clone(img);
    put_le64(img_header(clone, 0) + IMG_HEADER_LOG_OFF, 12345);
    img_page_copy(img, 0);
    assert_int_equal(le64(img_header(img, 0) + IMG_HEADER_LOG_OFF), MIB);
    assert_int_equal(clone->size, img->size);
    img_free(img);
    assert_int_equal(img_block_off(clone, 0), 4 * MIB);
    img_free(clone);
}

static void source_and_saved_file_agree(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    static uint8_t a[IMG_PAGE_LEN], b[IMG_PAGE_LEN], c[IMG_PAGE_LEN];
    struct stat st;
    img_save(img, image_path);
    struct source *s = img_source(img);
    int fd = open(image_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_true(s->size == img->size && (uint64_t)st.st_size == img->size);
    for (uint64_t off = 0; off < img->size; off += IMG_PAGE_LEN) {
        assert_int_equal(source_read(s, off, a, sizeof(a)), STATUS_OK);
        assert_int_equal(pread(fd, b, sizeof(b), (off_t)off), sizeof(b));
        img_read(img, off, c, sizeof(c));
        assert_memory_equal(a, c, sizeof(a));
        assert_memory_equal(b, c, sizeof(b));
    }
    (void)close(fd);
    source_close(s);
    img_free(img);
}

/* ---- what is laid out where ---- */

static struct header header_of(struct img *img, unsigned slot)
{
    struct header h = {0};
    assert_true(header_decode(span_of(img_header(img, slot), HEADER_LEN), &h));
    return h;
}

static void both_copies_are_valid(void **state)
{
    (void)state;
    for (unsigned layout = IMG_WINDOWS; layout <= IMG_QEMU; layout++) {
        struct img *img = img_create(&(struct img_params){.layout = (enum img_layout)layout});
        struct region_table t[2];
        struct file_identifier f;
        struct header h[2] = {header_of(img, 0), header_of(img, 1)};
        for (unsigned i = 0; i < 2; i++) {
            assert_true(header_valid(&h[i]));
            assert_int_equal(h[i].version, 1);
            assert_true(guid_is_nil(&h[i].log_guid));
            assert_int_equal(guid_form(&h[i].file_write_guid),
                             layout == IMG_QEMU ? GUID_FORM_RFC : GUID_FORM_MICROSOFT);
            assert_int_equal(guid_form(&h[i].data_write_guid),
                             layout == IMG_QEMU ? GUID_FORM_RFC : GUID_FORM_MICROSOFT);
            assert_true(region_table_decode(span_of(img_region_table(img, i), REGION_TABLE_LEN), &t[i]));
            assert_true(region_table_valid(&t[i]));
            assert_int_equal(t[i].entry_count, 2);
        }
        assert_true(h[1].sequence_number == h[0].sequence_number + 1);
        assert_false(guid_equal(&h[0].file_write_guid, &h[0].data_write_guid));
        assert_true(file_identifier_decode(span_of(img_bytes(img, 0, FILE_ID_LEN), FILE_ID_LEN), &f));
        assert_true(f.signature_ok && f.creator_terminated && f.creator_text.len > 0);
        assert_int_equal(img->size % MIB, 0);
        img_free(img);
    }
}

struct item_place {
    enum known_guid which;
    uint32_t off, len, flags;
};

static void assert_items(struct img *img, const struct item_place *items, uint32_t count)
{
    struct metadata_table t;
    struct metadata_entry e;
    assert_true(metadata_table_decode(span_of(img_metadata_table(img), METADATA_TABLE_LEN), &t));
    assert_true(t.signature_ok);
    assert_int_equal(t.entry_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(metadata_entry_decode(&t, i, &e));
        assert_int_equal(known_guid_find(&e.item_id), items[i].which);
        assert_int_equal(e.off, items[i].off);
        if (items[i].len)
            assert_int_equal(e.len, items[i].len);
        assert_int_equal(e.flags, items[i].flags);
    }
}

static void windows_layout(void **state)
{
    (void)state;
    static const struct item_place items[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000, 8, 4},     {KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0x10008, 8, 6},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10010, 4, 6}, {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10014, 4, 6},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10018, 16, 6},
    };
    struct img *img = img_create(NULL);
    assert_items(img, items, 5);
    assert_int_equal(le64(img_region_find(img, 0, KNOWN_REGION_METADATA) + 16), 2 * MIB);
    assert_int_equal(le64(img_region_find(img, 1, KNOWN_REGION_BAT) + 16), 3 * MIB);
    assert_int_equal(le32(img_region_find(img, 0, KNOWN_REGION_BAT) + 28), 1);
    assert_int_equal(img_block_off(img, 0), 4 * MIB);
    assert_int_equal(le32(img_metadata_item(img, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE)), 4096);
    assert_int_equal(img_bat_get(img, 0), 4 * MIB | 6);
    assert_int_equal(img_bat_get(img, 1), 0);
    assert_int_equal(img_bat_get(img, 3), 2);
    assert_int_equal(img->size, 4 * MIB + 3 * 2 * MIB);
    img_free(img);
}

static void qemu_layout(void **state)
{
    (void)state;
    static const struct item_place items[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000, 8, 4},      {KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0x10008, 8, 6},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10010, 16, 6},     {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10020, 4, 6},
        {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10024, 4, 6},
    };
    struct img *img = img_create(&(struct img_params){.layout = IMG_QEMU});
    assert_items(img, items, 5);
    assert_int_equal(le64(img_region_find(img, 0, KNOWN_REGION_BAT) + 16), 2 * MIB);
    assert_int_equal(le64(img_region_find(img, 0, KNOWN_REGION_METADATA) + 16), 3 * MIB);
    assert_int_equal(le32(img_region_find(img, 0, KNOWN_REGION_BAT) + 28), 0);
    assert_int_equal(img_block_off(img, 0), 8 * MIB);
    assert_int_equal(img_bat_get(img, 1), 2);
    img_free(img);
}

/* Two blocks of a 4 MiB child: Hyper-V puts the bitmap at 4 MiB, the blocks at 5 and 7 MiB, and uses slot 2048. */
static void hyperv_child_layout(void **state)
{
    (void)state;
    static const struct item_place items[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000, 8, 4},     {KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0x10008, 8, 6},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10010, 4, 6}, {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10014, 4, 6},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10018, 16, 6},    {KNOWN_ITEM_PARENT_LOCATOR, 0x10028, 0, 4},
    };
    struct img *parent = img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = 4 * MIB});
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "77"});
    assert_items(img, items, 6);
    assert_int_equal(img_bat_get(img, 0), 5 * MIB | 7);
    assert_int_equal(img_bat_get(img, 1), 7 * MIB | 7);
    assert_int_equal(img_bat_get(img, 2048), 4 * MIB | 6);
    assert_int_equal(img->size, 9 * MIB);
    assert_int_equal(le32(img_metadata_item(img, KNOWN_ITEM_FILE_PARAMETERS) + 4), 2);
    assert_int_equal(le32(img_metadata_item(parent, KNOWN_ITEM_FILE_PARAMETERS) + 4), 1);
    assert_memory_equal(img_metadata_item(img, KNOWN_ITEM_VIRTUAL_DISK_ID),
                        img_metadata_item(parent, KNOWN_ITEM_VIRTUAL_DISK_ID), 16);

    struct parent_locator l;
    struct locator_pair pair;
    char linkage[40] = {0}, text[GUID_TEXT_SIZE];
    uint32_t len = le32(img_metadata_entry(img, KNOWN_ITEM_PARENT_LOCATOR) + 20);
    assert_true(parent_locator_decode(span_of(img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR), len), &l));
    assert_int_equal(l.usable_count, 5);
    assert_true(locator_pair_decode(&l, 0, &pair));
    assert_int_equal(pair.value.len, 76);
    for (size_t i = 0; i < 38; i++)
        linkage[i] = (char)pair.value.ptr[2 * i];
    struct guid parent_data = header_of(parent, 1).data_write_guid;
    linkage[37] = 0;
    assert_string_equal(linkage + 1, guid_text(&parent_data, text));
    struct guid own = header_of(img, 1).data_write_guid;
    assert_false(guid_equal(&own, &parent_data));
    img_free(img);
    img_free(parent);
}

/* A child made without a parent image fits the default dynamic image. */
static void default_child_fits_the_default_image(void **state)
{
    (void)state;
    struct img *parent = img_create(NULL), *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    struct img *linked = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});
    uint32_t len = le32(img_metadata_entry(child, KNOWN_ITEM_PARENT_LOCATOR) + 20);
    assert_memory_equal(img_metadata_item(child, KNOWN_ITEM_PARENT_LOCATOR),
                        img_metadata_item(linked, KNOWN_ITEM_PARENT_LOCATOR), len);
    assert_memory_equal(img_metadata_item(child, KNOWN_ITEM_VIRTUAL_DISK_ID),
                        img_metadata_item(parent, KNOWN_ITEM_VIRTUAL_DISK_ID), 16);
    img_free(linked);
    img_free(child);
    img_free(parent);
}

/* Guest content of a child, sector by sector from the raw bytes: bitmap bit, payload, parent's payload. */
static void expectation_of_a_child_matches_the_bytes(void **state)
{
    (void)state;
    struct img *parent = img_create(&(struct img_params){.states = "666666"});
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent, .states = "70627"});
    static const uint8_t zero[512] = {0};
    unsigned own = 0, inherited = 0;
    for (uint64_t block = 0; block < 6; block++)
        for (uint64_t s = 0; s < 4096; s++) {
            uint8_t want[512], have[512], bit;
            uint64_t bits_off = img_bitmap_off(child, 0) + block * 512 + s / 8;
            unsigned from_child = (unsigned)(img_bat_get(child, block) & 7);
            img_read(child, bits_off, &bit, 1);
            bool present = (bit >> (s % 8) & 1) != 0;
            assert_int_equal(present, from_child == 7 && img_sector_present(child, block, s));
            if (from_child == 6 || present)
                img_read(child, img_block_off(child, block) + s * 512, have, sizeof(have));
            else if (from_child == 0 || from_child == 7)
                img_read(parent, img_block_off(parent, block) + s * 512, have, sizeof(have));
            else
                memset(have, 0, sizeof(have));
            img_expected(child, block * 2 * MIB + s * 512, want, sizeof(want));
            assert_memory_equal(want, have, sizeof(want));
            own += present && memcmp(want, zero, sizeof(zero)) != 0;
            inherited += from_child == 7 && !present && memcmp(want, zero, sizeof(zero)) != 0;
        }
    assert_true(own > 200 && inherited > 200); /* the pattern shows on both sides */
    img_free(child);
    img_free(parent);
}

/* QEMU opens no disk of 4096-byte sectors, so these are read here: chunk ratio and place of each sector. */
static void large_sectors_lie_in_place(void **state)
{
    (void)state;
    const struct img_block second_chunk = {.block = 1024, .state = 6};
    struct img *img = img_create(&(struct img_params){.virtual_size = 33 * GIB,
                                                      .block_size = 32 * MIB,
                                                      .logical_sector_size = 4096,
                                                      .states = "6",
                                                      .blocks = &second_chunk,
                                                      .block_count = 1});
    uint8_t want[4096], have[4096], first[4096];
    assert_int_equal(img_bat_get(img, 0), 4 * MIB | 6);
    assert_int_equal(img_bat_get(img, 1025), 36 * MIB | 6); /* 1024 blocks of 32 MiB are a chunk of 32 GiB */
    for (unsigned s = 0; s < 16; s++) {
        img_expected(img, 32 * GIB + s * 4096ULL, want, sizeof(want));
        img_read(img, 36 * MIB + s * 4096ULL, have, sizeof(have));
        assert_memory_equal(want, have, sizeof(want));
        img_expected(img, s * 4096ULL, first, sizeof(first));
        assert_memory_not_equal(first, want, sizeof(want));
    }
    img_free(img);
}

static void anchors_lists_and_given_places(void **state)
{
    (void)state;
    const struct img_block list[] = {{.block = 1, .state = 6, .off = 40 * MIB}, {.block = 7, .state = 6}};
    struct img *img = img_create(&(struct img_params){.states = "U.M3", .blocks = list, .block_count = 2});
    assert_int_equal(img_bat_get(img, 0), 4 * MIB | 1);
    assert_int_equal(img_bat_get(img, 1), 40 * MIB | 6);
    assert_int_equal(img_bat_get(img, 2), 42 * MIB | 3); /* placed behind what was given */
    assert_int_equal(img_bat_get(img, 3), 3);
    assert_int_equal(img_bat_get(img, 7), 44 * MIB | 6);
    assert_int_equal(img->size, 46 * MIB);
    img_free(img);
}

static void the_log_may_lie_anywhere(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.log_off = 2 * MIB, .log_len = 3 * MIB});
    assert_int_equal(img->metadata_off, MIB);
    assert_int_equal(img->bat_off, 5 * MIB);
    assert_int_equal(img_block_off(img, 0), 6 * MIB);
    img_free(img);
    img = img_create(&(struct img_params){.log_off = 7 * MIB});
    assert_int_equal(img->metadata_off, MIB);
    assert_int_equal(img_block_off(img, 0), 3 * MIB);
    assert_int_equal(img_block_off(img, 2), 5 * MIB);
    assert_int_equal(img_block_off(img, 9), 8 * MIB);
    img_free(img);
}

static void metadata_entries_come_and_go(void **state)
{
    (void)state;
    static const struct item_place items[] = {
        {KNOWN_ITEM_FILE_PARAMETERS, 0x10000, 8, 4},     {KNOWN_ITEM_CHS_PARAMETERS, 0x20000, 4, 0},
        {KNOWN_ITEM_LOGICAL_SECTOR_SIZE, 0x10010, 4, 6}, {KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0x10014, 4, 6},
        {KNOWN_ITEM_VIRTUAL_DISK_ID, 0x10018, 16, 6},
    };
    struct img *img = img_create(NULL);
    struct metadata_entry e = {*known_guid(KNOWN_ITEM_CHS_PARAMETERS), 0x20000, 4, 0, 0};
    img_metadata_add(img, &e, "abcd");
    img_metadata_remove(img, KNOWN_ITEM_VIRTUAL_DISK_SIZE);
    assert_items(img, items, 5);
    assert_memory_equal(img_metadata_item(img, KNOWN_ITEM_CHS_PARAMETERS), "abcd", 4);
    assert_int_equal(le32(img_metadata_entry(img, KNOWN_ITEM_CHS_PARAMETERS) + 16), 0x20000);
    img_free(img);
}

static void added_regions_are_signed(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct region_entry e = {img_guid(IMG_WINDOWS, 'R', 9), 20 * MIB, (uint32_t)MIB, 0}, back;
    img_region_add(img, &e);
    for (unsigned copy = 0; copy < 2; copy++) {
        struct region_table t;
        assert_true(region_table_decode(span_of(img_region_table(img, copy), REGION_TABLE_LEN), &t));
        assert_true(region_table_valid(&t));
        assert_true(region_entry_decode(&t, 2, &back));
        assert_true(guid_equal(&e.guid, &back.guid));
        assert_int_equal(back.off, 20 * MIB);
    }
    img_free(img);
}

static void huge_disks_are_cheap(void **state)
{
    (void)state;
    struct img_block last = {.block = 67108863, .state = PAYLOAD_PARTIALLY_PRESENT};
    struct img *img = img_create(&(struct img_params){
        .type = IMG_DIFFERENCING,
        .virtual_size = 64 * TIB,
        .block_size = MIB,
        .states = "7",
        .blocks = &last,
        .block_count = 1,
    });
    assert_int_equal(img->bat_len, 513 * MIB);
    assert_int_equal(img_bat_get(img, 67125246) & 7, 7); /* 67,125,248 slots, the last of them a bitmap */
    assert_int_equal(img_bat_get(img, 67125247) & 7, 6);
    assert_true(img->page_count < 60);
    img_free(img);
}

/* ---- log entries ---- */

static void entries_wrap_around_the_ring(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint8_t *page = img_page_copy(img, img->bat_off), entry[2 * LOG_SECTOR_LEN];
    struct log_entry_header h;
    struct log_descriptor d;
    struct log_data_sector s;
    page[5] = 77;
    uint32_t start = (uint32_t)MIB - LOG_SECTOR_LEN;
    img_log_begin(img, start, 0x100000002);
    img_log_append(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
    assert_int_equal(img->log.pos, LOG_SECTOR_LEN);
    img_read(img, img->log_off + start, entry, LOG_SECTOR_LEN);
    img_read(img, img->log_off, entry + LOG_SECTOR_LEN, LOG_SECTOR_LEN);
    assert_true(log_entry_header_decode(span_of(entry, sizeof(entry)), &h));
    assert_int_equal(h.checksum, crc32c_structure(span_of(entry, sizeof(entry))));
    assert_int_equal(h.entry_len, sizeof(entry));
    assert_int_equal(h.tail, start);
    assert_int_equal(h.descriptor_count, 1);
    assert_int_equal(h.flushed_file_off, img->size);
    struct guid live = header_of(img, 0).log_guid;
    assert_true(guid_equal(&live, &h.log_guid));
    assert_true(log_descriptor_decode(span_of(entry + 64, 32), &d));
    assert_int_equal(d.kind, LOG_DESCRIPTOR_DATA);
    assert_int_equal(d.leading[5], 77);
    assert_true(log_data_sector_decode(span_of(entry + LOG_SECTOR_LEN, LOG_SECTOR_LEN), &s));
    assert_true(s.signature_ok && s.sequence_number == 0x100000002);
    img_log_end(img);
    live = header_of(img, 1).log_guid;
    assert_true(guid_is_nil(&live));
    img_free(img);
}

/* 126 descriptors in the first sector, the others in the second, data sectors behind both. */
static void long_entries_have_two_descriptor_sectors(void **state)
{
    (void)state;
    enum { COUNT = 130 };
    static struct img_log_desc descs[COUNT];
    struct img *img = img_create(NULL);
    uint8_t *page = img_page_copy(img, img->bat_off);
    for (unsigned i = 0; i < COUNT; i++)
        descs[i] =
            (struct img_log_desc){.off = img->bat_off + 4096ULL * i, .page = i == 129 ? page : NULL, .len = 8192};
    struct img_log_entry e = {.sequence_number = 3, .descs = descs, .desc_count = COUNT};
    uint64_t len;
    uint8_t *bytes = img_log_build(img, &e, &len);
    assert_int_equal(len, 3 * 4096);
    assert_int_equal(le32(bytes + 24), 130);
    assert_memory_equal(bytes + 4064, "zero", 4);
    assert_int_equal(le64(bytes + 4064 + 16), img->bat_off + 4096ULL * 125);
    assert_memory_equal(bytes + 4096, "zero", 4);
    assert_int_equal(le64(bytes + 4096 + 8), 8192);
    assert_int_equal(le64(bytes + 4096 + 16), img->bat_off + 4096ULL * 126);
    assert_memory_equal(bytes + 4096 + 3 * 32, "desc", 4);
    assert_true(span_is_zero(span_of(bytes + 4096 + 4 * 32, 4096 - 4 * 32)));
    assert_memory_equal(bytes + 8192, "data", 4);
    assert_int_equal(le32(bytes + 4), crc32c_structure(span_of(bytes, len)));
    free(bytes);
    img_free(img);
}

/* Each flag breaks what its name says and, but for the first two, leaves the checksum right. */
static void flags_break_one_thing_each(void **state)
{
    (void)state;
    static const unsigned flags[] = {0,
                                     IMG_LOG_BAD_CRC,
                                     IMG_LOG_BAD_SIGNATURE,
                                     IMG_LOG_BAD_DESC_SIGNATURE,
                                     IMG_LOG_BAD_DESC_SEQUENCE,
                                     IMG_LOG_BAD_DATA_SIGNATURE,
                                     IMG_LOG_BAD_DATA_HIGH,
                                     IMG_LOG_BAD_DATA_LOW};
    struct img *img = img_create(NULL);
    uint8_t *page = img_page_copy(img, img->bat_off);
    struct img_log_desc desc = {.off = img->bat_off, .page = page};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct img_log_entry e = {.sequence_number = 5, .descs = &desc, .desc_count = 1, .flags = flags[i]};
        struct log_entry_header h;
        struct log_descriptor d;
        struct log_data_sector s;
        uint64_t len;
        uint8_t *bytes = img_log_build(img, &e, &len);
        assert_int_equal(len, 2 * LOG_SECTOR_LEN);
        assert_true(log_entry_header_decode(span_of(bytes, len), &h));
        assert_true(log_descriptor_decode(span_of(bytes + 64, 32), &d));
        assert_true(log_data_sector_decode(span_of(bytes + LOG_SECTOR_LEN, LOG_SECTOR_LEN), &s));
        assert_int_equal(h.checksum != crc32c_structure(span_of(bytes, len)), flags[i] == IMG_LOG_BAD_CRC);
        assert_int_equal(!h.signature_ok, flags[i] == IMG_LOG_BAD_SIGNATURE);
        assert_int_equal(d.kind != LOG_DESCRIPTOR_DATA, flags[i] == IMG_LOG_BAD_DESC_SIGNATURE);
        assert_int_equal(d.sequence_number != 5, flags[i] == IMG_LOG_BAD_DESC_SEQUENCE);
        assert_int_equal(!s.signature_ok, flags[i] == IMG_LOG_BAD_DATA_SIGNATURE);
        assert_int_equal(s.sequence_number >> 32 != 0, flags[i] == IMG_LOG_BAD_DATA_HIGH);
        assert_int_equal((uint32_t)s.sequence_number != 5, flags[i] == IMG_LOG_BAD_DATA_LOW);
        free(bytes);
    }
    img_free(img);
}

static void torn_entries_lack_the_last_sector(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    uint8_t *page = img_page_copy(img, img->bat_off), sector[LOG_SECTOR_LEN];
    struct img_log_desc desc = {.off = img->bat_off, .page = page};
    struct img_log_entry e = {.sequence_number = 5, .descs = &desc, .desc_count = 1, .flags = IMG_LOG_TORN};
    assert_int_equal(img_log_write(img, 0, &e), 2 * LOG_SECTOR_LEN);
    img_read(img, img->log_off + LOG_SECTOR_LEN, sector, sizeof(sector));
    assert_true(span_is_zero(span_of(sector, sizeof(sector))));
    img_read(img, img->log_off, sector, sizeof(sector));
    assert_memory_equal(sector, "loge", 4);
    img_free(img);
}

/* ---- qemu-img ---- */

static void qemu_reads_every_kind(void **state)
{
    (void)state;
    static const struct img_block far[] = {{.block = 2047, .state = 6}, {.block = 2048, .state = 6},
                                           {.block = 4095, .state = 3}, {.block = 4096, .state = 6},
                                           {.block = 5000, .state = 2}, {.block = 6143, .state = 6}};
    const struct img_params rows[] = {
        {.type = IMG_DYNAMIC},
        {.layout = IMG_QEMU},
        {.type = IMG_FIXED},
        {.type = IMG_FIXED, .layout = IMG_QEMU, .virtual_size = 21 * MIB, .block_size = 8 * MIB},
        {.states = ""},
        {.states = "6.UM23", .windows_traces = true},
        {.virtual_size = 37 * MIB + 512, .block_size = MIB, .states = "66660000666600006666000066660000666666"},
        {.log_off = 9 * MIB, .log_len = 4 * MIB, .sequence_number = {9, 7}},
        {.log_len = 2 * MIB, .required = IMG_NO, .creator = "", .physical_sector_size = 512},
        {.virtual_size = 12 * GIB, .blocks = far, .block_count = 6}, /* three chunks */
        {.virtual_size = 300 * MIB, .block_size = 256 * MIB, .states = ".6"},
    };
    if (!have_qemu())
        skip();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char size[64];
        struct img *img = img_create(&rows[i]);
        img_save(img, image_path);
        int rc = qemu_img("check", "-f", "vhdx", image_path, NULL, NULL);
        if (rc != 0)
            fail_msg("row %zu: qemu-img check exits with %d", i, rc);
        assert_true(output_has("No errors were found"));
        assert_int_equal(qemu_img("info", "--output=json", image_path, NULL, NULL, NULL), 0);
        assert_true(output_has("\"format\": \"vhdx\""));
        (void)snprintf(size, sizeof(size), "\"virtual-size\": %llu,", (unsigned long long)img->geometry.virtual_size);
        assert_true(output_has(size));
        assert_guest_equal(img);
        img_free(img);
    }
}

/* The BAT interleaves in fixed files too. Read are only the blocks from the one before the first bitmap slot on. */
static void qemu_reads_a_fixed_disk_of_two_chunks(void **state)
{
    (void)state;
    static uint8_t have[IMG_PAGE_LEN], want[IMG_PAGE_LEN];
    char in[80], out[80];
    if (!have_qemu())
        skip();
    struct img *img =
        img_create(&(struct img_params){.type = IMG_FIXED, .virtual_size = 4 * GIB + 40 * MIB, .block_size = 16 * MIB});
    assert_int_equal(img_bat_get(img, 256), 0);
    assert_int_equal(img_bat_get(img, 257), (4 * GIB + 4 * MIB) | 6);
    img_save(img, image_path);
    (void)snprintf(in, sizeof(in), "if=%s", image_path);
    (void)snprintf(out, sizeof(out), "of=%s", raw_path);
    assert_int_equal(qemu_img("check", "-f", "vhdx", image_path, NULL, NULL), 0);
    (void)unlink(raw_path);
    assert_int_equal(qemu_img("dd", "bs=16M", "skip=255", in, out, NULL), 0);
    int fd = open(raw_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (uint64_t off = 0; off < 56 * MIB; off += IMG_PAGE_LEN) {
        assert_int_equal(pread(fd, have, sizeof(have), (off_t)off), sizeof(have));
        img_expected(img, 4 * GIB - 16 * MIB + off, want, sizeof(want));
        assert_memory_equal(have, want, sizeof(want));
    }
    (void)close(fd);
    img_free(img);
}

/* The stored BAT lacks a block that only the log knows; QEMU's replay brings it back. */
static void qemu_replays_what_we_log(void **state)
{
    (void)state;
    if (!have_qemu())
        skip();
    struct img *img = img_create(NULL);
    uint64_t entry = img_bat_get(img, 2);
    img_bat_set(img, 2, 0);
    img_make_dirty_bat(img, 2, entry);
    img_save(img, image_path);
    assert_int_not_equal(qemu_img("check", "-f", "vhdx", image_path, NULL, NULL), 0);
    assert_true(output_has("log"));
    assert_int_equal(qemu_img("check", "-r", "all", "-f", "vhdx", image_path), 0);
    assert_guest_equal(img);
    img_free(img);
}

/* QEMU takes an entry that wraps around the ring's end. */
static void qemu_replays_a_wrapped_entry(void **state)
{
    (void)state;
    if (!have_qemu())
        skip();
    struct img *img = img_create(NULL);
    uint8_t *page = img_page_copy(img, img->bat_off);
    img_bat_set(img, 0, 0);
    img_log_begin(img, (uint32_t)img->log_len - LOG_SECTOR_LEN, 100);
    img_log_append(img, &(struct img_log_desc){.off = img->bat_off, .page = page}, 1);
    img_save(img, image_path);
    assert_int_equal(qemu_img("check", "-r", "all", "-f", "vhdx", image_path), 0);
    assert_guest_equal(img);
    img_free(img);
}

/* As many descriptors as one sector takes, zero and data in turn. (QEMU 7.2 refuses entries with more.) */
static void qemu_replays_a_full_descriptor_sector(void **state)
{
    (void)state;
    enum { COUNT = 126 };
    static struct img_log_desc descs[COUNT];
    if (!have_qemu())
        skip();
    struct img *img = img_create(NULL);
    uint8_t page[LOG_SECTOR_LEN], back[LOG_SECTOR_LEN];
    uint64_t unused = img->bat_off + LOG_SECTOR_LEN; /* BAT pages behind the last entry */
    for (unsigned i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i + i / 256 + 1);
    img_fill(img, unused, (uint64_t)COUNT * LOG_SECTOR_LEN, 0xEE);
    for (unsigned i = 0; i < COUNT; i++)
        descs[i] = (struct img_log_desc){
            .off = unused + (uint64_t)LOG_SECTOR_LEN * i, .page = i % 2 ? page : NULL, .len = LOG_SECTOR_LEN};
    img_log_begin(img, 0, 1);
    img_log_append(img, descs, COUNT);
    assert_int_equal(img->log.pos, (1 + COUNT / 2) * LOG_SECTOR_LEN);
    img_save(img, image_path);
    assert_int_equal(qemu_img("check", "-r", "all", "-f", "vhdx", image_path), 0);
    int fd = open(image_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(pread(fd, back, sizeof(back), (off_t)descs[i].off), sizeof(back));
        if (i % 2)
            assert_memory_equal(back, page, sizeof(page));
        else
            assert_true(span_is_zero(span_of(back, sizeof(back))));
    }
    (void)close(fd);
    img_free(img);
}

/* QEMU looks at the CRC of the log: a broken entry behind a good one is left out. */
static void qemu_ignores_a_broken_last_entry(void **state)
{
    (void)state;
    if (!have_qemu())
        skip();
    struct img *img = img_create(NULL);
    uint64_t entry = img_bat_get(img, 2);
    img_bat_set(img, 2, 0);
    img_make_dirty_bat(img, 2, entry);
    uint8_t *wrong = img_page_copy(img, img->bat_off);
    struct img_log_desc desc = {.off = img->bat_off, .page = wrong};
    struct img_log_entry e = {
        .sequence_number = img->log.sequence_number, .descs = &desc, .desc_count = 1, .flags = IMG_LOG_BAD_CRC};
    (void)img_log_write(img, img->log.pos, &e);
    img_save(img, image_path);
    assert_int_equal(qemu_img("check", "-r", "all", "-f", "vhdx", image_path), 0);
    assert_guest_equal(img);
    img_free(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_cross_pages),
        cmocka_unit_test(resize_forgets_what_it_cut),
        cmocka_unit_test(clones_are_independent),
        cmocka_unit_test(source_and_saved_file_agree),
        cmocka_unit_test(both_copies_are_valid),
        cmocka_unit_test(windows_layout),
        cmocka_unit_test(qemu_layout),
        cmocka_unit_test(hyperv_child_layout),
        cmocka_unit_test(default_child_fits_the_default_image),
        cmocka_unit_test(expectation_of_a_child_matches_the_bytes),
        cmocka_unit_test(large_sectors_lie_in_place),
        cmocka_unit_test(anchors_lists_and_given_places),
        cmocka_unit_test(the_log_may_lie_anywhere),
        cmocka_unit_test(metadata_entries_come_and_go),
        cmocka_unit_test(added_regions_are_signed),
        cmocka_unit_test(huge_disks_are_cheap),
        cmocka_unit_test(entries_wrap_around_the_ring),
        cmocka_unit_test(long_entries_have_two_descriptor_sectors),
        cmocka_unit_test(flags_break_one_thing_each),
        cmocka_unit_test(torn_entries_lack_the_last_sector),
        cmocka_unit_test(qemu_reads_every_kind),
        cmocka_unit_test(qemu_reads_a_fixed_disk_of_two_chunks),
        cmocka_unit_test(qemu_replays_what_we_log),
        cmocka_unit_test(qemu_replays_a_wrapped_entry),
        cmocka_unit_test(qemu_replays_a_full_descriptor_sector),
        cmocka_unit_test(qemu_ignores_a_broken_last_entry),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
