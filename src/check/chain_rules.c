/* SPDX-License-Identifier: MIT */
/*
 * Rules of differencing chains ([MS-VHDX] 2.6.2.6): whether the parent was found, is sound, is the right one and fits.
 * The parent is checked before its child, so that a fault in it is a fault of the chain here; a cycle or a chain that
 * is too long shows at its last link and is reported at every file of it, once.
 */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "base/text.h"
#include "check/rule.h"
#include "check/wording.h"
#include "image/sample.h"

enum { LISTED_CANDIDATES = 8 };

/* Where the child says who its parent is. */
static struct place at_locator(const struct view *v)
{
    if (v->locator.absence != ABSENT_NOT)
        return at_place(STRUCTURE_CHAIN, NO_INDEX, v->metadata_region.off, METADATA_TABLE_LEN);
    return at_place(STRUCTURE_CHAIN, NO_INDEX, v->locator.off, v->locator.decoded.raw.len);
}

/* An item of the child that the parent's is compared with. */
static struct place at_item(const struct view *v, enum known_guid which)
{
    struct place at = at_metadata_item(v, &v->metadata.items[which], 0, v->metadata.items[which].data.len);
    at.structure = STRUCTURE_CHAIN;
    return at;
}

static const char *printable_path(struct probe *p, const char *path)
{
    return path ? text_printable(probe_arena(p), path, strlen(path)) : "?";
}

static const struct metadata *parent_metadata(const struct subject *s)
{
    return &s->image->parent->image->main->metadata;
}

/* ---- found, 001, 002, 008, 009 ---- */

static void add_candidates(struct probe *p, struct text *t, const struct chain_parent *link)
{
    for (uint32_t i = 0; i < link->rejected_count && i < LISTED_CANDIDATES; i++) {
        const struct chain_candidate *c = &link->rejected[i];
        char guid[GUID_TEXT_SIZE];
        text_addf(t, "%s%s (%s%s)", i > 0 ? ", " : "", printable_path(p, c->name),
                  !c->opened     ? "cannot be opened"
                  : c->have_guid ? "DataWriteGuid "
                                 : "has no valid header",
                  c->opened && c->have_guid ? guid_text(&c->data_write_guid, guid) : "");
    }
    if (link->rejected_count > LISTED_CANDIDATES)
        text_add(t, " ...");
}

/* The last link of the chain. It is as long as LIMIT_CHAIN_DEPTH at most. */
struct chain_end {
    const struct chain_parent *link;
    const struct image *of; /* the image that needs this parent */
    const char *path;       /* of that image; NULL: it is the one that is checked */
    uint64_t files;
};

static struct chain_end last_link(const struct image *img)
{
    struct chain_end e = {.link = img->parent, .of = img, .files = 1};
    while (e.link->image && e.link->image->parent && e.files < LIMIT_CHAIN_DEPTH) {
        e.path = e.link->path;
        e.of = e.link->image;
        e.link = e.of->parent;
        e.files++;
    }
    return e;
}

static void not_found(struct probe *p, const struct subject *s)
{
    struct chain_end end = last_link(s->image);
    const struct chain_parent *link = end.link;
    const char *of = end.path ? printable_path(p, end.path) : NULL;
    if (link->state == PARENT_NOT_GIVEN) {
        struct finding *f =
            of ? fail_as(p, SEVERITY_INFO, at_locator(s->view),
                         "the parent %s needs a parent as well, and none was given: the chain was checked up to it", of)
               : fail_as(p, SEVERITY_INFO, at_locator(s->view),
                         "the disk needs a parent, and none was given: it was checked alone");
        finding_means(p, f, "sectors that this file does not hold come from the parent, which was not looked at");
        finding_next(p, f, "vhdxray check --parent PATH FILE, or --search-dir DIR");
        return;
    }
    if (link->state != PARENT_NOT_FOUND)
        return;
    struct text t = words_of(p);
    add_candidates(p, &t, link);
    struct finding *f =
        fail(p, at_locator(s->view), "the parent%s%s was not found in the directories given%s%s%s%s", of ? " of " : "",
             of ? of : "",
             link->rejected_count > 0 ? "; these files do not fit: " : ": no file has one of the names in the locator",
             text_str(&t), link->message ? "; " : "", link->message ? link->message : "");
    const struct locator *l = &end.of->main->locator;
    if (l->have_linkage) {
        char guid[GUID_TEXT_SIZE];
        finding_expected(p, f, "a file with DataWriteGuid %s", guid_text(&l->linkage, guid));
    }
}

