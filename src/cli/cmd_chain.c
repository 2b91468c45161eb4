/* SPDX-License-Identifier: MIT */
/*
 * `vhdxray chain`: files, or all disks of a folder, and who is whose parent. A folder is scanned by content: every
 * regular file in it that begins like a VHDX file counts, and every one that is called like one, so that a damaged one
 * is not passed over in silence. Sub-folders are not entered. Paths inside images are shown and never opened.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/file_list.h"
#include "image/chain_set.h"
#include "report/chain.h"

struct scan {
    struct run *run;
    struct chain_set set;
    int code;
};

static void out_of_memory(struct scan *s)
{
    message("too many files for --max-memory");
    s->code = exit_worst(s->code, EXIT_LIMIT);
}

/* Opens it, takes its facts, closes it. Index in the set, or CHAIN_NONE. */
static uint32_t add_file(struct scan *s, const char *path, bool shown)
{
    struct session one;
    enum status st;

    int code = session_open(s->run, &one, path, s->run->options->no_replay);
    if (code != EXIT_OK) {
        message("%s", one.message);
        s->code = exit_worst(s->code, code);
        st = chain_set_add(&s->set, path, NULL, shown, one.message);
    } else {
        const char *error = one.image->current < 0 ? "no valid header: this is no VHDX file, or a damaged one" : NULL;
        st = chain_set_add(&s->set, path, one.image, shown, error);
    }
    session_close(&one);
    if (st == STATUS_OK)
        return s->set.count - 1;
    out_of_memory(s);
    return CHAIN_NONE;
}

/* ---- folders ---- */

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the disks in a folder, in byte order, so that the order in which the host lists them plays no part. */
static bool list_folder(struct scan *s, const char *path, struct arena *a, struct words *ret)
{
    DIR *dir = opendir(path);
    uint64_t seen = 0;
    struct dirent *e;

    if (dir == NULL) {
        message("%s: %s", path, error_text(errno));
        s->code = exit_worst(s->code, EXIT_IMPOSSIBLE);
        return false;
    }
    while ((e = readdir(dir)) != NULL) {
        if (++seen > LIMIT_DIRECTORY_ENTRIES) {
            message("%s: more than %llu entries; not all of them were looked at", path,
                    (unsigned long long)LIMIT_DIRECTORY_ENTRIES);
            s->code = exit_worst(s->code, EXIT_LIMIT);
            break;
        }
        if (!file_is_disk(dirfd(dir), e->d_name))
            continue;
        size_t len = strlen(path);
        const char *full = text_format(a, "%s%s%s", path, len > 0 && path[len - 1] == '/' ? "" : "/", e->d_name);
        if (full[0] == '\0' || !words_add(ret, full)) {
            out_of_memory(s);
            break;
        }
    }
    closedir(dir);
    if (ret->count > 1)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare_words);
    return true;
}

static void add_folder(struct scan *s, const char *path, bool shown)
{
    struct words names = {.count = 0};
    struct arena *a = arena_create(s->run->options->max_memory);

    if (a == NULL)
        out_of_memory(s);
    else if (list_folder(s, path, a, &names)) {
        for (uint32_t i = 0; i < names.count; i++)
            (void)add_file(s, names.items[i], shown);
    }
    free(names.items);
    arena_destroy(a);
}

static void add_argument(struct scan *s, const char *path)
{
    struct stat st = {.st_size = 0};

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        add_folder(s, path, true);
    else
        (void)add_file(s, path, true);
}

/* ---- the command ---- */

