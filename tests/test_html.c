/* SPDX-License-Identifier: MIT */
/*
 * The HTML page, read by a small strict parser: every tag is one of those we use and closed in its turn, attributes are
 * quoted and known, ids are unique, links lead to them, nothing refers to anything outside of the page, nothing runs. A
 * browser looks at pages in tests/oracle/html.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf16.h"
#include "report/html.h"
#include "reports.h"

#include <cmocka.h> /* last: its macro fail() is the name of a function in check/rule.h */

/* ---- the parser ---- */

static const char *const void_tags[] = {"meta", "br", NULL};
static const char *const tags[] = {
    "html",    "head", "meta", "title", "style",  "body",       "svg",     "defs",    "pattern", "path",
    "circle",  "rect", "g",    "desc",  "a",      "header",     "footer",  "main",    "nav",     "article",
    "section", "div",  "h1",   "h2",    "h3",     "h4",         "p",       "span",    "strong",  "code",
    "pre",     "mark", "ul",   "li",    "dl",     "dt",         "dd",      "table",   "caption", "thead",
    "tbody",   "tr",   "th",   "td",    "figure", "figcaption", "details", "summary", "br",      NULL,
};
static const char *const attributes[] = {
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "id",
    "class",
    "href",
    "role",
    "tabindex",
    "scope",
    "colspan",
    "width",
    "height",
    "x",
    "y",
    "cx",
    "cy",
    "r",
    "d",
    "fill",
    "viewBox",
    "focusable",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "patternUnits",
    NULL,
};

static bool listed(const char *word, size_t len, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strlen(*list) == len && strncmp(*list, word, len) == 0)
            return true;
    }
    return false;
}

enum { DEPTH = 64, IDS = 20000, VALUE = 400 };

struct page {
    const char *name, *text;
    const char *open[DEPTH]; /* names of open tags, in the text */
    size_t open_len[DEPTH];
    unsigned depth;
    char (*ids)[VALUE], (*links)[VALUE];
    size_t id_count, link_count;
    unsigned svgs, marks;
};

/* strcspn() and strspn(), but for sanitizers that then look through the rest of the page each time. */
static size_t length_until(const char *at, const char *stops)
{
    size_t n = 0, count = strlen(stops);

    while (at[n] != '\0' && memchr(stops, at[n], count) == NULL)
        n++;
    return n;
}

static size_t length_of_word(const char *at)
{
    size_t n = 0;

    while ((at[n] >= 'a' && at[n] <= 'z') || (at[n] >= '0' && at[n] <= '9'))
        n++;
    return n;
}

static void bad(const struct page *p, const char *what, const char *at)
{
    fail_msg("%s: %s at: %.160s", p->name, what, at);
}

/* A value between double quotes, without a character that could end it or begin a tag; entities are ours. */
static const char *value(struct page *p, const char *at, char out[VALUE])
{
    size_t len;

    if (*at != '"')
        bad(p, "a value without quotes", at);
    len = length_until(++at, "\"<>");
    if (at[len] != '"')
        bad(p, "a value that does not end", at);
    (void)snprintf(out, VALUE, "%.*s", (int)(len < VALUE - 1 ? len : VALUE - 1), at);
    return at + len + 1;
}

static void judge_attribute(struct page *p, const char *name, size_t len, const char *v)
{
    if (!listed(name, len, attributes))
        bad(p, "an unknown attribute", name);
    if (strncmp(name, "id", len) == 0) {
        for (size_t i = 0; i < p->id_count; i++) {
            if (strcmp(p->ids[i], v) == 0)
                bad(p, "an id that is there twice", name);
        }
        assert_true(p->id_count < IDS);
        strcpy(p->ids[p->id_count++], v);
    } else if (len == 4 && strncmp(name, "href", len) == 0) {
        if (v[0] != '#')
            bad(p, "a link that leaves the page", name);
        assert_true(p->link_count < IDS);
        strcpy(p->links[p->link_count++], v + 1);
    } else if (len == 4 && strncmp(name, "fill", len) == 0) {
        if (strncmp(v, "url(#p-", 7) != 0)
            bad(p, "a fill that is no pattern of the page", name);
    }
}

