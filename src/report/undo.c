/* SPDX-License-Identifier: MIT */
/* What `undo` has to say at its end. Text is a line or two, and nothing when it failed: a message said why. */
#include "report/undo.h"

#include "base/text.h"
#include "report/element.h"
#include "report/out.h"

static void undo_text(struct report *r, const struct undo_report *u)
{
    struct arena *a = report_scratch(r);

    if (u->error != NULL || r->quiet)
        return;
    out_safe(r, u->path);
    out_printf(r, ": %s undone: ", u->interrupted ? "interrupted repair" : "repair");
    out_printf(r, "%s restored, ", count_noun(a, u->changes, "range"));
    out_printf(r, "file of %s bytes as before\n", group_digits(a, u->size));
    if (u->more)
        out_printf(r, "  an earlier repair can be undone as well: vhdxray undo again\n");
}

static void undo_json(struct report *r, const struct undo_report *u)
{
    element_begin(r);
    element_path(r, u->path);
    element_bool(r, "complete", u->error == NULL);
    element_bool(r, "undone", u->undone);
    element_text(r, "journal", u->journal);
    element_u64(r, "ranges", u->changes);
    element_u64(r, "bytes", u->bytes);
    element_u64(r, "size", u->size);
    element_bool(r, "earlier_repair", u->more);
    json_line(&r->json, "sandbox", element_sandbox(r));
    element_error(r, u->error);
    element_end(r);
}

void report_undo(struct report *r, const struct undo_report *u)
{
    if (r->format == REPORT_TEXT)
        undo_text(r, u);
    else
        undo_json(r, u);
}
