/* SPDX-License-Identifier: MIT */
/* Wording that must be the same wherever a guest range or an owner of file bytes is named. */
#include "check/phrases.h"

#include <inttypes.h>

#include "base/text.h"

/* Two decimals of a range in GiB are 10.24 MiB; a shorter one would seem to begin where it ends. */
static const uint64_t SHOWN_IN_GIB = (uint64_t)16 << 20;

/* MiB as hundredths of a GiB, rounded. */
static uint64_t hundredths(uint64_t mib)
{
    return (mib * 100 + 512) / 1024;
}

const char *phrase_guest(struct arena *a, uint64_t off, uint64_t len)
{
    uint64_t end = off + len;

    if (off % MIB != 0 || end % MIB != 0)
        return text_format(a, "guest bytes 0x%" PRIx64 "-0x%" PRIx64, off, end);
    if (off < GIB || len < SHOWN_IN_GIB)
        return text_format(a, "guest %" PRIu64 "-%" PRIu64 " MiB", off / MIB, end / MIB);
    uint64_t from = hundredths(off / MIB), to = hundredths(end / MIB);
    return text_format(a, "guest %" PRIu64 ".%02u-%" PRIu64 ".%02u GiB", from / 100, (unsigned)(from % 100), to / 100,
                       (unsigned)(to % 100));
}

const char *phrase_block(struct arena *a, const struct geometry *g, uint64_t block)
{
    return phrase_guest(a, block * g->block_size, block_guest_len(g, block));
}

static const char *region_phrase(struct arena *a, const struct view *v, uint64_t entry)
{
    if (v->used_table >= 0 && entry < v->regions[v->used_table].table.usable_count) {
        const struct guid *g = &v->regions[v->used_table].entries[entry].guid;
        const char *name = known_guid_name(known_guid_find(g));
        char text[GUID_TEXT_SIZE];
        return text_format(a, "the %s region", name ? name : guid_text(g, text));
    }
    return "a region";
}

const char *phrase_owner(struct arena *a, const struct view *v, const struct extent *e)
{
    switch (e->kind) {
    case OWNER_HEADER_SECTION:
        return "the header section";
    case OWNER_LOG:
        return "the log";
    case OWNER_REGION:
        return region_phrase(a, v, e->ref);
    case OWNER_BITMAP:
        return text_format(a, "the sector bitmap block of BAT entry %" PRIu64, e->ref);
    case OWNER_PAYLOAD:
        return text_format(a, "the payload block of BAT entry %" PRIu64, e->ref);
    case OWNER_ANCHOR:
        return text_format(a, "the soft anchor of BAT entry %" PRIu64, e->ref);
    case OWNER_NONE:
        break;
    }
    return "another structure";
}
