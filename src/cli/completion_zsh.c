/* SPDX-License-Identifier: MIT */
/* Completion for zsh: _arguments does the work, with one specification for each option of the command. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/completion.h"

/* Inside '...', in the [...] of a specification, or behind the colon of a description. */
static void print_text(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\'')
            printf("'\\''");
        else if (*s == '[' || *s == ']' || *s == ':' || *s == '\\')
            printf("\\%c", *s);
        else
            putchar(*s);
    }
}

/* ":message:action" */
static void print_expected(const struct expected *e)
{
    printf(":%s:", e->name);
    switch (e->expect) {
    case EXPECT_NOTHING:
        printf(" ");
        break;
    case EXPECT_FILE:
        printf("_files");
        break;
    case EXPECT_FOLDER:
        printf("_files -/");
        break;
    case EXPECT_WORD:
        printf("(");
        expected_print(e);
        printf(")");
        break;
    case EXPECT_LIST:
        printf("_sequence compadd - ");
        expected_print(e);
        break;
    }
}

static void print_option(const struct option *o)
{
    const char *sign = o->value != NULL ? "=" : "";

    printf(" \\\n            ");
    if (option_repeats(o))
        printf("'*'");
    else if (o->letter != 0)
        printf("'(-%c --%s)'", o->letter, o->name);
    if (o->letter != 0)
        printf("{-%c%s,--%s%s}", o->letter, o->value != NULL ? "+" : "", o->name, sign);
    else
        printf("--%s%s", o->name, sign);
    printf("'[");
    print_text(o->help);
    printf("]");
    if (o->value != NULL) {
        struct expected e = expected_value(o);
        print_expected(&e);
    }
    printf("'");
}

static void print_command(const struct command *c)
{
    uint32_t n = 0;
    struct expected e;

    printf("    %s)\n        _arguments -s -S", c->name);
    for (const struct option *o = option_next(c, NULL); o != NULL; o = option_next(c, o))
        print_option(o);
    for (; n < expected_arguments(c); n++) {
        e = expected_argument(c, n);
        printf(" \\\n            '%u", n + 1);
        print_expected(&e);
        printf("'");
    }
    e = expected_argument(c, n);
    if (e.expect != EXPECT_NOTHING) {
        printf(" \\\n            '*");
        print_expected(&e);
        printf("'");
    }
    printf("\n        ;;\n");
}

void completion_zsh(const struct command *const *commands)
{
    printf("#compdef vhdxray\n"
           "# Completion for vhdxray in zsh. Made by `vhdxray --completion zsh` from the table of its options.\n\n"
           "_vhdxray() {\n"
           "    local command=check\n"
           "    local -a commands=(\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        printf("        '%s:", (*c)->name);
        print_text((*c)->summary);
        printf("'\n");
    }
    printf("    )\n\n"
           "    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
           "        _alternative 'commands:command:{_describe -t commands command commands}' 'files:file:_files'\n"
           "        return\n"
           "    fi\n"
           "    case $words[2] in\n"
           "    help|-h|--help)\n"
           "        (( CURRENT == 3 )) && _describe -t commands command commands\n"
           "        return\n"
           "        ;;\n"
           "    --completion)\n"
           "        (( CURRENT == 3 )) && compadd - %s\n"
           "        return\n"
           "        ;;\n"
           "    esac\n"
           "    if (( CURRENT == 2 )); then\n"
           "        compadd - --version --completion\n"
           "    elif (( ${commands[(I)${(b)words[2]}:*]} )); then\n"
           "        command=$words[2]\n"
           "        words=(\"$words[1]\" \"${(@)words[3,-1]}\")\n"
           "        (( CURRENT-- ))\n"
           "    fi\n"
           "    case $command in\n",
           completion_shells);
    for (const struct command *const *c = commands; *c != NULL; c++)
        print_command(*c);
    printf("    esac\n}\n\n_vhdxray \"$@\"\n");
}
