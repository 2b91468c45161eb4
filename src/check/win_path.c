/* SPDX-License-Identifier: MIT */
/*
 * Paths in a parent locator are hostile input that some program will open. This looks at the text alone: which kind of
 * path it is, by the prefixes Windows knows, and what its components may do (climb, name a device, name a stream).
 */
#include "check/win_path.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

struct cursor {
    const char *p;
    size_t len;
};

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Takes a prefix off; backslashes in it stand for any separator, letters for either case. */
static bool take(struct cursor *c, const char *prefix)
{
    size_t n = strlen(prefix);
    if (c->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool same = prefix[i] == '\\' ? is_separator(c->p[i]) : strncasecmp(&c->p[i], &prefix[i], 1) == 0;
        if (!same)
            return false;
    }
    c->p += n;
    c->len -= n;
    return true;
}

static bool take_drive(struct cursor *c)
{
    if (c->len < 2 || !is_letter(c->p[0]) || c->p[1] != ':')
        return false;
    c->p += 2;
    c->len -= 2;
    return true;
}

/* Volume{8-4-4-4-12 hexadecimal digits} */
static bool take_volume(struct cursor *c)
{
    static const char shape[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh}";
    struct cursor t = *c;
    if (!take(&t, "Volume{") || t.len < sizeof(shape) - 1)
        return false;
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        char ch = t.p[i];
        bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
        if (shape[i] == 'h' ? !hex : ch != shape[i])
            return false;
    }
    t.p += sizeof(shape) - 1;
    t.len -= sizeof(shape) - 1;
    if (t.len > 0 && !is_separator(t.p[0]))
        return false;
    *c = t;
    return true;
}

/* Windows takes NUL, NUL.txt and "NUL " for the device; spaces and whatever follows a dot or colon do not count. */
static bool is_reserved_name(const char *name, size_t len)
{
    static const char *const plain[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
    size_t n = 0;
    while (n < len && name[n] != '.' && name[n] != ':')
        n++;
    while (n > 0 && name[n - 1] == ' ')
        n--;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (n == strlen(plain[i]) && strncasecmp(name, plain[i], n) == 0)
            return true;
    if (n < 4 || (strncasecmp(name, "COM", 3) != 0 && strncasecmp(name, "LPT", 3) != 0))
        return false;
    if (n == 4)
        return name[3] >= '0' && name[3] <= '9';
    /* The superscript digits of ISO 8859-1 are digits, too. */
    return n == 5 && name[3] == '\xc2' && (name[4] == '\xb9' || name[4] == '\xb2' || name[4] == '\xb3');
}

static void look_at_components(struct win_path *w, struct cursor c)
{
    size_t start = 0;
    for (size_t i = 0; i <= c.len; i++) {
        if (i < c.len && !is_separator(c.p[i]))
            continue;
        const char *name = c.p + start;
        size_t n = i - start;
        w->parent_dir |= n == 2 && name[0] == '.' && name[1] == '.';
        w->reserved_name |= is_reserved_name(name, n);
        w->stream |= n > 0 && memchr(name, ':', n) != NULL;
        w->file_name = name;
        w->file_name_len = n;
        start = i + 1;
    }
}

struct win_path win_path_parse(const char *path, size_t len)
{
    struct win_path w = {0};
    struct cursor c = {.p = path, .len = len};
    if (take(&c, "\\\\?\\")) {
        w.verbatim = true;
        struct cursor rest = c;
        if (take_drive(&rest) && rest.len > 0 && is_separator(rest.p[0]))
            w.drive = true;
        else if (rest = c, take(&rest, "UNC\\"))
            w.network = true;
        else if (rest = c, take_volume(&rest))
            w.volume = true;
        else
            w.device = true;
        c = rest;
    } else if (take(&c, "\\\\.\\") || take(&c, "\\??\\")) {
        w.device = true;
    } else if (take(&c, "\\\\")) {
        w.network = true;
    } else if (take_drive(&c)) {
        w.drive = true;
    } else {
        w.rooted = c.len > 0 && is_separator(c.p[0]);
    }
    look_at_components(&w, c);
    return w;
}

bool win_name_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}
