/* SPDX-License-Identifier: MIT */
/*
 * Changing a header ([MS-VHDX] 2.2.2.1; format.md 6.2). The current header is never touched: the new one goes into the
 * other slot, whole, with the next sequence number, and is current once it is durable. A tear leaves a slot whose
 * checksum is wrong, and the old header stays current. The same once more for the slot that was current before, so that
 * a header that is lost later does not bring back an older state (a LogGuid whose log was replayed long ago, for one).
 */
#include "write/header_update.h"

#include "format/layout.h"

static enum status put(struct store *s, int slot, uint64_t sequence, const struct header *wanted)
{
    uint8_t bytes[HEADER_LEN];
    struct header h = *wanted;

    h.sequence_number = sequence;
    header_encode(&h, bytes);
    enum status st = store_write(s, HEADER_OFF[slot], bytes, sizeof(bytes));
    return st == STATUS_OK ? store_sync(s) : st;
}

enum status header_update(struct store *s, int current_slot, uint64_t current_sequence, const struct header *wanted,
                          int *ret_slot)
{
    if (current_sequence > UINT64_MAX - 2)
        return STATUS_REFUSED;
    enum status st = put(s, 1 - current_slot, current_sequence + 1, wanted);
    if (st == STATUS_OK)
        st = put(s, current_slot, current_sequence + 2, wanted);
    if (st == STATUS_OK)
        *ret_slot = current_slot;
    return st;
}
