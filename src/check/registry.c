/* SPDX-License-Identifier: MIT */
/* The list of rule groups, in catalogue order. Rules themselves live in their group's file and nowhere else. */
#include <stddef.h>
#include <string.h>

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
    &forensic_origin_rules,
};

enum { GROUP_COUNT = sizeof(groups) / sizeof(groups[0]) };

uint32_t rule_count(void)
{
    uint32_t n = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++)
        n += groups[g]->count;
    return n;
}

const struct rule *rule_at(uint32_t i)
{
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        if (i < groups[g]->count)
            return &groups[g]->rules[i];
        i -= groups[g]->count;
    }
    return NULL;
}

const struct rule *rule_find(const char *id)
{
    for (size_t g = 0; g < GROUP_COUNT; g++)
        for (uint32_t i = 0; i < groups[g]->count; i++)
            if (strcmp(groups[g]->rules[i].id, id) == 0)
                return &groups[g]->rules[i];
    return NULL;
}

uint32_t rule_index(const struct rule *r)
{
    uint32_t base = 0;
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        for (uint32_t i = 0; i < groups[g]->count; i++)
            if (&groups[g]->rules[i] == r)
                return base + i;
        base += groups[g]->count;
    }
    return base;
}
