/* SPDX-License-Identifier: MIT */
/*
 * How much the worst image costs. Every file of the corpus that is no longer than 1 MiB is taken for a recipe, and so
 * are images made here, each to be as dear as 1 MiB of bytes can: a BAT of nothing but overlaps, a log of nothing but
 * beginnings. Each is judged as `vhdxray check` does it, in a process of its own, so that its memory is the process's.
 *
 *     bounds [FOLDER...]          default: corpus
 *
 * Fails when one takes 32 MiB or more, 100 ms of a processor (50 ms for the logs), or more reads than its bytes account
 * for (fuzz/whole.c has that bound). Of the time the least of a few runs counts: what else runs on the machine is no
 * fault of the image.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/le.h"
#include "base/limits.h"
#include "build.h"
#include "fuzz/whole.h"

enum { INPUT_MOST = 1 << 20, RUNS_MOST = 9, MICROSECONDS_MOST = 100000, MICROSECONDS_LOG = 50000, SECTOR = 4096 };
static const uint64_t MEMORY_MOST = (uint64_t)32 << 20;

struct cost {
    uint64_t microseconds, memory, reads;
    char name[256];
};

static struct {
    uint64_t files, made, failed;
    struct cost time, memory, log;
} total;

static uint64_t own_memory; /* of a process that judges nothing */

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(2);
    }
}

/* ---- one image ---- */

static void check_it(const struct recipe *r)
{
    struct whole w;
    struct check_result *res = NULL;

    whole_open(&w, r, "image.vhdx", WHOLE_HOST);
    if (check_run(w.image, &(struct check_options){.max_findings = LIMIT_FINDINGS_PER_RULE}, NULL, &res) != STATUS_OK)
        _exit(3);
    whole_close(&w);
}

/* False when it died, of the bound of reads for one. r NULL: nothing is judged. */
static bool run_once(const struct recipe *r, uint64_t *ret_microseconds, uint64_t *ret_memory)
{
    int ends[2];
    uint64_t spent = 0;
    struct rusage usage;
    int status;

    must(pipe(ends) == 0, "pipe");
    (void)fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        struct timespec from, to;
        (void)alarm(600);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        if (r != NULL)
            check_it(r);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        spent = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000 + (uint64_t)((to.tv_nsec - from.tv_nsec) / 1000);
        _exit(write(ends[1], &spent, sizeof(spent)) == (ssize_t)sizeof(spent) ? 0 : 2);
    }
    close(ends[1]);
    bool told = read(ends[0], &spent, sizeof(spent)) == (ssize_t)sizeof(spent);
    close(ends[0]);
    must(wait4(pid, &status, 0, &usage) == pid, "wait");
    *ret_microseconds = spent;
    *ret_memory = (uint64_t)usage.ru_maxrss << 10;
    return told && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void keep_worst(struct cost *worst, const struct cost *c, bool by_memory)
{
    if (by_memory ? c->memory > worst->memory : c->microseconds > worst->microseconds)
        *worst = *c;
}

static void judge(const char *name, const struct recipe *r, bool is_log)
{
    const uint64_t most = is_log ? MICROSECONDS_LOG : MICROSECONDS_MOST;
    struct cost c = {.microseconds = UINT64_MAX};

    (void)snprintf(c.name, sizeof(c.name), "%s", name);
    for (int n = 0; n == 0 || (n < RUNS_MOST && c.microseconds >= most / 10); n++) {
        uint64_t microseconds, memory;
        if (!run_once(r, &microseconds, &memory)) {
            printf("FAIL %s: died\n", name);
            total.failed++;
            return;
        }
        c.microseconds = u64_min(c.microseconds, microseconds);
        c.memory = u64_max(c.memory, memory - u64_min(memory, own_memory));
    }
    keep_worst(is_log ? &total.log : &total.time, &c, false);
    keep_worst(&total.memory, &c, true);
    if (c.microseconds >= most || c.memory >= MEMORY_MOST) {
        printf("FAIL %s: %" PRIu64 " us, %" PRIu64 " KiB\n", name, c.microseconds, c.memory >> 10);
        total.failed++;
    }
}

