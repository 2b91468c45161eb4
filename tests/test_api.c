/* SPDX-License-Identifier: MIT */
/*
 * The public API as a program sees it: opening from paths, descriptors and callbacks, structures that grow, facts,
 * findings, JSON, limits, threads. Reading is in test_api_guest.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_memory.h"
#include "api_parts.h"
#include "base/le.h"
#include "fresh_dir.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

/* Every test runs inside a fresh directory. */
static char dir[PATH_MAX];

static int enter(void **state)
{
    (void)state;
    return !fresh_dir_make(dir) || chdir(dir) != 0;
}

static int leave(void **state)
{
    (void)state;
    return !fresh_dir_remove(dir);
}

static void save(const char *name, const struct img_params *p)
{
    struct img *img = img_create(p);
    img_save(img, name);
    img_free(img);
}

/* ---- words ---- */

static void versions_agree(void **state)
{
    (void)state;
    char text[32];

    snprintf(text, sizeof(text), "%d.%d.%d", VHDXRAY_VERSION_MAJOR, VHDXRAY_VERSION_MINOR, VHDXRAY_VERSION_PATCH);
    assert_string_equal(VHDXRAY_VERSION, text);
    assert_string_equal(vhdxray_version(), VHDXRAY_VERSION);
}

static void words(void **state)
{
    (void)state;

    for (int i = VHDXRAY_OK; i <= VHDXRAY_ERROR_INTERNAL; i++) {
        assert_string_not_equal(vhdxray_status_text((vhdxray_status)i), "unknown status");
        for (int k = VHDXRAY_OK; k < i; k++)
            assert_string_not_equal(vhdxray_status_text((vhdxray_status)i), vhdxray_status_text((vhdxray_status)k));
    }
    assert_string_equal(vhdxray_status_text((vhdxray_status)99), "unknown status");
    assert_string_equal(vhdxray_type_name(VHDXRAY_TYPE_UNKNOWN), "unknown");
    assert_string_equal(vhdxray_type_name(VHDXRAY_TYPE_DYNAMIC), "dynamic");
    assert_string_equal(vhdxray_type_name(VHDXRAY_TYPE_FIXED), "fixed");
    assert_string_equal(vhdxray_type_name(VHDXRAY_TYPE_DIFFERENCING), "differencing");
    assert_string_equal(vhdxray_type_name((vhdxray_type)99), "unknown"); /* what no such library has */
    assert_string_equal(vhdxray_log_state_name(VHDXRAY_LOG_EMPTY), "empty");
    assert_string_equal(vhdxray_log_state_name(VHDXRAY_LOG_DIRTY), "dirty");
    assert_string_equal(vhdxray_log_state_name(VHDXRAY_LOG_INVALID), "invalid");
    assert_string_equal(vhdxray_log_state_name((vhdxray_log_state)99), "unknown");
    assert_string_equal(vhdxray_verdict_name(VHDXRAY_VERDICT_CLEAN), "clean");
    assert_string_equal(vhdxray_verdict_name(VHDXRAY_VERDICT_SUSPICIOUS), "suspicious");
    assert_string_equal(vhdxray_verdict_name(VHDXRAY_VERDICT_CORRUPT), "corrupt");
    assert_string_equal(vhdxray_verdict_name(VHDXRAY_VERDICT_UNREADABLE), "unreadable");
    assert_string_equal(vhdxray_verdict_name((vhdxray_verdict)99), "unknown");
    assert_string_equal(vhdxray_severity_name(VHDXRAY_SEVERITY_INFO), "info");
    assert_string_equal(vhdxray_severity_name(VHDXRAY_SEVERITY_WARNING), "warning");
    assert_string_equal(vhdxray_severity_name(VHDXRAY_SEVERITY_ERROR), "error");
    assert_string_equal(vhdxray_severity_name((vhdxray_severity)99), "unknown");
    assert_string_equal(vhdxray_state_name(VHDXRAY_STATE_NOT_PRESENT), "not_present");
    assert_string_equal(vhdxray_state_name(VHDXRAY_STATE_FULLY_PRESENT), "fully_present");
    assert_string_equal(vhdxray_state_name(VHDXRAY_STATE_PAST_PARENT), "past_parent");
    assert_string_equal(vhdxray_state_name((vhdxray_state)99), "unknown");
}

