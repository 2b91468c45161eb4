/* SPDX-License-Identifier: MIT */
/*
 * Which program made a file. The creator string says so, but it is only a string; what a writer cannot help doing says
 * more: the order in which it places regions and metadata items, flags it leaves out, the byte order of its GUIDs
 * (format.md 2.1, 16, 19). Each such trait is a set of families that behave so; a trait that leaves the claimed family
 * out speaks against the creator.
 *
 * Only traits of creation count here. The byte order of FileWriteGuid is one of the last writable open: a Windows file
 * that QEMU opened once carries QEMU's there, which is reported as the last writer and contradicts nothing.
 */
#include "image/image.h"

#include <string.h>

#include "format/layout.h"

enum family {
    FAMILY_WINDOWS = 1 << 0,
    FAMILY_QEMU = 1 << 1,
    FAMILY_DISK2VHD = 1 << 2,
    FAMILY_OPENVMM = 1 << 3,
    FAMILY_DISCUTILS = 1 << 4,
    FAMILY_NONE = 0,
    FAMILY_ALL = FAMILY_WINDOWS | FAMILY_QEMU | FAMILY_DISK2VHD | FAMILY_OPENVMM | FAMILY_DISCUTILS,
};

static const struct {
    enum family family;
    const char *name;
    const char *creator; /* how the creator string starts */
} families[] = {
    {FAMILY_WINDOWS, "windows", "Microsoft Windows"},
    {FAMILY_QEMU, "qemu", "QEMU"},
    {FAMILY_DISK2VHD, "disk2vhd", "d2v"},
    {FAMILY_OPENVMM, "openvmm", NULL}, /* leaves the string empty */
    {FAMILY_DISCUTILS, "discutils", ".NET DiscUtils"},
};
enum { FAMILY_COUNT = sizeof(families) / sizeof(families[0]) };

struct trait {
    const char *name;
    unsigned fits; /* families, or FAMILY_ALL when it tells nothing */
};

enum { TRAITS_MAX = 6 };

static unsigned claimed_by_creator(const char *creator)
{
    for (int i = 0; i < FAMILY_COUNT; i++) {
        const char *start = families[i].creator;
        if (start != NULL && strncmp(creator, start, strlen(start)) == 0)
            return families[i].family;
    }
    return FAMILY_NONE;
}

static const char *family_name(unsigned family)
{
    for (int i = 0; i < FAMILY_COUNT; i++) {
        if (families[i].family == family)
            return families[i].name;
    }
    return NULL; /* none, or several */
}

/* QEMU puts the BAT right behind the log and the metadata behind it; everybody else the other way round. */
static unsigned region_order(const struct view *v)
{
    if (!v->bat_region.found || !v->metadata_region.found)
        return FAMILY_ALL;
    return v->bat_region.off < v->metadata_region.off ? FAMILY_QEMU | FAMILY_DISCUTILS : FAMILY_ALL & ~FAMILY_QEMU;
}

/* Disk2vhd lists the metadata region first. */
static unsigned region_table_order(const struct view *v)
{
    if (!v->bat_region.found || !v->metadata_region.found)
        return FAMILY_ALL;
    return v->metadata_region.entry < v->bat_region.entry ? FAMILY_ALL & ~(FAMILY_WINDOWS | FAMILY_QEMU)
                                                          : FAMILY_ALL & ~FAMILY_DISK2VHD;
}

/* QEMU leaves the Required bit of both regions out. */
static unsigned required_flags(const struct view *v)
{
    if (!v->bat_region.found || !v->metadata_region.found)
        return FAMILY_ALL;
    const struct region_copy *table = &v->regions[v->used_table];
    uint32_t bat = table->entries[v->bat_region.entry].required_word & 1;
    uint32_t metadata = table->entries[v->metadata_region.entry].required_word & 1;
    if (bat != metadata)
        return FAMILY_ALL;
    return bat == 0 ? FAMILY_QEMU | FAMILY_DISCUTILS : FAMILY_ALL & ~FAMILY_QEMU;
}

/*
 * Metadata items: Windows and openvmm list and place the disk id last (offset 0x10018), QEMU third in both (0x10010),
 * Disk2vhd lists it last but places it third.
 */