static bool chain_does_not_end(const struct image *img)
{
    enum parent_state state = last_link(img).link->state;
    return state == PARENT_CYCLE || state == PARENT_TOO_DEEP;
}

static void unsound(struct probe *p, const struct subject *s)
{
    const struct chain_parent *link = s->image->parent;
    if (link->state == PARENT_UNOPENABLE) {
        struct finding *f = fail(p, at_locator(s->view), "the parent %s cannot be read: %s",
                                 printable_path(p, link->path), printable_path(p, link->message));
        finding_actual(p, f, "not readable");
        return;
    }
    /* One error of the parent is the endless chain itself, which is reported here as well. */
    uint64_t own = chain_does_not_end(s->image) ? 1 : 0;
    if (link->state != PARENT_FOUND || !link->judged || link->errors <= own)
        return;
    struct finding *f =
        fail(p, at_locator(s->view), "the parent %s is %s: %" PRIu64 " %s of its own", printable_path(p, link->path),
             link->verdict, link->errors, link->errors == 1 ? "error" : "errors");
    finding_expected(p, f, "a parent without errors");
    finding_actual(p, f, "%" PRIu64 " error%s, %" PRIu64 " warning%s", link->errors, plural(link->errors),
                   link->warnings, plural(link->warnings));
    finding_next(p, f, "vhdxray check %s", printable_path(p, link->path));
}

static void cycle(struct probe *p, const struct subject *s)
{
    struct chain_end end = last_link(s->image);
    if (end.link->state != PARENT_CYCLE)
        return;
    struct finding *f = fail(p, at_locator(s->view),
                             "the chain of parents comes back to a file that is in it already, after %" PRIu64 " %s",
                             end.files, end.files == 1 ? "file" : "files");
    finding_expected(p, f, "a chain that ends with a disk without parent");
}

static void too_deep(struct probe *p, const struct subject *s)
{
    if (last_link(s->image).link->state != PARENT_TOO_DEEP)
        return;
    struct finding *f = fail(p, at_locator(s->view), "the chain of parents has more than %d files", LIMIT_CHAIN_DEPTH);
    finding_expected(p, f, "at most %d files", LIMIT_CHAIN_DEPTH);
}

/* ---- the right one, 003, 004, 012, 013 ---- */

static void linkage_mismatch(struct probe *p, const struct subject *s)
{
    const struct chain_parent *link = s->image->parent;
    const struct locator *l = &s->view->locator;
    const struct header *h = image_header(link->image);
    char want[GUID_TEXT_SIZE], have[GUID_TEXT_SIZE];
    /* A locator without a usable linkage is VHDX-PLOC-009 or -010, a parent without a header VHDX-CHAIN-002. */
    if (link->match != LINKAGE_NONE || !l->have_linkage || !h)
        return;
    struct finding *f =
        fail(p, at_locator(s->view), "the parent %s has DataWriteGuid %s, the child was made for %s",
             printable_path(p, link->path), guid_text(&h->data_write_guid, have), guid_text(&l->linkage, want));
    finding_expected(p, f, "%s", want);
    finding_actual(p, f, "%s", have);
    finding_related(p, f, STRUCTURE_PARENT_LOCATOR, NO_INDEX, l->off + l->parent_linkage->pair.value_off);
}

static void merge_interrupted(struct probe *p, const struct subject *s)
{
    if (s->image->parent->match != LINKAGE_SECOND)
        return;
    char guid[GUID_TEXT_SIZE];
    fail(p, at_locator(s->view), "the parent %s matches parent_linkage2 %s only: a merge into it was interrupted",
         printable_path(p, s->image->parent->path), guid_text(&s->view->locator.linkage2, guid));
}

