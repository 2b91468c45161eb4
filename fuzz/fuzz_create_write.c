/* SPDX-License-Identifier: MIT */
/*
 * A new disk, written to by the guest. Input: u8 type and habits (bit 0 fixed, bit 1 as QEMU makes it, bit 2 ZERO
 * blocks, bit 3 sectors of 4096 bytes, bit 4 differencing), u8 block size (power of two, MiB), u8 log size in MiB, u32
 * size of the disk in sectors; then operations: u8 what, u32 sector, u8 number of sectors, u8 the byte they get.
 *
 * Asserted: options with a problem are refused and nothing is written; a new disk is clean by all rules and reads as
 * zeros; a write is there at once, for this session and for whoever opens the file in the middle of it, and nothing
 * else changed (held against a model); a session that ends leaves an empty log, a clean image and the same content;
 * what a session left open is recovered by a replay.
 */
#include "base/limits.h"
#include "fuzz/whole.h"
#include "image/guest.h"
#include "write/create.h"
#include "write/writer.h"

enum { OPERATIONS_MAX = 24, WRITTEN_MAX = 255 * 4096, PLACES_MAX = 2 * OPERATIONS_MAX };
enum { TYPE_FIXED = 1, TYPE_QEMU = 2, TYPE_ZERO = 4, TYPE_4K = 8, TYPE_CHILD = 16 };
enum operation { OP_WRITE, OP_ZEROS, OP_FLUSH, OP_REOPEN, OP_LOOK, OP_LEAVE, OPERATIONS };
static const uint64_t MEMORY = (uint64_t)64 << 20, DISK_MAX = (uint64_t)1 << 33;

static uint8_t buf[WRITTEN_MAX], model_bytes[WRITTEN_MAX], disk_bytes[WRITTEN_MAX];

struct disk {
    struct create_options options;
    struct store *file, *model; /* the model is the guest's disk */
    struct entropy entropy;
    struct arena *arena; /* of the session */
    struct writer *writer;
    uint64_t off[PLACES_MAX], len[PLACES_MAX]; /* that were written */
    unsigned places;
};

/* ---- looking ---- */

static void compare(const struct disk *d, struct guest *g, uint64_t off, uint64_t len)
{
    uint64_t faults = 0;

    len = u64_min(len, WRITTEN_MAX);
    if (off >= d->options.size)
        return;
    len = u64_min(len, d->options.size - off);
    ASSERT(source_read(d->model->source, off, model_bytes, (size_t)len) == STATUS_OK);
    ASSERT(guest_read(g, off, disk_bytes, (size_t)len, NULL, NULL, &faults) == STATUS_OK);
    if (d->options.type == CREATE_DIFFERENCING) /* what was not written is the parent's, which is not there */
        return;
    ASSERT(faults == 0, "guest byte %llu cannot be read", (unsigned long long)off);
    ASSERT(memcmp(model_bytes, disk_bytes, (size_t)len) == 0, "guest byte %llu reads otherwise",
           (unsigned long long)off);
}

/* What was written to a child has no fault and is what was written. */
static void compare_written(const struct disk *d, struct guest *g, unsigned i)
{
    uint64_t faults = 0;

    ASSERT(source_read(d->model->source, d->off[i], model_bytes, (size_t)d->len[i]) == STATUS_OK);
    ASSERT(guest_read(g, d->off[i], disk_bytes, (size_t)d->len[i], NULL, NULL, &faults) == STATUS_OK);
    ASSERT(faults == 0 && memcmp(model_bytes, disk_bytes, (size_t)d->len[i]) == 0, "guest byte %llu reads otherwise",
           (unsigned long long)d->off[i]);
}

/* By whoever opens the file as it is now. open: a session is in the middle of it. */
static void look(struct disk *d, bool open)
{
    const struct check_options options = {.max_findings = 4};
    const struct guest_options how = {.salvage = false};
    struct check_result *res = NULL;
    struct arena *a = property_arena(MEMORY);
    struct image *img = NULL;
    struct guest *g = NULL;
    const char *why = NULL;

    ASSERT(image_open(a, d->file->source, "image.vhdx", NULL, NULL, &img) == STATUS_OK);
    ASSERT(check_run(img, &options, NULL, &res) == STATUS_OK);
    for (uint64_t i = 0; i < res->finding_count; i++) {
        const struct finding *f = res->findings[i];
        bool dirty = open && strcmp(f->rule->id, "VHDX-LOG-001") == 0;
        ASSERT(f->severity == SEVERITY_INFO || dirty, "%s: %s", f->rule->id, f->message);
    }
    ASSERT(open || img->log_state == LOG_STATE_EMPTY);
    ASSERT(guest_open(img, &how, &g, &why) == STATUS_OK, "%s", why ? why : "");
    ASSERT(guest_size(g) == d->options.size);
    for (unsigned i = 0; i < d->places; i++) {
        compare_written(d, g, i);
        compare(d, g, d->off[i] + d->len[i], 4096);
    }
    compare(d, g, 0, 4096);
    compare(d, g, d->options.size - u64_min(d->options.size, 4096), 4096);
    image_close(img);
    arena_destroy(a);
}

