/* SPDX-License-Identifier: MIT */
/* What the image is: the facts as a list, and behind a fold the structures they come from. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "format/layout.h"
#include "report/check.h"
#include "report/html.h"
#include "report/out.h"

static const char *size_words(struct arena *a, bool known, uint64_t bytes)
{
    if (!known)
        return "unknown";
    if (bytes < KIB)
        return text_size(a, bytes);
    return text_format(a, "%s (%s bytes)", text_size(a, bytes), group_digits(a, bytes));
}

static const char *producer_words(struct arena *a, const struct image *img)
{
    struct producer p = image_producer(img);
    struct text t = text_in(a);

    if (p.name == NULL)
        return "unknown";
    text_add(&t, p.name);
    for (unsigned i = 0; i < p.because_count; i++)
        text_addf(&t, "%s%s", i == 0 ? " (by " : ", ", p.because[i]);
    text_add(&t, ")");
    return text_str(&t);
}

static const char *states_words(struct arena *a, const struct view *v)
{
    const struct bat_survey *s = v->survey;
    struct text t = text_in(a);

    if (v->geometry_absence != ABSENT_NOT)
        return text_format(a, "unknown: %s", absence_text(v->geometry_absence));
    if (s == NULL)
        return v->bat.absence != ABSENT_NOT ? text_format(a, "unknown, no usable BAT: %s", absence_text(v->bat.absence))
                                            : "unknown: the BAT could not be read";
    for (unsigned i = 0; i < 8; i++) {
        if (s->states[i] == 0)
            continue;
        text_addf(&t, "%s%s ", t.len > 0 ? ", " : "", group_digits(a, s->states[i]));
        for (const char *c = payload_state_name(i); *c != '\0'; c++)
            text_add_bytes(&t, *c == '_' ? " " : c, 1);
    }
    if (s->bitmaps_present > 0)
        text_addf(&t, "; %s", count_noun(a, s->bitmaps_present, "sector bitmap block"));
    return text_str(&t);
}

static void fact_list(struct report *r, const struct image *img)
{
    struct arena *a = report_scratch(r);
    const struct view *v = img->main;
    const struct metadata *m = &v->metadata;
    char guid[GUID_TEXT_SIZE];

    out_printf(r, "<dl class=\"facts\">\n");
    html_fact(r, "Type", disk_type_name(v->type) != NULL ? disk_type_name(v->type) : "unknown");
    html_fact(r, "Guest disk", size_words(a, m->have_virtual_disk_size, m->virtual_disk_size));
    html_fact(r, "File", size_words(a, true, img->file_size));
    html_fact(r, "Block size", m->have_file_parameters ? text_size(a, m->file_parameters.block_size) : "unknown");
    html_fact(r, "Sectors",
              !m->have_logical_sector_size ? "unknown"
              : !m->have_physical_sector_size
                  ? text_format(a, "%u logical", (unsigned)m->logical_sector_size)
                  : text_format(a, "%u logical, %u physical", (unsigned)m->logical_sector_size,
                                (unsigned)m->physical_sector_size));
    html_fact(r, "Written by", img->creator != NULL && img->creator[0] != '\0' ? img->creator : "not given");
    html_fact(r, "Producer", producer_words(a, img));
    html_fact(r, "Log", log_words(a, img));
    html_fact(r, "Parent", parent_words(a, img));
    if (img->host.journal != NULL)
        html_fact(r, "Unfinished repair", text_format(a, "a journal lies beside the file: %s", img->host.journal));
    html_fact(r, "Disk id", m->have_virtual_disk_id ? guid_text(&m->virtual_disk_id, guid) : "unknown");
    html_fact(r, "Block states", states_words(a, v));
    html_fact(r, "Allocated", size_words(a, v->survey != NULL, v->survey != NULL ? v->survey->allocated_bytes : 0));
    out_printf(r, "</dl>\n");
}

/* ---- structures ---- */

static void headers_table(struct report *r, const struct image *img)
{
    static const char *const heads[] = {
        "Header", "Offset", "State", "Sequence number", "File write id", "Data write id", "Log id", "Log", NULL};
    struct arena *a = report_scratch(r);

    html_table_begin(r, "Headers", heads);
    for (int i = 0; i < 2; i++) {
        const struct header_slot *s = &img->headers[i];
        const struct header *h = &s->h;
        char guid[GUID_TEXT_SIZE];

        out_printf(r, "<tr><th scope=\"row\">%d</th><td><code>0x%" PRIx64 "</code></td>", i + 1, s->off);
        if (s->got < HEADER_FIELDS_LEN) {
            out_printf(r, "<td>not in the file</td><td></td><td></td><td></td><td></td><td></td></tr>\n");
            continue;
        }
        html_cell(r, img->current == i ? "valid, current" : s->valid ? "valid" : "not valid");
        html_code_cell(r, text_format(a, "0x%" PRIx64, h->sequence_number));
        html_code_cell(r, guid_text(&h->file_write_guid, guid));
        html_code_cell(r, guid_text(&h->data_write_guid, guid));
        html_code_cell(r, guid_is_nil(&h->log_guid) ? "nil" : guid_text(&h->log_guid, guid));
        html_cell(r, text_format(a, "%s at 0x%" PRIx64, text_size(a, h->log_len), h->log_off));
        out_printf(r, "</tr>\n");
    }
    html_table_end(r);
    out_printf(r, "<p>Header choice: %s.</p>\n", header_choice_text(img->choice));
}