/* at: behind "<". Returns what follows the tag. */
static const char *tag(struct page *p, const char *at)
{
    bool end = *at == '/';
    const char *name = at + end;
    size_t len = length_of_word(name);
    char v[VALUE];

    if (!listed(name, len, tags))
        bad(p, "an unknown tag", at);
    if (end) {
        if (name[len] != '>' || p->depth == 0 || p->open_len[p->depth - 1] != len ||
            strncmp(p->open[p->depth - 1], name, len) != 0)
            bad(p, "an end that was not open", at);
        p->depth--;
        return name + len + 1;
    }
    p->svgs += len == 3 && strncmp(name, "svg", len) == 0;
    p->marks += len == 4 && strncmp(name, "mark", len) == 0;
    for (at = name + len; *at == ' ';) {
        const char *attribute = ++at;
        size_t n = length_until(attribute, "= />\"");

        if (attribute[n] != '=')
            bad(p, "an attribute without a value", attribute);
        at = value(p, attribute + n + 1, v);
        judge_attribute(p, attribute, n, v);
    }
    bool closed = *at == '/'; /* shapes of SVG */
    if (at[closed] != '>')
        bad(p, "a tag that does not end", name);
    if (!closed && !listed(name, len, void_tags)) {
        assert_true(p->depth < DEPTH);
        p->open[p->depth] = name;
        p->open_len[p->depth++] = len;
    }
    return at + closed + 1;
}

/* Text between tags: no stray markup, only known entities, nothing that acts on the order of the text. */
static const char *text(struct page *p, const char *at)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", NULL};
    size_t len = length_until(at, "<");

    for (const char *c = at; c < at + len;) {
        uint32_t code = 0;
        size_t used = utf8_next(c, (size_t)(at + len - c), &code);
        bool known = *c != '&';

        for (const char *const *e = entities; *e != NULL && !known; e++)
            known = strncmp(c, *e, strlen(*e)) == 0;
        if (used == 0 || !known || *c == '>' || (code < 0x20 && code != '\n') || (code >= 0x7f && code <= 0x9f) ||
            (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
            bad(p, "text that is not escaped", c);
        c += used;
    }
    return at + len;
}

static void read_page(struct page *p, const char *name, const char *html)
{
    const char *at = html, *start = "<!DOCTYPE html>\n";

    *p = (struct page){.name = name, .text = html};
    p->ids = calloc(IDS, VALUE);
    p->links = calloc(IDS, VALUE);
    assert_non_null(p->ids);
    assert_non_null(p->links);
    assert_int_equal(strncmp(at, start, strlen(start)), 0);
    for (at += strlen(start); *at != '\0';) {
        if (strncmp(at, "<style>", 7) == 0) { /* exactly ours: its digest is in the policy */
            assert_int_equal(strncmp(at + 7, html_style, strlen(html_style)), 0);
            at += 7 + strlen(html_style);
            assert_int_equal(strncmp(at, "</style>", 8), 0);
            at += 8;
        } else if (*at == '<') {
            at = tag(p, at + 1);
        } else {
            at = text(p, at);
        }
    }
    assert_int_equal(p->depth, 0);
    for (size_t i = 0; i < p->link_count; i++) {
        bool found = false;
        for (size_t k = 0; k < p->id_count && !found; k++)
            found = strcmp(p->ids[k], p->links[i]) == 0;
        if (!found)
            bad(p, "a link to nowhere", p->links[i]);
    }
    /* The whole text, the style included. */
    static const char *const never[] = {
        "http:", "https:", "@import", "<script", "javascript:", "src=", "\"data:", "(data:", NULL};
    for (const char *const *word = never; *word != NULL; word++) {
        const char *found = strstr(html, *word);
        if (found != NULL)
            bad(p, "a reference to the outside", found);
    }
    /* Every url() is a pattern of the page. */
    for (const char *found = html; (found = strstr(found, "url(")) != NULL; found += 4) {
        if (strncmp(found, "url(#p-", 7) != 0)
            bad(p, "a reference to the outside", found);
    }
    assert_non_null(strstr(html, "default-src 'none'; style-src 'sha256-"));
}

static void page_free(struct page *p)
{
    free(p->ids);
    free(p->links);
}

/* ---- every case ---- */

static void one_case(const struct test_case *c, bool guard, void *ctx)
{
    char *html = reports_of_case(c, guard, REPORT_HTML);
    struct page p;

    (void)ctx;
    read_page(&p, c->name, html);
    page_free(&p);
    free(html);
}

static void every_case_is_a_page(void **state)
{
    (void)state;
    reports_each_case(one_case, NULL);
}

/* ---- hostile strings ---- */

static void utf16(struct img *img, uint64_t off, const char *s)
{
    for (size_t i = 0; s[i] != '\0'; i++) {
        uint8_t unit[2] = {(uint8_t)s[i], 0};
        img_write(img, off + 2 * i, unit, sizeof(unit));
    }
}

static void images_cannot_write_markup(void **state)
{
    static const struct locator_string pairs[] = {
        {"parent_linkage", "\"><script>alert(1)</script>"},
        {"relative_path", "..\\<img onerror=\"x\">&lt;'\xe2\x80\xae.vhdx"},
        {"<b>", "</table></main>"},
    };
    struct img *img = img_create(&(struct img_params){.type = IMG_DIFFERENCING});
    enum status st;
    struct page p;

    (void)state;
    utf16(img, 8, "<script src='x'>alert(\"1\")</script>&amp;");
    img_set_locator(img, pairs, 3);
    struct checked c = reports_check(img, "a\x1b[31m\xff\"><b>'&\n.vhdx", 1000);
    char *html = reports_of(&c, 1, REPORT_HTML, 1, &st);
    assert_int_equal(st, STATUS_OK);
    /* The parser refuses what is not ours; the strings are there all the same, to be read. */
    char *shown = strstr(html, "&lt;script src=&#39;x&#39;&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;");
    assert_non_null(shown);
    assert_non_null(strstr(html, "\\u{202e}.vhdx"));
    assert_non_null(strstr(html, "a\\u{1b}[31m\\x{ff}&quot;&gt;&lt;b&gt;&#39;&amp;\\u{a}.vhdx"));
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "<img"));
    while ((shown = strstr(html, " src=")) != NULL) /* as text it is harmless; the parser takes any for an attempt */
        memset(shown, 'x', 5);
    read_page(&p, "hostile", html);
    page_free(&p);
    free(html);
    reports_done(&c);
    img_free(img);
}

