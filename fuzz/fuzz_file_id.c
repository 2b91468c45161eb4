/* SPDX-License-Identifier: MIT */
/*
 * The file type identifier. The input is its first bytes; what a decoder needs beyond them is zeros.
 *
 * Asserted: fields are what their bytes say; what is too short is refused; an identifier that writers would write comes
 * out of the encoder as it went in; any text as creator gives an identifier that decodes to the longest part of it that
 * fits.
 */
#include "base/utf16.h"
#include "format/file_id.h"
#include "format/layout.h"
#include "fuzz/property.h"

enum { SIGNATURE_LEN = 8 };

static uint8_t encoded[FILE_ID_LEN];

static void check_fields(struct span s, const struct file_identifier *id)
{
    size_t text = 0;

    ASSERT(id->signature_ok == (memcmp(s.ptr, "vhdxfile", SIGNATURE_LEN) == 0));
    ASSERT(id->raw.ptr == s.ptr && id->raw.len == s.len);
    ASSERT(id->creator.ptr == s.ptr + FILE_ID_CREATOR_OFF && id->creator.len == FILE_ID_CREATOR_LEN);
    while (text < FILE_ID_CREATOR_LEN && (id->creator.ptr[text] | id->creator.ptr[text + 1]) != 0)
        text += 2;
    ASSERT(id->creator_text.ptr == id->creator.ptr && id->creator_text.len == text);
    ASSERT(id->creator_terminated == (text < FILE_ID_CREATOR_LEN));
}

/* As a writer leaves it: nothing behind the text, and that ends. */
static bool is_written(struct span s, const struct file_identifier *id, const struct utf16_text *t)
{
    size_t end = FILE_ID_CREATOR_OFF + id->creator_text.len;
    return id->signature_ok && id->creator_terminated && !t->unpaired && span_find_nonzero(s, end) == s.len;
}

static void check_encoder(struct arena *a, struct span s, const struct file_identifier *id)
{
    struct utf16_text t;

    ASSERT(utf16_decode(a, id->creator_text, &t) == STATUS_OK && !t.odd_byte && !t.has_nul);
    if (!is_written(s, id, &t))
        return;
    file_identifier_encode(t.str, encoded);
    ASSERT(memcmp(encoded, s.ptr, s.len) == 0);
}

/* The input as UTF-8 with a NUL behind it. */
static void check_creator(struct arena *a, const uint8_t *data, size_t size)
{
    struct file_identifier id;
    struct utf16_text t;
    const char *text = arena_copy(a, data, size);

    ASSERT(text != NULL);
    file_identifier_encode(text, encoded);
    ASSERT(file_identifier_decode(span_of(encoded, FILE_ID_RESERVED_OFF), &id));
    ASSERT(id.signature_ok && id.creator_terminated);
    ASSERT(span_is_zero(span_of(encoded + FILE_ID_RESERVED_OFF, 1024)));
    ASSERT(utf16_decode(a, id.creator_text, &t) == STATUS_OK);
    ASSERT(!t.unpaired && t.len <= strlen(text) && memcmp(t.str, text, t.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file_identifier id;

    if (size > FILE_ID_LEN)
        return 0;
    size_t len = size > FILE_ID_RESERVED_OFF ? size : FILE_ID_RESERVED_OFF;
    struct arena *a = property_arena((uint64_t)1 << 20);
    uint8_t *bytes = calloc(1, len); /* of exactly this size: one byte too far is seen */
    ASSERT(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);

    ASSERT(!file_identifier_decode(span_of(bytes, FILE_ID_RESERVED_OFF - 1), &id));
    ASSERT(file_identifier_decode(span_of(bytes, len), &id));
    check_fields(span_of(bytes, len), &id);
    check_encoder(a, span_of(bytes, len), &id);
    if (!id.signature_ok)
        check_creator(a, data, size);

    free(bytes);
    arena_destroy(a);
    return 0;
}
