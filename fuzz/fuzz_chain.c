/* SPDX-License-Identifier: MIT */
/*
 * A differencing disk and up to three files that may be its parents. Input: recipes, each but the last preceded by its
 * length; the first one is the disk. Its seed says how parents are found: bits 0 and 1 named, searched for, both or not
 * at all; bit 2 all files are one file, bit 3 the last one cannot be opened, the rest chooses ranges and reports. The
 * replay tries more ways than the seed's.
 *
 * Asserted: the chain ends, meets no file twice and has what its states promise; counts, verdict and findings agree,
 * also with the parents' rules; the reader of the guest's disk and the reference reader agree through all layers; a set
 * of the same files knows each link.
 */
#include "base/limits.h"
#include "fuzz/readers.h"
#include "fuzz/schema_check.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"
#include "image/chain.h"
#include "image/chain_set.h"
#include "report/chain.h"

#include <cjson/cJSON.h>

enum { FILES_MAX = 4, SEED_NAMED = 1, SEED_SEARCH = 2, SEED_ONE_FILE = 4, SEED_UNOPENABLE = 8, OPENS_MAX = 64 };

static const char *const names[FILES_MAX] = {"0", "1", "2", "3"};

struct files {
    struct recipe recipes[FILES_MAX];
    struct watched watched[FILES_MAX]; /* of the first only: the others are opened as often as the chain asks */
    struct source *sources[FILES_MAX];
    unsigned count;
    uint8_t seed;
    unsigned searches, opened;
    struct source *opens[OPENS_MAX]; /* what the library got, and which file that is */
    unsigned which[OPENS_MAX];
};

static struct file_info info_of(const struct files *f, unsigned i)
{
    return whole_host(&f->recipes[i], f->seed & SEED_ONE_FILE ? 1 : i + 1).info;
}

/* A source of its own over the file: the chain closes it. */
static enum status open_file(struct files *f, unsigned i, struct source **ret, struct file_info *ret_info)
{
    if (f->seed & SEED_UNOPENABLE && i + 1 == f->count)
        return STATUS_IO;
    ASSERT(f->opened < OPENS_MAX, "files are opened again and again");
    *ret = recipe_source(&f->recipes[i]);
    *ret_info = info_of(f, i);
    f->opens[f->opened] = *ret;
    f->which[f->opened++] = i;
    return STATUS_OK;
}

/* Searching finds the files in turn, whatever name is looked for. */
static enum status open_any(void *ctx, uint32_t dir, const char *name, struct source **ret, struct file_info *ret_info)
{
    struct files *f = ctx;

    if (dir == UINT32_MAX)
        return open_file(f, (unsigned)(name[0] - '0'), ret, ret_info);
    ASSERT(name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0,
           "\"%s\" is no name in a directory", name);
    if (f->searches++ % FILES_MAX >= f->count)
        return STATUS_NOT_FOUND;
    return open_file(f, (f->searches - 1) % FILES_MAX, ret, ret_info);
}

static unsigned file_of(const struct files *f, const struct source *s)
{
    if (s == &f->watched[0].base)
        return 0;
    for (unsigned i = f->opened;
         i-- > 0;) { /* the last one first: those before may be closed, their memory another's */
        if (f->opens[i] == s)
            return f->which[i];
    }
    ASSERT(false, "a file that nobody opened");
    return 0;
}

static void judge_link(const struct image *img)
{
    const struct chain_parent *link = img->parent;

    ASSERT((link->state == PARENT_FOUND) == (link->image != NULL));
    ASSERT((link->state == PARENT_FOUND) == (link->source != NULL));
    ASSERT((link->state == PARENT_NOT_NEEDED) == (img->main->type != DISK_DIFFERENCING));
    ASSERT(link->state != PARENT_UNOPENABLE || (link->message != NULL && link->message[0] != '\0'));
    ASSERT(link->state != PARENT_FOUND || link->path != NULL);
}

/* Files of the chain in its order; how many. *ret_comparable: it ends where the reference reader would end it. */
static unsigned judge_chain(const struct files *f, const struct image *img, struct source *ret[FILES_MAX + 1],
                            bool *ret_comparable)
{
    unsigned seen = 0, count = 0;

    *ret_comparable = true;
    for (const struct image *i = img; i != NULL; i = i->parent->image) {
        unsigned n = file_of(f, i->file);
        ASSERT(!(seen >> n & 1) && !(count > 0 && f->seed & SEED_ONE_FILE), "file %u is in its own chain", n);
        seen |= 1U << n;
        ret[count++] = f->sources[n];
        ASSERT(i->parent != NULL);
        judge_link(i);
        /* It knows nothing of files but their bytes, and nothing of merges that were interrupted. */
        *ret_comparable &= i->parent->state != PARENT_CYCLE && i->parent->match != LINKAGE_SECOND;
    }
    return count;
}

