/* SPDX-License-Identifier: MIT */
/*
 * Rules of the block allocation table ([MS-VHDX] 2.5), second part: entries whose place belongs to something else,
 * blocks that lack their bitmap, and slots that describe nothing.
 *
 * A place that is wrong by itself (wrapping, over the log or a region) is not reported again for each block that it
 * happens to cover: of two blocks that meet there, one is right.
 */
#include "base/checked.h"
#include "check/bat_entry.h"
#include "check/phrases.h"
#include "check/wording.h"

/* Where no block may lie, so that a place there is wrong by itself: behind the header section, as each place is. */
static bool place_is_wrong(const struct view *v, uint64_t start, uint64_t end)
{
    return (start < v->log_off + v->log_len && v->log_off < end) ||
           layout_map_region_at(v->layout, start, end - start) != NULL;
}

static bool own_place_is_wrong(const struct bat_note *n)
{
    return (n->facts & (BAT_FACT_WRAPS | BAT_FACT_HITS_HEADER | BAT_FACT_HITS_LOG | BAT_FACT_HITS_REGION)) != 0;
}

/* Both parties of a collision may be right, so it is a finding of its own. */
static bool collision_counts(const struct subject *s, enum bat_fact fact)
{
    const struct extent *other = bat_note_other(s->note, fact);
    return (s->note->facts & (unsigned)fact) != 0 && !own_place_is_wrong(s->note) &&
           (other->kind == OWNER_NONE || !place_is_wrong(s->view, other->start, other->end));
}

/* ---- collisions, 014 - 019 ---- */

/* 7-Zip compares blocks with blocks; structures that a block lies over are nothing to it. */
static void hits_blocks_too(struct finding *f, const struct bat_note *n)
{
    if ((n->facts & (BAT_FACT_SAME_PAYLOAD | BAT_FACT_PARTIAL_PAYLOAD)) != 0)
        finding_stops_also(f, PEER_7ZIP);
}

static void block_over_log(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_live(s) || (n->facts & BAT_FACT_WRAPS))
        return;
    struct finding *f =
        fail(p, at_bat_entry(n),
             BAT_ENTRY " places its block at 0x%" PRIx64 "-0x%" PRIx64 ", over the log at 0x%" PRIx64 "-0x%" PRIx64,
             BAT_ENTRY_ARGS(n), n->off, n->off + n->len, s->view->log_off, s->view->log_off + s->view->log_len);
    finding_expected(p, f, "a place of its own");
    finding_actual(p, f, "0x%" PRIx64, n->off);
    finding_guest_of(f, n);
    finding_related(p, f, STRUCTURE_LOG, NO_INDEX, s->view->log_off);
    hits_blocks_too(f, n);
    /* Where a log is there is a header. Of a sector bitmap that lies there, nobody knows what the log left. */
    if (guid_is_nil(&image_header(s->image)->log_guid) && !n->slot.is_bitmap) {
        finding_repair(f, REPAIR_CONSENT);
        finding_next(
            p, f, "vhdxray repair FILE --consent VHDX-BAT-014 (plan only; makes a new log behind the end of the file)");
    }
}

static void block_over_region(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    const unsigned facts = n->facts & (BAT_FACT_HITS_REGION | BAT_FACT_HITS_LOG | BAT_FACT_WRAPS);
    if (!bat_is_live(s) || facts != BAT_FACT_HITS_REGION)
        return;
    const struct extent *e = bat_note_other(n, BAT_FACT_HITS_REGION);
    struct finding *f =
        fail(p, at_bat_entry(n),
             BAT_ENTRY " places its block at 0x%" PRIx64 "-0x%" PRIx64 ", over a region at 0x%" PRIx64 "-0x%" PRIx64,
             BAT_ENTRY_ARGS(n), n->off, n->off + n->len, e->start, e->end);
    if (!f)
        return;
    finding_expected(p, f, "a place of its own");
    finding_actual(p, f, "0x%" PRIx64, n->off);
    finding_guest_of(f, n);
    finding_related(p, f, STRUCTURE_REGION_TABLE, (int64_t)e->ref, e->start);
    finding_means(p, f, "guest data of this block and %s cannot both be right",
                  phrase_owner(probe_arena(p), s->view, e));
    hits_blocks_too(f, n);
    if (e->start != s->view->bat_region.off && e->start != s->view->metadata_region.off)
        finding_is_no_matter_to(f, PEER_HYPERV); /* openvmm keeps no place free for regions it does not know */
}

