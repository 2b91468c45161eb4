/* SPDX-License-Identifier: MIT */
/* What an image is, for people: two lines above the findings, or the table that `info` prints. */
#include <string.h>

#include "base/text.h"
#include "format/layout.h"
#include "image/chain.h"
#include "report/check.h"
#include "report/element.h"
#include "report/out.h"

static const char *count_entries(struct arena *a, uint64_t n)
{
    return text_format(a, "%s %s", group_digits(a, n), n == 1 ? "entry" : "entries");
}

const char *log_words(struct arena *a, const struct image *img)
{
    const struct replay *p = &img->replay;

    if (img->current < 0)
        return "unknown (no valid header)";
    switch (img->log_state) {
    case LOG_STATE_EMPTY:
        return "clean";
    case LOG_STATE_DIRTY:
        if (!img->replayed)
            return text_format(a, "dirty, not replayed (%s)", count_entries(a, img->log.active_count));
        return text_format(a, "dirty, replayed in memory (%s, %s changed)", count_entries(a, img->log.active_count),
                           count_noun(a, p->pages_changed, "page"));
    case LOG_STATE_INVALID:
        break;
    }
    return p->attempted && p->refused ? "damaged, replay refused" : "damaged";
}

static const char *locator_name(const struct image *img)
{
    const struct locator *l = &img->main->locator;
    const struct locator_text *t = l->relative_path         ? l->relative_path
                                   : l->absolute_win32_path ? l->absolute_win32_path
                                                            : l->volume_path;

    return t != NULL ? t->value : NULL;
}

const char *parent_words(struct arena *a, const struct image *img)
{
    const struct chain_parent *p = img->parent;
    const char *name = locator_name(img);

    if (img->main->type == DISK_UNKNOWN)
        return "unknown";
    if (img->main->type != DISK_DIFFERENCING)
        return "none";
    if (p != NULL && p->state == PARENT_FOUND)
        return p->path;
    return text_format(a, "%s (%s)", name != NULL ? name : "unnamed",
                       p == NULL || p->state == PARENT_NOT_GIVEN ? "not given" : "not available");
}

const char *type_words(const struct image *img)
{
    const char *type = disk_type_name(img->main->type);

    return type != NULL ? type : "of unknown type";
}

/* "an 8 MiB file", "an 11 GiB file", "an 18.5 GiB file"; "a" before every other number. */
static const char *article(const char *number)
{
    size_t digits = strspn(number, "0123456789");
    bool vowel = number[0] == '8' || (digits == 2 && (strncmp(number, "11", 2) == 0 || strncmp(number, "18", 2) == 0));
    return vowel ? "an" : "a";
}

void facts_lines(struct report *r, const struct image *img)
{
    struct arena *a = report_scratch(r);
    const struct metadata *m = &img->main->metadata;
    struct text disk = text_in(a), origin = text_in(a);

    text_addf(&disk, "VHDX %s, ", type_words(img));
    if (m->have_virtual_disk_size)
        text_addf(&disk, "%s guest disk in %s ", text_size(a, m->virtual_disk_size),
                  article(text_size(a, img->file_size)));
    text_addf(&disk, "%s file", text_size(a, img->file_size));
    if (m->have_file_parameters)
        text_addf(&disk, ", %s blocks", text_size(a, m->file_parameters.block_size));
    if (m->have_logical_sector_size)
        text_addf(&disk, ", sectors %u", (unsigned)m->logical_sector_size);
    if (m->have_logical_sector_size && m->have_physical_sector_size)
        text_addf(&disk, "/%u", (unsigned)m->physical_sector_size);
    if (img->creator != NULL && img->creator[0] != '\0')
        text_addf(&origin, "written by %s", img->creator);
    else
        text_add(&origin, "creator not given");
    text_addf(&origin, ", log %s, ", log_words(a, img));
    if (img->main->type != DISK_UNKNOWN && img->main->type != DISK_DIFFERENCING)
        text_add(&origin, "no parent");
    else
        text_addf(&origin, "parent %s", parent_words(a, img));
    out_printf(r, "  ");
    out_wrapped(r, 2, 4, text_str(&disk));
    out_printf(r, "\n  ");
    out_wrapped(r, 2, 4, text_str(&origin));
    out_printf(r, "\n");
}

/* ---- the table of `info` ---- */

static void row(struct report *r, const char *name)
{
    out_printf(r, "  %-16s", name);
}

__attribute__((format(printf, 3, 4))) static void row_of(struct report *r, const char *name, const char *fmt, ...)
{
    va_list ap;

    row(r, name);
    va_start(ap, fmt);
    out_safe(r, text_vformat(r->scratch, fmt, ap)); /* not renewed: arguments may live there */
    va_end(ap);
    out_printf(r, "\n");
}

static void row_size(struct report *r, const char *name, bool known, uint64_t bytes)
{
    struct arena *a = report_scratch(r);

    if (!known)
        row_of(r, name, "unknown");
    else if (bytes < KIB)
        row_of(r, name, "%s", text_size(a, bytes));
    else
        row_of(r, name, "%s (%s bytes)", text_size(a, bytes), group_digits(a, bytes));
}

static void row_guid(struct report *r, const char *name, bool known, const struct guid *g)
{
    char text[GUID_TEXT_SIZE];

    row_of(r, name, "%s", known ? guid_text(g, text) : "unknown");
}

static void producer_row(struct report *r, const struct image *img)
{
    struct producer p = image_producer(img);
    struct text because = text_in(report_scratch(r));

    for (unsigned i = 0; i < p.because_count; i++)
        text_addf(&because, "%s%s", i > 0 ? ", " : "", p.because[i]);
    if (p.name == NULL)
        row_of(r, "producer", "unknown");
    else
        row_of(r, "producer", "%s (by %s)", p.name, text_str(&because));
}