static void wrong_guid_used(struct probe *p, const struct subject *s)
{
    const struct chain_parent *link = s->image->parent;
    if (link->match != LINKAGE_NONE || (!link->matches_file_write_guid && !link->matches_virtual_disk_id))
        return;
    fail(p, at_locator(s->view), "parent_linkage equals the %s of the parent %s, where its DataWriteGuid should stand",
         link->matches_file_write_guid ? "FileWriteGuid" : "Virtual Disk ID", printable_path(p, link->path));
}

static void older_header_matches(struct probe *p, const struct subject *s)
{
    const struct chain_parent *link = s->image->parent;
    if (link->match != LINKAGE_NONE || !link->matches_other_header)
        return;
    fail(p, at_locator(s->view),
         "the linkage matches the older header of the parent %s: it was opened for writing after the child was made",
         printable_path(p, link->path));
}

/* ---- fits, 005 - 007, 010, 011, 014, 015 ---- */

static void sector_size_differs(struct probe *p, const struct subject *s)
{
    const struct metadata *child = &s->view->metadata, *parent = parent_metadata(s);
    if (!child->have_logical_sector_size || !parent->have_logical_sector_size ||
        child->logical_sector_size == parent->logical_sector_size)
        return;
    struct finding *f =
        fail(p, at_item(s->view, KNOWN_ITEM_LOGICAL_SECTOR_SIZE),
             "the child has logical sectors of %" PRIu32 " bytes, the parent %s of %" PRIu32,
             child->logical_sector_size, printable_path(p, s->image->parent->path), parent->logical_sector_size);
    finding_expected(p, f, "%" PRIu32, parent->logical_sector_size);
    finding_actual(p, f, "%" PRIu32, child->logical_sector_size);
}

static void virtual_size_differs(struct probe *p, const struct subject *s)
{
    const struct metadata *child = &s->view->metadata, *parent = parent_metadata(s);
    if (!child->have_virtual_disk_size || !parent->have_virtual_disk_size ||
        child->virtual_disk_size == parent->virtual_disk_size)
        return;
    bool grown = parent->virtual_disk_size < child->virtual_disk_size;
    struct finding *f =
        fail_as(p, grown ? SEVERITY_INFO : SEVERITY_WARNING, at_item(s->view, KNOWN_ITEM_VIRTUAL_DISK_SIZE),
                "the child's disk has %" PRIu64 " bytes, that of the parent %s %" PRIu64 ": %s",
                child->virtual_disk_size, printable_path(p, s->image->parent->path), parent->virtual_disk_size,
                grown ? "the child was made larger" : "the end of the parent is hidden");
    finding_expected(p, f, "%" PRIu64, parent->virtual_disk_size);
    finding_actual(p, f, "%" PRIu64, child->virtual_disk_size);
    if (grown)
        finding_means(p, f, "what lies past the end of the parent reads as zeros");
}

static void disk_id_differs(struct probe *p, const struct subject *s)
{
    const struct metadata *child = &s->view->metadata, *parent = parent_metadata(s);
    char have[GUID_TEXT_SIZE], want[GUID_TEXT_SIZE];
    if (!child->have_virtual_disk_id || !parent->have_virtual_disk_id ||
        guid_equal(&child->virtual_disk_id, &parent->virtual_disk_id))
        return;
    struct finding *f =
        fail(p, at_item(s->view, KNOWN_ITEM_VIRTUAL_DISK_ID), "the child has Virtual Disk ID %s, the parent %s has %s",
             guid_text(&child->virtual_disk_id, have), printable_path(p, s->image->parent->path),
             guid_text(&parent->virtual_disk_id, want));
    finding_expected(p, f, "%s", want);
    finding_actual(p, f, "%s", have);
}

