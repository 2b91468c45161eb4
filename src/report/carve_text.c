/* SPDX-License-Identifier: MIT */
/*
 * Carving for people: by kind, a line for each thing found with its number, its place and what it says. What lies in
 * blocks of the guest's disk may be a VHDX file inside the guest, so it is only counted unless asked for.
 */
#include <inttypes.h>

#include "base/limits.h"
#include "base/text.h"
#include "report/carve.h"
#include "report/dump.h"
#include "report/out.h"

static const char *const headings[CARVE_KINDS] = {
    [CARVE_HEADER] = "headers",
    [CARVE_REGION_TABLE] = "region tables",
    [CARVE_METADATA] = "metadata",
    [CARVE_BAT] = "tables that look like a BAT",
    [CARVE_LOG_ENTRY] = "log entries",
    [CARVE_LOG_PAGE] = "pages in log entries",
    [CARVE_ORPHAN] = "data that nothing refers to",
};

/* ---- one thing in words ---- */

static void header_words(struct text *t, const struct carved_header *h)
{
    char guid[GUID_TEXT_SIZE];

    text_addf(t, "checksum %s, ", h->checksum_ok ? "right" : "wrong");
    if (!h->checksum_ok && !h->plausible) {
        text_add(t, "fields not plausible: perhaps no header at all");
        return;
    }
    text_addf(t, "sequence number 0x%" PRIx64 ", log ", h->sequence_number);
    text_add_size(t, h->log_len);
    text_addf(t, " at 0x%" PRIx64 ", log id %s", h->log_off,
              guid_is_nil(&h->log_guid) ? "nil" : guid_text(&h->log_guid, guid));
}

static void region_table_words(struct text *t, const struct carved_region_table *x)
{
    if (!x->decoded) {
        text_add(t, "not decoded: too many of them");
        return;
    }
    text_addf(t, "checksum %s, %" PRIu32 " %s", x->checksum_ok ? "right" : "wrong", x->entries,
              x->entries == 1 ? "entry" : "entries");
    if (x->has_metadata)
        text_addf(t, ", metadata at 0x%" PRIx64, x->metadata_off);
    if (x->has_bat)
        text_addf(t, ", BAT at 0x%" PRIx64, x->bat_off);
}

static void metadata_words(struct text *t, const struct carved_metadata *m)
{
    if (!m->decoded) {
        text_add(t, "not decoded");
        return;
    }
    if (m->geometry_absence != ABSENT_NOT) {
        text_addf(t, "%" PRIu32 " items, no geometry: %s", m->entries, absence_text(m->geometry_absence));
        return;
    }
    text_addf(t, "%s disk of ", disk_type_name(m->type));
    text_add_size(t, m->geometry.virtual_size);
    text_add(t, ", blocks of ");
    text_add_size(t, m->geometry.block_size);
    text_addf(t, ", sectors %u/%u", (unsigned)m->geometry.logical_sector_size, (unsigned)m->physical_sector_size);
}

static void states_words(struct text *t, const struct bat_guess *g)
{
    const char *gap = "";
    for (unsigned s = PAYLOAD_NOT_PRESENT; s <= PAYLOAD_PARTIALLY_PRESENT; s++) {
        if (g->states[s] == 0)
            continue;
        text_addf(t, "%s%" PRIu64 " %s", gap, g->states[s], payload_state_name(s));
        gap = ", ";
    }
    if (g->odd > 0)
        text_addf(t, "%s%" PRIu64 " odd", gap, g->odd);
    if (g->set == 0)
        text_add(t, "no entry set");
}

static void bat_words(struct text *t, const struct carved_bat *b)
{
    text_addf(t, "score %u of 100: ", b->score);
    states_words(t, &b->guess);
    if (b->fit_count == 0)
        text_add(t, "; fits no metadata that was found");
    for (uint32_t i = 0; i < b->fit_count; i++)
        text_addf(t, "%s the metadata at 0x%" PRIx64 " (%u %% of its entries)", i == 0 ? "; fits" : " and",
                  b->fits[i].metadata_off, b->fits[i].percent);
}

