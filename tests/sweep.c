/* SPDX-License-Identifier: MIT */
/*
 * Sweeps over everything that an image says about itself.
 *
 *     sweep fields                    each field of each image, ten changes, signed again and not
 *     sweep bits [IMAGE]              each bit of all fields, of one image or of all
 *         --whole L --every N         of fields longer than L bytes only that of each N-th byte
 *
 * A changed image must be checked without a crash or a hang (60 seconds of a processor), and the change must be told by
 * a finding that the image as it was does not have, or stand in the table of sweep_reasons.c: there it is said why it
 * does not matter. A change under a checksum that was not made right again has no excuse; but for what an earlier log
 * left it is enough that the note on it has other words. `--list` prints what neither holds for, and does not fail.
 */
#include <assert.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/le.h"
#include "base/limits.h"
#include "base/span.h"
#include "check/run.h"
#include "image/chain.h"
#include "sweep.h"

enum { SECONDS_FOR_ONE = 60, UNEXPLAINED_SHOWN = 200, MOST_REASONS = 256 };

/* ---- a source whose bytes change between two checks ---- */

enum { HOLE_LEN = 4096, PAGES_MOST = 1024 };
_Static_assert(IMG_PAGE_LEN / HOLE_LEN == 16, "a bit for each part of a page");

struct live {
    struct source source;
    const struct img *img;
};

/*
 * Parts of the image's pages that are not all zeros. Single bits are swept on a host with holes of 4 KiB, where a check
 * reads half as much; else all is data.
 */
static uint16_t data_parts[PAGES_MOST];

static void all_is_data(void)
{
    memset(data_parts, 0xff, sizeof(data_parts));
}

static void find_data(struct sweep_image *im)
{
    for (size_t k = 0; k < im->count; k++) /* no page comes later */
        for (uint64_t off = im->fields[k].off, end = off + (im->fields[k].shift + im->fields[k].bits + 7) / 8;
             off < end; off = (off / IMG_PAGE_LEN + 1) * IMG_PAGE_LEN)
            (void)img_bytes(im->img, off, 1);
    assert(im->img->page_count <= PAGES_MOST);
    for (size_t i = 0; i < im->img->page_count; i++) {
        data_parts[i] = 0;
        for (unsigned part = 0; part < 16; part++)
            if (!span_is_zero(span_of(im->img->pages[i].bytes + (size_t)HOLE_LEN * part, HOLE_LEN)))
                data_parts[i] = (uint16_t)(data_parts[i] | 1U << part);
    }
}

/* The parts of the page that holds the byte. */
static uint16_t *parts_of(const struct img *img, uint64_t off)
{
    size_t i = 0;
    while (img->pages[i].index != off / IMG_PAGE_LEN)
        i++;
    return &data_parts[i];
}

static enum status live_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    img_read(((struct live *)s)->img, off, buf, len);
    return STATUS_OK;
}

static enum status live_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct img *img = ((struct live *)s)->img;
    for (size_t i = 0; i < img->page_count; i++) {
        uint64_t begin = img->pages[i].index * IMG_PAGE_LEN, end = begin + IMG_PAGE_LEN;
        if (end <= off)
            continue;
        unsigned first = begin > off ? 0 : (unsigned)((off - begin) / HOLE_LEN), last = first;
        while (first < 16 && !(data_parts[i] >> first & 1))
            first++;
        for (last = first; last < 16 && data_parts[i] >> last & 1;)
            last++;
        if (first == 16)
            continue;
        end = begin + (uint64_t)HOLE_LEN * last;
        begin += (uint64_t)HOLE_LEN * first;
        if (begin >= img->size)
            continue;
        *ret_data = begin > off ? begin : off;
        *ret_hole = end < img->size ? end : img->size;
        return STATUS_OK;
    }
    *ret_data = *ret_hole = img->size;
    return STATUS_OK;
}

static void live_close(struct source *s)
{
    (void)s;
}

static const struct source_ops live_ops = {.read = live_read, .next_data = live_next_data, .close = live_close};

static enum status open_parent(void *ctx, uint32_t dir, const char *name, struct source **ret,
                               struct file_info *ret_info)
{
    const struct sweep_image *im = ctx;
    (void)dir;
    (void)name;
    if (!im->parent)
        return STATUS_NOT_FOUND;
    *ret = img_source(im->parent);
    *ret_info = (struct file_info){
        .device = 1, .inode = 2, .size = im->parent->size, .allocated_bytes = im->parent->size, .mtime_sec = 1};
    return STATUS_OK;
}

