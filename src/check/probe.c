/* SPDX-License-Identifier: MIT */
/*
 * What rules call: fail() and the setters of a finding, places, summaries. Counting happens here and is exact; keeping
 * is capped per rule, and a finding that cannot be kept for want of memory is still counted.
 */
#include "check/probe.h"

#include <string.h>

#include "base/text.h"

static bool list_add(struct arena *a, struct finding_list *l, struct finding *f)
{
    void *items = l->items;
    if (!arena_grow(a, &items, &l->cap, l->count, sizeof(*l->items)))
        return false;
    l->items = items;
    l->items[l->count++] = f;
    return true;
}

/*
 * A place for one more finding of the rule. When all are taken, the last one of the least severity makes room for a
 * more severe one: what is only counted is never worse than what is listed.
 */
static struct finding *make_room(struct probe *p, struct rule_result *r, enum severity severity)
{
    struct finding *f = NULL;
    if (r->kept < p->max_findings) {
        f = arena_alloc(p->arena, sizeof(*f));
        if (!f || !list_add(p->arena, &p->pass->list, f)) {
            probe_status(p, arena_status(p->arena));
            return NULL;
        }
        r->kept++;
        return f;
    }
    for (enum severity s = SEVERITY_INFO; s < severity && !f; s++) {
        f = r->kept_of[s];
        if (f)
            r->kept_of[s] = f->kept_before;
    }
    return f;
}

static struct finding *keep(struct probe *p, enum severity severity, struct place at, const char *fmt, va_list ap)
{
    struct rule_result *r = &p->pass->rules[p->rule_number];
    r->count++;
    r->outcome = RULE_FAILED;
    p->result->counts[severity] += p->pass->view == p->result->main_view;
    struct finding *f = make_room(p, r, severity);
    if (!f)
        return NULL;
    *f = (struct finding){
        .rule = p->rule,
        .rule_number = p->rule_number,
        .severity = severity,
        .at = at,
        .view = p->pass->view,
        .repair = p->rule->repair,
        .stops = p->rule->stops,
        .order = p->order++,
        .kept_before = r->kept_of[severity],
    };
    r->kept_of[severity] = f;
    f->message = text_vformat(p->arena, fmt, ap);
    if (f->message[0] == '\0') /* no memory for its words; that is reported as a limit */
        f->message = p->rule->title;
    return f;
}

struct finding *fail(struct probe *p, struct place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct finding *f = keep(p, p->rule->severity, at, fmt, ap);
    va_end(ap);
    return f;
}

struct finding *fail_as(struct probe *p, enum severity severity, struct place at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct finding *f = keep(p, severity, at, fmt, ap);
    va_end(ap);
    return f;
}

#define SETTER(name, field)                                                                                            \
    void finding_##name(struct probe *p, struct finding *f, const char *fmt, ...)                                      \
    {                                                                                                                  \
        va_list ap;                                                                                                    \
        if (!f)                                                                                                        \
            return;                                                                                                    \
        va_start(ap, fmt);                                                                                             \
        f->field = text_vformat(p->arena, fmt, ap);                                                                    \
        va_end(ap);                                                                                                    \
    }

SETTER(expected, expected)
SETTER(actual, actual)
SETTER(means, means)
SETTER(next, next)

void finding_guest(struct finding *f, uint64_t off, uint64_t len)
{
    if (!f)
        return;
    f->has_guest_range = true;
    f->guest_off = off;
    f->guest_len = len;
}

void finding_quirk(struct finding *f, const char *producer)
{
    if (f)
        f->quirk = producer;
}

void finding_repair(struct finding *f, enum repair_class repair)
{
    if (f)
        f->repair = repair;
}

void finding_stops(struct finding *f, unsigned peers)
{
    if (f)
        f->stops = peers;
}

void finding_stops_also(struct finding *f, unsigned peers)
{
    if (f)
        f->stops |= peers;
}

void finding_is_no_matter_to(struct finding *f, unsigned peers)
{
    if (f)
        f->stops &= ~peers;
}

void finding_related(struct probe *p, struct finding *f, enum structure structure, int64_t index, uint64_t off)
{
    if (!f)
        return;
    void *items = f->related;
    if (!arena_grow(p->arena, &items, &f->related_cap, f->related_count, sizeof(*f->related))) {
        probe_status(p, arena_status(p->arena));
        return;
    }
    f->related = items;
    f->related[f->related_count++] = (struct related_place){.structure = structure, .index = index, .off = off};
}

struct arena *probe_arena(struct probe *p)
{
    return p->arena;
}

uint64_t probe_count(const struct probe *p, const char *rule_id)
{
    return p->pass->rules[rule_index(rule_find(rule_id))].count;
}

void probe_limit(struct probe *p, const char *name, const char *message)
{
    struct check_result *res = p->result;
    res->limited = true;
    for (uint32_t i = 0; i < res->limit_count; i++)
        if (strcmp(res->limits[i].name, name) == 0)
            return;
    if (res->limit_count < sizeof(res->limits) / sizeof(res->limits[0]))
        res->limits[res->limit_count++] = (struct limit_note){.name = name, .message = message};
}

void probe_status(struct probe *p, enum status st)
{
    if (st == STATUS_OK)
        return;
    if (st == STATUS_IO)
        p->result->io_error = true;
    else if (arena_status(p->arena) == STATUS_OK)
        probe_limit(p, "time", "the time allowed was used up before everything was looked at");
    else
        probe_limit(p, "memory", "the memory allowed was used up before everything was looked at");
}

struct place at_header(const struct subject *s, uint64_t field_off, uint64_t len)
{
    return at_place(STRUCTURE_HEADER, s->slot + 1, HEADER_OFF[s->slot] + field_off, len);
}

struct place at_region_table(const struct subject *s, uint64_t field_off, uint64_t len)
{
    return at_place(STRUCTURE_REGION_TABLE, s->copy + 1, REGION_TABLE_OFF[s->copy] + field_off, len);
}

struct place at_region_entry(const struct subject *s, uint64_t field_off, uint64_t len)
{
    uint64_t off = REGION_TABLE_HEADER_LEN + (uint64_t)s->entry * REGION_ENTRY_LEN + field_off;
    return at_place(STRUCTURE_REGION_TABLE, s->entry, REGION_TABLE_OFF[s->copy] + off, len);
}

struct place at_metadata_entry(const struct subject *s, uint64_t field_off, uint64_t len)
{
    uint64_t off = METADATA_TABLE_HEADER_LEN + (uint64_t)s->entry * METADATA_ENTRY_LEN + field_off;
    return at_place(STRUCTURE_METADATA, s->entry, s->view->metadata_region.off + off, len);
}

struct place at_metadata_item(const struct view *v, const struct metadata_item *item, uint64_t field_off, uint64_t len)
{
    if (!item->found)
        return at_place(STRUCTURE_METADATA, NO_INDEX, v->metadata_region.off, METADATA_TABLE_LEN);
    uint64_t off = v->metadata_region.off + v->metadata.entries[item->entry].off + field_off;
    return at_place(STRUCTURE_METADATA, item->entry, off, len);
}

struct place at_bat_entry(const struct bat_note *n)
{
    return at_place(STRUCTURE_BAT, (int64_t)n->index, n->entry_off, BAT_ENTRY_LEN);
}

struct place at_log_entry(const struct subject *s, uint64_t field_off, uint64_t len)
{
    uint64_t off = s->image->log.off + s->log->ring_off + field_off;
    return at_place(STRUCTURE_LOG, s->log->ring_off / LOG_SECTOR_LEN, off, len);
}
