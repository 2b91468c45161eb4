/* SPDX-License-Identifier: MIT */
/*
 * The one table of fixers, in catalogue order: what mends the findings of a rule, and when. A rule that is repairable
 * has a row; tests ask for it. Inside a phase fixers are called in this order.
 */
#include "repair/fix_bat.h"
#include "repair/fix_bitmap.h"
#include "repair/fix_header.h"
#include "repair/fix_locator.h"
#include "repair/fix_log.h"
#include "repair/fix_metadata.h"
#include "repair/fix_region.h"
#include "repair/fix_wipe.h"

static const struct fixer fixers[] = {
    {"VHDX-FILE-003", PHASE_SIZE, REACH_SHARED, fix_round_size, NULL},
    {"VHDX-FILE-005", PHASE_SIZE, REACH_ONCE, fix_trim_size, NULL},
    {"VHDX-FILE-012", PHASE_SIZE, REACH_ONCE, fix_fixed_size, NULL},

    {"VHDX-FID-001", PHASE_IDENTIFIER, REACH_SHARED, fix_signature, NULL},
    {"VHDX-FID-004", PHASE_WIPE, REACH_SHARED, fix_wipe_place, NULL},
    {"VHDX-FID-005", PHASE_WIPE, REACH_SHARED, fix_wipe_place, NULL},

    {"VHDX-HDR-001", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-002", PHASE_HEADERS, REACH_ONCE, fix_header_checksums, NULL},
    {"VHDX-HDR-003", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-005", PHASE_HEADERS, REACH_SHARED, fix_log_version, NULL},
    {"VHDX-HDR-006", PHASE_HEADERS, REACH_ONCE, fix_header_choice, NULL},
    {"VHDX-HDR-007", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-008", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-009", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-010", PHASE_HEADERS, REACH_ONCE, fix_sequence_numbers, NULL},
    {"VHDX-HDR-011", PHASE_HEADERS, REACH_SHARED, fix_header_reserved, NULL},
    {"VHDX-HDR-012", PHASE_WIPE, REACH_SHARED, fix_wipe_place, NULL},
    {"VHDX-HDR-013", PHASE_HEADERS, REACH_ONCE, fix_log_place, NULL},
    {"VHDX-HDR-014", PHASE_HEADERS, REACH_ONCE, fix_log_place, NULL},
    {"VHDX-HDR-015", PHASE_HEADERS, REACH_ONCE, fix_log_place, NULL},
    {"VHDX-HDR-016", PHASE_HEADERS, REACH_ONCE, fix_log_place, NULL},
    {"VHDX-HDR-017", PHASE_HEADERS, REACH_ONCE, fix_log_guid_alone, NULL},
    {"VHDX-HDR-018", PHASE_HEADERS, REACH_ONCE, fix_log_place, NULL},
    {"VHDX-HDR-020", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-021", PHASE_HEADERS, REACH_SHARED, fix_data_write_guid, NULL},
    {"VHDX-HDR-022", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-023", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-024", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-025", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-026", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
    {"VHDX-HDR-029", PHASE_WIPE, REACH_SHARED, fix_wipe_place, NULL},

    {"VHDX-RGN-001", PHASE_REGIONS, REACH_ONCE, fix_region_tables, NULL},
    {"VHDX-RGN-002", PHASE_REGIONS, REACH_SHARED, fix_region_copy, NULL},
    {"VHDX-RGN-003", PHASE_REGIONS, REACH_SHARED, fix_region_copy, NULL},
    {"VHDX-RGN-005", PHASE_REGIONS, REACH_ONCE, fix_region_copy, NULL},
    {"VHDX-RGN-006", PHASE_REGIONS, REACH_ONCE, fix_region_choice, NULL},
    {"VHDX-RGN-007", PHASE_REGIONS, REACH_SHARED, fix_region_reserved, NULL},
    {"VHDX-RGN-008", PHASE_REGIONS, REACH_ONCE, fix_region_duplicate, NULL},
    {"VHDX-RGN-011", PHASE_REGIONS, REACH_ONCE, fix_region_extend, NULL},
    {"VHDX-RGN-014", PHASE_REGIONS, REACH_SHARED, fix_region_required, NULL},
    {"VHDX-RGN-015", PHASE_REGIONS, REACH_SHARED, fix_region_word, NULL},
    {"VHDX-RGN-018", PHASE_REGIONS, REACH_ONCE, fix_region_lost_bat, NULL},
    {"VHDX-RGN-019", PHASE_REGIONS, REACH_ONCE, fix_region_lost_metadata, NULL},
    {"VHDX-RGN-021", PHASE_WIPE, REACH_SHARED, fix_region_rest, NULL},
    {"VHDX-RGN-023", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},

    {"VHDX-META-003", PHASE_METADATA, REACH_SHARED, fix_metadata_reserved, NULL},
    {"VHDX-META-004", PHASE_METADATA, REACH_SHARED, fix_entry_reserved, NULL},
    {"VHDX-META-005", PHASE_METADATA, REACH_ONCE, fix_entry_duplicate, NULL},
    {"VHDX-META-010", PHASE_METADATA, REACH_SHARED, fix_entry_offset, NULL},
    {"VHDX-META-017", PHASE_METADATA, REACH_SHARED, fix_entry_flags, NULL},
    {"VHDX-META-018", PHASE_METADATA, REACH_SHARED, fix_entry_flags, NULL},
    {"VHDX-META-020", PHASE_METADATA, REACH_ONCE, fix_file_parameters, NULL},
    {"VHDX-META-021", PHASE_METADATA, REACH_ONCE, fix_lost_disk_size, NULL},
    {"VHDX-META-022", PHASE_METADATA, REACH_ONCE, fix_logical_sector, NULL},
    {"VHDX-META-023", PHASE_METADATA, REACH_ONCE, fix_lost_physical_sector, NULL},
    {"VHDX-META-024", PHASE_METADATA, REACH_ONCE, fix_lost_disk_id, NULL},
    {"VHDX-META-025", PHASE_METADATA, REACH_SHARED, fix_disk_id, NULL},
    {"VHDX-META-026", PHASE_METADATA, REACH_ONCE, fix_incomplete_marker, NULL},
    {"VHDX-META-029", PHASE_METADATA, REACH_SHARED, fix_parameter_flags, NULL},
    {"VHDX-META-030", PHASE_METADATA, REACH_SHARED, fix_parameter_flags, NULL},
    {"VHDX-META-033", PHASE_METADATA, REACH_ONCE, fix_disk_size, NULL},
    {"VHDX-META-035", PHASE_METADATA, REACH_SHARED, fix_physical_sector, NULL},
    {"VHDX-META-036", PHASE_METADATA, REACH_SHARED, fix_physical_sector, NULL},
    {"VHDX-META-038", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-META-039", PHASE_METADATA, REACH_ONCE, fix_parent_flag, NULL},
    {"VHDX-META-040", PHASE_WIPE, REACH_SHARED, fix_wipe_entries, NULL},
    {"VHDX-META-041", PHASE_WIPE, REACH_SHARED, fix_wipe_metadata, NULL},

    {"VHDX-BAT-001", PHASE_BAT, REACH_ALONE, fix_bat_region, NULL},
    {"VHDX-BAT-002", PHASE_BAT, REACH_SHARED, fix_state_reserved, NULL},
    {"VHDX-BAT-003", PHASE_BAT, REACH_SHARED, fix_state_draft, NULL},
    {"VHDX-BAT-004", PHASE_BAT, REACH_SHARED, fix_state_partial, NULL},
    {"VHDX-BAT-005", PHASE_BAT, REACH_SHARED, fix_bitmap_state, NULL},
    {"VHDX-BAT-006", PHASE_BAT, REACH_SHARED, fix_bitmap_stray, NULL},
    {"VHDX-BAT-007", PHASE_BAT, REACH_SHARED, fix_reserved_bits, NULL},
    {"VHDX-BAT-009", PHASE_BAT, REACH_SHARED, fix_idle_offset, NULL},
    {"VHDX-BAT-011", PHASE_BAT, REACH_SHARED, fix_cut_block, NULL},
    {"VHDX-BAT-012", PHASE_BAT, REACH_SHARED, fix_block_past_end, NULL},
    {"VHDX-BAT-014", PHASE_BAT, REACH_ALONE, fix_log_over_block, NULL},
    {"VHDX-BAT-016", PHASE_BAT, REACH_SHARED, fix_shared_block, NULL},
    {"VHDX-BAT-019", PHASE_BAT, REACH_SHARED, fix_anchor, NULL},
    {"VHDX-BAT-020", PHASE_BAT, REACH_SHARED, fix_bitmap_missing, NULL},
    {"VHDX-BAT-021", PHASE_BAT, REACH_SHARED, fix_unused_slot, NULL},
    {"VHDX-BAT-022", PHASE_BAT, REACH_ALONE, fix_fixed_blocks, NULL},
    {"VHDX-BAT-024", PHASE_BAT, REACH_ALONE, fix_fixed_area, NULL},
    {"VHDX-BAT-025", PHASE_BAT, REACH_ALONE, fix_page_shift, NULL},
    {"VHDX-BAT-026", PHASE_BAT, REACH_ALONE, fix_interleave, NULL},
    {"VHDX-BAT-031", PHASE_BITMAPS, REACH_SHARED, fix_zero_blocks, NULL},
    {"VHDX-BAT-034", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},

    {"VHDX-SBM-002", PHASE_BITMAPS, REACH_SHARED, fix_stray_bits, NULL},
    {"VHDX-SBM-003", PHASE_BITMAPS, REACH_SHARED, fix_stray_bits, NULL},
    {"VHDX-SBM-004", PHASE_BITMAPS, REACH_SHARED, fix_stray_bits, NULL},
    {"VHDX-SBM-005", PHASE_BITMAPS, REACH_SHARED, fix_full_blocks, NULL},
    {"VHDX-SBM-006", PHASE_BITMAPS, REACH_SHARED, fix_empty_blocks, NULL},
    {"VHDX-SBM-007", PHASE_BITMAPS, REACH_SHARED, fix_idle_bitmap, NULL},
    {"VHDX-SBM-008", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-SBM-009", PHASE_WIPE, REACH_SHARED, fix_hidden_sectors, NULL},

    {"VHDX-LOG-001", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-002", PHASE_LOG, REACH_ONCE, fix_log_discard, NULL},
    {"VHDX-LOG-003", PHASE_LOG, REACH_ONCE, fix_log_extend, NULL},
    {"VHDX-LOG-014", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-021", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-022", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-023", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-027", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-028", PHASE_LOG, REACH_ONCE, fix_log_discard, NULL},
    {"VHDX-LOG-029", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-031", PHASE_LOG, REACH_ONCE, fix_log_replay, NULL},
    {"VHDX-LOG-034", PHASE_LOG, REACH_ONCE, fix_log_discard, NULL},

    {"VHDX-PLOC-003", PHASE_LOCATOR, REACH_SHARED, fix_locator_reserved, NULL},
    {"VHDX-PLOC-007", PHASE_LOCATOR, REACH_ONCE, fix_locator_strings, NULL},
    {"VHDX-PLOC-008", PHASE_LOCATOR, REACH_ONCE, fix_locator_duplicate, NULL},
    {"VHDX-PLOC-009", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-PLOC-010", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-PLOC-011", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-PLOC-012", PHASE_LOCATOR, REACH_ONCE, fix_locator_second, NULL},
    {"VHDX-PLOC-013", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-PLOC-014", PHASE_LOCATOR, REACH_ONCE, fix_locator_prefix, NULL},
    {"VHDX-PLOC-015", PHASE_LOCATOR, REACH_ONCE, fix_locator_form, NULL},
    {"VHDX-PLOC-017", PHASE_LOCATOR, REACH_ONCE, fix_locator_names, NULL},
    {"VHDX-PLOC-019", PHASE_LOCATOR, REACH_ONCE, fix_locator_compact, NULL},
    {"VHDX-PLOC-020", PHASE_LOCATOR, REACH_ONCE, fix_locator_case, NULL},

    {"VHDX-CHAIN-003", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-CHAIN-004", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-CHAIN-007", PHASE_METADATA, REACH_SHARED, fix_disk_id, NULL},
    {"VHDX-CHAIN-010", PHASE_LOCATOR, REACH_SHARED, NULL, "the parent is another file: vhdxray repair PARENT"},
    {"VHDX-CHAIN-012", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},
    {"VHDX-CHAIN-013", PHASE_LOCATOR, REACH_ONCE, fix_locator_relink, NULL},

    {"VHDX-XREF-003", PHASE_WIPE, REACH_SHARED, fix_wipe_gaps, NULL},
    {"VHDX-XREF-005", PHASE_METADATA, REACH_ONCE, fix_fixed_flag, NULL},
    {"VHDX-XREF-006", PHASE_METADATA, REACH_ONCE, fix_parent_flag, NULL},

    {"VHDX-FOR-001", PHASE_WIPE, REACH_SHARED, fix_log_wipe, NULL},
    {"VHDX-FOR-002", PHASE_WIPE, REACH_SHARED, fix_log_wipe, NULL},
    {"VHDX-FOR-003", PHASE_WIPE, REACH_SHARED, fix_log_wipe, NULL},
    {"VHDX-FOR-004", PHASE_WIPE, REACH_SHARED, fix_wipe_free, NULL},
    {"VHDX-FOR-006", PHASE_WIPE, REACH_SHARED, fix_wipe_free, NULL},
    {"VHDX-FOR-007", PHASE_WIPE, REACH_SHARED, fix_wipe_place, NULL},
    {"VHDX-FOR-008", PHASE_WIPE, REACH_ALONE, fix_all_anchors, NULL},
    {"VHDX-FOR-009", PHASE_WIPE, REACH_SHARED, fix_wipe_reserved, NULL},
    {"VHDX-FOR-019", PHASE_HEADERS, REACH_SHARED, fix_both_headers, NULL},
};

uint32_t fixer_count(void)
{
    return sizeof(fixers) / sizeof(fixers[0]);
}

const struct fixer *fixer_at(uint32_t i)
{
    return i < fixer_count() ? &fixers[i] : NULL;
}
