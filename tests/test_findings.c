/* SPDX-License-Identifier: MIT */
/*
 * All findings of all cases and guards, each different one once, compared with tests/findings.txt: severity, rule,
 * place, view, message and what belongs to it; and the rules that were not evaluated, with the reason. The cases say
 * which rules speak; this says with which words and of which bytes. A difference is a decision: `ninja golden` writes
 * the file anew, and the diff is reviewed like code. Runs in the root of the tree.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "check/rule.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const char file_name[] = "tests/findings.txt";
enum { LINES_OF_ONE_RULE = 3 }; /* what follows is like them */

struct listing {
    FILE *out;
    uint64_t seen[1 << 15]; /* hashes of what was printed; 0: free */
};

/* True the first time. */
static bool is_new(struct listing *l, const char *text)
{
    uint64_t h = 0xcbf29ce484222325;
    for (const char *p = text; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3;
    h |= 1;
    size_t i = h >> 49;
    while (l->seen[i] && l->seen[i] != h)
        i = (i + 1) % (sizeof(l->seen) / sizeof(l->seen[0]));
    bool is = l->seen[i] == 0;
    l->seen[i] = h;
    return is;
}

static void put_finding(FILE *out, const struct case_run *r, const struct finding *f)
{
    (void)fprintf(out, "%s %s %s", severity_name(f->severity), f->rule->id, structure_name(f->at.structure));
    if (f->at.index >= 0)
        (void)fprintf(out, " %" PRId64, f->at.index);
    (void)fprintf(out, " at 0x%" PRIx64 "+%" PRIu64 "%s: %s", f->at.off, f->at.len,
                  f->view == VIEW_STORED && r->image->stored != r->image->main ? ", stored" : "", f->message);
    if (f->expected || f->actual)
        (void)fprintf(out, " [%s, not %s]", f->actual ? f->actual : "-", f->expected ? f->expected : "-");
    if (f->quirk)
        (void)fprintf(out, " [quirk: %s]", f->quirk);
    if (f->repair != REPAIR_NONE)
        (void)fprintf(out, " [repair: %s]", repair_class_name(f->repair));
    if (f->stops)
        (void)fprintf(out, " [stops 0x%x]", f->stops);
    if (f->has_guest_range)
        (void)fprintf(out, " [guest %" PRIu64 "+%" PRIu64 "]", f->guest_off, f->guest_len);
    for (uint64_t k = 0; k < f->related_count && k < LINES_OF_ONE_RULE; k++)
        (void)fprintf(out, " [%s %" PRId64 " at 0x%" PRIx64 "]", structure_name(f->related[k].structure),
                      f->related[k].index, f->related[k].off);
    if (f->means)
        (void)fprintf(out, " [means: %s]", f->means);
    if (f->next)
        (void)fprintf(out, " [next: %s]", f->next);
}

/* The rules that could not be asked, for one reason after the other. */
static void put_not_evaluated(struct listing *l, const char *name, bool guard, const struct check_result *result)
{
    for (uint32_t first = 0; first < rule_count(); first++) {
        const char *reason = result->rules[first].outcome == RULE_NOT_EVALUATED ? result->rules[first].reason : NULL;
        bool told = reason == NULL;
        char *text = NULL;
        size_t len = 0;
        for (uint32_t i = 0; i < first && !told; i++)
            told = result->rules[i].outcome == RULE_NOT_EVALUATED && strcmp(result->rules[i].reason, reason) == 0;
        if (told)
            continue;
        FILE *line = open_memstream(&text, &len);
        if (!line)
            abort();
        (void)fprintf(line, "not evaluated, %s:", reason);
        for (uint32_t i = first; i < rule_count(); i++)
            if (result->rules[i].outcome == RULE_NOT_EVALUATED && strcmp(result->rules[i].reason, reason) == 0)
                (void)fprintf(line, " %s", rule_at(i)->id + strlen("VHDX-"));
        if (fclose(line) != 0)
            abort();
        if (is_new(l, text))
            (void)fprintf(l->out, "%s%s: %s\n", name, guard ? ", guard" : "", text);
        free(text);
    }
}

static void one_case(const struct test_case *c, bool guard, void *ctx)
{
    struct listing *l = ctx;
    struct case_run r;
    uint32_t same = 0;
    case_open(c, guard, &r);
    for (uint64_t i = 0; i < r.result->finding_count; i++) {
        const struct finding *f = r.result->findings[i];
        char *text = NULL;
        size_t len = 0;
        same = i > 0 && r.result->findings[i - 1]->rule == f->rule ? same + 1 : 0;
        if (same >= LINES_OF_ONE_RULE)
            continue;
        FILE *line = open_memstream(&text, &len);
        if (!line)
            abort();
        put_finding(line, &r, f);
        if (fclose(line) != 0)
            abort();
        if (is_new(l, text))
            (void)fprintf(l->out, "%s%s: %s\n", c->name, guard ? ", guard" : "", text);
        free(text);
    }
    put_not_evaluated(l, c->name, guard, r.result);
    case_close(&r);
}

static char *findings(void)
{
    char *text = NULL;
    size_t len = 0;
    struct listing *l = calloc(1, sizeof(*l));
    if (!l || !(l->out = open_memstream(&text, &len)))
        abort();
    reports_each_case(one_case, l);
    for (size_t i = 0; i < edge_cases.count; i++)
        for (int guard = 0; guard < 2; guard++)
            one_case(&edge_cases.cases[i], guard, l);
    if (fclose(l->out) != 0)
        abort();
    free(l);
    return text;
}

static void findings_are_as_reviewed(void **state)
{
    char *now = findings(), *line = NULL;
    size_t cap = 0;
    unsigned differ = 0;
    FILE *f = fopen(file_name, "r");
    (void)state;
    if (!f)
        fail_msg("%s: %s; `ninja golden` writes it", file_name, strerror(errno));
    const char *at = now;
    for (ssize_t n; differ < 5 && (n = getline(&line, &cap, f)) > 0;) {
        size_t len = strcspn(at, "\n");
        if (len + 1 == (size_t)n && strncmp(at, line, len) == 0) {
            at += len + 1;
            continue;
        }
        print_error("was: %snow: %.*s\n", line, (int)len, at);
        differ++;
        at += at[len] == '\n' ? len + 1 : len;
    }
    if (differ == 0 && *at != '\0') {
        print_error("more: %.*s\n", (int)strcspn(at, "\n"), at);
        differ++;
    }
    (void)fclose(f);
    free(line);
    free(now);
    assert_int_equal(differ, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(findings_are_as_reviewed)};
    const char *mode = getenv("VHDXRAY_GOLDEN");
    if (!mode || strcmp(mode, "rewrite") != 0)
        return cmocka_run_group_tests(tests, NULL, NULL);
    char *now = findings();
    FILE *out = fopen(file_name, "w");
    bool ok = out && fputs(now, out) >= 0;
    ok = out && fclose(out) == 0 && ok;
    if (!ok)
        perror(file_name);
    free(now);
    return ok ? 0 : 1;
}
