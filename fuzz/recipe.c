/* SPDX-License-Identifier: MIT */
/*
 * Decoding of recipes. The input is a head of four bytes and then operations, each of which lays bytes somewhere over a
 * file of zeros; recipe_parts.h has them all. Offsets are counted from anchors that follow what was laid before (the
 * log lies where the header says), so that a change of one field moves a structure instead of losing it.
 *
 * The few structures that anchors and signing need are kept aside in shadows while they are laid: two headers, two
 * region tables. A shadow knows how much of it was ever written, so that nothing is cleared and no zeros are summed up.
 * Signing only adds extents on top. All of it takes time in proportion to the input and the bytes that it stands for,
 * which are bounded.
 */
#include "fuzz/recipe.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/le.h"
#include "format/layout.h"
#include "fuzz/recipe_parts.h"

/* ---- memory ---- */

struct recipe_block {
    struct recipe_block *next;
    uint64_t bytes[]; /* aligned for anything here */
};

void *recipe_own(struct recipe *r, size_t len)
{
    struct recipe_block *b = malloc(sizeof(*b) + len);

    if (b == NULL)
        abort();
    b->next = r->owned;
    r->owned = b;
    return b->bytes;
}

void recipe_lay(struct recipe *r, uint64_t off, const uint8_t *ptr, uint64_t len)
{
    if (len == 0)
        return;
    if (r->count == r->cap) {
        r->cap = r->cap == 0 ? 64 : 2 * r->cap;
        r->extents = realloc(r->extents, (size_t)r->cap * sizeof(*r->extents));
        if (r->extents == NULL)
            abort();
    }
    r->extents[r->count++] = (struct mem_extent){.off = off, .ptr = ptr, .len = len};
}

