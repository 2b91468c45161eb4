/* SPDX-License-Identifier: MIT */
/*
 * The parent locator stage of a view: every pair with its texts, the standard keys, the two linkages. Strings may
 * overlap, so 65,535 pairs could name the same megabyte each; decoding stops at a bound no honest locator comes near.
 */
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/utf16.h"
#include "image/view_parts.h"

static enum status decode_text(struct arena *a, struct span s, uint64_t *left, bool *cut, const char **ret,
                               size_t *ret_len, bool *ret_damaged)
{
    struct utf16_text t;
    enum status st;
    *ret = "";
    if (s.len == 0)
        return STATUS_OK;
    if (s.len > *left) {
        *cut = true;
        *left = 0; /* and none of the following ones */
        return STATUS_OK;
    }
    *left -= s.len;
    st = utf16_decode(a, s, &t);
    if (st != STATUS_OK)
        return st;
    *ret = t.str;
    *ret_len = t.len;
    *ret_damaged = t.unpaired || t.odd_byte || t.has_nul;
    return STATUS_OK;
}

static enum status decode_pairs(struct view *v)
{
    struct locator *l = &v->locator;
    uint64_t left = LIMIT_LOCATOR_TEXT;
    enum status st = STATUS_OK;

    l->pair_count = (uint32_t)u64_min(l->decoded.usable_count, LIMIT_LOCATOR_PAIRS);
    l->pairs = arena_array(v->arena, l->pair_count, sizeof(*l->pairs));
    if (!l->pairs)
        return arena_status(v->arena);
    for (uint32_t i = 0; i < l->pair_count && st == STATUS_OK; i++) {
        struct locator_text *t = &l->pairs[i];
        if (!locator_pair_decode(&l->decoded, i, &t->pair))
            return STATUS_INTERNAL;
        st = decode_text(v->arena, t->pair.key, &left, &l->cut, &t->key, &t->key_len, &t->key_damaged);
        if (st == STATUS_OK)
            st = decode_text(v->arena, t->pair.value, &left, &l->cut, &t->value, &t->value_len, &t->value_damaged);
    }
    return st;
}

static const struct locator_text *find_key(const struct locator *l, const char *key)
{
    size_t len = strlen(key);
    for (uint32_t i = 0; i < l->pair_count; i++) {
        if (l->pairs[i].key_len == len && memcmp(l->pairs[i].key, key, len) == 0)
            return &l->pairs[i];
    }
    return NULL;
}

enum status view_read_locator(struct view *v)
{
    const struct metadata_item *item = &v->metadata.items[KNOWN_ITEM_PARENT_LOCATOR];
    struct locator *l = &v->locator;
    enum status st;

    if (v->metadata.absence != ABSENT_NOT)
        l->absence = v->metadata.absence;
    else if (!item->found)
        l->absence = ABSENT_NOT_APPLICABLE;
    if (l->absence != ABSENT_NOT)
        return STATUS_OK;
    l->off = u64_add_sat(v->metadata_region.off, v->metadata.entries[item->entry].off);
    if (!item->readable) {
        l->absence = ABSENT_NO_ITEM;
        return STATUS_OK;
    }
    if (!parent_locator_decode(item->data, &l->decoded)) {
        l->absence = ABSENT_BAD_VALUE;
        return STATUS_OK;
    }
    st = decode_pairs(v);
    if (st != STATUS_OK)
        return st;
    l->parent_linkage = find_key(l, "parent_linkage");
    l->parent_linkage2 = find_key(l, "parent_linkage2");
    l->relative_path = find_key(l, "relative_path");
    l->volume_path = find_key(l, "volume_path");
    l->absolute_win32_path = find_key(l, "absolute_win32_path");
    l->have_linkage =
        l->parent_linkage && guid_parse(l->parent_linkage->value, l->parent_linkage->value_len, &l->linkage);
    l->have_linkage2 =
        l->parent_linkage2 && guid_parse(l->parent_linkage2->value, l->parent_linkage2->value_len, &l->linkage2);
    return STATUS_OK;
}
