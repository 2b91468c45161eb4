/* SPDX-License-Identifier: MIT */
/*
 * The life of a journal as a file. The newest transaction has the plain name; what can be undone after it is numbered,
 * the largest number next. Names change by rename alone, so a journal is never gone and never there twice, and each
 * step can be interrupted: a numbered journal without a plain one is the newest.
 */
#include "cli/journal_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/attendant.h"
#include "format/layout.h"
#include "io/host.h"

static const char SUFFIX[] = ".vhdxray-journal";

__attribute__((format(printf, 3, 4))) static int refuse(struct journal_file *j, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(j->message, sizeof(j->message), fmt, ap);
    va_end(ap);
    return code;
}

static int out_of_memory(struct journal_file *j)
{
    return refuse(j, EXIT_LIMIT, "out of memory");
}

char *journal_path(const char *image)
{
    struct stat st = {.st_size = 0};
    char *real = NULL, *path = NULL;

    if (lstat(image, &st) == 0 && S_ISLNK(st.st_mode)) {
        real = realpath(image, NULL);
        if (real == NULL)
            return NULL;
    }
    if (asprintf(&path, "%s%s", real != NULL ? real : image, SUFFIX) < 0)
        path = NULL;
    free(real);
    return path;
}

/* ---- names ---- */

static char *numbered(const char *path, unsigned n)
{
    char *name = NULL;

    return asprintf(&name, "%s.%u", path, n) >= 0 ? name : NULL;
}

/* The largest number in use, 0 when there is none. False: out of memory. */
static bool last_number(const char *path, unsigned *ret)
{
    for (unsigned n = 1; n <= LIMIT_OLDER_JOURNALS; n++) {
        char *name = numbered(path, n);
        struct stat st;
        bool there = name != NULL && lstat(name, &st) == 0;
        bool memory = name != NULL;

        free(name);
        if (!memory)
            return false;
        if (!there) {
            *ret = n - 1;
            return true;
        }
    }
    *ret = LIMIT_OLDER_JOURNALS;
    return true;
}

static int sync_names(struct journal_file *j)
{
    int fd = host_open_directory_of(j->path);
    bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL); /* EINVAL: this file system needs no such thing */
    int error = errno;

    if (fd >= 0)
        close(fd);
    return ok ? EXIT_OK : refuse(j, EXIT_IMPOSSIBLE, "%s: %s", j->path, error_text(error));
}

/* to_plain: the last numbered one gets the plain name (and so takes the place of what had it); else the other way. */
static int rename_journal(struct journal_file *j, unsigned n, bool to_plain)
{
    char *name = numbered(j->path, n);
    int code = EXIT_OK;

    if (name == NULL)
        return out_of_memory(j);
    if (rename(to_plain ? name : j->path, to_plain ? j->path : name) != 0)
        code = refuse(j, EXIT_IMPOSSIBLE, "%s cannot be renamed: %s", to_plain ? name : j->path, error_text(errno));
    free(name);
    return code == EXIT_OK ? sync_names(j) : code;
}

/* ---- opening ---- */

static int looked_at(struct journal_file *j, enum status st)
{
    if (st == STATUS_OK)
        return EXIT_OK;
    return refuse(j, exit_of_status(st), "%s: %s", j->path,
                  j->store->source->error_errno != 0 ? error_text(j->store->source->error_errno) : status_text(st));
}

static int open_plain(struct journal_file *j)
{
    struct file_info info;
    struct stat st = {.st_size = 0};

    if (lstat(j->path, &st) != 0) /* a name that no folder takes is none that a journal has */
        return errno == ENOENT || errno == ENAMETOOLONG
                   ? EXIT_OK
                   : refuse(j, EXIT_IMPOSSIBLE, "%s: %s", j->path, error_text(errno));
    if (!S_ISREG(st.st_mode)) /* least of all a link, which would lead our writes elsewhere */
        return refuse(j, EXIT_REFUSED, "%s is in the way: it is not a regular file", j->path);
    enum status status = store_open_file(j->path, STORE_EXISTING, &j->store, &info, j->message, sizeof(j->message));
    if (status != STATUS_OK)
        return exit_of_status(status);
    return looked_at(j, journal_peek(j->store->source, &j->info));
}

static void close_store(struct journal_file *j)
{
    store_close(j->store);
    j->store = NULL;
    j->info = (struct journal_info){.state = JOURNAL_NONE};
}

int journal_file_open(const char *image, struct journal_file *j)
{
    unsigned n = 0;

    *j = (struct journal_file){.path = journal_path(image)};
    if (j->path == NULL || !last_number(j->path, &n))
        return out_of_memory(j);
    int code = open_plain(j);
    /* Nothing to go back to here: an older one is what counts. */
    if (code == EXIT_OK && n > 0 && j->info.state == JOURNAL_NONE) {
        close_store(j);
        code = rename_journal(j, n, true);
        if (code == EXIT_OK)
            code = open_plain(j);
    }
    return code;
}

/* Whoever needs it later is confined by then, and cannot make it. It costs a name for a while. */
int journal_file_prepare(struct journal_file *j)
{
    struct file_info info;

    if (j->store != NULL && j->info.state != JOURNAL_APPLIED && j->info.state != JOURNAL_APPLYING &&
        j->info.state != JOURNAL_UNDOING)
        return EXIT_OK; /* that one will do, or nothing is going to happen */
    j->spare_code = new_file_begin(&j->file, j->path, true, NULL);
    if (j->spare_code != EXIT_OK)
        return j->spare_code;
    j->file.durable = true;
    enum status st =
        store_open_file(j->file.temporary, STORE_NEW, &j->spare, &info, j->spare_message, sizeof(j->spare_message));
    j->spare_code = exit_of_status(st);
    if (st == STATUS_OK)
        new_file_created(&j->file);
    return EXIT_OK;
}