/* ---- the corpus ---- */

static void judge_file(const char *path, uint64_t size)
{
    static uint8_t bytes[INPUT_MOST];
    FILE *f = fopen(path, "rbe");
    struct recipe r;

    must(f != NULL && fread(bytes, 1, (size_t)size, f) == size, path);
    (void)fclose(f);
    recipe_decode(bytes, (size_t)size, &r);
    judge(path, &r, false);
    recipe_free(&r);
    total.files++;
}

/* Folders in it as well: one level, as corpus/TARGET/FILE. */
static void judge_folder(const char *folder, bool deeper)
{
    DIR *d = opendir(folder);
    must(d != NULL, folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[4096];
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        must(stat(path, &st) == 0, path);
        if (S_ISDIR(st.st_mode) && deeper)
            judge_folder(path, false);
        else if (S_ISREG(st.st_mode) && st.st_size <= INPUT_MOST)
            judge_file(path, (uint64_t)st.st_size);
    }
    closedir(d);
}

/* ---- images made to be dear ---- */

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* An image is a recipe that is decoded already: its pages are the extents. */
static void judge_image(const char *name, struct img *img, bool is_log)
{
    struct mem_extent *extents = calloc(img->page_count, sizeof(*extents));
    struct recipe r = {.size = img->size, .extents = extents, .count = img->page_count};

    must(extents != NULL, "memory");
    for (size_t i = 0; i < img->page_count; i++)
        extents[i] = (struct mem_extent){
            .off = img->pages[i].index * IMG_PAGE_LEN, .ptr = img->pages[i].bytes, .len = IMG_PAGE_LEN};
    if (recipe_bytes(&r) > INPUT_MOST + INPUT_MOST / 2) { /* a MiB of the structure, and the others */
        printf("FAIL %s: %" PRIu64 " bytes\n", name, recipe_bytes(&r));
        total.failed++;
    }
    judge(name, &r, is_log);
    free(extents);
    img_free(img);
    total.made++;
}

enum { BAT_ENTRIES = 120000 }; /* so that a recipe of 1 MiB has room for them */

/* entry(i) for each entry of a BAT. */
static void judge_bat(const char *what, enum img_type type, uint64_t block_size, uint64_t (*entry)(uint64_t i))
{
    char name[128];
    const uint64_t room = (uint64_t)BAT_ENTRIES * block_size;
    struct img *img = img_create(&(struct img_params){
        .type = type, .virtual_size = room - room / 16, .block_size = block_size, .states = "", .data = IMG_DATA_NONE});
    (void)snprintf(name, sizeof(name), "%s, of %" PRIu64 " MiB", what, block_size / MIB);
    uint64_t last = img->geometry.entries < BAT_ENTRIES ? img->geometry.entries : BAT_ENTRIES;

    for (uint64_t i = 0; i < last; i++)
        img_bat_set(img, i, entry(i));
    img_resize(img, (uint64_t)1 << 52);
    judge_image(name, img, false);
}

static uint64_t one_place(uint64_t i)
{
    (void)i;
    return bat_entry_make((uint64_t)1 << 30, PAYLOAD_FULLY_PRESENT);
}

static uint64_t in_order(uint64_t i)
{
    return bat_entry_make((i + 16) * MIB, PAYLOAD_FULLY_PRESENT);
}

static uint64_t far_apart(uint64_t i)
{
    return bat_entry_make(((i * 0x9E3779B1U) & 0xFFFFFFFFU) * MIB, PAYLOAD_FULLY_PRESENT);
}

static uint64_t anywhere(uint64_t i)
{
    (void)i;
    return next_random();
}

