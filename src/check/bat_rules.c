/* SPDX-License-Identifier: MIT */
/*
 * Rules of the block allocation table ([MS-VHDX] 2.5), first part: what an entry says by itself and where it points in
 * the file. Places that belong to something else are in bat_place_rules.c, the table as a whole is in
 * bat_table_rules.c. Nothing in a BAT has a checksum, so an entry is judged by what it may say (state, reserved bits)
 * and by the file's end.
 *
 * One damaged entry shall be one error. A bitmap slot of a disk without parent, which no reader looks at, is
 * VHDX-BAT-005 or -006 whatever it points to.
 */
#include "base/checked.h"
#include "base/text.h"
#include "check/bat_entry.h"
#include "check/phrases.h"
#include "check/wording.h"

static uint64_t live_len(const struct subject *s)
{
    return s->note->slot.is_bitmap ? BITMAP_BLOCK_LEN : s->view->geometry.block_size;
}

/* QEMU takes each entry in state 6, bitmap slots included, for a payload block, and refuses one over a structure. */
static bool qemu_refuses_place(const struct view *v, uint64_t off)
{
    uint64_t end = 0;
    return !u64_add(off, v->geometry.block_size, &end) || end > v->src->size ||
           (off < v->log_off + v->log_len && v->log_off < end) ||
           layout_map_region_at(v->layout, off, end - off) != NULL;
}

/* ---- the table as a whole, 001 ---- */

static void region_too_small(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct geometry *g = &v->geometry;
    const uint64_t slots = v->bat.region_len / BAT_ENTRY_LEN;

    if (!v->bat_region.found || !v->bat_region.in_file || slots >= g->entries || v->bat_region.len == 0)
        return; /* length 0 is VHDX-RGN-020 */
    /* What a differencing BAT has behind the last block describes nothing, unless that chunk has a bitmap. */
    bool spare = g->differencing && slots > bat_index_of_block(g, g->payload_blocks - 1);
    struct finding *f = fail_as(p, spare ? SEVERITY_WARNING : SEVERITY_ERROR,
                                at_place(STRUCTURE_BAT, NO_INDEX, v->bat_region.off, v->bat_region.len),
                                "the BAT region at 0x%" PRIx64 " has room for %" PRIu64
                                " entries, but a disk of this type, size and block size needs %" PRIu64,
                                v->bat_region.off, slots, g->entries);
    finding_expected(p, f, "at least %" PRIu64 " bytes", g->entries * BAT_ENTRY_LEN);
    finding_actual(p, f, "%" PRIu64 " bytes", v->bat_region.len);
    if (spare) {
        finding_repair(f, REPAIR_CONSENT);
        finding_next(p, f, "vhdxray repair FILE --consent VHDX-BAT-001 (plan only; moves the BAT to a larger region)");
        finding_means(p, f, "nothing is lost: the missing slots lie behind the last block of the disk");
    }
}

/* ---- states, 002 - 006 ---- */

static void state_reserved(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_payload(n) || bat_entry_state(n->raw) != PAYLOAD_RESERVED_4)
        return;
    struct finding *f =
        fail(p, at_bat_entry(n), BAT_ENTRY " has the reserved state 4, expected 0 to 3, 6 or 7", BAT_ENTRY_ARGS(n));
    finding_expected(p, f, "0-3, 6 or 7");
    finding_actual(p, f, "4");
    finding_guest_of(f, n);
}

static void state_of_draft(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_payload(n) || bat_entry_state(n->raw) != PAYLOAD_RESERVED_5)
        return;
    struct finding *f =
        fail(p, at_bat_entry(n),
             BAT_ENTRY " has state 5, which only the draft 0.95 of the format defined (unmapped), expected 3",
             BAT_ENTRY_ARGS(n));
    finding_expected(p, f, "3");
    finding_actual(p, f, "5");
    finding_guest_of(f, n);
}

static void state_needs_parent(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_payload(n) || s->view->geometry.differencing || bat_entry_state(n->raw) != PAYLOAD_PARTIALLY_PRESENT)
        return;
    struct finding *f = fail(
        p, at_bat_entry(n), BAT_ENTRY " has state 7 (partially present) on a disk without parent, expected 0 to 3 or 6",
        BAT_ENTRY_ARGS(n));
    finding_expected(p, f, "0-3 or 6");
    finding_actual(p, f, "7");
    finding_guest_of(f, n);
}

