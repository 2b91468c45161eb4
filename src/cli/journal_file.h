/* SPDX-License-Identifier: MIT */
/* The journal beside an image: FILE.vhdxray-journal, and older ones that can be undone after it,
 * FILE.vhdxray-journal.1, ... */
#ifndef VHDXRAY_CLI_JOURNAL_FILE_H
#define VHDXRAY_CLI_JOURNAL_FILE_H

#include "cli/cli.h"
#include "io/store.h"
#include "repair/journal.h"

struct journal_file {
    char *path;
    struct store *store;      /* NULL: there is no journal */
    struct journal_info info; /* of it */
    char message[512];        /* why something failed: a sentence with the path */
};

/* Where the journal of an image is: beside the file that a symbolic link leads to. NULL: out of memory. free(). */
char *journal_path(const char *image);

/*
 * The functions below return EXIT_OK, or a code with j->message set (not printed). To be closed in any case. The image
 * is open and locked while they are called.
 */

/* Opens the journal of an image if there is one, and verifies it. */
int journal_file_open(const char *image, struct journal_file *j);
/*
 * For a new transaction: j->store becomes an empty journal. One that can still be undone is kept under the next number;
 * one that is neither that nor empty is refused.
 */
int journal_file_make(struct journal_file *j);
/* What an interrupted run left is finished, forward or back as it was meant, and said on standard error. */
int journal_file_settle(struct journal_file *j, const char *image, struct store *image_store);
/* After an undo: the file goes, and the journal that is undone next, if there is one, takes its name. */
int journal_file_remove(struct journal_file *j);
void journal_file_close(struct journal_file *j);

/* Opening, settling and closing in one, for commands that change the image in other ways. message as in file_open(). */
int journal_settle(const char *image, struct store *image_store, char *message, size_t message_size);

/* A sentence about the failure of journal_apply(), _finish() or _undo(); the code for it. */
int journal_file_failed(struct journal_file *j, const char *image, const struct store *image_store, enum status st,
                        uint64_t where);

/* ---- journal_note.c ---- */

/*
 * What every command says of an image with an unfinished repair beside it; one look for a file when there is none.
 * NULL, or the journal's state: "applying", "undoing", "damaged". link: image is a symbolic link.
 */
const char *journal_note(const char *image, bool link);

#endif
