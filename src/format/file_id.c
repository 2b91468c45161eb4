/* SPDX-License-Identifier: MIT */
/*
 * File type identifier: the first 64 KiB of a file, written once at creation and never again ([MS-VHDX] 2.2.1), so
 * that a torn write of anything else cannot lose the file's identity. The creator string is for diagnosis only and
 * decides nothing. Here it stays UTF-16 bytes; turning it into text, damage included, is the caller's part.
 */
#include "format/file_id.h"

#include <string.h>

#include "base/utf16.h"
#include "format/layout.h"

enum { SIGNATURE_LEN = 8, CREATOR_UNITS_WRITTEN_MAX = FILE_ID_CREATOR_LEN / 2 - 1 };

bool file_identifier_decode(struct span s, struct file_identifier *ret)
{
    struct span creator;
    if (!span_sub(s, FILE_ID_CREATOR_OFF, FILE_ID_CREATOR_LEN, &creator))
        return false;

    size_t end = 0;
    while (end < creator.len && (creator.ptr[end] != 0 || creator.ptr[end + 1] != 0))
        end += 2;
    const struct span text = span_of(creator.ptr, end);

    *ret = (struct file_identifier){
        .signature_ok = memcmp(s.ptr, SIGNATURE_FILE_ID, SIGNATURE_LEN) == 0,
        .creator = creator,
        .creator_text = text,
        .creator_terminated = end < creator.len,
        .raw = s,
    };
    return true;
}

/* Bytes of the UTF-8 sequence that starts with `lead`; whether the rest fits it is for utf16_encode() to say. */
static size_t utf8_sequence_len(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xE0)
        return 2;
    return lead < 0xF0 ? 3 : 4;
}

void file_identifier_encode(const char *creator_utf8, uint8_t *out)
{
    memset(out, 0, FILE_ID_LEN);
    memcpy(out, SIGNATURE_FILE_ID, SIGNATURE_LEN);

    /* One character at a time: so the cut splits no surrogate pair, and text that is not UTF-8 ends the string. */
    size_t len = strlen(creator_utf8), used = 0;
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence_len((unsigned char)creator_utf8[i]), got;
        if (step > len - i || !utf16_encode(creator_utf8 + i, step, out + FILE_ID_CREATOR_OFF + used,
                                            2 * (size_t)CREATOR_UNITS_WRITTEN_MAX - used, &got))
            break;
        used += got;
        i += step;
    }
}