/* What the library says inside has one word outside. */
static void statuses_have_their_words(void **state)
{
    (void)state;
    static const struct {
        enum status inside;
        vhdxray_status outside;
    } rows[] = {
        {STATUS_OK, VHDXRAY_OK},
        {STATUS_IO, VHDXRAY_ERROR_IO},
        {STATUS_RANGE, VHDXRAY_ERROR_ARGUMENT},
        {STATUS_NO_MEMORY, VHDXRAY_ERROR_NO_MEMORY},
        {STATUS_LIMIT, VHDXRAY_ERROR_LIMIT},
        {STATUS_NOT_FOUND, VHDXRAY_ERROR_NOT_FOUND},
        {STATUS_REFUSED, VHDXRAY_ERROR_REFUSED},
        {STATUS_INTERNAL, VHDXRAY_ERROR_INTERNAL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(api_public_status(rows[i].inside), rows[i].outside);
        if (rows[i].inside != STATUS_RANGE && rows[i].inside != STATUS_OK)
            assert_string_equal(vhdxray_status_text(rows[i].outside), status_text(rows[i].inside));
    }
}

/* ---- opening ---- */

static void nothing_to_open(void **state)
{
    (void)state;
    vhdxray *image = (vhdxray *)&image;
    char message[256];

    save("a.vhdx", NULL);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);

    assert_int_equal(vhdxray_open("none.vhdx", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_NOT_FOUND);
    assert_null(image);
    assert_non_null(strstr(message, "none.vhdx"));
    assert_int_equal(vhdxray_open("folder", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_REFUSED);
    assert_non_null(strstr(message, "directory"));
    assert_int_equal(vhdxray_open("fifo", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_REFUSED);
    assert_int_equal(vhdxray_open(NULL, NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_open("a.vhdx", NULL, NULL, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    assert_string_not_equal(message, "");

    /* A message is cut to the room there is, and none is needed. */
    memset(message, '?', sizeof(message));
    assert_int_equal(vhdxray_open("none.vhdx", NULL, &image, message, 4), VHDXRAY_ERROR_NOT_FOUND);
    assert_string_equal(message, "non");
    assert_int_equal(message[4], '?');
    assert_int_equal(vhdxray_open("none.vhdx", NULL, &image, message, 0), VHDXRAY_ERROR_NOT_FOUND);
    assert_int_equal(vhdxray_open("none.vhdx", NULL, &image, NULL, 0), VHDXRAY_ERROR_NOT_FOUND);

    assert_int_equal(vhdxray_open("a.vhdx", NULL, &image, message, sizeof(message)), VHDXRAY_OK);
    assert_string_equal(message, "");
    assert_string_equal(vhdxray_last_error(image), "");
    vhdxray_close(image);
    vhdxray_close(NULL);
}

static void from_a_descriptor(void **state)
{
    (void)state;
    vhdxray *image;
    char message[256];
    int ends[2];

    save("a.vhdx", NULL);
    int fd = open("a.vhdx", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(vhdxray_open_fd(fd, "the first disk", NULL, &image, message, sizeof(message)), VHDXRAY_OK);
    /* It is our own from now on, and it needs no name. */
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink("a.vhdx"), 0);
    vhdxray_summary s = {.size_of = sizeof(s)};
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_int_equal(s.verdict, VHDXRAY_VERDICT_CLEAN);
    assert_string_equal(vhdxray_layer_name(image, 0), "the first disk");
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
    vhdxray_close(image);

    fd = open("b.vhdx", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(vhdxray_open_fd(fd, "b", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_REFUSED);
    assert_string_equal(message, "b: is not open for reading");
    assert_int_equal(close(fd), 0);
    assert_int_equal(vhdxray_open_fd(fd, "b", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_IO);
    assert_int_equal(vhdxray_open_fd(-1, "b", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_IO);
    assert_null(image);
    assert_int_equal(vhdxray_open_fd(0, NULL, NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_open_fd(0, "b", NULL, NULL, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(vhdxray_open_fd(ends[0], "pipe", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_REFUSED);
    close(ends[0]);
    close(ends[1]);
}

static void from_callbacks(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct memory m = {.img = img};
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    vhdxray_summary s = {.size_of = sizeof(s)};
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_int_equal(s.verdict, VHDXRAY_VERDICT_CLEAN);
    assert_true(s.complete);
    assert_true(m.reads > 0);
    assert_int_equal(m.outside, 0);
    assert_int_equal(m.closes, 0);
    vhdxray_close(image);
    assert_int_equal(m.closes, 1);

    /* What was not opened is not closed: the context stays the caller's. */
    vhdxray_options tiny = {.size_of = sizeof(tiny), .max_memory = 1};
    assert_int_equal(memory_open(&m, &tiny, &image), VHDXRAY_ERROR_LIMIT);
    assert_null(image);
    assert_int_equal(m.closes, 1);

    vhdxray_callbacks c = memory_callbacks(&m);
    c.close = NULL;
    assert_int_equal(vhdxray_open_callbacks(&c, "m", NULL, &image, NULL, 0), VHDXRAY_OK);
    vhdxray_close(image);
    assert_int_equal(m.closes, 1);

    char message[256];
    c.read = NULL;
    assert_int_equal(vhdxray_open_callbacks(&c, "m", NULL, &image, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    assert_string_not_equal(message, "");
    c = memory_callbacks(&m);
    c.size = (uint64_t)INT64_MAX + 1;
    assert_int_equal(vhdxray_open_callbacks(&c, "m", NULL, &image, NULL, 0), VHDXRAY_ERROR_ARGUMENT);
    c = memory_callbacks(&m);
    assert_int_equal(vhdxray_open_callbacks(NULL, "m", NULL, &image, NULL, 0), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_open_callbacks(&c, NULL, NULL, &image, NULL, 0), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_open_callbacks(&c, "m", NULL, NULL, NULL, 0), VHDXRAY_ERROR_ARGUMENT);
    img_free(img);
}

static void no_image_at_all(void **state)
{
    (void)state;
    static const char text[] = "This is a text, not a disk.\n";
    vhdxray *image;
    char message[256];

    int fd = open("text", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    close(fd);
    assert_int_equal(vhdxray_open("text", NULL, &image, message, sizeof(message)), VHDXRAY_OK);
    vhdxray_facts f = {.size_of = sizeof(f)};
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_int_equal(f.file_size, sizeof(text));
    assert_int_equal(f.type, VHDXRAY_TYPE_UNKNOWN);
    assert_int_equal(f.virtual_size, 0);
    assert_int_equal(f.current_header, 0);
    assert_null(f.creator);
    vhdxray_summary s = {.size_of = sizeof(s)};
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_int_equal(s.verdict, VHDXRAY_VERDICT_UNREADABLE);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_ERROR_REFUSED);
    assert_string_not_equal(vhdxray_last_error(image), "");
    vhdxray_close(image);
}

/* ---- structures that grow ---- */

static void later_callers(void **state)
{
    (void)state;
    struct {
        vhdxray_options now;
        uint64_t later;
    } options = {.now = {.size_of = sizeof(options)}};
    struct {
        vhdxray_callbacks now;
        uint64_t later;
    } callbacks;
    struct {
        vhdxray_facts now;
        uint64_t later;
    } facts = {.now = {.size_of = sizeof(facts)}, .later = 7};
    struct img *img = img_create(NULL);
    struct memory m = {.img = img};
    vhdxray *image;

    /* Zero means "not asked for": that can be done. */
    memset(&callbacks, 0, sizeof(callbacks));
    callbacks.now = memory_callbacks(&m);
    callbacks.now.size_of = sizeof(callbacks);
    assert_int_equal(vhdxray_open_callbacks(&callbacks.now, "m", &options.now, &image, NULL, 0), VHDXRAY_OK);

    assert_int_equal(vhdxray_get_facts(image, &facts.now), VHDXRAY_OK);
    assert_int_equal(facts.later, 0);
    assert_int_equal(facts.now.size_of, sizeof(facts));
    assert_int_equal(facts.now.type, VHDXRAY_TYPE_DYNAMIC);
    vhdxray_close(image);

    /* Anything else is a wish that nobody would hear. */
    options.later = 1;
    assert_int_equal(vhdxray_open_callbacks(&callbacks.now, "m", &options.now, &image, NULL, 0),
                     VHDXRAY_ERROR_ARGUMENT);
    options.later = 0;
    callbacks.later = 1;
    assert_int_equal(vhdxray_open_callbacks(&callbacks.now, "m", &options.now, &image, NULL, 0),
                     VHDXRAY_ERROR_ARGUMENT);
    img_free(img);
}

/* Sizes that are none: never set, of an unfinished structure, not initialised. */
static const size_t wrong_sizes[] = {0, sizeof(size_t), SIZE_MAX, 1 << 20};

#define REFUSES(type, call)                                                                                            \
    for (size_t k = 0; k <= sizeof(wrong_sizes) / sizeof(wrong_sizes[0]); k++) {                                       \
        bool last = k == sizeof(wrong_sizes) / sizeof(wrong_sizes[0]);                                                 \
        size_t size = last ? sizeof(type) - 1 : wrong_sizes[k];                                                        \
        type x;                                                                                                        \
        memset(&x, 0x5a, sizeof(x));                                                                                   \
        x.size_of = size;                                                                                              \
        assert_int_equal(call, VHDXRAY_ERROR_ARGUMENT);                                                                \
        assert_int_equal(x.size_of, size);                                                                             \
        assert_int_equal(((unsigned char *)&x)[sizeof(x) - 1], 0x5a); /* nothing was written */                        \
    }

static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct memory m = {.img = img};
    vhdxray_callbacks c = memory_callbacks(&m);
    vhdxray *image, *none;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    REFUSES(vhdxray_facts, vhdxray_get_facts(image, &x))
    REFUSES(vhdxray_summary, vhdxray_check(image, &x))
    REFUSES(vhdxray_finding, vhdxray_get_finding(image, 0, &x))
    REFUSES(vhdxray_extent, vhdxray_get_extent(image, 0, 1, &x))
    REFUSES(vhdxray_options, vhdxray_open_callbacks(&c, "m", &x, &none, NULL, 0))
    REFUSES(vhdxray_callbacks, vhdxray_open_callbacks(&x, "m", NULL, &none, NULL, 0))
    assert_int_equal(vhdxray_get_facts(image, NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_check(image, NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_finding(image, 0, NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_extent(image, 0, 1, NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_json(image, NULL, NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_string_not_equal(vhdxray_last_error(image), "");

    /* The next call that works has no error. */
    vhdxray_facts f = {.size_of = sizeof(f)};
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_string_equal(vhdxray_last_error(image), "");
    vhdxray_close(image);
    img_free(img);
}

static void no_handle(void **state)
{
    (void)state;
    vhdxray_facts f = {.size_of = sizeof(f)};
    vhdxray_summary s = {.size_of = sizeof(s)};
    vhdxray_finding g = {.size_of = sizeof(g)};
    vhdxray_extent e = {.size_of = sizeof(e)};
    const char *json;
    char byte;

    assert_int_equal(vhdxray_get_facts(NULL, &f), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_check(NULL, &s), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_finding(NULL, 0, &g), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_json(NULL, &json, NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_can_read(NULL), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_read(NULL, 0, &byte, 1), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_extent(NULL, 0, 1, &e), VHDXRAY_ERROR_ARGUMENT);
    assert_null(vhdxray_layer_name(NULL, 0));
    assert_string_equal(vhdxray_last_error(NULL), "");
}

static void options_that_cannot_be(void **state)
{
    (void)state;
    const char *const names[] = {"a", NULL};
    const char *missing[] = {"nowhere"};
    const char *many[257];
    vhdxray_options o = {.size_of = sizeof(o), .parents = names, .parent_count = 2};
    vhdxray *image;
    char message[256];

    save("a.vhdx", NULL);
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    o = (vhdxray_options){.size_of = sizeof(o), .search_dir_count = 1};
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    for (size_t i = 0; i < 257; i++)
        many[i] = ".";
    o = (vhdxray_options){.size_of = sizeof(o), .search_dirs = many, .search_dir_count = 256};
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_OK);
    vhdxray_close(image);
    o = (vhdxray_options){.size_of = sizeof(o), .parents = many, .parent_count = 257};
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_ARGUMENT);
    assert_string_not_equal(message, "");
    o = (vhdxray_options){.size_of = sizeof(o), .search_dirs = missing, .search_dir_count = 1};
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_NOT_FOUND);
    assert_memory_equal(message, "nowhere: ", 9);
    /* No folder; one that leads to itself; and a long name, of which the end is shown in whole letters. */
    missing[0] = "a.vhdx";
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_NOT_FOUND);
    assert_int_equal(symlink("round", "round"), 0);
    missing[0] = "round";
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_IO);
    char longer[602];
    for (size_t i = 0; i < 600; i += 2)
        memcpy(longer + i, "\xc3\xa4", 2);
    memcpy(longer + 600, "b", 2);
    missing[0] = longer;
    char all[1024];
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, all, sizeof(all)), VHDXRAY_ERROR_IO);
    const char *end = strchr(all, 'b');
    assert_non_null(end);
    assert_true(end - all <= 256 && end - all > 250);
    assert_memory_equal(all, "\xc3\xa4", 2);
    /* More milliseconds than can be counted are no limit. */
    o = (vhdxray_options){.size_of = sizeof(o), .timeout_ms = UINT64_MAX};
    assert_int_equal(vhdxray_open("a.vhdx", &o, &image, message, sizeof(message)), VHDXRAY_OK);
    vhdxray_close(image);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* However opening ends, nothing stays open behind it. */
static void descriptors_are_given_back(void **state)
{
    (void)state;
    const char *const folders[] = {".", "nowhere"};
    vhdxray_options o = {.size_of = sizeof(o), .search_dirs = folders};
    vhdxray *image;

    save("a.vhdx", NULL);
    unsigned before = open_descriptors();
    for (o.search_dir_count = 0; o.search_dir_count <= 2; o.search_dir_count++) {
        vhdxray_status status = vhdxray_open("a.vhdx", &o, &image, NULL, 0);
        assert_int_equal(status, o.search_dir_count < 2 ? VHDXRAY_OK : VHDXRAY_ERROR_NOT_FOUND);
        vhdxray_close(image);
        assert_int_equal(open_descriptors(), before);
    }
}

/* ---- facts ---- */

static void facts(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.virtual_size = 100 * MIB,
                                                      .block_size = 8 * MIB,
                                                      .logical_sector_size = 4096,
                                                      .physical_sector_size = 4096,
                                                      .creator = "somebody"});
    struct memory m = {.img = img};
    vhdxray_facts f = {.size_of = sizeof(f)};
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    assert_int_equal(f.file_size, img->size);
    assert_int_equal(f.virtual_size, 100 * MIB);
    assert_int_equal(f.block_size, 8 * MIB);
    assert_int_equal(f.logical_sector_size, 4096);
    assert_int_equal(f.physical_sector_size, 4096);
    assert_int_equal(f.type, VHDXRAY_TYPE_DYNAMIC);
    assert_int_equal(f.log_state, VHDXRAY_LOG_EMPTY);
    assert_int_equal(f.current_header, 2); /* sequence number 2 */
    assert_memory_equal(f.virtual_disk_id, img->params.virtual_disk_id.bytes, 16);
    assert_memory_equal(f.data_write_guid, img->params.data_write_guid.bytes, 16);
    assert_string_equal(f.creator, "somebody");
    assert_int_equal(f.layer_count, 1);
    assert_int_equal(f.parent_missing, 0);
    assert_string_equal(vhdxray_layer_name(image, 0), "memory.vhdx");
    assert_null(vhdxray_layer_name(image, 1));
    assert_null(vhdxray_layer_name(image, UINT32_MAX));
    vhdxray_close(image);
    img_free(img);
}

/* ---- findings ---- */

/* Two errors, in block 0 and block 2, and what a damaged copy of a table gives. */
static struct img *damaged(void)
{
    struct img *img = img_create(NULL);
    img_block_set(img, 0, PAYLOAD_FULLY_PRESENT, 1ULL << 40);
    img_block_set(img, 2, PAYLOAD_RESERVED_4, img_block_off(img, 2));
    img_region_table(img, 0)[8] ^= 1;
    return img;
}

static void findings(void **state)
{
    (void)state;
    struct img *img = damaged();
    struct memory m = {.img = img};
    vhdxray_summary s = {.size_of = sizeof(s)}, again = {.size_of = sizeof(again)};
    uint64_t counts[3] = {0};
    bool past_eof = false;
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_int_equal(s.verdict, VHDXRAY_VERDICT_CORRUPT);
    assert_true(s.complete);
    assert_false(s.io_error);
    assert_false(s.limited);
    assert_int_equal(s.finding_count, s.errors + s.warnings + s.infos);

    vhdxray_severity before = VHDXRAY_SEVERITY_ERROR;
    for (size_t i = 0; i < s.finding_count; i++) {
        vhdxray_finding f = {.size_of = sizeof(f)};
        assert_int_equal(vhdxray_get_finding(image, i, &f), VHDXRAY_OK);
        assert_memory_equal(f.rule, "VHDX-", 5);
        assert_true(f.severity <= before); /* errors first */
        before = f.severity;
        counts[f.severity]++;
        assert_true(f.title != NULL && f.message != NULL && f.means != NULL && f.next != NULL);
        assert_true(f.structure != NULL && f.repair != NULL && f.spec != NULL);
        assert_false(f.as_stored);
        if (strcmp(f.rule, "VHDX-BAT-012") == 0) {
            past_eof = true;
            assert_string_equal(f.structure, "bat");
            assert_int_equal(f.index, 0);
            assert_int_equal(f.offset, img_bat_entry_off(img, 0));
            assert_int_equal(f.length, 8);
            assert_true(f.has_guest_range);
            assert_int_equal(f.guest_offset, 0);
            assert_int_equal(f.guest_length, 2 * MIB);
            assert_memory_equal(f.spec, "MS-VHDX ", 8);
        }
    }
    assert_true(past_eof);
    assert_int_equal(counts[VHDXRAY_SEVERITY_ERROR], s.errors);
    assert_int_equal(counts[VHDXRAY_SEVERITY_WARNING], s.warnings);
    assert_int_equal(counts[VHDXRAY_SEVERITY_INFO], s.infos);
    assert_true(s.errors >= 2 && s.warnings >= 1);

    vhdxray_finding f = {.size_of = sizeof(f)};
    assert_int_equal(vhdxray_get_finding(image, s.finding_count, &f), VHDXRAY_ERROR_ARGUMENT);
    assert_int_equal(vhdxray_get_finding(image, SIZE_MAX, &f), VHDXRAY_ERROR_ARGUMENT);

    /* The rules do not run a second time. */
    uint64_t reads = m.reads;
    assert_int_equal(vhdxray_check(image, &again), VHDXRAY_OK);
    assert_memory_equal(&s, &again, sizeof(s));
    assert_int_equal(m.reads, reads);
    vhdxray_close(image);
    img_free(img);
}

static void findings_are_capped_and_counted(void **state)
{
    (void)state;
    struct img *img = img_create(&(struct img_params){.states = "6666666666"});
    struct memory m = {.img = img};
    vhdxray_options o = {.size_of = sizeof(o), .max_findings = 1};
    vhdxray_summary s = {.size_of = sizeof(s)};
    vhdxray *image;

    for (uint64_t b = 0; b < 10; b++)
        img_block_set(img, b, PAYLOAD_RESERVED_4, 0);
    assert_int_equal(memory_open(&m, &o, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_true(s.errors >= 10);
    assert_true(s.finding_count < s.errors + s.warnings + s.infos);
    vhdxray_close(image);
    img_free(img);
}

static void stored_faults_of_a_dirty_image(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct memory m = {.img = img};
    vhdxray_summary s = {.size_of = sizeof(s)};
    uint64_t as_stored = 0;
    vhdxray *image;

    /* The log puts right what is wrong in the file. */
    uint64_t index = img_block_index(img, 0), good = img_bat_get(img, index);
    img_bat_set(img, index, bat_entry_make(1ULL << 40, PAYLOAD_FULLY_PRESENT));
    img_make_dirty_bat(img, index, good);
    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_int_equal(s.verdict, VHDXRAY_VERDICT_SUSPICIOUS);
    assert_int_equal(s.errors, 0);
    for (size_t i = 0; i < s.finding_count; i++) {
        vhdxray_finding f = {.size_of = sizeof(f)};
        assert_int_equal(vhdxray_get_finding(image, i, &f), VHDXRAY_OK);
        if (f.as_stored) {
            as_stored++;
            assert_int_equal(f.severity, VHDXRAY_SEVERITY_INFO);
        }
    }
    assert_true(as_stored >= 1);
    vhdxray_close(image);
    img_free(img);
}

static void json(void **state)
{
    (void)state;
    struct img *img = damaged();
    struct memory m = {.img = img};
    const char *text = NULL, *same = NULL, *other = NULL;
    size_t length = 0, other_length = 0;
    vhdxray *image, *second;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(memory_open(&m, NULL, &second), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_json(image, &text, &length), VHDXRAY_OK);
    assert_int_equal(strlen(text), length);
    assert_int_equal(text[0], '{');
    assert_int_equal(text[length - 1], '\n');
    assert_non_null(strstr(text, "\"path\": \"memory.vhdx\""));
    assert_non_null(strstr(text, "\"verdict\": \"corrupt\""));
    assert_non_null(strstr(text, "VHDX-BAT-012"));
    assert_int_equal(vhdxray_get_json(image, &same, NULL), VHDXRAY_OK);
    assert_ptr_equal(text, same);
    assert_int_equal(vhdxray_get_json(second, &other, &other_length), VHDXRAY_OK);
    assert_int_equal(other_length, length);
    assert_memory_equal(other, text, length);
    vhdxray_close(second);
    vhdxray_close(image);
    img_free(img);
}

/* The host file as it was opened: who changes it meanwhile is told so. */
static void file_that_changes(void **state)
{
    (void)state;
    vhdxray_summary s = {.size_of = sizeof(s)};
    const char *text;
    vhdxray *image;

    save("a.vhdx", NULL);
    assert_int_equal(vhdxray_open("a.vhdx", NULL, &image, NULL, 0), VHDXRAY_OK);
    int fd = open("a.vhdx", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_int_equal(vhdxray_get_json(image, &text, NULL), VHDXRAY_OK);
    assert_non_null(strstr(text, "VHDX-FILE-007"));
    vhdxray_close(image);
}

/* ---- what can go wrong underneath ---- */

/* Whatever a call answers, the others go on and closing is clean. */
static void use_all(vhdxray *image, bool may_be_limited)
{
    vhdxray_facts f = {.size_of = sizeof(f)};
    vhdxray_summary s = {.size_of = sizeof(s)};
    vhdxray_extent e = {.size_of = sizeof(e)};
    const char *text;
    char buf[512];

    assert_int_equal(vhdxray_get_facts(image, &f), VHDXRAY_OK);
    vhdxray_status status = vhdxray_check(image, &s);
    if (status == VHDXRAY_OK) {
        assert_true(s.complete == (!s.io_error && !s.limited));
        assert_true(may_be_limited || !s.limited);
        if (s.finding_count > 0) {
            vhdxray_finding g = {.size_of = sizeof(g)};
            status = vhdxray_get_finding(image, s.finding_count - 1, &g);
            assert_true(status == VHDXRAY_OK || status == VHDXRAY_ERROR_LIMIT);
        }
    } else {
        assert_int_equal(status, VHDXRAY_ERROR_LIMIT);
        assert_string_not_equal(vhdxray_last_error(image), "");
    }
    status = vhdxray_get_json(image, &text, NULL);
    assert_true(status == VHDXRAY_OK || status == VHDXRAY_ERROR_LIMIT);
    (void)vhdxray_can_read(image);
    if (f.virtual_size > 0) {
        status = vhdxray_get_extent(image, 0, f.virtual_size, &e);
        assert_true(status != VHDXRAY_OK || e.length > 0);
    }
    status = vhdxray_read(image, 0, buf, sizeof(buf));
    assert_true((status == VHDXRAY_OK) == (vhdxray_last_error(image)[0] == '\0'));
}

static void every_read_may_fail(void **state)
{
    (void)state;
    struct img *img = damaged();
    vhdxray *image;

    for (uint64_t n = 1;; n++) {
        struct memory m = {.img = img, .fail_read = n};
        assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
        use_all(image, false);
        vhdxray_close(image);
        assert_int_equal(m.outside, 0);
        if (m.reads < n)
            break;
    }
    img_free(img);
}

static void first_read_fails(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct memory m = {.img = img, .fail_read = 1};
    vhdxray_summary s = {.size_of = sizeof(s)};
    vhdxray *image;

    assert_int_equal(memory_open(&m, NULL, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_check(image, &s), VHDXRAY_OK);
    assert_true(s.io_error);
    assert_false(s.complete);
    vhdxray_close(image);
    img_free(img);
}

static void memory_is_limited(void **state)
{
    (void)state;
    struct img *img = damaged();
    struct memory m = {.img = img};
    vhdxray *image;
    int opened = 0, refused = 0;

    /* Coarse steps up to what opening needs and far behind it, fine ones where the first calls begin to succeed. */
    for (uint64_t budget = 4096; budget < 64 * MIB; budget += opened == 0 || opened > 300 ? budget / 64 : 512) {
        vhdxray_options o = {.size_of = sizeof(o), .max_memory = budget};
        vhdxray_status status = memory_open(&m, &o, &image);
        if (status != VHDXRAY_OK) {
            assert_int_equal(status, VHDXRAY_ERROR_LIMIT);
            refused++;
            continue;
        }
        opened++;
        use_all(image, true);
        vhdxray_close(image);
    }
    assert_true(opened > 0 && refused > 0);

    /* Names that nobody needs, to fill what opening leaves over: then there is no memory for the rules either. */
    const char *names[256], *text = "none";
    static char name[4096];
    int unchecked = 0;
    memset(name, 'n', sizeof(name) - 1);
    for (size_t i = 0; i < 256; i++)
        names[i] = name;
    vhdxray_options o = {.size_of = sizeof(o), .parents = names, .max_memory = 4096};
    for (o.parent_count = 0; o.parent_count <= 256; o.parent_count += 4) {
        while (memory_open(&m, &o, &image) != VHDXRAY_OK)
            o.max_memory += 2048;
        use_all(image, true);
        vhdxray_close(image);
        assert_int_equal(memory_open(&m, &o, &image), VHDXRAY_OK);
        vhdxray_status status = vhdxray_get_json(image, &text, NULL);
        assert_true(status == VHDXRAY_OK || status == VHDXRAY_ERROR_LIMIT);
        assert_true((status == VHDXRAY_OK) == (vhdxray_last_error(image)[0] == '\0'));
        unchecked += vhdxray_check(image, &(vhdxray_summary){.size_of = sizeof(vhdxray_summary)}) != VHDXRAY_OK;
        vhdxray_close(image);
    }
    assert_true(unchecked > 0);

    /* A name is copied, and counts. */
    const uint64_t closes = m.closes;
    static char long_name[2 << 20];
    const char *const two[] = {"short", long_name};
    char message[256];
    memset(long_name, 'n', sizeof(long_name) - 1);
    o = (vhdxray_options){.size_of = sizeof(o), .parents = two, .parent_count = 2, .max_memory = sizeof(long_name)};
    vhdxray_callbacks c = memory_callbacks(&m);
    assert_int_equal(vhdxray_open_callbacks(&c, "m", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_LIMIT);
    assert_null(image);
    assert_string_not_equal(message, "");
    assert_int_equal(m.closes, closes);
    o.max_memory *= 2;
    assert_int_equal(memory_open(&m, &o, &image), VHDXRAY_OK);
    vhdxray_close(image);
    img_free(img);
}

static void time_is_limited(void **state)
{
    (void)state;
    struct img *img = img_create(NULL);
    struct memory m = {.img = img};
    vhdxray_options o = {.size_of = sizeof(o), .timeout_ms = 20};
    char message[256], buf[512];
    vhdxray *image;

    m.slow_ns = 30 * 1000 * 1000;
    vhdxray_callbacks c = memory_callbacks(&m);
    assert_int_equal(vhdxray_open_callbacks(&c, "slow", &o, &image, message, sizeof(message)), VHDXRAY_ERROR_LIMIT);
    assert_non_null(strstr(message, "timeout_ms"));

    /* The clock is that of a call: waiting between calls costs nothing. */
    m.slow_ns = 0;
    o.timeout_ms = 1500;
    assert_int_equal(memory_open(&m, &o, &image), VHDXRAY_OK);
    (void)nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 600 * 1000 * 1000}, NULL);
    assert_int_equal(vhdxray_read(image, 0, buf, sizeof(buf)), VHDXRAY_OK);
    vhdxray_close(image);
    /* And looking for what is where takes some, too. */
    vhdxray_extent extent = {.size_of = sizeof(extent)};
    o.timeout_ms = 100;
    assert_int_equal(memory_open(&m, &o, &image), VHDXRAY_OK);
    assert_int_equal(vhdxray_can_read(image), VHDXRAY_OK);
    m.slow_ns = 150 * 1000 * 1000;
    assert_int_equal(vhdxray_get_extent(image, 0, UINT64_MAX, &extent), VHDXRAY_ERROR_LIMIT);
    assert_non_null(strstr(vhdxray_last_error(image), "timeout_ms"));
    vhdxray_close(image);
    img_free(img);
}

/* ---- threads ---- */

struct job {
    const char *path;
    const char *const *search_dirs;
    uint64_t rounds;
    size_t json_length;
    uint64_t sum;
    bool ok;
};

static void *work(void *arg)
{
    struct job *j = arg;
    vhdxray_options o = {.size_of = sizeof(o), .search_dirs = j->search_dirs, .search_dir_count = 1};
    unsigned char buf[4096];

    j->ok = true;
    for (uint64_t i = 0; i < j->rounds && j->ok; i++) {
        const char *text;
        vhdxray_facts f = {.size_of = sizeof(f)};
        vhdxray *image;

        if (vhdxray_open(j->path, &o, &image, NULL, 0) != VHDXRAY_OK) {
            j->ok = false;
            break;
        }
        j->ok =
            vhdxray_get_json(image, &text, &j->json_length) == VHDXRAY_OK && vhdxray_get_facts(image, &f) == VHDXRAY_OK;
        j->sum = 0;
        for (uint64_t at = 0; j->ok && at < f.virtual_size; at += 64 * sizeof(buf)) {
            j->ok = vhdxray_read(image, at, buf, sizeof(buf)) == VHDXRAY_OK;
            for (size_t k = 0; k < sizeof(buf); k++)
                j->sum = j->sum * 31 + buf[k];
        }
        vhdxray_close(image);
    }
    return NULL;
}

static void two_handles_in_two_threads(void **state)
{
    (void)state;
    static const char *const here[] = {"."};
    struct img *parent = img_create(&(struct img_params){.states = "66.6666666"});
    struct img *child = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent});
    pthread_t threads[2];
    struct job jobs[3] = {
        {.path = "child.vhdx", .search_dirs = here, .rounds = 1}, /* alone, to compare with */
        {.path = "child.vhdx", .search_dirs = here, .rounds = 20},
        {.path = "child.vhdx", .search_dirs = here, .rounds = 20},
    };

    img_save(parent, "parent.vhdx");
    img_save(child, "child.vhdx");
    (void)work(&jobs[0]);
    assert_true(jobs[0].ok);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i + 1]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(jobs[i + 1].ok);
        assert_int_equal(jobs[i + 1].json_length, jobs[0].json_length);
        assert_int_equal(jobs[i + 1].sum, jobs[0].sum);
    }
    img_free(child);
    img_free(parent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_agree),
        cmocka_unit_test(words),
        cmocka_unit_test(statuses_have_their_words),
        cmocka_unit_test_setup_teardown(nothing_to_open, enter, leave),
        cmocka_unit_test_setup_teardown(from_a_descriptor, enter, leave),
        cmocka_unit_test(from_callbacks),
        cmocka_unit_test_setup_teardown(no_image_at_all, enter, leave),
        cmocka_unit_test(later_callers),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(no_handle),
        cmocka_unit_test_setup_teardown(options_that_cannot_be, enter, leave),
        cmocka_unit_test_setup_teardown(descriptors_are_given_back, enter, leave),
        cmocka_unit_test(facts),
        cmocka_unit_test(findings),
        cmocka_unit_test(findings_are_capped_and_counted),
        cmocka_unit_test(stored_faults_of_a_dirty_image),
        cmocka_unit_test(json),
        cmocka_unit_test_setup_teardown(file_that_changes, enter, leave),
        cmocka_unit_test(every_read_may_fail),
        cmocka_unit_test(first_read_fails),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(time_is_limited),
        cmocka_unit_test_setup_teardown(two_handles_in_two_threads, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
