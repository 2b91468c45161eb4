/* SPDX-License-Identifier: MIT */
/*
 * What the tests of writers share: a file in memory (disk.h) with an image of the builder in it, and answers about what
 * it holds now. Guest content comes from the reference reader, which shares no code with the library.
 */
#ifndef VHDXRAY_TESTS_CHANGED_H
#define VHDXRAY_TESTS_CHANGED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check/run.h" /* has a fail() that cmocka's macro of that name must not see */

#include <cmocka.h>

#include "base/limits.h"
#include "build.h"
#include "disk.h"
#include "image/image.h"
#include "reference_reader.h"

static inline void changed_load(struct disk *d, const struct img *img)
{
    struct source *s = img_source(img);

    memset(d, 0, sizeof(*d));
    assert_true(disk_load(d, s));
    source_close(s);
}

/* The model of what a source holds, with an arena of its own. */
struct looked {
    struct arena *arena;
    struct image *image;
};

static inline struct looked look_at(struct source *s)
{
    struct looked l = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};

    assert_non_null(l.arena);
    assert_int_equal(image_open(l.arena, s, "changed.vhdx", NULL, NULL, &l.image), STATUS_OK);
    return l;
}

static inline void looked_close(struct looked *l)
{
    image_close(l->image);
    arena_destroy(l->arena);
}

/* Fails and names the finding when the source is not clean. `but`: a rule that may speak, or NULL. */
static inline void assert_clean_source(struct source *s, const char *but)
{
    struct check_options options = {.max_findings = 10};
    struct looked l = look_at(s);
    struct check_result *r = NULL;

    assert_int_equal(check_run(l.image, &options, NULL, &r), STATUS_OK);
    assert_true(r->complete);
    for (uint64_t i = 0; i < r->finding_count; i++) {
        const struct finding *f = r->findings[i];
        if (f->severity == SEVERITY_INFO || (but != NULL && strcmp(f->rule->id, but) == 0))
            continue;
        print_error("%s %s\n", f->rule->id, f->message);
        fail();
    }
    looked_close(&l);
}

static inline void assert_clean(struct disk *d, const char *but)
{
    struct store *s = disk_store(d, NULL, 0, NULL);

    assert_clean_source(s->source, but);
    store_close(s);
}

static inline void changed_read_source(void *ctx, uint64_t off, void *buf, size_t len)
{
    assert_int_equal(source_read((struct source *)ctx, off, buf, len), STATUS_OK);
}

/* One sector of the disk as a reader with no parent sees it. False: it is the parent's. */
static inline bool guest_sector(const struct reference *r, uint64_t off, uint8_t *buf)
{
    return reference_piece(r, off, buf, reference_sector_size(r));
}

/* One at a time: the reader borrows its list of files. */
static inline struct reference *reference_over(struct source *s)
{
    static struct reference_file file;
    const char *why = NULL;

    file = (struct reference_file){.size = s->size, .read = changed_read_source, .ctx = s};
    struct reference *r = reference_open(&file, 1, 0, &why);

    if (r == NULL)
        print_error("no disk: %s\n", why);
    assert_non_null(r);
    return r;
}

static inline uint64_t bat_entry_of(struct source *s, uint64_t index)
{
    struct looked l = look_at(s);
    uint8_t bytes[8];

    assert_int_equal(source_read(l.image->main->src, l.image->main->bat.off + index * 8, bytes, 8), STATUS_OK);
    looked_close(&l);
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | bytes[i];
    return v;
}

#endif
