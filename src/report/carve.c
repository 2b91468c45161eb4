/* SPDX-License-Identifier: MIT */
/* Carving as JSON: one document, or one line for each thing found. Items are written one by one: there may be many. */
#include "report/carve.h"

#include "report/dump.h"
#include "report/element.h"

const char *carve_owner_key(enum owner_kind k)
{
    static const char *const keys[] = {
        [OWNER_NONE] = NULL,
        [OWNER_HEADER_SECTION] = "header_section",
        [OWNER_LOG] = "log",
        [OWNER_REGION] = "region",
        [OWNER_BITMAP] = "sector_bitmap",
        [OWNER_PAYLOAD] = "payload",
        [OWNER_ANCHOR] = "soft_anchor",
    };
    return keys[k];
}

const char *carve_entry_state(const struct carve_item *item)
{
    const struct log_entry *e = &item->u.log_entry->log->entries[item->u.log_entry->entry];
    if (e->defect != LOG_DEFECT_NONE)
        return "damaged";
    return e->active ? "active" : e->live ? "live" : "stale";
}

/* ---- what each kind says of itself ---- */

static void put_guid(struct json *j, cJSON *o, const char *key, const struct guid *g)
{
    if (guid_is_nil(g))
        json_put_null(j, o, key);
    else
        json_put_guid(j, o, key, g);
}

static void put_header(struct json *j, cJSON *o, const struct carved_header *h)
{
    json_put_bool(j, o, "checksum_ok", h->checksum_ok);
    json_put_bool(j, o, "plausible", h->plausible);
    json_put_hex(j, o, "sequence_number", h->sequence_number);
    json_put_guid(j, o, "file_write_guid", &h->file_write_guid);
    json_put_guid(j, o, "data_write_guid", &h->data_write_guid);
    put_guid(j, o, "log_guid", &h->log_guid);
    json_put_u64(j, o, "version", h->version);
    json_put_u64(j, o, "log_version", h->log_version);
    json_put_hex(j, o, "log_offset", h->log_off);
    json_put_u64(j, o, "log_length", h->log_len);
}

static void put_region(struct json *j, cJSON *o, const char *key, bool there, uint64_t off, uint64_t len)
{
    if (!there) {
        json_put_null(j, o, key);
        return;
    }
    cJSON *region = json_object(j);
    json_put_hex(j, region, "offset", off);
    json_put_u64(j, region, "length", len);
    json_put(j, o, key, region);
}

static void put_region_table(struct json *j, cJSON *o, const struct carved_region_table *t)
{
    json_put_bool(j, o, "decoded", t->decoded);
    if (!t->decoded)
        return;
    json_put_bool(j, o, "checksum_ok", t->checksum_ok);
    json_put_u64(j, o, "entries", t->entries);
    put_region(j, o, "bat", t->has_bat, t->bat_off, t->bat_len);
    put_region(j, o, "metadata", t->has_metadata, t->metadata_off, t->metadata_len);
}

static void put_metadata(struct json *j, cJSON *o, const struct carved_metadata *m)
{
    json_put_bool(j, o, "decoded", m->decoded);
    if (!m->decoded)
        return;
    json_put_u64(j, o, "entries", m->entries);
    json_put_text(j, o, "type", disk_type_name(m->type));
    if (m->geometry_absence != ABSENT_NOT) {
        json_put_text(j, o, "no_geometry", absence_text(m->geometry_absence));
    } else {
        json_put_u64(j, o, "virtual_size", m->geometry.virtual_size);
        json_put_u64(j, o, "block_size", m->geometry.block_size);
        json_put_u64(j, o, "logical_sector_size", m->geometry.logical_sector_size);
    }
    if (m->physical_sector_size > 0)
        json_put_u64(j, o, "physical_sector_size", m->physical_sector_size);
    if (m->have_disk_id)
        json_put_guid(j, o, "virtual_disk_id", &m->disk_id);
}

static void put_guess(struct json *j, cJSON *o, const struct bat_guess *g)
{
    cJSON *states = json_object(j);
    for (unsigned s = PAYLOAD_NOT_PRESENT; s <= PAYLOAD_PARTIALLY_PRESENT; s++)
        if (s != PAYLOAD_RESERVED_4 && s != PAYLOAD_RESERVED_5 && g->states[s] > 0)
            json_put_u64(j, states, payload_state_name(s), g->states[s]);
    json_put_u64(j, o, "entries_set", g->set);
    json_put(j, o, "states", states);
    json_put_u64(j, o, "odd_entries", g->odd);
    json_put_u64(j, o, "places", g->live);
    json_put_u64(j, o, "places_behind_end", g->past);
    json_put_u64(j, o, "places_repeated", g->repeats);
}

