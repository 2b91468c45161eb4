/* SPDX-License-Identifier: MIT */
/* An image that is about to be changed: open for writing, locked, and checked as it is. */
#ifndef VHDXRAY_CLI_CHANGE_SESSION_H
#define VHDXRAY_CLI_CHANGE_SESSION_H

#include "check/run.h"
#include "cli/cli.h"
#include "io/store.h"

struct change_session {
    struct run *run;
    const char *path;
    struct store *store;
    struct file_info info; /* when it was opened */
    struct arena *arena;   /* of the model and the result below */
    struct image *image;
    struct check_result *result;
    char message[512]; /* why something failed: a sentence with the path */
};

/*
 * Opens and locks path, ends what an interrupted repair left of it, gives up what is not needed any more, and checks
 * it. EXIT_OK, or a code with s->message set (not printed). To be closed in any case.
 */
int change_session_open(struct run *run, const char *path, struct change_session *s);
/* Builds the model and checks it, once more after a change: what was there of both before is gone. As above. */
int change_session_check(struct run *run, struct change_session *s);
void change_session_close(struct change_session *s);

/* The first error found whose rule is `rule` (NULL: any); NULL when there is none. */
const struct finding *change_session_error(const struct change_session *s, const char *rule);
/* Writes why a status of the store ended the work to s->message; the code for it. */
int change_session_failed(const struct run *run, struct change_session *s, const char *doing, enum status st);
/* A sentence into s->message; returns code. */
__attribute__((format(printf, 3, 4))) int change_session_refuse(struct change_session *s, int code, const char *fmt,
                                                                ...);

#endif
