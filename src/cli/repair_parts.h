/* SPDX-License-Identifier: MIT */
/* What the files of `repair` share. */
#ifndef VHDXRAY_CLI_REPAIR_PARTS_H
#define VHDXRAY_CLI_REPAIR_PARTS_H

#include "cli/journal_file.h"
#include "cli/new_file.h"
#include "repair/plan.h"
#include "report/plan.h"

struct repair {
    struct run *run;
    const char *path;
    struct words consent;  /* rule ids */
    char *consent_text;    /* what they point into */
    struct session parent; /* --parent: of a child to be relinked */
    char *parent_path;
    struct store *image;   /* --apply: FILE, locked */
    struct source *source; /* else */
    struct journal_file journal; /* --apply */
    struct new_file file;        /* --copy */
    struct store *copy;
    struct arena *arena; /* the plan's */
    struct plan plan;
    bool planned;
    const struct plan_bytes *bytes; /* before they were changed in place */
    struct arena *after_arena;      /* of the check afterwards */
    bool applied;                   /* the file or the copy is the repaired one */
    char message[512];
};

/* A sentence into x->message, which is printed at the end; returns code. */
__attribute__((format(printf, 3, 4))) int repair_refuse(struct repair *x, int code, const char *fmt, ...);
/* The words of a failed read or write; to may be NULL. */
int repair_failed(struct repair *x, const char *path, const struct source *s, const struct store *to, enum status st);

/* The functions below return EXIT_OK or a code, with x->message set unless they printed one themselves. */

/* --parent, once files may still be opened or were. */
int repair_open_parent(struct repair *x);
/* The plan for the file in s. EXIT_REFUSED when nothing may be changed. */
int repair_plan(struct repair *x, struct source *s);
/* When nothing is planned: there may be nothing to do, or nothing that can be done. */
int repair_nothing(struct repair *x);
/* The rules once more over what was written. EXIT_REPAIRED when there is no error any more. */
int repair_check_again(struct repair *x, struct source *s, const char *path);

/* ---- repair_copy.c ---- */

/* Without --apply: the plan alone, or a copy that is repaired. file: its name. */
int repair_elsewhere(struct repair *x, const struct words *file);

#endif
