/* SPDX-License-Identifier: MIT */
/*
 * The set is small (one log entry), so a page is found by looking at all of them, the youngest first: blocks that are
 * written one behind the other share their pages.
 */
#include "write/page_set.h"

#include <string.h>

#include "base/checked.h"

enum { PAGE = PAGE_SET_PAGE_LEN };

enum status page_set_open(struct arena *a, struct source *source, uint32_t cap, struct page_set *ret)
{
    struct set_page *pages = (struct set_page *)arena_array(a, cap, sizeof(*pages));
    uint8_t *bytes = (uint8_t *)arena_array(a, cap, PAGE);

    if (pages == NULL || bytes == NULL)
        return arena_status(a);
    for (uint32_t i = 0; i < cap; i++)
        pages[i].bytes = bytes + (size_t)PAGE * i;
    *ret = (struct page_set){.source = source, .pages = pages, .cap = cap};
    return STATUS_OK;
}

static struct set_page *find(const struct page_set *p, uint64_t page_off)
{
    for (uint32_t i = p->count; i > 0; i--) {
        if (p->pages[i - 1].off == page_off)
            return &p->pages[i - 1];
    }
    return NULL;
}

enum status page_set_read(const struct page_set *p, uint64_t off, void *buf, size_t len)
{
    uint8_t *out = (uint8_t *)buf;

    while (len > 0) {
        size_t at = (size_t)(off % PAGE), n = (size_t)u64_min(len, PAGE - at);
        const struct set_page *page = find(p, off - at);
        if (page != NULL) {
            memcpy(out, page->bytes + at, n);
        } else {
            enum status st = source_read(p->source, off, out, n);
            if (st != STATUS_OK)
                return st;
        }
        off += n;
        out += n;
        len -= n;
    }
    return STATUS_OK;
}

/* Bytes of one page. */
static enum status write_part(struct page_set *p, uint64_t off, const uint8_t *bytes, size_t len)
{
    size_t at = (size_t)(off % PAGE);
    struct set_page *page = find(p, off - at);

    if (page == NULL) {
        if (p->count == p->cap)
            return STATUS_INTERNAL;
        page = &p->pages[p->count];
        enum status st = source_read(p->source, off - at, page->bytes, PAGE);
        if (st != STATUS_OK)
            return st;
        if (memcmp(page->bytes + at, bytes, len) == 0)
            return STATUS_OK;
        page->off = off - at;
        p->count++;
    }
    memcpy(page->bytes + at, bytes, len);
    return STATUS_OK;
}

enum status page_set_write(struct page_set *p, uint64_t off, const void *buf, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)buf;

    while (len > 0) {
        size_t n = (size_t)u64_min(len, PAGE - off % PAGE);
        enum status st = write_part(p, off, bytes, n);
        if (st != STATUS_OK)
            return st;
        off += n;
        bytes += n;
        len -= n;
    }
    return STATUS_OK;
}
