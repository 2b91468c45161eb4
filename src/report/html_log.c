/* SPDX-License-Identifier: MIT */
/* The log's history: what the ring holds, by session, by sequence and entry by entry. */
#include <inttypes.h>

#include "base/limits.h"
#include "base/text.h"
#include "format/layout.h"
#include "report/check.h"
#include "report/dump.h"
#include "report/html.h"
#include "report/log_report.h"

static uint64_t listed(uint64_t count)
{
    return count < LIMIT_LISTED ? count : LIMIT_LISTED;
}

static void more_rows(struct report *r, uint64_t count, unsigned columns)
{
    if (count > LIMIT_LISTED)
        out_printf(r, "<tr><td colspan=\"%u\">and %s more; <code>vhdxray log -v</code> lists all</td></tr>\n", columns,
                   group_digits(report_scratch(r), count - LIMIT_LISTED));
}

/* "0x7" or "0x7-0x9". */
static const char *numbers(struct arena *a, uint64_t first, uint64_t last)
{
    return first == last ? text_format(a, "0x%" PRIx64, first)
                         : text_format(a, "0x%" PRIx64 "-0x%" PRIx64, first, last);
}

static const char *active_words(struct arena *a, const struct image *img)
{
    const struct log_scan *s = &img->log;
    const struct replay *p = &img->replay;

    if (!s->has_active)
        return img->log_state == LOG_STATE_INVALID ? "none, although the log id is set: no sequence is complete"
                                                   : "none";
    if (p->refused)
        return text_format(a, "%s to replay, refused: %s", group_digits(a, s->active_count),
                           p->fault_count > 0 ? replay_fault_text(p->faults[0].kind) : "the log could not be read");
    return text_format(
        a, "%s, sequence number %s; replaying changes %s of %s",
        s->active_count == 1 ? "1 entry" : text_format(a, "%s entries", group_digits(a, s->active_count)),
        numbers(a, s->entries[s->active_first].sequence_number, s->entries[s->active_head].sequence_number),
        group_digits(a, p->pages_changed), count_noun(a, p->pages_touched, "page"));
}

static void overview(struct report *r, const struct image *img)
{
    const struct log_scan *s = &img->log;
    const struct header *h = image_header(img);
    struct arena *a = report_scratch(r);
    char guid[GUID_TEXT_SIZE];

    out_printf(r, "<dl class=\"facts\">\n");
    html_fact(r, "State", log_words(a, img));
    html_fact(r, "Place",
              text_format(a, "%s at 0x%" PRIx64 "%s", text_size(a, s->len), s->off,
                          s->truncated                ? ", partly outside the file"
                          : !s->scanned && s->len > 0 ? ", not readable"
                                                      : ""));
    html_fact(r, "Log id", guid_is_nil(&h->log_guid) ? "nil: nothing to replay" : guid_text(&h->log_guid, guid));
    html_fact(r, "Entries",
              text_format(a, "%s found: %s of the log id, %s of earlier sessions, %s not valid",
                          group_digits(a, s->entry_count), group_digits(a, s->valid_live),
                          group_digits(a, s->valid_stale),
                          group_digits(a, s->entry_count - s->valid_live - s->valid_stale)));
    html_fact(r, "Active", active_words(a, img));
    if (s->orphan_data + s->orphan_descriptors + s->orphan_other > 0)
        html_fact(r, "Orphans",
                  text_format(a,
                              "sectors of no valid entry: %s data, %s descriptors, %s other, the first at 0x%" PRIx64,
                              group_digits(a, s->orphan_data), group_digits(a, s->orphan_descriptors),
                              group_digits(a, s->orphan_other), s->orphan_first_off));
    out_printf(r, "</dl>\n");
}

