/* SPDX-License-Identifier: MIT */
/*
 * The reference reader. Every function follows one paragraph of the description: the header with the larger sequence
 * number, the longest way through the log ring, the first valid region table, the items of the metadata, and then for
 * each sector its BAT entry. The log is a list of changes that are laid over whatever is read, in order, each time.
 */
#include "reference_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef uint64_t u64;

static const u64 UNIT = 1 << 20, SIZE_MOST = (u64)1 << 47; /* of a file that a log makes */
enum { LOG_PAGE = 4096, CHANGES_MAX = 4096 };

struct change {
    u64 off, len;
    unsigned char *page; /* NULL: zeros */
};

enum live_kind { LIVE_BLOCK, LIVE_ANCHOR, LIVE_BITMAP };

struct live { /* what owns a place in the file: a payload block, an anchor, a bitmap block */
    u64 index, off, len;
    enum live_kind kind;
};

struct layer {
    const struct reference_file *file;
    u64 size; /* with the log replayed */
    struct change *changes;
    unsigned change_count;
    u64 log_off, log_len;
    u64 region_off[2047], region_len[2047];
    unsigned region_count;
    u64 metadata_off, metadata_region_len;
    u64 metadata_len; /* of the region, what lies in the file */
    u64 bat_off, bat_slots;
    u64 disk_size, block_size, sector_size, chunk_ratio;
    bool has_parent;
    struct live *lives;
    u64 live_count;
};

struct reference {
    struct layer *layers;
    unsigned count, flags;
};

static u64 number(const unsigned char *p, unsigned bytes)
{
    u64 v = 0;
    while (bytes-- > 0)
        v = v << 8 | p[bytes];
    return v;
}

static u64 least(u64 a, u64 b)
{
    return a < b ? a : b;
}

/* CRC-32C. Every checksum of the format lies at offset 4 and counts as zero. */
static uint32_t crc(const unsigned char *p, u64 len)
{
    static uint32_t table[256];
    uint32_t c = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < 256 && table[255] == 0; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82F63B78u : table[i] >> 1;
    }
    for (u64 i = 0; i < len; i++)
        c = c >> 8 ^ table[(c ^ (i >= 4 && i < 8 ? 0 : p[i])) & 255];
    return ~c;
}

static bool signed_by(const unsigned char *p, u64 len, const char *signature)
{
    return memcmp(p, signature, 4) == 0 && crc(p, len) == number(p + 4, 4);
}

static void *room(u64 len)
{
    void *p = calloc(1, (size_t)len + 1);
    if (!p)
        abort();
    return p;
}

/* Bytes of the file, zeros behind its end. */
static void stored(const struct layer *l, u64 off, unsigned char *buf, u64 len)
{
    u64 there = off < l->file->size ? least(len, l->file->size - off) : 0;
    if (there > 0)
        l->file->read(l->file->ctx, off, buf, (size_t)there);
    memset(buf + there, 0, (size_t)(len - there));
}

/* The same with the log replayed. */
static void fetch(const struct layer *l, u64 off, unsigned char *buf, u64 len)
{
    stored(l, off, buf, len);
    for (unsigned i = 0; i < l->change_count; i++) {
        const struct change *c = &l->changes[i];
        u64 from = off > c->off ? off : c->off, to = least(off + len, c->off + c->len);
        if (from >= to)
            continue;
        if (c->page)
            memcpy(buf + (from - off), c->page + (from - c->off), (size_t)(to - from));
        else
            memset(buf + (from - off), 0, (size_t)(to - from));
    }
}

static u64 fetch_number(const struct layer *l, u64 off, unsigned bytes)
{
    unsigned char b[8];
    fetch(l, off, b, bytes);
    return number(b, bytes);
}

/* ---- headers ---- */

static const char *choose_header(const struct layer *l, unsigned char *ret)
{
    unsigned char h[2][4096];
    bool valid[2];
    for (int i = 0; i < 2; i++) {
        stored(l, (u64)(i + 1) << 16, h[i], 4096);
        valid[i] = signed_by(h[i], 4096, "head");
    }
    if (!valid[0] && !valid[1])
        return "no header";
    u64 a = number(h[0] + 8, 8), b = number(h[1] + 8, 8);
    if (valid[0] && valid[1] && a == b &&
        (memcmp(h[0] + 48, h[1] + 48, 18) != 0 || memcmp(h[0] + 68, h[1] + 68, 12) != 0))
        return "two logs";
    memcpy(ret, valid[0] && (!valid[1] || a >= b) ? h[0] : h[1], 4096);
    return NULL;
}