static void put_bat(struct json *j, cJSON *o, const struct carved_bat *b)
{
    cJSON *fits = json_array(j);

    json_put_u64(j, o, "score", b->score);
    put_guess(j, o, &b->guess);
    json_put_u64(j, o, "last_entry", b->guess.last);
    if (b->guess.live > 0) {
        json_put_u64(j, o, "lowest_place", b->guess.lowest_off);
        json_put_u64(j, o, "highest_place", b->guess.highest_off);
        json_put_u64(j, o, "step", bat_guess_step(&b->guess));
    }
    for (uint32_t i = 0; i < b->fit_count; i++) {
        cJSON *fit = json_object(j);
        json_put_u64(j, fit, "metadata_offset", b->fits[i].metadata_off);
        json_put_u64(j, fit, "percent", b->fits[i].percent);
        json_put_u64(j, fit, "entries", b->fits[i].entries);
        json_put_u64(j, fit, "blocks", b->fits[i].live);
        json_put_u64(j, fit, "faulty_entries", b->fits[i].faulty);
        json_put(j, fits, NULL, fit);
    }
    json_put(j, o, "fits", fits);
}

static void put_log_entry(struct json *j, cJSON *o, const struct carve_item *item)
{
    const struct log_scan *log = item->u.log_entry->log;
    const struct log_entry *e = &log->entries[item->u.log_entry->entry];

    json_put_u64(j, o, "log_offset", log->off);
    json_put_u64(j, o, "log_length", log->len);
    json_put_text(j, o, "state", carve_entry_state(item));
    if (e->defect != LOG_DEFECT_NONE)
        json_put_text(j, o, "defect", log_defect_text(e->defect));
    json_put_hex(j, o, "sequence_number", e->sequence_number);
    put_guid(j, o, "log_guid", &log->guids[e->guid]);
    json_put_u64(j, o, "tail", e->tail);
    json_put_u64(j, o, "descriptors", e->descriptor_count);
    json_put_u64(j, o, "data_descriptors", e->data_count);
    json_put_hex(j, o, "flushed_file_offset", e->flushed_file_off);
    json_put_hex(j, o, "last_file_offset", e->last_file_off);
}

static cJSON *bat_page_json(struct json *j, const struct carved_log_page *p)
{
    cJSON *o = json_object(j), *changes = json_array(j);

    if (p->kind == CARVED_BAT)
        json_put_u64(j, o, "first_entry", p->first_entry);
    put_guess(j, o, &p->guess);
    if (p->kind != CARVED_BAT) {
        cJSON_Delete(changes);
        return o;
    }
    json_put_u64(j, o, "entries_changed", p->changed);
    for (uint64_t i = 0; i < p->changed && i < CARVED_CHANGES; i++) {
        cJSON *change = json_object(j);
        json_put_u64(j, change, "index", p->changes[i].index);
        json_put_hex(j, change, "then", p->changes[i].then);
        json_put_hex(j, change, "now", p->changes[i].now);
        json_put(j, changes, NULL, change);
    }
    json_put(j, o, "changes", changes);
    return o;
}

static void put_log_page(struct json *j, cJSON *o, const struct carved_log_page *p)
{
    static const char *const now[] = {
        [CARVED_SAME] = "same", [CARVED_DIFFERENT] = "different", [CARVED_UNKNOWN] = "unknown"};
    const struct log_entry *e = &p->log->entries[p->entry];

    json_put_u64(j, o, "entry_offset", p->log->off + e->ring_off);
    json_put_u64(j, o, "descriptor", p->descriptor);
    json_put_hex(j, o, "sequence_number", e->sequence_number);
    put_guid(j, o, "log_guid", &p->log->guids[e->guid]);
    json_put_hex(j, o, "target", p->target);
    json_put_hex(j, o, "target_length", p->len);
    json_put_bool(j, o, "zeros", p->zero);
    json_put_text(j, o, "structure", carved_target_name(p->kind));
    json_put_text(j, o, "today", now[p->now]);
    if (p->kind == CARVED_BAT || p->guess.set > 0)
        json_put(j, o, "bat", bat_page_json(j, p));
    if (p->have_virtual_size)
        json_put_hex(j, o, "virtual_size", p->virtual_size);
    if (p->have_block_size)
        json_put_u64(j, o, "block_size", p->block_size);
}

static void put_orphan(struct json *j, cJSON *o, const struct carved_orphan *orphan)
{
    if (!orphan->known) {
        json_put_null(j, o, "content");
        return;
    }
    cJSON *content = json_object(j);
    json_put_text(j, content, "class", content_class_name(orphan->content.class));
    json_put_text(j, content, "key", orphan->content.key);
    json_put_text(j, content, "name", orphan->content.name);
    json_put_u64(j, content, "magic_offset", orphan->content.magic_off);
    json_put(j, o, "content", content);
}

