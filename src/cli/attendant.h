/* SPDX-License-Identifier: MIT */
/*
 * A finished output gets its name by a rename, which a confined process may not do. So before it is confined the
 * process forks: the child goes on and asks, the parent stays behind to rename or remove the names that it was told
 * before, and ends as the child does. Without such a name there is no attendant.
 */
#ifndef VHDXRAY_CLI_ATTENDANT_H
#define VHDXRAY_CLI_ATTENDANT_H

#include <stdbool.h>

#include "cli/cli.h"
#include "cli/new_file.h"

enum attendant_task {
    ATTENDANT_NAME_REPORT = 'R', /* output_commit()'s last step */
    ATTENDANT_NAME_FILE = 'F',   /* new_file_commit() */
    ATTENDANT_KEEP_FILE = 'K',   /* new_file_drop(): leave what there is */
    ATTENDANT_NEW_JOURNAL = 'J', /* journal_file_name_new() */
    ATTENDANT_OLD_JOURNAL = 'O', /* journal_file_name_old() */
};

struct journal_file;

/* Each may be NULL. EXIT_OK in the child, or a code after a message; the parent does not return. */
int attendant_begin(struct output *report, struct new_file *file, struct journal_file *journal);
/* In the child. */
bool attendant_there(void);
/* Has it done; the exit code of that. */
int attendant_ask(enum attendant_task task);

#endif
