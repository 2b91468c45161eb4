/* SPDX-License-Identifier: MIT */
/* Scripts that let a shell complete the command line, made from the table of options. */
#ifndef VHDXRAY_CLI_COMPLETION_H
#define VHDXRAY_CLI_COMPLETION_H

#include <stdbool.h>

#include "cli/options.h"

/* To standard output. False when no shell is called that. commands: NULL at the end. */
bool completion_print(const struct command *const *commands, const char *shell);
/* With blanks between them. */
extern const char completion_shells[];

/* ---- for the writers, one for each shell ---- */

/* What may stand as the value of an option, or as an argument. */
enum expect { EXPECT_NOTHING, EXPECT_FILE, EXPECT_FOLDER, EXPECT_WORD, EXPECT_LIST };

struct expected {
    enum expect expect;
    const char *words; /* separated by '|' or ' '; NULL: those that name[] stands for */
    char name[16];     /* "RULE": what the help calls it, in small letters */
    bool repairable;   /* of the rules those that a repair exists for */
};

struct expected expected_value(const struct option *o);
/* Of the argument with this number, from 0. */
struct expected expected_argument(const struct command *c, uint32_t n);
/* From this number on all arguments are like the one with it. */
uint32_t expected_arguments(const struct command *c);
/* The words of a WORD or LIST to standard output, with blanks between them. */
void expected_print(const struct expected *e);
/* May be given more than once. */
bool option_repeats(const struct option *o);

void completion_bash(const struct command *const *commands);
void completion_zsh(const struct command *const *commands);
void completion_fish(const struct command *const *commands);

#endif