static void blocks_share_place(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    const struct view *v = s->view;
    if (!collision_counts(s, BAT_FACT_SAME_PAYLOAD))
        return;
    const struct extent *other = bat_note_other(n, BAT_FACT_SAME_PAYLOAD);
    bool known = other->kind == OWNER_PAYLOAD;
    uint64_t first = known ? other->ref : n->index;
    struct finding *f =
        known ? fail(p, at_bat_index(v, first),
                     "BAT entries %" PRIu64 " and %" PRIu64 " (file offsets 0x%" PRIx64 " and 0x%" PRIx64
                     ") both place their block at 0x%" PRIx64 "; each block needs a place of its own",
                     first, n->index, bat_index_off(v, first), n->entry_off, n->off)
              : fail(p, at_bat_entry(n),
                     BAT_ENTRY " places its block at 0x%" PRIx64 ", where an earlier entry has its own already",
                     BAT_ENTRY_ARGS(n), n->off);
    if (!f)
        return;
    finding_expected(p, f, "different places");
    finding_actual(p, f, "0x%" PRIx64, n->off);
    if (!known) {
        finding_guest_of(f, n);
        return;
    }
    struct arena *a = probe_arena(p);
    uint64_t block = bat_slot_of_index(&v->geometry, first).block;
    finding_guest(f, block * v->geometry.block_size, block_guest_len(&v->geometry, block));
    finding_related(p, f, STRUCTURE_BAT, (int64_t)n->index, n->entry_off);
    finding_means(p, f, "%s and %s show the same bytes: one of them is lost", phrase_block(a, &v->geometry, block),
                  phrase_block(a, &v->geometry, n->slot.block));
}

static void blocks_overlap(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!collision_counts(s, BAT_FACT_PARTIAL_PAYLOAD))
        return;
    const struct extent *other = bat_note_other(n, BAT_FACT_PARTIAL_PAYLOAD);
    bool known = other->kind == OWNER_PAYLOAD;
    struct finding *f = fail(p, at_bat_entry(n),
                             BAT_ENTRY " places its block at 0x%" PRIx64 "-0x%" PRIx64
                                       ", over a part of another payload block; each block needs a place of its own",
                             BAT_ENTRY_ARGS(n), n->off, n->off + n->len);
    if (!f)
        return;
    finding_expected(p, f, "a place of its own");
    finding_actual(p, f, "0x%" PRIx64, n->off);
    finding_guest_of(f, n);
    if (!known)
        return;
    uint64_t block = bat_slot_of_index(&s->view->geometry, other->ref).block;
    finding_related(p, f, STRUCTURE_BAT, (int64_t)other->ref, bat_index_off(s->view, other->ref));
    finding_means(p, f, "%s and %s share bytes: a part of one of them is lost",
                  phrase_block(probe_arena(p), &s->view->geometry, block),
                  phrase_guest(probe_arena(p), n->guest_off, n->guest_len));
}

/* A bitmap block over another block; a payload block over a bitmap block. */
static void bitmap_overlap(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!s->view->geometry.differencing || !collision_counts(s, BAT_FACT_HITS_BITMAP))
        return;
    const struct extent *other = bat_note_other(n, BAT_FACT_HITS_BITMAP);
    bool known = other->kind == OWNER_BITMAP || other->kind == OWNER_PAYLOAD;
    struct finding *f = fail(p, at_bat_entry(n), BAT_ENTRY " places its block at 0x%" PRIx64 "-0x%" PRIx64 ", over %s",
                             BAT_ENTRY_ARGS(n), n->off, n->off + n->len,
                             !known                        ? "another block"
                             : other->kind == OWNER_BITMAP ? "a sector bitmap block"
                                                           : "a payload block");
    finding_expected(p, f, "a place of its own");
    finding_actual(p, f, "0x%" PRIx64, n->off);
    finding_guest_of(f, n);
    if (known)
        finding_related(p, f, STRUCTURE_BAT, (int64_t)other->ref, bat_index_off(s->view, other->ref));
}

/* What is wrong with the place of a soft anchor. */
enum {
    ANCHOR_FACTS = BAT_FACT_WRAPS | BAT_FACT_PAST_EOF | BAT_FACT_HITS_LOG | BAT_FACT_HITS_REGION |
                   BAT_FACT_HITS_BITMAP | BAT_FACT_HITS_ANCHOR | BAT_FACT_SAME_PAYLOAD | BAT_FACT_PARTIAL_PAYLOAD
};

