/* SPDX-License-Identifier: MIT */
/* The log report as JSON. Entries and pages are streamed: a ring of 4 GiB can hold a million of them. */
#include "report/dump.h"
#include "report/element.h"
#include "report/log_report.h"

static void put_sessions(struct report *r, const struct image *img, const struct log_session *sessions)
{
    struct json *j = &r->json;

    json_begin(j, "sessions", '[');
    for (uint32_t i = 0; i < img->log.guid_count; i++) {
        const struct log_session *s = &sessions[i];
        cJSON *o = json_object(j);

        json_put_guid(j, o, "log_guid", &img->log.guids[i]);
        json_put_bool(j, o, "live", s->live);
        json_put_u64(j, o, "valid_entries", s->valid);
        json_put_u64(j, o, "damaged_entries", s->damaged);
        if (s->valid > 0) {
            json_put_hex(j, o, "first_sequence_number", s->first_sequence);
            json_put_hex(j, o, "last_sequence_number", s->last_sequence);
        } else {
            json_put_null(j, o, "first_sequence_number");
            json_put_null(j, o, "last_sequence_number");
        }
        json_line(j, NULL, o);
    }
    json_end(j, ']');
}

static void put_sequences(struct report *r, const struct image *img)
{
    static const char *const states[] = {"active", "older", "broken"};
    const struct log_scan *s = &img->log;
    struct json *j = &r->json;

    json_begin(j, "sequences", '[');
    for (uint64_t i = 0; i < s->run_count; i++) {
        const struct log_run *run = &s->runs[i];
        cJSON *o = json_object(j);

        json_put_text(j, o, "state", states[log_run_state(s, run)]);
        json_put_u64(j, o, "entries", run->count);
        json_put_hex(j, o, "first_sequence_number", s->entries[run->first].sequence_number);
        json_put_hex(j, o, "last_sequence_number", s->entries[run->head].sequence_number);
        json_put_u64(j, o, "head_ring_offset", s->entries[run->head].ring_off);
        json_put_u64(j, o, "tail_ring_offset", s->entries[run->head].tail);
        json_line(j, NULL, o);
    }
    json_end(j, ']');
}

static void put_entries(struct report *r, const struct image *img)
{
    const struct log_scan *s = &img->log;
    struct json *j = &r->json;

    json_begin(j, "entries", '[');
    for (uint64_t i = 0; i < s->entry_count; i++) {
        const struct log_entry *e = &s->entries[i];
        cJSON *o = json_object(j);

        json_put_u64(j, o, "offset", s->off + e->ring_off);
        json_put_u64(j, o, "ring_offset", e->ring_off);
        json_put_u64(j, o, "length", e->len);
        json_put_u64(j, o, "tail", e->tail);
        json_put_hex(j, o, "sequence_number", e->sequence_number);
        json_put_u64(j, o, "descriptors", e->descriptor_count);
        json_put_u64(j, o, "data_descriptors", e->data_count);
        json_put_hex(j, o, "flushed_file_offset", e->flushed_file_off);
        json_put_hex(j, o, "last_file_offset", e->last_file_off);
        json_put_u64(j, o, "session", e->guid);
        json_put_bool(j, o, "live", e->live);
        json_put_bool(j, o, "active", e->active);
        json_put_text(j, o, "state", log_defect_text(e->defect));
        json_line(j, NULL, o);
    }
    json_end(j, ']');
}

static cJSON *orphans_json(struct json *j, const struct log_scan *s)
{
    cJSON *o = json_object(j);
    uint64_t all = s->orphan_data + s->orphan_descriptors + s->orphan_other;

    json_put_u64(j, o, "data_sectors", s->orphan_data);
    json_put_u64(j, o, "descriptor_sectors", s->orphan_descriptors);
    json_put_u64(j, o, "other_sectors", s->orphan_other);
    if (all > 0)
        json_put_u64(j, o, "first_offset", s->orphan_first_off);
    else
        json_put_null(j, o, "first_offset");
    return o;
}