static cJSON *item_json(struct json *j, const struct carve_listing *l, uint64_t i)
{
    const struct carve_item *item = &l->carve->items[i];
    cJSON *o = json_object(j);

    json_put_u64(j, o, "number", i + 1);
    json_put_text(j, o, "kind", carve_kind_name(item->kind));
    json_put_u64(j, o, "offset", item->off);
    json_put_u64(j, o, "length", item->len);
    json_put_bool(j, o, "in_use", item->in_use);
    json_put_text(j, o, "owner", carve_owner_key(item->owner));
    if (item->owner == OWNER_PAYLOAD || item->owner == OWNER_ANCHOR)
        json_put_u64(j, o, "block", item->block);
    if (l->files != NULL)
        json_put_text(j, o, "file", l->files[i]);
    switch (item->kind) {
    case CARVE_HEADER:
        put_header(j, o, item->u.header);
        break;
    case CARVE_REGION_TABLE:
        put_region_table(j, o, item->u.region_table);
        break;
    case CARVE_METADATA:
        put_metadata(j, o, item->u.metadata);
        break;
    case CARVE_BAT:
        put_bat(j, o, item->u.bat);
        break;
    case CARVE_LOG_ENTRY:
        put_log_entry(j, o, item);
        break;
    case CARVE_LOG_PAGE:
        put_log_page(j, o, item->u.log_page);
        break;
    case CARVE_ORPHAN:
        put_orphan(j, o, item->u.orphan);
        break;
    case CARVE_KINDS:
        break;
    }
    return o;
}

/* ---- the document ---- */

static cJSON *structures_json(struct json *j, const struct carve *c)
{
    static const char *const sources[] = {
        [CARVE_MODEL_NONE] = "none", [CARVE_MODEL_FILE] = "file", [CARVE_MODEL_ASSUMED] = "assumed"};
    cJSON *o = json_object(j);

    json_put_text(j, o, "source", sources[c->model]);
    if (c->model == CARVE_MODEL_NONE) {
        json_put_null(j, o, "metadata_offset");
        json_put_null(j, o, "bat_offset");
        return o;
    }
    json_put_u64(j, o, "metadata_offset", c->metadata_off);
    json_put_u64(j, o, "bat_offset", c->bat_off);
    json_put_text(j, o, "type", disk_type_name(c->view->type));
    json_put_u64(j, o, "virtual_size", c->view->geometry.virtual_size);
    json_put_u64(j, o, "block_size", c->view->geometry.block_size);
    return o;
}

static cJSON *unreadable_json(struct json *j, const struct carve *c)
{
    cJSON *o = json_object(j), *ranges = json_array(j);

    json_put_u64(j, o, "bytes", c->unreadable_bytes);
    json_put_u64(j, o, "count", c->unreadable_count);
    for (uint64_t i = 0; i < c->unreadable_listed; i++) {
        cJSON *range = json_object(j);
        json_put_u64(j, range, "offset", c->unreadable[i].off);
        json_put_u64(j, range, "length", c->unreadable[i].len);
        json_put(j, ranges, NULL, range);
    }
    json_put(j, o, "ranges", ranges);
    return o;
}

static void lines_of_json(struct report *r, const struct carve_listing *l)
{
    for (uint64_t i = 0; i < l->carve->item_count && !ferror(r->out); i++)
        if (l->selected[i])
            json_line(&r->json, NULL, item_json(&r->json, l, i));
}

void carve_json(struct report *r, const struct carve_listing *l)
{
    const struct carve *c = l->carve;
    struct json *j = &r->json;

    if (r->format == REPORT_JSONL) {
        lines_of_json(r, l);
        return;
    }
    element_begin(r);
    element_path(r, c->image->path);
    element_u64(r, "size", c->image->file_size);
    element_bool(r, "complete", c->complete);
    element_u64(r, "searched_up_to", c->scanned_off);
    element_u64(r, "data_bytes", c->data_bytes);
    element_u64(r, "left_out_bytes", c->left_out);
    json_line(j, "structures", structures_json(j, c));
    json_begin(j, "items", '[');
    lines_of_json(r, l);
    json_end(j, ']');
    cJSON *totals = json_object(j);
    for (enum carve_kind k = CARVE_HEADER; k < CARVE_KINDS; k++)
        json_put_u64(j, totals, carve_kind_name(k), c->counts[k]);
    json_line(j, "totals", totals);
    json_line(j, "unreadable", unreadable_json(j, c));
    element_end(r);
}

void report_carve(struct report *r, const struct carve_listing *l)
{
    if (r->format == REPORT_TEXT)
        carve_text(r, l);
    else
        carve_json(r, l);
}
