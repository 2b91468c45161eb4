/* SPDX-License-Identifier: MIT */
/*
 * Reports: views over a checked image, or over its model alone, as text or a page for people, JSON or SARIF for
 * programs. Nothing here judges, opens or reads a file; the same input gives the same bytes. Write errors stay in `out`
 * (ferror()): who opened it looks there once, at the end.
 */
#ifndef VHDXRAY_REPORT_REPORT_H
#define VHDXRAY_REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/status.h"
#include "check/profile.h"
#include "check/run.h"
#include "check/windows_codes.h"
#include "image/image.h"
#include "report/json.h"

static const char TOOL_NAME[] = "vhdxray";
static const char TOOL_VERSION[] = "0.1.0";
static const char REPORT_SCHEMA_VERSION[] = "1.0";

/* SARIF and HTML are forms of report_check() alone. */
enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_JSONL, REPORT_SARIF, REPORT_HTML };
enum { REPORT_VERDICTS = VERDICT_UNREADABLE + 1 };

struct report {
    FILE *out;
    enum report_format format;
    bool color;       /* text: severities and verdicts in colour */
    bool quiet;       /* text: verdict lines only */
    bool verbose;     /* text: infos in full */
    unsigned width;   /* text: columns of the terminal, lines are broken there; 0: they are not */
    int landlock_abi; /* what confines the process: JSON `sandbox` */
    bool seccomp;
    const struct profile *profile; /* of the image that report_check() gets next; NULL: none was asked for */
    int exit_code; /* SARIF: of the program; set it before report_end() */
    /* Kept by the report. */
    struct json json;
    bool in_list;
    struct arena *scratch;
    struct sarif *sarif;
    struct html *html;
    uint64_t images, unopened, verdicts[REPORT_VERDICTS];
};

/*
 * Around everything. list: key of the JSON array that holds what follows ("images"); NULL when there is no such array.
 * begin fails with STATUS_NO_MEMORY; end says whether something is missing in what was printed: STATUS_NO_MEMORY, or
 * STATUS_IO when a temporary file of ours failed.
 */
enum status report_begin(struct report *r, const char *list);
enum status report_end(struct report *r);
/* In one JSON object: the list that report_begin() began ends, and another one begins. */
void report_next_list(struct report *r, const char *list);
/* Nothing was left out so far for want of memory. */
bool report_is_whole(const struct report *r);

/* One image each. */
void report_check(struct report *r, const struct check_result *res);
void report_info(struct report *r, const struct image *img);
/* with_plan: what replaying would change; needs a surveyed img->main. */
enum status report_log(struct report *r, struct image *img, bool with_plan);
/* An image that could not be looked at. */
void report_unopened(struct report *r, const char *path, const char *message);

/* `dump`: one file, structure by structure. */
enum dump_part {
    DUMP_FILE_ID = 1 << 0,
    DUMP_HEADERS = 1 << 1,
    DUMP_REGIONS = 1 << 2,
    DUMP_METADATA = 1 << 3,
    DUMP_LOCATOR = 1 << 4,
    DUMP_BAT = 1 << 5,
    DUMP_LOG = 1 << 6,
    DUMP_BITMAP = 1 << 7,
    DUMP_BYTES = 1 << 8, /* raw bytes of the view, [range_first, range_end) */
    DUMP_ALL = (1 << 8) - 1,
};

struct dump_options {
    unsigned parts; /* enum dump_part bits */
    bool hex;       /* bytes beside the fields */
    bool have_range;
    uint64_t range_first, range_end; /* BAT: entries; bitmap: chunks; bytes: file offsets */
};

/*
 * img->main is what is shown. *ret_missing: why a part that was asked for by name is not there, or NULL (with several
 * parts a missing one is noted in the dump and is no failure).
 */
enum status report_dump(struct report *r, struct image *img, const struct dump_options *options,
                        const char **ret_missing);

/* The catalogue: all rules, or one in full. */
void report_rules(struct report *r);
void report_rule(struct report *r, const struct rule *rule);
/* A code of Windows in full. */
void report_windows_code(struct report *r, const struct windows_code *c);

#endif