static void put_faults(struct report *r, const struct image *img)
{
    const struct replay *p = &img->replay;
    struct json *j = &r->json;

    json_begin(j, "faults", '[');
    for (uint64_t i = 0; i < p->fault_count; i++) {
        const struct replay_fault *f = &p->faults[i];
        cJSON *o = json_object(j);

        json_put_text(j, o, "message", replay_fault_text(f->kind));
        json_put_u64(j, o, "entry_ring_offset", img->log.entries[f->entry].ring_off);
        json_put_u64(j, o, "descriptor", f->descriptor);
        json_put_hex(j, o, "target_offset", f->off);
        json_put_hex(j, o, "target_length", f->len);
        json_line(j, NULL, o);
    }
    json_end(j, ']');
}

struct plan_json {
    struct report *r;
    struct image *img;
    cJSON *bat;
};

static void put_bat_change(void *ctx, uint64_t index, uint64_t old, uint64_t new)
{
    struct plan_json *p = ctx;
    struct json *j = &p->r->json;
    cJSON *o = json_object(j);

    json_put_u64(j, o, "index", index);
    json_put_hex(j, o, "stored", old);
    json_put_hex(j, o, "replayed", new);
    json_put(j, p->bat, NULL, o);
}

static bool put_page(void *ctx, const struct replay_page *page)
{
    struct plan_json *p = ctx;
    struct json *j = &p->r->json;
    cJSON *o = json_object(j);

    (void)report_scratch(p->r);
    p->bat = json_array(j);
    json_put_u64(j, o, "offset", page->off);
    json_put_u64(j, o, "length", REPLAY_PAGE_LEN);
    json_put_text(j, o, "structure", plan_structure_name(p->img, page));
    json_put_text(j, o, "owner", plan_owner_text(p->r, p->img, page));
    json_put_u64(j, o, "changed_bytes", page->changed);
    json_put_u64(j, o, "first_changed_offset", page->first_off);
    json_put_bool(j, o, "beyond_end_of_file", page->beyond_eof);
    plan_bat_changes(p->img, page, put_bat_change, p);
    json_put(j, o, "bat_entries", p->bat);
    json_line(j, NULL, o);
    return true;
}

static enum status put_plan(struct report *r, struct image *img)
{
    const struct replay *p = &img->replay;
    struct plan_json ctx = {.r = r, .img = img};
    bool possible = p->overlay != NULL;

    json_begin(&r->json, "plan", '{');
    element_text(r, "state", possible ? "possible" : p->attempted ? "refused" : "nothing to replay");
    element_u64(r, "size_before", img->file_size);
    element_u64(r, "size_after", possible && p->new_size > img->file_size ? p->new_size : img->file_size);
    element_u64(r, "data_descriptors", p->data_descriptors);
    element_u64(r, "zero_descriptors", p->zero_descriptors);
    element_u64(r, "pages_written", possible ? p->pages_touched : 0);
    element_u64(r, "pages_changed", possible ? p->pages_changed : 0);
    json_begin(&r->json, "changes", '[');
    enum status st = replay_plan_visit(img, put_page, &ctx);
    json_end(&r->json, ']');
    json_end(&r->json, '}');
    return st;
}

enum status log_json(struct report *r, struct image *img, bool with_plan)
{
    struct json *j = &r->json;
    const struct log_session *sessions = log_sessions(img);
    enum status st = STATUS_OK;

    if (sessions == NULL)
        return arena_status(img->arena);
    element_begin(r);
    element_path(r, img->path);
    element_u64(r, "size", img->file_size);
    json_node(j, "log", facts_log_json(j, img));
    put_sessions(r, img, sessions);
    put_sequences(r, img);
    put_entries(r, img);
    json_node(j, "orphans", orphans_json(j, &img->log));
    put_faults(r, img);
    if (with_plan)
        st = put_plan(r, img);
    element_end(r);
    return st;
}