/* openvmm knows all states that payload has, takes 7 for 6, and asks for a bitmap where a block is partial. */
static bool openvmm_refuses_bitmap(const struct view *v, uint64_t raw)
{
    unsigned state = bat_entry_state(raw);
    uint64_t off = bat_entry_off(raw);

    if (!v->geometry.differencing)
        return false;
    if (state == PAYLOAD_PARTIALLY_PRESENT)
        return off != 0 &&
               (!range_in(off, BITMAP_BLOCK_LEN, HOST_OFFSET_MAX) || !bat_ends_in_last_mib(v, off + BITMAP_BLOCK_LEN) ||
                layout_map_fixed_at(v->layout, off, BITMAP_BLOCK_LEN) != NULL ||
                layout_map_payload_at(v->layout, off, BITMAP_BLOCK_LEN));
    return state == PAYLOAD_RESERVED_4 || state == PAYLOAD_RESERVED_5 ||
           v->survey->states[PAYLOAD_PARTIALLY_PRESENT] > 0;
}

static void bitmap_state_reserved(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    unsigned state = bat_entry_state(n->raw);
    if (!n->slot.is_bitmap || state == BITMAP_PRESENT)
        return;
    bool harmless = !s->view->geometry.differencing && bat_entry_off(n->raw) == 0;
    const char *expected = s->view->geometry.differencing ? "0 or 6" : "0";
    struct finding *f = fail_as(p, harmless ? SEVERITY_INFO : SEVERITY_ERROR, at_bat_entry(n),
                                BAT_ENTRY " is 0x%" PRIx64 ": state %u is reserved for a bitmap slot, expected %s",
                                BAT_ENTRY_ARGS(n), n->raw, state, expected);
    finding_expected(p, f, "%s", expected);
    finding_actual(p, f, "%u", state);
    if (!openvmm_refuses_bitmap(s->view, n->raw))
        finding_is_no_matter_to(f, PEER_HYPERV);
    if (harmless) {
        finding_quirk(f, "qemu");
        finding_stops(f, PEER_7ZIP);
        finding_means(p, f, "nothing: no reader looks at this slot on a disk without parent");
        finding_next(p, f, "nothing needs to be done");
    }
}

static void bitmap_without_parent(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    const uint64_t off = bat_entry_off(n->raw);
    const unsigned taken = BAT_FACT_ZERO_OFFSET | BAT_FACT_WRAPS | BAT_FACT_PAST_EOF | BAT_FACT_HITS_LOG |
                           BAT_FACT_HITS_REGION | BAT_FACT_HITS_BITMAP | BAT_FACT_HITS_ANCHOR | BAT_FACT_SAME_PAYLOAD |
                           BAT_FACT_PARTIAL_PAYLOAD;
    if (!bat_is_idle_bitmap(s) || bat_entry_state(n->raw) != BITMAP_PRESENT)
        return;
    bool free_space = (n->facts & taken) == 0;
    struct finding *f =
        fail_as(p, free_space ? SEVERITY_WARNING : SEVERITY_ERROR, at_bat_entry(n),
                BAT_ENTRY " says that a sector bitmap is present at 0x%" PRIx64
                          ", %s; a disk without parent has none, expected 0",
                BAT_ENTRY_ARGS(n), off,
                free_space ? "which is space that nothing else uses" : "which is no free space of this file");
    finding_expected(p, f, "0");
    finding_actual(p, f, "0x%" PRIx64, n->raw);
    if (qemu_refuses_place(s->view, off))
        finding_stops(f, PEER_7ZIP | PEER_QEMU);
    if (free_space)
        finding_means(p, f, "guest data is not affected: no reader looks at this slot on a disk without parent");
}

/* ---- one entry by itself, 007 - 010, 028 ---- */

static void reserved_bits(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    struct finding *f =
        fail(p, at_bat_entry(n), BAT_ENTRY " has reserved bits set: 0x%" PRIx64 ", expected bits 3-19 to be 0",
             BAT_ENTRY_ARGS(n), bat_entry_reserved(n->raw));
    finding_expected(p, f, "0");
    finding_actual(p, f, "0x%" PRIx64, bat_entry_reserved(n->raw));
    finding_guest_of(f, n);
    if (bat_is_idle_bitmap(s))
        finding_is_no_matter_to(f, PEER_HYPERV);
}