/* ---- what a check says: findings by rule and severity ---- */

struct tally {
    uint64_t (*counts)[SEVERITY_COUNT]; /* rule_count() of them */
    uint64_t words;                     /* a sum over all messages */
};

static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    return h;
}

static void check(const struct sweep_image *im, struct tally *ret)
{
    struct live live = {.source = {.ops = &live_ops, .size = im->img->size}, .img = im->img};
    const struct host_facts host = {
        .known = true,
        .info = {.device = 1, .inode = 1, .size = im->img->size, .allocated_bytes = im->img->size, .mtime_sec = 9}};
    static const char *const parent[] = {"parent.vhdx"};
    const struct chain_options chain = {
        .parents = parent, .parent_count = im->parent ? 1 : 0, .open = open_parent, .open_ctx = (void *)(uintptr_t)im};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct image *img = NULL;
    struct check_result *res = NULL;
    bool ok = a && image_open(a, &live.source, "sweep.vhdx", &host, &(struct image_options){.no_replay = false},
                              &img) == STATUS_OK;
    ok = ok && chain_resolve(img, &chain) == STATUS_OK;
    ok =
        ok && check_run(img, &(struct check_options){.max_findings = LIMIT_FINDINGS_PER_RULE}, NULL, &res) == STATUS_OK;
    if (!ok || res->io_error || res->limited || !res->complete) {
        (void)fprintf(stderr, "the check itself failed\n");
        abort();
    }
    memset(ret->counts, 0, rule_count() * sizeof(*ret->counts));
    ret->words = 0;
    for (uint64_t i = 0; i < res->finding_count; i++) {
        ret->counts[res->findings[i]->rule_number][res->findings[i]->severity]++;
        ret->words += hash(res->findings[i]->message);
    }
    for (uint32_t r = 0; r < rule_count(); r++) /* what is not kept counts for what is */
        if (res->rules[r].count > res->rules[r].kept && res->rules[r].kept > 0)
            ret->counts[r][SEVERITY_INFO] += res->rules[r].count - res->rules[r].kept;
    chain_close(img);
    image_close(img);
    arena_destroy(a);
}

/* The worst finding that was not there before; SEVERITY_COUNT: none. */
static enum severity worse(const struct tally *before, const struct tally *now)
{
    for (int s = SEVERITY_ERROR; s >= SEVERITY_INFO; s--)
        for (uint32_t r = 0; r < rule_count(); r++)
            if (now->counts[r][s] > before->counts[r][s])
                return (enum severity)s;
    return SEVERITY_COUNT;
}

/* ---- changing ---- */

static size_t value_len(const struct sweep_field *f)
{
    return (f->bits + 7) / 8;
}

static void value_get(const struct img *img, const struct sweep_field *f, uint8_t *out)
{
    uint8_t b[8];
    if (f->shift == 0 && f->bits % 8 == 0) {
        img_read(img, f->off, out, f->bits / 8);
        return;
    }
    assert(f->bits <= 64 - f->shift);
    img_read(img, f->off, b, sizeof(b));
    uint64_t v = le64(b) >> f->shift;
    put_le64(b, f->bits == 64 ? v : v & (((uint64_t)1 << f->bits) - 1));
    memcpy(out, b, value_len(f));
}

static void value_put(struct img *img, const struct sweep_field *f, const uint8_t *value)
{
    uint8_t b[8] = {0};
    if (f->shift == 0 && f->bits % 8 == 0) {
        img_write(img, f->off, value, f->bits / 8);
        return;
    }
    memcpy(b, value, value_len(f));
    uint64_t mask = f->bits == 64 ? UINT64_MAX : ((uint64_t)1 << f->bits) - 1, v = le64(b) & mask;
    img_read(img, f->off, b, sizeof(b));
    put_le64(b, (le64(b) & ~(mask << f->shift)) | v << f->shift);
    img_write(img, f->off, b, sizeof(b));
}

static uint64_t low64(const uint8_t *value, size_t len)
{
    uint8_t b[8] = {0};
    memcpy(b, value, len < 8 ? len : 8);
    return le64(b);
}

