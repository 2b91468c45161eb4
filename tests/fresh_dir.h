/* SPDX-License-Identifier: MIT */
/* A directory of a test's own, below $TMPDIR. */
#ifndef VHDXRAY_TESTS_FRESH_DIR_H
#define VHDXRAY_TESTS_FRESH_DIR_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline bool fresh_dir_make(char dir[PATH_MAX])
{
    const char *tmp = getenv("TMPDIR");

    return snprintf(dir, PATH_MAX, "%s/vhdxray-test-XXXXXX", tmp != NULL ? tmp : "/tmp") < PATH_MAX &&
           mkdtemp(dir) != NULL;
}

/* With everything in it; the working directory is / afterwards. */
static inline bool fresh_dir_remove(const char *dir)
{
    char command[PATH_MAX + 16];

    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return chdir("/") == 0 && system(command) == 0; /* NOLINT: the name is ours */
}

#endif
