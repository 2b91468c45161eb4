/* SPDX-License-Identifier: MIT */
/*
 * What all fixers share: reading and changing the stage, and the list of steps that says what was changed and why. A
 * change that would leave the bytes as they are is no change, so a fixer may be asked again about what it has mended.
 */
#include "repair/fix.h"

#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/bat_walk.h"

enum { WINDOW_LEN = 65536 };

const char *fix_text(struct fixing *x, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    const char *s = text_vformat(x->arena, fmt, ap);
    va_end(ap);
    return s;
}

enum status fix_refuse(struct fixing *x, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    x->why_not = text_vformat(x->arena, fmt, ap);
    va_end(ap);
    return STATUS_OK;
}

void fix_guest(struct fixing *x, uint64_t off, uint64_t len)
{
    x->has_guest = len > 0;
    x->guest_off = off;
    x->guest_len = len;
}

void fix_guest_changed(struct fixing *x)
{
    x->headers->guest_changed = true;
}

bool fix_consented(const struct fixing *x, const char *rule)
{
    for (uint32_t i = 0; i < x->options->consent_count; i++)
        if (strcmp(x->options->consent[i], rule) == 0)
            return true;
    return false;
}

bool fix_found(const struct fixing *x, const char *rule)
{
    const struct rule *r = rule_find(rule);

    if (x->found->rules[rule_index(r)].count == 0) /* asked for each of thousands of entries */
        return false;
    for (uint64_t i = 0; i < x->found->finding_count; i++) {
        const struct finding *f = x->found->findings[i];
        if (f->rule == r && !finding_is_stored_only(f))
            return true;
    }
    return false;
}

bool fix_waits_for_errors(struct fixing *x)
{
    if (x->found->counts[SEVERITY_ERROR] == 0)
        return false;
    (void)fix_refuse(x, "errors must be settled first: another structure may lie there");
    return true;
}

/* ---- steps ---- */

/* The last step goes on here: the same thing done to the bytes behind. */
static bool step_continues(const struct plan_step *last, const struct plan_step *s)
{
    if (last->rule != s->rule || last->off + last->len != s->off || last->len == 0 || s->len == 0 ||
        last->has_guest_range != s->has_guest_range || strcmp(last->action, s->action) != 0)
        return false;
    return !s->has_guest_range || last->guest_off + last->guest_len == s->guest_off;
}

enum status fix_note(struct fixing *x, uint64_t off, uint64_t len, const char *action)
{
    struct plan *p = x->plan;
    const struct finding *f = x->finding;
    struct plan_step s = {
        .off = off,
        .len = len,
        .action = action,
        .has_guest_range = x->has_guest,
        .guest_off = x->guest_off,
        .guest_len = x->guest_len,
        .at = {.structure = STRUCTURE_HEADER, .index = -1, .off = off, .len = len},
    };

    x->has_guest = false;
    x->guest_off = x->guest_len = 0;
    x->changed = true;
    if (f != NULL) {
        s.rule = f->rule;
        s.class = f->repair;
        s.at = f->at;
    } else {
        s.class = REPAIR_AUTOMATIC;
    }
    if (p->step_count > 0 && step_continues(&p->steps[p->step_count - 1], &s)) {
        struct plan_step *last = &p->steps[p->step_count - 1];
        last->len += s.len;
        last->guest_len += s.guest_len;
        return STATUS_OK;
    }
    /* The round's arena goes before the plan does. */
    s.action = arena_copy(p->arena, action, strlen(action));
    s.reason = f != NULL ? arena_copy(p->arena, f->message, strlen(f->message)) : NULL;
    if (s.action == NULL || (f != NULL && s.reason == NULL) ||
        (p->step_count == p->step_cap &&
         !arena_grow(p->arena, (void **)&p->steps, &p->step_cap, p->step_count, sizeof(*p->steps))))
        return arena_status(p->arena);
    p->steps[p->step_count++] = s;
    return STATUS_OK;
}

/* ---- changing ---- */

enum status fix_read(struct fixing *x, uint64_t off, void *buf, size_t len)
{
    size_t got;

    return source_read_some(x->stage->source, off, buf, len, &got);
}

/* Whether the stage holds these bytes already, all of them inside the file. */
static enum status holds(struct fixing *x, uint64_t off, const uint8_t *buf, size_t len, bool *ret)
{
    uint8_t now[4096];