/* The soft anchor itself: past the end, or somewhere that is taken. */
static void anchor_is_wrong(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    bool past = (n->facts & (BAT_FACT_WRAPS | BAT_FACT_PAST_EOF)) != 0;
    struct finding *f = fail(p, at_bat_entry(n), BAT_ENTRY " in state %u keeps its old place 0x%" PRIx64 ", which %s",
                             BAT_ENTRY_ARGS(n), bat_entry_state(n->raw), bat_entry_off(n->raw),
                             past ? "lies past the end of the file" : "something else uses by now");
    finding_expected(p, f, "0, or a place inside the file that nothing else uses");
    finding_actual(p, f, "0x%" PRIx64, bat_entry_off(n->raw));
    finding_guest_of(f, n);
    if ((n->facts & ANCHOR_FACTS) == BAT_FACT_PAST_EOF &&
        bat_ends_in_last_mib(s->view, bat_entry_off(n->raw) + s->view->geometry.block_size))
        finding_is_no_matter_to(f, PEER_HYPERV);
    if (!past && n->other.kind >= OWNER_BITMAP)
        finding_related(p, f, STRUCTURE_BAT, (int64_t)n->other.ref, bat_index_off(s->view, n->other.ref));
}

static void anchor_taken(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;

    if (n->anchor) {
        anchor_is_wrong(p, s);
        return;
    }
    if (!bat_is_live(s) || !collision_counts(s, BAT_FACT_HITS_ANCHOR))
        return;
    /* The fault is the anchor's, which is an earlier entry here. */
    const struct extent *anchor = bat_note_other(n, BAT_FACT_HITS_ANCHOR);
    bool known = anchor->kind == OWNER_ANCHOR;
    struct finding *f =
        known ? fail(p, at_bat_index(s->view, anchor->ref),
                     "BAT entry %" PRIu64 " (file offset 0x%" PRIx64 ") keeps the old place 0x%" PRIx64
                     " of its block, which BAT entry %" PRIu64 " uses by now",
                     anchor->ref, bat_index_off(s->view, anchor->ref), anchor->start, n->index)
              : fail(p, at_bat_entry(n),
                     BAT_ENTRY " uses 0x%" PRIx64 ", which an earlier entry in state 1 or 3 keeps as its old place",
                     BAT_ENTRY_ARGS(n), n->off);
    finding_expected(p, f, "0, or a place inside the file that nothing else uses");
    finding_actual(p, f, "0x%" PRIx64, known ? anchor->start : n->off);
    if (known)
        finding_related(p, f, STRUCTURE_BAT, (int64_t)n->index, n->entry_off);
}

/* ---- differencing, 020 ---- */

static void bitmap_missing(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    /* A PRESENT bitmap at an impossible place is reported there: VHDX-BAT-008, -010, SBM-001. */
    if (bat_entry_state(n->bitmap_raw) == BITMAP_PRESENT)
        return;
    uint64_t bitmap = bat_index_of_bitmap(&s->view->geometry, n->slot.chunk);
    struct finding *f = fail(p, at_bat_entry(n),
                             BAT_ENTRY " is partially present, but BAT entry %" PRIu64 " of its chunk %" PRIu64
                                       " has no sector bitmap, expected state 6",
                             BAT_ENTRY_ARGS(n), bitmap, n->slot.chunk);
    finding_expected(p, f, "a PRESENT bitmap for chunk %" PRIu64, n->slot.chunk);
    finding_guest_of(f, n);
    finding_related(p, f, STRUCTURE_BAT, (int64_t)bitmap, bat_index_off(s->view, bitmap));
}

/* ---- slots that describe nothing, 021 ---- */

static void slot_unused(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    bool harmless = (n->raw & ~BAT_STATE_MASK) == 0;
    struct finding *f = fail_as(p, harmless ? SEVERITY_INFO : SEVERITY_WARNING, at_bat_entry(n),
                                "BAT entry %" PRIu64 " (file offset 0x%" PRIx64 ") is 0x%" PRIx64
                                ", expected 0: the disk has only %" PRIu64 " block%s and none for this entry",
                                n->index, n->entry_off, n->raw, s->view->geometry.payload_blocks,
                                plural(s->view->geometry.payload_blocks));
    finding_expected(p, f, "0");
    finding_actual(p, f, "0x%" PRIx64, n->raw);
    if (harmless) {
        finding_quirk(f, "qemu");
        finding_means(p, f, "nothing: no reader looks at this slot");
        finding_next(p, f, "nothing needs to be done");
    }
}

