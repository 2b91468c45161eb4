/* SPDX-License-Identifier: MIT */
/*
 * A whole image, carved, and checked with a look at its content. Input: a recipe. Its seed says how: bit 0 without the
 * blocks in use, bit 1 the report as lines, bit 2 everything twice, bit 3 `check --deep` instead.
 *
 * Asserted: the work stays in proportion to what the recipe lays down; things found lie in the file, in order, and can
 * be read from end to end; what is called an orphan nobody owns, and what is in use the file leads to; reports are
 * strict; a second run that is told of data in other pieces finds the same.
 */
#include "base/limits.h"
#include "carve/carve.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"
#include "report/carve.h"

enum { SEED_NO_PAYLOAD = 1, SEED_LINES = 2, SEED_TWICE = 4, SEED_DEEP = 8 };

/* ---- one thing found ---- */

static void judge_bytes(const struct carve *c, const struct carve_item *item)
{
    static uint8_t bytes[4096];
    uint64_t data, end;

    for (uint64_t off = 0; off < item->len; off = u64_max(end, off + 1)) {
        ASSERT(carve_item_next_data(c, item, off, &data, &end) == STATUS_OK);
        ASSERT(data >= off && data <= end && end <= item->len, "%s", carve_kind_name(item->kind));
        if (data == item->len)
            break;
        size_t n = (size_t)u64_min(sizeof(bytes), end - data);
        ASSERT(carve_item_read(c, item, data, bytes, n) == STATUS_OK, "%s", carve_kind_name(item->kind));
        sink_bytes(bytes, n);
    }
    ASSERT(carve_item_read(c, item, item->len, bytes, 1) == STATUS_RANGE);
}

static void judge_orphan(const struct carve *c, const struct carve_item *item)
{
    const struct view *v = c->view;

    ASSERT(item->off % MIB == 0 && item->len > 0);
    if (c->model == CARVE_MODEL_NONE || item->owner == OWNER_ANCHOR)
        return;
    ASSERT(!layout_map_payload_at(v->layout, item->off, item->len), "an orphan at %llu is in use",
           (unsigned long long)item->off);
    ASSERT(layout_map_fixed_at(v->layout, item->off, item->len) == NULL, "an orphan at %llu is a structure",
           (unsigned long long)item->off);
}

static void judge_item(const struct carve *c, const struct carve_item *item)
{
    const uint64_t size = c->image->file_size;

    ASSERT(item->off < size, "%s at %llu", carve_kind_name(item->kind), (unsigned long long)item->off);
    if (item->kind != CARVE_LOG_ENTRY) /* which may go on at the start of the ring */
        ASSERT(item->len <= size - item->off, "%s at %llu", carve_kind_name(item->kind), (unsigned long long)item->off);
    if (item->kind == CARVE_ORPHAN)
        judge_orphan(c, item);
    if (item->kind == CARVE_BAT)
        ASSERT(item->u.bat->score <= 100);
    if (item->kind == CARVE_HEADER && item->in_use)
        ASSERT(item->u.header->checksum_ok && (item->off == HEADER_OFF[0] || item->off == HEADER_OFF[1]));
    judge_bytes(c, item);
}

static void judge_items(const struct carve *c)
{
    uint64_t listed[CARVE_KINDS] = {0};

    for (uint64_t i = 0; i < c->item_count; i++) {
        const struct carve_item *item = &c->items[i], *before = i > 0 ? item - 1 : NULL;
        ASSERT(before == NULL || before->kind < item->kind || item->kind == CARVE_LOG_PAGE ||
                   (before->kind == item->kind && before->off <= item->off),
               "item %llu is not in order", (unsigned long long)i);
        judge_item(c, item);
        listed[item->kind]++;
    }
    for (enum carve_kind k = CARVE_HEADER; k < CARVE_KINDS; k++)
        ASSERT(c->limited ? listed[k] <= c->counts[k] : listed[k] == c->counts[k], "%s", carve_kind_name(k));
    ASSERT(c->complete == (c->stopped == STATUS_OK && !c->limited));
    ASSERT(c->unreadable_bytes == 0, "a recipe can be read everywhere");
}

/* ---- reports ---- */

static void write_report(const struct carve *c, enum report_format format)
{
    struct report r = {.out = whole_text_begin(), .format = format, .verbose = true};
    bool *all = malloc(c->item_count + 1);
    size_t len;

    ASSERT(all != NULL, "out of memory");
    memset(all, 1, c->item_count + 1);
    ASSERT(report_begin(&r, NULL) == STATUS_OK);
    report_carve(&r, &(struct carve_listing){.carve = c, .selected = all});
    ASSERT(report_end(&r) == STATUS_OK);
    free(all);
    const char *text = whole_text_end(&len);
    if (format == REPORT_TEXT)
        strict_text(text, len);
    else if (format == REPORT_JSON)
        strict_json(text, len);
    else if (len > 0)
        strict_json_lines(text, len);
}

/* ---- runs ---- */

static struct carve *run(struct whole *w, const struct recipe *r, unsigned options)
{
    const struct carve_options how = {.no_payload = (r->seed & SEED_NO_PAYLOAD) != 0};
    struct carve *c = NULL;

    whole_open(w, r, "image.vhdx", options);
    enum status st = carve_run(w->image, &how, &c);
    ASSERT(st == STATUS_OK, "status %d", (int)st);
    return c;
}

static void judge_second(const struct recipe *r, const struct carve *first)
{
    struct whole w;
    struct carve *c = run(&w, r, WHOLE_RAGGED);

    ASSERT(c->item_count == first->item_count && c->model == first->model, "%llu and %llu items",
           (unsigned long long)first->item_count, (unsigned long long)c->item_count);
    for (uint64_t i = 0; i < c->item_count; i++) {
        const struct carve_item *a = &first->items[i], *b = &c->items[i];
        ASSERT(a->kind == b->kind && a->off == b->off && a->len == b->len && a->owner == b->owner &&
                   a->block == b->block && a->in_use == b->in_use,
               "item %llu is another one", (unsigned long long)i);
    }
    carve_close(c);
    whole_close(&w);
}

static void deep(const struct recipe *r)
{
    const struct check_options check = {.max_findings = LIMIT_FINDINGS_PER_RULE, .deep = true};
    struct check_result *res = NULL;
    struct whole w;

    whole_open(&w, r, "image.vhdx", 0);
    enum status st = check_run(w.image, &check, NULL, &res);
    ASSERT(st == STATUS_OK, "status %d", (int)st);
    whole_judge(res);
    for (uint64_t i = 0; i < res->finding_count; i++) {
        const struct finding *f = res->findings[i];
        if (f->rule->scope == SCOPE_CONTENT)
            ASSERT(range_in(f->at.off, f->at.len, w.image->main->src->size), "%s: %s", f->rule->id, f->message);
    }
    whole_close(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recipe r;
    struct whole w;

    recipe_decode(data, size, &r);
    if (r.seed & SEED_DEEP) {
        deep(&r);
    } else {
        struct carve *c = run(&w, &r, 0);
        judge_items(c);
        write_report(c, r.seed & SEED_LINES ? REPORT_JSONL : r.seed & SEED_TWICE ? REPORT_TEXT : REPORT_JSON);
        if (r.seed & SEED_TWICE)
            judge_second(&r, c);
        carve_close(c);
        whole_close(&w);
    }
    recipe_free(&r);
    return 0;
}
