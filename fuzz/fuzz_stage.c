/* SPDX-License-Identifier: MIT */
/*
 * Changes kept in memory: a stage over a file, against an array of bytes.
 *
 * Input: u8 size of the file in 16 bytes (0: there is none), u16 memory in 64 bytes, then operations: u8 what, u16
 * offset, u16 length.
 *
 * Asserted: after every operation that succeeds the stage has the size and the bytes of the array, after one that fails
 * those from before; no data is taken for a hole; pieces are sorted, apart, and say where their bytes come from; the
 * file is never asked to change; "unchanged" is true exactly when it is, and what is not touched reads as in the file;
 * put into another store over the same file, it has the same size and bytes.
 */
#include "fuzz/property.h"

#include "base/span.h"

enum { FILE_MAX = 4096, SIZE_LIMIT = 8192, OPERATIONS_MAX = 48 };
enum operation { OP_WRITE, OP_ZERO, OP_RESIZE, OP_COPY, OP_SYNC, OP_BEYOND, OP_COMB, OPERATIONS };

static uint8_t content[FILE_MAX], bytes[SIZE_LIMIT], got[SIZE_LIMIT];

struct model {
    uint64_t base_size, size;
    struct store *store;
};

static void judge_bytes(const struct model *m)
{
    struct source *s = m->store->source;

    ASSERT(store_size(m->store) == m->size);
    ASSERT(source_read(s, 0, got, (size_t)m->size) == STATUS_OK);
    ASSERT(memcmp(got, bytes, (size_t)m->size) == 0);
    for (uint64_t pos = 0, data = 0, hole = 0; pos < m->size; pos = hole) {
        ASSERT(source_next_data(s, pos, &data, &hole) == STATUS_OK);
        ASSERT(data >= pos && data <= m->size);
        ASSERT(span_is_zero(span_of(bytes + pos, (size_t)(data - pos))));
        if (data == m->size)
            break;
        ASSERT(hole > data && hole <= m->size);
    }
}

static void judge_pieces(const struct model *m)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < stage_piece_count(m->store); i++) {
        struct stage_piece p = stage_piece(m->store, i);
        ASSERT(p.len > 0 && p.off >= end && p.len <= m->size - p.off);
        if (p.kind == STAGE_ZERO)
            ASSERT(span_is_zero(span_of(bytes + p.off, (size_t)p.len)));
        if (p.kind == STAGE_COPY) {
            ASSERT(range_in(p.from, p.len, m->base_size));
            ASSERT(memcmp(bytes + p.off, content + p.from, (size_t)p.len) == 0);
        }
        end = p.off + p.len;
    }
}

static void judge_unchanged(const struct model *m)
{
    bool unchanged = false;
    ASSERT(stage_unchanged(m->store, &unchanged) == STATUS_OK);
    ASSERT(unchanged == (m->size == m->base_size && memcmp(bytes, content, (size_t)m->size) == 0));
}

/* Ranges of the file that no piece lies in read as the file does. */
static void judge_touched(const struct model *m)
{
    enum { STRIDE = 61 };
    for (uint64_t off = 0; off < u64_min(m->size, m->base_size); off += STRIDE) {
        uint64_t len = u64_min(STRIDE, u64_min(m->size, m->base_size) - off);
        if (!stage_touches(m->store, off, len))
            ASSERT(memcmp(bytes + off, content + off, (size_t)len) == 0);
        ASSERT(!stage_touches(m->store, off, 0));
    }
}

/* Another stage over the same file takes what this one changes; memory may not be enough. */
static void judge_put(const struct model *m, struct source *file, uint64_t memory)
{
    struct store *to = NULL;

    ASSERT(stage_open(file, memory, &to) == STATUS_OK);
    enum status st = stage_put(m->store, to);
    ASSERT(st == STATUS_OK || st == STATUS_LIMIT, "%s", status_text(st));
    if (st == STATUS_OK) {
        ASSERT(store_size(to) == m->size);
        ASSERT(source_read(to->source, 0, got, (size_t)m->size) == STATUS_OK);
        ASSERT(memcmp(got, bytes, (size_t)m->size) == 0);
    }
    store_close(to);
}

