/* SPDX-License-Identifier: MIT */
/*
 * A repair plan for people: what the image is and what it will be, each change with its place, bytes and reason, what
 * stays and what it needs, and how to go on. Where the guest will read something else is said at each change.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "check/phrases.h"
#include "report/check.h"
#include "report/out.h"
#include "report/plan.h"

enum { LABEL_COLUMN = 10, DETAIL_COLUMN = 18, SHOWN = 8 };

static const char *verdict_word(struct arena *a, enum verdict v)
{
    struct text t = text_in(a);

    for (const char *p = verdict_name(v); *p != '\0'; p++) {
        char c = (char)toupper((unsigned char)*p);
        text_add_bytes(&t, &c, 1);
    }
    return text_str(&t);
}

static enum paint verdict_paint(enum verdict v)
{
    return v == VERDICT_CLEAN ? PAINT_GOOD : v == VERDICT_SUSPICIOUS ? PAINT_WARNING : PAINT_ERROR;
}

static void verdict(struct report *r, enum verdict v, uint64_t errors)
{
    struct arena *a = report_scratch(r);

    out_paint(r, verdict_paint(v), verdict_word(a, v), 0);
    if (errors > 0)
        out_printf(r, " (%s)", count_noun(a, errors, "error"));
}

static void head(struct report *r, const struct plan_report *p)
{
    const struct plan *plan = p->plan;

    out_safe(r, p->path);
    out_printf(r, ": ");
    verdict(r, plan->before, plan->errors_before);
    if (plan->step_count == 0) {
        out_printf(r, plan->refused ? "; it must not be repaired\n" : "; nothing to repair\n");
        return;
    }
    out_printf(r, p->applied ? "; repaired: " : "; repaired it would be: ");
    verdict(r, plan->after, plan->errors_after);
    out_printf(r, "\n");
}

/* ---- steps ---- */

static void detail(struct report *r, const char *label, const char *s)
{
    if (s == NULL || s[0] == '\0')
        return;
    out_printf(r, "%*s", LABEL_COLUMN, "");
    out_paint(r, PAINT_DIM, label, DETAIL_COLUMN - LABEL_COLUMN - 1);
    out_printf(r, " ");
    out_wrapped(r, DETAIL_COLUMN, DETAIL_COLUMN, s);
    out_printf(r, "\n");
}

static void add_hex(struct text *t, const uint8_t *bytes, size_t len, bool more)
{
    for (size_t i = 0; i < len && i < SHOWN; i++)
        text_addf(t, "%s%02x", i > 0 ? " " : "", bytes[i]);
    if (len == 0)
        text_add(t, "nothing");
    else if (len > SHOWN || more)
        text_add(t, " ...");
}

/* "header 1, file offset 0x10004, 4 bytes: 00 00 00 00 -> 8a 3b 11 02". */
static const char *place_text(struct arena *a, const struct plan_step *s, const struct plan_bytes *b)
{
    struct text t = text_in(a);

    text_addf(&t, "%s, file offset 0x%" PRIx64, place_name(a, s->at.structure, s->at.index), s->off);
    if (s->len == 0)
        return text_str(&t);
    text_addf(&t, ", %s; ", text_size(a, s->len));
    if (b->off != s->off)
        text_addf(&t, "at 0x%" PRIx64 " ", b->off);
    add_hex(&t, b->old_bytes, b->old_len, s->len > PLAN_BYTES);
    text_add(&t, " -> ");
    add_hex(&t, b->new_bytes, b->new_len, s->len > PLAN_BYTES);
    return text_str(&t);
}

static enum status step_text(struct report *r, const struct plan_report *p, uint64_t i)
{
    const struct plan_step *s = &p->plan->steps[i];
    struct plan_bytes b;

    enum status st = plan_report_bytes(p, i, &b);
    if (st != STATUS_OK)
        return st;
    struct arena *a = report_scratch(r);
    const char *id = s->rule != NULL ? s->rule->id : "MS-VHDX 2.2.2.1";
    unsigned column = LABEL_COLUMN + (unsigned)strlen(id) + 2;
    out_paint(r, s->class == REPAIR_CONSENT ? PAINT_WARNING : PAINT_NONE, repair_class_name(s->class),
              LABEL_COLUMN - 1);
    out_printf(r, " %s  ", id);
    out_wrapped(r, column, column, s->action);
    out_printf(r, "\n");
    detail(r, "where", place_text(a, s, &b));
    detail(r, "why", s->reason);
    if (s->has_guest_range)
        detail(r, "guest",
               text_format(a, "%s reads otherwise afterwards", phrase_guest(a, s->guest_off, s->guest_len)));
    return STATUS_OK;
}

