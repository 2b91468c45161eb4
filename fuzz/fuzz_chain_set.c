/* SPDX-License-Identifier: MIT */
/*
 * Who is whose parent among many files, of which only the facts are given. Input: u8 files that the user named, then
 * files: u8 facts, u8 more facts, u8 each for its DataWriteGuid, its linkage, the other GUIDs, its place on the host
 * and its names; u8 how often the file comes two times more, each time with numbers one higher where the facts say so.
 *
 * Asserted: each file is the first of those with its device and inode, or says which is; parents fit as the verdict
 * says, and are found exactly when one does, which is found out here by asking all files; cycles are cycles; depth,
 * children, heads and what is used follow from the parents; memory that runs out is a limit and nothing else.
 */
#include "fuzz/property.h"

#include <strings.h>

#include "base/limits.h"
#include "image/chain_set.h"

enum { FILES_MAX = 1200, ASKED_MAX = 64, NAMED_MAX = 4, NAME_BITS = 7 };
/* First byte. */
enum {
    FACT_TYPE = 3,
    FACT_SHOWN = 4,
    FACT_KNOWN = 8,
    FACT_GUID = 16,
    FACT_OTHER = 32,
    FACT_LINKAGE = 64,
    FACT_SECOND = 128
};
/* Second byte. */
enum {
    MORE_DISK_ID = 1,
    MORE_GEOMETRY = 2,
    MORE_SECTOR_4096 = 4,
    MORE_ERROR = 8,
    MORE_STEP_GUID = 16,
    MORE_STEP_LINKAGE = 32,
    MORE_STEP_PLACE = 64,
    MORE_NIL_SECOND = 128,
};

static const char *const paths[] = {"a.vhdx", "d/A.VHDX", "d/e/b.vhdx", "b.VHDX", "c", "d/", "a.vhdx.", "[z]"};
static const char *const names[] = {NULL, "a.vhdx", "B.vhdx", "C", "nothing", "A.vhd", "[Z]", "d/a.vhdx"};

static struct guid guid_of(uint64_t n)
{
    struct guid g = {.bytes = {1}};

    for (unsigned i = 0; i < 8; i++)
        g.bytes[8 + i] = (uint8_t)(n >> (8 * i));
    return g;
}

static enum status add_file(struct chain_set *s, unsigned facts, unsigned more, const uint64_t numbers[4],
                            unsigned names_at)
{
    const char *error = more & MORE_ERROR ? "cannot be read" : NULL;
    enum status st = chain_set_add(s, paths[names_at & NAME_BITS], NULL, facts & FACT_SHOWN, error);

    if (st != STATUS_OK)
        return st;
    struct chain_file *f = &s->files[s->count - 1];
    f->opened = error == NULL;
    f->type = (enum disk_type)(facts & FACT_TYPE);
    f->known = facts & FACT_KNOWN;
    f->device = numbers[3] >> 6 & 3;
    f->inode = numbers[3];
    f->have_data_write_guid = facts & FACT_GUID;
    f->data_write_guid = guid_of(numbers[0]);
    f->have_other_guid = f->have_data_write_guid && facts & FACT_OTHER;
    f->other_data_write_guid = guid_of(numbers[2]);
    f->file_write_guid = guid_of(numbers[2] + 1);
    f->have_disk_id = more & MORE_DISK_ID;
    f->disk_id = guid_of(numbers[2] + 2);
    f->have_geometry = more & MORE_GEOMETRY;
    f->logical_sector_size = more & MORE_SECTOR_4096 ? 4096 : 512;
    if (f->type != DISK_DIFFERENCING)
        return STATUS_OK;
    f->have_linkage = facts & FACT_LINKAGE;
    f->linkage = guid_of(numbers[1]);
    f->have_linkage2 = facts & FACT_SECOND && !(more & MORE_NIL_SECOND);
    f->linkage2 = guid_of(numbers[2]);
    f->names[0] = names[names_at >> 3 & NAME_BITS];
    f->names[2] = names[names_at >> 5 & NAME_BITS];
    return STATUS_OK;
}

static enum status add_files(struct chain_set *s, struct taker *in)
{
    enum status st = STATUS_OK;

    while (in->len > 0 && st == STATUS_OK) {
        unsigned facts = (unsigned)take(in, 1), more = (unsigned)take(in, 1);
        uint64_t numbers[4];
        for (unsigned i = 0; i < 4; i++)
            numbers[i] = take(in, 1);
        unsigned names_at = (unsigned)take(in, 1), again = (unsigned)take(in, 1);
        for (unsigned i = 0; i <= 2 * again && s->count < FILES_MAX && st == STATUS_OK; i++) {
            st = add_file(s, facts, more, numbers, names_at);
            numbers[0] += more & MORE_STEP_GUID ? 1 : 0;
            numbers[1] += more & MORE_STEP_LINKAGE ? 1 : 0;
            numbers[3] += more & MORE_STEP_PLACE ? 1 : 0;
        }
    }
    return st;
}

/* ---- asking all files ---- */

static const char *name_of(const struct chain_file *f)
{
    const char *slash = strrchr(f->path, '/');
    return slash != NULL ? slash + 1 : f->path;
}

static bool is_called(const struct chain_file *child, const struct chain_file *f)
{
    for (unsigned i = 0; i < 3; i++)
        if (child->names[i] != NULL && strcasecmp(child->names[i], name_of(f)) == 0)
            return true;
    return false;
}

