/* SPDX-License-Identifier: MIT */
/*
 * `facts` of the JSON report: what the image says about itself, as the current view reads it. A fact that is missing is
 * null, never a guess. Numbers that a hostile image can fill are hex strings; offsets and lengths are numbers once they
 * are known to lie in the file.
 */
#include <string.h>

#include "base/span.h"
#include "format/layout.h"
#include "image/chain.h"
#include "report/element.h"

static const uint64_t EXACT_NUMBER_MAX = ((uint64_t)1 << 53) - 1; /* what every JSON reader can hold */

static void put_u64_if(struct json *j, cJSON *to, const char *key, bool known, uint64_t v)
{
    if (known)
        json_put_u64(j, to, key, v);
    else
        json_put_null(j, to, key);
}

static void put_guid_if(struct json *j, cJSON *to, const char *key, bool known, const struct guid *g)
{
    if (known)
        json_put_guid(j, to, key, g);
    else
        json_put_null(j, to, key);
}

static void put_hex_if(struct json *j, cJSON *to, const char *key, bool known, uint64_t v)
{
    if (known)
        json_put_hex(j, to, key, v);
    else
        json_put_null(j, to, key);
}

static void put_size(struct json *j, cJSON *facts, const struct metadata *m)
{
    bool exact = m->have_virtual_disk_size && m->virtual_disk_size <= EXACT_NUMBER_MAX;

    put_u64_if(j, facts, "virtual_size", exact, m->virtual_disk_size);
    if (m->have_virtual_disk_size && !exact)
        json_put_hex(j, facts, "virtual_size_stored", m->virtual_disk_size);
}

static cJSON *producer_json(struct json *j, const struct image *img)
{
    struct producer p = image_producer(img);
    cJSON *o = json_object(j), *because = json_array(j);

    json_put_text(j, o, "name", p.name);
    for (unsigned i = 0; i < p.because_count; i++)
        json_put_text(j, because, NULL, p.because[i]);
    json_put(j, o, "because", because);
    json_put_text(j, o, "last_writer", p.last_writer);
    return o;
}

static cJSON *header_json(struct json *j, const struct image *img, int slot)
{
    const struct header_slot *s = &img->headers[slot];
    const struct header *h = &s->h;
    bool there = s->got >= HEADER_FIELDS_LEN;
    cJSON *o = json_object(j);

    json_put_u64(j, o, "slot", (uint64_t)slot + 1);
    json_put_u64(j, o, "offset", s->off);
    json_put_bool(j, o, "valid", s->valid);
    json_put_bool(j, o, "current", img->current == slot);
    put_hex_if(j, o, "sequence_number", there, h->sequence_number);
    put_guid_if(j, o, "file_write_guid", there, &h->file_write_guid);
    put_guid_if(j, o, "data_write_guid", there, &h->data_write_guid);
    put_guid_if(j, o, "log_guid", there && !guid_is_nil(&h->log_guid), &h->log_guid);
    put_u64_if(j, o, "version", there, h->version);
    put_u64_if(j, o, "log_version", there, h->log_version);
    put_hex_if(j, o, "log_offset", there, h->log_off);
    put_u64_if(j, o, "log_length", there, h->log_len);
    json_put_bool(j, o, "signature_valid", there && h->signature_ok);
    json_put_bool(j, o, "checksum_valid", there && h->checksum_ok);
    return o;
}

static cJSON *headers_json(struct json *j, const struct image *img)
{
    cJSON *list = json_array(j);

    for (int i = 0; i < 2; i++)
        json_put(j, list, NULL, header_json(j, img, i));
    return list;
}

static cJSON *region_entry_json(struct json *j, const struct region_entry *e)
{
    cJSON *o = json_object(j);

    json_put_guid(j, o, "guid", &e->guid);
    json_put_text(j, o, "name", known_guid_name(known_guid_find(&e->guid)));
    json_put_hex(j, o, "offset", e->off);
    json_put_u64(j, o, "length", e->len);
    json_put_bool(j, o, "required", e->required_word & 1);
    return o;
}

