/* SPDX-License-Identifier: MIT */
/*
 * The public C API: opening an image from a path, a descriptor or callbacks, and finding its parents. On failure
 * nothing is left open, and the callbacks' context is still the caller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_parts.h"
#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "image/chain.h"
#include "io/callbacks.h"

enum { NAMES_MOST = LIMIT_CHAIN_DEPTH }; /* parents, and search folders */

/* ---- parents ---- */

/* Open only while parents are looked for. */
struct folders {
    int fds[NAMES_MOST];
    uint32_t count;
};

static const char **copy_names(struct arena *a, const char *const *names, size_t count)
{
    const char **copy = (const char **)arena_array(a, count, sizeof(*copy));

    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = arena_copy(a, names[i], strlen(names[i]));
        if (copy[i] == NULL)
            return NULL;
    }
    return copy;
}

static bool names_are_there(const char *const *names, size_t count)
{
    if (count > NAMES_MOST || (count > 0 && names == NULL))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (names[i] == NULL)
            return false;
    }
    return true;
}

/* "name: what"; the name made safe, and its end shown when it is long. */
static vhdxray_status fail_named(vhdxray *h, vhdxray_status status, const char *name, const char *what)
{
    const char *shown = text_printable(h->arena, name, strlen(name));
    size_t len = strlen(shown);
    enum { SHOWN_MOST = 256 };

    while (len > SHOWN_MOST || ((unsigned char)*shown & 0xc0) == 0x80) {
        shown++;
        len--;
    }
    return api_fail(h, status, "%s: %s", shown, what);
}

static vhdxray_status open_folders(vhdxray *h, const vhdxray_options *o, struct folders *f)
{
    for (size_t i = 0; i < o->search_dir_count; i++) {
        int fd = open(o->search_dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            char buf[128];
            int error = errno;
            vhdxray_status status = error == ENOENT || error == ENOTDIR ? VHDXRAY_ERROR_NOT_FOUND : VHDXRAY_ERROR_IO;
            return fail_named(h, status, o->search_dirs[i], strerror_r(error, buf, sizeof(buf)));
        }
        f->fds[f->count++] = fd;
    }
    return VHDXRAY_OK;
}

static vhdxray_status find_parents(vhdxray *h, const vhdxray_options *o)
{
    struct folders folders = {.count = 0};
    struct chain_options chain = {
        .parents = copy_names(h->arena, o->parents, o->parent_count),
        .parent_count = (uint32_t)o->parent_count,
        .search_dirs = copy_names(h->arena, o->search_dirs, o->search_dir_count),
        .search_fds = folders.fds,
    };

    if (chain.parents == NULL || chain.search_dirs == NULL)
        return api_fail_status(h, arena_status(h->arena));
    vhdxray_status status = open_folders(h, o, &folders);
    if (status == VHDXRAY_OK) {
        chain.search_count = folders.count;
        status = api_fail_status(h, chain_resolve(h->image, &chain));
    }
    while (folders.count > 0)
        close(folders.fds[--folders.count]);
    return status;
}

/* h->source is open; host NULL when nothing is known of a file. */
static vhdxray_status open_image(vhdxray *h, const char *name, const struct host_facts *host, const vhdxray_options *o)
{
    struct image_options options = {.no_replay = o->no_replay != 0};
    const char *copy = arena_copy(h->arena, name, strlen(name));

    if (copy == NULL)
        return api_fail_status(h, arena_status(h->arena));
    if (h->timeout_ns != 0)
        h->source->deadline_ns = u64_add_sat(source_now_ns(), h->timeout_ns);
    enum status st = image_open(h->arena, h->source, copy, host, &options, &h->image);
    if (st != STATUS_OK)
        return api_fail_status(h, st);
    return find_parents(h, o);
}

static void say(char *message, size_t size, const char *text)
{
    if (message != NULL && size > 0)
        (void)snprintf(message, size, "%s", text);
}