static void parent_dirty(struct probe *p, const struct subject *s)
{
    const struct image *parent = s->image->parent->image;
    if (parent->log_state != LOG_STATE_DIRTY)
        return;
    fail(p, at_locator(s->view),
         "the parent %s has a dirty log of %" PRIu64
         " %s: it is read with the log replayed, the child may have been made before",
         printable_path(p, s->image->parent->path), parent->log.active_count,
         parent->log.active_count == 1 ? "entry" : "entries");
}

static void block_size_differs(struct probe *p, const struct subject *s)
{
    const struct metadata *child = &s->view->metadata, *parent = parent_metadata(s);
    if (!parent->have_file_parameters || child->file_parameters.block_size == parent->file_parameters.block_size)
        return;
    struct finding *f =
        fail(p, at_item(s->view, KNOWN_ITEM_FILE_PARAMETERS),
             "the child has blocks of %" PRIu32 " bytes, the parent %s of %" PRIu32, child->file_parameters.block_size,
             printable_path(p, s->image->parent->path), parent->file_parameters.block_size);
    finding_actual(p, f, "%" PRIu32, child->file_parameters.block_size);
}

/* When a child was made is not stored; it was before its last change, so a later change of the parent came after it. */
static void parent_modified(struct probe *p, const struct subject *s)
{
    const struct chain_parent *link = s->image->parent;
    const struct host_facts *child = &s->image->host, *parent = &link->image->host;
    if (link->match == LINKAGE_NONE || !parent->known)
        return;
    bool later = parent->info.mtime_sec != child->info.mtime_sec ? parent->info.mtime_sec > child->info.mtime_sec
                                                                 : parent->info.mtime_nsec > child->info.mtime_nsec;
    if (later)
        fail(p, at_locator(s->view),
             "the file of the parent %s was modified after that of the child, although the GUIDs match",
             printable_path(p, link->path));
}

static bool is_linkage_item(enum known_guid which)
{
    return which == KNOWN_ITEM_VIRTUAL_DISK_SIZE || which == KNOWN_ITEM_VIRTUAL_DISK_ID ||
           which == KNOWN_ITEM_LOGICAL_SECTOR_SIZE;
}

/* The bytes of an item; false when they do not lie in the region and the file. */
static bool item_bytes(struct probe *p, struct view *v, const struct metadata_entry *e, uint64_t done, uint8_t *buf,
                       size_t len)
{
    size_t got = 0;
    if (!range_in(e->off, e->len, v->metadata_region.len))
        return false;
    enum status st = view_sample(v, v->metadata_region.off + e->off + done, buf, len, &got);
    probe_status(p, st);
    return st == STATUS_OK && got == len;
}

/* Items that cannot be read are findings of the metadata rules; beyond *budget bytes only lengths are compared. */
static bool items_equal(struct probe *p, struct view *a, const struct metadata_entry *x, struct view *b,
                        const struct metadata_entry *y, uint64_t *budget)
{
    uint8_t u[SAMPLE_MAX], w[SAMPLE_MAX];
    if (x->len != y->len)
        return false;
    for (uint64_t done = 0; done<x->len && * budget> 0; done += SAMPLE_MAX) {
        size_t len = (size_t)u64_min(SAMPLE_MAX, x->len - done);
        *budget -= u64_min(*budget, len);
        if (!item_bytes(p, a, x, done, u, len) || !item_bytes(p, b, y, done, w, len))
            return true;
        if (memcmp(u, w, len) != 0)
            return false;
    }
    return true;
}