/* ---- log ---- */

/* The valid entry at ring offset pos, allocated, or NULL. */
static unsigned char *log_entry(const struct layer *l, u64 pos, const unsigned char *guid)
{
    unsigned char head[64], *e;
    stored(l, l->log_off + pos, head, 64);
    u64 len = number(head + 8, 4), tail = number(head + 12, 4), seq = number(head + 16, 8),
        count = number(head + 24, 4);
    if (memcmp(head, "loge", 4) != 0 || memcmp(head + 32, guid, 16) != 0 || len == 0 || len % LOG_PAGE != 0 ||
        len > l->log_len || tail % LOG_PAGE != 0 || tail >= l->log_len || seq == 0 || count > (len - 64) / 32)
        return NULL;
    e = room(len);
    for (u64 at = 0; at < len; at += LOG_PAGE)
        stored(l, l->log_off + (pos + at) % l->log_len, e + at, LOG_PAGE);
    u64 first_data = (64 + 32 * count + LOG_PAGE - 1) / LOG_PAGE * LOG_PAGE, data = 0;
    bool good = true;
    for (u64 i = 0; i < count; i++) {
        const unsigned char *d = e + 64 + 32 * i;
        bool is_data = memcmp(d, "desc", 4) == 0, is_zero = memcmp(d, "zero", 4) == 0;
        good = good && (is_data || is_zero) && number(d + 24, 8) == seq && number(d + 16, 8) % LOG_PAGE == 0 &&
               (is_data || number(d + 8, 8) % LOG_PAGE == 0);
        data += is_data;
    }
    good = good && len == first_data + data * LOG_PAGE;
    for (u64 at = first_data; good && at < len; at += LOG_PAGE)
        good = memcmp(e + at, "data", 4) == 0 && (number(e + at + 4, 4) << 32 | number(e + at + 4092, 4)) == seq;
    if (good && crc(e, len) == number(e + 4, 4))
        return e;
    free(e);
    return NULL;
}

struct run {
    u64 at[CHANGES_MAX]; /* ring offsets of its entries */
    unsigned first, count;
    u64 head;
};

/* The entries from ring offset p on, as far as they belong together; false when they are no sequence. */
static bool follow(const struct layer *l, u64 p, const unsigned char *guid, struct run *r)
{
    u64 used = 0, q = p, seq = 0, tail = 0;
    r->count = 0;
    while (used < l->log_len && r->count < CHANGES_MAX) {
        unsigned char *e = log_entry(l, q, guid);
        if (!e)
            break;
        u64 len = number(e + 8, 4), this_seq = number(e + 16, 8), this_tail = number(e + 12, 4);
        free(e);
        if ((r->count > 0 && this_seq != seq + 1) || used + len > l->log_len)
            break;
        seq = this_seq;
        tail = this_tail;
        r->at[r->count++] = q;
        used += len;
        q = (q + len) % l->log_len;
    }
    r->head = seq;
    for (r->first = 0; r->first < r->count; r->first++) {
        if (r->at[r->first] == tail)
            return true;
    }
    return false;
}

static bool good_target(const struct layer *l, u64 off, u64 len, u64 end)
{
    bool in_log = off < l->log_off + l->log_len && l->log_off < off + len;
    return off >= 0x30000 && off + len >= off && !in_log && off + len <= end;
}

static void add_change(struct layer *l, u64 off, u64 len, const unsigned char *descriptor, const unsigned char *sector)
{
    struct change *c = &l->changes[l->change_count++];
    if (l->change_count == CHANGES_MAX)
        abort();
    *c = (struct change){.off = off, .len = len};
    if (sector) {
        c->page = room(LOG_PAGE);
        memcpy(c->page, descriptor + 8, 8);
        memcpy(c->page + 8, sector + 8, 4084);
        memcpy(c->page + 4092, descriptor + 4, 4);
    }
    if (off + len > l->size)
        l->size = off + len;
}

