/* SPDX-License-Identifier: MIT */
/* What the command line says. One table describes every option; parsing and help are made from it. */
#ifndef VHDXRAY_CLI_OPTIONS_H
#define VHDXRAY_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "check/finding.h"
#include "check/profile.h"
#include "cli/sandbox.h"
#include "report/report.h"
#include "write/create.h"

enum option_id {
    OPT_END, /* ends a command's list */
    OPT_FORMAT,
    OPT_REPORT_FORMAT,  /* --format of the command that writes SARIF and HTML as well */
    OPT_SUMMARY_FORMAT, /* text, JSON or one page */
    OPT_OUTPUT,
    OPT_DUMP_OUTPUT, /* --output of the command whose output is an image */
    OPT_NO_REDACT,
    OPT_FAIL_ON,
    OPT_PARENT,
    OPT_PARENT_B,
    OPT_SEARCH_DIR,
    OPT_NO_REPLAY,
    OPT_OFFSET,
    OPT_LENGTH,
    OPT_SALVAGE,
    OPT_FORCE,
    OPT_APPLY,
    OPT_COPY,
    OPT_CONSENT,
    OPT_LAYOUT,
    OPT_DEEP,
    OPT_PROFILE,
    OPT_KIND,
    OPT_ITEM,
    OPT_EXTRACT,
    OPT_NO_PAYLOAD,
    OPT_GUEST,
    OPT_CONTAINER,
    OPT_ALGORITHM,
    OPT_PLAN,
    OPT_HEX,
    OPT_RANGE,
    OPT_SIZE,
    OPT_TYPE,
    OPT_BLOCK_SIZE,
    OPT_LOG_SIZE,
    OPT_SECTOR_SIZE,
    OPT_PHYSICAL_SECTOR_SIZE,
    OPT_BLOCK_STATE_ZERO,
    OPT_LIKE,
    OPT_MAX_FINDINGS,
    OPT_MAX_MEMORY,
    OPT_TIMEOUT,
    OPT_FILES_FROM,
    OPT_RECURSIVE,
    OPT_SHARD,
    OPT_JOBS,
    OPT_COLOR,
    OPT_PROGRESS,
    OPT_SANDBOX,
    OPT_QUIET,
    OPT_VERBOSE,
    OPT_VERSION,
    OPT_HELP,
    OPT_COUNT,
};

enum { JOBS_MOST = 256 };

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum progress_choice { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };
enum fail_on { FAIL_ON_ERROR, FAIL_ON_WARNING, FAIL_ON_INFO, FAIL_ON_NEVER };

/* Words of the command line: borrowed from argv or from the list of --files-from. */
struct words {
    const char **items;
    uint32_t count, cap;
    bool no_memory; /* a word is missing */
};

struct options {
    enum report_format format;
    enum fail_on fail_on;
    enum color_choice color;
    enum progress_choice progress;
    enum sandbox_mode sandbox;
    const char *output;     /* NULL: standard output */
    const char *files_from; /* NULL: none */
    struct words parents, search_dirs;
    struct words parents_b;    /* of the second file */
    struct words consent;      /* as given: rule ids, or lists of them with commas */
    struct words algorithms;   /* as given: names, or lists of them with commas */
    struct words kinds, items; /* the same */
    const char *extract;       /* a folder; NULL: none */
    struct words args;         /* what is no option */
    bool no_replay, plan, hex, quiet, verbose, help, version;
    bool no_memory; /* why options_parse() failed, when that was not the caller's mistake */
    bool salvage, force, layout, guest, container;
    bool deep, no_payload;
    enum profile_kind profile;
    bool apply, no_redact;
    const char *copy; /* NULL: none */
    bool recursive;
    uint32_t shard, shard_count; /* 1..count; count 0: all of it */
    uint32_t jobs;               /* 0: as many as there are processors */
    bool have_length;
    uint64_t offset, length;      /* guest bytes */
    struct create_options create; /* what --size and its like say */
    bool have_size, have_type;
    bool have_range;
    uint64_t range_first, range_end;
    uint64_t max_findings; /* per rule */
    uint64_t max_memory;   /* bytes per image */
    uint64_t timeout;      /* seconds for the whole run; 0: none */
};

struct command {
    const char *name;
    const char *arguments; /* "FILE..." */
    const char *parts;     /* "a|b|c": what a PART among the arguments may be; NULL: there is none */
    const char *summary;
    const char *const *examples;   /* pairs of command and what it does, NULL at the end */
    const char *notes;             /* below the options; NULL: none */
    const enum option_id *options; /* OPT_END at the end; --help is always one */
    uint32_t min_args, max_args;
    int (*run)(const struct options *o);
};

/* A row of the table. */
struct option {
    enum option_id id;
    char letter; /* 0: none */
    const char *name;
    const char *value; /* "a|b|c", or a name for what is expected: FILE, N, ...; NULL: a flag */
    const char *help;
};
/* The options that mean something to a command, in the order of its help: the first one (after NULL), the next one;
 * NULL: no more. */
const struct option *option_next(const struct command *c, const struct option *previous);

/* Words after the command. False after a message: exit 2, or 6 with ret->no_memory. */
bool options_parse(const struct command *c, int argc, char **argv, struct options *ret);
void options_free(struct options *o);

bool words_add(struct words *w, const char *word);

/* "12", "0x300000", "16M" (powers of 1024: K M G T). False when it is no such number or too large. */
bool parse_size(const char *s, uint64_t *ret);

void help_command(const struct command *c);
void help_all(const struct command *const *commands);

/* The candidate that looks most like word, or NULL when none does. names: NULL at the end. */
const char *nearest_name(const char *word, const char *const *names);

#endif
