/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray metadump`: a small copy for a bug report. It is made in memory, checked like any image and compared with
 * what the check says of the original, and only then written: sparse, beside its name until it is whole.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "cli/digest.h"
#include "cli/guest_session.h"
#include "cli/new_file.h"
#include "report/metadump.h"
#include "write/metadump.h"

struct job {
    struct run *run;
    struct session session;
    struct new_file file;
    struct store *out, *stage;
    struct digest_set digests;
    struct metadump dump;
    struct metadump_report report;
    const char **rules; /* room for lost ones, then for added ones */
    char error[512];
};

static int refuse(struct job *j, int code, const char *path, const char *text)
{
    (void)snprintf(j->error, sizeof(j->error), "%s: %s", path, text);
    return code;
}

static int failed(struct job *j, enum status st)
{
    return refuse(j, exit_of_status(st), j->session.path, session_status_text(j->run, st));
}

static int output_failed(struct job *j, enum status st)
{
    return j->out->error_errno != 0 ? refuse(j, EXIT_IMPOSSIBLE, j->file.name, error_text(j->out->error_errno))
                                    : failed(j, st);
}

/* Half of a SHA-256: the same for the same GUID in every file, so that the copies of a chain still fit each other. */
static bool mix_guid(void *ctx, const struct guid *g, uint8_t out[16])
{
    static const char label[] = "vhdxray metadump guid";
    struct job *j = (struct job *)ctx;
    struct digest d;
    bool ok = digest_begin(&d, &j->digests) && digest_data(&d, label, sizeof(label)) &&
              digest_data(&d, g->bytes, sizeof(g->bytes)) && digest_end(&d);

    for (size_t i = 0; ok && i < 16; i++) {
        const char pair[3] = {d.hex[0][2 * i], d.hex[0][2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    digest_close(&d);
    return ok;
}

/* ---- the comparison ---- */

/* What the rules say of an image when nothing is known about the host: the copy lives elsewhere. */
static enum status judge(struct image *img, struct check_result **ret)
{
    const struct check_options options = {.max_findings = 1};

    img->host.known = false;
    return check_run(img, &options, NULL, ret);
}

static int compare(struct job *j, const struct check_result *before, const struct check_result *after)
{
    struct metadump_report *m = &j->report;

    j->rules = (const char **)calloc(2 * (size_t)rule_count(), sizeof(*j->rules));
    if (j->rules == NULL)
        return failed(j, STATUS_NO_MEMORY);
    m->lost = j->rules;
    m->added = j->rules + rule_count();
    for (uint32_t i = 0; i < rule_count(); i++) {
        const bool old = before->rules[i].count > 0, new = after->rules[i].count > 0;
        if (old && !new)
            j->rules[m->lost_count++] = rule_at(i)->id;
        if (new && !old)
            j->rules[rule_count() + m->added_count++] = rule_at(i)->id;
    }
    m->verdict = verdict_name(before->verdict);
    m->copy_verdict = verdict_name(after->verdict);
    if (!before->complete || !after->complete)
        return refuse(j, before->io_error ? EXIT_IMPOSSIBLE : EXIT_LIMIT, j->session.path,
                      "could not be looked at to the end, so nothing is known of what a copy would show");
    return EXIT_OK;
}

static int check_both(struct job *j)
{
    const struct image_options plain = {.no_replay = false};
    struct host_facts host = {.known = false};
    struct check_result *before = NULL, *after = NULL;
    struct image *copy = NULL;
    struct arena *a = arena_create(j->run->options->max_memory);
    int code = EXIT_OK;

    enum status st = a != NULL ? judge(j->session.image, &before) : STATUS_NO_MEMORY;
    if (st == STATUS_OK)
        st = image_open(a, j->stage->source, j->session.path, &host, &plain, &copy);
    if (st == STATUS_OK && copy->parent == NULL)
        st = chain_resolve(copy, &(struct chain_options){.parent_count = 0});
    if (st == STATUS_OK)
        st = judge(copy, &after);
    code = st == STATUS_OK ? compare(j, before, after) : failed(j, st);
    if (copy != NULL) {
        chain_close(copy);
        image_close(copy);
    }
    arena_destroy(a);
    return code;
}

/* ---- the copy ---- */

enum { PAGE = 4096, WINDOW = 256 * 1024 };

/* The pages of [off, off + len) that hold anything, as many as follow each other at once. */
static enum status write_pages(struct store *out, uint64_t off, const uint8_t *bytes, size_t len)
{
    enum status st = STATUS_OK;

    for (size_t at = 0, end = 0; at < len && st == STATUS_OK; at = end + PAGE) {
        for (end = at; end < len; end += PAGE) {
            if (span_is_zero(span_of(bytes + end, u64_min(PAGE, len - end))))
                break;
        }
        if (end > at)
            st = store_write(out, off + at, bytes + at, u64_min(end, len) - at);
    }
    return st;
}

static enum status write_data(struct job *j, struct progress *progress, uint8_t *buf)
{
    struct source *from = j->stage->source;
    uint64_t data = 0, hole = 0;

    for (uint64_t off = 0; off < from->size;) {
        enum status st = source_next_data(from, off, &data, &hole);
        if (st != STATUS_OK || data >= from->size)
            return st;
        data -= data % PAGE;
        size_t n = (size_t)u64_min(hole - data, WINDOW - data % WINDOW);
        st = source_read(from, data, buf, n);
        if (st == STATUS_OK)
            st = write_pages(j->out, data, buf, n);
        if (st == STATUS_OK && !progress_step(progress, n))
            st = STATUS_LIMIT;
        if (st != STATUS_OK)
            return st;
        off = data + n;
    }
    return STATUS_OK;
}

static int write_copy(struct job *j)
{
    struct progress progress = progress_begin(j->run, "metadump", j->dump.kept_bytes);
    uint8_t *buf = (uint8_t *)malloc(WINDOW);
    enum status st = buf != NULL ? store_resize(j->out, j->stage->source->size) : STATUS_NO_MEMORY;
    struct file_info info = {.size = 0};

    if (st == STATUS_OK)
        st = write_data(j, &progress, buf);
    free(buf);
    progress_end(&progress);
    if (st == STATUS_OK)
        st = store_sync(j->out);
    if (st != STATUS_OK)
        return output_failed(j, st);
    j->session.image->host.known = true;
    image_look_again(j->session.image);
    if (j->session.image->host.changed)
        return refuse(j, EXIT_IMPOSSIBLE, j->session.path, "was written to while it was copied");
    st = file_stat(j->out->source, &info);
    if (st != STATUS_OK)
        return refuse(j, exit_of_status(st), j->file.name, "cannot be asked for what it takes");
    j->report.allocated = info.allocated_bytes;
    return EXIT_OK;
}

static int make_copy(struct job *j)
{
    const struct options *o = j->run->options;
    const struct metadump_options options = {.redact = !o->no_redact, .mix = mix_guid, .ctx = j};

    enum status st = chain_resolve(j->session.image, &(struct chain_options){.parent_count = 0});
    if (st == STATUS_OK)
        st = stage_open(j->session.source, o->max_memory, &j->stage);
    if (st == STATUS_OK)
        st = metadump_make(j->session.image, j->stage, &options, &j->dump);
    if (st != STATUS_OK)
        return failed(j, st);
    j->report.dump = &j->dump;
    j->report.size = j->session.source->size;
    int code = check_both(j);
    return code == EXIT_OK ? write_copy(j) : code;
}

/* ---- around it ---- */

static bool is_input(const struct options *o)
{
    struct stat out = {.st_size = 0}, in = {.st_size = 0};

    if (stat(o->copy, &out) != 0 || stat(o->args.items[0], &in) != 0 || out.st_dev != in.st_dev ||
        out.st_ino != in.st_ino)
        return false;
    message("%s is the file that is read; the copy must go elsewhere", o->copy);
    return true;
}

/* The copy is opened before anything is looked at; then the rest is given up. */
static int confine(struct job *j)
{
    const struct options *o = j->run->options;
    struct confinement c = {.needs = SANDBOX_WRITE_FILE, .file = &j->file};
    struct file_info info;

    if (is_input(o))
        return EXIT_USAGE;
    int code = new_file_begin(&j->file, o->copy, o->force, NULL);
    if (code != EXIT_OK)
        return code;
    enum status st = store_open_file(j->file.temporary, STORE_NEW, &j->out, &info, j->error, sizeof(j->error));
    if (st != STATUS_OK) {
        message("%s", j->error);
        return exit_of_status(st);
    }
    new_file_created(&j->file);
    code = digest_set_open(&(struct words){.count = 0}, &j->digests);
    return code == EXIT_OK ? run_confine(j->run, &o->args, &c) : code;
}

static int dump_one(struct job *j)
{
    const struct options *o = j->run->options;
    int code = session_open(j->run, &j->session, o->args.items[0], false);

    if (code != EXIT_OK) {
        (void)snprintf(j->error, sizeof(j->error), "%s", j->session.message);
        return code;
    }
    code = make_copy(j);
    store_close(j->out);
    j->out = NULL;
    if (code == EXIT_OK)
        code = new_file_commit(&j->file);
    if (code == EXIT_OK &&
        (j->report.lost_count + j->report.added_count > 0 || strcmp(j->report.verdict, j->report.copy_verdict) != 0))
        code = EXIT_FINDINGS;
    return code;
}

static int metadump(const struct options *o)
{
    struct job j = {.out = NULL};
    struct run run;

    if (o->copy == NULL) {
        message("metadump: needs -o SMALL; see vhdxray metadump --help");
        return EXIT_USAGE;
    }
    int code = run_begin(&run, o, &o->args, NULL);
    if (code != EXIT_OK)
        return code;
    j.run = &run;
    j.report = (struct metadump_report){.path = o->args.items[0], .output = o->copy, .redacted = !o->no_redact};
    code = confine(&j);
    if (code == EXIT_OK)
        code = dump_one(&j);
    const bool made = code == EXIT_OK || code == EXIT_FINDINGS;
    if (!made && j.error[0] != '\0' && j.session.path != NULL)
        message("%s", j.error);
    j.report.error = made ? NULL : j.error[0] != '\0' ? j.error : "the copy could not be made";
    if (!made)
        j.report.dump = NULL;
    report_metadump(&run.report, &j.report);
    store_close(j.stage);
    store_close(j.out);
    new_file_drop(&j.file, false);
    session_close(&j.session);
    digest_set_close(&j.digests);
    free(j.rules);
    run_note(&run, code);
    return run_end(&run);
}

static const char *const examples[] = {
    "vhdxray metadump web01.vhdx -o web01.metadump.vhdx",
    "a copy without content, names and GUIDs replaced",
    "vhdxray metadump --no-redact web01.vhdx -o small.vhdx",
    "the same with all names and GUIDs",
    "vhdxray metadump web01.vhdx -o small.vhdx && tar -cSJf small.tar.xz small.vhdx",
    "to be sent",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,  OPT_DUMP_OUTPUT, OPT_NO_REDACT, OPT_FORCE,   OPT_MAX_MEMORY,
    OPT_TIMEOUT, OPT_PROGRESS,    OPT_QUIET,     OPT_SANDBOX, OPT_END,
};

const struct command command_metadump = {
    .name = "metadump",
    .arguments = "FILE -o SMALL",
    .summary = "a small copy without the guest's data, for a bug report",
    .examples = examples,
    .notes =
        "SMALL is as long as FILE but sparse: it holds the header section, region tables, metadata, BAT, log and "
        "sector\n"
        "bitmaps as they are, damage included, and nothing of the guest's disk. Names (paths of the parent, values of\n"
        "its locator, user metadata) and GUIDs that tell disks apart are replaced, each always by the same: equal "
        "ones\n"
        "stay equal, also from file to file of a chain. Ids of regions and metadata items, the creator, sizes, "
        "offsets\n"
        "and sequence numbers stay. Checksums that were right are right again.\n"
        "Before it is written the copy is checked: the report says whether the same rules speak. What only --deep\n"
        "looks at, and what the host knows of a file (that it is sparse), differs by nature and is not compared.\n"
        "Exit codes: 0 done, 1 done and other rules speak for the copy (they are named), 2 usage, 3 could not read or\n"
        "write, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = metadump,
};
