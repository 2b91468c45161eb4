/* SPDX-License-Identifier: MIT */
/* Messages for people, on standard error. File names end up there, and a file name may hold anything but a slash and
 * NUL. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

void message(const char *fmt, ...)
{
    char *line = NULL;
    struct arena *a = arena_create((uint64_t)1 << 24);
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&line, fmt, ap);
    va_end(ap);
    const char *safe = len >= 0 && a != NULL ? text_printable(a, line, strlen(line)) : "out of memory";
    (void)fprintf(stderr, "vhdxray: %s\n", safe);
    if (len >= 0)
        free(line);
    arena_destroy(a);
}

const char *error_text(int error)
{
    static char words[128];
    const char *text = strerror(error);

    (void)snprintf(words, sizeof(words), "%s", text);
    if (words[0] >= 'A' && words[0] <= 'Z')
        words[0] = (char)(words[0] - 'A' + 'a');
    return words;
}

int needs_a_file(const char *command, const char *path)
{
    if (strcmp(path, "-") != 0)
        return EXIT_OK;
    message("%s: needs a file, not a pipe; a file of that name is ./-", command);
    return EXIT_USAGE;
}

int exit_worst(int a, int b)
{
    static const int order[] = {EXIT_INTERNAL, EXIT_IMPOSSIBLE, EXIT_LIMIT,    EXIT_USAGE,
                                EXIT_REFUSED,  EXIT_FINDINGS,   EXIT_REPAIRED, EXIT_OK};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (a == order[i] || b == order[i])
            return order[i];
    }
    return EXIT_INTERNAL;
}

int exit_of_status(enum status st)
{
    switch (st) {
    case STATUS_OK:
        return EXIT_OK;
    case STATUS_IO:
    case STATUS_RANGE:
    case STATUS_NOT_FOUND:
    case STATUS_REFUSED:
        return EXIT_IMPOSSIBLE;
    case STATUS_NO_MEMORY:
    case STATUS_LIMIT:
        return EXIT_LIMIT;
    case STATUS_INTERNAL:
        break;
    }
    return EXIT_INTERNAL;
}
