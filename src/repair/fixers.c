/* SPDX-License-Identifier: MIT */
/*
 * The one table of fixers, in catalogue order: what mends the findings of a rule, and when. A rule that is repairable
 * has a row; tests ask for it. Inside a phase fixers are called in this order.
 */
#include <string.h>

#include "repair/fix_bat.h"
#include "repair/fix_bitmap.h"
#include "repair/fix_header.h"
#include "repair/fix_locator.h"
#include "repair/fix_log.h"
#include "repair/fix_metadata.h"
#include "repair/fix_region.h"
#include "repair/fix_wipe.h"

static const struct fixer fixers[] = {
    {"VHDX-FILE-003", PHASE_SIZE, fix_round_size, REACH_SHARED, NULL},
    {"VHDX-FILE-005", PHASE_SIZE, fix_trim_size, REACH_ONCE, NULL},
    {"VHDX-FILE-012", PHASE_SIZE, fix_fixed_size, REACH_ONCE, NULL},

    {"VHDX-FID-001", PHASE_IDENTIFIER, fix_signature, REACH_SHARED, NULL},
    {"VHDX-FID-004", PHASE_WIPE, fix_wipe_place, REACH_SHARED, NULL},
    {"VHDX-FID-005", PHASE_WIPE, fix_wipe_place, REACH_SHARED, NULL},

    {"VHDX-HDR-001", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-002", PHASE_HEADERS, fix_header_checksums, REACH_ONCE, NULL},
    {"VHDX-HDR-003", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-005", PHASE_HEADERS, fix_log_version, REACH_SHARED, NULL},
    {"VHDX-HDR-006", PHASE_HEADERS, fix_header_choice, REACH_ONCE, NULL},
    {"VHDX-HDR-007", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-008", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-009", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-010", PHASE_HEADERS, fix_sequence_numbers, REACH_ONCE, NULL},
    {"VHDX-HDR-011", PHASE_HEADERS, fix_header_reserved, REACH_SHARED, NULL},
    {"VHDX-HDR-012", PHASE_WIPE, fix_wipe_place, REACH_SHARED, NULL},
    {"VHDX-HDR-013", PHASE_HEADERS, fix_log_place, REACH_ONCE, NULL},
    {"VHDX-HDR-014", PHASE_HEADERS, fix_log_place, REACH_ONCE, NULL},
    {"VHDX-HDR-015", PHASE_HEADERS, fix_log_place, REACH_ONCE, NULL},
    {"VHDX-HDR-016", PHASE_HEADERS, fix_log_place, REACH_ONCE, NULL},
    {"VHDX-HDR-017", PHASE_HEADERS, fix_log_guid_alone, REACH_ONCE, NULL},
    {"VHDX-HDR-018", PHASE_HEADERS, fix_log_place, REACH_ONCE, NULL},
    {"VHDX-HDR-020", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-021", PHASE_HEADERS, fix_data_write_guid, REACH_SHARED, NULL},
    {"VHDX-HDR-022", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-023", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-024", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-025", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-026", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
    {"VHDX-HDR-029", PHASE_WIPE, fix_wipe_place, REACH_SHARED, NULL},

    {"VHDX-RGN-001", PHASE_REGIONS, fix_region_tables, REACH_ONCE, NULL},
    {"VHDX-RGN-002", PHASE_REGIONS, fix_region_copy, REACH_SHARED, NULL},
    {"VHDX-RGN-003", PHASE_REGIONS, fix_region_copy, REACH_SHARED, NULL},
    {"VHDX-RGN-005", PHASE_REGIONS, fix_region_copy, REACH_ONCE, NULL},
    {"VHDX-RGN-006", PHASE_REGIONS, fix_region_choice, REACH_ONCE, NULL},
    {"VHDX-RGN-007", PHASE_REGIONS, fix_region_reserved, REACH_SHARED, NULL},
    {"VHDX-RGN-008", PHASE_REGIONS, fix_region_duplicate, REACH_ONCE, NULL},
    {"VHDX-RGN-011", PHASE_REGIONS, fix_region_extend, REACH_ONCE, NULL},
    {"VHDX-RGN-014", PHASE_REGIONS, fix_region_required, REACH_SHARED, NULL},
    {"VHDX-RGN-015", PHASE_REGIONS, fix_region_word, REACH_SHARED, NULL},
    {"VHDX-RGN-018", PHASE_REGIONS, fix_region_lost_bat, REACH_ONCE, NULL},
    {"VHDX-RGN-019", PHASE_REGIONS, fix_region_lost_metadata, REACH_ONCE, NULL},
    {"VHDX-RGN-021", PHASE_WIPE, fix_region_rest, REACH_SHARED, NULL},
    {"VHDX-RGN-023", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},

    {"VHDX-META-003", PHASE_METADATA, fix_metadata_reserved, REACH_SHARED, NULL},
    {"VHDX-META-004", PHASE_METADATA, fix_entry_reserved, REACH_SHARED, NULL},
    {"VHDX-META-005", PHASE_METADATA, fix_entry_duplicate, REACH_ONCE, NULL},
    {"VHDX-META-010", PHASE_METADATA, fix_entry_offset, REACH_SHARED, NULL},
    {"VHDX-META-017", PHASE_METADATA, fix_entry_flags, REACH_SHARED, NULL},
    {"VHDX-META-018", PHASE_METADATA, fix_entry_flags, REACH_SHARED, NULL},
    {"VHDX-META-020", PHASE_METADATA, fix_file_parameters, REACH_ONCE, NULL},
    {"VHDX-META-021", PHASE_METADATA, fix_lost_disk_size, REACH_ONCE, NULL},
    {"VHDX-META-022", PHASE_METADATA, fix_logical_sector, REACH_ONCE, NULL},
    {"VHDX-META-023", PHASE_METADATA, fix_lost_physical_sector, REACH_ONCE, NULL},
    {"VHDX-META-024", PHASE_METADATA, fix_lost_disk_id, REACH_ONCE, NULL},
    {"VHDX-META-025", PHASE_METADATA, fix_disk_id, REACH_SHARED, NULL},
    {"VHDX-META-026", PHASE_METADATA, fix_incomplete_marker, REACH_ONCE, NULL},
    {"VHDX-META-029", PHASE_METADATA, fix_parameter_flags, REACH_SHARED, NULL},
    {"VHDX-META-030", PHASE_METADATA, fix_parameter_flags, REACH_SHARED, NULL},
    {"VHDX-META-033", PHASE_METADATA, fix_disk_size, REACH_ONCE, NULL},
    {"VHDX-META-035", PHASE_METADATA, fix_physical_sector, REACH_SHARED, NULL},
    {"VHDX-META-036", PHASE_METADATA, fix_physical_sector, REACH_SHARED, NULL},
    {"VHDX-META-038", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-META-039", PHASE_METADATA, fix_parent_flag, REACH_ONCE, NULL},
    {"VHDX-META-040", PHASE_WIPE, fix_wipe_entries, REACH_SHARED, NULL},
    {"VHDX-META-041", PHASE_WIPE, fix_wipe_metadata, REACH_SHARED, NULL},

    {"VHDX-BAT-001", PHASE_BAT, fix_bat_region, REACH_ALONE, NULL},
    {"VHDX-BAT-002", PHASE_BAT, fix_state_reserved, REACH_SHARED, NULL},
    {"VHDX-BAT-003", PHASE_BAT, fix_state_draft, REACH_SHARED, NULL},
    {"VHDX-BAT-004", PHASE_BAT, fix_state_partial, REACH_SHARED, NULL},
    {"VHDX-BAT-005", PHASE_BAT, fix_bitmap_state, REACH_SHARED, NULL},
    {"VHDX-BAT-006", PHASE_BAT, fix_bitmap_stray, REACH_SHARED, NULL},
    {"VHDX-BAT-007", PHASE_BAT, fix_reserved_bits, REACH_SHARED, NULL},
    {"VHDX-BAT-009", PHASE_BAT, fix_idle_offset, REACH_SHARED, NULL},
    {"VHDX-BAT-011", PHASE_BAT, fix_cut_block, REACH_SHARED, NULL},
    {"VHDX-BAT-012", PHASE_BAT, fix_block_past_end, REACH_SHARED, NULL},
    {"VHDX-BAT-014", PHASE_BAT, fix_log_place, REACH_ALONE, NULL},
    {"VHDX-BAT-016", PHASE_BAT, fix_shared_block, REACH_SHARED, NULL},
    {"VHDX-BAT-019", PHASE_BAT, fix_anchor, REACH_SHARED, NULL},
    {"VHDX-BAT-020", PHASE_BAT, fix_bitmap_missing, REACH_SHARED, NULL},
    {"VHDX-BAT-021", PHASE_BAT, fix_unused_slot, REACH_SHARED, NULL},
    {"VHDX-BAT-022", PHASE_BAT, fix_fixed_blocks, REACH_ALONE, NULL},
    {"VHDX-BAT-024", PHASE_BAT, fix_fixed_area, REACH_ALONE, NULL},
    {"VHDX-BAT-025", PHASE_BAT, fix_page_shift, REACH_ALONE, NULL},
    {"VHDX-BAT-026", PHASE_BAT, fix_interleave, REACH_ALONE, NULL},
    {"VHDX-BAT-031", PHASE_BITMAPS, fix_zero_blocks, REACH_SHARED, NULL},
    {"VHDX-BAT-034", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},

    {"VHDX-SBM-002", PHASE_BITMAPS, fix_stray_bits, REACH_SHARED, NULL},
    {"VHDX-SBM-003", PHASE_BITMAPS, fix_stray_bits, REACH_SHARED, NULL},
    {"VHDX-SBM-004", PHASE_BITMAPS, fix_stray_bits, REACH_SHARED, NULL},
    {"VHDX-SBM-005", PHASE_BITMAPS, fix_full_blocks, REACH_SHARED, NULL},
    {"VHDX-SBM-006", PHASE_BITMAPS, fix_empty_blocks, REACH_SHARED, NULL},
    {"VHDX-SBM-007", PHASE_BITMAPS, fix_idle_bitmap, REACH_SHARED, NULL},
    {"VHDX-SBM-008", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-SBM-009", PHASE_WIPE, fix_hidden_sectors, REACH_SHARED, NULL},

    {"VHDX-LOG-001", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-002", PHASE_LOG, fix_log_discard, REACH_ONCE, NULL},
    {"VHDX-LOG-003", PHASE_LOG, fix_log_extend, REACH_ONCE, NULL},
    {"VHDX-LOG-014", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-021", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-022", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-023", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-027", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-028", PHASE_LOG, fix_log_discard, REACH_ONCE, NULL},
    {"VHDX-LOG-029", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-031", PHASE_LOG, fix_log_replay, REACH_ONCE, NULL},
    {"VHDX-LOG-034", PHASE_LOG, fix_log_discard, REACH_ONCE, NULL},

    {"VHDX-PLOC-003", PHASE_LOCATOR, fix_locator_reserved, REACH_SHARED, NULL},
    {"VHDX-PLOC-007", PHASE_LOCATOR, fix_locator_strings, REACH_ONCE, NULL},
    {"VHDX-PLOC-008", PHASE_LOCATOR, fix_locator_duplicate, REACH_ONCE, NULL},
    {"VHDX-PLOC-009", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-PLOC-010", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-PLOC-011", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-PLOC-012", PHASE_LOCATOR, fix_locator_second, REACH_ONCE, NULL},
    {"VHDX-PLOC-013", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-PLOC-014", PHASE_LOCATOR, fix_locator_prefix, REACH_ONCE, NULL},
    {"VHDX-PLOC-015", PHASE_LOCATOR, fix_locator_form, REACH_ONCE, NULL},
    {"VHDX-PLOC-017", PHASE_LOCATOR, fix_locator_names, REACH_ONCE, NULL},
    {"VHDX-PLOC-019", PHASE_LOCATOR, fix_locator_compact, REACH_ONCE, NULL},
    {"VHDX-PLOC-020", PHASE_LOCATOR, fix_locator_case, REACH_ONCE, NULL},

    {"VHDX-CHAIN-003", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-CHAIN-004", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-CHAIN-007", PHASE_METADATA, fix_disk_id, REACH_SHARED, NULL},
    {"VHDX-CHAIN-010", PHASE_LOCATOR, NULL, REACH_SHARED, "the parent is another file: vhdxray repair PARENT"},
    {"VHDX-CHAIN-012", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},
    {"VHDX-CHAIN-013", PHASE_LOCATOR, fix_locator_relink, REACH_ONCE, NULL},

    {"VHDX-XREF-003", PHASE_WIPE, fix_wipe_gaps, REACH_SHARED, NULL},
    {"VHDX-XREF-005", PHASE_METADATA, fix_fixed_flag, REACH_ONCE, NULL},
    {"VHDX-XREF-006", PHASE_METADATA, fix_parent_flag, REACH_ONCE, NULL},

    {"VHDX-FOR-001", PHASE_WIPE, fix_log_wipe, REACH_SHARED, NULL},
    {"VHDX-FOR-002", PHASE_WIPE, fix_log_wipe, REACH_SHARED, NULL},
    {"VHDX-FOR-003", PHASE_WIPE, fix_log_wipe, REACH_SHARED, NULL},
    {"VHDX-FOR-004", PHASE_WIPE, fix_wipe_free, REACH_SHARED, NULL},
    {"VHDX-FOR-006", PHASE_WIPE, fix_wipe_free, REACH_SHARED, NULL},
    {"VHDX-FOR-007", PHASE_WIPE, fix_wipe_place, REACH_SHARED, NULL},
    {"VHDX-FOR-008", PHASE_WIPE, fix_all_anchors, REACH_ALONE, NULL},
    {"VHDX-FOR-009", PHASE_WIPE, fix_wipe_reserved, REACH_SHARED, NULL},
    {"VHDX-FOR-019", PHASE_HEADERS, fix_both_headers, REACH_SHARED, NULL},
};

uint32_t fixer_count(void)
{
    return sizeof(fixers) / sizeof(fixers[0]);
}

const struct fixer *fixer_at(uint32_t i)
{
    return i < fixer_count() ? &fixers[i] : NULL;
}

const struct fixer *fixer_find(const struct rule *rule)
{
    for (uint32_t i = 0; i < fixer_count(); i++)
        if (strcmp(fixers[i].rule, rule->id) == 0)
            return &fixers[i];
    return NULL;
}
