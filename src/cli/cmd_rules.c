/* SPDX-License-Identifier: MIT */
/* `vhdxray rules` and `vhdxray explain`: the catalogue as implemented, and what the codes of Windows stand for. */
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

/* What a word is about: a rule, or a code. Exit code after a message when it is neither. */
struct topic {
    const struct rule *rule;
    const struct windows_code *code;
};

static int find_topic(const char *word, struct topic *ret)
{
    *ret = (struct topic){.rule = find_rule(word)};
    if (ret->rule != NULL)
        return EXIT_OK;
    ret->code = windows_code_find(word);
    if (ret->code != NULL)
        return EXIT_OK;
    if (!windows_code_like(word))
        return unknown_rule(word);
    message("explain: %s is no code that Windows is known to show for a virtual disk; vhdxray check FILE says what is "
            "wrong with one",
            word);
    return EXIT_USAGE;
}

/* First all rules, then all codes: in JSON each kind has a list of its own. */
static void explain_all(struct run *run, const struct words *args)
{
    struct report *r = &run->report;
    bool more = false;

    for (int codes = 0; codes < 2; codes++) {
        for (uint32_t i = 0; i < args->count; i++) {
            struct topic t;
            (void)find_topic(args->items[i], &t); /* it was found before */
            if ((t.code != NULL) != (codes != 0))
                continue;
            if (more && r->format == REPORT_TEXT)
                (void)fputc('\n', r->out);
            more = true;
            if (t.rule != NULL)
                report_rule(r, t.rule);
            else
                report_windows_code(r, t.code);
        }
        if (!codes)
            report_next_list(r, "codes");
    }
}

static int explain(const struct options *o)
{
    struct topic t;
    struct run run;

    if (o->args.count == 1 && strcmp(o->args.items[0], "rules") == 0)
        return rules(o);
    for (uint32_t i = 0; i < o->args.count; i++) {
        int code = find_topic(o->args.items[i], &t);
        if (code != EXIT_OK)
            return code;
    }
    int code = run_begin(&run, o, NULL, "rules");
    if (code != EXIT_OK)
        return code;
    explain_all(&run, &o->args);
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
    "vhdxray explain 0x80070570",
    "a code that Windows showed, in hex or decimal, and the rules to look for",
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
    .arguments = "RULE|CODE...",
    .summary = "what a rule, or a Windows error code, is about",
    .examples = explain_examples,
    .notes = "CODE is what Windows showed: 0x80070570, C03A000D, -1069940723, 1392, 0xC0000102, ERROR_FILE_CORRUPT,\n"
             "or the path with a code at its end that WSL prints. With -f json rules and codes are two lists.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = explain,
};
