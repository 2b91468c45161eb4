/* SPDX-License-Identifier: MIT */
/*
 * Completion for bash. The function below finds out which command it is and whether the cursor is at an option, at its
 * value or at an argument; the rest is one case for each. Files are left to bash itself, which knows how names are
 * quoted: no reply means files, unless _vhdxray_of said that there are none.
 */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/completion.h"

static const char head[] =
    "# Completion for vhdxray in bash. Made by `vhdxray --completion bash` from the table of its options.\n"
    "# shellcheck shell=bash\n"
    "\n"
    "# _vhdxray_of WORDS: those that begin with $cur; no files instead.\n"
    "_vhdxray_of() {\n"
    "    compopt +o default +o bashdefault 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$prefix\" -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "# The same for the last one of a list with commas.\n"
    "_vhdxray_list() {\n"
    "    prefix+=${cur%\"${cur##*,}\"}\n"
    "    cur=${cur##*,}\n"
    "    _vhdxray_of \"$1\"\n"
    "    compopt -o nospace 2>/dev/null\n"
    "}\n"
    "\n"
    "_vhdxray_folders() {\n"
    "    compopt +o default +o bashdefault -o dirnames 2>/dev/null\n"
    "}\n"
    "\n"
    "_vhdxray() {\n"
    "    local cur prefix='' option='' command=check valued='' options='' plain='' word joined='' count=0 i=0\n"
    "    local -a words=()\n"
    "\n"
    "    COMPREPLY=()\n"
    "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do # --format=json may come as three words\n"
    "        if [[ $word == = && ${#words[@]} -gt 0 && ${words[-1]-} == --[a-z]* && ${words[-1]} != *=* ]]; then\n"
    "            words[-1]+='='\n"
    "            joined=yes\n"
    "        elif [[ $joined ]]; then\n"
    "            words[-1]+=$word\n"
    "            joined=''\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    cur=${words[-1]-}\n"
    "    [[ ${#words[@]} -eq 0 ]] || unset 'words[-1]'\n";

static const char middle[] = "    for word in \"${words[@]:i}\"; do\n"
                             "        if [[ $option ]]; then\n"
                             "            option=''\n"
                             "        elif [[ ! $plain && $word == -- ]]; then\n"
                             "            plain=yes\n"
                             "        elif [[ ! $plain && $word == -?* ]]; then\n"
                             "            [[ $valued != *\" $word \"* ]] || option=$word\n"
                             "        else\n"
                             "            count=$((count + 1))\n"
                             "        fi\n"
                             "    done\n"
                             "    if [[ ! $option && ! $plain ]]; then\n"
                             "        if [[ $cur == --*=* ]]; then\n"
                             "            option=${cur%%=*}\n"
                             "            cur=${cur#*=}\n"
                             "            [[ $COMP_WORDBREAKS == *=* ]] || prefix=$option=\n"
                             "        elif [[ $cur == -[!-]?* && $valued == *\" ${cur:0:2} \"* ]]; then\n"
                             "            option=${cur:0:2}\n"
                             "            prefix=$option\n"
                             "            cur=${cur:2}\n"
                             "        elif [[ $cur == -* ]]; then\n"
                             "            _vhdxray_of \"$options\"\n"
                             "            return\n"
                             "        fi\n"
                             "    fi\n"
                             "    case \"$command ${option:-$count}\" in\n";

static void print_expected(const struct expected *e)
{
    switch (e->expect) {
    case EXPECT_FILE:
        break;
    case EXPECT_FOLDER:
        printf(" _vhdxray_folders");
        break;
    case EXPECT_NOTHING:
        printf(" _vhdxray_of ''");
        break;
    case EXPECT_WORD:
    case EXPECT_LIST:
        printf(e->expect == EXPECT_LIST ? " _vhdxray_list '" : " _vhdxray_of '");
        expected_print(e);
        printf("'");
        break;
    }
    printf(" ;;\n");
}

static void print_names(const struct command *const *commands, const char *between)
{
    for (const struct command *const *c = commands; *c != NULL; c++)
        printf("%s%s", c == commands ? "" : between, (*c)->name);
}

/* What the command takes: all names, and those that have a value. */
static void print_options(const struct command *c)
{
    printf("    %s)\n        options='", c->name);
    for (const struct option *o = option_next(c, NULL); o != NULL; o = option_next(c, o))
        printf("%s--%s", o == option_next(c, NULL) ? "" : " ", o->name);
    printf("'\n        valued='");
    for (const struct option *o = option_next(c, NULL); o != NULL; o = option_next(c, o)) {
        if (o->value != NULL)
            printf(" --%s", o->name);
        if (o->value != NULL && o->letter != 0)
            printf(" -%c", o->letter);
    }
    printf(" '\n        ;;\n");
}

static void print_cases(const struct command *c)
{
    struct expected e;

    for (const struct option *o = option_next(c, NULL); o != NULL; o = option_next(c, o)) {
        if (o->value == NULL)
            continue;
        e = expected_value(o);
        printf("    '%s --%s'", c->name, o->name);
        if (o->letter != 0)
            printf(" | '%s -%c'", c->name, o->letter);
        printf(")");
        print_expected(&e);
    }
    for (uint32_t n = 0; n < expected_arguments(c); n++) {
        e = expected_argument(c, n);
        printf("    '%s %u')", c->name, n);
        print_expected(&e);
    }
    e = expected_argument(c, UINT32_MAX);
    printf("    '%s '*)", c->name);
    print_expected(&e);
}

void completion_bash(const struct command *const *commands)
{
    printf("%s", head);
    printf("    case ${words[0]-} in\n    ");
    print_names(commands, " | ");
    printf(")\n        command=${words[0]}\n        i=1\n        ;;\n"
           "    help | -h | --help)\n        _vhdxray_of '");
    print_names(commands, " ");
    printf("'\n        return\n        ;;\n"
           "    --completion)\n        _vhdxray_of '%s'\n        return\n        ;;\n"
           "    esac\n    case $command in\n",
           completion_shells);
    for (const struct command *const *c = commands; *c != NULL; c++)
        print_options(*c);
    printf("    esac\n"
           "    if [[ ${#words[@]} -eq 0 ]]; then # the first word\n"
           "        options+=' --version --completion'\n"
           "        mapfile -t COMPREPLY < <(compgen -W '");
    print_names(commands, " ");
    printf(" help' -- \"$cur\")\n"
           "        [[ ${#COMPREPLY[@]} -eq 0 ]] || return\n"
           "    fi\n");
    printf("%s", middle);
    for (const struct command *const *c = commands; *c != NULL; c++)
        print_cases(*c);
    printf("    esac\n}\n\n"
           "complete -o bashdefault -o default -F _vhdxray vhdxray\n");
}
