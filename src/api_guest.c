/* SPDX-License-Identifier: MIT */
/*
 * The public C API: the guest's disk. An extent here is cut where the host's file changes between data and hole, as
 * whoever copies a disk wants to know of zeros wherever they come from: a fixed image is one run of present blocks and
 * may still be a sparse file. Pieces are merged again as long as they continue each other, each looked at once, so that
 * walking a disk costs what there is in it, however the caller cuts it.
 */
#include <errno.h>
#include <string.h>

#include "api_parts.h"
#include "base/checked.h"

const char *vhdxray_state_name(vhdxray_state state)
{
    return state <= VHDXRAY_STATE_PAST_PARENT ? guest_state_name((enum guest_state)state) : "unknown";
}

_Static_assert((int)VHDXRAY_STATE_NOT_PRESENT == GUEST_NOT_PRESENT && (int)VHDXRAY_STATE_UNDEFINED == GUEST_UNDEFINED &&
                   (int)VHDXRAY_STATE_ZERO == GUEST_ZERO && (int)VHDXRAY_STATE_UNMAPPED == GUEST_UNMAPPED &&
                   (int)VHDXRAY_STATE_INVALID == GUEST_INVALID &&
                   (int)VHDXRAY_STATE_FULLY_PRESENT == GUEST_FULLY_PRESENT &&
                   (int)VHDXRAY_STATE_PARTIALLY_PRESENT == GUEST_PARTIALLY_PRESENT &&
                   (int)VHDXRAY_STATE_PAST_PARENT == GUEST_PAST_PARENT,
               "states have one number inside and outside");

/* Finds out, once, whether there is a disk. */
static vhdxray_status open_guest(vhdxray *h)
{
    struct guest_options options = {.anchors = false};

    if (h->guest == NULL && h->no_guest == NULL) {
        const char *why = NULL;
        enum status st = guest_open(h->image, &options, &h->guest, &why);
        if (st != STATUS_OK && st != STATUS_REFUSED)
            return api_fail_status(h, st);
        if (st == STATUS_REFUSED)
            h->no_guest = why;
    }
    return h->guest != NULL ? VHDXRAY_OK : api_fail(h, VHDXRAY_ERROR_REFUSED, "%s", h->no_guest);
}

vhdxray_status vhdxray_can_read(vhdxray *image)
{
    const char *parent = NULL;

    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;
    vhdxray_status status = open_guest(image);
    if (status == VHDXRAY_OK && guest_needs_parent(image->guest, &parent))
        return api_fail(image, VHDXRAY_ERROR_REFUSED, "%s is needed and missing", parent);
    return status;
}

/* ---- reading ---- */

struct first_fault {
    bool any;
    struct guest_extent extent;
};

static void note_fault(void *ctx, const struct guest_extent *e)
{
    struct first_fault *f = (struct first_fault *)ctx;

    if (!f->any)
        *f = (struct first_fault){.any = true, .extent = *e};
}

static vhdxray_status fail_fault(vhdxray *h, const struct guest_extent *e)
{
    unsigned long long first = e->off, last = e->off + e->len - 1;
    const struct source *file = guest_layer_image(h->guest, e->layer)->file;
    const char *parent = "the parent";
    char buf[128];

    switch (e->fault) {
    case GUEST_FAULT_NO_PARENT:
        (void)guest_needs_parent(h->guest, &parent);
        return api_fail(h, VHDXRAY_ERROR_REFUSED, "guest bytes %llu to %llu: %s is needed and missing", first, last,
                        parent);
    case GUEST_FAULT_IO:
        return api_fail(h, VHDXRAY_ERROR_IO, "guest bytes %llu to %llu: cannot read the file at %llu: %s", first, last,
                        (unsigned long long)file->error_off,
                        file->error_errno != 0 ? strerror_r(file->error_errno, buf, sizeof(buf)) : "it became shorter");
    default:
        break;
    }
    return api_fail(h, VHDXRAY_ERROR_REFUSED, "guest bytes %llu to %llu: %s", first, last, guest_fault_text(e->fault));
}

