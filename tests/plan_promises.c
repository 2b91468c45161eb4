/* SPDX-License-Identifier: MIT */
/* The promises of a plan, one function each; see plan_promises.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/limits.h"
#include "image/guest.h"
#include "plan_promises.h"
#include "repair/fix.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

enum { PIECE = 65536 };
const char *const mode_names[MODES] = {"by itself", "its rule", "everything"};

/* ---- the plan of a case ---- */

/* The image that children of the builder are made for, when the case itself names no parent. */
static void give_parent(struct planned *p, const struct job *j)
{
    struct image *img = NULL;

    p->parent_img = img_create(j->parent);
    if (j->bend_parent != NULL)
        j->bend_parent(p->parent_img);
    p->parent_source = img_source(p->parent_img);
    p->parent_arena = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(p->parent_arena);
    assert_int_equal(image_open(p->parent_arena, p->parent_source, "parent.vhdx", NULL, NULL, &img), STATUS_OK);
    p->options.parent = img;
    if (p->run.image->main->type != DISK_DIFFERENCING)
        return;
    /* What was true before is asked with the parent as well. */
    assert_int_equal(chain_lend(p->run.image, img, "parent.vhdx"), STATUS_OK);
    assert_int_equal(check_run(p->run.image, &p->run.scene.check, NULL, &p->before), STATUS_OK);
}

static void set_options(struct planned *p, const struct job *j)
{
    const struct chain_parent *link = p->run.image->parent;

    p->options = (struct plan_options){.consent = p->consent, .max_memory = LIMIT_MEMORY_DEFAULT};
    if (j->consent != NULL) {
        char *next = NULL;
        assert_true((size_t)snprintf(p->words, sizeof(p->words), "%s", j->consent) < sizeof(p->words));
        for (char *w = strtok_r(p->words, " ", &next); w != NULL; w = strtok_r(NULL, " ", &next))
            p->consent[p->options.consent_count++] = w;
    } else if (j->mode == CASE_RULE)
        p->consent[p->options.consent_count++] = j->c->rule;
    for (uint32_t i = 0; j->consent == NULL && j->mode == EVERYTHING && i < fixer_count(); i++)
        if (fixer_at(i)->fix != NULL)
            p->consent[p->options.consent_count++] = fixer_at(i)->rule;
    if (link != NULL && link->state == PARENT_FOUND)
        p->options.parent = link->image;
    else if (!j->alone && (j->lend || (p->run.image->main->type == DISK_DIFFERENCING && j->mode != BY_ITSELF)))
        give_parent(p, j);
    if (p->options.parent != NULL && j->parent_path == NULL)
        p->options.parent_path = ".\\parent.vhdx";
    else if (p->options.parent != NULL && j->parent_path[0] != '\0')
        p->options.parent_path = j->parent_path;
}

void planned_open(struct planned *p, const struct job *j)
{
    *p = (struct planned){.arena = NULL};
    case_open(j->c, j->guard, &p->run);
    p->before = p->run.result;
    set_options(p, j);
    p->arena = arena_create(LIMIT_MEMORY_DEFAULT);
    assert_non_null(p->arena);
    assert_int_equal(plan_make(p->arena, p->run.source, p->run.scene.path, &p->options, &p->plan), STATUS_OK);
}

void planned_close(struct planned *p)
{
    plan_close(&p->plan);
    arena_destroy(p->arena);
    if (p->parent_img != NULL) {
        p->run.image->parent = NULL;
        image_close(p->options.parent);
        arena_destroy(p->parent_arena);
        source_close(p->parent_source);
        img_free(p->parent_img);
    }
    case_close(&p->run);
}

static bool consented(const struct planned *p, const struct rule *rule)
{
    for (uint32_t i = 0; i < p->options.consent_count; i++)
        if (strcmp(p->options.consent[i], rule->id) == 0)
            return true;
    return false;
}

/* ---- the file after the plan ---- */

void after_open(struct planned *p, struct after *ret)
{
    struct after a = {.arena = arena_create(LIMIT_MEMORY_DEFAULT)};
    const struct check_options options = {.max_findings = LIMIT_FINDINGS_PER_RULE,
                                          .deep = p->run.scene.check.deep && p->options.consent_count > 0};

    assert_non_null(a.arena);
    assert_int_equal(stage_open(p->run.source, LIMIT_MEMORY_DEFAULT, &a.file), STATUS_OK);
    if (p->plan.step_count > 0)
        assert_int_equal(stage_put(p->plan.stage, a.file), STATUS_OK);
    assert_int_equal(image_open(a.arena, a.file->source, p->run.scene.path, NULL, NULL, &a.image), STATUS_OK);
    if (p->options.parent != NULL)
        assert_int_equal(chain_lend(a.image, p->options.parent, "parent.vhdx"), STATUS_OK);
    assert_int_equal(check_run(a.image, &options, NULL, &a.result), STATUS_OK);
    *ret = a;
}

