/* SPDX-License-Identifier: MIT */
/*
 * Listing a directory. Only names are compared here; whether a name is a file worth opening, and that it is no symbolic
 * link, is for file_open_at() to see.
 */
#include "io/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

/* Not tolower(): that depends on the locale. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equal_but_for_case(const char *a, const char *b)
{
    for (; lower(*a) == lower(*b); a++, b++) {
        if (*a == '\0')
            return true;
    }
    return false;
}

enum status directory_find_variant(int dir_fd, const char *name, const char *after, char ret[DIRECTORY_NAME_SIZE])
{
    /* A descriptor of its own: the position of the caller's stays where it is. */
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return STATUS_IO;
    }

    char best[DIRECTORY_NAME_SIZE] = "";
    enum status st = STATUS_OK;
    for (uint64_t seen = 0;; seen++) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (e == NULL) {
            if (errno != 0)
                st = STATUS_IO;
            break;
        }
        if (seen == LIMIT_DIRECTORY_ENTRIES) {
            st = STATUS_LIMIT;
            break;
        }
        size_t len = strlen(e->d_name);
        if (len >= sizeof(best) || !equal_but_for_case(e->d_name, name) || strcmp(e->d_name, name) == 0)
            continue;
        if ((after == NULL || strcmp(e->d_name, after) > 0) && (best[0] == '\0' || strcmp(e->d_name, best) < 0))
            memcpy(best, e->d_name, len + 1);
    }
    closedir(dir);
    if (st != STATUS_OK)
        return st;
    if (best[0] == '\0')
        return STATUS_NOT_FOUND;
    memcpy(ret, best, sizeof(best));
    return STATUS_OK;
}
