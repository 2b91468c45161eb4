/* SPDX-License-Identifier: MIT */
/*
 * Folders are compared as the host resolves them, so links on the way do not matter; the parent's own name is kept as
 * it was given. Names go into the image as they are here. What Windows would read as something else (a separator, a
 * drive, a stream, a device) is refused: the image would name another file than the one it was made over.
 */
#include "cli/parent_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "check/win_path.h"
#include "cli/cli.h"

/* The folder of path as the host resolves it; NULL with errno set. *ret_name: the last component, inside path. */
static char *folder_of(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    char *real = dir != NULL ? realpath(dir, NULL) : NULL;
    int error = errno;

    free(dir);
    *ret_name = slash == NULL ? path : slash + 1;
    errno = error;
    return real;
}

/* Means the same to Windows as it does here. */
static bool name_is_plain(const char *name, size_t len)
{
    struct win_path w = win_path_parse(name, len);
    uint32_t code = 0;

    for (size_t at = 0, n; at < len; at += n) {
        n = utf8_next(name + at, len - at, &code);
        if (n == 0 || code < 0x20 || (code < 0x80 && strchr("\\:*?\"<>|", (int)code) != NULL))
            return false;
    }
    return len > 0 && name[len - 1] != '.' && name[len - 1] != ' ' && !w.reserved_name && !w.stream && !w.drive;
}

/* Length of the leading folders that both have, and where the rest of each begins. */
static void skip_common(const char **a, const char **b)
{
    size_t at = 0;

    for (size_t i = 0;; i++) {
        bool end_a = (*a)[i] == '\0' || (*a)[i] == '/', end_b = (*b)[i] == '\0' || (*b)[i] == '/';
        if (end_a && end_b)
            at = i;
        if ((*a)[i] != (*b)[i] || (*a)[i] == '\0')
            break;
    }
    *a += at;
    *b += at;
}

static bool add_folders(char **text, const char *path)
{
    while (*path != '\0') {
        size_t len;
        char *more = NULL;

        path += strspn(path, "/");
        len = strcspn(path, "/");
        if (len == 0)
            break;
        if (!name_is_plain(path, len) || asprintf(&more, "%s%.*s\\", *text, (int)len, path) < 0)
            return false;
        free(*text);
        *text = more;
        path += len;
    }
    return true;
}

static unsigned count_folders(const char *path)
{
    unsigned n = 0;

    for (; *path != '\0'; path += strcspn(path, "/")) {
        path += strspn(path, "/");
        n += *path != '\0';
    }
    return n;
}

/* NULL: out of memory (errno ENOMEM), or a name that Windows reads otherwise (errno 0). */
static char *spell(const char *from, const char *to, const char *name)
{
    char *text = NULL, *whole = NULL;
    unsigned up;

    errno = 0;
    skip_common(&from, &to);
    up = count_folders(from);
    text = strdup(up == 0 ? ".\\" : "");
    while (text != NULL && up-- > 0) {
        char *more = NULL;
        if (asprintf(&more, "%s..\\", text) < 0)
            more = NULL;
        free(text);
        text = more;
    }
    if (text == NULL)
        errno = ENOMEM;
    else if (add_folders(&text, to) && name_is_plain(name, strlen(name)) && asprintf(&whole, "%s%s", text, name) < 0)
        whole = NULL;
    free(text);
    return whole;
}

int parent_path(const char *child, const char *parent, char **ret)
{
    const char *child_name, *name;
    char *from = folder_of(child, &child_name);
    char *to = from != NULL ? folder_of(parent, &name) : NULL;
    int code = EXIT_OK;

    if (from == NULL || to == NULL) {
        message("%s: its folder: %s", from == NULL ? child : parent, error_text(errno));
        code = EXIT_IMPOSSIBLE;
    } else {
        *ret = spell(from, to, name);
        if (*ret == NULL && errno == ENOMEM) {
            message("out of memory");
            code = EXIT_LIMIT;
        } else if (*ret == NULL) {
            message("%s: its path from %s holds a name that Windows would read otherwise; a child cannot name it",
                    parent, child);
            code = EXIT_IMPOSSIBLE;
        }
    }
    free(from);
    free(to);
    return code;
}