static void header_rows(struct report *r, const struct image *img)
{
    for (int i = 0; i < 2; i++) {
        const struct header_slot *s = &img->headers[i];
        const char *state = !s->valid ? "not valid" : img->current == i ? "valid, current" : "valid";

        if (s->got < HEADER_FIELDS_LEN)
            row_of(r, i == 0 ? "header 1" : "header 2", "not in the file");
        else
            row_of(r, i == 0 ? "header 1" : "header 2", "%s, sequence number 0x%llx, at 0x%llx", state,
                   (unsigned long long)s->h.sequence_number, (unsigned long long)s->off);
    }
    row_of(r, "header choice", "%s", header_choice_text(img->choice));
    const struct header *h = image_header(img);
    if (h != NULL) {
        row_guid(r, "file write id", true, &h->file_write_guid);
        row_guid(r, "data write id", true, &h->data_write_guid);
        row_of(r, "log place", "%s at 0x%llx", text_size(report_scratch(r), h->log_len),
               (unsigned long long)h->log_off);
    }
}

static void region_rows(struct report *r, const struct view *v)
{
    if (v->used_table < 0) {
        row_of(r, "regions", "%s", absence_text(v->regions_absence));
        return;
    }
    const struct region_copy *c = &v->regions[v->used_table];
    for (uint32_t i = 0; i < c->table.usable_count; i++) {
        const struct region_entry *e = &c->entries[i];
        const char *name = known_guid_name(known_guid_find(&e->guid));
        char guid[GUID_TEXT_SIZE];

        row_of(r, i == 0 ? "regions" : "", "%s, %s at 0x%llx%s", name != NULL ? name : guid_text(&e->guid, guid),
               text_size(report_scratch(r), e->len), (unsigned long long)e->off,
               e->required_word & 1 ? ", required" : "");
    }
}

static void bat_rows(struct report *r, const struct view *v)
{
    const struct bat_survey *s = v->survey;
    struct arena *a = report_scratch(r);
    const char *gap = "";

    if (v->geometry_absence != ABSENT_NOT) {
        row_of(r, "blocks", "%s", absence_text(v->geometry_absence));
        return;
    }
    row_of(r, "blocks", "%s, chunk ratio %s, %s BAT entries", group_digits(a, v->geometry.payload_blocks),
           group_digits(a, v->geometry.chunk_ratio), group_digits(a, v->geometry.entries));
    if (s == NULL) {
        row_of(r, "block states", "%s",
               v->bat.absence != ABSENT_NOT ? absence_text(v->bat.absence) : "the BAT could not be read");
        return;
    }
    row(r, "block states");
    for (unsigned i = 0; i < 8; i++) {
        if (s->states[i] == 0)
            continue;
        out_printf(r, "%s%s %s", gap, group_digits(a, s->states[i]), payload_state_name(i));
        gap = ", ";
    }
    if (s->bitmaps_present > 0)
        out_printf(r, "; %s", count_noun(a, s->bitmaps_present, "sector bitmap block"));
    out_printf(r, "\n");
    row_size(r, "allocated", true, s->allocated_bytes);
}

static void locator_rows(struct report *r, const struct image *img)
{
    const struct locator *l = &img->main->locator;

    if (l->absence != ABSENT_NOT)
        return;
    row_guid(r, "parent linkage", l->have_linkage, &l->linkage);
    const struct locator_text *paths[] = {l->relative_path, l->volume_path, l->absolute_win32_path};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct locator_text *t = paths[i];

        if (t == NULL)
            continue;
        row(r, "parent path");
        out_safe_bytes(r, t->key, t->key_len);
        out_printf(r, " ");
        out_safe_bytes(r, t->value, t->value_len);
        out_printf(r, "\n");
    }
}

static void info_text(struct report *r, const struct image *img)
{
    const struct view *v = img->main;
    const struct metadata *m = &v->metadata;

    if (r->images > 0)
        out_printf(r, "\n");
    out_safe(r, img->path);
    out_printf(r, "\n");
    row_size(r, "file size", true, img->file_size);
    row_of(r, "type", "%s", disk_type_name(v->type) != NULL ? disk_type_name(v->type) : "unknown");
    row_size(r, "guest disk", m->have_virtual_disk_size, m->virtual_disk_size);
    row_size(r, "block size", m->have_file_parameters, m->file_parameters.block_size);
    row_size(r, "logical sector", m->have_logical_sector_size, m->logical_sector_size);
    row_size(r, "physical sector", m->have_physical_sector_size, m->physical_sector_size);
    row_guid(r, "disk id", m->have_virtual_disk_id, &m->virtual_disk_id);
    row_of(r, "creator", "%s", img->creator != NULL && img->creator[0] != '\0' ? img->creator : "not given");
    producer_row(r, img);
    header_rows(r, img);
    row_of(r, "log", "%s", log_words(report_scratch(r), img));
    region_rows(r, v);
    bat_rows(r, v);
    row_of(r, "parent", "%s", parent_words(report_scratch(r), img));
    locator_rows(r, img);
}

void report_info(struct report *r, const struct image *img)
{
    if (r->format == REPORT_TEXT) {
        info_text(r, img);
    } else {
        element_begin(r);
        element_path(r, img->path);
        element_u64(r, "size", img->file_size);
        if (img->host.journal != NULL)
            element_text(r, "journal", img->host.journal);
        json_node(&r->json, "facts", facts_json(&r->json, img));
        element_end(r);
    }
    r->images++;
}
