/* SPDX-License-Identifier: MIT */
/* Completion for fish: a line for each option of each command, with the condition that this command is being typed. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/completion.h"

static const char functions[] =
    "# The command that is being typed; without one it is check.\n"
    "function __vhdxray_is\n"
    "    set -l words (commandline -opc)\n"
    "    if contains -- \"$words[2]\" $__vhdxray_commands\n"
    "        test \"$words[2]\" = $argv[1]\n"
    "    else\n"
    "        not contains -- \"$words[2]\" help -h --help --completion; and test $argv[1] = check\n"
    "    end\n"
    "end\n"
    "\n"
    "function __vhdxray_first\n"
    "    test (count (commandline -opc)) -eq 1\n"
    "end\n"
    "\n"
    "function __vhdxray_after\n"
    "    set -l words (commandline -opc)\n"
    "    contains -- \"$words[2]\" $argv; and test (count $words) -eq 2\n"
    "end\n"
    "\n"
    "# A command, and more arguments than that are there already.\n"
    "function __vhdxray_behind\n"
    "    __vhdxray_is $argv[1]; and test (count (string match -v -- '-*' (commandline -opc))) -gt (math $argv[2] + 1)\n"
    "end\n"
    "\n"
    "# The next word of a list with commas.\n"
    "function __vhdxray_list\n"
    "    set -l token (commandline -ct | string replace -r -- '^--[^=]*=' '')\n"
    "    set -l head (string match -r -- '^.*,' \"$token\")\n"
    "    printf '%s\\n' \"$head\"$argv\n"
    "end\n\n";

static void print_text(const char *s)
{
    putchar('\'');
    for (; *s != '\0'; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
    putchar('\'');
}

/* -F: files, -f: none; -r: there is a value, -x: -r -f */
static void print_expected(const struct expected *e, bool option)
{
    switch (e->expect) {
    case EXPECT_NOTHING:
        printf(option ? " -x" : " -f");
        break;
    case EXPECT_FILE:
        printf(option ? " -r -F" : " -F");
        break;
    case EXPECT_FOLDER:
        printf("%s -a '(__fish_complete_directories)'", option ? " -x" : " -f");
        break;
    case EXPECT_WORD:
        printf("%s -a '", option ? " -x" : " -f");
        expected_print(e);
        printf("'");
        break;
    case EXPECT_LIST:
        printf("%s -a '(__vhdxray_list ", option ? " -x" : " -f");
        expected_print(e);
        printf(")'");
        break;
    }
}

static void print_command(const struct command *c)
{
    struct expected e;
    uint32_t rest = expected_arguments(c);

    for (const struct option *o = option_next(c, NULL); o != NULL; o = option_next(c, o)) {
        printf("complete -c vhdxray -n '__vhdxray_is %s'", c->name);
        if (o->letter != 0)
            printf(" -s %c", o->letter);
        printf(" -l %s", o->name);
        if (o->value != NULL) {
            e = expected_value(o);
            print_expected(&e, true);
        }
        printf(" -d ");
        print_text(o->help);
        printf("\n");
    }
    for (uint32_t n = 0; n <= rest; n++) {
        e = expected_argument(c, n);
        if (e.expect == EXPECT_FILE)
            continue; /* fish does it by itself */
        if (n == 0)
            printf("complete -c vhdxray -n '__vhdxray_is %s'", c->name);
        else
            printf("complete -c vhdxray -n '__vhdxray_behind %s %u'", c->name, n);
        print_expected(&e, false);
        printf("\n");
    }
}

void completion_fish(const struct command *const *commands)
{
    printf("# Completion for vhdxray in fish. Made by `vhdxray --completion fish` from the table of its options.\n\n"
           "set -g __vhdxray_commands");
    for (const struct command *const *c = commands; *c != NULL; c++)
        printf(" %s", (*c)->name);
    printf("\n\n%s", functions);
    for (const struct command *const *c = commands; *c != NULL; c++) {
        printf("complete -c vhdxray -n __vhdxray_first -a %s -d ", (*c)->name);
        print_text((*c)->summary);
        printf("\n");
    }
    printf("complete -c vhdxray -n __vhdxray_first -l version -d 'name and version'\n"
           "complete -c vhdxray -n __vhdxray_first -l completion -d 'a script for this shell'\n"
           "complete -c vhdxray -n '__vhdxray_after help -h --help' -f -a \"$__vhdxray_commands\"\n"
           "complete -c vhdxray -n '__vhdxray_after --completion' -f -a '%s'\n",
           completion_shells);
    for (const struct command *const *c = commands; *c != NULL; c++)
        print_command(*c);
}