static void offset_zero(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_live(s))
        return;
    struct finding *f =
        fail(p, at_bat_entry(n),
             BAT_ENTRY " has state %u but FileOffsetMB 0: its block would lie over the header section, expected "
                       "at least 1",
             BAT_ENTRY_ARGS(n), bat_entry_state(n->raw));
    finding_expected(p, f, "FileOffsetMB >= 1");
    finding_actual(p, f, "0");
    finding_guest_of(f, n);
    if (bat_entry_state(n->raw) == PAYLOAD_FULLY_PRESENT && qemu_refuses_place(s->view, 0))
        finding_stops(f, PEER_7ZIP | PEER_QEMU);
}

/* Hyper-V does not open images with ZERO at a place; openvmm, by whose rules it is judged else, none with a far one. */
static void offset_idle(struct probe *p, const struct subject *s)
{
    const uint64_t far = (uint64_t)1 << 48; /* FileOffsetMB 2^28 */
    const struct bat_note *n = s->note;
    unsigned state = bat_entry_state(n->raw);
    if (state != PAYLOAD_NOT_PRESENT && (state != PAYLOAD_ZERO || n->slot.is_bitmap))
        return;
    struct finding *f = fail(p, at_bat_entry(n),
                             BAT_ENTRY " has state %u and still names the place 0x%" PRIx64 ", expected FileOffsetMB 0",
                             BAT_ENTRY_ARGS(n), state, bat_entry_off(n->raw));
    finding_expected(p, f, "FileOffsetMB 0");
    finding_actual(p, f, "0x%" PRIx64, bat_entry_off(n->raw));
    finding_guest_of(f, n);
    if (state == PAYLOAD_ZERO || (!bat_is_idle_bitmap(s) && bat_entry_off(n->raw) >= far))
        finding_stops(f, PEER_HYPERV);
}

static void offset_wraps(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_live(s))
        return;
    struct finding *f =
        fail(p, at_bat_entry(n), BAT_ENTRY " places %" PRIu64 " bytes at 0x%" PRIx64 ": no file can reach that far",
             BAT_ENTRY_ARGS(n), live_len(s), bat_entry_off(n->raw));
    finding_expected(p, f, "an end below 2^63");
    finding_actual(p, f, "0x%" PRIx64, bat_entry_off(n->raw));
    finding_guest_of(f, n);
}

/* ---- the end of the file, 011, 012 ---- */

static void block_cut(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_live(s) || (n->facts & BAT_FACT_WRAPS))
        return;
    uint64_t end = n->off + n->len;
    struct finding *f = fail(p, at_bat_entry(n),
                             BAT_ENTRY " has its block at 0x%" PRIx64 "-0x%" PRIx64 ", the file ends at 0x%" PRIx64
                                       "; all guest bytes of it are there",
                             BAT_ENTRY_ARGS(n), n->off, end, s->view->src->size);
    finding_expected(p, f, "a file of at least %" PRIu64 " bytes", end);
    finding_actual(p, f, "%" PRIu64 " bytes", s->view->src->size);
    finding_guest_of(f, n);
    if (s->view->type == DISK_FIXED)
        finding_quirk(f, "qemu");
    if (bat_ends_in_last_mib(s->view, end))
        finding_is_no_matter_to(f, PEER_HYPERV);
}