/* ---- what is shown ---- */

static void evidence_is_marked(void **state)
{
    struct img *img = img_create(NULL);
    enum status st;
    struct page p;

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked c = reports_check(img, "web01.vhdx", 1000);
    char *html = reports_of(&c, 1, REPORT_HTML, 1, &st);
    read_page(&p, "marked", html);
    /* Entry 0, state 6, at 4 MiB; at the start of a row, the other entry of the row not marked. */
    assert_non_null(
        strstr(html, "<span class=\"offset\">0x00300000</span>  <mark>06 00 40 00 00 00 00 00</mark>  00 00 00 00 "
                     "00 00 00 00  |<mark>..@.....</mark>........|\n"));
    assert_non_null(strstr(html, "<a href=\"#i1-VHDX-BAT-016-error\">VHDX-BAT-016</a>"));
    assert_non_null(strstr(html, "<title>web01.vhdx: Corrupt - VHDX report</title>"));
    assert_true(p.marks >= 2);
    assert_true(p.svgs >= 3);
    page_free(&p);
    free(html);
    reports_done(&c);
    img_free(img);
}

static void many_findings_are_rows(void **state)
{
    struct img *img = img_create(&(struct img_params){.virtual_size = 2000 * MIB, .block_size = MIB, .states = ""});
    enum status st;
    struct page p;

    (void)state;
    for (uint64_t i = 0; i < 1500; i++)
        img_bat_set(img, img_block_index(img, i), 4);
    struct checked c = reports_check(img, "many.vhdx", 1000);
    char *html = reports_of(&c, 1, REPORT_HTML, 1, &st);
    read_page(&p, "many", html);
    assert_non_null(strstr(html, "1,499 further findings of the same kind"));
    assert_non_null(strstr(html, "1,399 more findings not listed here"));
    assert_non_null(strstr(html, "<code>VHDX-BAT-002</code>: 500 findings are only counted."));
    assert_true(strlen(html) < 300000);
    page_free(&p);
    free(html);
    reports_done(&c);
    img_free(img);
}

static void several_files_have_a_table_of_contents(void **state)
{
    struct img *img = img_create(NULL), *broken = img_clone(img);
    char *text_out = NULL;
    size_t len = 0;
    struct page p;

    (void)state;
    img_bat_set(broken, 9, img_bat_get(broken, 0));
    struct checked a = reports_check(img, "a.vhdx", 1000), b = reports_check(broken, "b.vhdx", 1000);
    struct report r = {.out = open_memstream(&text_out, &len), .format = REPORT_HTML};
    assert_non_null(r.out);
    assert_int_equal(report_begin(&r, "images"), STATUS_OK);
    report_check(&r, a.result);
    report_unopened(&r, "gone.vhdx", "gone.vhdx: no such file or directory");
    report_check(&r, b.result);
    assert_int_equal(report_end(&r), STATUS_OK);
    assert_int_equal(fclose(r.out), 0);
    read_page(&p, "several", text_out);
    assert_non_null(
        strstr(text_out, "<title>3 files: 1 clean, 1 corrupt, 1 could not be looked at - VHDX report</title>"));
    const char *toc = strstr(text_out, "<nav class=\"contents\"");
    assert_non_null(toc);
    assert_true(toc < strstr(text_out, "<article"));
    assert_non_null(strstr(toc, "<a href=\"#i1\">a.vhdx</a>"));
    assert_non_null(strstr(toc, "<a href=\"#i2\">gone.vhdx</a>"));
    assert_non_null(strstr(toc, "<a href=\"#i3\">b.vhdx</a>"));
    assert_non_null(strstr(text_out, "id=\"i3-VHDX-BAT-016-error\""));
    page_free(&p);
    free(text_out);
    reports_done(&a);
    reports_done(&b);
    img_free(img);
    img_free(broken);
}

