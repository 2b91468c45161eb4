/* SPDX-License-Identifier: MIT */
/*
 * A repair plan as JSON, and the bytes of its steps before and after, which both forms show. Steps may overlap: what is
 * shown of each is the file as it is and as it will be, not what the one step did.
 */
#include "report/plan.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/limits.h"
#include "report/element.h"
#include "report/out.h"

enum { WINDOW = 4096 };

/* ---- bytes ---- */

/* CRC of what the source has of the range, and the place of the first difference to the other source. */
static enum status compare(struct source *a, struct source *b, uint64_t off, uint64_t len, struct plan_bytes *ret)
{
    uint8_t u[WINDOW], w[WINDOW];
    bool differs = false;

    ret->old_crc = ret->new_crc = 0;
    while (len > 0) {
        size_t n = (size_t)u64_min(len, WINDOW), got_u, got_w;
        enum status st = source_read_some(a, off, u, n, &got_u);
        if (st == STATUS_OK)
            st = source_read_some(b, off, w, n, &got_w);
        if (st != STATUS_OK)
            return st;
        ret->old_crc = crc32c(ret->old_crc, u, got_u);
        ret->new_crc = crc32c(ret->new_crc, w, got_w);
        for (size_t i = 0; i < n && !differs; i++)
            if (u[i] != w[i] || (i < got_u) != (i < got_w)) {
                differs = true;
                ret->off = off + i;
            }
        off += n;
        len -= n;
    }
    return STATUS_OK;
}

enum status plan_step_bytes(const struct plan *p, const struct plan_step *s, struct plan_bytes *ret)
{
    struct source *after = p->stage->source;
    struct plan_bytes b = {.off = s->off, .summed = s->len <= LIMIT_PLAN_DIGEST};
    enum status st = STATUS_OK;

    if (b.summed)
        st = compare(p->base, after, s->off, s->len, &b);
    size_t len = (size_t)u64_min(PLAN_BYTES, s->len - (b.off - s->off));
    if (st == STATUS_OK)
        st = source_read_some(p->base, b.off, b.old_bytes, len, &b.old_len);
    if (st == STATUS_OK)
        st = source_read_some(after, b.off, b.new_bytes, len, &b.new_len);
    if (st == STATUS_OK)
        *ret = b;
    return st;
}

enum status report_plan_look(const struct plan *p, struct arena *a, const struct plan_bytes **ret)
{
    struct plan_bytes *bytes = (struct plan_bytes *)arena_array(a, p->step_count, sizeof(*bytes));
    enum status st = STATUS_OK;

    if (bytes == NULL)
        return arena_status(a);
    for (uint64_t i = 0; st == STATUS_OK && i < p->step_count; i++)
        st = plan_step_bytes(p, &p->steps[i], &bytes[i]);
    if (st == STATUS_OK)
        *ret = bytes;
    return st;
}

enum status plan_report_bytes(const struct plan_report *p, uint64_t i, struct plan_bytes *ret)
{
    if (p->bytes == NULL)
        return plan_step_bytes(p->plan, &p->plan->steps[i], ret);
    *ret = p->bytes[i];
    return STATUS_OK;
}

/* ---- JSON ---- */

static void put_bytes(struct json *j, cJSON *to, const char *key, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * PLAN_BYTES + 1];

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * len] = '\0';
    json_put_text(j, to, key, text);
}

static cJSON *bytes_json(struct json *j, const uint8_t *bytes, size_t len, bool summed, uint32_t crc)
{
    cJSON *o = json_object(j);

    put_bytes(j, o, "hex", bytes, len);
    if (summed)
        json_put_hex(j, o, "crc32c", crc);
    else
        json_put_null(j, o, "crc32c");
    return o;
}

static cJSON *step_json(struct json *j, const struct plan_step *s, const struct plan_bytes *b)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "rule", s->rule != NULL ? s->rule->id : NULL);
    json_put_text(j, o, "class", repair_class_name(s->class));
    json_put_text(j, o, "structure", structure_name(s->at.structure));
    if (s->at.index < 0)
        json_put_null(j, o, "index");
    else
        json_put_i64(j, o, "index", s->at.index);
    json_put_u64(j, o, "offset", s->off);
    json_put_u64(j, o, "length", s->len);
    json_put_text(j, o, "action", s->action);
    json_put_text(j, o, "reason", s->reason);
    json_put_u64(j, o, "bytes_offset", b->off);
    json_put(j, o, "old", bytes_json(j, b->old_bytes, b->old_len, b->summed, b->old_crc));
    json_put(j, o, "new", bytes_json(j, b->new_bytes, b->new_len, b->summed, b->new_crc));
    if (s->has_guest_range) {
        cJSON *g = json_object(j);
        json_put_u64(j, g, "offset", s->guest_off);
        json_put_u64(j, g, "length", s->guest_len);
        json_put(j, o, "guest_range", g);
    } else {
        json_put_null(j, o, "guest_range");
    }
    return o;
}

static cJSON *left_json(struct json *j, const struct plan_left *l)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "rule", l->rule->id);
    json_put_text(j, o, "severity", severity_name(l->severity));
    json_put_text(j, o, "class", repair_class_name(l->class));
    json_put_u64(j, o, "count", l->count);
    json_put_text(j, o, "reason", l->reason);
    return o;
}

static cJSON *state_json(struct json *j, enum verdict v, uint64_t errors, uint64_t size)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "verdict", verdict_name(v));
    json_put_u64(j, o, "errors", errors);
    json_put_u64(j, o, "size", size);
    return o;
}

enum status plan_json(struct report *r, const struct plan_report *p)
{
    const struct plan *plan = p->plan;
    struct json *j = &r->json;
    enum status st = STATUS_OK;

    element_begin(r);
    element_path(r, p->path);
    element_bool(r, "complete", p->error == NULL);
    element_bool(r, "applied", p->applied);
    element_text(r, "copy", p->copy);
    element_text(r, "journal", p->journal);
    if (plan != NULL) {
        element_bool(r, "refused", plan->refused);
        element_text(r, "refusal", plan->refusal);
        json_line(j, "before", state_json(j, plan->before, plan->errors_before, plan->old_size));
        json_line(j, "after", state_json(j, plan->after, plan->errors_after, plan->new_size));
        json_begin(j, "steps", '[');
        for (uint64_t i = 0; i < plan->step_count && st == STATUS_OK; i++) {
            struct plan_bytes b;
            st = plan_report_bytes(p, i, &b);
            if (st == STATUS_OK)
                json_node(j, NULL, step_json(j, &plan->steps[i], &b));
        }
        json_end(j, ']');
        json_begin(j, "left", '[');
        for (uint64_t i = 0; i < plan->left_count; i++)
            json_line(j, NULL, left_json(j, &plan->left[i]));
        json_end(j, ']');
    }
    json_line(&r->json, "sandbox", element_sandbox(r));
    element_error(r, p->error);
    element_end(r);
    return st;
}

enum status report_plan(struct report *r, const struct plan_report *p)
{
    return r->format == REPORT_TEXT ? plan_text(r, p) : plan_json(r, p);
}
