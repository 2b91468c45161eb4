/* SPDX-License-Identifier: MIT */
/*
 * Rules of sector bitmaps ([MS-VHDX] 2.4, 2.5.1.2). Bits count only for blocks in state 7; what stands elsewhere is
 * never read, so it is information: where a lost allocation, a trim or a habit of the writer left its trace. The one
 * error is a bitmap that is not in the file.
 */
#include <inttypes.h>

#include "base/text.h"
#include "check/bat_entry.h"
#include "check/phrases.h"
#include "check/rule.h"
#include "check/wording.h"
#include "image/replay_plan.h"

/* Fewer set bits say nothing about how they are arranged. */
static const uint64_t PLAUSIBILITY_BITS = 1024;

static struct place at_bitmap(const struct bitmap_note *n)
{
    return at_place(STRUCTURE_SECTOR_BITMAP, (int64_t)n->chunk, n->off, BITMAP_BLOCK_LEN);
}

static void guest_block(struct probe *p, struct finding *f, const struct subject *s, uint64_t block)
{
    const struct geometry *g = &s->view->geometry;
    finding_guest(f, block * g->block_size, block_guest_len(g, block));
    finding_related(p, f, STRUCTURE_BAT, (int64_t)bat_index_of_block(g, block),
                    s->view->bat.off + bat_index_of_block(g, block) * BAT_ENTRY_LEN);
}

static void outside_file(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    /* Offsets that no file can have are VHDX-BAT-010. */
    if (n->in_file || !range_in(n->off, BITMAP_BLOCK_LEN, HOST_OFFSET_MAX))
        return;
    struct finding *f = fail(p, at_bitmap(n),
                             "the sector bitmap of chunk %" PRIu64 " (BAT entry %" PRIu64 ", file offset 0x%" PRIx64
                             ") lies at 0x%" PRIx64 "-0x%" PRIx64 ", the file ends at 0x%" PRIx64,
                             n->chunk, n->index, n->entry_off, n->off, n->off + BITMAP_BLOCK_LEN, s->view->src->size);
    const struct geometry *g = &s->view->geometry;
    if (bat_ends_in_last_mib(s->view, n->off + BITMAP_BLOCK_LEN))
        finding_is_no_matter_to(f, PEER_HYPERV);
    finding_expected(p, f, "an end at or below %" PRIu64, s->view->src->size);
    finding_actual(p, f, "%" PRIu64, n->off + BITMAP_BLOCK_LEN);
    finding_related(p, f, STRUCTURE_BAT, (int64_t)n->index, n->entry_off);
    uint64_t start = n->chunk * g->chunk_ratio * g->block_size;
    uint64_t len = g->chunk_ratio * g->block_size;
    finding_guest(f, start, len < g->virtual_size - start ? len : g->virtual_size - start);
}

static void bits_of_absent_blocks(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (n->bits_not_present == 0)
        return;
    struct finding *f =
        fail(p, at_bitmap(n),
             "the sector bitmap of chunk %" PRIu64 " at 0x%" PRIx64 " has %" PRIu64
             " bit%s set for blocks that are not present (state 0), the first one block %" PRIu64,
             n->chunk, n->off, n->bits_not_present, plural(n->bits_not_present), n->first_not_present_block);
    finding_expected(p, f, "0 bits for blocks in state 0");
    finding_actual(p, f, "%" PRIu64, n->bits_not_present);
    guest_block(p, f, s, n->first_not_present_block);
}

static void bits_without_meaning(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (n->bits_meaningless == 0)
        return;
    struct finding *f =
        fail(p, at_bitmap(n),
             "the sector bitmap of chunk %" PRIu64 " at 0x%" PRIx64 " has %" PRIu64
             " bit%s set for blocks whose state does not ask for any, the first one block %" PRIu64,
             n->chunk, n->off, n->bits_meaningless, plural(n->bits_meaningless), n->first_meaningless_block);
    finding_expected(p, f, "bits for blocks in state 7 only");
    finding_actual(p, f, "%" PRIu64, n->bits_meaningless);
    guest_block(p, f, s, n->first_meaningless_block);
}

static void bits_past_end(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (n->bits_past_end == 0)
        return;
    struct finding *f = fail(p, at_bitmap(n),
                             "the sector bitmap of chunk %" PRIu64 " at 0x%" PRIx64 " has %" PRIu64
                             " bit%s set for sectors behind the end of the disk",
                             n->chunk, n->off, n->bits_past_end, plural(n->bits_past_end));
    finding_expected(p, f, "0");
    finding_actual(p, f, "%" PRIu64, n->bits_past_end);
    finding_quirk(f, "windows");
}

