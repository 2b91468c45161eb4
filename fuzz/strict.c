/* SPDX-License-Identifier: MIT */
/*
 * A JSON scanner after RFC 8259 that builds nothing, with an explicit stack for brackets. Parsers accept more than they
 * should, each something else; this accepts less than it may: integers only, no control character even where JSON has
 * nothing against it, \u escapes of surrogates only in pairs.
 */
#include "fuzz/strict.h"

#include <stdbool.h>

#include "fuzz/property.h"

enum { DEPTH_MAX = 32 };

struct scan {
    const char *start, *at, *end;
};

enum { SHOWN = 60 }; /* bytes of a text that is not what it should be */

#define EXPECT(s, cond, what)                                                                                          \
    ASSERT(cond, "%s at byte %zu: %.*s", what, (size_t)((s)->at - (s)->start),                                         \
           (int)((s)->end - (s)->at < SHOWN ? (s)->end - (s)->at : SHOWN), (s)->at)

static int byte_at(const struct scan *s, size_t i)
{
    return (size_t)(s->end - s->at) > i ? (unsigned char)s->at[i] : -1;
}

/* ---- characters ---- */

/* The character at s, and its length in *ret; 0 when it is none. */
static uint32_t character(const struct scan *s, unsigned *ret)
{
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    static const int mask[4] = {0x7f, 0x1f, 0x0f, 0x07};
    int lead = byte_at(s, 0);
    unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

    *ret = 0;
    if (lead < 0 || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
        return 0;
    uint32_t c = (uint32_t)(lead & mask[more]);
    for (unsigned i = 1; i <= more; i++) {
        if (byte_at(s, i) < 0x80 || byte_at(s, i) > 0xbf)
            return 0;
        c = c << 6 | (uint32_t)(byte_at(s, i) & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = more + 1;
    return c;
}

/* The character at s, which moves behind it. */
static uint32_t next_character(struct scan *s)
{
    unsigned len;
    uint32_t c = character(s, &len);

    EXPECT(s, len > 0, "no UTF-8");
    s->at += len;
    return c;
}

bool strict_is_utf8(const char *text, size_t len)
{
    struct scan s = {text, text, text + len};

    while (s.at < s.end) {
        unsigned n;
        (void)character(&s, &n);
        if (n == 0)
            return false;
        s.at += n;
    }
    return true;
}

static bool acts_on_terminals(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) ||                          /* C0, DEL, C1 */
           c == 0x061c || c == 0x200e || c == 0x200f ||                    /* marks of direction */
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || /* embeddings, overrides, isolates */
           c == 0x2028 || c == 0x2029;                                     /* line and paragraph separators */
}

void strict_text(const char *text, size_t len)
{
    struct scan s = {text, text, text + len};

    while (s.at < s.end) {
        uint32_t c = next_character(&s);
        EXPECT(&s, c == '\n' || !acts_on_terminals(c), "a control character before this");
    }
}

/* ---- JSON ---- */

static uint32_t four_digits(struct scan *s)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 4; i++, s->at++) {
        int c = byte_at(s, 0);
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        EXPECT(s, digit || letter, "no digit of an escape");
        v = v << 4 | (uint32_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return v;
}

static void escape(struct scan *s)
{
    int c = byte_at(s, 1);

    EXPECT(s, c > 0 && strchr("\"\\/bfnrtu", c) != NULL, "no escape");
    s->at += 2;
    if (c != 'u')
        return;
    uint32_t unit = four_digits(s);
    EXPECT(s, unit < 0xdc00 || unit > 0xdfff, "half a pair of surrogates");
    if (unit < 0xd800 || unit > 0xdbff)
        return;
    EXPECT(s, byte_at(s, 0) == '\\' && byte_at(s, 1) == 'u', "half a pair of surrogates");
    s->at += 2;
    unit = four_digits(s);
    EXPECT(s, unit >= 0xdc00 && unit <= 0xdfff, "half a pair of surrogates");
}

static void string(struct scan *s)
{
    EXPECT(s, byte_at(s, 0) == '"', "no string");
    s->at++;
    for (;;) {
        if (byte_at(s, 0) == '\\') {
            escape(s);
            continue;
        }
        uint32_t c = next_character(s);
        if (c == '"')
            return;
        EXPECT(s, !acts_on_terminals(c), "a control character before this");
    }
}

static void number(struct scan *s)
{
    if (byte_at(s, 0) == '-')
        s->at++;
    int first = byte_at(s, 0);
    EXPECT(s, first >= '0' && first <= '9', "no number");
    s->at++;
    while (first != '0' && byte_at(s, 0) >= '0' && byte_at(s, 0) <= '9')
        s->at++;
    int behind = byte_at(s, 0);
    EXPECT(s, behind < 0 || strchr("0123456789.eE+-", behind) == NULL, "no integer");
}

static void word(struct scan *s, const char *w)
{
    size_t len = strlen(w);

    EXPECT(s, (size_t)(s->end - s->at) >= len && memcmp(s->at, w, len) == 0, "no value");
    s->at += len;
}

static void blanks(struct scan *s)
{
    while (byte_at(s, 0) == ' ' || byte_at(s, 0) == '\n')
        s->at++;
}

static void key(struct scan *s)
{
    blanks(s);
    string(s);
    EXPECT(s, byte_at(s, 0) == ':', "no colon");
    s->at++;
}

static void scalar(struct scan *s)
{
    switch (byte_at(s, 0)) {
    case '"':
        string(s);
        break;
    case 't':
        word(s, "true");
        break;
    case 'f':
        word(s, "false");
        break;
    case 'n':
        word(s, "null");
        break;
    default:
        number(s);
    }
}

static void value(struct scan *s)
{
    char closing[DEPTH_MAX];
    unsigned depth = 0;

    for (;;) {
        blanks(s);
        int c = byte_at(s, 0);
        if (c == '{' || c == '[') {
            EXPECT(s, depth < DEPTH_MAX, "too deep");
            closing[depth++] = c == '{' ? '}' : ']';
            s->at++;
            blanks(s);
            if (byte_at(s, 0) != closing[depth - 1]) {
                if (c == '{')
                    key(s);
                continue;
            }
        } else {
            scalar(s);
            if (depth > 0)
                blanks(s);
        }
        while (depth > 0 && byte_at(s, 0) == closing[depth - 1]) {
            depth--;
            s->at++;
            if (depth > 0)
                blanks(s);
        }
        if (depth == 0)
            return;
        EXPECT(s, byte_at(s, 0) == ',', "no comma");
        s->at++;
        if (closing[depth - 1] == '}')
            key(s);
    }
}

static void line_feed(struct scan *s)
{
    EXPECT(s, byte_at(s, 0) == '\n', "no line feed");
    s->at++;
}

void strict_json(const char *text, size_t len)
{
    struct scan s = {text, text, text + len};

    value(&s);
    line_feed(&s);
    EXPECT(&s, s.at == s.end, "something behind the value");
}

void strict_json_lines(const char *text, size_t len)
{
    struct scan s = {text, text, text + len};

    while (s.at < s.end) {
        const char *feed = memchr(s.at, '\n', (size_t)(s.end - s.at));
        value(&s);
        EXPECT(&s, s.at == feed, "a value that is no line");
        line_feed(&s);
    }
}

/* ---- HTML ---- */

enum { TAGS_MAX = 64 };

struct open_tags {
    const char *name[TAGS_MAX];
    size_t len[TAGS_MAX];
    unsigned depth;
};

static bool begins(const struct scan *s, const char *w)
{
    size_t len = strlen(w);
    return (size_t)(s->end - s->at) >= len && memcmp(s->at, w, len) == 0;
}

static size_t name_len(const struct scan *s)
{
    size_t n = 0;

    while (byte_at(s, n) >= 0 &&
           strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", byte_at(s, n)))
        n++;
    EXPECT(s, n > 0, "no name");
    return n;
}

static void entity(struct scan *s)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&nbsp;", NULL};
    unsigned i = 0;

    while (known[i] != NULL && !begins(s, known[i]))
        i++;
    EXPECT(s, known[i] != NULL, "no entity");
    s->at += strlen(known[i]);
}

static bool is_name(const char *name, size_t len, const char *w)
{
    return strlen(w) == len && memcmp(name, w, len) == 0;
}

static void attribute(struct scan *s)
{
    const char *name = s->at;
    size_t len = name_len(s);

    EXPECT(s, len < 2 || name[0] != 'o' || name[1] != 'n', "a handler");
    EXPECT(s, !is_name(name, len, "src") && !is_name(name, len, "style"), "an attribute that is not ours");
    s->at += len;
    EXPECT(s, begins(s, "=\""), "no value");
    s->at += 2;
    EXPECT(s, !is_name(name, len, "href") || byte_at(s, 0) == '#', "a link out of the page");
    while (byte_at(s, 0) != '"') {
        EXPECT(s, byte_at(s, 0) >= 0 && byte_at(s, 0) != '<' && byte_at(s, 0) != '>', "no end of a value");
        if (byte_at(s, 0) == '&')
            entity(s);
        else
            s->at++;
    }
    s->at++;
}

static void close_tag(struct scan *s, struct open_tags *t)
{
    s->at += 2;
    size_t len = name_len(s);
    EXPECT(s, t->depth > 0 && len == t->len[t->depth - 1] && memcmp(s->at, t->name[t->depth - 1], len) == 0,
           "another tag is open");
    t->depth--;
    s->at += len;
    EXPECT(s, byte_at(s, 0) == '>', "no end of a tag");
    s->at++;
}

/* What a style sheet says is not looked at, but it ends at its tag. */
static void open_tag(struct scan *s, struct open_tags *t)
{
    s->at++;
    const char *name = s->at;
    size_t len = name_len(s);
    EXPECT(s, !is_name(name, len, "script") && !is_name(name, len, "iframe"), "a tag that is not ours");
    s->at += len;
    while (byte_at(s, 0) == ' ' || byte_at(s, 0) == '\n') {
        s->at++;
        attribute(s);
    }
    bool closed = byte_at(s, 0) == '/' || is_name(name, len, "meta") || is_name(name, len, "br");
    s->at += byte_at(s, 0) == '/';
    EXPECT(s, byte_at(s, 0) == '>', "no end of a tag");
    s->at++;
    if (closed)
        return;
    EXPECT(s, t->depth < TAGS_MAX, "too deep");
    t->name[t->depth] = name;
    t->len[t->depth++] = len;
    if (is_name(name, len, "style")) {
        while (!begins(s, "</style>")) {
            EXPECT(s, byte_at(s, 0) >= 0, "no end of a style sheet");
            s->at++;
        }
    }
}

void strict_html(const char *text, size_t len)
{
    static const char doctype[] = "<!DOCTYPE html>";
    struct scan s = {text, text, text + len};
    struct open_tags t = {.depth = 0};

    strict_text(text, len);
    EXPECT(&s, begins(&s, doctype), "no document type");
    s.at += sizeof(doctype) - 1;
    while (s.at < s.end) {
        if (byte_at(&s, 0) == '&') {
            entity(&s);
        } else if (byte_at(&s, 0) != '<') {
            EXPECT(&s, byte_at(&s, 0) != '>', "a > that ends nothing");
            s.at++;
        } else if (byte_at(&s, 1) == '/') {
            close_tag(&s, &t);
        } else {
            open_tag(&s, &t);
        }
    }
    ASSERT(t.depth == 0, "%u tags are open at the end", t.depth);
}