    *ret = false;
    if (!range_in(off, len, store_size(x->stage)))
        return STATUS_OK;
    while (len > 0) {
        size_t n = len < sizeof(now) ? len : sizeof(now);
        enum status st = source_read(x->stage->source, off, now, n);
        if (st != STATUS_OK)
            return st;
        if (memcmp(now, buf, n) != 0)
            return STATUS_OK;
        off += n;
        buf += n;
        len -= n;
    }
    *ret = true;
    return STATUS_OK;
}

enum status fix_write(struct fixing *x, uint64_t off, const void *buf, size_t len, const char *action)
{
    bool same = false;

    enum status st = holds(x, off, (const uint8_t *)buf, len, &same);
    if (st != STATUS_OK || same)
        return st;
    st = store_write(x->stage, off, buf, len);
    return st == STATUS_OK ? fix_note(x, off, len, action) : st;
}

/* The first byte of [off, end) that is not zero; end when there is none. */
static enum status first_nonzero(struct fixing *x, uint64_t off, uint64_t end, uint64_t *ret)
{
    struct source *src = x->stage->source;
    uint8_t *buf = arena_alloc(x->arena, WINDOW_LEN);
    enum status st = STATUS_OK;

    if (buf == NULL)
        return arena_status(x->arena);
    *ret = end;
    for (uint64_t hole = off; off < end && *ret == end;) {
        if (off == hole) { /* nothing is known from here on */
            uint64_t data;
            st = source_next_data(src, off, &data, &hole);
            if (st != STATUS_OK || data >= end)
                break;
            off = data;
        }
        size_t n = (size_t)u64_min(WINDOW_LEN, u64_min(hole, end) - off);
        st = source_read(src, off, buf, n);
        if (st != STATUS_OK)
            break;
        size_t at = span_find_nonzero(span_of(buf, n), 0);
        if (at < n)
            *ret = off + at;
        off += n;
    }
    arena_release(x->arena, buf);
    return st;
}

enum status fix_zero(struct fixing *x, uint64_t off, uint64_t len, const char *action)
{
    uint64_t size = store_size(x->stage), end = u64_min(u64_add_sat(off, len), size), first = end;

    if (off >= end)
        return STATUS_OK;
    enum status st = first_nonzero(x, off, end, &first);
    if (st != STATUS_OK || first == end)
        return st;
    st = store_zero(x->stage, off, end - off);
    return st == STATUS_OK ? fix_note(x, off, end - off, action) : st;
}

/* What another fixer of this round has put behind the end must stay. */
enum status fix_grow(struct fixing *x, uint64_t size, const char *action)
{
    uint64_t old = store_size(x->stage);

    if (size <= old)
        return STATUS_OK;
    enum status st = store_resize(x->stage, size);
    return st == STATUS_OK ? fix_note(x, old, 0, action) : st;
}

enum status fix_cut(struct fixing *x, uint64_t size, const char *action)
{
    uint64_t old = store_size(x->stage);

    enum status st = store_resize(x->stage, size);
    return st == STATUS_OK ? fix_note(x, size, old - size, action) : st;
}

/* In memory, for ranges that were changed already: the stage can only refer to bytes of the file as it is. */
static enum status copy_bytes(struct fixing *x, uint64_t to, uint64_t from, uint64_t len)
{
    uint8_t *buf = arena_alloc(x->arena, WINDOW_LEN);
    enum status st = buf != NULL ? STATUS_OK : arena_status(x->arena);

    while (st == STATUS_OK && len > 0) {
        size_t n = (size_t)u64_min(WINDOW_LEN, len);
        st = fix_read(x, from, buf, n);
        if (st == STATUS_OK)
            st = store_write(x->stage, to, buf, n);
        to += n;
        from += n;
        len -= n;
    }
    arena_release(x->arena, buf);
    return st;
}

enum status fix_copy(struct fixing *x, uint64_t to, uint64_t from, uint64_t len, const char *action)
{
    uint64_t size = x->plan->base->size, here = from < size ? u64_min(len, size - from) : 0;
    enum status st = STATUS_OK;

