/* SPDX-License-Identifier: MIT */
/* The journal beside an image: FILE.vhdxray-journal, and older ones that can be undone after it,
 * FILE.vhdxray-journal.1, ... */
#ifndef VHDXRAY_CLI_JOURNAL_FILE_H
#define VHDXRAY_CLI_JOURNAL_FILE_H

#include "cli/cli.h"
#include "cli/new_file.h"
#include "io/store.h"
#include "repair/journal.h"

struct journal_file {
    char *path;
    struct store *store;      /* NULL: there is no journal */
    struct journal_info info; /* of it */
    struct new_file file;     /* what a new journal is called until it is needed */
    struct store *spare;      /* it; NULL: none was made, and spare_code says why unless there was no need */
    int spare_code;
    char spare_message[512];
    char message[512]; /* why something failed: a sentence with the path */
};

/* Where the journal of an image is: beside the file that a symbolic link leads to. NULL: out of memory. free(). */
char *journal_path(const char *image);

/*
 * The functions below return EXIT_OK, or a code with j->message set (not printed). To be closed in any case. The image
 * is open and locked while they are called. Files are opened before the process is confined: by the first two. Names
 * change through the attendant then, who has to know of j (struct confinement).
 */

/* Opens the journal of an image if there is one; j->info is what its first pages say. */
int journal_file_open(const char *image, struct journal_file *j);
/* Makes the file of a new transaction, in case there will be one; that it could not is told by journal_file_make(). */
int journal_file_prepare(struct journal_file *j);
/* Every record and byte of the journal. */
int journal_file_verify(struct journal_file *j);
/*
 * For a new transaction: j->store becomes an empty journal under its name. One that can still be undone is kept under
 * the next number; one that is neither that nor empty is refused.
 */
int journal_file_make(struct journal_file *j);
/* Verifies it. What an interrupted run left is finished, forward or back as it was meant, and said on standard error.
 */
int journal_file_settle(struct journal_file *j, const char *image, struct store *image_store);
/* After an undo: the file goes, and the journal that is undone next, if there is one, takes its name. */
int journal_file_remove(struct journal_file *j);
void journal_file_close(struct journal_file *j);

/* What the attendant does for journal_file_make() and journal_file_remove(): names alone, whatever the files hold. */
int journal_file_name_new(struct journal_file *j);
int journal_file_name_old(struct journal_file *j);

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
