/* SPDX-License-Identifier: MIT */
/*
 * The parent locator: the item, its texts, the standard keys, and what paths in it mean. The input is the item.
 *
 * Asserted: pairs are what their bytes say, and their strings lie inside the item or are empty; a key that is found is
 * the first with that name; undamaged texts come out of the encoder as they went in; of a path, the file name is its
 * last component, and nothing depends on the case of letters.
 */
#include "base/le.h"
#include "base/limits.h"
#include "check/win_path.h"
#include "format/parent_locator.h"
#include "fuzz/property.h"
#include "image/view_parts.h"

enum { INPUT_MAX = 65536, PAIRS_ENCODED = 32 };

/* ---- bytes ---- */

static void check_string(struct span item, uint64_t off, uint64_t len, bool inside, struct span s)
{
    ASSERT(inside == (off + len <= item.len));
    if (inside)
        ASSERT(s.ptr == item.ptr + off && s.len == len);
    else
        ASSERT(s.len == 0);
}

static void check_pair(struct span item, uint32_t i, const struct locator_pair *p)
{
    const uint8_t *e = item.ptr + LOCATOR_HEADER_LEN + (size_t)i * LOCATOR_ENTRY_LEN;

    ASSERT(p->key_off == le32(e) && p->value_off == le32(e + 4));
    ASSERT(p->key_len == (e[8] | e[9] << 8) && p->value_len == (e[10] | e[11] << 8));
    check_string(item, p->key_off, p->key_len, p->key_inside, p->key);
    check_string(item, p->value_off, p->value_len, p->value_inside, p->value);
}

static void check_item(struct span item, const struct parent_locator *l)
{
    struct locator_pair p;

    ASSERT(memcmp(l->type.bytes, item.ptr, 16) == 0);
    ASSERT(l->reserved == (item.ptr[16] | item.ptr[17] << 8) && l->pair_count == (item.ptr[18] | item.ptr[19] << 8));
    ASSERT(l->usable_count == u64_min(l->pair_count, (item.len - LOCATOR_HEADER_LEN) / LOCATOR_ENTRY_LEN));
    for (uint32_t i = 0; i < l->usable_count; i++) {
        ASSERT(locator_pair_decode(l, i, &p));
        check_pair(item, i, &p);
    }
    ASSERT(!locator_pair_decode(l, l->usable_count, &p));
    ASSERT(!locator_pair_decode(l, UINT32_MAX, &p));
}

/* ---- texts ---- */

static void check_key(const struct locator *l, const char *name, const struct locator_text *found)
{
    const struct locator_text *first = NULL;

    for (uint32_t i = 0; i < l->pair_count && first == NULL; i++) {
        if (l->pairs[i].key_len == strlen(name) && strncmp(l->pairs[i].key, name, l->pairs[i].key_len) == 0)
            first = &l->pairs[i];
    }
    ASSERT(found == first, "%s", name);
}

static void check_keys(const struct locator *l)
{
    check_key(l, "parent_linkage", l->parent_linkage);
    check_key(l, "parent_linkage2", l->parent_linkage2);
    check_key(l, "relative_path", l->relative_path);
    check_key(l, "volume_path", l->volume_path);
    check_key(l, "absolute_win32_path", l->absolute_win32_path);
    ASSERT(!l->have_linkage || l->parent_linkage != NULL);
    ASSERT(!l->have_linkage2 || l->parent_linkage2 != NULL);
    if (!l->have_linkage)
        return;
    char text[GUID_TEXT_SIZE];
    struct guid again;
    ASSERT(guid_parse(guid_text(&l->linkage, text), GUID_TEXT_SIZE - 1, &again) && guid_equal(&again, &l->linkage));
    ASSERT(l->parent_linkage->value_len == 36 || l->parent_linkage->value_len == 38);
}