uint64_t sweep_old(const struct sweep_change *c)
{
    return low64(c->old_value, value_len(c->field));
}

uint64_t sweep_new(const struct sweep_change *c)
{
    return low64(c->new_value, value_len(c->field));
}

static void seal(struct img *img, const struct sweep_seal *s)
{
    static uint8_t bytes[1 << 20];
    uint64_t len = s->len;
    uint8_t sum[4];
    assert(len <= sizeof(bytes));
    img_read(img, s->off, bytes, 64);
    if (s->log && le32(bytes + 8) % LOG_SECTOR_LEN == 0 && le32(bytes + 8) > 0 && le32(bytes + 8) <= sizeof(bytes) &&
        le32(bytes + 8) <= img->log_len)
        len = le32(bytes + 8);
    img_read(img, s->off, bytes, (size_t)len);
    put_le32(sum, crc32c_structure((struct span){bytes, (size_t)len}));
    img_write(img, s->off + 4, sum, sizeof(sum));
}

enum verb { ZERO, ONES, LOW_BIT, MIDDLE_BIT, HIGH_BIT, PLUS_ONE, MINUS_ONE, TWICE, RANDOM, NEIGHBOUR, VERBS };
static const char *const verb_names[VERBS] = {"0",  "~0", "low bit", "middle bit", "high bit",
                                              "+1", "-1", "x2",      "random",     "neighbour's value"};

static void flip(uint8_t *value, uint32_t bit)
{
    value[bit / 8] = (uint8_t)(value[bit / 8] ^ 1U << bit % 8);
}