static uint64_t anywhere_near(uint64_t i)
{
    (void)i;
    return bat_entry_make((next_random() & 0x7FFFFFF) * MIB, PAYLOAD_FULLY_PRESENT);
}

static uint64_t reserved_states(uint64_t i)
{
    return bat_entry_make((i + 16) * MIB, 4 + i % 2) | 0xFFFF8;
}

static uint64_t partly(uint64_t i)
{
    return bat_entry_make((i * 37 % 65536 + 16) * MIB, PAYLOAD_PARTIALLY_PRESENT);
}

static uint64_t pairs(uint64_t i)
{
    return bat_entry_make(((uint64_t)1 << 29) * (i / 2 % 4096) * MIB + (i % 2) * MIB, PAYLOAD_FULLY_PRESENT);
}

static void judge_bats(void)
{
    static const struct {
        const char *name;
        uint64_t (*entry)(uint64_t i);
    } kinds[] = {{"all blocks at one place", one_place},
                 {"blocks a MiB apart", in_order},
                 {"blocks far apart", far_apart},
                 {"entries of random bits", anywhere},
                 {"blocks at random places", anywhere_near},
                 {"reserved states and bits", reserved_states},
                 {"partial blocks", partly},
                 {"pairs of blocks, far away", pairs}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        judge_bat(kinds[i].name, IMG_DYNAMIC, 32 * MIB, kinds[i].entry);
        judge_bat(kinds[i].name, IMG_DYNAMIC, MIB, kinds[i].entry);
        judge_bat(kinds[i].name, IMG_DIFFERENCING, 256 * MIB, kinds[i].entry);
    }
}

/* ---- logs ---- */

enum log_kind { LOG_OF_BEGINNINGS, LOG_OF_SHORT_ENTRIES, LOG_OF_DESCRIPTORS, LOG_OF_ZEROS, LOG_OF_ORPHANS, LOG_KINDS };

/* One entry whose descriptors fill the ring: 31,000 targets, or as many ranges of zeros that overlap. */
static void put_long_entry(struct img *img, bool zeros)
{
    enum { PAGES = 240, ZEROS = 30000 };
    uint32_t count = zeros ? ZEROS : PAGES;
    struct img_log_desc *descs = calloc(count, sizeof(*descs));

    must(descs != NULL, "memory");
    for (uint32_t i = 0; i < count; i++)
        descs[i] = zeros ? (struct img_log_desc){.off = (i * 7919 % 30011 + 4096) * (uint64_t)SECTOR, .len = 512 * MIB}
                         : (struct img_log_desc){.off = (uint64_t)(PAGES - i) * SECTOR + 64 * MIB,
                                                 .page = img_page_copy(img, img->bat_off)};
    img_log_write(img, 0,
                  &(struct img_log_entry){.sequence_number = 1,
                                          .flushed = img->size,
                                          .last = (uint64_t)1 << 46,
                                          .descs = descs,
                                          .desc_count = count});
    free(descs);
}

static const struct img_params empty = {.states = "", .data = IMG_DATA_NONE};

static void judge_log(const char *name, enum log_kind kind)
{
    struct img *img = img_create(&empty);
    const uint32_t len = (uint32_t)img->log_len;
    uint64_t entry_len;

    img_log_begin(img, 0, 1);
    uint8_t *entry = img_log_build(img, &(struct img_log_entry){.sequence_number = 1}, &entry_len);
    for (uint32_t pos = 0; pos < len; pos += SECTOR) {
        if (kind == LOG_OF_BEGINNINGS) { /* each claims the whole ring */
            put_le32(entry + 8, len);
            img_log_put(img, pos, entry, SECTOR);
        } else if (kind == LOG_OF_SHORT_ENTRIES) {
            img_log_write(
                img, pos,
                &(struct img_log_entry){.sequence_number = 1 + pos / SECTOR, .tail = pos / 2 / SECTOR * SECTOR});
        } else if (kind == LOG_OF_ORPHANS) {
            memcpy(img_bytes(img, img->log_off + pos, 4), pos / SECTOR % 2 ? "data" : "desc", 4);
        }
    }
    free(entry);
    if (kind == LOG_OF_DESCRIPTORS || kind == LOG_OF_ZEROS)
        put_long_entry(img, kind == LOG_OF_ZEROS);
    judge_image(name, img, true);
}