/* Encodes the pairs again and compares what comes out of that. */
static void check_encoder(const struct locator *l)
{
    static uint8_t out[4 * INPUT_MAX];
    struct locator_string strings[PAIRS_ENCODED];
    struct parent_locator again;
    uint16_t count = 0;

    for (uint32_t i = 0; i < l->pair_count && count < PAIRS_ENCODED; i++) {
        const struct locator_text *t = &l->pairs[i];
        if (!t->key_damaged && !t->value_damaged)
            strings[count++] = (struct locator_string){t->key, t->value};
    }
    uint32_t len = parent_locator_encode(&l->decoded.type, strings, count, out, sizeof(out));
    if (len == 0)
        return; /* lengths are 16 bits */
    ASSERT(parent_locator_decode(span_of(out, len), &again));
    ASSERT(again.usable_count == count && again.pair_count == count && guid_equal(&again.type, &l->decoded.type));
    for (uint16_t i = 0, k = 0; i < count; i++, k++) {
        struct locator_pair a;
        while (l->pairs[k].key_damaged || l->pairs[k].value_damaged)
            k++;
        const struct locator_pair *b = &l->pairs[k].pair;
        ASSERT(locator_pair_decode(&again, i, &a) && a.key_inside && a.value_inside);
        /* A string that the budget for texts cut off is "". */
        ASSERT(a.key.len == b->key.len || (l->cut && a.key.len == 0));
        ASSERT(a.value.len == b->value.len || (l->cut && a.value.len == 0));
        ASSERT(a.key.len == 0 || memcmp(a.key.ptr, b->key.ptr, a.key.len) == 0);
        ASSERT(a.value.len == 0 || memcmp(a.value.ptr, b->value.ptr, a.value.len) == 0);
    }
    ASSERT(parent_locator_encode(&l->decoded.type, strings, count, out, len - 1) == 0);
}

/* ---- paths ---- */

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

static void check_path(const char *path, size_t len)
{
    static char upper[INPUT_MAX * 2];
    struct win_path w = win_path_parse(path, len), u;
    size_t name = len;

    while (name > 0 && !is_separator(path[name - 1]))
        name--;
    ASSERT(w.file_name + w.file_name_len == path + len);
    ASSERT(w.file_name_len <= len - name, "a separator in the name");
    ASSERT((unsigned)w.drive + w.network + w.volume + w.device + w.rooted <= 1, "two kinds of place");
    ASSERT(len == 0 || !is_separator(path[0]) || win_path_leaves(&w));
    ASSERT(win_name_equal(path, len, path, len));
    if (len > sizeof(upper))
        return;
    for (size_t i = 0; i < len; i++)
        upper[i] = path[i] >= 'a' && path[i] <= 'z' ? (char)(path[i] - 32) : path[i] == '/' ? '\\' : path[i];
    u = win_path_parse(upper, len);
    ASSERT(u.drive == w.drive && u.network == w.network && u.volume == w.volume && u.device == w.device &&
           u.rooted == w.rooted && u.parent_dir == w.parent_dir && u.reserved_name == w.reserved_name &&
           u.stream == w.stream && u.file_name_len == w.file_name_len);
}

/* ---- a run ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parent_locator l;

    if (size > INPUT_MAX)
        return 0;
    uint8_t *bytes = malloc(size + 1);
    ASSERT(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    struct span item = span_of(bytes, size);
    struct arena *a = property_arena(LIMIT_MEMORY_DEFAULT);
    struct view *v = arena_alloc(a, sizeof(*v));
    ASSERT(v != NULL);
    v->arena = a;
    v->metadata.entries = arena_array(a, 1, sizeof(*v->metadata.entries));
    v->metadata.items[KNOWN_ITEM_PARENT_LOCATOR] =
        (struct metadata_item){.found = true, .matches = 1, .readable = true, .data = item};

    ASSERT(parent_locator_decode(item, &l) == (size >= LOCATOR_HEADER_LEN));
    ASSERT(view_read_locator(v) == STATUS_OK);
    ASSERT(v->locator.absence == (size >= LOCATOR_HEADER_LEN ? ABSENT_NOT : ABSENT_BAD_VALUE));
    if (v->locator.absence == ABSENT_NOT) {
        check_item(item, &l);
        ASSERT(v->locator.pair_count == l.usable_count);
        check_keys(&v->locator);
        check_encoder(&v->locator);
        for (uint32_t i = 0; i < v->locator.pair_count && i < PAIRS_ENCODED; i++)
            check_path(v->locator.pairs[i].value, v->locator.pairs[i].value_len);
    }
    assert_arena_used(a, 0, 0, LIMIT_LOCATOR_TEXT * 8 + 65536 * sizeof(struct locator_text));
    arena_destroy(a);
    free(bytes);
    return 0;
}