int journal_file_verify(struct journal_file *j)
{
    return j->store != NULL ? looked_at(j, journal_read(j->store, &j->info)) : EXIT_OK;
}

void journal_file_close(struct journal_file *j)
{
    close_store(j);
    store_close(j->spare);
    j->spare = NULL;
    new_file_drop(&j->file, false);
    free(j->path);
    j->path = NULL;
}

/* ---- the steps ---- */

/* The first 320 KiB are five structures of 64 KiB ([MS-VHDX] 2.2). */
static const char *place_name(uint64_t off)
{
    static const char *const names[] = {"the file identifier", "header 1", "header 2", "region table 1",
                                        "region table 2"};
    uint64_t i = off / FILE_ID_LEN;

    return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

int journal_file_failed(struct journal_file *j, const char *image, const struct store *image_store, enum status st,
                        uint64_t where)
{
    const struct store *stores[] = {image_store, j->store};
    const char *names[] = {image, j->path};

    if (st == STATUS_REFUSED && where != JOURNAL_NOWHERE) {
        const char *place = place_name(where);
        return refuse(j, EXIT_REFUSED,
                      "%s does not fit its journal any more: byte %#" PRIx64
                      "%s%s is not what a repair left there; it was "
                      "changed since, or is another file. Nothing was changed now",
                      image, where, place != NULL ? ", in " : "", place != NULL ? place : "");
    }
    for (size_t i = 0; st == STATUS_IO && i < 2 && stores[i] != NULL; i++) {
        int error = stores[i]->error_errno != 0 ? stores[i]->error_errno : stores[i]->source->error_errno;
        if (error != 0)
            return refuse(j, EXIT_IMPOSSIBLE, "%s: %s", names[i], error_text(error));
    }
    return refuse(j, exit_of_status(st), "%s: %s", image, status_text(st));
}

int journal_file_settle(struct journal_file *j, const char *image, struct store *image_store)
{
    uint64_t where = JOURNAL_NOWHERE;

    int code = journal_file_verify(j);
    if (code != EXIT_OK)
        return code;
    bool forward = j->info.state == JOURNAL_APPLYING;
    if (j->info.state == JOURNAL_DAMAGED)
        return refuse(
            j, EXIT_REFUSED,
            "%s is damaged, or is no journal: what it was for can neither be finished nor undone. %s is left as "
            "it is; move the journal away to go on without it",
            j->path, image);
    if (!forward && j->info.state != JOURNAL_UNDOING)
        return EXIT_OK;
    enum status st = journal_finish(j->store, image_store, &where);
    if (st == STATUS_OK)
        st = journal_read(j->store, &j->info);
    if (st != STATUS_OK)
        return journal_file_failed(j, image, image_store, st, where);
    message("%s: an interrupted %s was finished (%s)", image, forward ? "repair" : "undo", j->path);
    return forward ? EXIT_OK : journal_file_remove(j);
}

/* ---- names, by whoever may change them ---- */

int journal_file_name_old(struct journal_file *j)
{
    unsigned n = 0;

    if (!last_number(j->path, &n))
        return out_of_memory(j);
    if (n > 0)
        return rename_journal(j, n, true);
    if (unlink(j->path) != 0 && errno != ENOENT)
        return refuse(j, EXIT_IMPOSSIBLE, "%s cannot be removed: %s", j->path, error_text(errno));
    return sync_names(j);
}

int journal_file_remove(struct journal_file *j)
{
    close_store(j);
    if (!attendant_there())
        return journal_file_name_old(j);
    int code = attendant_ask(ATTENDANT_OLD_JOURNAL);
    return code == EXIT_OK ? code : refuse(j, code, "%s could not be removed", j->path);
}

int journal_file_name_new(struct journal_file *j)
{
    struct stat st = {.st_size = 0};
    unsigned n = 0;

    if (!last_number(j->path, &n))
        return out_of_memory(j);
    if (lstat(j->path, &st) == 0) {
        if (n == LIMIT_OLDER_JOURNALS)
            return refuse(j, EXIT_REFUSED, "%s: there are too many older ones", j->path);
        int code = rename_journal(j, n + 1, false);
        if (code != EXIT_OK)
            return code;
    }
    return new_file_commit(&j->file) == EXIT_OK ? EXIT_OK : refuse(j, EXIT_IMPOSSIBLE, "%s could not be made", j->path);
}

int journal_file_make(struct journal_file *j)
{
    int code;

    if (j->store != NULL && (j->info.state == JOURNAL_NONE || j->info.state == JOURNAL_UNDONE))
        return EXIT_OK; /* of no use to anybody any more */
    if (j->store != NULL && j->info.state != JOURNAL_APPLIED)
        return refuse(j, EXIT_REFUSED, "%s is in the way", j->path);
    if (j->spare == NULL)
        return refuse(j, j->spare_code, "%s", j->spare_message);
    if (attendant_there()) {
        code = attendant_ask(ATTENDANT_NEW_JOURNAL);
        if (code == EXIT_OK)
            j->file.created = false;
        else
            (void)refuse(j, code, "%s could not be made", j->path);
    } else {
        code = journal_file_name_new(j);
    }
    if (code != EXIT_OK)
        return code;
    close_store(j);
    j->store = j->spare;
    j->spare = NULL;
    return EXIT_OK;
}
