/* SPDX-License-Identifier: MIT */
/* What the commands share: exit codes, messages, output that is either whole or not there, and opened images. */
#ifndef VHDXRAY_CLI_CLI_H
#define VHDXRAY_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/run.h"
#include "cli/inputs.h"
#include "cli/options.h"
#include "cli/sandbox.h"
#include "image/image.h"
#include "io/ahead.h"
#include "io/behind.h"
#include "io/source.h"
#include "report/report.h"

/* The contract of the program; see --help. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FINDINGS = 1,
    EXIT_USAGE = 2,
    EXIT_IMPOSSIBLE = 3, /* cannot open, I/O error, permission */
    EXIT_REPAIRED = 4,
    EXIT_REFUSED = 5,
    EXIT_LIMIT = 6,
    EXIT_INTERNAL = 7,
};
/* Of several results the one that must be reported. */
int exit_worst(int a, int b);
int exit_of_status(enum status st);

/* "vhdxray: ..." and a line feed on standard error; everything that could act on a terminal is escaped. */
__attribute__((format(printf, 1, 2))) void message(const char *fmt, ...);

/* EXIT_OK, or EXIT_USAGE after a message: what a command changes or makes must be a file, "-" is none. */
int needs_a_file(const char *command, const char *path);

/* The host's words for an errno, in lower case like all messages; valid until the next call. */
const char *error_text(int error);

extern const struct command command_check, command_info, command_dump, command_log, command_map, command_read,
    command_export, command_hash, command_compare, command_chain, command_carve, command_explain, command_rules,
    command_summarize, command_metadump, command_create, command_write, command_replay, command_repair, command_undo;

/* ---- output.c ---- */

struct identity {
    dev_t device;
    ino_t inode;
};

/* Standard output, or a file that appears under its name only when it is whole. */
struct output {
    FILE *file;
    const char *path; /* NULL: standard output */
    char *temporary;  /* NULL: written in place (standard output, /dev/null) */
    struct identity *inputs;
    uint32_t input_count, input_cap;
    bool forgot; /* an input, for lack of memory: nothing may be replaced any more */
};

/* Both return EXIT_OK or, after a message, an exit code. */
int output_open(struct output *out, const char *path);
/* Ends it: all of it is on its way to the disk or the pipe, or the code says that it is not. */
int output_commit(struct output *out);
void output_abandon(struct output *out);
/* "path.PID.ending", cut as need be for a name that a folder takes; free() it. NULL: out of memory. */
char *temporary_beside(const char *path, const char *ending);
/* A file that is read and must never be written over. */
void output_protect(struct output *out, const char *path);
/* EXIT_OK, or a code after a message: the output would replace a protected file, or nobody can tell. */
int output_refusal(const struct output *out);
/* path is removed when a signal ends the program; NULL: nothing is any more. For one file besides the output itself. */
void output_doom(char *path);
/* The same for a name in an open folder. */
void output_doom_at(int dir_fd, char *name);
void output_undoom(void); /* another process takes care of both */
/* The last step of output_commit(): the temporary file gets its name. */
int output_name(struct output *out);

/* ---- session.c ---- */

/* One image from opening to closing. */
struct session {
    struct run *run;
    const char *path;
    struct arena *arena;
    struct source *source;
    struct image *image;
    char message[512]; /* why it could not be opened */
};

/* Things that all sessions of a run share. */
struct run {
    const struct options *options;
    struct output output;
    struct report report;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    int *search_fds;
    struct inputs inputs;  /* opened by run_confine() */
    struct ahead *ahead;   /* started by it, or NULL */
    struct behind *behind; /* in its place */
    int code;              /* worst so far */
};

/* files: what will be read (NULL: nothing); list: as of report_begin(). EXIT_OK, or a code after a message; then
 * nothing is open. */
int run_begin(struct run *run, const struct options *o, const struct words *files, const char *list);
/* Closes everything; the exit code of the command. */
int run_end(struct run *run);
/* The same without output: a file that was to be written does not appear. */
int run_abandon(struct run *run);
void run_note(struct run *run, int code);
/*
 * Notes EXIT_IMPOSSIBLE, after a message, when the host could not read path somewhere, whatever it was read for: what
 * could not be looked at is never fine. --salvage tells in its own way. s: NULL is fine.
 */
void run_note_unread(struct run *run, const char *path, const struct source *s);

/* What a command needs after it gave up the rest. */
struct confinement {
    unsigned needs;               /* enum sandbox_need bits */
    struct new_file *file;        /* will get its name at the end; NULL: none */
    struct journal_file *journal; /* whose names may change; NULL: none */
    const int *dirs;              /* folders whose files are opened later; NULL: those of --search-dir */
    uint32_t dir_count;
    int create_dir;     /* SANDBOX_CREATE_BELOW: the folder */
    bool one_of_many;   /* other processes have the other cores */
    bool writes_behind; /* a second core is better used for writing than for reading */
};
/*
 * Opens `files` and all parents that were named, then enters the sandbox: from here on nothing else can be opened. With
 * an output file the process forks first (attendant.h). EXIT_OK, or a code after a message.
 */
int run_confine(struct run *run, const struct words *files, const struct confinement *c);
/* run_begin() and run_confine() for commands that only read `files`; nothing is open after a failure. */
int run_begin_confined(struct run *run, const struct options *o, const struct words *files, const char *list);

/* Opens path ("-": standard input) and builds the model. EXIT_OK, or a code with s->message set (nothing is open then).
 */
int session_open(struct run *run, struct session *s, const char *path, bool no_replay);
/* Looks for the parents of a differencing disk. */
int session_resolve(struct run *run, struct session *s);
/* The same with other parents than --parent names. */
int session_resolve_with(struct run *run, struct session *s, const struct words *parents);
/* EXIT_IMPOSSIBLE, after a message, when a parent that was named could not be opened. */
int session_parents(const struct session *s);
/* Notes what the host could not read of the image and its parents. */
void session_close(struct session *s);
/* A sentence for a status that ended a session. */
const char *session_status_text(const struct run *run, enum status st);
/* What is done with each of many images. */
struct each {
    bool no_replay, resolve;
    int (*one)(struct run *run, struct session *s);
    uint32_t *done; /* counts them, shared with another process; NULL: nobody wants to know */
};
/* Opens each file, calls one(); what cannot be opened is reported and counts as EXIT_IMPOSSIBLE. */
void session_each(struct run *run, const struct words *files, const struct each *e);
/* A whole command of that kind, from the list of files to the exit code. */
int for_each_image(const struct options *o, bool no_replay, bool resolve,
                   int (*one)(struct run *run, struct session *s));

#endif
