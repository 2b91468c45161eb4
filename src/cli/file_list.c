/* SPDX-License-Identifier: MIT */
/*
 * Lists are made before anything is opened. Folders are walked by fts(3), which needs no recursion and follows no
 * symbolic link inside them; every regular file that begins like a VHDX file counts, and every one that is called like
 * one, so that a damaged one is not passed over in silence.
 */
#include "cli/file_list.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/cli.h"

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);

    return n > m && strcasecmp(name + n - m, suffix) == 0;
}

/* Of a regular file. */
static bool is_disk(int dir_fd, const char *name)
{
    char signature[8] = "";

    if (has_suffix(name, ".vhdx") || has_suffix(name, ".avhdx"))
        return true;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    ssize_t n;
    do {
        n = pread(fd, signature, sizeof(signature), 0);
    } while (n < 0 && errno == EINTR);
    close(fd);
    /* What cannot be read may be one: it is opened like one, and then it is said. */
    return n < 0 || (n == (ssize_t)sizeof(signature) && memcmp(signature, "vhdxfile", sizeof(signature)) == 0);
}

bool file_is_disk(int dir_fd, const char *name)
{
    struct stat st = {.st_size = 0};

    return fstatat(dir_fd, name, &st, 0) == 0 && S_ISREG(st.st_mode) && is_disk(dir_fd, name);
}

/* ---- --files-from ---- */

/* All of a stream, NUL-terminated, on the heap; NULL with errno set (EFBIG: too long). */
static char *read_all(FILE *f, size_t *ret_len)
{
    size_t len = 0, cap = (size_t)64 * 1024;
    char *text = (char *)malloc(cap);

    while (text != NULL) {
        errno = 0;
        len += fread(text + len, 1, cap - 1 - len, f);
        if (ferror(f) || cap > LIMIT_FILE_LIST) {
            int error = ferror(f) ? errno : EFBIG;
            free(text);
            errno = error;
            return NULL;
        }
        if (len < cap - 1)
            break;
        cap *= 2;
        char *more = (char *)realloc(text, cap);
        if (more == NULL)
            free(text);
        text = more;
    }
    if (text != NULL)
        text[len] = '\0';
    *ret_len = len;
    return text;
}

/* Names end with a NUL when there is one in the list, else with a line feed. */
static bool split_list(char *text, size_t len, struct words *ret)
{
    char end = memchr(text, '\0', len) != NULL ? '\0' : '\n';

    for (size_t at = 0; at < len;) {
        char *stop = memchr(text + at, end, len - at);
        size_t next = stop != NULL ? (size_t)(stop - text) + 1 : len;

        if (stop != NULL)
            *stop = '\0';
        if (text[at] != '\0' && !words_add(ret, text + at))
            return false;
        at = next;
    }
    return true;
}

static int read_list(const char *path, struct words *ret, char **ret_text)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    size_t len = 0;
    char *text = f != NULL ? read_all(f, &len) : NULL;
    int error = errno;

    if (f != NULL && !standard)
        (void)fclose(f);
    if (text == NULL) {
        message("--files-from %s: %s", path, error_text(error));
        return error == ENOMEM || error == EFBIG ? EXIT_LIMIT : EXIT_IMPOSSIBLE;
    }
    *ret_text = text;
    if (!split_list(text, len, ret)) {
        message("out of memory");
        return EXIT_LIMIT;
    }
    return EXIT_OK;
}

/* ---- folders ---- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool keep(struct file_list *l, const char *path)
{
    if (l->found == NULL)
        l->found = arena_create(LIMIT_FILE_LIST);
    const char *copy = l->found != NULL ? arena_copy(l->found, path, strlen(path)) : NULL;
    return copy != NULL && words_add(&l->words, copy);
}

/* FTS_F alone may be a device. */
static bool is_regular(const FTSENT *e)
{
    return e->fts_info == FTS_F && S_ISREG(e->fts_statp->st_mode);
}

/* What cannot be entered is told, and the rest goes on. */
static int walk(struct file_list *l, const char *folder)
{
    char *const roots[2] = {(char *)(uintptr_t)folder, NULL}; /* fts_open() does not write to them */
    FTS *tree = fts_open(roots, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    int code = tree != NULL ? EXIT_OK : EXIT_IMPOSSIBLE;
    FTSENT *e = NULL;

    if (tree == NULL)
        message("%s: %s", folder, error_text(errno));
    while (code != EXIT_LIMIT && tree != NULL && (e = fts_read(tree)) != NULL) {
        if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
            message("%s: %s", e->fts_path, error_text(e->fts_errno));
            code = EXIT_IMPOSSIBLE;
        } else if (is_regular(e) && is_disk(AT_FDCWD, e->fts_path) && !keep(l, e->fts_path)) {
            code = EXIT_LIMIT;
        }
    }
    if (tree != NULL)
        (void)fts_close(tree);
    return code;
}

/* One word of the list: a folder stands for its disks. */
static int add(const struct options *o, struct file_list *l, const char *path, int *worst)
{
    struct stat st = {.st_size = 0};

    if (!o->recursive || strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return words_add(&l->words, path) ? EXIT_OK : EXIT_LIMIT;
    int code = walk(l, path);
    if (code == EXIT_IMPOSSIBLE) {
        *worst = code;
        return EXIT_OK;
    }
    return code;
}

/* ---- all of it ---- */

static void take_shard(const struct options *o, struct words *w)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        if (i % o->shard_count == o->shard - 1)
            w->items[kept++] = w->items[i];
    }
    w->count = kept;
}

static int check_standard_input(const struct options *o, const struct words *w)
{
    unsigned standard_input = o->files_from != NULL && strcmp(o->files_from, "-") == 0;

    for (uint32_t i = 0; i < w->count; i++)
        standard_input += strcmp(w->items[i], "-") == 0;
    if (standard_input <= 1)
        return EXIT_OK;
    message("standard input can be read only once");
    return EXIT_USAGE;
}

int file_list_make(const struct options *o, struct file_list *ret)
{
    struct words listed = {.count = 0};
    int worst = EXIT_OK, code = EXIT_OK;

    *ret = (struct file_list){.text = NULL};
    if (o->files_from != NULL)
        code = read_list(o->files_from, &listed, &ret->text);
    for (uint32_t i = 0; i < o->args.count && code == EXIT_OK; i++)
        code = add(o, ret, o->args.items[i], &worst);
    for (uint32_t i = 0; i < listed.count && code == EXIT_OK; i++)
        code = add(o, ret, listed.items[i], &worst);
    free(listed.items);
    if (code == EXIT_LIMIT)
        message("out of memory");
    if (code != EXIT_OK)
        return code;
    if (ret->words.count == 0) {
        if (o->files_from != NULL)
            message("--files-from %s: names no file", o->files_from);
        else
            message("no disk was found in %s", o->args.items[0]);
        return worst != EXIT_OK || o->files_from == NULL ? EXIT_IMPOSSIBLE : EXIT_USAGE;
    }
    ret->code = worst;
    if (o->shard_count > 0)
        take_shard(o, &ret->words);
    return check_standard_input(o, &ret->words);
}

void file_list_free(struct file_list *l)
{
    arena_destroy(l->found);
    free(l->words.items);
    free(l->text);
    *l = (struct file_list){.text = NULL};
}