static void grow_to(struct model *m, uint64_t size)
{
    if (size > m->size) {
        memset(bytes + m->size, 0, (size_t)(size - m->size));
        m->size = size;
    }
}

static enum status run(struct model *m, enum operation op, uint64_t off, uint64_t len, const struct taker *in)
{
    static uint8_t piece[SIZE_LIMIT];
    enum status st = STATUS_OK;

    off %= SIZE_LIMIT;
    len = u64_min(len, SIZE_LIMIT - off);
    switch (op) {
    case OP_WRITE:
        memset(piece, in->len > 0 ? in->ptr[0] : 0xab, (size_t)len);
        st = store_write(m->store, off, piece, (size_t)len);
        if (st == STATUS_OK && len > 0) {
            grow_to(m, off + len);
            memcpy(bytes + off, piece, (size_t)len);
        }
        break;
    case OP_ZERO:
        st = store_zero(m->store, off, len);
        ASSERT((st == STATUS_RANGE) == !range_in(off, len, m->size));
        if (st == STATUS_OK && len > 0)
            memset(bytes + off, 0, (size_t)len);
        break;
    case OP_RESIZE:
        st = store_resize(m->store, off);
        if (st == STATUS_OK) {
            grow_to(m, off);
            m->size = off;
        }
        break;
    case OP_COPY: { /* the length says from where as well */
        uint64_t from = m->base_size > 0 ? len * 7 % m->base_size : 0;
        len = u64_min(len, m->base_size - from);
        st = stage_copy(m->store, off, from, len);
        if (st == STATUS_OK && len > 0) {
            grow_to(m, off + len);
            memcpy(bytes + off, content + from, (size_t)len);
        }
        break;
    }
    case OP_SYNC:
        st = store_sync(m->store);
        break;
    case OP_BEYOND: /* what no file can have */
        ASSERT(store_write(m->store, INT64_MAX - off, piece, SIZE_LIMIT) == STATUS_RANGE || off >= SIZE_LIMIT);
        ASSERT(store_resize(m->store, (uint64_t)INT64_MAX + 1 + off) == STATUS_RANGE);
        ASSERT(store_zero(m->store, m->size, 1) == STATUS_RANGE);
        break;
    case OP_COMB: /* many small pieces that cannot be joined */
        for (uint64_t n = 0; n < len && off + 3 * n < m->size && st == STATUS_OK; n++) {
            uint64_t tooth = off + 3 * n;
            piece[0] = (uint8_t)(n | 1);
            st = n % 2 ? store_zero(m->store, tooth, 1) : store_write(m->store, tooth, piece, 1);
            if (st == STATUS_OK)
                bytes[tooth] = n % 2 ? 0 : piece[0];
        }
        break;
    case OPERATIONS:
        break;
    }
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    struct model m = {.base_size = take(&in, 1) * 16};
    uint64_t memory = take(&in, 2) * 64;

    memset(content, 0, sizeof(content));
    for (uint64_t i = 0; i < m.base_size; i++)
        content[i] = i / 256 % 3 == 1 ? 0 : (uint8_t)(i * 131 + i / 256 + 1);
    memcpy(bytes, content, sizeof(content));
    memset(bytes + sizeof(content), 0, sizeof(bytes) - sizeof(content));
    m.size = m.base_size;
    struct source *file = m.base_size > 0 ? mem_open(content, m.base_size) : NULL;
    ASSERT(stage_open(file, memory, &m.store) == STATUS_OK);
    for (unsigned n = 0; n < OPERATIONS_MAX && in.len > 0; n++) {
        enum operation op = (enum operation)(take(&in, 1) % OPERATIONS);
        uint64_t off = take(&in, 2), len = take(&in, 2);
        enum status st = run(&m, op, off, len, &in);
        ASSERT(st == STATUS_OK || st == STATUS_LIMIT || st == STATUS_RANGE, "%s", status_text(st));
        judge_bytes(&m);
    }
    judge_pieces(&m);
    judge_unchanged(&m);
    judge_touched(&m);
    judge_put(&m, file, in.len % 2 ? memory / 2 : UINT32_MAX);
    store_close(m.store);
    store_close(NULL);
    source_close(file);
    return 0;
}