/* A handle without an image, and the options with defaults filled in. NULL after a message. */
static vhdxray *handle_create(const vhdxray_options *options, vhdxray_options *ret_options, vhdxray_status *ret_status,
                              char *message, size_t message_size)
{
    vhdxray_options o = {.size_of = sizeof(o)};

    *ret_status = VHDXRAY_ERROR_ARGUMENT;
    if (options != NULL && !api_struct_in(&o, options, sizeof(o))) {
        say(message, message_size, "the options have a size_of or fields that this version does not know");
        return NULL;
    }
    if (!names_are_there(o.parents, o.parent_count) || !names_are_there(o.search_dirs, o.search_dir_count)) {
        say(message, message_size, "the options name a NULL, or more than 256, parents or search folders");
        return NULL;
    }
    vhdxray *h = (vhdxray *)calloc(1, sizeof(*h));
    if (h != NULL)
        h->arena = arena_create(o.max_memory != 0 ? o.max_memory : LIMIT_MEMORY_DEFAULT);
    if (h == NULL || h->arena == NULL) {
        free(h);
        say(message, message_size, status_text(STATUS_NO_MEMORY));
        *ret_status = VHDXRAY_ERROR_NO_MEMORY;
        return NULL;
    }
    h->max_findings = o.max_findings != 0 ? o.max_findings : LIMIT_FINDINGS_PER_RULE;
    if (!u64_mul(o.timeout_ms, 1000000U, &h->timeout_ns))
        h->timeout_ns = UINT64_MAX;
    *ret_options = o;
    return h;
}

/* Ends an opening either way. */
static vhdxray_status opened(vhdxray *h, vhdxray_status status, vhdxray **ret, char *message, size_t message_size)
{
    say(message, message_size, h->error);
    if (status == VHDXRAY_OK)
        *ret = h;
    else
        vhdxray_close(h);
    return status;
}

static vhdxray_status missing_argument(const char *what, char *message, size_t message_size)
{
    say(message, message_size, what);
    return VHDXRAY_ERROR_ARGUMENT;
}

/* Of a path or, when that is NULL, of a descriptor. */
static vhdxray_status open_file(const char *path, int fd, const char *name, const vhdxray_options *options,
                                vhdxray **ret, char *message, size_t message_size)
{
    struct host_facts host = {.known = true};
    vhdxray_options o;
    vhdxray_status status;
    vhdxray *h = handle_create(options, &o, &status, message, message_size);

    if (h == NULL)
        return status;
    enum status st = path != NULL ? file_open(path, &h->source, &host.info, h->error, sizeof(h->error))
                                  : file_from_fd(fd, name, &h->source, &host.info, h->error, sizeof(h->error));
    status = st != STATUS_OK ? api_public_status(st) : open_image(h, name, &host, &o);
    return opened(h, status, ret, message, message_size);
}

vhdxray_status vhdxray_open(const char *path, const vhdxray_options *options, vhdxray **ret, char *message,
                            size_t message_size)
{
    if (ret != NULL)
        *ret = NULL;
    if (path == NULL || ret == NULL)
        return missing_argument("path or ret is NULL", message, message_size);
    return open_file(path, -1, path, options, ret, message, message_size);
}

vhdxray_status vhdxray_open_fd(int fd, const char *name, const vhdxray_options *options, vhdxray **ret, char *message,
                               size_t message_size)
{
    if (ret != NULL)
        *ret = NULL;
    if (name == NULL || ret == NULL)
        return missing_argument("name or ret is NULL", message, message_size);
    return open_file(NULL, fd, name, options, ret, message, message_size);
}

vhdxray_status vhdxray_open_callbacks(const vhdxray_callbacks *callbacks, const char *name,
                                      const vhdxray_options *options, vhdxray **ret, char *message, size_t message_size)
{
    vhdxray_callbacks c = {.size_of = sizeof(c)};
    vhdxray_options o;
    vhdxray_status status;

    if (ret != NULL)
        *ret = NULL;
    if (callbacks == NULL || name == NULL || ret == NULL)
        return missing_argument("callbacks, name or ret is NULL", message, message_size);
    if (!api_struct_in(&c, callbacks, sizeof(c)) || c.read == NULL || c.size > INT64_MAX)
        return missing_argument("the callbacks have a wrong size_of, no read, or a size above INT64_MAX", message,
                                message_size);
    vhdxray *h = handle_create(options, &o, &status, message, message_size);
    if (h == NULL)
        return status;
    struct callbacks inner = {.context = c.context, .read = c.read, .next_data = c.next_data};
    h->source = callbacks_open(&inner, c.size);
    status = h->source != NULL ? open_image(h, name, NULL, &o) : api_fail_status(h, STATUS_NO_MEMORY);
    if (status == VHDXRAY_OK) {
        h->close = c.close;
        h->context = c.context;
    }
    return opened(h, status, ret, message, message_size);
}