static void could_be_full(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (n->partial_full == 0)
        return;
    struct finding *f = fail(p, at_bitmap(n),
                             "in chunk %" PRIu64 ", %" PRIu64 " of %" PRIu64
                             " partially present block%s %s bits set, the first one block %" PRIu64
                             ": %s could be fully present (state 6)",
                             n->chunk, n->partial_full, n->partial_blocks, plural(n->partial_blocks),
                             n->partial_full == 1 ? "has all its" : "have all their", n->first_partial_full,
                             n->partial_full == 1 ? "it" : "they");
    guest_block(p, f, s, n->first_partial_full);
}

static void carries_nothing(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (n->partial_empty == 0)
        return;
    struct finding *f =
        fail(p, at_bitmap(n),
             "in chunk %" PRIu64 ", %" PRIu64 " of %" PRIu64
             " partially present block%s %s no bit set, the first one block %" PRIu64
             ": all %s sectors come from the parent",
             n->chunk, n->partial_empty, n->partial_blocks, plural(n->partial_blocks),
             n->partial_empty == 1 ? "has" : "have", n->first_partial_empty, n->partial_empty == 1 ? "its" : "their");
    guest_block(p, f, s, n->first_partial_empty);
}

static void serves_no_block(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (!n->in_file || n->partial_blocks > 0 || (n->bits_total > 0 && n->not_present_blocks < n->blocks))
        return;
    struct finding *f =
        fail(p, at_bitmap(n), "the sector bitmap of chunk %" PRIu64 " at 0x%" PRIx64 " serves no block: %s", n->chunk,
             n->off,
             n->bits_total == 0 ? "none of the chunk is partially present and all bits are zero"
                                : "the whole chunk is not present (state 0)");
    finding_related(p, f, STRUCTURE_BAT, (int64_t)n->index, n->entry_off);
}

static void hidden_from_guest(struct probe *p, const struct subject *s)
{
    const struct deep_note *n = s->content;
    const struct geometry *g = &s->view->geometry;
    if (n->kind != DEEP_HIDDEN)
        return;
    uint64_t sectors = block_guest_len(g, n->block) / g->logical_sector_size;
    struct finding *f =
        fail(p, at_place(STRUCTURE_PAYLOAD, (int64_t)n->block, n->off, n->len),
             "block %" PRIu64 " (%s) holds data in %" PRIu64 " of its %" PRIu64
             " sectors although %s 0, the first of it at 0x%" PRIx64 ": the guest sees the parent there",
             n->block, phrase_block(probe_arena(p), g, n->block), n->count, sectors,
             n->count == 1 ? "its bit is" : "their bits are", n->first_off);
    finding_expected(p, f, "zeros in sectors whose bit is 0");
    finding_actual(p, f, "%" PRIu64 " sector%s with data", n->count, plural(n->count));
    finding_next(p, f, "vhdxray dump FILE --range 0x%" PRIx64 ":+0x%x",
                 n->first_off - n->first_off % g->logical_sector_size, g->logical_sector_size);
    guest_block(p, f, s, n->block);
}

struct bitmap_changes {
    uint64_t pages, bytes;
    struct extent first_owner;
    uint64_t first_off;
};

static bool count_change(void *ctx, const struct replay_page *page)
{
    struct bitmap_changes *c = ctx;
    if (page->owner.kind != OWNER_BITMAP)
        return true;
    if (c->pages++ == 0) {
        c->first_owner = page->owner;
        c->first_off = page->first_off;
    }
    c->bytes += page->changed;
    return true;
}

static void views_differ(struct probe *p, const struct subject *s)
{
    struct image *img = s->image;
    struct bitmap_changes c = {.pages = 0};
    if (img->main == img->stored || !img->main->survey || !img->main->geometry.differencing ||
        img->main->survey->bitmaps_present == 0)
        return;
    probe_status(p, replay_plan_visit(img, count_change, &c));
    if (c.pages == 0)
        return;
    uint64_t chunk = bat_slot_of_index(&img->main->geometry, c.first_owner.ref).chunk;
    struct finding *f = fail(p, at_place(STRUCTURE_SECTOR_BITMAP, (int64_t)chunk, c.first_off, c.bytes),
                             "replaying the log changes %" PRIu64 " byte%s in %" PRIu64
                             " page%s of sector bitmaps, the first one at 0x%" PRIx64 " in chunk %" PRIu64,
                             c.bytes, plural(c.bytes), c.pages, plural(c.pages), c.first_off, chunk);
    finding_related(p, f, STRUCTURE_BAT, (int64_t)c.first_owner.ref,
                    img->main->bat.off + c.first_owner.ref * BAT_ENTRY_LEN);
}

