/* SPDX-License-Identifier: MIT */
/* The list of rule groups, in catalogue order. Rules themselves live in their group's file and nowhere else. */
#include <assert.h>
#include <stddef.h>
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

enum {
    GROUP_COUNT = sizeof(groups) / sizeof(groups[0]),
    RULES_MAX = 512,
    SLOT_BITS = 10, /* twice as many slots as rules at most */
    SLOTS = 1 << SLOT_BITS,
};

/* Made when first asked for. Neither table is sorted: that would take longer than looking at a small image. */
static struct {
    const struct rule *rules[RULES_MAX]; /* of all groups in a row */
    struct numbered_rule by_scope[RULES_MAX];
    struct rule_run runs[RULE_RUNS_MAX];
    uint32_t first_run[SCOPE_COUNT + 1];
    uint64_t of_fact[8 * sizeof(unsigned)];
    uint16_t by_id[SLOTS];       /* number of a rule + 1, in the slot of its id or the next free one behind; 0: none */
    uint32_t first[GROUP_COUNT]; /* number of each group's first rule */
    struct rule_set set;
} all;
static once_flag all_once = ONCE_FLAG_INIT;

/* Of the last eight characters, which differ from one id to the other. */
static uint32_t slot_of(const char *id)
{
    uint64_t v = 0;
    while (*id != '\0')
        v = v << 8 | (unsigned char)*id++;
    return (uint32_t)(v * 0x9E3779B97F4A7C15U >> (64 - SLOT_BITS));
}

/* Once for all: a BAT entry has few facts, and most rules have nothing to say about it. */
static void sort_by_fact(const struct numbered_rule *notes, uint32_t count)
{
    assert(count <= 64);
    for (uint32_t i = 0; i < count; i++)
        for (unsigned facts = notes[i].rule->facts; facts; facts &= facts - 1)
            all.of_fact[__builtin_ctz(facts)] |= (uint64_t)1 << i;
}

static void gather_runs(uint32_t count)
{
    uint32_t n = 0, at = 0;
    for (int scope = 0; scope < SCOPE_COUNT; scope++) {
        all.first_run[scope] = n;
        for (; at < count && (int)all.by_scope[at].rule->scope == scope; at++) {
            const struct numbered_rule *r = &all.by_scope[at];
            if (n == all.first_run[scope] || all.runs[n - 1].needs != r->rule->needs) {
                assert(n < RULE_RUNS_MAX);
                all.runs[n++] = (struct rule_run){.rules = r, .needs = r->rule->needs};
            }
            all.runs[n - 1].count++;
        }
    }
    all.first_run[SCOPE_COUNT] = n;
}

static void gather(void)
{
    uint32_t n = 0, next[SCOPE_COUNT + 1] = {0};
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        all.first[g] = n;
        assert(groups[g]->count <= RULES_MAX - n);
        for (uint32_t i = 0; i < groups[g]->count; i++)
            all.rules[n++] = &groups[g]->rules[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = slot_of(all.rules[i]->id);
        while (all.by_id[slot] != 0)
            slot = (slot + 1) % SLOTS;
        all.by_id[slot] = (uint16_t)(i + 1);
        next[all.rules[i]->scope + 1]++;
    }
    for (int scope = 0; scope < SCOPE_COUNT; scope++)
        next[scope + 1] += next[scope];
    const struct numbered_rule *notes = &all.by_scope[next[SCOPE_BAT_NOTE]];
    uint32_t note_count = next[SCOPE_BAT_NOTE + 1] - next[SCOPE_BAT_NOTE];
    for (uint32_t i = 0; i < n; i++)
        all.by_scope[next[all.rules[i]->scope]++] = (struct numbered_rule){.rule = all.rules[i], .number = i};
    gather_runs(n);
    sort_by_fact(notes, note_count);
    all.set = (struct rule_set){
        .runs = all.runs,
        .first_run = all.first_run,
        .of_fact = all.of_fact,
        .notes = notes,
        .count = n,
    };
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
    return i < s->count ? all.rules[i] : NULL;
}

const struct rule *rule_find(const char *id)
{
    (void)rule_set();
    for (uint32_t slot = slot_of(id); all.by_id[slot] != 0; slot = (slot + 1) % SLOTS) {
        const struct rule *r = all.rules[all.by_id[slot] - 1];
        if (strcmp(r->id, id) == 0)
            return r;
    }
    return NULL;
}

uint32_t rule_index(const struct rule *r)
{
    size_t g = 0;
    (void)rule_set();
    while (r < groups[g]->rules || r >= groups[g]->rules + groups[g]->count) /* it is of one of them */
        g++;
    return all.first[g] + (uint32_t)(r - groups[g]->rules);
}
