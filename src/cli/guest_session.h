/* SPDX-License-Identifier: MIT */
/* What the commands about the guest's data share: the disk of an opened image, refusals in words, and progress. */
#ifndef VHDXRAY_CLI_GUEST_SESSION_H
#define VHDXRAY_CLI_GUEST_SESSION_H

#include "cli/cli.h"
#include "image/guest.h"
#include "image/guest_faults.h"

/* An image with its guest's disk. */
struct guest_session {
    struct session session;
    struct guest *guest; /* NULL: see error */
    const char *error;   /* a sentence, with the path; NULL when there is a disk */
    struct guest_fault_list faults;
    bool foreseen; /* guest_session_foresee() looked: the command goes on with --salvage */
};

/*
 * Opens the file at path with its parents (those named first), then the disk. EXIT_OK, or a code after a message. When
 * the file could be opened, session.image is there in any case. To be closed in any case.
 */
int guest_session_open(struct run *run, const char *path, const struct words *parents, struct guest_session *ret);
/* Only opens the file: for what needs no disk. */
int guest_session_open_file(struct run *run, const char *path, struct guest_session *ret);
void guest_session_close(struct guest_session *gs);

/* The range that --offset and --length mean. EXIT_OK, or a code after a message: it does not lie in the disk. */
int guest_session_range(const struct run *run, struct guest_session *gs, uint64_t *ret_len);

/* Says that something else than the image ended the work; the code for it. */
int guest_session_stopped(const struct run *run, struct guest_session *gs, enum status st);

/*
 * Looks for what cannot be read in [off, off + len) before anything is written. EXIT_OK, or a code after a message, and
 * gs->error is set. With --salvage nothing is looked for.
 */
int guest_session_foresee(const struct run *run, struct guest_session *gs, uint64_t off, uint64_t len);
/* What was noted in gs->faults: a message for a refusal (gs->error is set), or the list for --salvage. The code for it.
 */
int guest_session_refuse(struct guest_session *gs);
int guest_session_list(struct guest_session *gs);
/* parent: as guest_needs_parent() names it. A message, and the code for it. */
int guest_session_needs_parent(struct guest_session *gs, const char *parent);

/* EXIT_OK, or EXIT_IMPOSSIBLE after a message: a file of the chain was written to while it was read. */
int guest_session_look_again(struct guest_session *gs);

/* ---- progress.c ---- */

/* Bytes between two steps: zeros can be many in one piece, and what is done with them takes its time. */
static const uint64_t PROGRESS_STEP_MOST = (uint64_t)64 << 20;

struct progress {
    bool shown, on_screen;
    const char *what; /* "export" */
    uint64_t total, done;
    uint64_t deadline_ns, start_ns, next_ns;
};

struct progress progress_begin(const struct run *run, const char *what, uint64_t total);
/* len more bytes are done. False when the time allowed is over. */
bool progress_step(struct progress *p, uint64_t len);
/* Takes the line off the terminal; before any message. */
void progress_end(struct progress *p);

#endif