static void sessions_table(struct report *r, const struct image *img)
{
    static const char *const heads[] = {"Session (log id)", "State", ">Valid", ">Not valid", "Sequence numbers", NULL};
    const struct log_session *sessions = log_sessions(img);

    if (sessions == NULL) { /* the image's budget is used up, and coverage says so */
        out_printf(r, "<p class=\"incomplete\">There was no memory left to sum up the sessions.</p>\n");
        if (arena_status(img->arena) != STATUS_LIMIT)
            r->json.failed = true;
        return;
    }
    if (img->log.guid_count == 0)
        return;
    html_table_begin(r, "Sessions", heads);
    for (uint32_t i = 0; i < listed(img->log.guid_count); i++) {
        const struct log_session *s = &sessions[i];
        struct arena *a = report_scratch(r);
        char guid[GUID_TEXT_SIZE];

        out_printf(r, "<tr><th scope=\"row\"><code>%s</code></th><td>%s</td>", guid_text(&img->log.guids[i], guid),
                   s->live ? "live" : "stale");
        html_number_cell(r, s->valid);
        html_number_cell(r, s->damaged);
        html_code_cell(r, s->valid > 0 ? numbers(a, s->first_sequence, s->last_sequence) : "");
        out_printf(r, "</tr>\n");
    }
    more_rows(r, img->log.guid_count, 5);
    html_table_end(r);
}

static void sequences_table(struct report *r, const struct image *img)
{
    static const char *const heads[] = {"Sequence", ">Entries", "Head at", "Tail at", "State", NULL};
    static const char *const states[] = {"active: complete and newest", "complete, but a newer one exists",
                                         "broken: the tail it names is no entry of it"};
    const struct log_scan *s = &img->log;

    if (s->run_count == 0)
        return;
    html_table_begin(r, "Sequences of the log id", heads);
    for (uint64_t i = 0; i < listed(s->run_count); i++) {
        const struct log_run *run = &s->runs[i];
        struct arena *a = report_scratch(r);

        out_printf(r, "<tr><th scope=\"row\"><code>%s</code></th>",
                   numbers(a, s->entries[run->first].sequence_number, s->entries[run->head].sequence_number));
        html_number_cell(r, run->count);
        html_code_cell(r, text_format(a, "0x%x", (unsigned)s->entries[run->head].ring_off));
        html_code_cell(r, text_format(a, "0x%x", (unsigned)s->entries[run->head].tail));
        html_cell(r, states[log_run_state(s, run)]);
        out_printf(r, "</tr>\n");
    }
    more_rows(r, s->run_count, 5);
    html_table_end(r);
}

static void entries_table(struct report *r, const struct image *img)
{
    static const char *const heads[] = {"Entry at", "Sequence number", "Length", "Tail", ">Descriptors", "State", NULL};
    const struct log_scan *s = &img->log;

    html_table_begin(r, "Entries", heads);
    for (uint64_t i = 0; i < listed(s->entry_count); i++) {
        const struct log_entry *e = &s->entries[i];
        struct arena *a = report_scratch(r);

        out_printf(r, "<tr><th scope=\"row\"><code>0x%x</code></th>", (unsigned)e->ring_off);
        html_code_cell(r, text_format(a, "0x%" PRIx64, e->sequence_number));
        html_code_cell(r, text_format(a, "0x%x", (unsigned)e->len));
        html_code_cell(r, text_format(a, "0x%x", (unsigned)e->tail));
        html_number_cell(r, e->descriptor_count);
        html_cell(r, text_format(a, "%s%s", log_defect_text(e->defect),
                                 e->active ? ", active"
                                 : e->live ? ""
                                           : ", stale"));
        out_printf(r, "</tr>\n");
    }
    more_rows(r, s->entry_count, 6);
    html_table_end(r);
}

void html_log(struct report *r, const struct check_result *res)
{
    const struct image *img = res->image;

    html_section_begin(r, "log", "Log history");
    if (image_header(img) == NULL) {
        out_printf(r, "<p>Unknown: no valid header says where the log is.</p>\n");
    } else {
        overview(r, img);
        sessions_table(r, img);
        sequences_table(r, img);
        if (img->log.entry_count > 0) {
            out_printf(r, "<details><summary>The entries, in the order of the ring</summary>\n");
            entries_table(r, img);
            out_printf(r, "</details>\n");
        }
    }
    html_section_end(r);
}