static bool same_kind(const struct plan_step *a, const struct plan_step *b)
{
    return a->rule == b->rule && strcmp(a->action, b->action) == 0;
}

/* Steps that do the same for one rule: the first ones in full, unless all are wanted. */
static enum status steps_text(struct report *r, const struct plan_report *p)
{
    enum { TOLD = 8 };
    const struct plan *plan = p->plan;
    enum status st = STATUS_OK;

    for (uint64_t i = 0; i < plan->step_count && st == STATUS_OK;) {
        uint64_t end = i + 1, told;
        while (end < plan->step_count && same_kind(&plan->steps[i], &plan->steps[end]))
            end++;
        told = r->verbose || end - i <= TOLD ? end : i + TOLD;
        for (; i < told && st == STATUS_OK; i++)
            st = step_text(r, p, i);
        if (told < end)
            detail(r, "",
                   text_format(report_scratch(r), "... and %s more like these (-v lists them)",
                               group_digits(report_scratch(r), end - told)));
        i = end;
    }
    return st;
}

/* ---- what stays ---- */

static bool is_fault(const struct plan_left *l)
{
    return l->severity >= SEVERITY_WARNING;
}

static void left_text(struct report *r, const struct plan *plan)
{
    uint64_t optional = 0;

    for (uint64_t i = 0; i < plan->left_count; i++) {
        const struct plan_left *l = &plan->left[i];
        struct arena *a = report_scratch(r);
        if (!is_fault(l) && !r->verbose) {
            optional++;
            continue;
        }
        unsigned column = LABEL_COLUMN + (unsigned)strlen(l->rule->id) + 2;
        out_paint(r, severity_paint(l->severity), "stays", LABEL_COLUMN - 1);
        out_printf(r, " %s  ", l->rule->id);
        out_wrapped(r, column, column,
                    text_format(a, "%s%s: %s", l->rule->title,
                                l->count > 1 ? text_format(a, " (%s times)", group_digits(a, l->count)) : "",
                                l->reason));
        out_printf(r, "\n");
    }
    if (optional > 0) {
        struct arena *a = report_scratch(r);
        out_printf(r, "%s could be changed as well, on request; -v lists %s\n", count_noun(a, optional, "note"),
                   optional == 1 ? "it" : "them");
    }
}

/* ---- how to go on ---- */

static const char *consent_list(struct arena *a, const struct plan *plan)
{
    struct text t = text_in(a);

    for (uint64_t i = 0; i < plan->left_count; i++) {
        const struct plan_left *l = &plan->left[i];
        if (is_fault(l) && l->class == REPAIR_CONSENT && strncmp(l->reason, "needs --consent", 15) == 0)
            text_addf(&t, "%s%s", t.len > 0 ? "," : "", l->rule->id);
    }
    return text_str(&t);
}

static void tail(struct report *r, const struct plan_report *p)
{
    const struct plan *plan = p->plan;
    struct arena *a = report_scratch(r);
    const char *consent = consent_list(a, plan);

    if (plan->refusal != NULL) {
        out_wrapped(r, 0, 2, plan->refusal);
        out_printf(r, "\n");
    }
    if (plan->old_size != plan->new_size)
        out_printf(r, "size of the file: %s -> %s bytes\n", group_digits(a, plan->old_size),
                   group_digits(a, plan->new_size));
    if (consent[0] != '\0' && !p->applied)
        out_printf(r, "to allow more: --consent %s\n", consent);
    if (plan->step_count == 0)
        return;
    if (!p->applied) {
        out_printf(
            r, "nothing was changed; --copy NEW repairs a copy, --apply the file itself, which `vhdxray undo` takes "
               "back\n");
        return;
    }
    if (p->copy != NULL) {
        out_printf(r, "written to ");
        out_safe(r, p->copy);
        out_printf(r, "; ");
        out_safe(r, p->path);
        out_printf(r, " is as it was\n");
    } else if (p->journal != NULL) {
        out_printf(r, "to take it back: vhdxray undo ");
        out_safe(r, p->path);
        out_printf(r, "  (keeps the old bytes in ");
        out_safe(r, p->journal);
        out_printf(r, ")\n");
    }
}

enum status plan_text(struct report *r, const struct plan_report *p)
{
    enum status st = STATUS_OK;

    if (p->plan == NULL || p->error != NULL)
        return STATUS_OK; /* a message said why */
    head(r, p);
    if (r->quiet)
        return STATUS_OK;
    if (p->plan->step_count + p->plan->left_count > 0)
        out_printf(r, "\n");
    st = steps_text(r, p);
    if (st != STATUS_OK)
        return st;
    left_text(r, p->plan);
    tail(r, p);
    return STATUS_OK;
}
