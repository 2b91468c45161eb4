/* SPDX-License-Identifier: MIT */
/* Words of paths, replaced one by one. A text is UTF-16LE at any address; units are loaded and stored byte by byte. */
#include <string.h>

#include "base/le.h"
#include "write/redact.h"

enum { UNIT = 2, GUID_UNITS = 36, RUN_LEAST = 4 };

static uint16_t at(const uint8_t *p, size_t i)
{
    return le16(p + UNIT * i);
}

static uint16_t lower(uint16_t u)
{
    return u >= 'A' && u <= 'Z' ? (uint16_t)(u - 'A' + 'a') : u;
}

static bool is_surrogate(uint16_t u)
{
    return u >= 0xd800 && u <= 0xdfff;
}

/* Units [i, n) begin with a whole pair. */
static bool is_pair(const uint8_t *p, size_t i, size_t n)
{
    return n - i >= 2 && at(p, i) >= 0xd800 && at(p, i) <= 0xdbff && at(p, i + 1) >= 0xdc00 && at(p, i + 1) <= 0xdfff;
}

static bool parts_words(uint16_t u)
{
    return u < 0x20 || (u >= 0x7f && u < 0xa0) || (u < 0x80 && strchr("\\/:*?\"<>|{}.$ ", (int)u) != NULL);
}

/* ASCII word against units, without regard to case. */
static bool equals(const uint8_t *p, size_t n, const char *word)
{
    size_t i = 0;

    for (; i < n && word[i] != '\0'; i++) {
        if (lower(at(p, i)) != (uint16_t)(unsigned char)word[i])
            return false;
    }
    return i == n && word[i] == '\0';
}

static const char *const keys[] = {"parent_linkage2", "parent_linkage", "relative_path", "volume_path",
                                   "absolute_win32_path"};

static bool is_kept(const uint8_t *p, size_t n)
{
    static const char *const words[] = {"vhdx",       "avhdx",  "vhd",  "avhd", "vhds", "unc", "volume", "users",
                                        "globalroot", "device", "pipe", "data", "con",  "nul", "prn",    "aux"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (equals(p, n, words[i]))
            return true;
    }
    /* COM1, LPT9 and their like. */
    return n == 4 && (equals(p, 3, "com") || equals(p, 3, "lpt")) && at(p, 3) >= '0' && at(p, 3) <= '9';
}

/* Units of a locator's key that the text has here, or 0. Longer keys come first. */
static size_t key_at(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t len = strlen(keys[i]);
        if (n >= len && equals(p, len, keys[i]))
            return len;
    }
    return 0;
}

/* ---- GUIDs in a text ---- */

static bool redact_guid_text(struct redaction *r, uint8_t *p, size_t n)
{
    char text[GUID_TEXT_SIZE];
    bool has_upper = false;
    struct guid g;

    if (n != GUID_UNITS)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (at(p, i) > 0x7f)
            return false;
        text[i] = (char)at(p, i);
        has_upper = has_upper || (text[i] >= 'A' && text[i] <= 'F');
    }
    if (!guid_parse(text, n, &g))
        return false;
    redact_guid(r, g.bytes);
    (void)guid_text(&g, text);
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];
        put_le16(p + UNIT * i, (uint16_t)(unsigned char)(has_upper && c >= 'a' ? c - 'a' + 'A' : c));
    }
    return true;
}

/* ---- words ---- */

static const struct redact_name *find_name(const struct redaction *r, const uint8_t *word, size_t len, bool new)
{
    for (uint64_t i = 0; i < r->name_count; i++) {
        if (r->names[i].len == len && memcmp(new ? r->names[i].new : r->names[i].old, word, len) == 0)
            return &r->names[i];
    }
    return NULL;
}

static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

/* Letters from a sequence of our own; a word that is taken, or would be kept, is passed over as long as there is
 * another. */
static void make_word(const struct redaction *r, uint8_t *word, size_t n)
{
    enum { TRIES = 64 };
    uint64_t seed = r->name_count << 8;

    for (int try = 0; try < TRIES; try++, seed++) {
        for (size_t i = 0; i < n; i++)
            put_le16(word + UNIT * i, (uint16_t)('a' + scramble(seed ^ (uint64_t)i << 40) % 26));
        if (!is_kept(word, n) && find_name(r, word, UNIT * n, true) == NULL)
            return;
    }
}

static const struct redact_name *add_name(struct redaction *r, const uint8_t *folded, size_t n)
{
    uint8_t *old = (uint8_t *)arena_copy(r->arena, folded, UNIT * n), *new = NULL;
    void *items = r->names;

    if (old != NULL)
        new = (uint8_t *)arena_alloc(r->arena, UNIT * n);
    if (new == NULL || !arena_grow(r->arena, &items, &r->name_cap, r->name_count, sizeof(*r->names))) {
        r->status = arena_status(r->arena);
        return NULL;
    }
    make_word(r, new, n);
    r->names = (struct redact_name *)items;
    r->names[r->name_count] = (struct redact_name){.old = old, .new = new, .len = (uint32_t)(UNIT * n)};
    return &r->names[r->name_count++];
}

/* A long word goes piece by piece: hostile strings have no end. */
enum { WORD_MOST = 128 };

static void redact_piece(struct redaction *r, uint8_t *p, size_t n)
{
    enum { NAMES_MOST = 512 }; /* of one image; further ones all become the same letters */
    uint8_t folded[UNIT * WORD_MOST];
    const struct redact_name *name;

    for (size_t i = 0; i < n; i++)
        put_le16(folded + UNIT * i, lower(at(p, i)));
    name = find_name(r, folded, UNIT * n, false);
    if (name == NULL && r->name_count < NAMES_MOST)
        name = add_name(r, folded, n);
    for (size_t i = 0; i < n && r->status == STATUS_OK; i++) {
        const bool upper = at(p, i) >= 'A' && at(p, i) <= 'Z';
        const uint16_t letter = name != NULL ? at(name->new, i) : 'x';
        put_le16(p + UNIT * i, upper ? (uint16_t)(letter - 'a' + 'A') : letter);
    }
}

static void redact_word(struct redaction *r, uint8_t *p, size_t n)
{
    if (n < 2 || is_kept(p, n) || redact_guid_text(r, p, n))
        return;
    for (size_t done = 0; done < n && r->status == STATUS_OK; done += WORD_MOST)
        redact_piece(r, p + UNIT * done, n - done < WORD_MOST ? n - done : WORD_MOST);
}

void redact_text(struct redaction *r, uint8_t *p, size_t len)
{
    const size_t n = len / UNIT;

    for (size_t i = 0; i < n && r->status == STATUS_OK;) {
        size_t start = i, key = key_at(p + UNIT * i, n - i);

        if (key > 0) {
            i += key;
            continue;
        }
        while (i < n && !parts_words(at(p, i)) && (!is_surrogate(at(p, i)) || is_pair(p, i, n)) &&
               (i == start || key_at(p + UNIT * i, n - i) == 0))
            i += is_pair(p, i, n) ? 2 : 1;
        redact_word(r, p + UNIT * start, i - start);
        i += i == start;
    }
}

void redact_texts(struct redaction *r, uint8_t *p, size_t len)
{
    const size_t n = len / UNIT;

    for (size_t i = 0; i < n && r->status == STATUS_OK;) {
        const size_t start = i;

        while (i < n && at(p, i) >= 0x20 && at(p, i) < 0x7f)
            i++;
        if (i - start >= RUN_LEAST)
            redact_text(r, p + UNIT * start, UNIT * (i - start));
        i += i == start;
    }
}
