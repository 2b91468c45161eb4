/* SPDX-License-Identifier: MIT */
/*
 * Faults under whole commands (faults.c): the calls that the program makes to the host go through fault_calls.c, where
 * the linker sends them (--wrap, variant.ninja), and one of them, or all from one on, fails as planned.
 */
#ifndef VHDXRAY_TESTS_FAULTS_H
#define VHDXRAY_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_class {
    CALL_ALLOCATION,
    CALL_READ,   /* pread: images */
    CALL_STREAM, /* read: pipes, lists */
    CALL_SEEK,   /* lseek: holes */
    CALL_STAT,   /* fstat and its kin */
    CALL_OPEN,   /* open, openat, fdopen, opendir, temporary files */
    CALL_WRITE,  /* pwrite, write, copy_file_range, fflush */
    CALL_SYNC,   /* fsync, fdatasync */
    CALL_RESIZE, /* ftruncate, fallocate */
    CALL_NAME,   /* rename, link, unlink */
    CALL_CLASSES,
};
const char *fault_class_name(enum fault_class c);

enum fault_kind {
    FAULT_NONE,
    FAULT_ERROR,     /* fails with an errno */
    FAULT_INTERRUPT, /* EINTR, once */
    FAULT_SHORT,     /* half of it is done */
    FAULT_BYTE,      /* one byte of it is done */
    FAULT_END,       /* the file ends here: no byte is read */
    FAULT_SMALLER,   /* the size is half of the truth */
    FAULT_LARGER,    /* the size is 64 KiB more than the truth */
};

struct fault_plan {
    enum fault_class where;
    enum fault_kind kind;
    int error;   /* FAULT_ERROR */
    uint64_t at; /* the call of that class, from 1 */
    bool sticky; /* and all behind it */
};

/* Counted in the process that runs the command; lives in memory that the test shares with it. */
struct fault_counts {
    uint64_t calls[CALL_CLASSES];
    uint64_t fired;
    int64_t live; /* allocations that were not given back */
};

/* From here on calls count, and the plan is carried out. */
void fault_begin(const struct fault_plan *plan, struct fault_counts *counts);
void fault_end(void);

/* ---- fault_scenes.c: images and commands ---- */

enum fault_result {
    RESULT_READS, /* changes nothing */
    RESULT_OUT,   /* makes the file "out", or does not */
    RESULT_WHOLE, /* changes w.vhdx: all of it, or nothing once `settle` ran */
    RESULT_GUEST, /* changes w.vhdx by the format's own rules: the guest's disk is the old or the new one, and healthy
                   */
};

struct fault_scene {
    const char *name;
    const char *words[16]; /* of the command line, without the program and --sandbox off */
    bool no_sandbox_option;
    const char *input; /* standard input; NULL: nothing */
    bool pipe;         /* through a pipe */
    bool salvages;
    bool passes_over; /* what cannot be opened or found out: the report says so */
    enum fault_result result;
    const char *image;     /* what w.vhdx is a copy of, for those that change it */
    const char *journal;   /* and what w.vhdx.vhdxray-journal is; NULL: there is none */
    const char *settle[4]; /* a command that ends what was interrupted */
};
extern const struct fault_scene fault_scenes[];
extern const size_t fault_scene_count;

/* Makes all the files that the scenes need, in the current folder. */
void fault_files_make(void);

#endif
