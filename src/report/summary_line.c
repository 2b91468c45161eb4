/* SPDX-License-Identifier: MIT */
/*
 * One line of `check -f jsonl` into a summary. First the line is read as a whole into a row of its own, rules noted
 * beside it; only when all of it was a report does anything of it count. What is not needed is passed over, keys that
 * this version does not know among it.
 */
#include <string.h>

#include "base/checked.h"
#include "report/json_read.h"
#include "report/summary.h"

enum { LINE_RULES_MOST = 1024 }; /* different rules of one file; the catalogue has fewer */

enum {
    SEEN_PATH = 1,
    SEEN_VERDICT = 2,
    SEEN_COMPLETE = 4,
    SEEN_COUNTS = 8,
    SEEN_FINDINGS = 16,
    SEEN_SUPPRESSED = 32,
    SEEN_SIZE = 64,
    SEEN_PROFILE = 128,
    SEEN_NEEDED = SEEN_PATH | SEEN_VERDICT | SEEN_COMPLETE | SEEN_COUNTS | SEEN_FINDINGS,
};

struct line_rule {
    uint32_t rule; /* number in summary.rules */
    enum severity severity;
    uint64_t findings;
};

struct line {
    struct summary *summary;
    struct json_reader json;
    struct summary_file file;
    struct line_rule rules[LINE_RULES_MOST];
    uint32_t rule_count;
    unsigned seen;
    const char *reason;
    enum status status; /* of memory */
    bool have_profile, profile_ready;
};

static bool wrong(struct line *l, const char *reason)
{
    if (l->reason == NULL)
        l->reason = l->json.fault != NULL ? l->json.fault : reason;
    return false;
}

/* ---- rules ---- */

static bool is_rule_id(const char *s, size_t len)
{
    enum { DIGITS = 3, LONGEST = 32 };
    static const char prefix[] = "VHDX-";
    const size_t front = sizeof(prefix) - 1;

    if (len > LONGEST || len < front + 1 + 1 + DIGITS || memcmp(s, prefix, front) != 0 || s[len - DIGITS - 1] != '-')
        return false;
    for (size_t i = front; i < len; i++) {
        if (i == len - DIGITS - 1)
            continue;
        if (i < len - DIGITS ? s[i] < 'A' || s[i] > 'Z' : s[i] < '0' || s[i] > '9')
            return false;
    }
    return true;
}

/* The row of a rule; one that is not in the catalogue gets a row, as long as there are few of them. */
static bool find_row(struct line *l, const char *id, size_t len, uint32_t *ret)
{
    struct summary *s = l->summary;
    const struct rule *rule = rule_find(id);

    if (rule != NULL) {
        *ret = rule_index(rule);
        return true;
    }
    for (uint32_t i = rule_count(); i < s->rule_count; i++) {
        if (strcmp(s->rules[i].id, id) == 0) {
            *ret = i;
            return true;
        }
    }
    *ret = s->rule_count;
    const bool full = s->rule_count - rule_count() == SUMMARY_UNKNOWN_RULES;
    if (s->rule_count - rule_count() > SUMMARY_UNKNOWN_RULES) {
        *ret = s->rule_count - 1;
        return true;
    }
    const char *name = full ? "other rules" : arena_copy(s->arena, id, len);
    if (name == NULL) {
        l->status = arena_status(s->arena);
        return false;
    }
    s->rules[s->rule_count++] = (struct summary_rule){.id = name};
    return true;
}

static bool add_rule(struct line *l, const char *id, size_t len, enum severity severity, uint64_t findings)
{
    uint32_t row = 0;

    if (!is_rule_id(id, len))
        return wrong(l, "a rule with an impossible id");
    if (!find_row(l, id, len, &row))
        return false;
    if (l->summary->slots[row] != 0) {
        struct line_rule *r = &l->rules[l->summary->slots[row] - 1];
        if (severity > r->severity)
            r->severity = severity;
        if (!u64_add(r->findings, findings, &r->findings))
            return wrong(l, "an impossible number of findings");
        return true;
    }
    if (l->rule_count == LINE_RULES_MOST)
        return wrong(l, "more rules than there can be");
    l->rules[l->rule_count++] = (struct line_rule){.rule = row, .severity = severity, .findings = findings};
    l->summary->slots[row] = l->rule_count;
    return true;
}

