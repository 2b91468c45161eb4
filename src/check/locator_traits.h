/* SPDX-License-Identifier: MIT */
/*
 * What the two files of locator rules ask alike. A string that another rule has found broken is not judged again: the
 * predicates here say whether there is something to judge.
 */
#ifndef VHDXRAY_CHECK_LOCATOR_TRAITS_H
#define VHDXRAY_CHECK_LOCATOR_TRAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "check/rule.h"
#include "check/wording.h"

static inline uint64_t locator_table_len(const struct locator *l)
{
    return LOCATOR_HEADER_LEN + (uint64_t)LOCATOR_ENTRY_LEN * l->decoded.pair_count;
}

/* The table itself leaves the item: VHDX-PLOC-001. */
static inline bool locator_table_is_cut(const struct locator *l)
{
    return l->decoded.pair_count > l->decoded.usable_count;
}

static inline bool locator_type_is_vhdx(const struct locator *l)
{
    return guid_equal(&l->decoded.type, known_guid(KNOWN_LOCATOR_TYPE_VHDX));
}

static inline struct place at_locator(const struct view *v, uint64_t off, uint64_t len)
{
    return at_place(STRUCTURE_PARENT_LOCATOR, -1, v->locator.off + off, len);
}

/* Index of a pair that the model found by key. */
static inline uint32_t locator_index_of(const struct view *v, const struct locator_text *t)
{
    return (uint32_t)(t - v->locator.pairs);
}

static inline struct place at_locator_entry(const struct view *v, uint32_t i, uint64_t field, uint64_t len)
{
    uint64_t off = LOCATOR_HEADER_LEN + (uint64_t)LOCATOR_ENTRY_LEN * i + field;
    return at_place(STRUCTURE_PARENT_LOCATOR, i, v->locator.off + off, len);
}

/* The bytes of a value, or of its entry when the value lies nowhere. */
static inline struct place at_locator_value(const struct view *v, const struct locator_text *t)
{
    if (!t->pair.value_inside)
        return at_locator_entry(v, locator_index_of(v, t), 0, LOCATOR_ENTRY_LEN);
    return at_place(STRUCTURE_PARENT_LOCATOR, locator_index_of(v, t), v->locator.off + t->pair.value_off,
                    t->pair.value_len);
}

static inline const char *shown_key(struct probe *p, const struct locator_text *t)
{
    return shown(p, t->key, t->key_len, SHOWN_KEY);
}

static inline const char *shown_value(struct probe *p, const struct locator_text *t)
{
    return shown(p, t->value, t->value_len, SHOWN_PATH);
}

/* Inside the item, behind the table, not empty. There is no "behind" a table that leaves the item. */
static inline bool locator_string_placed(const struct locator *l, uint32_t off, uint16_t len, bool inside)
{
    return inside && len > 0 && off > 0 && (locator_table_is_cut(l) || off >= locator_table_len(l));
}

static inline bool locator_key_placed(const struct locator *l, const struct locator_text *t)
{
    return locator_string_placed(l, t->pair.key_off, t->pair.key_len, t->pair.key_inside);
}

static inline bool locator_value_placed(const struct locator *l, const struct locator_text *t)
{
    return locator_string_placed(l, t->pair.value_off, t->pair.value_len, t->pair.value_inside);
}

/* True when every key of the table could be read: only then is a missing key really missing. */
static inline bool locator_keys_are_known(const struct locator *l)
{
    if (locator_table_is_cut(l) || l->cut || l->decoded.pair_count == 0)
        return false;
    for (uint32_t i = 0; i < l->pair_count; i++)
        if (!locator_key_placed(l, &l->pairs[i]) || l->pairs[i].key_damaged)
            return false;
    return true;
}

/* The text without NULs at its end, which are VHDX-PLOC-007. */
static inline size_t locator_text_len(const struct locator_text *t)
{
    size_t len = t->value_len;
    while (len > 0 && t->value[len - 1] == '\0')
        len--;
    return len;
}

/* False when another rule has told why the value is no text. */
static inline bool locator_value_is_judged(const struct locator *l, const struct locator_text *t)
{
    return locator_value_placed(l, t) && t->value_len > 0 && t->pair.value_len % 2 == 0;
}

#endif