static void log_entry_words(struct text *t, const struct carve_item *item)
{
    const struct log_scan *log = item->u.log_entry->log;
    const struct log_entry *e = &log->entries[item->u.log_entry->entry];
    char guid[GUID_TEXT_SIZE];

    text_addf(t, "%s, sequence number 0x%" PRIx64 ", log id %s, ", carve_entry_state(item), e->sequence_number,
              guid_text(&log->guids[e->guid], guid));
    if (e->defect != LOG_DEFECT_NONE) {
        text_addf(t, "%s", log_defect_text(e->defect));
        return;
    }
    text_addf(t, "%" PRIu32 " descriptor%s, file of ", e->descriptor_count, e->descriptor_count == 1 ? "" : "s");
    text_add_size(t, e->last_file_off);
}

/* "not_present", "fully_present at 0x1800000". */
static void entry_words(struct text *t, uint64_t raw)
{
    text_add(t, payload_state_name(bat_entry_state(raw)));
    if (bat_entry_off(raw) != 0)
        text_addf(t, " at 0x%" PRIx64, bat_entry_off(raw));
}

static void changes_words(struct text *t, const struct carved_log_page *p)
{
    for (uint64_t i = 0; i < p->changed && i < CARVED_CHANGES; i++) {
        text_addf(t, "%sentry %" PRIu64 " was ", i > 0 ? ", " : "; ", p->changes[i].index);
        entry_words(t, p->changes[i].then);
        text_add(t, " and is ");
        entry_words(t, p->changes[i].now);
    }
    if (p->changed > CARVED_CHANGES)
        text_addf(t, ", and %" PRIu64 " more differ", p->changed - CARVED_CHANGES);
}

static void log_page_words(struct text *t, const struct carved_log_page *p)
{
    static const char *const now[] = {
        [CARVED_SAME] = "as today", [CARVED_DIFFERENT] = "not as today", [CARVED_UNKNOWN] = "today's content unknown"};
    const struct log_entry *e = &p->log->entries[p->entry];
    const char *structure = carved_target_name(p->kind);
    char guid[GUID_TEXT_SIZE];

    text_addf(t, "log id %s, sequence number 0x%" PRIx64 ", for 0x%" PRIx64 " (%s)",
              guid_text(&p->log->guids[e->guid], guid), e->sequence_number, p->target,
              structure != NULL ? structure : "no structure of today");
    if (p->zero) {
        text_add(t, ", zeros, ");
        text_add_size(t, p->len);
    }
    text_addf(t, ", %s", now[p->now]);
    if (p->kind == CARVED_BAT && !p->zero) {
        text_addf(t, ": entries %" PRIu64 "-%" PRIu64 ": ", p->first_entry, p->first_entry + BAT_PAGE_ENTRIES - 1);
        states_words(t, &p->guess);
        changes_words(t, p);
    } else if (p->guess.set > 0) {
        text_add(t, ": looks like a BAT: ");
        states_words(t, &p->guess);
    }
    if (p->have_virtual_size) {
        text_add(t, ": disk of ");
        text_add_size(t, p->virtual_size);
    }
    if (p->have_block_size) {
        text_addf(t, "%s blocks of ", p->have_virtual_size ? "," : ":");
        text_add_size(t, p->block_size);
    }
}

static void orphan_words(struct text *t, const struct carve_item *item)
{
    const struct carved_orphan *o = item->u.orphan;
    if (o->known)
        text_addf(t, "%s (signature at 0x%" PRIx64 ")", o->content.name, item->off + o->content.magic_off);
    else
        text_add(t, "not recognised");
}

static void item_words(struct text *t, const struct carve_item *item)
{
    switch (item->kind) {
    case CARVE_HEADER:
        header_words(t, item->u.header);
        break;
    case CARVE_REGION_TABLE:
        region_table_words(t, item->u.region_table);
        break;
    case CARVE_METADATA:
        metadata_words(t, item->u.metadata);
        break;
    case CARVE_BAT:
        bat_words(t, item->u.bat);
        break;
    case CARVE_LOG_ENTRY:
        log_entry_words(t, item);
        break;
    case CARVE_LOG_PAGE:
        log_page_words(t, item->u.log_page);
        break;
    case CARVE_ORPHAN:
        orphan_words(t, item);
        break;
    case CARVE_KINDS:
        break;
    }
}

static void place_words(struct text *t, const struct carve_item *item)
{
    if (item->in_use)
        text_add(t, "; in use");
    else if (item->owner == OWNER_PAYLOAD)
        text_addf(t, "; inside block %" PRIu64 " of the guest's disk", item->block);
    else if (item->owner == OWNER_ANCHOR)
        text_addf(t, "; old place of block %" PRIu64, item->block);
}