static unsigned item_order(const struct view *v)
{
    const struct metadata_item *id = &v->metadata.items[KNOWN_ITEM_VIRTUAL_DISK_ID];
    const struct metadata_item *sector = &v->metadata.items[KNOWN_ITEM_LOGICAL_SECTOR_SIZE];
    if (v->metadata.absence != ABSENT_NOT || !id->found || !sector->found)
        return FAMILY_ALL;
    bool listed_before = id->entry < sector->entry;
    bool placed_before = v->metadata.entries[id->entry].off < v->metadata.entries[sector->entry].off;
    if (listed_before && placed_before)
        return FAMILY_QEMU | FAMILY_DISCUTILS;
    if (!listed_before && placed_before)
        return FAMILY_DISK2VHD | FAMILY_DISCUTILS;
    return listed_before ? FAMILY_ALL : FAMILY_WINDOWS | FAMILY_OPENVMM | FAMILY_DISCUTILS;
}

/* A child copies the id of its parent, which another program may have made. */
static unsigned disk_id_form(const struct view *v)
{
    if (!v->metadata.have_virtual_disk_id || v->type == DISK_DIFFERENCING)
        return FAMILY_ALL;
    switch (guid_form(&v->metadata.virtual_disk_id)) {
    case GUID_FORM_MICROSOFT:
        return FAMILY_ALL & ~FAMILY_QEMU;
    case GUID_FORM_RFC:
        return FAMILY_QEMU;
    case GUID_FORM_UNKNOWN:
        break;
    }
    return FAMILY_ALL;
}

/* Writes one header twice and never updates it; others differ at least in the sequence number. */
static unsigned header_pair(const struct image *img)
{
    return img->choice == HEADER_IDENTICAL ? FAMILY_DISK2VHD : FAMILY_ALL;
}

static unsigned collect_traits(const struct image *img, struct trait t[TRAITS_MAX])
{
    const struct view *v = img->main;
    unsigned n = 0;
    t[n++] = (struct trait){"region order", region_order(v)};
    t[n++] = (struct trait){"region table order", region_table_order(v)};
    t[n++] = (struct trait){"required flags", required_flags(v)};
    t[n++] = (struct trait){"metadata item order", item_order(v)};
    t[n++] = (struct trait){"virtual disk id byte order", disk_id_form(v)};
    t[n++] = (struct trait){"identical headers", header_pair(img)};
    return n;
}

/* Without a creator that is known: the one family that two traits or more agree on. */
static unsigned family_from_traits(const struct trait *t, unsigned count, bool creator_empty)
{
    /* Windows and DiscUtils always sign; others lay files out like Windows, and the habits of DiscUtils vary. */
    unsigned fits = FAMILY_ALL & ~(FAMILY_WINDOWS | FAMILY_DISCUTILS), telling = 0;
    if (!creator_empty)
        fits &= ~(unsigned)FAMILY_OPENVMM;
    for (unsigned i = 0; i < count; i++) {
        fits &= t[i].fits;
        telling += t[i].fits != FAMILY_ALL;
    }
    if (telling < 2)
        return FAMILY_NONE;
    if (creator_empty && (fits & FAMILY_OPENVMM) != 0)
        return FAMILY_OPENVMM;
    return family_name(fits) != NULL ? fits : FAMILY_NONE;
}

static const char *last_writer(const struct image *img)
{
    const struct header *h = image_header(img);
    switch (h != NULL ? guid_form(&h->file_write_guid) : GUID_FORM_UNKNOWN) {
    case GUID_FORM_MICROSOFT:
        return "microsoft";
    case GUID_FORM_RFC:
        return "rfc4122";
    case GUID_FORM_UNKNOWN:
        break;
    }
    return NULL;
}

struct producer image_producer(const struct image *img)
{
    struct producer p = {.last_writer = last_writer(img)};
    struct trait traits[TRAITS_MAX];
    unsigned count = collect_traits(img, traits);

    unsigned claimed = img->creator != NULL ? claimed_by_creator(img->creator) : FAMILY_NONE;
    unsigned family = claimed;
    if (claimed != FAMILY_NONE)
        p.because[p.because_count++] = "creator";
    else if (img->creator != NULL)
        family = family_from_traits(traits, count, img->creator[0] == '\0');
    if (family == FAMILY_NONE)
        return p;

    p.name = family_name(family);
    for (unsigned i = 0; i < count; i++) {
        if (traits[i].fits == FAMILY_ALL)
            continue;
        if (traits[i].fits & family)
            p.because[p.because_count++] = traits[i].name;
        else
            p.against[p.against_count++] = traits[i].name;
    }
    /* One odd trait is a later change (a repair that set the Required bits); most of them are another writer's. */
    p.contradicted = p.against_count >= 2 && p.against_count >= p.because_count; /* the creator is no trait */
    if (!p.contradicted)
        p.against_count = 0;
    return p;
}