static bool apply(struct layer *l, const unsigned char *e, u64 end)
{
    u64 count = number(e + 24, 4);
    const unsigned char *sector = e + (64 + 32 * count + LOG_PAGE - 1) / LOG_PAGE * LOG_PAGE;
    for (u64 i = 0; i < count; i++) {
        const unsigned char *d = e + 64 + 32 * i;
        bool data = memcmp(d, "desc", 4) == 0;
        u64 len = data ? LOG_PAGE : number(d + 8, 8);
        if (len == 0)
            continue;
        if (!good_target(l, number(d + 16, 8), len, end))
            return false;
        add_change(l, number(d + 16, 8), len, d, data ? sector : NULL);
        if (data)
            sector += LOG_PAGE;
    }
    return true;
}

static const char *replay(struct layer *l, const unsigned char *header)
{
    static const unsigned char nil[16];
    const unsigned char *guid = header + 48;
    struct run *best = NULL, *r = room(sizeof(*r));
    const char *why = NULL;
    u64 end = l->file->size, last = 0, flushed = 0;
    l->log_off = number(header + 72, 8);
    l->log_len = number(header + 68, 4);
    if (memcmp(guid, nil, 16) == 0)
        goto out;
    if (number(header + 64, 2) != 0) {
        why = "log version";
        goto out;
    }
    for (u64 p = 0; p < l->log_len; p += LOG_PAGE) {
        if (!follow(l, p, guid, r) || (best && r->head <= best->head))
            continue;
        if (!best)
            best = room(sizeof(*best));
        *best = *r;
    }
    if (!best) {
        why = "no sequence";
        goto out;
    }
    for (unsigned i = best->first; i < best->count; i++) {
        unsigned char *e = log_entry(l, best->at[i], guid);
        flushed = number(e + 48, 8);
        last = number(e + 56, 8);
        if ((last > SIZE_MOST && last > l->file->size) || (flushed > SIZE_MOST && flushed > l->file->size))
            why = "absurd size";
        if (last > end)
            end = last;
        free(e);
    }
    if (flushed > l->file->size)
        why = "truncated";
    for (unsigned i = best->first; i < best->count && !why; i++) {
        unsigned char *e = log_entry(l, best->at[i], guid);
        if (!apply(l, e, end))
            why = "log target";
        free(e);
    }
    last = (last + UNIT - 1) / UNIT * UNIT;
    if (last > l->size)
        l->size = last;
out:
    free(best);
    free(r);
    return why;
}

/* ---- regions, metadata ---- */

static const char BAT_REGION[] = "\x66\x77\xC2\x2D\x23\xF6\x00\x42\x9D\x64\x11\x5E\x9B\xFD\x4A\x08";
static const char METADATA_REGION[] = "\x06\xA2\x7C\x8B\x90\x47\x9A\x4B\xB8\xFE\x57\x5F\x05\x0F\x88\x6E";
static const char FILE_PARAMETERS[] = "\x37\x67\xA1\xCA\x36\xFA\x43\x4D\xB3\xB6\x33\xF0\xAA\x44\xE7\x6B";
static const char DISK_SIZE[] = "\x24\x42\xA5\x2F\x1B\xCD\x76\x48\xB2\x11\x5D\xBE\xD8\x3B\xF4\xB8";
static const char SECTOR_SIZE[] = "\x1D\xBF\x41\x81\x6F\xA9\x09\x47\xBA\x47\xF2\x33\xA8\xFA\xAB\x5F";

static bool find_regions(struct layer *l)
{
    unsigned char *t = room(65536);
    bool valid = false, bat = false, metadata = false;
    for (u64 copy = 0; copy < 2 && !valid; copy++) {
        fetch(l, 0x30000 + copy * 0x10000, t, 65536);
        valid = signed_by(t, 65536, "regi");
    }
    u64 count = valid ? least(number(t + 8, 4), 2047) : 0;
    for (u64 i = 0; i < count; i++) {
        const unsigned char *e = t + 16 + 32 * i;
        u64 off = number(e + 16, 8), len = number(e + 24, 4);
        l->region_off[l->region_count] = off;
        l->region_len[l->region_count++] = len;
        if (memcmp(e, BAT_REGION, 16) == 0 && !bat) {
            bat = true;
            l->bat_off = off;
            l->bat_slots = (off < l->size ? least(len, l->size - off) : 0) / 8;
        }
        if (memcmp(e, METADATA_REGION, 16) == 0 && !metadata) {
            metadata = true;
            l->metadata_off = off;
            l->metadata_region_len = len;
            l->metadata_len = off < l->size ? least(len, l->size - off) : 0;
        }
    }
    free(t);
    return bat && metadata && l->bat_slots > 0;
}

