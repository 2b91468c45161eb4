/* SPDX-License-Identifier: MIT */
/*
 * Changed 4 KiB pages of BAT and sector bitmaps that are not in the file yet: what the next log entry will hold.
 * Reading goes through them. Internal to write/.
 */
#ifndef VHDXRAY_WRITE_PAGE_SET_H
#define VHDXRAY_WRITE_PAGE_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "io/source.h"

enum { PAGE_SET_PAGE_LEN = 4096 };

struct set_page {
    uint64_t off; /* in the file; a multiple of PAGE_SET_PAGE_LEN */
    uint8_t *bytes;
};

struct page_set {
    struct source *source; /* borrowed: the file below */
    struct set_page *pages;
    uint32_t count, cap;
};

enum status page_set_open(struct arena *a, struct source *source, uint32_t cap, struct page_set *ret);
enum status page_set_read(const struct page_set *p, uint64_t off, void *buf, size_t len);
/* Bytes that stay as they are take no page. STATUS_INTERNAL when there is no room: see page_set_room(). */
enum status page_set_write(struct page_set *p, uint64_t off, const void *buf, size_t len);

static inline uint32_t page_set_room(const struct page_set *p)
{
    return p->cap - p->count;
}

static inline void page_set_clear(struct page_set *p)
{
    p->count = 0;
}

#endif
