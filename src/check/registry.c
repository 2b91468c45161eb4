/* SPDX-License-Identifier: MIT */
/* The list of rule groups, in catalogue order. Rules themselves live in their group's file and nowhere else. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "check/rule.h"

static const struct rule_group *const groups[] = {
    &file_rules,
    &file_id_rules,
    &header_rules,
    &header_pair_rules,
    &region_rules,
    &region_entry_rules,
    &metadata_rules,
    &metadata_item_rules,
    &metadata_region_rules,
    &bat_rules,
    &bat_place_rules,
    &bat_table_rules,
    &bitmap_rules,
    &log_rules,
    &log_target_rules,
    &log_sequence_rules,
    &locator_rules,
    &locator_path_rules,
    &chain_rules,
    &cross_rules,
    &forensic_rules,
    &forensic_space_rules,
    &forensic_origin_rules,
};

enum { GROUP_COUNT = sizeof(groups) / sizeof(groups[0]), RULES_MAX = 512 };

/* Made when first asked for. */
static struct {
    const struct rule *rules[RULES_MAX]; /* of all groups in a row */
    uint32_t by_scope[RULES_MAX];
    struct {
        uint64_t ending;
        const struct rule *rule;
    } by_ending[RULES_MAX];      /* sorted by the last characters of their ids, which say all */
    uint32_t first[GROUP_COUNT]; /* number of each group's first rule */
    struct rule_set set;
} all;
static once_flag all_once = ONCE_FLAG_INIT;

static int compare_scopes(const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    if (all.rules[a]->scope != all.rules[b]->scope)
        return all.rules[a]->scope < all.rules[b]->scope ? -1 : 1;
    return (a > b) - (a < b);
}

/* The last eight characters as a number: rules look each other up by id, and that is compared faster than a string. */
static uint64_t ending(const char *id)
{
    uint64_t v = 0;
    while (*id != '\0')
        v = v << 8 | (unsigned char)*id++;
    return v;
}

static int compare_endings(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb; /* their first member */
    return (a > b) - (a < b);
}

static void gather(void)
{
    uint32_t n = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        all.first[g] = n;
        assert(groups[g]->count <= RULES_MAX - n);
        for (uint32_t i = 0; i < groups[g]->count; i++)
            all.rules[n++] = &groups[g]->rules[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        all.by_scope[i] = i;
        all.by_ending[i].ending = ending(all.rules[i]->id);
        all.by_ending[i].rule = all.rules[i];
    }
    qsort(all.by_scope, n, sizeof(all.by_scope[0]), compare_scopes);
    qsort(all.by_ending, n, sizeof(all.by_ending[0]), compare_endings);
    all.set = (struct rule_set){.rules = all.rules, .by_scope = all.by_scope, .count = n};
}

const struct rule_set *rule_set(void)
{
    call_once(&all_once, gather);
    return &all.set;
}

uint32_t rule_count(void)
{
    return rule_set()->count;
}

const struct rule *rule_at(uint32_t i)
{
    const struct rule_set *s = rule_set();
    return i < s->count ? s->rules[i] : NULL;
}

const struct rule *rule_find(const char *id)
{
    const uint64_t key = ending(id);
    uint32_t low = 0, high = rule_count();
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (all.by_ending[mid].ending < key)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < rule_count() && all.by_ending[low].ending == key; low++)
        if (strcmp(all.by_ending[low].rule->id, id) == 0)
            return all.by_ending[low].rule;
    return NULL;
}

uint32_t rule_index(const struct rule *r)
{
    uint32_t n = rule_count();
    for (size_t g = 0; g < GROUP_COUNT; g++)
        if (r >= groups[g]->rules && r < groups[g]->rules + groups[g]->count)
            return all.first[g] + (uint32_t)(r - groups[g]->rules);
    return n;
}