static const struct rule rules[] = {
    {
        .id = "VHDX-BAT-014",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_HITS_LOG,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.2.2, 2.5.1",
        .title = "block placed over the log",
        .why = "The next metadata change would be written over guest data, and a guest write would change what the log "
               "replays.",
        .means = "the content of the block is overwritten by the log, or the block's entry is damaged",
        .next = "do not let anything write to FILE; vhdxray dump FILE bat",
        .check = block_over_log,
    },
    {
        .id = "VHDX-BAT-015",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_HITS_REGION,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV,
        .spec = "2.2.3.2",
        .title = "block placed over a region",
        .why = "A guest write to the block would change the BAT or the metadata: a way for a hostile guest out of its "
               "disk.",
        .means = "guest data of the block and the region cannot both be right",
        .next = "do not let a guest write to FILE; vhdxray dump FILE bat",
        .check = block_over_region,
    },
    {
        .id = "VHDX-BAT-016",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_SAME_PAYLOAD,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1",
        .title = "two payload blocks share one place in the file",
        .why = "Each block needs a place of its own. A write to one changes the other, and nothing in the file says "
               "whose the "
               "bytes are. QEMU does not notice.",
        .means = "two guest ranges show the same bytes: one of them is lost",
        .next = "vhdxray repair FILE --consent VHDX-BAT-016 (plan only; copies the block for one owner)",
        .check = blocks_share_place,
    },
    {
        .id = "VHDX-BAT-017",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_PARTIAL_PAYLOAD,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1",
        .title = "two payload blocks overlap",
        .why = "Blocks may start at any MiB, so a wrong offset can make them share a part. A write to one changes the "
               "other.",
        .means = "two guest ranges share bytes: a part of one of them is lost",
        .next = "do not let a guest write to FILE; vhdxray dump FILE bat",
        .check = blocks_overlap,
    },
    {
        .id = "VHDX-BAT-018",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_HITS_BITMAP,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1",
        .title = "sector bitmap block overlaps another block",
        .why = "The bitmap says which sectors come from this file; where it shares bytes with a block, guest writes "
               "change "
               "that answer for a whole chunk.",
        .means = "either the block's data or the knowledge of which sectors come from the parent is lost",
        .next = "do not let a guest write to FILE; vhdxray dump FILE bitmap",
        .check = bitmap_overlap,
    },
    {
        .id = "VHDX-BAT-019",
        .scope = SCOPE_BAT_NOTE,
        .facts = ANCHOR_FACTS,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV,
        .spec = "2.5.1, 2.5.1.1",
        .title = "old place of an unmapped block is in use or past the end of the file",
        .why = "In states 1 and 3 an entry may keep the place of the block's old content (a soft anchor) for reuse. It "
               "must be "
               "dropped when something else takes the space.",
        .means = "guest data is not affected: the block reads as zeros; its old content is not there any more",
        .next = "vhdxray repair FILE (plan only; forgets the old place)",
        .check = anchor_taken,
    },
    {
        .id = "VHDX-BAT-020",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_NO_BITMAP,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV,
        .spec = "2.5.1.1",
        .title = "partially present block without a sector bitmap",
        .why = "State 7 is read sector by sector from this file or from the parent, as the chunk's bitmap says. "
               "Without it "
               "nobody knows which.",
        .means = "for each sector of the block it is unknown whether this file or the parent holds it",
        .next = "vhdxray repair FILE --consent VHDX-BAT-020 (plan only; sets state 6: all sectors come from "
                "this file)",
        .check = bitmap_missing,
    },
    {
        .id = "VHDX-BAT-021",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_UNUSED_SLOT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.5",
        .title = "BAT entry set for a block that the disk does not have",
        .why =
            "Slots behind the last entry, and in a differencing disk those behind the last block, describe nothing. An "
            "offset there belongs to a disk that was larger, or to a page of the BAT that was moved by one entry "
            "(VHDX-BAT-025).",
        .means = "the guest cannot see what the entry points to; it may be a block that it lost",
        .next = "vhdxray repair FILE --consent VHDX-BAT-021 (plan only; empties the slot); vhdxray dump FILE "
                "bat shows what it points to",
        .check = slot_unused,
    },
};

const struct rule_group bat_place_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
