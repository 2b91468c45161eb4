/* SPDX-License-Identifier: MIT */
/* The log's story: who wrote entries and when, which sequence counts, and what its replay would change. */
#include "report/log_report.h"

#include "base/le.h"
#include "check/phrases.h"
#include "format/layout.h"

const struct log_session *log_sessions(const struct image *img)
{
    const struct log_scan *s = &img->log;
    struct log_session *sessions = (struct log_session *)arena_array(img->arena, s->guid_count, sizeof(*sessions));

    if (sessions == NULL)
        return NULL;
    for (uint64_t i = 0; i < s->entry_count; i++) {
        const struct log_entry *e = &s->entries[i];
        struct log_session *x = &sessions[e->guid];

        x->live = e->live;
        if (e->defect != LOG_DEFECT_NONE) {
            x->damaged++;
            continue;
        }
        if (x->valid == 0 || e->sequence_number < x->first_sequence)
            x->first_sequence = e->sequence_number;
        if (x->valid == 0 || e->sequence_number > x->last_sequence)
            x->last_sequence = e->sequence_number;
        x->valid++;
    }
    return sessions;
}

enum run_state log_run_state(const struct log_scan *s, const struct log_run *run)
{
    if (!run->valid)
        return RUN_BROKEN;
    return s->has_active && run->head == s->active_head ? RUN_ACTIVE : RUN_OLDER;
}

const char *replay_fault_text(enum replay_fault_kind kind)
{
    switch (kind) {
    case REPLAY_FAULT_TRUNCATED:
        return "the file is shorter than it was when the entry was written";
    case REPLAY_FAULT_SIZE_ABSURD:
        return "the file would have to grow beyond any disk";
    case REPLAY_FAULT_BELOW_MIN:
        return "target in the file identifier or the headers";
    case REPLAY_FAULT_IN_LOG:
        return "target in the log itself";
    case REPLAY_FAULT_WRAPS:
        return "target wraps around the largest offset";
    case REPLAY_FAULT_BEYOND:
        return "target beyond every file size the log mentions";
    }
    return "bad target";
}

static bool in_bat(const struct image *img, const struct replay_page *p)
{
    const struct bat *b = &img->main->bat;

    return b->absence == ABSENT_NOT && p->off + REPLAY_PAGE_LEN > b->off && p->off < b->off + b->slots * BAT_ENTRY_LEN;
}

const char *plan_structure_name(const struct image *img, const struct replay_page *p)
{
    switch (p->owner.kind) {
    case OWNER_HEADER_SECTION:
        if (p->off >= HEADER_SECTION_RESERVED_OFF)
            return "file";
        return structure_name(p->off >= REGION_TABLE_OFF[0] ? STRUCTURE_REGION_TABLE : STRUCTURE_HEADER);
    case OWNER_LOG:
        return structure_name(STRUCTURE_LOG);
    case OWNER_REGION:
        if (in_bat(img, p))
            return structure_name(STRUCTURE_BAT);
        if (img->main->metadata_region.found && p->owner.ref == img->main->metadata_region.entry)
            return structure_name(STRUCTURE_METADATA);
        return structure_name(STRUCTURE_FILE);
    case OWNER_BITMAP:
        return structure_name(STRUCTURE_SECTOR_BITMAP);
    case OWNER_PAYLOAD:
    case OWNER_ANCHOR:
        return structure_name(STRUCTURE_PAYLOAD);
    case OWNER_NONE:
        break;
    }
    return NULL;
}

const char *plan_owner_text(struct report *r, const struct image *img, const struct replay_page *p)
{
    if (p->owner.kind == OWNER_NONE)
        return "free space";
    if (p->owner.kind == OWNER_PAYLOAD)
        return "a payload block";
    if (p->owner.kind != OWNER_HEADER_SECTION)
        return phrase_owner(r->scratch, img->main, &p->owner);
    for (int i = 0; i < 2; i++) {
        if (p->off >= REGION_TABLE_OFF[i] && p->off - REGION_TABLE_OFF[i] < REGION_TABLE_LEN)
            return i == 0 ? "region table 1" : "region table 2";
    }
    return "the header section";
}

void plan_bat_changes(const struct image *img, const struct replay_page *p,
                      void (*fn)(void *ctx, uint64_t index, uint64_t old, uint64_t new), void *ctx)
{
    const struct bat *b = &img->main->bat;

    if (!in_bat(img, p))
        return;
    for (uint64_t at = 0; at < REPLAY_PAGE_LEN; at += BAT_ENTRY_LEN) {
        uint64_t off = p->off + at;

        if (off < b->off || (off - b->off) / BAT_ENTRY_LEN >= b->slots)
            continue;
        uint64_t old = le64(p->old + at), new = le64(p->new + at);
        if (old != new)
            fn(ctx, (off - b->off) / BAT_ENTRY_LEN, old, new);
    }
}

enum status report_log(struct report *r, struct image *img, bool with_plan)
{
    enum status st = r->format == REPORT_TEXT ? log_text(r, img, with_plan) : log_json(r, img, with_plan);

    r->images++;
    return st;
}
