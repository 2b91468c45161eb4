/* SPDX-License-Identifier: MIT */
/* The search for stray bytes in areas that have to be zero; some are 64 KiB and more, so it goes word by word. */
#include "base/span.h"

#include <string.h>

size_t span_find_nonzero(struct span s, size_t off)
{
    /* memcpy instead of a cast: spans have any alignment. */
    while (off < s.len && s.len - off >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.ptr + off, sizeof(word));
        if (word != 0)
            break;
        off += sizeof(word);
    }
    while (off < s.len && s.ptr[off] == 0)
        off++;
    return off < s.len ? off : s.len;
}
