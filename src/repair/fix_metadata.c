/* SPDX-License-Identifier: MIT */
/*
 * Metadata: flags and reserved fields that must have one value, and items whose right value follows from the others.
 * Metadata has no checksum, so a fix is the few bytes concerned and nothing else.
 */
#include "repair/fix_metadata.h"

#include <string.h>

#include "base/le.h"
#include "check/metadata_traits.h"

enum { FIELD_OFF = 16, FIELD_FLAGS = 24, FIELD_RESERVED2 = 28, PHYSICAL_SECTOR = 4096 };

/* ---- the table ---- */

enum status fix_metadata_reserved(struct fixing *x, const struct finding *f)
{
    static const char action[] = "fill the reserved bytes of the metadata table's header with zeros";
    uint64_t off = x->view->metadata_region.off;

    (void)f;
    if (fix_metadata_is_shared(x))
        return STATUS_OK;
    enum status st = fix_zero(x, off + 8, 2, action);
    return st == STATUS_OK ? fix_zero(x, off + 12, 20, action) : st;
}

/* File offset of the entry that the finding is about; 0: it cannot be written. */
static uint64_t entry_off(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;

    if (fix_metadata_is_shared(x))
        return 0;
    return at_metadata_slot(v, (uint32_t)f->at.index).off;
}

static enum status word_write(struct fixing *x, uint64_t off, uint32_t keep, uint32_t set, const char *action)
{
    uint8_t bytes[4];

    enum status st = fix_read(x, off, bytes, sizeof(bytes));
    if (st != STATUS_OK)
        return st;
    put_le32(bytes, (le32(bytes) & keep) | set);
    return fix_write(x, off, bytes, sizeof(bytes), action);
}

enum status fix_entry_reserved(struct fixing *x, const struct finding *f)
{
    static const char action[] = "clear the reserved bits of the metadata entry";
    uint64_t off = entry_off(x, f);

    if (off == 0)
        return STATUS_OK;
    enum status st = word_write(x, off + FIELD_FLAGS, METADATA_FLAGS_KNOWN, 0, action);
    return st == STATUS_OK ? word_write(x, off + FIELD_RESERVED2, 0, 0, action) : st;
}

enum status fix_entry_offset(struct fixing *x, const struct finding *f)
{
    uint64_t off = entry_off(x, f);

    return off == 0 ? STATUS_OK : word_write(x, off + FIELD_OFF, 0, 0, "set Offset of the empty item to 0");
}

enum status fix_entry_flags(struct fixing *x, const struct finding *f)
{
    uint64_t off = entry_off(x, f);

    if (off == 0)
        return STATUS_OK;
    enum known_guid which = metadata_item_kind(&x->view->metadata.entries[f->at.index].item_id);
    bool of_file = which == KNOWN_ITEM_FILE_PARAMETERS || which == KNOWN_ITEM_PARENT_LOCATOR;
    bool required = strcmp(f->rule->id, "VHDX-META-017") == 0;
    if (required)
        return word_write(x, off + FIELD_FLAGS, UINT32_MAX, METADATA_FLAG_IS_REQUIRED, "mark the item as required");
    return word_write(x, off + FIELD_FLAGS, ~(uint32_t)METADATA_FLAG_IS_VIRTUAL_DISK,
                      of_file ? 0 : METADATA_FLAG_IS_VIRTUAL_DISK,
                      of_file ? "clear IsVirtualDisk: the item belongs to the file"
                              : "set IsVirtualDisk: the item belongs to the disk");
}

enum status fix_entry_duplicate(struct fixing *x, const struct finding *f)
{
    return metadata_entry_remove(x, (uint32_t)f->at.index, "drop the metadata entry that repeats another one");
}

enum status fix_incomplete_marker(struct fixing *x, const struct finding *f)
{
    const struct metadata_item *item = metadata_item(x->view, KNOWN_ITEM_INCOMPLETE_FILE);

    (void)f;
    return metadata_entry_remove(x, item->entry, "remove the incomplete-file marker");
}

/* ---- items ---- */

enum status fix_disk_id(struct fixing *x, const struct finding *f)
{
    uint8_t bytes[VIRTUAL_DISK_ID_LEN];
    const struct image *parent = x->options->parent;
    struct guid id;
    enum status st = STATUS_OK;
    bool of_parent = x->view->type == DISK_DIFFERENCING && parent != NULL &&
                     parent->main->metadata.have_virtual_disk_id &&
                     !guid_is_nil(&parent->main->metadata.virtual_disk_id);