/*
 * Guests write 4 KiB and more at a time, so bits come in runs of eight and more, and there are at most two changes
 * between 0 and 1 for eight set bits. Payload has about one change for every set bit.
 */
static void implausible(struct probe *p, const struct subject *s)
{
    const struct bitmap_note *n = s->bitmap;
    if (n->bits_total < PLAUSIBILITY_BITS || n->transitions < n->bits_total / 2)
        return;
    struct finding *f =
        fail(p, at_bitmap(n),
             "the sector bitmap of chunk %" PRIu64 " at 0x%" PRIx64 " has %" PRIu64 " set bits in about %" PRIu64
             " runs: it looks like other data, or like bits in the wrong order",
             n->chunk, n->off, n->bits_total, n->transitions / 2);
    finding_expected(p, f, "runs of at least 8 sectors");
    finding_actual(p, f, "%" PRIu64 " changes in %" PRIu64 " set bits", n->transitions, n->bits_total);
}

static const struct rule rules[] = {
    {
        .id = "VHDX-SBM-001",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.5.1.2",
        .title = "sector bitmap not in the file",
        .why = "The BAT says that the bitmap is present, but the file ends before it: an interrupted copy, or a "
               "damaged entry.",
        .means = "for partially present blocks of the chunk it is unknown which sectors this file holds",
        .next = "look for a complete copy of FILE: what lies past its end cannot be rebuilt from it",
        .check = outside_file,
    },
    {
        .id = "VHDX-SBM-002",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.4",
        .title = "bits set for blocks that are not present",
        .why = "Either the block's BAT entry was lost after its bits were written, or the block was given back to the "
               "parent: "
               "openvmm leaves the bits then.",
        .means = "the guest sees the parent there; if the block's entry was lost, newer data is missing",
        .next = "vhdxray dump FILE bitmap",
        .check = bits_of_absent_blocks,
    },
    {
        .id = "VHDX-SBM-003",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.5.1.1",
        .title = "bits set for blocks in a state that ignores them",
        .why = "Bits count in state 7 only. A block that became fully present, zero or unmapped may keep its old bits.",
        .means = "guest data is not affected: nobody reads these bits",
        .next = "nothing needs to be done",
        .check = bits_without_meaning,
    },
    {
        .id = "VHDX-SBM-004",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.4",
        .title = "bits set past the end of the disk",
        .why = "Hyper-V fills the rest of the first 4 KiB page of a bitmap with ones. Nobody reads them.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = bits_past_end,
    },
    {
        .id = "VHDX-SBM-005",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "partially present block with all bits set",
        .why = "All its sectors are in this file. The state could be 6, which saves the look at the bitmap.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = could_be_full,
    },
    {
        .id = "VHDX-SBM-006",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "impl",
        .title = "partially present block with no bit set",
        .why = "All its sectors come from the parent; what its place in the file holds is residue.",
        .means = "the guest sees the parent there; if the bits were lost, newer data is missing",
        .next = "vhdxray dump FILE bitmap",
        .check = carries_nothing,
    },
    {
        .id = "VHDX-SBM-007",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.5.1.2",
        .title = "sector bitmap that serves no block",
        .why = "A bitmap may be present without a partially present block; it stays behind when blocks are filled or "
               "given "
               "back.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = serves_no_block,
    },
    {
        .id = "VHDX-SBM-008",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.3",
        .title = "replaying the log changes sector bitmaps",
        .why = "Bitmap pages are updated through the log. Programs that ignore it read sectors from the wrong file.",
        .means = "programs that do not replay the log show older sectors of some blocks",
        .next = "vhdxray log FILE --plan",
        .check = views_differ,
    },
    {
        .id = "VHDX-SBM-009",
        .scope = SCOPE_CONTENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.4",
        .title = "data in sectors that the bitmap leaves to the parent",
        .why = "Where a bit is 0 the block's own bytes are never read. Older content of the block stays there, and so "
               "does data whose bits were lost or never written.",
        .means = "the guest does not see it; if the bits were lost, newer data is missing",
        .next = "vhdxray dump FILE --range A:B: look at the bytes",
        .check = hidden_from_guest,
    },
    {
        .id = "VHDX-SBM-010",
        .scope = SCOPE_BITMAP,
        .severity = SEVERITY_INFO,
        .spec = "2.4",
        .title = "sector bitmap looks like something else",
        .why =
            "Real bitmaps consist of long runs. Many short ones suggest that the entry points at other data, or that a "
            "writer counted bits from the wrong end.",
        .means = "if it is no bitmap, sectors of this chunk come from the wrong file",
        .next = "vhdxray dump FILE bitmap --hex",
        .check = implausible,
    },
};

const struct rule_group bitmap_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