static cJSON *region_table_json(struct json *j, const struct view *v, int copy)
{
    const struct region_copy *c = &v->regions[copy];
    cJSON *o = json_object(j), *entries = json_array(j);

    json_put_u64(j, o, "copy", (uint64_t)copy + 1);
    json_put_u64(j, o, "offset", c->off);
    json_put_bool(j, o, "valid", c->valid);
    json_put_bool(j, o, "used", v->used_table == copy);
    for (uint32_t i = 0; i < c->table.usable_count; i++)
        json_put(j, entries, NULL, region_entry_json(j, &c->entries[i]));
    json_put(j, o, "entries", entries);
    return o;
}

static cJSON *metadata_flags_json(struct json *j, uint32_t flags)
{
    cJSON *list = json_array(j);

    if (flags & METADATA_FLAG_IS_USER)
        json_put_text(j, list, NULL, "user");
    if (flags & METADATA_FLAG_IS_VIRTUAL_DISK)
        json_put_text(j, list, NULL, "virtual_disk");
    if (flags & METADATA_FLAG_IS_REQUIRED)
        json_put_text(j, list, NULL, "required");
    if (flags & ~(uint32_t)METADATA_FLAGS_KNOWN)
        json_put_hex(j, list, NULL, flags & ~(uint32_t)METADATA_FLAGS_KNOWN);
    return list;
}

static cJSON *metadata_json(struct json *j, const struct metadata *m)
{
    if (m->absence != ABSENT_NOT)
        return cJSON_CreateNull();
    cJSON *list = json_array(j);
    for (uint32_t i = 0; i < m->table.usable_count; i++) {
        const struct metadata_entry *e = &m->entries[i];
        cJSON *o = json_object(j);

        json_put_guid(j, o, "id", &e->item_id);
        json_put_text(j, o, "name", known_guid_name(known_guid_find(&e->item_id)));
        json_put_u64(j, o, "offset", e->off);
        json_put_u64(j, o, "length", e->len);
        json_put(j, o, "flags", metadata_flags_json(j, e->flags));
        json_put(j, list, NULL, o);
    }
    return list;
}

cJSON *facts_log_json(struct json *j, const struct image *img)
{
    const struct log_scan *s = &img->log;
    const struct replay *p = &img->replay;

    if (img->current < 0)
        return cJSON_CreateNull();
    bool inside = range_in(s->off, s->len, img->file_size);
    bool known = s->scanned && !s->io_error;
    cJSON *o = json_object(j);
    json_put_text(j, o, "state", log_state_name(img->log_state));
    put_u64_if(j, o, "offset", inside, s->off);
    json_put_u64(j, o, "length", s->len);
    put_u64_if(j, o, "active_entries", known, s->has_active ? s->active_count : 0);
    put_u64_if(j, o, "stale_entries", known, s->valid_stale);
    json_put_bool(j, o, "replayed", img->replayed);
    json_put_u64(j, o, "pages_changed", p->attempted && !p->refused ? p->pages_changed : 0);
    json_put_bool(j, o, "replay_refused", p->attempted && p->refused);
    return o;
}

static cJSON *states_json(struct json *j, const struct bat_survey *s)
{
    if (s == NULL)
        return cJSON_CreateNull();
    cJSON *o = json_object(j);
    for (unsigned i = PAYLOAD_NOT_PRESENT; i <= PAYLOAD_UNMAPPED; i++)
        json_put_u64(j, o, payload_state_name(i), s->states[i]);
    json_put_u64(j, o, payload_state_name(PAYLOAD_FULLY_PRESENT), s->states[PAYLOAD_FULLY_PRESENT]);
    json_put_u64(j, o, payload_state_name(PAYLOAD_PARTIALLY_PRESENT), s->states[PAYLOAD_PARTIALLY_PRESENT]);
    json_put_u64(j, o, payload_state_name(PAYLOAD_RESERVED_4),
                 s->states[PAYLOAD_RESERVED_4] + s->states[PAYLOAD_RESERVED_5]);
    return o;
}