static const char *name_or_guid(struct arena *a, const struct guid *g)
{
    const char *name = known_guid_name(known_guid_find(g));
    char text[GUID_TEXT_SIZE];

    return name != NULL ? name : text_format(a, "%s", guid_text(g, text));
}

/* The tables have room for 2047 entries; a file that fills them is hostile, and told about by the findings. */
enum { ENTRIES_SHOWN = 64 };

static void more_rows(struct report *r, uint32_t count, unsigned columns)
{
    if (count > ENTRIES_SHOWN)
        out_printf(r, "<tr><td colspan=\"%u\">and %u more</td></tr>\n", columns, (unsigned)(count - ENTRIES_SHOWN));
}

static void regions_table(struct report *r, const struct view *v)
{
    static const char *const heads[] = {"Region", "Offset", "Length", "Required", NULL};
    struct arena *a = report_scratch(r);

    if (v->used_table < 0) {
        out_printf(r, "<p>Regions: %s.</p>\n", absence_text(v->regions_absence));
        return;
    }
    const struct region_copy *c = &v->regions[v->used_table];
    html_table_begin(r, v->used_table == 0 ? "Region table 1" : "Region table 2", heads);
    for (uint32_t i = 0; i < c->table.usable_count && i < ENTRIES_SHOWN; i++) {
        const struct region_entry *e = &c->entries[i];

        out_printf(r, "<tr><th scope=\"row\">%s</th>", name_or_guid(a, &e->guid));
        html_code_cell(r, text_format(a, "0x%" PRIx64, e->off));
        html_cell(r, text_size(a, e->len));
        html_cell(r, e->required_word & 1 ? "yes" : "no");
        out_printf(r, "</tr>\n");
    }
    more_rows(r, c->table.usable_count, 4);
    html_table_end(r);
}

static const char *flags_words(struct arena *a, uint32_t flags)
{
    struct text t = text_in(a);

    if (flags & METADATA_FLAG_IS_USER)
        text_add(&t, "user");
    if (flags & METADATA_FLAG_IS_VIRTUAL_DISK)
        text_addf(&t, "%svirtual disk", t.len > 0 ? ", " : "");
    if (flags & METADATA_FLAG_IS_REQUIRED)
        text_addf(&t, "%srequired", t.len > 0 ? ", " : "");
    if (flags & ~(uint32_t)METADATA_FLAGS_KNOWN)
        text_addf(&t, "%s0x%x", t.len > 0 ? ", " : "", (unsigned)(flags & ~(uint32_t)METADATA_FLAGS_KNOWN));
    return text_str(&t);
}

static void metadata_table(struct report *r, const struct metadata *m)
{
    static const char *const heads[] = {"Metadata item", "Offset in the region", "Length", "Flags", NULL};
    struct arena *a = report_scratch(r);

    if (m->absence != ABSENT_NOT) {
        out_printf(r, "<p>Metadata: %s.</p>\n", absence_text(m->absence));
        return;
    }
    html_table_begin(r, "Metadata", heads);
    for (uint32_t i = 0; i < m->table.usable_count && i < ENTRIES_SHOWN; i++) {
        const struct metadata_entry *e = &m->entries[i];

        out_printf(r, "<tr><th scope=\"row\">%s</th>", name_or_guid(a, &e->item_id));
        html_code_cell(r, text_format(a, "0x%x", (unsigned)e->off));
        html_cell(r, text_size(a, e->len));
        html_cell(r, flags_words(a, e->flags));
        out_printf(r, "</tr>\n");
    }
    more_rows(r, m->table.usable_count, 4);
    html_table_end(r);
}

static void locator_table(struct report *r, const struct locator *l)
{
    static const char *const heads[] = {"Parent locator key", "Value", NULL};

    if (l->absence != ABSENT_NOT)
        return;
    html_table_begin(r, "Parent locator", heads);
    for (uint32_t i = 0; i < l->pair_count && i < ENTRIES_SHOWN; i++) {
        const struct locator_text *t = &l->pairs[i];

        (void)report_scratch(r);
        out_printf(r, "<tr><th scope=\"row\">");
        if (t->key_len > 0)
            html_safe_bytes(r, t->key, t->key_len);
        else
            out_printf(r, "(empty)");
        out_printf(r, "</th><td>");
        html_safe_bytes(r, t->value, t->value_len);
        out_printf(r, "</td></tr>\n");
    }
    more_rows(r, l->pair_count, 2);
    html_table_end(r);
}

void html_facts(struct report *r, const struct check_result *res)
{
    const struct image *img = res->image;

    html_section_begin(r, "facts", "Facts");
    fact_list(r, img);
    out_printf(r, "<details><summary>Headers, regions and metadata as they are stored</summary>\n");
    headers_table(r, img);
    regions_table(r, img->main);
    metadata_table(r, &img->main->metadata);
    locator_table(r, &img->main->locator);
    out_printf(r, "</details>\n");
    html_section_end(r);
}