static bool severity_of(const struct json_reader *j, enum severity *ret)
{
    for (int s = SEVERITY_INFO; s <= SEVERITY_ERROR; s++) {
        if (json_token_is(j, severity_name((enum severity)s))) {
            *ret = (enum severity)s;
            return true;
        }
    }
    return false;
}

/* ---- members ---- */

static bool read_string(struct line *l, size_t *ret_len)
{
    return json_read(&l->json) == JSON_STRING &&
           json_token_text(&l->json, l->summary->text, SUMMARY_TEXT_MOST, ret_len);
}

static bool read_path(struct line *l)
{
    size_t len = 0;

    if (!read_string(l, &len) || memchr(l->summary->text, '\0', len) != NULL)
        return wrong(l, "path is no usable string");
    l->file.path = arena_copy(l->summary->arena, l->summary->text, len);
    if (l->file.path == NULL)
        l->status = arena_status(l->summary->arena);
    return l->file.path != NULL;
}

static bool read_verdict(struct line *l)
{
    const enum json_event e = json_read(&l->json);

    l->file.verdict = SUMMARY_NOT_JUDGED;
    if (e == JSON_NULL)
        return true;
    for (int v = 0; e == JSON_STRING && v < REPORT_VERDICTS; v++) {
        if (json_token_is(&l->json, verdict_name((enum verdict)v))) {
            l->file.verdict = (uint8_t)v;
            return true;
        }
    }
    return wrong(l, "verdict is none");
}

static bool read_bool(struct line *l, bool *ret)
{
    const enum json_event e = json_read(&l->json);

    *ret = e == JSON_TRUE;
    if (e == JSON_TRUE || e == JSON_FALSE)
        return true;
    return wrong(l, "neither true nor false");
}

static bool read_u64(struct line *l, uint64_t *ret)
{
    if (json_read(&l->json) == JSON_NUMBER && json_token_u64(&l->json, ret))
        return true;
    return wrong(l, "no whole number");
}

static bool read_size(struct line *l)
{
    const enum json_event e = json_read(&l->json);

    if (e == JSON_NULL || (e == JSON_NUMBER && json_token_u64(&l->json, &l->file.size)))
        return true;
    return wrong(l, "size is no number");
}

/* Calls fn for each key of the object that comes next. */
static bool each_member(struct line *l, bool (*fn)(struct line *l))
{
    enum json_event e;

    if (json_read(&l->json) != JSON_OBJECT)
        return wrong(l, "no object");
    while ((e = json_read(&l->json)) == JSON_KEY) {
        if (!fn(l))
            return wrong(l, "no value");
    }
    return e == JSON_OBJECT_END ? true : wrong(l, "no JSON");
}

static bool read_count(struct line *l)
{
    enum severity s;

    if (!severity_of(&l->json, &s))
        return json_skip(&l->json);
    return read_u64(l, &l->file.counts[s]);
}

static bool read_suppressed(struct line *l)
{
    char id[64];
    size_t len = 0;
    uint64_t n = 0;

    if (!json_token_text(&l->json, id, sizeof(id), &len))
        return wrong(l, "a rule with an impossible id");
    return read_u64(l, &n) && add_rule(l, id, len, SEVERITY_INFO, n);
}

/* One finding; its object has been begun. */
static bool read_finding(struct line *l)
{
    enum severity severity = SEVERITY_INFO;
    bool have_severity = false;
    char id[64] = "";
    size_t len = 0;
    enum json_event e;

    while ((e = json_read(&l->json)) == JSON_KEY) {
        bool ok;
        if (json_token_is(&l->json, "rule")) {
            ok = json_read(&l->json) == JSON_STRING && json_token_text(&l->json, id, sizeof(id), &len);
        } else if (json_token_is(&l->json, "severity")) {
            ok = json_read(&l->json) == JSON_STRING && severity_of(&l->json, &severity);
            have_severity = ok;
        } else {
            ok = json_skip(&l->json);
        }
        if (!ok)
            return wrong(l, "a finding that is none");
    }
    if (e != JSON_OBJECT_END || !have_severity)
        return wrong(l, "a finding that is none");
    return add_rule(l, id, len, severity, 1);
}

static bool read_findings(struct line *l)
{
    enum json_event e;

    if (json_read(&l->json) != JSON_ARRAY)
        return wrong(l, "findings are no list");
    while ((e = json_read(&l->json)) == JSON_OBJECT) {
        if (!read_finding(l))
            return false;
    }
    return e == JSON_ARRAY_END ? true : wrong(l, "a finding that is none");
}