void after_close(struct after *a)
{
    image_close(a->image);
    store_close(a->file);
    arena_destroy(a->arena);
}

/* ---- what is promised ---- */

static void assert_steps_complete(const struct planned *p)
{
    for (uint64_t i = 0; i < p->plan.step_count; i++) {
        const struct plan_step *s = &p->plan.steps[i];
        size_t len = strlen(s->action);
        assert_true(len > 10 && s->action[len - 1] != '.');
        for (const char *c = s->action; *c; c++)
            if ((unsigned char)*c < 0x20)
                fail_msg("control character in an action");
        if (s->rule == NULL)
            continue;
        assert_true(s->reason && *s->reason);
        assert_true(s->class == REPAIR_AUTOMATIC || s->class == REPAIR_CONSENT);
        if (s->class == REPAIR_CONSENT && !consented(p, s->rule))
            fail_msg("%s was repaired without consent", s->rule->id);
        if (s->has_guest_range)
            assert_true(s->guest_len > 0);
    }
    if (p->plan.refused)
        assert_true(p->plan.refusal != NULL && p->plan.step_count == 0);
}

static bool in_a_step(const struct plan *p, uint64_t off)
{
    for (uint64_t i = 0; i < p->step_count; i++)
        if (off >= p->steps[i].off && off - p->steps[i].off < p->steps[i].len)
            return true;
    return false;
}

/* Every byte that the stage changes, and the size, are in a step. */
static void assert_changes_listed(const struct planned *p)
{
    const struct plan *plan = &p->plan;
    uint64_t old = plan->base->size, size = store_size(plan->stage);

    assert_int_equal(plan->old_size, old);
    assert_int_equal(plan->new_size, size);
    for (uint64_t i = 0; i < stage_piece_count(plan->stage); i++) {
        struct stage_piece piece = stage_piece(plan->stage, i);
        uint64_t end = u64_min(piece.off + piece.len, u64_min(old, size));
        static uint8_t a[PIECE], b[PIECE];
        for (uint64_t off = piece.off, n; off < end; off += n) {
            n = u64_min(PIECE, end - off);
            if (piece.kind == STAGE_ZERO) { /* zeros over a hole, of terabytes perhaps, change nothing */
                uint64_t data = off, hole;
                assert_int_equal(source_next_data(plan->base, off, &data, &hole), STATUS_OK);
                n = data > off ? data - off : n;
                if (data > off)
                    continue;
            }
            if (source_read(plan->base, off, a, n) != STATUS_OK)
                continue; /* a range of the case that cannot be read */
            assert_int_equal(source_read(plan->stage->source, off, b, n), STATUS_OK);
            if (memcmp(a, b, n) == 0)
                continue;
            for (size_t k = 0; k < n; k++)
                if (a[k] != b[k] && !in_a_step(plan, off + k))
                    fail_msg("byte 0x%llx changes and is in no step", (unsigned long long)(off + k));
        }
    }
    bool sized = old == size;
    for (uint64_t i = 0; i < plan->step_count && !sized; i++)
        sized = plan->steps[i].off + plan->steps[i].len >= u64_min(old, size);
    if (!sized)
        fail_msg("no step changes the size of the file");
}

static bool unchanged(const struct planned *p)
{
    bool same = false;
    assert_int_equal(stage_unchanged(p->plan.stage, &same), STATUS_OK);
    return same;
}

/* Why the rule's findings stay; NULL when the plan does not tell. */
static const char *left_reason(const struct plan *plan, const struct rule *rule)
{
    for (uint64_t i = 0; i < plan->left_count; i++)
        if (plan->left[i].rule == rule)
            return plan->left[i].reason;
    return NULL;
}

static bool was_evaluated_and_passed(const struct check_result *before, const struct rule *rule)
{
    if (before->rules[rule_index(rule)].outcome == RULE_NOT_EVALUATED)
        return false;
    for (uint64_t i = 0; i < before->finding_count; i++)
        if (before->findings[i]->rule == rule && before->findings[i]->severity >= SEVERITY_WARNING)
            return false;
    return true;
}

