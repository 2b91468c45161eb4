/* SPDX-License-Identifier: MIT */
/*
 * The nbdkit plugin: serves the guest's disk of a VHDX, also a dirty or differencing one, read-only to any NBD client.
 * It knows nothing but the public API. Each connection has a handle of its own, since one handle is for one thread: so
 * connections are served in parallel and the requests of one are not. The first handle is opened before the server
 * starts, for what is wrong to be said where somebody reads it; the first connection then takes it over.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vhdxray.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS

enum { MESSAGE_SIZE = 1024 };

struct names {
    char **items;
    size_t count;
};

static struct {
    char *file;
    struct names parents, search_dirs;
    bool no_replay;
} config;

static vhdxray *ready;             /* opened by get_ready and not yet taken over */
static vhdxray_facts facts_before; /* what get_ready saw */

/* ---- configuration ---- */

static int add_name(struct names *n, const char *value)
{
    char **items = (char **)realloc(n->items, (n->count + 1) * sizeof(*items));
    char *name = nbdkit_absolute_path(value); /* the server may change to another directory */

    if (items != NULL)
        n->items = items;
    else
        nbdkit_error("out of memory");
    if (items == NULL || name == NULL) {
        free(name);
        return -1;
    }
    n->items[n->count++] = name;
    return 0;
}

static int vhdxray_plugin_config(const char *key, const char *value)
{
    if (strcmp(key, "file") == 0) {
        if (config.file != NULL) {
            nbdkit_error("file= is given twice; parents are given with parent=");
            return -1;
        }
        config.file = nbdkit_absolute_path(value);
        return config.file != NULL ? 0 : -1;
    }
    if (strcmp(key, "parent") == 0)
        return add_name(&config.parents, value);
    if (strcmp(key, "search-dir") == 0)
        return add_name(&config.search_dirs, value);
    if (strcmp(key, "no-replay") == 0) {
        int answer = nbdkit_parse_bool(value);
        if (answer < 0)
            return -1;
        config.no_replay = answer != 0;
        return 0;
    }
    nbdkit_error("unknown parameter \"%s\"; this plugin takes file, parent, search-dir and no-replay", key);
    return -1;
}

static int vhdxray_plugin_config_complete(void)
{
    if (config.file == NULL) {
        nbdkit_error("file=PATH is needed: the VHDX to serve");
        return -1;
    }
    return 0;
}

/* ---- handles ---- */

static vhdxray *open_image(vhdxray_facts *ret_facts)
{
    vhdxray_options options = {
        .size_of = sizeof(options),
        .parents = (const char *const *)config.parents.items,
        .parent_count = config.parents.count,
        .search_dirs = (const char *const *)config.search_dirs.items,
        .search_dir_count = config.search_dirs.count,
        .no_replay = config.no_replay,
    };
    char message[MESSAGE_SIZE];
    vhdxray *image;

    *ret_facts = (vhdxray_facts){.size_of = sizeof(*ret_facts)};
    if (vhdxray_open(config.file, &options, &image, message, sizeof(message)) != VHDXRAY_OK) {
        nbdkit_error("%s", message);
        return NULL;
    }
    if (vhdxray_get_facts(image, ret_facts) != VHDXRAY_OK || vhdxray_can_read(image) != VHDXRAY_OK) {
        nbdkit_error("%s: %s%s", config.file, vhdxray_last_error(image),
                     ret_facts->parent_missing ? "; give it with parent=PATH or search-dir=DIR" : "");
        vhdxray_close(image);
        return NULL;
    }
    return image;
}

static int vhdxray_plugin_get_ready(void)
{
    ready = open_image(&facts_before);
    return ready != NULL ? 0 : -1;
}

/* Clients with several connections rely on seeing one disk through all of them. */
static bool same_image(const vhdxray_facts *a, const vhdxray_facts *b)
{
    return a->file_size == b->file_size && a->virtual_size == b->virtual_size && a->layer_count == b->layer_count &&
           memcmp(a->data_write_guid, b->data_write_guid, sizeof(a->data_write_guid)) == 0 &&
           memcmp(a->virtual_disk_id, b->virtual_disk_id, sizeof(a->virtual_disk_id)) == 0;
}

