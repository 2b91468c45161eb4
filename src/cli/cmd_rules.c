/* SPDX-License-Identifier: MIT */
/* `vhdxray rules` and `vhdxray explain`: the catalogue as implemented. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static int rules(const struct options *o)
{
    struct run run;

    int code = run_begin(&run, o, NULL, "rules");
    if (code != EXIT_OK)
        return code;
    report_rules(&run.report);
    return run_end(&run);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* "VHDX-BAT-016", also in small letters and without "VHDX-". */
static const struct rule *find_rule(const char *word)
{
    char id[48] = "VHDX-";
    size_t at = strncasecmp(word, id, 5) == 0 ? 0 : 5;

    if (strlen(word) >= sizeof(id) - 5)
        return NULL;
    for (size_t i = 0; word[i] != '\0'; i++)
        id[at++] = upper(word[i]);
    id[at] = '\0';
    return rule_find(id);
}

static int unknown_rule(const char *word)
{
    const char **names = (const char **)calloc((size_t)rule_count() + 1, sizeof(*names));
    const char *near = NULL;

    for (uint32_t i = 0; names != NULL && i < rule_count(); i++)
        names[i] = rule_at(i)->id;
    if (names != NULL)
        near = nearest_name(word, names);
    if (near != NULL)
        message("explain: there is no rule %s; did you mean %s?", word, near);
    else
        message("explain: there is no rule %s; vhdxray rules lists them", word);
    free(names);
    return EXIT_USAGE;
}

static int explain(const struct options *o)
{
    struct run run;

    if (o->args.count == 1 && strcmp(o->args.items[0], "rules") == 0)
        return rules(o);
    for (uint32_t i = 0; i < o->args.count; i++) {
        if (find_rule(o->args.items[i]) == NULL)
            return unknown_rule(o->args.items[i]);
    }
    int code = run_begin(&run, o, NULL, "rules");
    if (code != EXIT_OK)
        return code;
    for (uint32_t i = 0; i < o->args.count; i++) {
        if (i > 0 && o->format == REPORT_TEXT)
            (void)fputc('\n', run.report.out);
        report_rule(&run.report, find_rule(o->args.items[i]));
    }
    return run_end(&run);
}

static const char *const rules_examples[] = {
    "vhdxray rules",
    "id, severity and title of each",
    "vhdxray rules -f json",
    "the whole catalogue for a program",
    NULL,
};

static const char *const explain_examples[] = {
    "vhdxray explain VHDX-BAT-016",
    "what it is about, who refuses such a file",
    "vhdxray explain bat-016",
    "the same",
    "vhdxray explain rules",
    "the list of rules",
    NULL,
};

static const enum option_id options[] = {OPT_FORMAT, OPT_OUTPUT, OPT_COLOR, OPT_END};

const struct command command_rules = {
    .name = "rules",
    .arguments = "",
    .summary = "the catalogue as implemented",
    .examples = rules_examples,
    .options = options,
    .run = rules,
};

const struct command command_explain = {
    .name = "explain",
    .arguments = "RULE...",
    .summary = "what a rule is about",
    .examples = explain_examples,
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = explain,
};