static void judge_logs(void)
{
    static const char *const names[LOG_KINDS] = {"log of beginnings", "log of one-sector entries",
                                                 "log of one entry with 240 pages",
                                                 "log of one entry with 30,000 ranges of zeros", "log of orphans"};
    for (unsigned k = 0; k < LOG_KINDS; k++)
        judge_log(names[k], k);
}

/* ---- tables ---- */

static void judge_tables(void)
{
    struct img *img = img_create(&empty);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *table = img_region_table(img, copy);
        for (uint32_t i = 2; i < 2047; i++) {
            struct guid g = img_guid(IMG_QEMU, 'R', i);
            guid_store(table + 16 + (size_t)32 * i, &g);
            put_le64(table + 16 + (size_t)32 * i + 16, (uint64_t)(2047 - i / 2) * MIB);
            put_le32(table + 16 + (size_t)32 * i + 24, 8 << 20);
        }
        put_le32(table + 8, 2047);
    }
    img_sign_region_tables(img);
    judge_image("2,047 regions that overlap", img, false);

    img = img_create(&empty);
    for (uint32_t i = 0; i < 2040; i++) {
        uint8_t *e = img_metadata_table(img) + 32 + (size_t)32 * (i + 5);
        struct guid g = img_guid(IMG_QEMU, 'M', i);
        if (i + 5 >= 2047)
            break;
        guid_store(e, &g);
        put_le32(e + 16, 65536 + i);
        put_le32(e + 20, 512 << 10);
    }
    put_le16(img_metadata_table(img) + 10, 2047);
    judge_image("2,047 metadata items that overlap", img, false);

    img = img_create(&(struct img_params){.type = IMG_DIFFERENCING, .states = "", .data = IMG_DATA_NONE});
    static uint8_t locator[512 << 10];
    memcpy(locator, img_metadata_item(img, KNOWN_ITEM_PARENT_LOCATOR), 16);
    uint32_t pairs_count = 43000;
    put_le16(locator + 18, (uint16_t)pairs_count);
    for (uint32_t i = 0; i < pairs_count; i++) {
        uint8_t *e = locator + 20 + (size_t)12 * i;
        put_le32(e, 20 + i);
        put_le32(e + 4, 20 + i * 3 % 400000);
        put_le16(e + 8, 65534);
        put_le16(e + 10, 65534);
    }
    img_set_locator_bytes(img, locator, sizeof(locator));
    judge_image("43,000 pairs of a parent locator that overlap", img, false);
}

int main(int argc, char **argv)
{
    uint64_t none;
    must(run_once(NULL, &none, &own_memory), "a process");
    judge_bats();
    judge_logs();
    judge_tables();
    if (argc < 2)
        judge_folder("corpus", true);
    for (int i = 1; i < argc; i++)
        judge_folder(argv[i], true);
    printf("figure cost of a recipe: %" PRIu64 " inputs of the corpus up to 1 MiB and %" PRIu64
           " images made to be dear: at most %.1f ms of a processor (%s), %.1f ms for a log of 1 MiB (%s), %.1f MiB "
           "(%s)\n",
           total.files, total.made, (double)total.time.microseconds / 1000, total.time.name,
           (double)total.log.microseconds / 1000, total.log.name, (double)total.memory.memory / 1048576,
           total.memory.name);
    printf("%d passed, %d failed\n", total.failed == 0 && total.files > 0, total.failed > 0 || total.files == 0);
    return total.failed == 0 && total.files > 0 ? 0 : 1;
}