static void assert_findings_gone(const struct planned *p, const struct after *a, const struct job *j)
{
    for (uint64_t i = 0; i < a->result->finding_count; i++) {
        const struct finding *f = a->result->findings[i];
        if (f->view == VIEW_STORED && a->image->replayed)
            continue;
        if (f->severity >= SEVERITY_WARNING && was_evaluated_and_passed(p->before, f->rule))
            fail_msg("%s is new: %s", f->rule->id, f->message);
        if (f->repair == REPAIR_NONE)
            continue;
        bool allowed = consented(p, f->rule) || (f->repair == REPAIR_AUTOMATIC && f->severity >= SEVERITY_WARNING);
        const char *reason = left_reason(&p->plan, f->rule);
        if (allowed && !(reason && j->may_stay && j->may_stay(j, f->rule, reason)))
            fail_msg("%s stays (%s): %s", f->rule->id, reason ? reason : "not told why", f->message);
        /* Whatever may be repaired and stays is told. */
        if (!reason)
            fail_msg("%s stays and is not told", f->rule->id);
    }
    if (p->plan.step_count > 0 || p->run.scene.bad_len == 0) {
        assert_int_equal(p->plan.after, a->result->verdict);
        assert_int_equal(p->plan.errors_after, a->result->counts[SEVERITY_ERROR]);
    }
}

static void assert_second_plan_empty(struct planned *p, struct after *a)
{
    struct arena *arena = arena_create(LIMIT_MEMORY_DEFAULT);
    struct plan second;

    assert_int_equal(plan_make(arena, a->file->source, p->run.scene.path, &p->options, &second), STATUS_OK);
    if (second.step_count > 0)
        fail_msg("the second plan has %llu steps, the first one: %s, %s", (unsigned long long)second.step_count,
                 second.steps[0].rule ? second.steps[0].rule->id : "-", second.steps[0].action);
    plan_close(&second);
    arena_destroy(arena);
}

static void assert_headers_new(const struct planned *p, const struct after *a)
{
    const struct header_slot *s = a->image->headers;
    const struct header *old = image_header(p->run.image);

    assert_true(s[0].valid && s[1].valid);
    assert_memory_equal(s[0].h.raw.ptr + 16, s[1].h.raw.ptr + 16, 64);
    assert_true(s[0].h.sequence_number + 1 == s[1].h.sequence_number ||
                s[1].h.sequence_number + 1 == s[0].h.sequence_number);
    if (old == NULL)
        return;
    assert_false(guid_equal(&old->file_write_guid, &s[0].h.file_write_guid));
    if (!guid_equal(&old->data_write_guid, &s[0].h.data_write_guid)) {
        bool asked = false;
        for (uint64_t i = 0; i < p->plan.step_count; i++)
            asked = asked || p->plan.steps[i].class == REPAIR_CONSENT;
        assert_true(asked);
    }
}

static bool may_move_blocks(const struct plan_step *s)
{
    return s->class == REPAIR_CONSENT || strncmp(s->action, "replay the log", 14) == 0;
}

/* Only consent changes the state of a block, or where it lies; the log's own pages apart. */
static void assert_automatic_steps_are_tame(const struct planned *p)
{
    const struct view *v = p->run.image->main;

    for (uint64_t i = 0; i < p->plan.step_count; i++)
        if (p->plan.steps[i].rule && strcmp(p->plan.steps[i].rule->id, "VHDX-LOG-028") == 0)
            v = p->run.image->stored; /* the log was given up */
    for (uint64_t i = 0; i < p->plan.step_count; i++) {
        const struct plan_step *s = &p->plan.steps[i];
        uint64_t end = v->bat.off + v->bat.walk_entries * BAT_ENTRY_LEN;
        if (s->class != REPAIR_AUTOMATIC || s->rule == NULL || v->bat.absence != ABSENT_NOT || s->off < v->bat.off ||
            s->off >= end || strncmp(s->action, "replay the log", 14) == 0)
            continue;
        for (uint64_t off = s->off; off < u64_min(s->off + s->len, end); off += BAT_ENTRY_LEN) {
            uint8_t old[8], new[8];
            assert_int_equal(source_read(v->src, off, old, 8), STATUS_OK); /* with the log replayed */
            assert_int_equal(source_read(p->plan.stage->source, off, new, 8), STATUS_OK);
            unsigned state = bat_entry_state(le64(old));
            bool live = state == PAYLOAD_FULLY_PRESENT || state == PAYLOAD_PARTIALLY_PRESENT;
            bool other_consent = false;
            for (uint64_t k = 0; k < p->plan.step_count; k++)
                other_consent = other_consent || (may_move_blocks(&p->plan.steps[k]) && p->plan.steps[k].off <= off &&
                                                  off - p->plan.steps[k].off < p->plan.steps[k].len);
            if (!other_consent &&
                (bat_entry_state(le64(new)) != state || (live && bat_entry_off(le64(new)) != bat_entry_off(le64(old)))))
                fail_msg("%s changed a block without consent", s->rule->id);
        }
    }
}