    (void)f;
    if (of_parent)
        id = parent->main->metadata.virtual_disk_id;
    else if (x->view->type == DISK_DIFFERENCING)
        return fix_refuse(x, "a child has the id of its parent: needs --parent");
    else
        st = entropy_guid(x->entropy, &id);
    if (st != STATUS_OK)
        return st;
    virtual_disk_id_encode(&id, bytes);
    return metadata_value_set(x, KNOWN_ITEM_VIRTUAL_DISK_ID, 0, bytes, sizeof(bytes),
                              of_parent ? "set the Virtual Disk ID to that of the parent"
                                        : "set a new Virtual Disk ID");
}

static enum status flags_set(struct fixing *x, uint32_t flags, const char *action)
{
    uint8_t bytes[4];

    put_le32(bytes, flags);
    return metadata_value_set(x, KNOWN_ITEM_FILE_PARAMETERS, 4, bytes, sizeof(bytes), action);
}

enum status fix_parameter_flags(struct fixing *x, const struct finding *f)
{
    uint32_t flags = x->view->metadata.file_parameters.flags & FILE_PARAMETERS_KNOWN;

    (void)f;
    if (!(flags & FILE_PARAMETERS_HAS_PARENT) || !fix_consented(x, "VHDX-META-030"))
        return flags_set(x, flags, "clear the reserved bits of the file parameters");
    return flags_set(x, flags & ~(uint32_t)FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED,
                     "clear LeaveBlocksAllocated, which a differencing disk ignores");
}

enum status fix_disk_size(struct fixing *x, const struct finding *f)
{
    const struct metadata *m = &x->view->metadata;
    uint8_t bytes[VIRTUAL_DISK_SIZE_LEN];
    uint64_t rest = m->logical_sector_size > 0 ? m->virtual_disk_size % m->logical_sector_size : 0;

    (void)f;
    if (rest == m->virtual_disk_size)
        return fix_refuse(x, "no whole sector would be left");
    virtual_disk_size_encode(m->virtual_disk_size - rest, bytes);
    fix_guest(x, m->virtual_disk_size - rest, rest);
    fix_guest_changed(x);
    return metadata_value_set(x, KNOWN_ITEM_VIRTUAL_DISK_SIZE, 0, bytes, sizeof(bytes),
                              "make the disk end with its last whole sector");
}

enum status fix_physical_sector(struct fixing *x, const struct finding *f)
{
    uint8_t bytes[SECTOR_SIZE_LEN];

    (void)f; /* 4096 is right with either size of logical sectors */
    sector_size_encode(PHYSICAL_SECTOR, bytes);
    return metadata_value_set(x, KNOWN_ITEM_PHYSICAL_SECTOR_SIZE, 0, bytes, sizeof(bytes),
                              "set the physical sector size to 4096");
}

/* ---- which type of disk ---- */

/* Marks of a child in the BAT: the same that VHDX-XREF-006 goes by, or any block or bitmap that only a child has. */
static bool looks_like_child(const struct bat_survey *b)
{
    return b->states[PAYLOAD_PARTIALLY_PRESENT] > 0 || b->bitmap_states[BITMAP_PRESENT] > 0;
}

enum status fix_parent_flag(struct fixing *x, const struct finding *f)
{
    const struct view *v = x->view;
    const struct metadata_item *locator = metadata_item(v, KNOWN_ITEM_PARENT_LOCATOR);
    uint32_t flags = v->metadata.file_parameters.flags;

    (void)f;
    bool named = x->options->parent != NULL && fix_consented(x, "VHDX-META-038"); /* then a locator comes next */
    if (!locator->found && !named)
        return fix_refuse(
            x, "no parent locator says which file the parent is: needs --consent VHDX-META-038 and --parent");
    if (v->survey == NULL)
        return fix_refuse(x, "whether the BAT is that of a child is not known: it cannot be read as the disk is now");
    if (!looks_like_child(v->survey) && locator->found)
        return metadata_entry_remove(x, locator->entry,
                                     "remove the parent locator: the BAT is that of a disk without parent");
    fix_guest(x, 0, v->geometry.virtual_size);
    fix_guest_changed(x);
    return flags_set(x, flags | FILE_PARAMETERS_HAS_PARENT, "set HasParent: the BAT is that of a child");
}

enum status fix_fixed_flag(struct fixing *x, const struct finding *f)
{
    const uint32_t bit = FILE_PARAMETERS_LEAVE_BLOCK_ALLOCATED;
    uint32_t flags = x->view->metadata.file_parameters.flags;

    (void)f;
    if (flags & bit)
        return flags_set(x, flags & ~bit, "make the disk a dynamic one: clear LeaveBlocksAllocated");
    return flags_set(x, flags | bit, "make the disk a fixed one: set LeaveBlocksAllocated");
}