/* ---- lists ---- */

static void item_line(struct report *r, const struct carve_listing *l, uint64_t i)
{
    const struct carve_item *item = &l->carve->items[i];
    struct arena *a = report_scratch(r);
    struct text t = text_in(a);

    item_words(&t, item);
    place_words(&t, item);
    out_printf(r, "%6" PRIu64 "  0x%012" PRIx64 "  %-9s ", i + 1, item->off, text_size(a, item->len));
    out_safe(r, text_str(&t));
    if (l->files != NULL && l->files[i] != NULL) {
        out_printf(r, "  -> ");
        out_safe(r, l->files[i]);
    }
    out_printf(r, "\n");
}

/* Items of a kind stand together, from *first on; *first becomes the first of the next kind. */
static void list_kind(struct report *r, const struct carve_listing *l, enum carve_kind kind, uint64_t *first)
{
    const struct carve *c = l->carve;
    uint64_t shown = 0, more = 0, inside = 0, i = *first;
    struct arena *a = report_scratch(r);

    while (i < c->item_count && c->items[i].kind == kind && !l->selected[i])
        i++;
    if (c->counts[kind] > 0 && (!l->filtered || (i < c->item_count && c->items[i].kind == kind)))
        out_printf(r, "\n%s: %s found\n", headings[kind], group_digits(a, c->counts[kind]));
    for (; i < c->item_count && c->items[i].kind == kind; i++) {
        const struct carve_item *item = &c->items[i];
        if (!l->selected[i])
            continue;
        if (!r->verbose && !l->filtered && item->owner == OWNER_PAYLOAD && !item->in_use)
            inside++;
        else if (!r->verbose && shown >= LIMIT_LISTED)
            more++;
        else
            item_line(r, l, i);
        shown += !(item->owner == OWNER_PAYLOAD && !item->in_use);
    }
    *first = i;
    a = report_scratch(r);
    if (more > 0)
        out_printf(r, "        ... and %s more; -v lists all\n", group_digits(a, more));
    if (inside > 0)
        out_printf(r, "        %s inside blocks of the guest's disk, perhaps of a VHDX file in there; -v lists all\n",
                   group_digits(a, inside));
}

static void head(struct report *r, const struct carve *c)
{
    struct arena *a = report_scratch(r);

    out_safe(r, c->image->path);
    out_printf(r, ": file of %s, %s of data looked at", text_size(a, c->image->file_size), text_size(a, c->data_bytes));
    if (c->left_out > 0)
        out_printf(r, ", %s in blocks of the guest's disk left out", text_size(a, c->left_out));
    switch (c->model) {
    case CARVE_MODEL_FILE:
        out_printf(r, "\n  structures in use: metadata at 0x%" PRIx64 ", BAT at 0x%" PRIx64 "\n", c->metadata_off,
                   c->bat_off);
        break;
    case CARVE_MODEL_ASSUMED:
        out_printf(
            r,
            "\n  the file's structures lead to no BAT; what is in use is told by the metadata found at 0x%" PRIx64
            " and the BAT found at 0x%" PRIx64 "\n",
            c->metadata_off, c->bat_off);
        break;
    case CARVE_MODEL_NONE:
        out_printf(r, "\n  no BAT is known: blocks in use and free space cannot be told apart\n");
        break;
    }
}

void carve_text(struct report *r, const struct carve_listing *l)
{
    const struct carve *c = l->carve;
    uint64_t first = 0;

    head(r, c);
    for (enum carve_kind k = CARVE_HEADER; k < CARVE_KINDS; k++)
        list_kind(r, l, k, &first);
    for (uint64_t i = 0; i < c->unreadable_listed; i++)
        out_printf(r, "%s  0x%012" PRIx64 "  %s\n", i == 0 ? "\nunreadable:\n" : "", c->unreadable[i].off,
                   text_size(report_scratch(r), c->unreadable[i].len));
    if (c->unreadable_count > c->unreadable_listed)
        out_printf(r, "  ... and %s more\n",
                   group_digits(report_scratch(r), c->unreadable_count - c->unreadable_listed));
    if (c->stopped != STATUS_OK)
        out_printf(r, "\nnot complete: stopped when the file was looked at up to 0x%" PRIx64 "\n", c->scanned_off);
    else if (c->limited)
        out_printf(r, "\nnot complete: more was found than is kept\n");
}