/* Of the metadata region, which is all that the table has to do with; zeros behind its end. */
static void fetch_metadata(const struct layer *l, u64 at, unsigned char *buf, u64 len)
{
    u64 there = at < l->metadata_len ? least(len, l->metadata_len - at) : 0;
    memset(buf, 0, (size_t)len);
    if (there > 0)
        fetch(l, l->metadata_off + at, buf, there);
}

/* File offset of an item of at least `needed` bytes; it has to lie in the region. */
static bool find_item(const struct layer *l, const char *id, u64 needed, u64 *ret, u64 *ret_len)
{
    unsigned char head[32], e[32];
    fetch_metadata(l, 0, head, 32);
    u64 count = memcmp(head, "metadata", 8) == 0 ? least(number(head + 10, 2), 2047) : 0;
    for (u64 i = 0; i < count; i++) {
        fetch_metadata(l, 32 + 32 * i, e, 32);
        if (memcmp(e, id, 16) != 0 || (e[24] & 1))
            continue;
        u64 off = number(e + 16, 4), len = number(e + 20, 4);
        *ret = l->metadata_off + off;
        *ret_len = len;
        return len >= needed && len <= UNIT && off + len <= l->metadata_len;
    }
    return false;
}

static bool ranges_meet(u64 a, u64 a_len, u64 b, u64 b_len)
{
    u64 a_end = a + a_len < a ? UINT64_MAX : a + a_len, b_end = b + b_len < b ? UINT64_MAX : b + b_len;
    return a < b_end && b < a_end;
}

/* Its entries would be another structure's bytes. */
static bool bat_is_elsewhere(const struct layer *l)
{
    u64 blocks = (l->disk_size + l->block_size - 1) / l->block_size;
    u64 chunks = (blocks + l->chunk_ratio - 1) / l->chunk_ratio;
    u64 entries = l->has_parent ? chunks * (l->chunk_ratio + 1) : blocks + (blocks - 1) / l->chunk_ratio;
    u64 len = 8 * least(entries, l->bat_slots);
    return ranges_meet(l->bat_off, len, 0, UNIT) || ranges_meet(l->bat_off, len, l->log_off, l->log_len) ||
           ranges_meet(l->bat_off, len, l->metadata_off, l->metadata_region_len);
}

static bool read_geometry(struct layer *l)
{
    u64 parameters, size, sector, len;
    if (!find_item(l, FILE_PARAMETERS, 8, &parameters, &len) || !find_item(l, DISK_SIZE, 8, &size, &len) ||
        !find_item(l, SECTOR_SIZE, 4, &sector, &len))
        return false;
    l->block_size = fetch_number(l, parameters, 4);
    l->has_parent = fetch_number(l, parameters + 4, 4) & 2;
    l->disk_size = fetch_number(l, size, 8);
    l->sector_size = fetch_number(l, sector, 4);
    if (l->block_size < UNIT || l->block_size > 256 * UNIT || (l->block_size & (l->block_size - 1)) != 0 ||
        (l->sector_size != 512 && l->sector_size != 4096) || l->disk_size == 0 || l->disk_size > (u64)1 << 46)
        return false;
    l->chunk_ratio = (l->sector_size << 23) / l->block_size;
    return !bat_is_elsewhere(l);
}

/* ---- who owns what ---- */

static u64 entry(const struct layer *l, u64 index)
{
    return fetch_number(l, l->bat_off + 8 * index, 8);
}

static u64 block_count(const struct layer *l)
{
    return (l->disk_size + l->block_size - 1) / l->block_size;
}

static void add_live(struct layer *l, u64 index, enum live_kind kind)
{
    u64 e = entry(l, index);
    if (e >> 20 == 0)
        return;
    if ((l->live_count & (l->live_count - 1)) == 0) {
        l->lives = realloc(l->lives, (size_t)(2 * l->live_count + 2) * sizeof(*l->lives));
        if (!l->lives)
            abort();
    }
    l->lives[l->live_count++] = (struct live){index, e >> 20 << 20, kind == LIVE_BITMAP ? UNIT : l->block_size, kind};
}

