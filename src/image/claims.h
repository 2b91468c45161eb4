/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of the BAT claim which places of the file, so that an entry can ask what earlier entries claimed there.
 * Kept are the first units (1 MiB) of blocks only: all payload blocks have one size, so two of them overlap exactly
 * when their first units are less than that apart. Below LIMIT_NEAR_UNITS, where every real image lies, each kind of
 * claim is a map of bits; above, claims are far (image/far_claims.h).
 */
#ifndef VHDXRAY_IMAGE_CLAIMS_H
#define VHDXRAY_IMAGE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/status.h"
#include "format/bat.h"
#include "image/far_claims.h"
#include "image/unit_map.h"

enum claim_kind { CLAIM_LIVE, CLAIM_ANCHOR, CLAIM_BITMAP, CLAIM_KINDS }; /* live: payload state 6 or 7 */

/* How an entry overlaps others; the order of BAT_FACT_SAME_PAYLOAD and the facts behind it (image/bat_walk.h). */
enum overlap_kind { OVERLAP_SAME, OVERLAP_PARTIAL, OVERLAP_BITMAP, OVERLAP_ANCHOR, OVERLAP_KINDS };

struct rival {
    enum claim_kind kind;
    uint64_t unit;
    uint64_t owner; /* BAT index; CLAIM_OWNER_UNKNOWN until looked for */
};
static const uint64_t CLAIM_OWNER_UNKNOWN = UINT64_MAX;

struct overlap {
    unsigned kinds;                     /* bits 1 << enum overlap_kind */
    struct rival rivals[OVERLAP_KINDS]; /* per kind the rival that lies lowest in the file */
};

struct claims {
    struct arena *arena;
    uint64_t block_units; /* payload block size in units, a power of two */
    struct unit_map near[CLAIM_KINDS];
    struct far_claims far; /* the lowest far claims; all of them when far.bound is UINT64_MAX */
    uint64_t far_count;    /* claims at or above LIMIT_NEAR_UNITS, duplicates included */
    bool far_failed;       /* no memory for even a small list of them: far claims are not judged */
    uint64_t end_unit;     /* end of the highest claim */
};

struct claims *claims_create(struct arena *a, uint64_t block_units);

/* Whether an entry that says `raw` claims a place, and as what. Offset 0 is the header section's and claims nothing. */
bool claim_of_entry(const struct geometry *g, bool is_bitmap, uint64_t raw, enum claim_kind *ret);

/* True when count live blocks from unit on, one behind the other, are all near and meet no earlier claim. */
bool claims_run_is_free(const struct claims *c, uint64_t unit, uint64_t count);
enum status claims_add_run(struct claims *c, uint64_t unit, uint64_t count);

/*
 * For many live blocks in no order: claims that are quickly seen to be near and free. Values are copied, so that a loop
 * keeps them in registers. No `pages`: no quick way now (nothing claimed yet, anchors or bitmaps to look at, too large
 * blocks).
 */
struct claims_quick {
    uint64_t *const *pages;
    uint64_t *flat; /* all pages in one; or NULL */
    uint64_t margin; /* block_units - 1 */
    uint64_t near;   /* the bits around a block in which no other one may start, lowest first */
    uint64_t limit;  /* units that may be asked for */
};
struct claims_quick claims_quick_open(const struct claims *c);
/* After some were taken: the end of the highest one. Those to come may be quicker with what is opened after it. */
void claims_quick_close(struct claims *c, uint64_t end_unit);

/* The word of the map that a unit has its bit in, NULL when its page is not there. unit < q->limit. */
static inline uint64_t *claims_quick_word(const struct claims_quick *q, uint64_t unit)
{
    uint64_t *page;
    if (q->flat)
        return q->flat + (unit >> 6);
    page = q->pages[unit >> UNIT_PAGE_SHIFT];
    return page ? &page[unit >> 6 & (UNIT_PAGE_WORDS - 1)] : NULL;
}

/* False (nothing claimed) says that the block must be judged, not that it overlaps. unit < q->limit. */
static inline bool claims_quick_take(const struct claims_quick *q, uint64_t unit)
{
    uint64_t *word = claims_quick_word(q, unit), bit = unit & 63;
    if (!word || bit < q->margin || bit + q->margin > 63 || *word & q->near << (bit - q->margin))
        return false;
    *word |= (uint64_t)1 << bit;
    return true;
}

/* What the near claims made so far have in common with a claim of `kind` at unit. */
void claims_judge(const struct claims *c, enum claim_kind kind, uint64_t unit, struct overlap *ret);
/* Adds a claim, near or far. In BAT order. */
enum status claims_add(struct claims *c, enum claim_kind kind, uint64_t unit, uint64_t index);

/* As claims_judge() against a sealed list of far claims, taking only owners below before_index. */
void claims_judge_far(const struct claims *c, const struct far_claims *far, enum claim_kind kind, uint64_t unit,
                      uint64_t before_index, struct overlap *ret);

/* True when a payload block or anchor claims a unit of [from, to). */
bool claims_any(const struct claims *c, uint64_t from, uint64_t to);

/* Runs of units claimed by payload blocks and anchors, upwards. Start with a zeroed position. */
struct claims_position {
    bool started[2], ended[2];
    uint64_t start[2]; /* per map of bits the next claim */
};
/*
 * The first run at or above unit `from`, which never falls from call to call (a block that reaches into it counts):
 * [*ret_start, *ret_end) in units, all of it claimed. Above the bound of an incomplete far list everything up to the
 * highest claim counts.
 */
bool claims_next_run(const struct claims *c, struct claims_position *p, uint64_t from, uint64_t *ret_start,
                     uint64_t *ret_end);

#endif
