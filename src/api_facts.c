/* SPDX-License-Identifier: MIT */
/* The public C API: what the structures of an image say. */
#include <string.h>

#include "api_parts.h"
#include "image/chain.h"

const char *vhdxray_type_name(vhdxray_type type)
{
    const char *name = NULL;

    switch (type) {
    case VHDXRAY_TYPE_DYNAMIC:
        name = disk_type_name(DISK_DYNAMIC);
        break;
    case VHDXRAY_TYPE_FIXED:
        name = disk_type_name(DISK_FIXED);
        break;
    case VHDXRAY_TYPE_DIFFERENCING:
        name = disk_type_name(DISK_DIFFERENCING);
        break;
    case VHDXRAY_TYPE_UNKNOWN:
        break;
    }
    return name != NULL ? name : "unknown";
}

static vhdxray_type public_type(enum disk_type type)
{
    switch (type) {
    case DISK_DYNAMIC:
        return VHDXRAY_TYPE_DYNAMIC;
    case DISK_FIXED:
        return VHDXRAY_TYPE_FIXED;
    case DISK_DIFFERENCING:
        return VHDXRAY_TYPE_DIFFERENCING;
    case DISK_UNKNOWN:
        break;
    }
    return VHDXRAY_TYPE_UNKNOWN;
}

static vhdxray_log_state public_log_state(enum log_state state)
{
    switch (state) {
    case LOG_STATE_EMPTY:
        return VHDXRAY_LOG_EMPTY;
    case LOG_STATE_DIRTY:
        return VHDXRAY_LOG_DIRTY;
    case LOG_STATE_INVALID:
        break;
    }
    return VHDXRAY_LOG_INVALID;
}

const char *vhdxray_log_state_name(vhdxray_log_state state)
{
    switch (state) {
    case VHDXRAY_LOG_EMPTY:
        return log_state_name(LOG_STATE_EMPTY);
    case VHDXRAY_LOG_DIRTY:
        return log_state_name(LOG_STATE_DIRTY);
    case VHDXRAY_LOG_INVALID:
        return log_state_name(LOG_STATE_INVALID);
    }
    return "unknown";
}

static const struct image *parent_of(const struct image *img)
{
    return img->parent->image; /* all were resolved when the image was opened */
}

vhdxray_status vhdxray_get_facts(vhdxray *image, vhdxray_facts *ret)
{
    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;

    const struct image *img = image->image;
    const struct metadata *m = &img->main->metadata;
    const struct header *h = image_header(img);
    vhdxray_facts f = {
        .file_size = img->file_size,
        .type = public_type(img->main->type),
        .log_state = public_log_state(img->log_state),
        .current_header = img->current + 1,
        .creator = img->creator,
    };

    if (m->have_virtual_disk_size)
        f.virtual_size = m->virtual_disk_size;
    if (m->have_file_parameters)
        f.block_size = m->file_parameters.block_size;
    if (m->have_logical_sector_size)
        f.logical_sector_size = m->logical_sector_size;
    if (m->have_physical_sector_size)
        f.physical_sector_size = m->physical_sector_size;
    if (m->have_virtual_disk_id)
        memcpy(f.virtual_disk_id, m->virtual_disk_id.bytes, sizeof(f.virtual_disk_id));
    if (h != NULL)
        memcpy(f.data_write_guid, h->data_write_guid.bytes, sizeof(f.data_write_guid));
    for (const struct image *i = img; i != NULL; i = parent_of(i)) {
        f.layer_count++;
        f.parent_missing = i->main->type == DISK_DIFFERENCING && parent_of(i) == NULL;
    }
    if (ret == NULL || !api_struct_out(ret, &f, sizeof(f)))
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "vhdxray_facts: NULL, or a wrong size_of");
    return VHDXRAY_OK;
}

const char *vhdxray_layer_name(const vhdxray *image, uint32_t layer)
{
    const struct image *img = image != NULL ? image->image : NULL;

    while (img != NULL && layer-- > 0)
        img = parent_of(img);
    return img != NULL ? img->path : NULL;
}
