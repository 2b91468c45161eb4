/* SPDX-License-Identifier: MIT */
/* What the tests of the writer share: sessions over one disk in memory, and what it holds afterwards. */
#ifndef VHDXRAY_TESTS_WRITING_H
#define VHDXRAY_TESTS_WRITING_H

#include "changed.h"

#include "write/writer.h"

enum { SECTOR = 512 };

static struct disk disk;
static struct recording recording;
static uint64_t mark;

static inline int enter(void **state)
{
    (void)state;
    mark = pool_mark();
    return 0;
}

static inline int leave(void **state)
{
    (void)state;
    recording_free(&recording);
    pool_release(mark);
    return 0;
}

/* ---- a session over the disk ---- */

struct session {
    struct arena *arena;
    struct store *store;
    struct writer *writer;
    enum status status; /* of writer_open() */
    const char *why;
};

static struct entropy entropy;

static inline struct session open_store(struct store *store)
{
    struct session s = {.arena = arena_create(LIMIT_MEMORY_DEFAULT), .store = store};

    entropy = entropy_seeded(7);
    assert_non_null(s.arena);
    return s;
}

static inline void start(struct session *s)
{
    s->status = writer_open(s->arena, s->store, "disk.vhdx", &entropy, &s->writer, &s->why);
    if (s->status != STATUS_OK && s->why != NULL && s->status != STATUS_REFUSED)
        print_error("%s\n", s->why);
}

static inline struct session session(struct recording *r, struct disk_fault *fault)
{
    struct session s = open_store(disk_store(&disk, r, 0, fault));

    start(&s);
    return s;
}

static inline void end(struct session *s)
{
    assert_int_equal(writer_close(s->writer), STATUS_OK);
    store_close(s->store);
    arena_destroy(s->arena);
}

static inline void *bytes_of(uint8_t first, uint64_t len)
{
    uint8_t *p = malloc(len);

    for (uint64_t i = 0; i < len; i++)
        p[i] = (uint8_t)(1 + (first + i / SECTOR * 7 + i) % 255);
    return p;
}

/* One write in a session of its own. */
static inline struct writer_counts write_once(uint64_t off, const void *buf, uint64_t len)
{
    struct session s = session(&recording, NULL);

    assert_int_equal(s.status, STATUS_OK);
    assert_int_equal(writer_write(s.writer, off, buf, len), STATUS_OK);
    struct writer_counts c = *writer_counts(s.writer);
    end(&s);
    return c;
}

static inline struct writer_counts write_pattern(uint64_t off, uint64_t len)
{
    uint8_t *buf = bytes_of(1, len);
    struct writer_counts c = write_once(off, buf, len);

    free(buf);
    return c;
}

/* ---- what the disk holds ---- */

static inline uint64_t entry(uint64_t index)
{
    struct store *s = disk_store(&disk, NULL, 0, NULL);
    uint64_t e = bat_entry_of(s->source, index);

    store_close(s);
    return e;
}

static inline unsigned state_of(uint64_t index)
{
    return bat_entry_state(entry(index));
}

/* The range holds the bytes (NULL: zeros). */
static inline void assert_guest(uint64_t off, const uint8_t *want, uint64_t len)
{
    static const uint8_t zeros[4096];
    struct store *s = disk_store(&disk, NULL, 0, NULL);
    struct reference *r = reference_over(s->source);
    const unsigned sector = reference_sector_size(r);
    uint8_t got[4096];

    for (uint64_t at = 0; at < len; at += sector) {
        assert_true(guest_sector(r, off + at, got));
        assert_memory_equal(got, want != NULL ? want + at : zeros, sector);
    }
    reference_close(r);
    store_close(s);
}

static inline void assert_pattern(uint64_t off, uint64_t len)
{
    uint8_t *want = bytes_of(1, len);

    assert_guest(off, want, len);
    free(want);
}

static inline void assert_parents(uint64_t off, uint64_t len)
{
    struct store *s = disk_store(&disk, NULL, 0, NULL);
    struct reference *r = reference_over(s->source);
    uint8_t got[4096];

    for (uint64_t at = 0; at < len; at += reference_sector_size(r))
        assert_false(guest_sector(r, off + at, got));
    reference_close(r);
    store_close(s);
}

/* Content as the builder made it, for blocks of the disk in state 6 that were not written. */
static inline void assert_as_built(const struct img *img, uint64_t off, uint64_t len)
{
    uint8_t *want = malloc(len);

    img_expected(img, off, want, len);
    assert_guest(off, want, len);
    free(want);
}

static const uint64_t SIZE = 4 * MIB; /* four blocks */

static inline struct img *four_blocks(enum img_type type, const char *states)
{
    struct img *img =
        img_create(&(struct img_params){.type = type, .virtual_size = SIZE, .block_size = MIB, .states = states});

    changed_load(&disk, img);
    return img;
}

#endif