static void block_past_end(struct probe *p, const struct subject *s)
{
    const struct bat_note *n = s->note;
    if (!bat_is_live(s) || !bat_is_payload(n) || (n->facts & BAT_FACT_WRAPS))
        return;
    struct finding *f = fail(p, at_bat_entry(n),
                             BAT_ENTRY " has its block at 0x%" PRIx64 "-0x%" PRIx64 ", the file ends at 0x%" PRIx64
                                       ": %" PRIu64 " byte%s of guest data %s missing",
                             BAT_ENTRY_ARGS(n), n->off, n->off + n->len, s->view->src->size, n->missing,
                             plural(n->missing), n->missing == 1 ? "is" : "are");
    if (!f)
        return;
    finding_expected(p, f, "an end at or below 0x%" PRIx64, s->view->src->size);
    finding_actual(p, f, "0x%" PRIx64, n->off + n->len);
    finding_guest_of(f, n);
    const char *guest = phrase_guest(probe_arena(p), n->guest_off, n->guest_len);
    if (n->missing >= n->guest_len)
        finding_means(p, f, "%s is lost", guest);
    else
        finding_means(p, f, "%s of %s is lost", text_size(probe_arena(p), n->missing), guest);
    /* QEMU looks at state 6 only and rounds the size of the file up to a sector. */
    if (bat_entry_state(n->raw) == PAYLOAD_PARTIALLY_PRESENT || n->missing < 512)
        finding_stops(f, PEER_HYPERV | PEER_7ZIP);
    if (bat_ends_in_last_mib(s->view, n->off + n->len))
        finding_is_no_matter_to(f, PEER_HYPERV);
}

/* Kept for its id: an offset below 1 MiB is offset 0, because the field counts MiB. */
static void never(struct probe *p, const struct subject *s)
{
    (void)p;
    (void)s;
}

