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
    if (f->at.index != NO_INDEX)
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

static char *finding_line(const struct case_run *r, const struct finding *f)
{
    char *text = NULL;
    size_t len = 0;
    FILE *line = open_memstream(&text, &len);
    if (!line)
        abort();
    put_finding(line, r, f);
    if (fclose(line) != 0)
        abort();
    return text;
}

static void one_case(const struct test_case *c, bool guard, void *ctx)
{
    struct listing *l = ctx;
    struct case_run r;
    uint32_t same = 0;
    case_open(c, guard, &r);
    for (uint64_t i = 0; i < r.result->finding_count; i++) {
        const struct finding *f = r.result->findings[i];
        same = i > 0 && r.result->findings[i - 1]->rule == f->rule ? same + 1 : 0;
        if (same >= LINES_OF_ONE_RULE)
            continue;
        char *text = finding_line(&r, f);
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

/* What is kept of a rule when only one finding may be: one of the worst that are there without a limit, word for word.
 */
static void one_of_each(const struct test_case *c, bool guard, void *ctx)
{
    unsigned *kept = ctx;
    struct case_run all, r;
    case_open(c, guard, &all);
    case_open(c, guard, &r);
    struct check_options options = r.scene.check;
    struct check_result *few = NULL;
    options.max_findings = 1;
    bool ok = check_run(r.image, &options, NULL, &few) == STATUS_OK; /* some scenes have no memory for a second time */
    for (uint64_t i = 0; ok && i < few->finding_count; i++) {
        char *text = finding_line(&r, few->findings[i]);
        bool there = false, worst = false;
        for (uint64_t k = 0; k < all.result->finding_count && !there; k++) {
            const struct finding *f = all.result->findings[k]; /* errors first */
            if (f->rule != few->findings[i]->rule)
                continue;
            char *other = finding_line(&all, f);
            there = strcmp(text, other) == 0;
            free(other);
            worst = worst || f->severity == few->findings[i]->severity;
            if (!worst)
                break;
        }
        if (!there)
            fail_msg("%s%s: %s", c->name, guard ? ", guard" : "", text);
        free(text);
        (*kept)++;
    }
    case_close(&r);
    case_close(&all);
}

static void the_only_one_kept_has_all_its_words(void **state)
{
    unsigned kept = 0;
    (void)state;
    reports_each_case(one_of_each, &kept);
    assert_true(kept > 1000);
}

static unsigned of_severity(const struct check_result *res, enum severity s)
{
    unsigned n = 0;
    for (uint64_t i = 0; i < res->finding_count; i++)
        n += strcmp(res->findings[i]->rule->id, "VHDX-BAT-005") == 0 && res->findings[i]->severity == s;
    return n;
}

/* Bitmap slots of a disk without parent: a state alone is a note, one with a place is an error. */
static void errors_are_listed_before_notes(void **state)
{
    static const struct {
        uint64_t most;
        unsigned errors, notes;
    } rows[] = {{1, 1, 0}, {2, 2, 0}, {3, 2, 1}, {5, 2, 3}, {6, 2, 4}, {7, 2, 4}};
    struct img *img =
        img_create(&(struct img_params){.virtual_size = (uint64_t)26 << 30, .block_size = MIB, .states = "6"});
    (void)state;
    for (uint64_t chunk = 0; chunk < 6; chunk++) {
        uint64_t index = bat_index_of_bitmap(&img->geometry, chunk);
        uint64_t raw = chunk == 2 || chunk == 4 ? img->size + chunk * MIB + 2 : 2;
        img_bat_set(img, index, raw);
    }
    img_resize(img, img->size + 8 * MIB);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct checked c = reports_check(img, "x.vhdx", rows[i].most);
        uint64_t n = 0;
        assert_int_equal(of_severity(c.result, SEVERITY_ERROR), rows[i].errors);
        assert_int_equal(of_severity(c.result, SEVERITY_INFO), rows[i].notes);
        for (uint64_t k = 0; k < c.result->finding_count; k++) {
            const struct finding *f = c.result->findings[k];
            if (strcmp(f->rule->id, "VHDX-BAT-005") != 0)
                continue;
            /* errors first, then as they were met; no slot twice */
            static const unsigned chunks[] = {2, 4, 0, 1, 3, 5};
            unsigned chunk = chunks[f->severity == SEVERITY_ERROR ? n : n - rows[i].errors + 2];
            assert_int_equal(f->at.index, bat_index_of_bitmap(&img->geometry, chunk));
            assert_string_equal(f->actual, "2");
            n++;
        }
        assert_int_equal(c.result->counts[SEVERITY_ERROR], 2);
        assert_int_equal(c.result->verdict, VERDICT_CORRUPT);
        reports_done(&c);
    }
    img_free(img);
}

/* Nor is anything read for their words. */
static void what_is_only_counted_has_no_words(void **state)
{
    static const uint64_t areas[] = {520, 0x10000 + 80, 0x20000 + 80, 0x50000};
    struct img *img = img_create(NULL);
    (void)state;
    for (size_t i = 0; i < 4; i++)
        img_fill(img, areas[i], 100, 'A');
    img_sign_headers(img);
    struct checked none = reports_check(img, "reserved.vhdx", 0), one = reports_check(img, "reserved.vhdx", 1);
    assert_int_equal(none.result->finding_count, 0);
    assert_true(one.result->finding_count > 0);
    for (int s = 0; s < SEVERITY_COUNT; s++)
        assert_int_equal(none.result->counts[s], one.result->counts[s]);
    assert_int_equal(none.image->file->read_calls + 4, one.image->file->read_calls);
    assert_true(arena_used(none.image->arena) < arena_used(one.image->arena));
    reports_done(&one);
    reports_done(&none);
    img_free(img);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_as_reviewed), cmocka_unit_test(what_is_only_counted_has_no_words),
        cmocka_unit_test(the_only_one_kept_has_all_its_words), cmocka_unit_test(errors_are_listed_before_notes)};
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
