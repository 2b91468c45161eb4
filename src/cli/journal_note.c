/* SPDX-License-Identifier: MIT */
/* Every command that opens an image tells when a repair of it was interrupted: what it reads is neither old nor new
 * then. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/journal_file.h"

static const char *unfinished(const char *path)
{
    struct file_info info;
    struct journal_info journal;
    struct source *s = NULL;
    char text[512];

    if (file_open(path, &s, &info, text, sizeof(text)) != STATUS_OK)
        return NULL;
    enum status st = journal_peek(s, &journal);
    source_close(s);
    if (st != STATUS_OK)
        return NULL;
    switch (journal.state) {
    case JOURNAL_APPLYING:
        return "applying";
    case JOURNAL_UNDOING:
        return "undoing";
    case JOURNAL_DAMAGED:
        return "damaged";
    case JOURNAL_NONE:
    case JOURNAL_APPLIED:
    case JOURNAL_UNDONE:
        break;
    }
    return NULL;
}

const char *journal_note(const char *image, bool link)
{
    char *path = NULL;
    const char *state = NULL;

    if (link)
        path = journal_path(image);
    else if (asprintf(&path, "%s.vhdxray-journal", image) < 0)
        path = NULL;
    if (path != NULL && access(path, F_OK) == 0)
        state = unfinished(path);
    if (state != NULL && strcmp(state, "damaged") == 0)
        message("%s: the repair journal beside it, %s, is damaged or is none", image, path);
    else if (state != NULL)
        message("%s: %s of it was interrupted, so it is half changed; vhdxray undo puts back what was, vhdxray repair "
                "--apply goes on (%s)",
                image, strcmp(state, "undoing") == 0 ? "an undo" : "a repair", path);
    free(path);
    return state;
}