static void judge_check(struct image *img, uint8_t seed)
{
    const struct check_options options = {.max_findings = LIMIT_FINDINGS_PER_RULE};
    struct check_result *res = NULL;
    size_t len;

    ASSERT(check_run(img, &options, NULL, &res) == STATUS_OK);
    whole_judge(res);
    for (const struct image *i = img; i->parent->image != NULL; i = i->parent->image)
        ASSERT(i->parent->judged && i->parent->verdict != NULL);
    if (seed >> 4 != 0)
        return;
    struct report r = {.out = whole_text_begin(), .format = REPORT_JSON};
    ASSERT(report_begin(&r, "images") == STATUS_OK);
    report_check(&r, res);
    ASSERT(report_end(&r) == STATUS_OK);
    const char *text = whole_text_end(&len);
    strict_json(text, len);
    cJSON_Delete(schema_check(text, len, SCHEMA_CHECK));
}

/* All files as a set, of which nothing is known but what stands in them. */
static void judge_set(const struct files *f)
{
    struct arena *a = property_arena(LIMIT_MEMORY_DEFAULT);
    struct chain_set set = {.arena = a};
    struct image *images[FILES_MAX];
    size_t len;

    for (unsigned i = 0; i < f->count; i++) {
        struct host_facts host = {.known = true, .info = info_of(f, i)};
        ASSERT(image_open(a, f->sources[i], names[i], &host, NULL, &images[i]) == STATUS_OK);
        ASSERT(chain_set_add(&set, names[i], images[i], i % 2 == 0, NULL) == STATUS_OK);
    }
    ASSERT(chain_set_resolve(&set, NULL, 0) == STATUS_OK);
    ASSERT(set.count == f->count);
    for (uint32_t i = 0; i < set.count; i++) {
        const struct chain_file *file = &set.files[i];
        ASSERT(file->parent == CHAIN_NONE || file->parent < set.count);
        ASSERT(!link_is_good(file->verdict) || file->verdict == LINK_NOT_NEEDED || file->parent != CHAIN_NONE);
        ASSERT(file->depth < set.count);
    }
    struct report r = {.out = whole_text_begin(), .format = f->seed >> 7 ? REPORT_TEXT : REPORT_JSON};
    ASSERT(report_begin(&r, NULL) == STATUS_OK);
    report_chain(&r, &set);
    ASSERT(report_end(&r) == STATUS_OK);
    const char *text = whole_text_end(&len);
    if (r.format == REPORT_TEXT) {
        strict_text(text, len);
    } else {
        strict_json(text, len);
        cJSON_Delete(schema_check(text, len, SCHEMA_CHAIN));
    }
    for (unsigned i = 0; i < f->count; i++)
        image_close(images[i]);
    arena_destroy(a);
}

static void open_files(struct files *f, const uint8_t *data, size_t size)
{
    struct recipe_part parts[FILES_MAX];

    f->count = recipe_split(data, size, parts, FILES_MAX);
    f->searches = f->opened = 0;
    for (unsigned i = 0; i < f->count; i++) {
        recipe_decode(parts[i].data, parts[i].size, &f->recipes[i]);
        f->sources[i] = recipe_source(&f->recipes[i]);
    }
    f->seed = f->recipes[0].seed;
}

static void close_files(struct files *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        source_close(f->sources[i]);
        recipe_free(&f->recipes[i]);
    }
}

/* seed: instead of the input's own, unless NULL. */
static void run(const uint8_t *data, size_t size, const unsigned *seed)
{
    static const char *const directories[] = {"a", "b"};
    static struct files f;
    struct source *chain[FILES_MAX + 1];
    struct image *img = NULL;

    open_files(&f, data, size);
    if (seed != NULL)
        f.seed = (uint8_t)*seed;
    struct chain_options options = {
        .parents = names + 1,
        .parent_count = f.seed & SEED_NAMED ? f.count - 1 : 0,
        .search_dirs = directories,
        .search_count = f.seed & SEED_SEARCH ? 2 : 0,
        .open = open_any,
        .open_ctx = &f,
    };
    struct host_facts host = {.known = true, .info = info_of(&f, 0)};
    struct arena *a = property_arena(LIMIT_MEMORY_DEFAULT);
    struct source *s = watched_open(&f.watched[0], f.sources[0], whole_bound(&f.recipes[0]));
    ASSERT(image_open(a, s, "disk.avhdx", &host, NULL, &img) == STATUS_OK);
    ASSERT(chain_resolve(img, &options) == STATUS_OK);
    bool comparable = false;
    unsigned count = judge_chain(&f, img, chain, &comparable);
    judge_check(img, f.seed);
    if (comparable)
        readers_compare(img, chain, count, f.seed);
    chain_close(img);
    image_close(img);
    arena_destroy(a);
    if (f.seed >> 4 == 1 || f.seed >> 4 == 9)
        judge_set(&f);
    close_files(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Parents named and searched for, reports, and the files as a set. */
    static const unsigned all_ways[] = {SEED_NAMED, SEED_SEARCH, 0x10 | SEED_NAMED,
                                        0x90 | SEED_SEARCH | SEED_UNOPENABLE};

    run(data, size, NULL);
    for (size_t i = 0; is_replay() && i < sizeof(all_ways) / sizeof(all_ways[0]); i++)
        run(data, size, &all_ways[i]);
    return 0;
}