vhdxray_status vhdxray_read(vhdxray *image, uint64_t offset, void *buffer, size_t length)
{
    struct first_fault fault = {.any = false};
    uint64_t faults = 0;

    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;
    vhdxray_status status = open_guest(image);
    if (status != VHDXRAY_OK)
        return status;
    if (!range_in(offset, length, guest_size(image->guest)))
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "%zu bytes at %llu leave the guest disk of %llu bytes", length,
                        (unsigned long long)offset, (unsigned long long)guest_size(image->guest));
    if (length == 0)
        return VHDXRAY_OK;
    if (buffer == NULL)
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "buffer is NULL");
    enum status st = guest_read(image->guest, offset, buffer, length, note_fault, &fault, &faults);
    if (st != STATUS_OK)
        return api_fail_status(image, st);
    return fault.any ? fail_fault(image, &fault.extent) : VHDXRAY_OK;
}

/* ---- extents ---- */

/* What the host said last about the file of a layer: [off, end) holds data, or is a hole. */
struct host_range {
    const struct source *source; /* NULL: nothing yet */
    uint64_t off, end;
    bool hole;
};

static enum status host_range_at(struct source *s, uint64_t off, struct host_range *ret)
{
    uint64_t data = off, hole = s->size;

    if (ret->source == s && off >= ret->off && off < ret->end)
        return STATUS_OK;
    enum status st = source_next_data(s, off, &data, &hole);
    if (st == STATUS_LIMIT)
        return st;
    if (st != STATUS_OK || data < off || (data == off && hole <= off)) /* not known: data as far as the file goes */
        *ret = (struct host_range){.source = s, .off = off, .end = UINT64_MAX};
    else if (data > off)
        *ret = (struct host_range){.source = s, .off = off, .end = data, .hole = true};
    else
        *ret = (struct host_range){.source = s, .off = off, .end = hole};
    return STATUS_OK;
}

struct piece {
    struct guest_extent e;
    bool zero;
};

static enum status piece_at(struct guest *g, uint64_t off, uint64_t max_len, struct host_range *host, struct piece *ret)
{
    enum status st = guest_extent_at(g, off, max_len, &ret->e);

    if (st != STATUS_OK)
        return st;
    ret->zero = !ret->e.data && ret->e.fault == GUEST_FAULT_NONE;
    if (!ret->e.data)
        return STATUS_OK;
    st = host_range_at(guest_layer_source(g, ret->e.layer), ret->e.file_off, host);
    if (st != STATUS_OK)
        return st;
    ret->zero = host->hole;
    ret->e.len = u64_min(ret->e.len, host->end - ret->e.file_off);
    return STATUS_OK;
}

static bool continues(const struct piece *a, const struct piece *b)
{
    return a->zero == b->zero && a->e.state == b->e.state && a->e.layer == b->e.layer && a->e.fault == b->e.fault &&
           a->e.data == b->e.data && (!a->e.data || a->e.file_off + a->e.len == b->e.file_off);
}

vhdxray_status vhdxray_get_extent(vhdxray *image, uint64_t offset, uint64_t max_length, vhdxray_extent *ret)
{
    struct host_range host = {.source = NULL};
    struct piece p, next;

    if (!api_enter(image))
        return VHDXRAY_ERROR_ARGUMENT;
    vhdxray_status status = open_guest(image);
    if (status != VHDXRAY_OK)
        return status;
    uint64_t size = guest_size(image->guest);
    if (offset >= size || max_length == 0)
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "%llu bytes at %llu are not in the guest disk of %llu bytes",
                        (unsigned long long)max_length, (unsigned long long)offset, (unsigned long long)size);
    uint64_t most = u64_min(max_length, size - offset);
    enum status st = piece_at(image->guest, offset, most, &host, &p);
    while (st == STATUS_OK && p.e.len < most) {
        st = piece_at(image->guest, offset + p.e.len, most - p.e.len, &host, &next);
        if (st != STATUS_OK || !continues(&p, &next))
            break;
        p.e.len += next.e.len;
    }
    if (st != STATUS_OK)
        return api_fail_status(image, st);

    vhdxray_extent out = {
        .offset = p.e.off,
        .length = p.e.len,
        .state = (vhdxray_state)p.e.state,
        .layer = p.e.layer,
        .has_data = p.e.data,
        .file_offset = p.e.file_off,
        .is_zero = p.zero,
        .fault = guest_fault_text(p.e.fault),
    };
    if (ret == NULL || !api_struct_out(ret, &out, sizeof(out)))
        return api_fail(image, VHDXRAY_ERROR_ARGUMENT, "vhdxray_extent: NULL, or a wrong size_of");
    return VHDXRAY_OK;
}