    if (store_size(x->stage) < to + len)
        st = store_resize(x->stage, to + len);
    if (st == STATUS_OK && stage_touches(x->stage, from, len))
        st = copy_bytes(x, to, from, len);
    else if (st == STATUS_OK && here > 0)
        st = stage_copy(x->stage, to, from, here);
    return st == STATUS_OK ? fix_note(x, to, len, action) : st;
}

/* ---- places ---- */

bool fix_growth_is_too_long(struct fixing *x, uint64_t size)
{
    if (size <= HOST_OFFSET_MAX)
        return false;
    (void)fix_refuse(x, "the file cannot grow: no host holds a longer one");
    return true;
}

bool fix_growth_is_claimed(struct fixing *x, uint64_t size)
{
    uint64_t now = store_size(x->stage);
    const struct layout_map *m = x->view->layout;

    if (size <= now || !layout_map_payload_at(m, now, size - now))
        return false;
    (void)fix_refuse(x, "the file cannot grow: blocks of the disk are said to lie behind its end (VHDX-BAT-012, -019)");
    return true;
}

static bool note_missing(void *ctx, const struct bat_note *n)
{
    bool *missing = ctx;

    *missing = (n->facts & BAT_FACT_PAST_EOF) != 0;
    return !*missing;
}

/* Whether the file lacks bytes that a block says are there; not those of a last block behind the end of the disk. */
static bool blocks_lack_bytes(struct view *v)
{
    bool missing = false;

    return bat_visit_notable(v, note_missing, &missing) != STATUS_OK || missing;
}

bool fix_allocate(struct fixing *x, uint64_t len, uint64_t *ret_off)
{
    struct view *v = x->view;
    uint64_t size = store_size(x->stage), start = u64_max(size, x->end), off, end;

    if (v->survey == NULL) {
        (void)fix_refuse(x,
                         "where the blocks of the disk lie must be known first: nothing may be put over one of them");
        return false;
    }
    bool claimed = layout_map_payload_at(v->layout, size, u64_add_sat(start, len + MIB) - size);
    if (claimed && !blocks_lack_bytes(v)) {
        start = u64_max(start, layout_map_end(v->layout));
        claimed = false;
    }
    if (!u64_align_up(start, MIB, &off) || !u64_add(off, len, &end) || end > LIMIT_REPLAYED_SIZE) {
        (void)fix_refuse(x, "the file would become larger than any VHDX needs to be");
        return false;
    }
    if (claimed || layout_map_fixed_at(v->layout, off, len) != NULL) {
        (void)fix_refuse(x, "the room behind the end of the file is claimed by a structure or block that is not in the "
                            "file: that must be settled first");
        return false;
    }
    x->end = end;
    *ret_off = off;
    return true;
}

uint64_t fix_owners(const struct fixing *x, uint64_t off, uint64_t len)
{
    const struct view *v = x->view;
    uint64_t n = 0, count = layout_map_fixed_count(v->layout);

    for (uint64_t i = 0; i < count; i++) {
        const struct extent *e = layout_map_fixed(v->layout, i);
        n += e->start < u64_add_sat(off, len) && off < e->end;
    }
    return n;
}

static bool is_shared(struct fixing *x, int *known, uint64_t off, uint64_t len, const char *name)
{
    if (*known == 0)
        *known = len > 0 && fix_owners(x, off, len) > 1 ? 2 : 1;
    if (*known == 2)
        (void)fix_refuse(x, "other structures lie over the %s: what is written to one destroys the other", name);
    return *known == 2;
}

bool fix_bat_is_shared(struct fixing *x)
{
    return is_shared(x, &x->bat_shared, x->view->bat.off, x->view->bat.walk_entries * BAT_ENTRY_LEN, "BAT");
}

bool fix_metadata_is_shared(struct fixing *x)
{
    return is_shared(x, &x->metadata_shared, x->view->metadata_region.off, x->view->metadata_region.len, "metadata");
}

bool fix_log_is_taken(struct fixing *x)
{
    const struct image *img = x->img;
    const struct layout_map *m = x->view->layout;
    uint64_t off = img->log.off, len = img->log.len;

    if (off < HEADER_SECTION_LEN || fix_owners(x, off, len) > 1 || layout_map_payload_at(m, off, len)) {
        (void)fix_refuse(x, "other structures or blocks lie over the log");
        return true;
    }
    return false;
}
