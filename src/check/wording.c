/* SPDX-License-Identifier: MIT */
/*
 * Words for messages. Strings from an image are hostile (terminal escapes, bidirectional overrides, a megabyte of
 * them), so they pass through here: made printable, and cut with the true length named.
 */
#include "check/wording.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "check/probe.h"
#include "format/layout.h"

/*
 * A table can have thousands of faults of one kind. Those that are only counted need no words. Whether words are for
 * the last finding that is kept or for the one behind it cannot be told, so that one gets words as well.
 */
bool only_counts(const struct probe *p)
{
    const struct rule_result *r = &p->pass->rules[p->rule_number];
    if (p->max_findings == 0) /* as fuzzing does, where words would be a tenth of the time */
        return true;
    for (enum severity s = SEVERITY_INFO; s < p->rule->severity; s++)
        if (r->kept_of[s]) /* it makes room for a worse one */
            return false;
    return r->kept >= p->max_findings && r->count > r->kept;
}

struct text words_of(struct probe *p)
{
    return (struct text){.arena = p->arena, .failed = only_counts(p)};
}

const char *shown(struct probe *p, const char *s, size_t len, size_t max)
{
    if (only_counts(p))
        return "";
    if (len <= max)
        return text_printable(probe_arena(p), s, len);
    size_t cut = max;
    while (cut > 0 && ((uint8_t)s[cut] & 0xC0) == 0x80) /* not inside a UTF-8 sequence */
        cut--;
    struct text t = text_in(probe_arena(p));
    text_add_printable(&t, s, cut);
    text_addf(&t, "... (%zu bytes)", len);
    return text_str(&t);
}

const char *shown_bytes(struct probe *p, uint64_t bytes)
{
    if (only_counts(p))
        return "";
    struct text t = text_in(probe_arena(p));
    text_addf(&t, "%" PRIu64 " %s", bytes, bytes == 1 ? "byte" : "bytes");
    if (bytes >= 1024) {
        text_add(&t, " (");
        text_add_size(&t, bytes);
        text_add(&t, ")");
    }
    return text_str(&t);
}

const char *shown_guid(struct probe *p, const struct guid *g)
{
    const char *name = known_guid_name(known_guid_find(g));
    return name ? name : shown_plain_guid(p, g);
}

const char *shown_plain_guid(struct probe *p, const struct guid *g)
{
    char buf[GUID_TEXT_SIZE];
    if (only_counts(p))
        return "";
    return guid_is_nil(g) ? "nil" : text_format(probe_arena(p), "%s", guid_text(g, buf));
}

const char *shown_residue(struct probe *p, struct view *v, uint64_t off, uint64_t len, uint64_t *budget)
{
    struct residue r;
    uint64_t looked;
    enum status st = view_residue_within(v, off, len, budget, &r, &looked);
    probe_status(p, st);
    if (st != STATUS_OK)
        return "what is there cannot be read";
    if (r.bytes > 0)
        return "some of it is not zero";
    if (looked == len)
        return "all of it is zero";
    if (looked == 0)
        return "it was not looked into";
    return text_format(probe_arena(p), "the first %s of it are zero", text_size(probe_arena(p), looked));
}

/* log2(x) in 1/1024, for 1 <= x < 2^32, by repeated squaring of the mantissa; no floating point, same on every host. */
static uint64_t log2_1024(uint32_t x)
{
    unsigned whole = 31U - (unsigned)__builtin_clz(x);
    uint64_t m = ((uint64_t)x << 31) >> whole; /* 1.0 <= m < 2.0, 31 fraction bits */
    uint64_t result = (uint64_t)whole << 10;
    for (unsigned bit = 512; bit > 0; bit >>= 1) {
        m = m * m >> 31;
        if (m >> 32) {
            m >>= 1;
            result += bit;
        }
    }
    return result;
}

unsigned entropy_tenths(const uint8_t *bytes, size_t len)
{
    enum { FEW = 16 };
    uint32_t counts[256] = {0}, values[FEW] = {0}; /* how often each value is there; how many are there so often */
    if (len == 0 || len > UINT32_MAX)
        return 0;
    for (size_t i = 0; i < len; i++)
        counts[bytes[i]]++;
    /* H = log2(n) - sum(c * log2(c)) / n. Most values that there are are there once, which adds nothing. */
    uint64_t sum = 0;
    for (unsigned i = 0; i < 256; i++) {
        if (counts[i] < FEW)
            values[counts[i]]++;
        else
            sum += counts[i] * log2_1024(counts[i]);
    }
    for (uint32_t c = 2; c < FEW; c++)
        if (values[c] > 0)
            sum += (uint64_t)values[c] * c * log2_1024(c);
    uint64_t h = log2_1024((uint32_t)len) - sum / len;
    return (unsigned)((h * 10 + 512) / 1024);
}

struct span_residue span_residue(struct span s, size_t off)
{
    struct span_residue r = {.bytes = 0, .first = s.len};
    for (size_t i = span_find_nonzero(s, off); i < s.len; i++) {
        if (s.ptr[i] == 0) {
            i = span_find_nonzero(s, i);
            if (i == s.len)
                break;
        }
        if (r.bytes++ == 0)
            r.first = i;
    }
    return r;
}
