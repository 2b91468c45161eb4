/* SPDX-License-Identifier: MIT */
/*
 * Repair plans of each case of every table: as `repair` does it by itself, with consent to the case's rule, and with
 * consent to everything. What must stay although it was allowed to be repaired is listed here, with the reason that the
 * plan must give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_promises.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const struct case_table *const tables[] = {&container_cases, &metadata_cases, &block_cases, &log_cases,
                                                  &chain_cases,     &forensic_cases, &tool_cases};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* Findings that may be repaired and stay all the same. */
static const struct {
    const char *name; /* NULL: any case */
    enum mode first_mode, last_mode;
    const char *rule;
    const char *reason; /* a part of it */
} stays[] = {
    /* Gaps are wiped; to close them blocks would have to move. */
    {NULL, CASE_RULE, EVERYTHING, "VHDX-XREF-003", "hold only zeros already"},
    /* What cannot be repaired stands in the way. */
    {"file-log-unreadable", EVERYTHING, EVERYTHING, "VHDX-META-040", "cannot be read"},
    {"rgn-offset-unaligned", EVERYTHING, EVERYTHING, "VHDX-FILE-005", "ends with the MiB"},
    {"rgn-length-unaligned", EVERYTHING, EVERYTHING, "VHDX-FILE-005", "ends with the MiB"},
    {NULL, EVERYTHING, EVERYTHING, "VHDX-PLOC-012", "of the parent locator are broken"},
    {NULL, EVERYTHING, EVERYTHING, "VHDX-PLOC-014", "of the parent locator are broken"},
    {NULL, EVERYTHING, EVERYTHING, "VHDX-PLOC-019", "of the parent locator are broken"},
    {"ploc-device", EVERYTHING, EVERYTHING, "VHDX-PLOC-014", "neither a drive nor a host"},
    /* What a bitmap says is not acted on while something else is wrong. */
    {NULL, EVERYTHING, EVERYTHING, "VHDX-SBM-002", "errors must be settled first"},
    {NULL, EVERYTHING, EVERYTHING, "VHDX-SBM-003", "errors must be settled first"},
    {NULL, EVERYTHING, EVERYTHING, "VHDX-SBM-004", "errors must be settled first"},
    {NULL, EVERYTHING, EVERYTHING, "VHDX-SBM-006", "errors must be settled first"},
    /* The linkage that comes to light is not that of the parent that was given. */
    {"ploc-linkage-with-nul", CASE_RULE, CASE_RULE, "VHDX-PLOC-007", "would have VHDX-CHAIN-003"},
    {"sbm-sector-bitmap-half-past-the-end", EVERYTHING, EVERYTHING, "VHDX-FILE-003", "nothing else is wrong"},
    {"log-target-past-last-file-offset", EVERYTHING, EVERYTHING, "VHDX-LOG-014", "must not be replayed"},
    {"log-last-file-offset-2-50-of-a-cut-file", EVERYTHING, EVERYTHING, "VHDX-LOG-003", "must not be replayed"},
    /* The block lies over the metadata as well, which the error about the log hides. */
    {"rg-bat-04-bat-entry-over-the-log", CASE_RULE, EVERYTHING, "VHDX-BAT-014", "would have VHDX-BAT-015"},
    {"tools-entry-over-log", CASE_RULE, EVERYTHING, "VHDX-BAT-014", "would have VHDX-BAT-015"},
    /* By VHDX-XREF-005 the disk becomes a fixed one, whose blocks have a place. */
    {"bat-blocks-of-zeros", EVERYTHING, EVERYTHING, "VHDX-BAT-031", "blocks of a fixed disk"},
    /* Replaying needs consent where the rules warn of it. */
    {"log-target-in-payload", BY_ITSELF, BY_ITSELF, "VHDX-LOG-001", "needs --consent VHDX-LOG-021"},
    {"log-newer-run-broken", BY_ITSELF, BY_ITSELF, "VHDX-LOG-001", "needs --consent VHDX-LOG-023"},
    {"log-replay-makes-it-worse", BY_ITSELF, BY_ITSELF, "VHDX-LOG-001", "VHDX-LOG-028"},
    {"rg-log-23-replay-moves-the-bat", BY_ITSELF, BY_ITSELF, "VHDX-LOG-001", "VHDX-LOG-028"},
    /* The parent is another file. */
    {"chain-parent-dirty", BY_ITSELF, EVERYTHING, "VHDX-CHAIN-010", "vhdxray repair PARENT"},
    /* Nobody says which file the parent is. */
    {"xref-bitmaps-in-most-chunks-of-a-disk-without-parent", CASE_RULE, EVERYTHING, "VHDX-XREF-006",
     "which file the parent is"},
    {"xref-most-blocks-partially-present-without-parent", CASE_RULE, EVERYTHING, "VHDX-XREF-006",
     "which file the parent is"},
};

static bool may_stay(const struct job *j, const struct rule *rule, const char *reason)
{
    for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
        if ((stays[i].name == NULL || strcmp(stays[i].name, j->c->name) == 0) && j->mode >= stays[i].first_mode &&
            j->mode <= stays[i].last_mode && strcmp(stays[i].rule, rule->id) == 0 &&
            strstr(reason, stays[i].reason) != NULL)
            return true;
    return false;
}

static void run_job(void **state)
{
    plan_keeps_its_promises(*state);
}

int main(void)
{
    int failed = 0;

    for (size_t t = 0; t < TABLES; t++) {
        const struct case_table *table = tables[t];
        size_t count = table->count * (MODES + 1);
        struct CMUnitTest *tests = calloc(count, sizeof(*tests));
        struct job *jobs = calloc(count, sizeof(*jobs));
        size_t n = 0;
        if (!tests || !jobs)
            return 1;
        for (size_t i = 0; i < table->count; i++)
            for (int mode = 0; mode <= MODES; mode++) {
                char *name = NULL;
                bool guard = mode == MODES;
                jobs[n] = (struct job){.c = &table->cases[i],
                                       .mode = guard ? BY_ITSELF : (enum mode)mode,
                                       .guard = guard,
                                       .may_stay = may_stay};
                if (asprintf(&name, "%s, %s", table->cases[i].name, guard ? "guard" : mode_names[mode]) < 0)
                    return 1;
                tests[n] = (struct CMUnitTest){name, run_job, NULL, NULL, &jobs[n]};
                n++;
            }
        failed += _cmocka_run_group_tests(table->name, tests, n, NULL, NULL);
        for (size_t i = 0; i < n; i++)
            free((void *)(uintptr_t)tests[i].name);
        free(tests);
        free(jobs);
    }
    return failed;
}