static void list_lives(struct layer *l)
{
    for (u64 b = 0; b < block_count(l); b++) {
        u64 index = b + b / l->chunk_ratio;
        unsigned state = index < l->bat_slots ? entry(l, index) & 7 : 0;
        if (state == 6 || state == 7)
            add_live(l, index, LIVE_BLOCK);
        if (state == 1 || state == 3)
            add_live(l, index, LIVE_ANCHOR);
    }
    for (u64 c = 0; l->has_parent && c * l->chunk_ratio < block_count(l); c++) {
        u64 index = (c + 1) * l->chunk_ratio + c;
        if (index < l->bat_slots && (entry(l, index) & 7) == 6)
            add_live(l, index, LIVE_BITMAP);
    }
}

/* True when the place of a BAT entry is also somebody else's. Anchors give way to everybody. */
static bool shared(const struct layer *l, u64 index, u64 off, u64 len, bool anchor)
{
    if (ranges_meet(off, len, 0, UNIT) || ranges_meet(off, len, l->log_off, l->log_len))
        return true;
    for (unsigned i = 0; i < l->region_count; i++) {
        if (ranges_meet(off, len, l->region_off[i], l->region_len[i]))
            return true;
    }
    for (u64 i = 0; i < l->live_count; i++) {
        const struct live *o = &l->lives[i];
        if (o->index != index && (o->kind != LIVE_ANCHOR || anchor) && ranges_meet(off, len, o->off, o->len))
            return true;
    }
    return false;
}

/* ---- reading ---- */

enum answer { ANSWER_ZEROS, ANSWER_FILE, ANSWER_PARENT, ANSWER_NONE };

/* Of a piece of a sector in a state-7 block: whose it is. */
static enum answer ask_bitmap(const struct layer *l, u64 off)
{
    u64 block = off / l->block_size, chunk = block / l->chunk_ratio, index = (chunk + 1) * l->chunk_ratio + chunk;
    u64 bit = off / l->sector_size % ((u64)1 << 23), block_end = least((block + 1) * l->block_size, l->disk_size);
    u64 last_bit = (block_end - 1) / l->sector_size % ((u64)1 << 23), e = index < l->bat_slots ? entry(l, index) : 0;
    u64 place = e >> 20 << 20;
    if ((e & 7) != 6 || place == 0 || place >= l->size || last_bit / 8 >= l->size - place ||
        shared(l, index, place, UNIT, false))
        return ANSWER_NONE;
    return fetch_number(l, place + bit / 8, 1) >> bit % 8 & 1 ? ANSWER_FILE : ANSWER_PARENT;
}

static enum answer ask(const struct layer *l, u64 off, unsigned flags, u64 *ret_off)
{
    u64 block = off / l->block_size, index = block + block / l->chunk_ratio;
    if (index >= l->bat_slots)
        return ANSWER_NONE;
    u64 e = entry(l, index), place = e >> 20 << 20, start = block * l->block_size;
    u64 needed = least(l->block_size, l->disk_size - start); /* guest bytes of the block */
    unsigned state = e & 7;
    bool anchor = (state == 1 || state == 3) && (flags & REFERENCE_ANCHORS) && place != 0;

    if (state == 0)
        return l->has_parent ? ANSWER_PARENT : ANSWER_ZEROS;
    if (state == 4 || (state == 7 && !l->has_parent))
        return ANSWER_NONE;
    if (state < 6 && !anchor)
        return ANSWER_ZEROS;
    if (place == 0 || place > INT64_MAX - l->block_size || shared(l, index, place, l->block_size, anchor))
        return ANSWER_NONE;
    if (place + needed > l->size && !(flags & REFERENCE_SALVAGE))
        return ANSWER_NONE;
    enum answer a = state == 7 ? ask_bitmap(l, off) : ANSWER_FILE;
    u64 sector_end = least((off / l->sector_size + 1) * l->sector_size, l->disk_size);
    *ret_off = place + (off - start);
    if (a == ANSWER_FILE && place + (sector_end - start) > l->size)
        return ANSWER_NONE;
    return a;
}

bool reference_piece(const struct reference *r, uint64_t off, void *buf, size_t len)
{
    memset(buf, 0, len);
    for (unsigned i = 0; i < r->count; i++) {
        const struct layer *l = &r->layers[i];
        u64 at = 0;
        if (off >= l->disk_size) /* a parent that is smaller than its child */
            return true;
        /* The end of a smaller disk may lie inside a sector when its size is no multiple of the sector size. */
        u64 n = least(len, l->disk_size - off);
        switch (ask(l, off, r->flags, &at)) {
        case ANSWER_ZEROS:
            return true;
        case ANSWER_FILE:
            fetch(l, at, buf, n);
            return true;
        case ANSWER_NONE:
            return false;
        case ANSWER_PARENT:
            len = (size_t)n;
            break;
        }
    }
    return false;
}