static const struct rule rules[] = {
    {
        .id = "VHDX-BAT-001",
        .scope = SCOPE_VIEW,
        .needs = NEED_GEOMETRY,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.5",
        .title = "BAT region too small for the entries of this disk",
        .why =
            "The number of entries follows from virtual size, block size and sector size; where the region ends before "
            "them, the last blocks cannot be found. Seen after a metadata item was changed by hand, and with writers "
            "that "
            "size the BAT of a child like that of a dynamic disk.",
        .means = "blocks whose entries do not fit cannot be found: the end of the guest disk is unreadable",
        .next = "vhdxray dump FILE metadata: compare virtual size and block size with what the disk should have",
        .check = region_too_small,
    },
    {
        .id = "VHDX-BAT-002",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_STATE,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1.1",
        .title = "payload block in the reserved state 4",
        .why = "State 4 has no meaning, so no reader can say what the guest should see. Damage, not a writer's habit.",
        .means = "the content of the block is unknown: programs refuse the file or fail when the guest reads there",
        .next = "vhdxray repair FILE --consent VHDX-BAT-002 (plan only; the block reads as zeros then); "
                "vhdxray dump FILE bat shows the entries around it",
        .check = state_reserved,
    },
    {
        .id = "VHDX-BAT-003",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_STATE,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1.1",
        .title = "payload block in state 5, UNMAPPED of the draft 0.95",
        .why = "The draft of the format called 5 what is 3 today; since then 5 is reserved. Some readers take it as "
               "zeros, "
               "others refuse the file.",
        .means = "the block reads as zeros, where it is read at all",
        .next = "vhdxray repair FILE --consent VHDX-BAT-003 (plan only; sets state 3, which reads as zeros "
                "as well)",
        .check = state_of_draft,
    },
    {
        .id = "VHDX-BAT-004",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_STATE,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_7ZIP | PEER_VIRTUALBOX,
        .spec = "2.5.1.1",
        .title = "payload block partially present on a disk without parent",
        .why = "State 7 says that some sectors come from the parent. Without one either the state is wrong or the disk "
               "lost "
               "its HasParent flag.",
        .means = "sectors of the block that a parent should supply are missing; the others are in the file",
        .next = "vhdxray repair FILE --consent VHDX-BAT-004 (plan only; sets state 6: all sectors come from "
                "this file); see first whether a parent locator exists (VHDX-META-039)",
        .check = state_needs_parent,
    },
    {
        .id = "VHDX-BAT-005",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_STATE,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1.2",
        .title = "sector bitmap entry in a reserved state",
        .why = "A bitmap slot knows the states 0 and 6 only. On a disk without parent nobody reads the slot, and QEMU "
               "before "
               "April 2023 leaves the state of a payload block there (issue 727).",
        .means = "which sectors of the chunk belong to this file and which to the parent is unknown",
        .next = "vhdxray repair FILE --consent VHDX-BAT-005 (plan only; sets the state that fits the chunk)",
        .check = bitmap_state_reserved,
    },
    {
        .id = "VHDX-BAT-006",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_STATE,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_7ZIP,
        .spec = "2.5.1.2",
        .title = "sector bitmap present on a disk without parent",
        .why = "Sector bitmaps belong to differencing disks. Where the slot points into space that is in use, it often "
               "holds "
               "the entry of a payload block that was moved there (VHDX-BAT-025, VHDX-BAT-026).",
        .means = "the slot may hold the place of a block that the guest can no longer see",
        .next = "vhdxray repair FILE --consent VHDX-BAT-006 (plan only; empties the slot); compare with "
                "VHDX-BAT-025 and VHDX-BAT-026 first",
        .check = bitmap_without_parent,
    },
    {
        .id = "VHDX-BAT-007",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_RESERVED_BITS,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1",
        .title = "reserved bits set in a BAT entry",
        .why = "Bits 3 to 19 are reserved and zero in every file a known writer makes; set bits point to damage or to "
               "data "
               "hidden in the table.",
        .means = "guest data is not affected where the file opens; strict programs refuse it",
        .next = "vhdxray repair FILE (plan only; clears the bits)",
        .check = reserved_bits,
    },
    {
        .id = "VHDX-BAT-008",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_ZERO_OFFSET,
        .needs = NEED_LAYOUT,
        .severity = SEVERITY_ERROR,
        .stops = PEER_7ZIP,
        .spec = "2.5.1",
        .title = "block present without a place in the file",
        .why =
            "Offset 0 is the header section. A reader that does not check hands the file's own headers to the guest, a "
            "writer overwrites them.",
        .means = "the content of the block is lost; the guest may be shown the file's headers instead",
        .next = "do not let a guest write to FILE; restore the block from a backup",
        .check = offset_zero,
    },
    {
        .id = "VHDX-BAT-009",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_IDLE_OFFSET,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.5.1.1",
        .title = "entry of an absent block names a place in the file",
        .why =
            "In states 0 and 2 the offset is reserved. QEMU before January 2015 left it in ZERO entries, and Hyper-V "
            "refuses such files.",
        .means = "guest data is not affected: the block reads as zeros, or from the parent, whatever lies there",
        .next = "vhdxray repair FILE (plan only; sets the offset to 0)",
        .check = offset_idle,
    },
    {
        .id = "VHDX-BAT-010",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_WRAPS,
        .severity = SEVERITY_ERROR,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1",
        .title = "block placed where no file can reach",
        .why = "Offset and length of the block exceed the range of signed 64-bit file offsets: the entry is damaged or "
               "crafted to make a reader's arithmetic overflow.",
        .means = "the content of the block is lost",
        .next = "vhdxray dump FILE bat: look at the entries around it; restore the block from a backup",
        .check = offset_wraps,
    },
    {
        .id = "VHDX-BAT-011",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_CUT_TAIL,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV | PEER_7ZIP,
        .spec = "2.4",
        .title = "last payload block cut at the end of the file",
        .why = "A block has its full size in the file even where the virtual disk ends inside it. QEMU ends fixed "
               "files at "
               "the last guest byte.",
        .means = "nothing is lost: all guest bytes of the block are in the file",
        .next = "vhdxray repair FILE (plan only; makes the file hold the whole block)",
        .check = block_cut,
    },
    {
        .id = "VHDX-BAT-012",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_PAST_EOF,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_QEMU | PEER_HYPERV | PEER_7ZIP,
        .spec = "2.5.1",
        .title = "payload block past the end of the file",
        .why =
            "The file is shorter than its BAT says: an interrupted copy or compaction, a full host disk, or a damaged "
            "entry.",
        .means = "guest data of the block is lost",
        .next = "vhdxray repair FILE --consent VHDX-BAT-012 (plan only; keeps what is there of a block and "
                "gives up the rest); look for a complete copy of FILE first",
        .check = block_past_end,
    },
    {
        .id = "VHDX-BAT-013",
        .scope = SCOPE_BAT_NOTE,
        .facts = BAT_FACT_HITS_HEADER,
        .severity = SEVERITY_ERROR,
        .spec = "2.5.1",
        .title = "never raised: block placed inside the header section, which is VHDX-BAT-008",
        .why = "FileOffsetMB counts MiB, so an offset below 1 MiB is offset 0. The id is kept so that it keeps its "
               "meaning.",
        .means = "see VHDX-BAT-008",
        .next = "vhdxray explain VHDX-BAT-008",
        .check = never,
    },
};

const struct rule_group bat_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