/* Adds b at every place of the little-endian number, with the carry. */
static void add(uint8_t *value, size_t len, uint8_t first, uint8_t rest)
{
    unsigned carry = 0;
    for (size_t i = 0; i < len; i++) {
        carry += (unsigned)value[i] + (i == 0 ? first : rest);
        value[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15ULL;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL;
    return x ^ x >> 31;
}

/* The field behind in the same structure, else the one before: its bytes, again and again until the field is full. */
static void neighbour(const struct sweep_image *im, const struct sweep_field *f, uint8_t *value)
{
    static uint8_t from[SWEEP_VALUE_MAX];
    const struct sweep_field *n = f + 1 < im->fields + im->count && strcmp(f[1].structure, f->structure) == 0 ? f + 1
                                  : f > im->fields                                                            ? f - 1
                                                                                                              : f + 1;
    value_get(im->img, n, from);
    for (size_t i = 0, len = value_len(n); i < value_len(f); i++)
        value[i] = from[i % len];
}

/* value: as it is; becomes what the verb makes of it. */
static void apply(const struct sweep_image *im, const struct sweep_field *f, enum verb verb, uint64_t *random,
                  uint8_t *value)
{
    size_t len = value_len(f);
    switch (verb) {
    case ZERO:
    case ONES:
        memset(value, verb == ZERO ? 0 : 0xff, len);
        break;
    case LOW_BIT:
    case MIDDLE_BIT:
    case HIGH_BIT:
        flip(value, verb == LOW_BIT ? 0 : verb == MIDDLE_BIT ? f->bits / 2 : f->bits - 1);
        break;
    case PLUS_ONE:
        add(value, len, 1, 0);
        break;
    case MINUS_ONE:
        add(value, len, 0xff, 0xff);
        break;
    case TWICE:
        for (size_t i = len; i-- > 0;)
            value[i] = (uint8_t)(value[i] << 1 | (i > 0 ? value[i - 1] >> 7 : 0));
        break;
    case RANDOM:
        for (size_t i = 0; i < len; i++)
            value[i] = (uint8_t)random_next(random);
        break;
    case NEIGHBOUR:
        neighbour(im, f, value);
        break;
    case VERBS:
        break;
    }
    if (f->bits % 8)
        value[len - 1] &= (uint8_t)((1U << f->bits % 8) - 1);
}

/* ---- judging ---- */

static struct {
    uint64_t runs, fields, by_severity[SEVERITY_COUNT + 1], by_words, under_checksum, unexplained;
    uint64_t reason_used[MOST_REASONS];
    bool list;
} total;

static char current[256]; /* what is done just now, for the last words of a crash or a hang */

static void last_words(int sig)
{
    static const char said[] = "\nthe program died or did not end here: ";
    (void)!write(STDERR_FILENO, said, sizeof(said) - 1);
    (void)!write(STDERR_FILENO, current, strlen(current));
    (void)!write(STDERR_FILENO, "\n", 1);
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

/* Of a processor: a busy host is no hang. */
static void set_limit(unsigned seconds)
{
    (void)setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {.tv_sec = seconds}}, NULL);
}

/* The row that explains it; NULL: none. */
static const struct sweep_reason *reason_for(const struct sweep_change *c)
{
    for (size_t i = 0; i < sweep_reason_count; i++) {
        const struct sweep_reason *r = &sweep_reasons[i];
        if (strcmp(r->structure, c->field->structure) != 0 ||
            (strcmp(r->name, "*") != 0 && strcmp(r->name, c->field->name) != 0))
            continue;
        if (c->sealed && (!r->when || r->when(c))) {
            total.reason_used[i]++;
            return r;
        }
    }
    return NULL;
}

static void judge(const struct sweep_change *c, const struct tally *before, const char *what)
{
    static struct tally now;
    const struct sweep_field *f = c->field;
    if (!now.counts)
        now.counts = calloc(rule_count(), sizeof(*now.counts));
    if (!now.counts)
        abort();
    (void)snprintf(current, sizeof(current), "%s: %s %u: %s: %s, %s", c->image->name, f->structure, f->index, f->name,
                   what,
                   f->seal.len == 0 ? "no checksum"
                   : c->sealed      ? "signed"
                                    : "not signed");
    set_limit(SECONDS_FOR_ONE); /* from now on, whatever was left of the one before */
    check(c->image, &now);
    enum severity s = worse(before, &now);
    total.runs++;
    total.by_severity[s]++;
    total.under_checksum += !c->sealed;
    if (s == SEVERITY_COUNT && !c->sealed && now.words != before->words)
        total.by_words++;
    else if (s == SEVERITY_COUNT && !reason_for(c) &&
             ++total.unexplained <= (total.list ? UINT32_MAX : UNEXPLAINED_SHOWN))
        printf("nothing tells: %s (0x%" PRIx64 " to 0x%" PRIx64 ")\n", current, sweep_old(c), sweep_new(c));
}

/* Changes the field, checks, and puts everything back. */
static void run_change(struct sweep_image *im, const struct sweep_field *f, const uint8_t *old_value,
                       const uint8_t *value, bool sign, const struct tally *before, const char *what)
{
    const struct sweep_change c = {im, f, old_value, value, sign || f->seal.len == 0};
    uint8_t sum[4];
    if (f->seal.len)
        img_read(im->img, f->seal.off + 4, sum, sizeof(sum));
    value_put(im->img, f, value);
    if (sign)
        seal(im->img, &f->seal);
    judge(&c, before, what);
    if (f->seal.len)
        img_write(im->img, f->seal.off + 4, sum, sizeof(sum));
    value_put(im->img, f, old_value);
}

static void sweep_field(struct sweep_image *im, const struct sweep_field *f, const struct tally *before,
                        uint64_t *random)
{
    static uint8_t old_value[SWEEP_VALUE_MAX], value[SWEEP_VALUE_MAX];
    size_t len = value_len(f);
    value_get(im->img, f, old_value);
    for (int verb = 0; verb < VERBS; verb++) {
        memcpy(value, old_value, len);
        apply(im, f, (enum verb)verb, random, value);
        if (memcmp(value, old_value, len) == 0)
            continue;
        run_change(im, f, old_value, value, false, before, verb_names[verb]);
        if (f->seal.len && strcmp(f->name, "checksum") != 0)
            run_change(im, f, old_value, value, true, before, verb_names[verb]);
    }
    total.fields++;
}

/* Where it lies; fields can be long, and are not written whole for each bit. */
static void flip_in_image(struct img *img, const struct sweep_field *f, uint32_t bit)
{
    const uint32_t at = f->shift + bit;
    uint8_t *byte = img_bytes(img, f->off + at / 8, 1);
    *byte = (uint8_t)(*byte ^ 1U << at % 8);
}

/* One change of one bit, which is data now, and put back. */
static void run_flip(const struct sweep_change *c, uint32_t bit, const struct tally *before)
{
    struct img *img = c->image->img;
    const uint64_t off = c->field->off + (c->field->shift + bit) / 8;
    uint16_t *parts = parts_of(img, off), was = *parts;
    char what[32];

    *parts = (uint16_t)(was | 1U << off % IMG_PAGE_LEN / HOLE_LEN);
    flip_in_image(img, c->field, bit);
    (void)snprintf(what, sizeof(what), "bit %" PRIu32, bit);
    judge(c, before, what);
    flip_in_image(img, c->field, bit);
    *parts = was;
}

static void sweep_bits(struct sweep_image *im, const struct sweep_field *f, const struct tally *before, uint64_t whole,
                       uint64_t every)
{
    static uint8_t old_value[SWEEP_VALUE_MAX], value[SWEEP_VALUE_MAX];
    const struct sweep_change c = {im, f, old_value, value, f->seal.len == 0};
    value_get(im->img, f, old_value);
    memcpy(value, old_value, value_len(f));
    for (uint32_t bit = 0; bit < f->bits; bit++) {
        if (f->bits / 8 > whole && bit / 8 % every != 0)
            continue;
        flip(value, bit);
        run_flip(&c, bit, before);
        flip(value, bit);
    }
    value_get(im->img, f, value); /* everything was put back */
    assert(memcmp(value, old_value, value_len(f)) == 0);
    total.fields++;
}

static bool every_reason_was_needed(void)
{
    bool all = true;
    for (size_t i = 0; i < sweep_reason_count; i++)
        if (total.reason_used[i] == 0) {
            printf("never needed: the reason for %s: %s: %s\n", sweep_reasons[i].structure, sweep_reasons[i].name,
                   sweep_reasons[i].because);
            all = false;
        }
    return all;
}

static int finish(bool bits, size_t images)
{
    uint64_t told = total.by_words;
    bool ok = total.runs > 0 && total.unexplained == 0;
    if (!bits)
        ok = every_reason_was_needed() && ok;
    for (int i = 0; i < SEVERITY_COUNT; i++)
        told += total.by_severity[i];
    printf("figure sweep of %s: %" PRIu64 " changes of %" PRIu64 " fields of %zu images: %" PRIu64
           " told by an error, %" PRIu64 " by a warning, %" PRIu64 " by a note, %" PRIu64
           " by other words of one; %" PRIu64 " do not matter, for one of %zu reasons; all %" PRIu64
           " under a checksum told; 0 crashes, 0 hangs\n",
           bits ? "single bits" : "fields", total.runs, total.fields, images, total.by_severity[SEVERITY_ERROR],
           total.by_severity[SEVERITY_WARNING], total.by_severity[SEVERITY_INFO], total.by_words,
           total.runs - told - total.unexplained, sweep_reason_count, total.under_checksum);
    printf("%d passed, %d failed\n", ok ? 1 : 0, ok ? 0 : 1);
    return ok || total.list ? 0 : 1;
}

int main(int argc, char **argv)
{
    bool bits = argc > 1 && strcmp(argv[1], "bits") == 0, fields = argc > 1 && strcmp(argv[1], "fields") == 0;
    uint64_t whole = 0, every = 1, random = 6;
    const char *only = NULL;
    size_t images = 0;
    struct tally before = {.counts = calloc(rule_count(), sizeof(*before.counts))};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--every") == 0 && i + 1 < argc)
            every = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--whole") == 0 && i + 1 < argc)
            whole = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--list") == 0)
            total.list = true;
        else
            only = argv[i];
    }
    if ((!bits && !fields) || every == 0 || sweep_reason_count > MOST_REASONS || !before.counts) {
        (void)fprintf(stderr, "usage: sweep fields|bits [--list] [--whole L] [--every N] [IMAGE]\n");
        return 2;
    }
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20); /* millions of checks: memory is not given back after each */
    const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF};
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        (void)signal(deadly[i], last_words);
    for (size_t i = 0; i < sweep_image_count(); i++) {
        struct sweep_image im;
        sweep_image_make(i, &im);
        if (!only || strcmp(only, im.name) == 0) {
            all_is_data();
            if (bits)
                find_data(&im);
            check(&im, &before);
            images++;
            for (size_t k = 0; k < im.count; k++)
                if (bits)
                    sweep_bits(&im, &im.fields[k], &before, whole, every);
                else
                    sweep_field(&im, &im.fields[k], &before, &random);
        }
        sweep_image_free(&im);
    }
    set_limit(0);
    free(before.counts);
    return finish(bits, images);
}