/* ---- opening ---- */

static const char *open_layer(struct layer *l, unsigned char *ret_header)
{
    l->size = l->file->size;
    l->changes = room(CHANGES_MAX * sizeof(*l->changes));
    const char *why = choose_header(l, ret_header);
    if (!why)
        why = replay(l, ret_header);
    if (why)
        return why;
    if (!find_regions(l) || !read_geometry(l))
        return "no disk";
    list_lives(l);
    return NULL;
}

/* The value of a key, as the 36 characters of a GUID; in braces or without. */
static bool linkage_of(const struct layer *l, const char *key, char ret[37])
{
    static const char locator_id[] = "\x2D\x5F\xD3\xA8\x0B\xB3\x4D\x45\xAB\xF7\xD3\xD8\x48\x34\xAB\x0C";
    u64 item, item_len;
    if (!find_item(l, locator_id, 20, &item, &item_len))
        return false;
    for (u64 i = 0, n = fetch_number(l, item + 18, 2); i < n; i++) {
        u64 at = item + 20 + 12 * i, value = item + fetch_number(l, at + 4, 4), len = fetch_number(l, at + 10, 2);
        bool same = fetch_number(l, at + 8, 2) == 2 * strlen(key);
        for (u64 k = 0; same && k < strlen(key); k++)
            same = fetch_number(l, item + fetch_number(l, at, 4) + 2 * k, 2) == (unsigned char)key[k];
        if (!same)
            continue;
        bool braces = len == 76 && fetch_number(l, value, 2) == '{' && fetch_number(l, value + 74, 2) == '}';
        if (!braces && len != 72)
            return false;
        for (u64 k = 0; k < 36; k++) {
            u64 unit = fetch_number(l, value + 2 * (k + braces), 2);
            if (unit > 127)
                return false; /* no digit, whatever its lower half looks like */
            ret[k] = (char)unit;
        }
        ret[36] = '\0';
        return true;
    }
    return false;
}

static bool same_guid(const char *text, const unsigned char *guid)
{
    static const unsigned char order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char want[40], *end = want;
    for (unsigned i = 0; i < 16; i++)
        end += snprintf(end, (size_t)(want + sizeof(want) - end), "%s%02x",
                        i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", guid[order[i]]);
    return strcasecmp(text, want) == 0;
}

/* One of the two; the second counts unless it is nil (2.6.2.6.3). */
static bool linkage_fits(const struct layer *child, const unsigned char *guid)
{
    static const unsigned char nil[16];
    char text[37];

    if (linkage_of(child, "parent_linkage", text) && same_guid(text, guid))
        return true;
    return memcmp(guid, nil, sizeof(nil)) != 0 && linkage_of(child, "parent_linkage2", text) && same_guid(text, guid);
}

struct reference *reference_open(const struct reference_file *files, unsigned count, unsigned flags,
                                 const char **ret_why)
{
    struct reference *r = room(sizeof(*r));
    const char *why = NULL;
    r->flags = flags;
    r->layers = room(count * sizeof(*r->layers));
    while (r->count < count && !why) {
        struct layer *l = &r->layers[r->count], *child = l - 1;
        unsigned char header[4096];
        if (r->count > 0 && !child->has_parent)
            break;
        l->file = &files[r->count++];
        why = open_layer(l, header);
        if (why || r->count == 1)
            continue;
        if (!linkage_fits(child, header + 32))
            why = "linkage";
        else if (child->sector_size != l->sector_size)
            why = "sector size";
    }
    if (!why)
        return r;
    *ret_why = why;
    reference_close(r);
    return NULL;
}

void reference_close(struct reference *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->count; i++) {
        struct layer *l = &r->layers[i];
        for (unsigned c = 0; c < l->change_count; c++)
            free(l->changes[c].page);
        free(l->changes);
        free(l->lives);
    }
    free(r->layers);
    free(r);
}

uint64_t reference_size(const struct reference *r)
{
    return r->layers[0].disk_size;
}

unsigned reference_sector_size(const struct reference *r)
{
    return (unsigned)r->layers[0].sector_size;
}
