/* SPDX-License-Identifier: MIT */
/*
 * See powerloss.h. A state is new when the write that was issued last is in it, at least in part: the states without it
 * were those before it. So for each write its subsets with the unsynced ones before it are played, and nothing twice; a
 * sync adds no state, it only makes fewer possible later.
 */
#include "powerloss.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* ---- playing ---- */

/* Which units of a write got to the disk: all, the first n, all but the first n, or some at random. */
struct tear {
    enum { TEAR_NOT, TEAR_LOST, TEAR_FIRST, TEAR_REST, TEAR_RANDOM } kind;
    uint32_t unit; /* 512 or 4096 */
    uint64_t n;    /* units, or a seed */
};

struct player {
    const struct recording *recording;
    const struct power_options *options;
    uint32_t stores;
    struct disk durable[POWER_STORES];
    struct disk state[POWER_STORES];
    uint64_t *pending;  /* indices of ops */
    struct tear *tears; /* of each of them */
    uint64_t pending_count, pending_cap;
    uint64_t random, seen, shown;
    uint64_t issued;
    bool (*visit)(void *context, struct disk *disks, uint64_t issued);
    void *context;
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t draw(struct player *p)
{
    return mix(p->random += 0x9e3779b97f4a7c15);
}

static bool arrives(const struct tear *t, uint64_t unit)
{
    switch (t->kind) {
    case TEAR_NOT:
        return true;
    case TEAR_LOST:
        return false;
    case TEAR_FIRST:
        return unit < t->n;
    case TEAR_REST:
        return unit >= t->n;
    case TEAR_RANDOM:
        return mix(t->n + unit) & 1;
    }
    return false;
}

static void apply(const struct player *p, const struct op *op, const struct tear *t, struct disk *disks)
{
    struct disk *d = &disks[op->store];
    const uint8_t *bytes = op->kind == OP_WRITE ? p->recording->bytes + op->data : NULL;

    if (t->kind == TEAR_LOST)
        return;
    if (op->kind == OP_RESIZE) {
        disk_resize(d, op->off);
        return;
    }
    if (t->kind == TEAR_NOT) {
        disk_write(d, op->off, bytes, (size_t)op->len);
        return;
    }
    uint64_t first = op->off / t->unit;
    for (uint64_t at = 0; at < op->len;) {
        uint64_t off = op->off + at, n = u64_min(op->len - at, t->unit - off % t->unit);
        if (arrives(t, off / t->unit - first))
            disk_write(d, off, bytes != NULL ? bytes + at : NULL, (size_t)n);
        at += n;
    }
}

static bool show(struct player *p)
{
    uint64_t mark = pool_mark();

    if (p->options->every > 1 && p->seen++ % p->options->every != 0)
        return true;
    p->shown++;
    if (p->visit == NULL)
        return true;
    for (uint32_t i = 0; i < p->stores; i++)
        disk_copy(&p->state[i], &p->durable[i]);
    for (uint64_t i = 0; i < p->pending_count; i++)
        apply(p, &p->recording->ops[p->pending[i]], &p->tears[i], p->state);
    bool go_on = p->visit(p->context, p->state, p->issued);
    pool_release(mark);
    return go_on;
}

/* The writes before the last one: those whose bit is set arrived. */
static void choose(struct player *p, uint64_t bits)
{
    for (uint64_t i = 0; i + 1 < p->pending_count; i++)
        p->tears[i] = (struct tear){.kind = bits >> (i % 64) & 1 ? TEAR_NOT : TEAR_LOST};
}

static void choose_randomly(struct player *p)
{
    for (uint64_t i = 0; i + 1 < p->pending_count; i += 64) {
        uint64_t bits = draw(p);
        for (uint64_t k = i; k < i + 64 && k + 1 < p->pending_count; k++)
            p->tears[k] = (struct tear){.kind = bits >> (k - i) & 1 ? TEAR_NOT : TEAR_LOST};
    }
}

static bool play_subsets(struct player *p)
{
    uint64_t others = p->pending_count - 1;

    p->tears[others] = (struct tear){.kind = TEAR_NOT};
    if (others < POWER_SUBSETS_OF) {
        for (uint64_t bits = 0; bits < (uint64_t)1 << others; bits++) {
            choose(p, bits);
            if (!show(p))
                return false;
        }
        return true;
    }
    for (uint64_t i = 0; i < p->options->samples; i++) {
        if (i == 0)
            choose(p, UINT64_MAX);
        else if (i == 1)
            choose(p, 0);
        else
            choose_randomly(p);
        if (!show(p))
            return false;
    }
    return true;
}

static uint64_t units_of(const struct op *op, uint32_t unit)
{
    return (op->off + op->len - 1) / unit - op->off / unit + 1;
}

static bool can_tear(const struct op *op, uint32_t unit)
{
    return op->kind != OP_RESIZE && op->len > 0 && units_of(op, unit) > 1;
}

/* The last write torn in two: at each boundary, or at 16 of them, with all or none of the others. */
static bool play_torn(struct player *p, uint32_t unit)
{
    uint64_t last = p->pending_count - 1;
    const struct op *op = &p->recording->ops[p->pending[last]];

    if (!can_tear(op, unit))
        return true;
    uint64_t units = units_of(op, unit), cuts = u64_min(units - 1, 16);
    for (uint64_t c = 1; c <= cuts; c++) {
        uint64_t cut = units - 1 <= 16 ? c : 1 + (c - 1) * (units - 2) / 15;
        for (int rest = 0; rest < 2; rest++) {
            for (int others = 0; others < (last > 0 ? 2 : 1); others++) {
                choose(p, others == 0 ? UINT64_MAX : 0);
                p->tears[last] = (struct tear){.kind = rest ? TEAR_REST : TEAR_FIRST, .unit = unit, .n = cut};
                if (!show(p))
                    return false;
            }
        }
    }
    return true;
}

/* Everything at once: each write lost, whole, or any of its sectors. */
static bool play_mixed(struct player *p)
{
    for (uint64_t k = 0; k < p->options->torn_samples; k++) {
        for (uint64_t i = 0; i < p->pending_count; i++) {
            const struct op *op = &p->recording->ops[p->pending[i]];
            uint64_t r = draw(p);
            struct tear t = {.kind = TEAR_RANDOM, .unit = r & 8 ? 512 : DISK_PAGE, .n = r >> 8};
            if (!can_tear(op, t.unit) || (r & 3) < 2)
                t.kind = r & 4 ? TEAR_NOT : TEAR_LOST;
            if (t.kind == TEAR_LOST && i + 1 == p->pending_count)
                t.kind = TEAR_NOT;
            p->tears[i] = t;
        }
        if (!show(p))
            return false;
    }
    return true;
}

static void make_durable(struct player *p, uint32_t store)
{
    const struct tear whole = {.kind = TEAR_NOT};
    uint64_t kept = 0;

    for (uint64_t i = 0; i < p->pending_count; i++) {
        const struct op *op = &p->recording->ops[p->pending[i]];
        if (op->store == store)
            apply(p, op, &whole, p->durable);
        else
            p->pending[kept++] = p->pending[i];
    }
    p->pending_count = kept;
}

static bool play(struct player *p)
{
    p->tears[0] = (struct tear){.kind = TEAR_LOST};
    if (!show(p)) /* nothing happened yet */
        return false;
    for (uint64_t i = 0; i < p->recording->count; i++) {
        const struct op *op = &p->recording->ops[i];
        p->issued = i + 1;
        if (op->kind == OP_SYNC) {
            make_durable(p, op->store);
            continue;
        }
        p->pending[p->pending_count++] = i;
        if (!play_subsets(p) || !play_torn(p, 512) || !play_torn(p, DISK_PAGE) || !play_mixed(p))
            return false;
    }
    return true;
}

uint64_t power_play(const struct recording *r, const struct disk *start, uint32_t stores, const struct power_options *o,
                    bool (*visit)(void *context, struct disk *disks, uint64_t issued), void *context)
{
    uint64_t mark = pool_mark();
    struct player *p = (struct player *)calloc(1, sizeof(*p));

    if (p == NULL)
        abort();
    p->recording = r;
    p->options = o;
    p->stores = stores;
    p->random = o->seed;
    p->visit = visit;
    p->context = context;
    p->pending = (uint64_t *)calloc((size_t)r->count + 1, sizeof(*p->pending));
    p->tears = (struct tear *)calloc((size_t)r->count + 1, sizeof(*p->tears));
    if (p->pending == NULL || p->tears == NULL)
        abort();
    for (uint32_t i = 0; i < stores; i++)
        disk_copy(&p->durable[i], &start[i]);
    (void)play(p);
    uint64_t shown = p->shown;
    free(p->pending);
    free(p->tears);
    free(p);
    pool_release(mark);
    return shown;
}