static cJSON *bat_json(struct json *j, const struct view *v)
{
    const struct geometry *g = &v->geometry;
    const struct bat_survey *s = v->survey;

    if (v->geometry_absence != ABSENT_NOT)
        return cJSON_CreateNull();
    cJSON *o = json_object(j);
    put_u64_if(j, o, "offset", v->bat.absence == ABSENT_NOT, v->bat.off);
    json_put_u64(j, o, "entries", g->entries);
    json_put_u64(j, o, "payload_blocks", g->payload_blocks);
    json_put_u64(j, o, "chunk_ratio", g->chunk_ratio);
    json_put(j, o, "states", states_json(j, s));
    put_u64_if(j, o, "bitmap_blocks_present", s != NULL, s != NULL ? s->bitmaps_present : 0);
    put_u64_if(j, o, "allocated_bytes", s != NULL, s != NULL ? s->allocated_bytes : 0);
    return o;
}

static void put_locator_text(struct json *j, cJSON *to, const char *key, const struct locator_text *t)
{
    if (t != NULL)
        json_put_bytes(j, to, key, t->value, t->value_len);
    else
        json_put_null(j, to, key);
}

static cJSON *parent_json(struct json *j, const struct image *img)
{
    const struct locator *l = &img->main->locator;
    const struct chain_parent *p = img->parent;

    if (l->absence != ABSENT_NOT && img->main->type != DISK_DIFFERENCING)
        return cJSON_CreateNull();
    cJSON *o = json_object(j), *paths = json_object(j);
    put_guid_if(j, o, "linkage", l->have_linkage, &l->linkage);
    put_guid_if(j, o, "linkage2", l->have_linkage2, &l->linkage2);
    put_locator_text(j, paths, "relative_path", l->relative_path);
    put_locator_text(j, paths, "volume_path", l->volume_path);
    put_locator_text(j, paths, "absolute_win32_path", l->absolute_win32_path);
    json_put(j, o, "paths", paths);
    json_put_text(j, o, "resolved", p != NULL && p->state == PARENT_FOUND ? p->path : NULL);
    return o;
}

cJSON *facts_json(struct json *j, const struct image *img)
{
    const struct view *v = img->main;
    const struct metadata *m = &v->metadata;
    cJSON *facts = json_object(j), *tables = json_array(j);

    json_put_text(j, facts, "type", disk_type_name(v->type));
    put_size(j, facts, m);
    put_u64_if(j, facts, "block_size", m->have_file_parameters, m->file_parameters.block_size);
    put_u64_if(j, facts, "logical_sector_size", m->have_logical_sector_size, m->logical_sector_size);
    put_u64_if(j, facts, "physical_sector_size", m->have_physical_sector_size, m->physical_sector_size);
    put_guid_if(j, facts, "virtual_disk_id", m->have_virtual_disk_id, &m->virtual_disk_id);
    json_put_text(j, facts, "creator", img->creator);
    json_put(j, facts, "producer", producer_json(j, img));
    json_put(j, facts, "headers", headers_json(j, img));
    put_u64_if(j, facts, "current_header", img->current >= 0, img->current >= 0 ? (uint64_t)img->current + 1 : 0);
    json_put_text(j, facts, "current_header_reason", header_choice_text(img->choice));
    for (int i = 0; i < 2; i++)
        json_put(j, tables, NULL, region_table_json(j, v, i));
    json_put(j, facts, "region_tables", tables);
    json_put(j, facts, "metadata", metadata_json(j, m));
    json_put(j, facts, "log", facts_log_json(j, img));
    json_put(j, facts, "bat", bat_json(j, v));
    json_put(j, facts, "parent", parent_json(j, img));
    return facts;
}