void recipe_free(struct recipe *r)
{
    for (struct recipe_block *b = r->owned, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(r->extents);
    *r = (struct recipe){.flags = 0};
}

/* Constants that are made when they are first asked for. */
const uint8_t *recipe_run_of(uint8_t value)
{
    static uint8_t runs[256][RECIPE_RUN_MAX + 1];
    static bool made[256];

    if (!made[value]) {
        memset(runs[value], value, sizeof(runs[value]));
        made[value] = true;
    }
    return runs[value];
}

/* ---- shadows and anchors ---- */

void kitchen_open(struct kitchen *k, uint8_t flags)
{
    k->flags = flags;
    k->size = k->next = k->generated = 0;
    for (unsigned i = 0; i < 2; i++) {
        k->headers[i] = (struct shadow){.off = HEADER_OFF[i], .len = HEADER_LEN, .bytes = k->header_bytes[i]};
        k->regions[i] =
            (struct shadow){.off = REGION_TABLE_OFF[i], .len = REGION_TABLE_LEN, .bytes = k->region_bytes[i]};
        memset(k->header_bytes[i], 0, HEADER_FIELDS_LEN);
        memset(k->region_bytes[i], 0, REGION_TABLE_HEADER_LEN);
    }
}

static void shadow_extend(struct shadow *s, size_t used)
{
    if (s->used < used) {
        memset(s->bytes + s->used, 0, used - s->used);
        s->used = used;
    }
}

static void shadow_lay(struct shadow *s, uint64_t off, const uint8_t *ptr, uint64_t len)
{
    uint64_t from = u64_max(off, s->off), to = u64_min(u64_add_sat(off, len), s->off + s->len);

    if (from >= to)
        return;
    shadow_extend(s, (size_t)(from - s->off));
    memcpy(s->bytes + (size_t)(from - s->off), ptr + (size_t)(from - off), (size_t)(to - from));
    if (s->used < to - s->off)
        s->used = (size_t)(to - s->off);
}

void kitchen_lay(struct kitchen *k, uint64_t off, const uint8_t *ptr, uint64_t len)
{
    if (off >= HEADER_SECTION_RESERVED_OFF)
        return;
    for (unsigned i = 0; i < 2; i++) {
        shadow_lay(&k->headers[i], off, ptr, len);
        shadow_lay(&k->regions[i], off, ptr, len);
    }
}

/* Whether the structure is there at all, and is what it should be, or will be made to be. */
static bool shadow_is(const struct kitchen *k, struct shadow *s, const char *signature, size_t fields_len)
{
    if (s->used == 0)
        return false;
    shadow_extend(s, fields_len);
    return (k->flags & RECIPE_FORCE_SIGNATURES) != 0 || memcmp(s->bytes, signature, 4) == 0;
}

const uint8_t *kitchen_header(struct kitchen *k)
{
    const uint8_t *best = NULL;

    for (unsigned i = 0; i < 2; i++) {
        struct shadow *s = &k->headers[i];
        if (shadow_is(k, s, SIGNATURE_HEADER, HEADER_FIELDS_LEN) &&
            (best == NULL || le64(s->bytes + 8) > le64(best + 8)))
            best = s->bytes;
    }
    return best;
}

enum { ENTRIES_SEARCHED = 64 }; /* anchors ask for a region again and again, and real tables hold two or three */

static uint64_t region_off(struct kitchen *k, enum known_guid which, uint64_t otherwise)
{
    for (unsigned t = 0; t < 2; t++) {
        struct shadow *s = &k->regions[t];
        if (!shadow_is(k, s, SIGNATURE_REGION_TABLE, REGION_TABLE_HEADER_LEN))
            continue;
        uint64_t laid = u64_div_up(s->used - REGION_TABLE_HEADER_LEN, REGION_ENTRY_LEN);
        uint64_t count = u64_min(u64_min(le32(s->bytes + 8), laid), ENTRIES_SEARCHED);
        shadow_extend(s, (size_t)(REGION_TABLE_HEADER_LEN + count * REGION_ENTRY_LEN));
        for (size_t i = 0; i < count; i++) {
            const uint8_t *e = s->bytes + REGION_TABLE_HEADER_LEN + i * REGION_ENTRY_LEN;
            if (memcmp(e, known_guid(which)->bytes, sizeof(struct guid)) == 0)
                return le64(e + 16);
        }
        break;
    }
    return otherwise;
}

static uint64_t align_up(uint64_t v, uint64_t to)
{
    return (v + to - 1) & ~(to - 1); /* may wrap, like every sum of anchors and deltas: any offset will do */
}

uint64_t kitchen_anchor(struct kitchen *k, enum recipe_anchor a, uint16_t mib)
{
    const uint8_t *header;

    switch (a) {
    case ANCHOR_HEADER_1:
    case ANCHOR_HEADER_2:
        return HEADER_OFF[a - ANCHOR_HEADER_1];
    case ANCHOR_REGION_TABLE_1:
    case ANCHOR_REGION_TABLE_2:
        return REGION_TABLE_OFF[a - ANCHOR_REGION_TABLE_1];
    case ANCHOR_LOG:
        header = kitchen_header(k);
        return header != NULL ? le64(header + 72) : MIB;
    case ANCHOR_METADATA:
        return region_off(k, KNOWN_REGION_METADATA, 2 * MIB);
    case ANCHOR_ITEMS:
        return region_off(k, KNOWN_REGION_METADATA, 2 * MIB) + METADATA_TABLE_LEN;
    case ANCHOR_BAT:
        return region_off(k, KNOWN_REGION_BAT, 3 * MIB);
    case ANCHOR_MIB:
        return mib * MIB;
    case ANCHOR_END:
        return k->size;
    case ANCHOR_NEXT:
        return k->next;
    case ANCHOR_NEXT_SECTOR:
        return align_up(k->next, LOG_SECTOR_LEN);
    case ANCHOR_NEXT_MIB:
        return align_up(k->next, MIB);
    case ANCHOR_START:
    case ANCHOR_EXPLICIT:
    case ANCHOR_SIZE:
        break;
    }
    return 0;
}

uint64_t kitchen_sequence_room(const struct kitchen *k, uint64_t count)
{
    return u64_min(u64_min(count, RECIPE_SEQUENCE_MAX), (RECIPE_GENERATED_MAX - k->generated) / 8);
}

/* ---- decoding ---- */

struct input {
    const uint8_t *ptr;
    size_t len;
};

/* What is missing is zero. */
static uint64_t input_number(struct input *in, unsigned bytes)
{
    uint64_t v = 0;

    if (in->len >= sizeof(v) && bytes > 0) {
        v = le64(in->ptr) << (64 - 8 * bytes) >> (64 - 8 * bytes);
        in->ptr += bytes;
        in->len -= bytes;
        return v;
    }
    for (unsigned i = 0; i < bytes && in->len > 0; i++, in->ptr++, in->len--)
        v |= (uint64_t)*in->ptr << (8 * i);
    return v;
}

static const uint8_t *input_bytes(struct input *in, uint64_t *len)
{
    const uint8_t *p = in->ptr;

    *len = u64_min(*len, in->len);
    in->ptr += *len;
    in->len -= (size_t)*len;
    return p;
}

/* A length or count of what is made rather than copied. */
static uint64_t input_count(struct input *in)
{
    uint64_t n = input_number(in, 1);

    return n > 0 ? n : input_number(in, 2);
}

static const uint8_t *make_sequence(struct recipe *r, struct kitchen *k, struct input *in, uint64_t *ret_len)
{
    uint64_t first = input_number(in, 8);
    uint64_t count = kitchen_sequence_room(k, input_count(in));
    uint64_t step = input_number(in, 2) * MIB;
    uint8_t *p = recipe_own(r, (size_t)count * 8);

    for (uint64_t i = 0; i < count; i++) {
        uint64_t le = htole64(first + i * step); /* there may be many: not byte by byte */
        memcpy(p + i * 8, &le, sizeof(le));
    }
    *ret_len = count * 8;
    k->generated += *ret_len;
    return p;
}

static uint64_t decode_place(struct kitchen *k, struct input *in, uint8_t first)
{
    static const unsigned delta_len[4] = {[DELTA_U8] = 1, [DELTA_U16] = 2, [DELTA_U32] = 4};
    enum recipe_anchor anchor = (enum recipe_anchor)(first & 15);

    if (anchor == ANCHOR_EXPLICIT)
        return input_number(in, 8);
    uint64_t base = kitchen_anchor(k, anchor, anchor == ANCHOR_MIB ? (uint16_t)input_number(in, 2) : 0);
    uint64_t delta = input_number(in, delta_len[first >> 6]);
    return anchor == ANCHOR_END ? base - delta : base + delta;
}

static void decode_operation(struct recipe *r, struct kitchen *k, struct input *in)
{
    uint8_t first = (uint8_t)input_number(in, 1);
    const uint8_t *ptr = NULL;
    uint64_t len = 0;

    if ((first & 15) == ANCHOR_SIZE) {
        k->size = input_number(in, 8) & HOST_OFFSET_MAX;
        return;
    }
    uint64_t off = decode_place(k, in, first);
    switch ((enum recipe_content)(first >> 4 & 3)) {
    case CONTENT_SHORT:
        len = input_number(in, 1);
        ptr = input_bytes(in, &len);
        break;
    case CONTENT_BYTES:
        len = input_number(in, 2);
        ptr = input_bytes(in, &len);
        break;
    case CONTENT_FILL:
        ptr = recipe_run_of((uint8_t)input_number(in, 1));
        len = input_count(in);
        break;
    case CONTENT_SEQUENCE:
        ptr = make_sequence(r, k, in, &len);
        break;
    }
    recipe_lay(r, off, ptr, len);
    kitchen_lay(k, off, ptr, len);
    k->next = off + len;
}

/* ---- signing ---- */

static void lay_over(struct recipe *r, struct kitchen *k, uint64_t off, const char *signature)
{
    const uint8_t *ptr = (const uint8_t *)signature;

    recipe_lay(r, off, ptr, strlen(signature));
    kitchen_lay(k, off, ptr, strlen(signature));
}

static void force_signatures(struct recipe *r, struct kitchen *k)
{
    lay_over(r, k, FILE_ID_OFF, SIGNATURE_FILE_ID);
    for (unsigned i = 0; i < 2; i++) {
        lay_over(r, k, HEADER_OFF[i], SIGNATURE_HEADER);
        lay_over(r, k, REGION_TABLE_OFF[i], SIGNATURE_REGION_TABLE);
    }
    lay_over(r, k, kitchen_anchor(k, ANCHOR_METADATA, 0), SIGNATURE_METADATA);
}

/* What was never laid stays as it is: a file of zeros gets no valid structures by this. */
static void sign_shadow(struct recipe *r, struct shadow *s, uint8_t *field)
{
    static const uint8_t zero_field[4];

    if (s->used == 0)
        return;
    shadow_extend(s, 8);
    uint32_t crc = crc32c(crc32c(0, s->bytes, 4), zero_field, sizeof(zero_field));
    crc = crc32c_zeros(crc32c(crc, s->bytes + 8, s->used - 8), s->len - s->used);
    if (le32(s->bytes + 4) == crc)
        return;
    put_le32(field, crc);
    put_le32(s->bytes + 4, crc);
    recipe_lay(r, s->off + 4, field, 4);
}

enum { SIGNED = 4, FIELD_LEN = 4 }; /* structures with a checksum of their own, and its length */

/* fields: room for what is signed, for as long as the recipe lives */
static void sign(struct recipe *r, struct kitchen *k, uint8_t *fields)
{
    if (r->flags & RECIPE_FORCE_SIGNATURES)
        force_signatures(r, k);
    const uint8_t *header = r->flags & RECIPE_SIGN_LOG ? kitchen_header(k) : NULL;
    if (header != NULL)
        recipe_sign_log(r, le64(header + 72), le32(header + 68));
    for (unsigned i = 0; i < 2; i++) {
        if (r->flags & RECIPE_SIGN_REGIONS)
            sign_shadow(r, &k->regions[i], fields + i * FIELD_LEN);
        if (r->flags & RECIPE_SIGN_HEADERS)
            sign_shadow(r, &k->headers[i], fields + (2 + i) * FIELD_LEN);
    }
}

void recipe_decode(const uint8_t *data, size_t size, struct recipe *ret)
{
    static struct kitchen k; /* for as long as this takes: it is large, and a sanitizer marks all of it on a stack */
    struct recipe r = {.flags = 0};

    uint8_t *fields = recipe_own(&r, SIGNED * FIELD_LEN + size);
    uint8_t *copy = fields + SIGNED * FIELD_LEN; /* behind it, so that its end is that of the block */
    if (size > 0)
        memcpy(copy, data, size);
    struct input in = {.ptr = copy, .len = size};
    r.flags = (uint8_t)input_number(&in, 1);
    kitchen_open(&k, r.flags);
    k.size = input_number(&in, 2) * MIB;
    r.seed = (uint8_t)input_number(&in, 1);
    while (in.len > 0)
        decode_operation(&r, &k, &in);
    r.size = k.size;
    sign(&r, &k, fields);
    *ret = r;
}

struct source *recipe_source(const struct recipe *r)
{
    struct source *s = extents_open(r->extents, r->count, r->size);

    if (s == NULL)
        abort();
    return s;
}

uint64_t recipe_bytes(const struct recipe *r)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < r->count; i++)
        sum += r->extents[i].len;
    return sum;
}

unsigned recipe_split(const uint8_t *data, size_t size, struct recipe_part *parts, unsigned max)
{
    struct input in = {.ptr = data, .len = size};
    unsigned count = 0;

    while (count + 1 < max && in.len >= 2) {
        uint64_t len = input_number(&in, 2);
        const uint8_t *p = input_bytes(&in, &len);
        parts[count++] = (struct recipe_part){.data = p, .size = (size_t)len};
    }
    if (count == 0 || in.len > 0)
        parts[count++] = (struct recipe_part){.data = in.ptr, .size = in.len};
    return count;
}