/* How many other files have the GUID; whether the file has it itself. */
static uint32_t count_fitting(const struct chain_set *s, const struct chain_file *child, const struct guid *g,
                              bool *ret_self, bool *ret_called)
{
    uint32_t n = 0;

    *ret_self = *ret_called = false;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct chain_file *f = &s->files[i];
        if (f->same_as != CHAIN_NONE || !f->have_data_write_guid || !guid_equal(&f->data_write_guid, g))
            continue;
        *ret_self |= f == child;
        *ret_called |= f != child && is_called(child, f);
        n += f != child;
    }
    return n;
}

static bool any_called(const struct chain_set *s, const struct chain_file *child)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (&s->files[i] != child && s->files[i].same_as == CHAIN_NONE && is_called(child, &s->files[i]))
            return true;
    return false;
}

static bool in_cycle(const struct chain_set *s, uint32_t file)
{
    uint32_t at = s->files[file].parent;

    for (uint32_t n = 0; n < s->count && at != CHAIN_NONE; n++) {
        if (at == file)
            return true;
        at = s->files[at].parent;
    }
    return false;
}

/* The verdict that the GUIDs alone lead to, as far as they do; a cycle and a depth come on top. */
static void judge_verdict(const struct chain_set *s, const struct chain_file *f, bool named)
{
    const struct chain_file *p = f->parent != CHAIN_NONE ? &s->files[f->parent] : NULL;
    bool self = false, called = false;
    uint32_t first = f->have_linkage ? count_fitting(s, f, &f->linkage, &self, &called) : 0;
    bool fits = first > 0 || self, second = false;

    if (!fits && f->have_linkage2) {
        first = count_fitting(s, f, &f->linkage2, &self, &called);
        fits = second = first > 0 || self;
    }
    if (fits) {
        ASSERT(p != NULL && p->have_data_write_guid);
        ASSERT(guid_equal(&p->data_write_guid, second ? &f->linkage2 : &f->linkage));
        ASSERT((p == f) == (first == 0));
        if (first <= LIMIT_CHAIN_COPIES) {
            ASSERT(f->also_fits == (first > 0 ? first - 1 : 0), "%u of %u", f->also_fits, first);
            ASSERT(!called || is_called(f, p));
        }
        ASSERT(f->verdict != LINK_SECTOR_SIZE || f->logical_sector_size != p->logical_sector_size);
        ASSERT(f->verdict == LINK_CYCLE || f->verdict == LINK_TOO_DEEP || f->verdict == LINK_SECTOR_SIZE ||
               f->verdict == (second ? LINK_FITS_SECOND : LINK_FITS));
    } else if (any_called(s, f)) {
        ASSERT(p != NULL && p != f && is_called(f, p));
        ASSERT(f->verdict == LINK_CYCLE || f->verdict == (p->have_data_write_guid ? LINK_MISMATCH : LINK_UNREADABLE));
    } else if (!named) {
        ASSERT(p == NULL && f->verdict == LINK_MISSING);
    }
    ASSERT(f->near_miss == NULL || (p != NULL && p->have_data_write_guid));
}

static void judge_file(const struct chain_set *s, uint32_t i, bool named)
{
    const struct chain_file *f = &s->files[i];
    uint32_t children = 0, other = i;

    for (uint32_t k = 0; k < s->count; k++) {
        const struct chain_file *c = &s->files[k];
        if (k < other && f->known && c->known && c->device == f->device && c->inode == f->inode)
            other = k;
        children += c->used && c->parent == i;
    }
    ASSERT(f->same_as == (other == i ? CHAIN_NONE : other));
    ASSERT(link_verdict_name(f->verdict)[0] != '\0');
    if (f->same_as != CHAIN_NONE) {
        ASSERT(!f->shown && f->parent == CHAIN_NONE);
        return;
    }
    if (f->type == DISK_DIFFERENCING)
        judge_verdict(s, f, named);
    else
        ASSERT(f->parent == CHAIN_NONE && f->verdict == (f->type == DISK_UNKNOWN ? LINK_UNKNOWN : LINK_NOT_NEEDED));
    ASSERT(f->parent == CHAIN_NONE || f->parent < s->count);
    ASSERT((f->verdict == LINK_CYCLE) == in_cycle(s, i));
    uint32_t depth = f->verdict == LINK_CYCLE || f->parent == CHAIN_NONE ? 0 : s->files[f->parent].depth + 1;
    ASSERT(f->depth == depth && (f->verdict != LINK_TOO_DEEP || depth >= LIMIT_CHAIN_DEPTH));
    ASSERT(f->children == children && f->head == (f->used && children == 0));
    ASSERT(f->used || !f->shown);
    for (uint32_t c = f->first_child, last = 0; c != CHAIN_NONE; c = s->files[c].next_sibling) {
        ASSERT(s->files[c].parent == i && (last == 0 || c > last - 1));
        last = c + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    uint32_t named[NAMED_MAX];
    unsigned how = (unsigned)take(&in, 1), named_count = how & 3;
    /* Most runs have memory for everything. */
    struct arena *a = property_arena(how >> 2 == 63 ? 65536 : how >> 2 == 62 ? 0 : LIMIT_MEMORY_DEFAULT);
    struct chain_set set = {.arena = a};

    if (how >> 2 > 40 && how >> 2 < 62)
        arena_fail_at(a, (how >> 2) - 40, false);
    enum status st = add_files(&set, &in);
    for (unsigned i = 0; i < named_count; i++)
        named[i] = set.count > 0 ? (how * (i + 1)) % set.count : 0;
    if (st == STATUS_OK)
        st = chain_set_resolve(&set, named, named_count);
    ASSERT(st == arena_status(a), "%s", status_text(st));
    for (uint32_t i = 0; st == STATUS_OK && i < set.count; i++) {
        if (i < ASKED_MAX || i % 61 == 0)
            judge_file(&set, i, named_count > 0);
    }
    arena_destroy(a);
    return 0;
}
