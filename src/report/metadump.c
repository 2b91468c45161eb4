/* SPDX-License-Identifier: MIT */
/* A metadata copy in a few lines; nothing is said about it when it was not made but in JSON. */
#include "report/metadump.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

static bool is_same(const struct metadump_report *m)
{
    return m->lost_count == 0 && m->added_count == 0 && strcmp(m->verdict, m->copy_verdict) == 0;
}

static void rule_list(struct report *r, const char *label, const char *const *rules, uint32_t count)
{
    if (count == 0)
        return;
    out_printf(r, "  %s:", label);
    for (uint32_t i = 0; i < count; i++)
        out_printf(r, " %s", rules[i]);
    out_printf(r, "\n");
}

static void text_report(struct report *r, const struct metadump_report *m)
{
    struct arena *a = report_scratch(r);

    if (m->error != NULL || r->quiet)
        return;
    out_safe(r, m->output);
    out_printf(r, ": metadata of ");
    out_safe(r, m->path);
    out_printf(r, ", %s of %s on disk\n", text_size(a, m->allocated), text_size(a, m->size));
    if (m->redacted)
        out_printf(r, "  %s and %s replaced; creator, sizes, offsets and sequence numbers are as they were\n",
                   count_noun(a, m->dump->guids, "GUID"), count_noun(a, m->dump->names, "name"));
    else
        out_printf(r, "  not redacted: it holds the GUIDs and names of the image\n");
    if (m->dump->log_pages_out > 0)
        out_printf(r, "  %s in the log left out: not of a structure of today\n",
                   count_noun(a, m->dump->log_pages_out, "page"));
    if (is_same(m)) {
        out_printf(r, "  checked: %s, and the same rules speak as for the image\n", m->verdict);
        return;
    }
    out_printf(r, "  checked: the image is %s, the copy %s\n", m->verdict, m->copy_verdict);
    rule_list(r, "only in the image", m->lost, m->lost_count);
    rule_list(r, "only in the copy", m->added, m->added_count);
}

static cJSON *names_json(struct json *j, const char *const *names, uint32_t count)
{
    cJSON *list = json_array(j);

    for (uint32_t i = 0; i < count; i++)
        json_put_text(j, list, NULL, names[i]);
    return list;
}

void report_metadump(struct report *r, const struct metadump_report *m)
{
    if (r->format == REPORT_TEXT) {
        text_report(r, m);
        return;
    }
    element_begin(r);
    element_path(r, m->path);
    element_text(r, "output", m->output);
    element_bool(r, "complete", m->error == NULL);
    element_u64(r, "size", m->size);
    if (m->dump != NULL) {
        element_u64(r, "allocated", m->allocated);
        element_bool(r, "redacted", m->redacted);
        element_u64(r, "kept_bytes", m->dump->kept_bytes);
        element_u64(r, "replaced_guids", m->dump->guids);
        element_u64(r, "replaced_names", m->dump->names);
        element_u64(r, "log_pages_left_out", m->dump->log_pages_out);
        element_text(r, "verdict", m->verdict);
        element_text(r, "copy_verdict", m->copy_verdict);
        json_line(&r->json, "rules_lost", names_json(&r->json, m->lost, m->lost_count));
        json_line(&r->json, "rules_added", names_json(&r->json, m->added, m->added_count));
    }
    element_error(r, m->error);
    element_end(r);
}