static void the_same_image_gives_the_same_bytes(void **state)
{
    struct img *img = img_create(&(struct img_params){.windows_traces = true});
    enum status st;

    (void)state;
    img_make_dirty_bat(img, 1, 0);
    struct checked c[2] = {reports_check(img, "x.vhdx", 1000), reports_check(img, "x.vhdx", 1000)};
    char *once = reports_of(&c[0], 1, REPORT_HTML, 1, &st), *twice = reports_of(&c[1], 1, REPORT_HTML, 1, &st);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    reports_done(&c[0]);
    reports_done(&c[1]);
    img_free(img);
}

/* ---- temporary files ---- */

static void temporary_files_are_not_needed_but_not_lost_either(void **state)
{
    struct img *img = img_create(NULL);
    enum status st;

    (void)state;
    img_bat_set(img, 9, img_bat_get(img, 0));
    struct checked c = reports_check(img, "x.vhdx", 1000);
    char *whole = reports_of(&c, 1, REPORT_HTML, 0, &st);
    /* No descriptor is left for one: the same report, from memory. */
    char *text = reports_within(RLIMIT_NOFILE, 0, &c, REPORT_HTML, &st);
    assert_int_equal(st, STATUS_OK);
    assert_string_equal(text, whole);
    free(text);
    /* They cannot hold it: that is said. */
    text = reports_within(RLIMIT_FSIZE, 1000, &c, REPORT_HTML, &st);
    assert_int_equal(st, STATUS_IO);
    free(text);
    free(whole);
    reports_done(&c);
    img_free(img);
}

/* ---- the policy: SHA-256 (FIPS 180-4) of the style, in base64 ---- */

static uint32_t rotate(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

/* Fractional parts of cube roots of the first primes, by integer arithmetic. */
static uint32_t cube_root_bits(unsigned prime)
{
    unsigned __int128 want = (unsigned __int128)prime << 96, low = 0, high = (unsigned __int128)8 << 32;

    while (low + 1 < high) {
        unsigned __int128 middle = (low + high) / 2;
        if (middle * middle * middle <= want)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static void sha256(const char *s, size_t len, uint8_t out[32])
{
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint32_t k[64];
    size_t blocks = (len + 9 + 63) / 64;
    uint8_t *m = calloc(blocks, 64);

    for (unsigned n = 0, p = 2; n < 64; p++) {
        bool prime = true;
        for (unsigned q = 2; q * q <= p; q++)
            prime = prime && p % q != 0;
        if (prime)
            k[n++] = cube_root_bits(p);
    }
    assert_non_null(m);
    memcpy(m, s, len);
    m[len] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        m[blocks * 64 - 1 - i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
    for (size_t b = 0; b < blocks; b++) {
        uint32_t w[64], v[8];
        for (unsigned i = 0; i < 16; i++) {
            const uint8_t *p = m + b * 64 + i * 4;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (unsigned i = 16; i < 64; i++)
            w[i] = (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10) + w[i - 7] +
                   (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 16];
        memcpy(v, h, sizeof(v));
        for (unsigned i = 0; i < 64; i++) {
            uint32_t a = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                         ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
            uint32_t c = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                         ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            memmove(v + 1, v, 7 * sizeof(v[0]));
            v[4] += a;
            v[0] = a + c;
        }
        for (unsigned i = 0; i < 8; i++)
            h[i] += v[i];
    }
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    free(m);
}

static void base64(const uint8_t *p, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < len ? p[i + 2] : 0);
        for (unsigned k = 0; k < 4; k++)
            *out++ = i + k > len ? '=' : digits[v >> (18 - 6 * k) & 63];
    }
    *out = '\0';
}

static void the_policy_lets_in_our_style_and_no_other(void **state)
{
    uint8_t digest[32];
    char want[64];

    (void)state;
    sha256("abc", 3, digest); /* FIPS 180-4's example */
    base64(digest, sizeof(digest), want);
    assert_string_equal(want, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    sha256(html_style, strlen(html_style), digest);
    base64(digest, sizeof(digest), want);
    assert_string_equal(html_style_digest, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_a_page),
        cmocka_unit_test(images_cannot_write_markup),
        cmocka_unit_test(evidence_is_marked),
        cmocka_unit_test(many_findings_are_rows),
        cmocka_unit_test(several_files_have_a_table_of_contents),
        cmocka_unit_test(the_same_image_gives_the_same_bytes),
        cmocka_unit_test(temporary_files_are_not_needed_but_not_lost_either),
        cmocka_unit_test(the_policy_lets_in_our_style_and_no_other),
    };
    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
