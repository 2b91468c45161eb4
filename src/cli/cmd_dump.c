/* SPDX-License-Identifier: MIT */
/* `vhdxray dump`: the structures of one file, field by field. */
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name;
    unsigned parts;
} part_names[] = {
    {"file-id", DUMP_FILE_ID},   {"headers", DUMP_HEADERS}, {"regions", DUMP_REGIONS},
    {"metadata", DUMP_METADATA}, {"locator", DUMP_LOCATOR}, {"bat", DUMP_BAT},
    {"log", DUMP_LOG},           {"bitmap", DUMP_BITMAP},   {"all", DUMP_ALL},
};
enum { PART_COUNT = sizeof(part_names) / sizeof(part_names[0]) };

static bool find_part(const char *word, unsigned *ret)
{
    const char *names[PART_COUNT + 1];

    for (size_t i = 0; i < PART_COUNT; i++) {
        names[i] = part_names[i].name;
        if (strcmp(word, names[i]) == 0) {
            *ret = part_names[i].parts;
            return true;
        }
    }
    names[PART_COUNT] = NULL;
    const char *near = nearest_name(word, names);
    if (near != NULL)
        message("dump: no part is called \"%s\"; did you mean %s?", word, near);
    else
        message("dump: no part is called \"%s\"; there are file-id headers regions metadata locator bat log bitmap all",
                word);
    return false;
}

/* Parts and range, from the words behind the file. */
static int dump_what(const struct options *o, struct dump_options *ret)
{
    *ret = (struct dump_options){
        .hex = o->hex, .have_range = o->have_range, .range_first = o->range_first, .range_end = o->range_end};
    for (uint32_t i = 1; i < o->args.count; i++) {
        unsigned parts = 0;

        if (!find_part(o->args.items[i], &parts))
            return EXIT_USAGE;
        ret->parts |= parts;
    }
    if (o->have_range && ret->parts == 0) {
        ret->parts = DUMP_BYTES;
    } else if (o->have_range && ret->parts != DUMP_BAT && ret->parts != DUMP_BITMAP) {
        message("dump: --range goes with bat (entries), with bitmap (chunks), or without a part (bytes of the file)");
        return EXIT_USAGE;
    } else if (ret->parts == 0) {
        ret->parts = DUMP_ALL;
    }
    return EXIT_OK;
}

static int dump_image(struct run *run, struct session *s, const struct dump_options *what)
{
    const char *missing = NULL;

    enum status st = report_dump(&run->report, s->image, what, &missing);
    if (st != STATUS_OK) {
        message("%s: %s", s->path, session_status_text(run, st));
        return exit_of_status(st);
    }
    if (missing != NULL) {
        message("%s: not there: %s", s->path, missing);
        return EXIT_IMPOSSIBLE;
    }
    return EXIT_OK;
}

static int dump(const struct options *o)
{
    struct words file = {.items = o->args.items, .count = 1};
    struct dump_options what;
    struct run run;
    struct session s;

    int code = dump_what(o, &what);
    if (code != EXIT_OK)
        return code;
    code = run_begin_confined(&run, o, &file, NULL);
    if (code != EXIT_OK)
        return code;
    code = session_open(&run, &s, o->args.items[0], o->no_replay);
    if (code == EXIT_OK) {
        code = dump_image(&run, &s, &what);
    } else {
        message("%s", s.message);
        report_unopened(&run.report, s.path, s.message);
    }
    session_close(&s);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray dump web01.vhdx headers --hex",
    "both headers, with their bytes",
    "vhdxray dump web01.vhdx bat --range 512:520",
    "eight BAT entries",
    "vhdxray dump -f jsonl web01.vhdx bat",
    "a line of JSON for each entry",
    "vhdxray dump web01.vhdx --range 3M:+4K",
    "bytes of the file",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,     OPT_OUTPUT,  OPT_HEX,   OPT_RANGE,   OPT_NO_REPLAY,
    OPT_MAX_MEMORY, OPT_TIMEOUT, OPT_COLOR, OPT_SANDBOX, OPT_END,
};

const struct command command_dump = {
    .name = "dump",
    .arguments = "FILE [PART...]",
    .parts = "file-id|headers|regions|metadata|locator|bat|log|bitmap|all",
    .summary = "structures, field by field",
    .examples = examples,
    .notes = "PART: file-id headers regions metadata locator bat log bitmap all (all). A BAT entry that is zero is "
             "left out\n"
             "unless --range asks for it. Without --no-replay a dirty log is laid over the file in memory.\n"
             "Exit codes: 0 done, 2 usage, 3 the part is not there or the file cannot be read, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1 + PART_COUNT,
    .run = dump,
};