/* Entries are few: at most 2047 in each table, and only those of the disk (IsVirtualDisk) in the outer loop. */
static void disk_items_differ(struct probe *p, const struct subject *s)
{
    struct view *child = s->view, *parent = s->image->parent->image->main;
    if (parent->metadata.absence != ABSENT_NOT)
        return;
    uint64_t budget = LIMIT_RESIDUE_SCAN;
    for (uint32_t i = 0; i < child->metadata.table.usable_count; i++) {
        const struct metadata_entry *e = &child->metadata.entries[i], *match = NULL;
        enum known_guid which = known_guid_find(&e->item_id);
        if (!(e->flags & METADATA_FLAG_IS_VIRTUAL_DISK) || is_linkage_item(which))
            continue;
        for (uint32_t k = 0; k < parent->metadata.table.usable_count && !match; k++)
            if (guid_equal(&parent->metadata.entries[k].item_id, &e->item_id) &&
                ((parent->metadata.entries[k].flags ^ e->flags) & METADATA_FLAG_IS_USER) == 0)
                match = &parent->metadata.entries[k];
        if (match && items_equal(p, child, e, parent, match, &budget))
            continue;
        char guid[GUID_TEXT_SIZE];
        const char *name = known_guid_name(which);
        struct place at =
            at_place(STRUCTURE_CHAIN, i,
                     child->metadata_region.off + METADATA_TABLE_HEADER_LEN + (uint64_t)i * METADATA_ENTRY_LEN,
                     METADATA_ENTRY_LEN);
        fail(p, at, "metadata item %s describes the disk but %s the parent %s",
             name ? name : guid_text(&e->item_id, guid), match ? "differs from that of" : "is missing in",
             printable_path(p, s->image->parent->path));
    }
}