static void *vhdxray_plugin_open(int readonly)
{
    vhdxray *image = __atomic_exchange_n(&ready, NULL, __ATOMIC_ACQ_REL);
    vhdxray_facts facts;

    (void)readonly;
    if (image != NULL)
        return image;
    image = open_image(&facts);
    if (image != NULL && !same_image(&facts, &facts_before)) {
        nbdkit_error("%s: is not what it was when the server started", config.file);
        vhdxray_close(image);
        return NULL;
    }
    return image;
}

static void vhdxray_plugin_close(void *handle)
{
    vhdxray_close((vhdxray *)handle);
}

static void free_names(struct names *n)
{
    while (n->count > 0)
        free(n->items[--n->count]);
    free(n->items);
}

static void vhdxray_plugin_unload(void)
{
    vhdxray_close(ready);
    free(config.file);
    free_names(&config.parents);
    free_names(&config.search_dirs);
}

/* ---- serving ---- */

static int64_t vhdxray_plugin_get_size(void *handle)
{
    (void)handle;
    return (int64_t)facts_before.virtual_size;
}

static int yes(void *handle)
{
    (void)handle;
    return 1;
}

static int no(void *handle)
{
    (void)handle;
    return 0;
}

/* Any range can be read; a sector that the disk calls physical is what costs least. */
static int vhdxray_plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
    (void)handle;
    *minimum = 1;
    *preferred = facts_before.physical_sector_size == 512 ? 512 : 4096;
    *maximum = UINT32_MAX;
    return 0;
}

static int failed(vhdxray *image, vhdxray_status status)
{
    nbdkit_error("%s", vhdxray_last_error(image));
    nbdkit_set_error(status == VHDXRAY_ERROR_NO_MEMORY ? ENOMEM : EIO);
    return -1;
}

static int vhdxray_plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
    vhdxray *image = (vhdxray *)handle;
    vhdxray_status status = vhdxray_read(image, offset, buf, count);

    (void)flags;
    return status == VHDXRAY_OK ? 0 : failed(image, status);
}

/* What cannot be read counts as data: whoever reads it learns why, and nobody takes it for zeros. */
static int vhdxray_plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                                  struct nbdkit_extents *extents)
{
    vhdxray *image = (vhdxray *)handle;
    uint64_t end = offset + count;

    while (offset < end) {
        vhdxray_extent e = {.size_of = sizeof(e)};
        vhdxray_status status = vhdxray_get_extent(image, offset, end - offset, &e);
        if (status != VHDXRAY_OK)
            return failed(image, status);
        if (nbdkit_add_extent(extents, e.offset, e.length, e.is_zero ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0) < 0)
            return -1;
        offset += e.length;
        if ((flags & NBDKIT_FLAG_REQ_ONE) != 0)
            break;
    }
    return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "vhdxray",
    .longname = "vhdxray: guest disks of VHDX files, read-only",
    .version = VHDXRAY_VERSION,
    .description = "Serves the guest disk of a VHDX file, also a dirty or differencing one, and changes nothing.",
    .config = vhdxray_plugin_config,
    .config_complete = vhdxray_plugin_config_complete,
    .config_help = "[file=]<PATH>       (required) The VHDX file to serve.\n"
                   "parent=<PATH>       A parent file, nearest first; may be repeated.\n"
                   "search-dir=<DIR>    A folder to look for parents in; may be repeated.\n"
                   "no-replay=<BOOL>    Serve the file as stored, ignoring a dirty log.",
    .magic_config_key = "file",
    .get_ready = vhdxray_plugin_get_ready,
    .unload = vhdxray_plugin_unload,
    .open = vhdxray_plugin_open,
    .close = vhdxray_plugin_close,
    .get_size = vhdxray_plugin_get_size,
    .block_size = vhdxray_plugin_block_size,
    .is_rotational = no,
    .can_multi_conn = yes,
    .can_extents = yes,
    .pread = vhdxray_plugin_pread,
    .extents = vhdxray_plugin_extents,
};

NBDKIT_DLL_PUBLIC struct nbdkit_plugin *plugin_init(void); /* the macro defines it without a prototype */
NBDKIT_REGISTER_PLUGIN(plugin)