/* ---- guest data ---- */

static bool is_named(const struct plan *p, uint64_t off, uint64_t *ret_end)
{
    for (uint64_t i = 0; i < p->step_count; i++) {
        const struct plan_step *s = &p->steps[i];
        if (s->has_guest_range && off >= s->guest_off && off - s->guest_off < s->guest_len) {
            *ret_end = s->guest_off + s->guest_len;
            return true;
        }
    }
    return false;
}

static void assert_same_bytes(struct guest *a, struct guest *b, uint64_t off, uint64_t len)
{
    static uint8_t u[PIECE], w[PIECE];

    while (len > 0) {
        size_t n = (size_t)u64_min(len, PIECE);
        uint64_t faults = 0;
        assert_int_equal(guest_read(a, off, u, n, NULL, NULL, &faults), STATUS_OK);
        assert_int_equal(faults, 0);
        assert_int_equal(guest_read(b, off, w, n, NULL, NULL, &faults), STATUS_OK);
        if (faults > 0)
            fail_msg("guest byte 0x%llx could be read and cannot any more", (unsigned long long)off);
        bool same = memcmp(u, w, n) == 0;
        for (size_t i = 0; i < n && !same; i++)
            if (u[i] != w[i])
                fail_msg("guest byte 0x%llx changes and is in no step", (unsigned long long)(off + i));
        off += n;
        len -= n;
    }
}

static void assert_guest_data_same(struct planned *p, struct after *a)
{
    const struct guest_options options = {.salvage = false};
    struct guest *old = NULL, *new = NULL;
    const char *why = NULL;
    uint64_t named;

    enum status st = guest_open(p->run.image, &options, &old, &why);
    if (st == STATUS_REFUSED || (st == STATUS_LIMIT && p->run.scene.memory > 0))
        return; /* nothing could be read, or the case has too little memory for it */
    assert_int_equal(st, STATUS_OK);
    if (p->options.parent == NULL)
        a->image->parent = p->run.image->parent; /* none, or one that was not found */
    st = guest_open(a->image, &options, &new, &why);
    if (st == STATUS_REFUSED) {
        if (!is_named(&p->plan, 0, &named) || named < guest_size(old))
            fail_msg("the disk could be read and cannot any more: %s", why);
        return;
    }
    assert_int_equal(st, STATUS_OK);
    for (uint64_t off = 0; off < guest_size(old);) {
        struct guest_extent x, y;
        if (is_named(&p->plan, off, &named)) {
            off = named;
            continue;
        }
        if (off >= guest_size(new))
            fail_msg("the disk ends earlier");
        uint64_t most = guest_size(old) - off;
        for (uint64_t i = 0; i < p->plan.step_count; i++) /* up to the next range that is named */
            if (p->plan.steps[i].has_guest_range && p->plan.steps[i].guest_off > off)
                most = u64_min(most, p->plan.steps[i].guest_off - off);
        assert_int_equal(guest_extent_merged(old, off, most, &x), STATUS_OK);
        assert_int_equal(guest_extent_merged(new, off, u64_min(x.len, guest_size(new) - off), &y), STATUS_OK);
        if (x.fault == GUEST_FAULT_NONE && (x.data || y.data || y.fault != GUEST_FAULT_NONE))
            assert_same_bytes(old, new, off, y.len);
        off += y.len;
    }
}

/* ---- all of it ---- */

void plan_keeps_its_promises(const struct job *j)
{
    struct planned p;
    struct after a;

    planned_open(&p, j);
    assert_steps_complete(&p);
    assert_changes_listed(&p);
    assert_true((p.plan.step_count == 0) == unchanged(&p));
    assert_automatic_steps_are_tame(&p);
    after_open(&p, &a);
    assert_findings_gone(&p, &a, j);
    if (p.plan.step_count > 0)
        assert_headers_new(&p, &a);
    assert_guest_data_same(&p, &a);
    assert_second_plan_empty(&p, &a);
    after_close(&a);
    planned_close(&p);
}