/* ---- changing ---- */

static void session_begin(struct disk *d)
{
    const char *why = NULL;

    d->arena = property_arena(MEMORY);
    enum status st = writer_open(d->arena, d->file, "image.vhdx", &d->entropy, &d->writer, &why);
    ASSERT(st == STATUS_OK, "status %d: %s", (int)st, why ? why : "");
    ASSERT(writer_size(d->writer) == d->options.size);
}

static void session_end(struct disk *d)
{
    ASSERT(writer_close(d->writer) == STATUS_OK);
    arena_destroy(d->arena);
    d->writer = NULL;
    look(d, false);
}

/* False when there is no more room, in this or the other store. */
static bool write_at(struct disk *d, uint64_t sector, uint64_t count, uint8_t byte)
{
    uint64_t size = d->options.logical_sector_size, sectors = d->options.size / size;
    uint64_t off = sector % sectors * size, len = u64_min(count, sectors - sector % sectors) * size;

    if (len == 0 || d->places == PLACES_MAX)
        return true;
    for (uint64_t i = 0; i < len; i++)
        buf[i] = byte == 0 ? 0 : (uint8_t)(byte + i / 512);
    enum status st = writer_write(d->writer, off, buf, len);
    if (st == STATUS_LIMIT || st == STATUS_NO_MEMORY)
        return false;
    ASSERT(st == STATUS_OK, "status %d", (int)st);
    ASSERT(store_write(d->model, off, buf, (size_t)len) == STATUS_OK);
    d->off[d->places] = off;
    d->len[d->places++] = len;
    return true;
}

static bool operate(struct disk *d, struct taker *t)
{
    unsigned what = (unsigned)take(t, 1) % OPERATIONS;
    uint64_t sector = take(t, 4), count = take(t, 1);
    uint8_t byte = (uint8_t)take(t, 1);

    switch ((enum operation)what) {
    case OP_WRITE:
    case OP_ZEROS:
        return write_at(d, sector, count, what == OP_ZEROS ? 0 : byte);
    case OP_FLUSH:
        ASSERT(writer_flush(d->writer) == STATUS_OK);
        return true;
    case OP_REOPEN:
        session_end(d);
        session_begin(d);
        return true;
    case OP_LOOK:
        look(d, true);
        return true;
    case OP_LEAVE: /* as if the program had been killed: the next session finds its log */
        ASSERT(writer_flush(d->writer) == STATUS_OK);
        d->writer = NULL;
        arena_destroy(d->arena);
        session_begin(d);
        return true;
    case OPERATIONS:
        break;
    }
    return true;
}

static void use(struct disk *d, struct taker *t)
{
    bool room = true;

    look(d, false);
    session_begin(d);
    for (unsigned i = 0; i < OPERATIONS_MAX && t->len > 0 && room; i++)
        room = operate(d, t);
    if (room)
        session_end(d);
    else
        arena_destroy(d->arena);
}

static struct create_options options_of(struct taker *t)
{
    unsigned type = (unsigned)take(t, 1);
    struct create_options o = {
        .type = type & TYPE_CHILD   ? CREATE_DIFFERENCING
                : type & TYPE_FIXED ? CREATE_FIXED
                                    : CREATE_DYNAMIC,
        .like = type & TYPE_QEMU ? CREATE_LIKE_QEMU : CREATE_LIKE_WINDOWS,
        .block_state_zero = (type & TYPE_ZERO) != 0,
        .logical_sector_size = type & TYPE_4K ? 4096 : 512,
        .creator = "fuzz",
    };

    o.block_size = MIB << take(t, 1) % 10; /* the last one is too large */
    o.log_size = take(t, 1) % 8 * MIB;
    o.size = take(t, 4) * o.logical_sector_size;
    if (o.type == CREATE_DIFFERENCING) {
        o.relative_path = ".\\parent.vhdx";
        o.parent_data_write_guid = *known_guid(KNOWN_REGION_BAT);
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker t = {.ptr = data, .len = size};
    struct disk d = {.entropy = entropy_seeded(size)};

    d.options = options_of(&t);
    ASSERT(stage_open(NULL, MEMORY, &d.file) == STATUS_OK && stage_open(NULL, MEMORY, &d.model) == STATUS_OK);
    const char *problem = create_problem(&d.options);
    enum status st = create_image(d.file, &d.options, &d.entropy);
    if (problem != NULL) {
        ASSERT(st == STATUS_REFUSED && store_size(d.file) == 0, "status %d: %s", (int)st, problem);
    } else if (st == STATUS_OK && d.options.size <= DISK_MAX) {
        ASSERT(store_resize(d.model, d.options.size) == STATUS_OK);
        use(&d, &t);
    } else {
        ASSERT(st == STATUS_OK || st == STATUS_LIMIT || st == STATUS_NO_MEMORY, "status %d", (int)st);
    }
    store_close(d.file);
    store_close(d.model);
    return 0;
}
