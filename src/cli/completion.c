/* SPDX-License-Identifier: MIT */
/*
 * What a shell may offer at each place of the command line. The table of options says it already, in the words of the
 * help: "a|b|c" is a choice, FILE a file, RULE[,RULE...] a list of rules. Nothing is listed here a second time.
 */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "carve/carve.h"
#include "check/rule.h"
#include "cli/cli.h"
#include "cli/digest.h"

const char completion_shells[] = "bash zsh fish";

static bool is(const char *s, size_t len, const char *name)
{
    return strlen(name) == len && strncmp(s, name, len) == 0;
}

static bool is_file_name(const char *s, size_t len)
{
    static const char *const names[] = {"FILE", "PATH", "NEW", "OUT", "A", "B", "REPORT", "SMALL"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is(s, len, names[i]))
            return true;
    }
    return false;
}

/* One placeholder of the help: "FILE", "RULE", "N". */
static struct expected expected_name(const char *s, size_t len)
{
    struct expected e = {.expect = EXPECT_NOTHING};

    for (size_t i = 0; i < len && i + 1 < sizeof(e.name); i++)
        e.name[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    if (is_file_name(s, len))
        e.expect = EXPECT_FILE;
    else if (is(s, len, "DIR"))
        e.expect = EXPECT_FOLDER;
    else if (is(s, len, "RULE") || is(s, len, "KIND"))
        e.expect = EXPECT_WORD;
    return e;
}

static bool is_choice(const char *value)
{
    return strpbrk(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL;
}

struct expected expected_value(const struct option *o)
{
    struct expected e;

    if (is_choice(o->value)) {
        e = expected_name(o->name, strlen(o->name));
        e.expect = EXPECT_WORD;
        e.words = o->value;
        return e;
    }
    size_t len = strcspn(o->value, "[");
    e = expected_name(o->value, len);
    e.repairable = true;
    if (o->id == OPT_ALGORITHM) {
        e.expect = EXPECT_WORD;
        e.words = digest_usual_names;
    }
    if (e.expect == EXPECT_WORD && o->value[len] == '[')
        e.expect = EXPECT_LIST;
    return e;
}

/* "FILE [PART...]": blanks between them. */
static const char *argument_at(const struct command *c, uint32_t n)
{
    const char *s = c->arguments;

    for (; n > 0; n--)
        s += strcspn(s, " ") + 1;
    return s;
}

uint32_t expected_arguments(const struct command *c)
{
    uint32_t words = c->arguments[0] != '\0';

    for (const char *s = c->arguments; *s != '\0'; s++)
        words += *s == ' ';
    size_t len = strlen(c->arguments);
    return words > 0 && (c->arguments[len - 1] == '.' || c->arguments[len - 1] == ']') ? words - 1 : words;
}

struct expected expected_argument(const struct command *c, uint32_t n)
{
    uint32_t rest = expected_arguments(c);
    struct expected found = {.expect = EXPECT_NOTHING};

    if (n > rest)
        n = rest;
    if (c->arguments[0] == '\0' || (n == rest && strchr(".]", c->arguments[strlen(c->arguments) - 1]) == NULL))
        return found; /* all have been given */
    const char *s = argument_at(c, n);
    s += *s == '[';
    if (c->parts != NULL && strncmp(s, "PART", 4) == 0) {
        found = expected_name("PART", 4);
        found.expect = EXPECT_WORD;
        found.words = c->parts;
        return found;
    }
    for (;;) { /* "FILE|DIR...": the first one that can be completed */
        size_t len = strcspn(s, "|.] ");
        found = expected_name(s, len);
        if (found.expect != EXPECT_NOTHING || s[len] != '|')
            return found;
        s += len + 1;
    }
}

static void print_word(const char *word, size_t len, bool *begun)
{
    printf("%s%.*s", *begun ? " " : "", (int)len, word);
    *begun = true;
}

void expected_print(const struct expected *e)
{
    bool begun = false;

    if (e->words != NULL) {
        for (const char *s = e->words; *s != '\0'; s += strspn(s, "| ")) {
            size_t len = strcspn(s, "| ");
            print_word(s, len, &begun);
            s += len;
        }
    } else if (strcmp(e->name, "rule") == 0) {
        for (uint32_t i = 0; i < rule_count(); i++) {
            const struct rule *r = rule_at(i);
            if (!e->repairable || r->repair != REPAIR_NONE)
                print_word(r->id, strlen(r->id), &begun);
        }
    } else if (strcmp(e->name, "kind") == 0) {
        for (enum carve_kind k = CARVE_HEADER; k < CARVE_KINDS; k++)
            print_word(carve_kind_name(k), strlen(carve_kind_name(k)), &begun);
    }
}

bool option_repeats(const struct option *o)
{
    struct expected e = {.expect = EXPECT_NOTHING};

    if (o->value != NULL)
        e = expected_value(o);
    return e.expect == EXPECT_LIST || strstr(o->help, "may be repeated") != NULL || o->id == OPT_PARENT_B;
}

bool completion_print(const struct command *const *commands, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        completion_bash(commands);
    else if (strcmp(shell, "zsh") == 0)
        completion_zsh(commands);
    else if (strcmp(shell, "fish") == 0)
        completion_fish(commands);
    else
        return false;
    return true;
}