static const struct rule rules[] = {
    {
        .id = "VHDX-CHAIN-001",
        .scope = SCOPE_CHAIN,
        .severity = SEVERITY_WARNING,
        .spec = "2.6.2.6.3",
        .title = "parent was not given or not found",
        .why = "A differencing disk is complete only with its parent. Files are looked for where the user says, never "
               "where the "
               "image says.",
        .means = "sectors that this file does not hold cannot be read",
        .next = "find the file with the DataWriteGuid named here and give it with --parent",
        .check = not_found,
    },
    {
        .id = "VHDX-CHAIN-002",
        .scope = SCOPE_CHAIN,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "2.6.2.6",
        .title = "parent is unreadable or corrupt",
        .why = "Sectors that the child does not hold come from the parent, so its faults are faults of this disk.",
        .means = "guest data that comes from the parent is missing or doubtful",
        .next = "check the parent by itself",
        .check = unsound,
    },
    {
        .id = "VHDX-CHAIN-003",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_ERROR,
        .repair = REPAIR_CONSENT,
        .stops = PEER_HYPERV | PEER_LIBVHDI,
        .spec = "2.6.2.6.3",
        .title = "parent is not the one that the child was made for",
        .why = "The child remembers the parent's DataWriteGuid, which changes when the parent's guest data changes. "
               "Hyper-V says: "
               "there is a mismatch in the identifiers of the parent virtual hard disk and differencing disk.",
        .means = "the guest sees a mixture of old and new sectors: the file system on it is unreliable",
        .next = "look for an unchanged copy of the parent; else vhdxray repair FILE --consent VHDX-CHAIN-003 "
                "--parent PARENT (plan only; links the disk to that parent, whatever it holds)",
        .check = linkage_mismatch,
    },
    {
        .id = "VHDX-CHAIN-004",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "parent matches the second linkage only",
        .why = "Before a merge changes the parent, its future GUID is stored as parent_linkage2. A match there means "
               "that the "
               "merge began and did not end.",
        .means = "the parent holds a part of the child's data already; both together are complete",
        .next = "let the program that began the merge finish it",
        .check = merge_interrupted,
    },
    {
        .id = "VHDX-CHAIN-005",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_ERROR,
        .spec = "2.6.2.4",
        .title = "parent and child have different logical sector sizes",
        .why = "A child has the sector size of its parent: a bitmap bit stands for one sector of both.",
        .means = "the guest cannot be shown a consistent disk",
        .next = "make sure that the parent is the right file",
        .check = sector_size_differs,
    },
    {
        .id = "VHDX-CHAIN-006",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_WARNING,
        .spec = "2.6.1.2",
        .title = "parent and child have different virtual sizes",
        .why = "A child may be made larger; then the rest reads as zeros. A larger parent has an end that the guest "
               "cannot see.",
        .means = "the end of the parent's disk is hidden from the guest",
        .next = "make sure that the parent is the right file",
        .check = virtual_size_differs,
    },
    {
        .id = "VHDX-CHAIN-007",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.1.2",
        .title = "parent and child have different Virtual Disk IDs",
        .why = "The id names the disk, not the file, and is copied when a child is made. DiscUtils draws a new one.",
        .means = "guest data is not affected if the linkage fits; the guest may see a new disk",
        .next = "vhdxray repair FILE --consent VHDX-CHAIN-007 --parent PARENT (plan only; takes the id of "
                "that parent), once it is clear that it is the right file",
        .check = disk_id_differs,
    },
    {
        .id = "VHDX-CHAIN-008",
        .scope = SCOPE_CHAIN,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "chain of parents is a cycle",
        .why = "A file that is its own ancestor was relinked wrongly, or crafted to make readers loop.",
        .means = "sectors that no file of the cycle holds do not exist anywhere",
        .next = "find out which file should have another parent: vhdxray info FILE shows the linkage",
        .check = cycle,
    },
    {
        .id = "VHDX-CHAIN-009",
        .scope = SCOPE_CHAIN,
        .severity = SEVERITY_ERROR,
        .stops = PEER_HYPERV,
        .spec = "impl",
        .title = "chain of parents is too long",
        .why = "Chains of more than 256 files are refused here as by openvmm; real ones have a few.",
        .means = "sectors of the files that were not looked at are missing",
        .next = "merge older files of the chain with the program that made them",
        .check = too_deep,
    },
    {
        .id = "VHDX-CHAIN-010",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_WARNING,
        .repair = REPAIR_AUTOMATIC,
        .stops = PEER_HYPERV,
        .spec = "2.3.3",
        .title = "parent has a dirty log",
        .why = "A parent must not change once it has children, so its log should be empty. It can be read with the log "
               "replayed in memory.",
        .means =
            "sectors from the parent are right only with its log replayed; programs that refuse or ignore it differ",
        .next = "vhdxray repair PARENT (plan only; replays its log)",
        .check = parent_dirty,
    },
    {
        .id = "VHDX-CHAIN-011",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_INFO,
        .spec = "2.6.2.1",
        .title = "block sizes differ along the chain",
        .why = "This is allowed. Children made by Hyper-V have blocks of 2 MiB whatever the parent has.",
        .means = "guest data is not affected",
        .next = "nothing needs to be done",
        .check = block_size_differs,
    },
    {
        .id = "VHDX-CHAIN-012",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "linkage holds another GUID of the parent",
        .why =
            "Some writers store the FileWriteGuid or the Virtual Disk ID where the DataWriteGuid belongs. The file is "
            "probably the right one.",
        .means = "the parent is likely the right one, but that its data is unchanged cannot be proved",
        .next = "compare the guest's file system through both files before relinking",
        .check = wrong_guid_used,
    },
    {
        .id = "VHDX-CHAIN-013",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_CONSENT,
        .spec = "2.6.2.6.3",
        .title = "linkage matches the parent's older header",
        .why = "The parent was opened for writing after the child was made, and closed or cut off after one header "
               "update. Often "
               "nothing in it changed.",
        .means = "the parent may be unchanged but for its headers",
        .next = "look for an unchanged copy of the parent",
        .check = older_header_matches,
    },
    {
        .id = "VHDX-CHAIN-014",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT | NEED_HOST,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "parent file was modified after the child",
        .why = "A change that leaves the GUIDs alone is not noticed by any program. Copying files in this order does "
               "the same.",
        .means = "guest data is not affected if only the file was copied",
        .next = "compare the parent with a copy from the time when the child was made",
        .check = parent_modified,
    },
    {
        .id = "VHDX-CHAIN-015",
        .scope = SCOPE_CHAIN,
        .needs = NEED_PARENT | NEED_METADATA,
        .severity = SEVERITY_INFO,
        .spec = "2.6.1.2",
        .title = "metadata of the disk differs between parent and child",
        .why = "Items that describe the virtual disk are copied when a child is made.",
        .means = "guest data is not affected; the guest may see other properties of the disk",
        .next = "nothing needs to be done",
        .check = disk_items_differ,
    },
};

const struct rule_group chain_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
