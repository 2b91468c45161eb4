/* SPDX-License-Identifier: MIT */
/* The public C API: what is wrong with an image. The rules run once; everything here answers from that run. */
#include <stdio.h>
#include <stdlib.h>

#include "api_parts.h"
#include "report/check.h"
#include "report/element.h"

/* ---- words ---- */

const char *vhdxray_verdict_name(vhdxray_verdict verdict)
{
    switch (verdict) {
    case VHDXRAY_VERDICT_CLEAN:
        return verdict_name(VERDICT_CLEAN);
    case VHDXRAY_VERDICT_SUSPICIOUS:
        return verdict_name(VERDICT_SUSPICIOUS);
    case VHDXRAY_VERDICT_CORRUPT:
        return verdict_name(VERDICT_CORRUPT);
    case VHDXRAY_VERDICT_UNREADABLE:
        return verdict_name(VERDICT_UNREADABLE);
    }
    return "unknown";
}

static vhdxray_verdict public_verdict(enum verdict v)
{
    switch (v) {
    case VERDICT_CLEAN:
        return VHDXRAY_VERDICT_CLEAN;
    case VERDICT_SUSPICIOUS:
        return VHDXRAY_VERDICT_SUSPICIOUS;
    case VERDICT_CORRUPT:
        return VHDXRAY_VERDICT_CORRUPT;
    case VERDICT_UNREADABLE:
        break;
    }
    return VHDXRAY_VERDICT_UNREADABLE;
}

const char *vhdxray_severity_name(vhdxray_severity severity)
{
    switch (severity) {
    case VHDXRAY_SEVERITY_INFO:
        return severity_name(SEVERITY_INFO);
    case VHDXRAY_SEVERITY_WARNING:
        return severity_name(SEVERITY_WARNING);
    case VHDXRAY_SEVERITY_ERROR:
        return severity_name(SEVERITY_ERROR);
    }
    return "unknown";
}

static vhdxray_severity public_severity(enum severity s)
{
    switch (s) {
    case SEVERITY_INFO:
        return VHDXRAY_SEVERITY_INFO;
    case SEVERITY_WARNING:
        return VHDXRAY_SEVERITY_WARNING;
    case SEVERITY_ERROR:
    case SEVERITY_COUNT:
        break;
    }
    return VHDXRAY_SEVERITY_ERROR;
}

/* ---- the run ---- */

static vhdxray_status run_rules(vhdxray *h)
{
    struct check_options options = {.max_findings = h->max_findings};

    if (h->checked != NULL)
        return VHDXRAY_OK;
    enum status st = check_run(h->image, &options, image_look_again, &h->checked);
    return api_fail_status(h, st);
}

vhdxray_status vhdxray_check(vhdxray *image, vhdxray_summary *ret)
{
    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;
    vhdxray_status status = run_rules(image);
    if (status != VHDXRAY_OK)
        return status;

    const struct check_result *res = image->checked;
    vhdxray_summary s = {
        .verdict = public_verdict(res->verdict),
        .complete = res->complete,
        .io_error = res->io_error,
        .limited = res->limited,
        .errors = res->counts[SEVERITY_ERROR],
        .warnings = res->counts[SEVERITY_WARNING],
        .infos = res->counts[SEVERITY_INFO],
        .finding_count = (size_t)res->finding_count,
    };
    if (ret == NULL || !api_struct_out(ret, &s, sizeof(s)))
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "vhdxray_summary: NULL, or a wrong size_of");
    return VHDXRAY_OK;
}

/* One text for all findings of a rule; NULL when memory is gone. */
static const char *spec_text(vhdxray *h, const struct rule *rule)
{
    uint32_t i = rule_index(rule);

    if (h->specs == NULL)
        h->specs = (const char **)arena_array(h->arena, rule_count(), sizeof(*h->specs));
    if (h->specs != NULL && h->specs[i] == NULL) {
        const char *text = rule_spec_text(h->arena, rule);
        h->specs[i] = text[0] != '\0' ? text : NULL;
    }
    return h->specs != NULL ? h->specs[i] : NULL;
}

vhdxray_status vhdxray_get_finding(vhdxray *image, size_t i, vhdxray_finding *ret)
{
    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;
    vhdxray_status status = run_rules(image);
    if (status != VHDXRAY_OK)
        return status;
    if (i >= image->checked->finding_count)
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "there are only %llu findings",
                        (unsigned long long)image->checked->finding_count);

    const struct finding *f = image->checked->findings[i];
    vhdxray_finding out = {
        .rule = f->rule->id,
        .severity = public_severity(f->severity),
        .as_stored = f->view == VIEW_STORED && image->image->stored != image->image->main,
        .title = f->rule->title,
        .message = f->message,
        .means = finding_means_text(f),
        .next = finding_next_text(f),
        .expected = f->expected,
        .actual = f->actual,
        .structure = structure_name(f->at.structure),
        .index = f->at.index,
        .offset = f->at.off,
        .length = f->at.len,
        .has_guest_range = f->has_guest_range,
        .guest_offset = f->guest_off,
        .guest_length = f->guest_len,
        .repair = repair_class_name(f->repair),
        .spec = spec_text(image, f->rule),
        .quirk = f->quirk,
    };
    if (out.spec == NULL)
        return api_fail_status(image, arena_status(image->arena));
    if (ret == NULL || !api_struct_out(ret, &out, sizeof(out)))
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "vhdxray_finding: NULL, or a wrong size_of");
    return VHDXRAY_OK;
}

/* ---- the report ---- */

static enum status make_json(vhdxray *h)
{
    struct report r = {.format = REPORT_JSON};
    char *text = NULL;
    size_t len = 0;

    r.out = open_memstream(&text, &len);
    if (r.out == NULL)
        return STATUS_NO_MEMORY;
    enum status st = report_begin(&r, "images");
    if (st == STATUS_OK) {
        report_check(&r, h->checked);
        st = report_end(&r);
    }
    bool failed = ferror(r.out) != 0;
    if (fclose(r.out) != 0 || failed) /* there is nothing but memory behind it */
        st = STATUS_NO_MEMORY;
    if (st != STATUS_OK) {
        free(text);
        return st;
    }
    h->json = text;
    h->json_len = len;
    return STATUS_OK;
}

vhdxray_status vhdxray_get_json(vhdxray *image, const char **ret_json, size_t *ret_length)
{
    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;
    if (ret_json == NULL)
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "ret_json is NULL");
    vhdxray_status status = run_rules(image);
    if (status == VHDXRAY_OK && image->json == NULL)
        status = api_fail_status(image, make_json(image));
    if (status != VHDXRAY_OK)
        return status;
    *ret_json = image->json;
    if (ret_length != NULL)
        *ret_length = image->json_len;
    return VHDXRAY_OK;
}
