/* SPDX-License-Identifier: MIT */
/* GUIDs: a table of pairs, found again by their first eight bytes. The texts are in redact_text.c. */
#include "write/redact.h"

#include <string.h>

#include "base/le.h"
#include "base/span.h"
#include "format/layout.h"

static bool stays(const uint8_t *p)
{
    struct guid g = guid_load(p);
    bool filler = true;

    for (int i = 1; i < 16; i++)
        filler = filler && p[i] == p[0];
    return filler || known_guid_find(&g) != KNOWN_GUID_NONE;
}

/* Nobody made GUIDs before 1995, and one in sixteen of another kind looks like version 1 by chance. */
static bool is_possible_time(uint64_t ticks)
{
    static const uint64_t DAY = (uint64_t)86400 * 10000000;
    const uint64_t days = ticks / DAY; /* since 1582-10-15 */

    return days >= 141427 + 9131 && days < 141427 + 47482; /* 1995 to 2099 */
}

/* A version 1 GUID of our own: a time in 2020, and for a node no address that was ever given out. */
static void make_version_1(uint8_t *p)
{
    static const uint64_t TICKS_2020 = 0x01ea2c29a747c000; /* 2020-01-01, in 100 ns since 1582 */
    const uint64_t ticks = TICKS_2020 + (le32(p) & 0xffffff);

    put_le32(p, (uint32_t)ticks);
    put_le16(p + 4, (uint16_t)(ticks >> 32));
    put_le16(p + 6, (uint16_t)(0x1000 | (ticks >> 48 & 0x0fff)));
    p[10] |= 1; /* the bit of a made-up node */
}

static void make_new(struct redaction *r, const struct guid *old, struct guid *ret)
{
    uint8_t *p = ret->bytes;
    uint64_t ticks;
    uint8_t node[6];

    if (!r->mix(r->ctx, old, p)) {
        r->status = STATUS_INTERNAL;
        return;
    }
    p[6] = (uint8_t)((old->bytes[6] & 0xf0) | (p[6] & 0x0f));
    p[7] = (uint8_t)((old->bytes[7] & 0xf0) | (p[7] & 0x0f));
    p[8] = (uint8_t)((old->bytes[8] & 0xc0) | (p[8] & 0x3f));
    if (!guid_time_and_node(old, &ticks, node))
        return;
    if (is_possible_time(ticks))
        make_version_1(p);
    else
        memcpy(p + 4, old->bytes + 4, 4); /* what makes it impossible */
}

/* Slot of a GUID that begins with these bytes, or the free one where it would go on. */
static uint64_t slot_of(const struct redaction *r, const uint8_t *p)
{
    return (le64(p) * 0x9e3779b97f4a7c15U) & (r->slot_count - 1);
}

static const struct redact_guid_pair *find(const struct redaction *r, const uint8_t *p)
{
    if (r->slot_count == 0)
        return NULL;
    for (uint64_t s = slot_of(r, p); r->guid_slots[s] != 0; s = (s + 1) & (r->slot_count - 1)) {
        const struct redact_guid_pair *pair = &r->guids[r->guid_slots[s] - 1];
        if (memcmp(pair->old.bytes, p, 16) == 0)
            return pair;
    }
    return NULL;
}

static void put_slot(struct redaction *r, uint64_t number)
{
    uint64_t s = slot_of(r, r->guids[number].old.bytes);

    while (r->guid_slots[s] != 0)
        s = (s + 1) & (r->slot_count - 1);
    r->guid_slots[s] = (uint32_t)number + 1;
}

/* At most half of the slots are in use. */
static bool grow_slots(struct redaction *r)
{
    enum { FIRST = 64 };
    uint64_t want = r->slot_count == 0 ? FIRST : 2 * r->slot_count;
    uint32_t *slots, *old = r->guid_slots;

    if (2 * (r->guid_count + 1) <= r->slot_count)
        return true;
    slots = (uint32_t *)arena_array(r->arena, want, sizeof(*slots));
    if (slots == NULL)
        return false;
    r->guid_slots = slots;
    r->slot_count = want;
    for (uint64_t i = 0; i < r->guid_count; i++)
        put_slot(r, i);
    if (old != NULL)
        arena_release(r->arena, old);
    return true;
}

static const struct redact_guid_pair *add(struct redaction *r, const uint8_t *p)
{
    struct redact_guid_pair pair = {.old = guid_load(p)};
    void *items = r->guids;

    make_new(r, &pair.old, &pair.new);
    if (r->status != STATUS_OK)
        return NULL;
    if (r->guid_count >= UINT32_MAX - 1 ||
        !arena_grow(r->arena, &items, &r->guid_cap, r->guid_count, sizeof(*r->guids)) || !grow_slots(r)) {
        r->status = arena_status(r->arena) != STATUS_OK ? arena_status(r->arena) : STATUS_LIMIT;
        return NULL;
    }
    r->guids = (struct redact_guid_pair *)items;
    r->guids[r->guid_count++] = pair;
    put_slot(r, r->guid_count - 1);
    return &r->guids[r->guid_count - 1];
}

void redact_guid(struct redaction *r, uint8_t *p)
{
    if (r->status != STATUS_OK || stays(p))
        return;
    const struct redact_guid_pair *pair = find(r, p);
    if (pair == NULL)
        pair = add(r, p);
    if (pair != NULL)
        memcpy(p, pair->new.bytes, 16);
}

void redact_known_guids(struct redaction *r, uint8_t *p, size_t len)
{
    for (size_t i = 0; len >= 16 && i <= len - 16;) {
        /* No GUID here is nil, so each has one of its bytes at the next one that is set, or behind it. */
        const size_t set = span_find_nonzero(span_of(p, len), i);
        if (set > i + 15) {
            i = set - 15;
            continue;
        }
        const struct redact_guid_pair *pair = find(r, p + i);
        if (pair != NULL)
            memcpy(p + i, pair->new.bytes, 16);
        i += pair != NULL ? 16 : 1;
    }
}