static bool read_profile_member(struct line *l)
{
    if (!json_token_is(&l->json, "ready"))
        return json_skip(&l->json);
    l->have_profile = true;
    return read_bool(l, &l->profile_ready);
}

static bool read_member(struct line *l)
{
    static const struct {
        const char *key;
        unsigned seen;
    } keys[] = {
        {"path", SEEN_PATH},       {"size", SEEN_SIZE},
        {"verdict", SEEN_VERDICT}, {"complete", SEEN_COMPLETE},
        {"counts", SEEN_COUNTS},   {"findings", SEEN_FINDINGS},
        {"profile", SEEN_PROFILE}, {"suppressed", SEEN_SUPPRESSED},
    };
    unsigned which = 0;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        which |= json_token_is(&l->json, keys[i].key) ? keys[i].seen : 0;
    if ((l->seen & which) != 0)
        return wrong(l, "a key stands twice");
    l->seen |= which;
    switch (which) {
    case SEEN_PATH:
        return read_path(l);
    case SEEN_SIZE:
        return read_size(l);
    case SEEN_VERDICT:
        return read_verdict(l);
    case SEEN_COMPLETE:
        return read_bool(l, &l->file.complete);
    case SEEN_COUNTS:
        return each_member(l, read_count);
    case SEEN_FINDINGS:
        return read_findings(l);
    case SEEN_PROFILE:
        return each_member(l, read_profile_member);
    case SEEN_SUPPRESSED:
        return each_member(l, read_suppressed);
    default:
        return json_skip(&l->json);
    }
}

/* ---- the line ---- */

/* Names rules of errors and warnings, those of errors first. */
static void name_rules(struct line *l)
{
    uint32_t named = 0;

    for (int s = SEVERITY_ERROR; s >= SEVERITY_WARNING; s--) {
        for (uint32_t i = 0; i < l->rule_count; i++) {
            if (l->rules[i].severity != (enum severity)s)
                continue;
            if (named < SUMMARY_RULES_NAMED)
                l->file.rules[named++] = l->summary->rules[l->rules[i].rule].id;
            else
                l->file.more_rules++;
        }
    }
}

/* Sums that no real set of reports reaches stay where they are. */
static void add_to(uint64_t *sum, uint64_t n)
{
    if (!u64_add(*sum, n, sum))
        *sum = UINT64_MAX;
}

static enum status count_line(struct line *l)
{
    struct summary *s = l->summary;
    void *files = s->files;

    if (!arena_grow(s->arena, &files, &s->file_cap, s->file_count, sizeof(*s->files)))
        return arena_status(s->arena);
    s->files = (struct summary_file *)files;
    name_rules(l);
    s->files[s->file_count++] = l->file;
    s->verdicts[l->file.verdict]++;
    s->incomplete += !l->file.complete;
    s->profile_ready += l->have_profile && l->profile_ready;
    s->profile_not_ready += l->have_profile && !l->profile_ready;
    for (int i = 0; i < SEVERITY_COUNT; i++)
        add_to(&s->counts[i], l->file.counts[i]);
    for (uint32_t i = 0; i < l->rule_count; i++) {
        struct summary_rule *r = &s->rules[l->rules[i].rule];
        r->files++;
        add_to(&r->findings, l->rules[i].findings);
        if (l->rules[i].severity > r->severity)
            r->severity = l->rules[i].severity;
    }
    return STATUS_OK;
}

enum status summary_add(struct summary *s, const char *line, size_t len, const char **ret_reason)
{
    struct line l = {.summary = s, .json = json_reader_of(line, len), .status = STATUS_OK};
    bool whole = each_member(&l, read_member);

    *ret_reason = NULL;
    for (uint32_t i = 0; i < l.rule_count; i++)
        s->slots[l.rules[i].rule] = 0;
    if (whole && json_read(&l.json) != JSON_END)
        whole = wrong(&l, "something behind the end");
    if (l.status != STATUS_OK)
        return l.status;
    if (whole && (l.seen & SEEN_NEEDED) != SEEN_NEEDED)
        whole = wrong(&l, "not what check -f jsonl writes");
    if (!whole) {
        *ret_reason = l.reason; /* each way out has told one */
        return STATUS_OK;
    }
    return count_line(&l);
}
