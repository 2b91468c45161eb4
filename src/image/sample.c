/* SPDX-License-Identifier: MIT */
/*
 * Looks at bytes outside the structures of VHDX, a few at a time. The rules may not read the file behind the model's
 * back; what they need beyond decoded structures and view_residue() is here, bounded, so that the work of a check stays
 * in proportion to the image. Signatures of other formats are those their own specifications print.
 */
#include "image/sample.h"

#include <assert.h>
#include <string.h>

#include "base/span.h"
#include "io/source.h"

enum { VHD_FOOTER_LEN = 512, OLD_VHD_FOOTER_LEN = 511 };

static const char HINT_OTHER[] = "use a tool for that format; vhdxray reads VHDX only";
static const char HINT_UNPACK[] = "unpack the file and check what is inside";
static const char HINT_RAW[] = "attach it as a raw disk, or look for the VHDX file it may have been copied out of";

struct signature {
    uint32_t off;
    uint32_t len;
    const char *bytes;
    const char *name;
    const char *hint;
};

/* The first match wins: certain ones first, the two-byte ones last. */
static const struct signature signatures[] = {
    {0, 8, "conectix", "a VHD image (dynamic or differencing)", HINT_OTHER},
    {0, 8, "cxsparse", "a VHD image without its footer copy", HINT_OTHER},
    {0, 4, "QFI\xfb", "a qcow or qcow2 image", HINT_OTHER},
    {0, 4, "QED\0", "a QED image", HINT_OTHER},
    {0, 4, "KDMV", "a VMDK image", HINT_OTHER},
    {0, 4, "COWD", "a VMDK image of ESX", HINT_OTHER},
    {0, 21, "# Disk DescriptorFile", "a VMDK descriptor", HINT_OTHER},
    {0x40, 4, "\x7f\x10\xda\xbe", "a VDI image", HINT_OTHER},
    {0, 16, "WithoutFreeSpace", "a Parallels image", HINT_OTHER},
    {0, 16, "WithouFreSpacExt", "a Parallels image", HINT_OTHER},
    {0, 8, "MSWIM\0\0\0", "a WIM archive", HINT_OTHER},
    {0, 8, "EVF\x09\x0d\x0a\xff\x00", "an EWF evidence file", HINT_UNPACK},
    {0, 8, "EVF2\x0d\x0a\x81\x00", "an EWF evidence file", HINT_UNPACK},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "an xz archive", HINT_UNPACK},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", HINT_UNPACK},
    {0, 6, "Rar!\x1a\x07", "an RAR archive", HINT_UNPACK},
    {0, 4, "PK\x03\x04", "a ZIP archive", HINT_UNPACK},
    {0, 4, "\x28\xb5\x2f\xfd", "a Zstandard stream", HINT_UNPACK},
    {0, 3, "\x1f\x8b\x08", "a gzip stream", HINT_UNPACK},
    {0x8001, 5, "CD001", "an ISO 9660 image", HINT_OTHER},
    {512, 8, "EFI PART", "a raw disk with a GPT", HINT_RAW},
    {510, 2, "\x55\xaa", "a raw disk or boot sector", HINT_RAW},
};

enum status view_sample(struct view *v, uint64_t off, void *buf, size_t len, size_t *ret_got)
{
    size_t got = 0;
    assert(len <= SAMPLE_MAX);
    enum status st = source_read_some(v->src, off, buf, len, &got);
    if (st == STATUS_OK && ret_got)
        *ret_got = got;
    return st;
}

/* Nearly all differ in the first byte, and a call of memcmp() for each would be what most of the time here goes to. */
static bool begins_with(const uint8_t *there, const struct signature *s)
{
    uint32_t i = 0;
    while (i < s->len && there[i] == (uint8_t)s->bytes[i])
        i++;
    return i == s->len;
}

static bool find_leading(const struct image *img, struct foreign_format *ret)
{
    if (img->file_id_absence != ABSENT_NOT || img->file_id.signature_ok)
        return false;
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const struct signature *s = &signatures[i];
        struct span there;
        if (!range_in(s->off, s->len, img->file_id_got) || !span_sub(img->file_id.raw, s->off, s->len, &there) ||
            !begins_with(there.ptr, s))
            continue;
        *ret = (struct foreign_format){.name = s->name, .hint = s->hint, .off = s->off, .len = s->len};
        return true;
    }
    return false;
}

/* A fixed VHD is raw data with a footer; the first Microsoft tools wrote it one byte short. */
static enum status find_footer(const struct image *img, struct foreign_format *ret)
{
    static const size_t lens[] = {VHD_FOOTER_LEN, OLD_VHD_FOOTER_LEN};
    uint8_t cookie[8];
    for (size_t i = 0; i < 2; i++) {
        if (img->file_size < lens[i])
            continue;
        uint64_t off = img->file_size - lens[i];
        enum status st = source_read(img->file, off, cookie, sizeof(cookie));
        if (st != STATUS_OK)
            return st;
        if (memcmp(cookie, "conectix", sizeof(cookie)) != 0)
            continue;
        *ret = (struct foreign_format){.name = "a VHD image (footer in the last sector)",
                                       .hint = HINT_OTHER,
                                       .off = off,
                                       .len = lens[i],
                                       .at_end = true};
        return STATUS_OK;
    }
    return STATUS_OK;
}

enum status foreign_format_find(const struct image *img, struct foreign_format *ret)
{
    struct foreign_format found = {.name = NULL};
    bool leading = find_leading(img, &found);
    /* "raw disk" with a footer is a fixed VHD: the footer says more. */
    if (!leading || found.hint == HINT_RAW) {
        enum status st = find_footer(img, &found);
        if (st != STATUS_OK)
            return st;
    }
    *ret = found;
    return STATUS_OK;
}