/* Opens the folders whose files are opened one after the other; true, with *ret_fds for the caller to free. */
static bool open_folders(const struct options *o, const struct words *files, int **ret_fds, uint32_t *ret_count)
{
    const struct words *const lists[2] = {files, &o->search_dirs};
    int *fds = (int *)reallocarray(NULL, (size_t)files->count + o->search_dirs.count + 1, sizeof(*fds));
    uint32_t count = 0;

    for (int l = 0; l < 2 && fds != NULL; l++) {
        for (uint32_t i = 0; i < lists[l]->count; i++) {
            int fd = open(lists[l]->items[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (fd >= 0)
                fds[count++] = fd;
        }
    }
    *ret_fds = fds;
    *ret_count = count;
    return fds != NULL;
}

/* Folders are opened again by name; the files that were named as well as theirs are not. */
static int confine(struct run *run, const struct words *files)
{
    struct confinement c = {.needs = 0};
    struct words plain = {.count = 0};
    struct stat st = {.st_size = 0};
    int *fds = NULL;
    int code = EXIT_OK;

    for (uint32_t i = 0; i < files->count && code == EXIT_OK; i++) {
        if ((stat(files->items[i], &st) != 0 || !S_ISDIR(st.st_mode)) && !words_add(&plain, files->items[i]))
            code = EXIT_LIMIT;
    }
    if (code == EXIT_OK && !open_folders(run->options, files, &fds, &c.dir_count))
        code = EXIT_LIMIT;
    if (code == EXIT_OK) {
        c.dirs = fds;
        code = run_confine(run, &plain, &c);
    } else {
        message("out of memory");
    }
    for (uint32_t i = 0; i < c.dir_count; i++)
        close(fds[i]);
    free(fds);
    free(plain.items);
    return code;
}

static int verdict(const struct chain_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct chain_file *f = &set->files[i];
        if (f->used && (!link_is_good(f->verdict) || f->error != NULL))
            return EXIT_FINDINGS;
    }
    return EXIT_OK;
}

static void scan_all(struct scan *s, const struct words *files)
{
    const struct options *o = s->run->options;
    uint32_t *named = (uint32_t *)reallocarray(NULL, o->parents.count + 1, sizeof(*named));
    uint32_t named_count = 0;

    for (uint32_t i = 0; i < files->count; i++)
        add_argument(s, files->items[i]);
    for (uint32_t i = 0; i < o->parents.count && named != NULL; i++) {
        uint32_t at = add_file(s, o->parents.items[i], false);
        if (at != CHAIN_NONE)
            named[named_count++] = at;
    }
    for (uint32_t i = 0; i < o->search_dirs.count; i++)
        add_folder(s, o->search_dirs.items[i], false);
    enum status st = named != NULL ? chain_set_resolve(&s->set, named, named_count) : STATUS_NO_MEMORY;
    free(named);
    if (st != STATUS_OK) {
        out_of_memory(s);
        return;
    }
    report_chain(&s->run->report, &s->set);
    s->code = exit_worst(s->code, verdict(&s->set));
}

static int chain(const struct options *o)
{
    struct file_list files;
    struct run run;

    int code = file_list_make(o, &files);
    if (code == EXIT_OK)
        code = run_begin(&run, o, &files.words, NULL);
    if (code == EXIT_OK && (code = confine(&run, &files.words)) != EXIT_OK)
        (void)run_abandon(&run);
    if (code == EXIT_OK) {
        struct scan s = {.run = &run, .set = {.arena = arena_create(o->max_memory)}};
        if (s.set.arena == NULL)
            out_of_memory(&s);
        else
            scan_all(&s, &files.words);
        arena_destroy(s.set.arena);
        run_note(&run, s.code);
        code = run_end(&run);
    }
    file_list_free(&files);
    return code;
}

static const char *const examples[] = {
    "vhdxray chain disks/",
    "all disks of a folder, as trees",
    "vhdxray chain --search-dir . c.avhdx",
    "the parents of one file",
    "vhdxray chain -f json disks/ old/",
    "two folders, for a program",
    NULL,
};

static const enum option_id options[] = {
    OPT_FORMAT,  OPT_OUTPUT,     OPT_PARENT, OPT_SEARCH_DIR, OPT_NO_REPLAY, OPT_MAX_MEMORY,
    OPT_TIMEOUT, OPT_FILES_FROM, OPT_COLOR,  OPT_QUIET,      OPT_SANDBOX,   OPT_END,
};

const struct command command_chain = {
    .name = "chain",
    .arguments = "FILE|DIR...",
    .summary = "who is whose parent: tree, links, what is missing",
    .examples = examples,
    .notes = "A parent is told by its DataWriteGuid, which its child remembers; names alone make no parent. Of a DIR\n"
             "all files that begin like a VHDX file, or are called .vhdx or .avhdx, are looked at. --parent and\n"
             "--search-dir name files that are shown only when they are a parent of something. A head is a file that\n"
             "is nobody's parent.\n"
             "Exit codes: 0 every link fits, 1 some link does not or a parent is missing, 2 usage, 3 a file cannot\n"
             "be read, 6 a limit, 7 internal.",
    .options = options,
    .min_args = 1,
    .max_args = UINT32_MAX,
    .run = chain,
};
