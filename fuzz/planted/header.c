/* SPDX-License-Identifier: MIT */
/*
 * A planted bug, for tools/check-planted only: a header decoder that believes the log offset of a header whose checksum
 * is right, and looks a thing up in a table with some of its bits. Whoever changes those bits without signing the
 * header again never gets here. The linker puts it in front of the true decoder (--wrap).
 */
#include "format/header.h"

#include "planted.h"

bool __real_header_decode(struct span s, struct header *ret);
bool __wrap_header_decode(struct span s, struct header *ret);

bool __wrap_header_decode(struct span s, struct header *ret)
{
    bool decoded = __real_header_decode(s, ret);
    if (decoded && header_valid(ret))
        planted_look_up(ret->log_off >> 12);
    return decoded;
}
