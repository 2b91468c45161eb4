/* SPDX-License-Identifier: MIT */
/*
 * A check may read what a recipe lays down a number of times, and besides a fixed part that the structures of any image
 * cost. The number is generous, and the same for all inputs: it is there to find work that grows with what an image
 * claims instead of with what is there.
 */
#include "fuzz/whole.h"

#include "base/limits.h"

/* Times that everything may be looked at. A structure is read once per view; blocks that overlap are, pass by pass. */
enum { LOOKS = 64 };

struct work_bound whole_bound(const struct recipe *r)
{
    /* Looking for blocks in holes asks once for each block that stands alone, up to its own limit. */
    return work_bound_of(LOOKS, r->count, recipe_bytes(r), 4096 + LIMIT_HOLE_QUESTIONS, (uint64_t)16 << 20);
}

struct host_facts whole_host(const struct recipe *r, uint64_t inode)
{
    return (struct host_facts){
        .known = true,
        .info =
            {
                .kind = FILE_KIND_REGULAR,
                .device = 1,
                .inode = inode,
                .size = r->size,
                .allocated_bytes = recipe_bytes(r),
                .mtime_sec = 1000,
            },
    };
}

/* ---- ragged ---- */

enum { RAGGED_PIECE = 4096 };

/* The same data, a page of it at a time; also legal, see source_ops. */
static enum status ragged_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    struct watched *w = (struct watched *)s;
    enum status st = source_next_data(w->below, off, ret_data, ret_hole);

    if (st == STATUS_OK && *ret_data < s->size)
        *ret_hole = u64_min(*ret_hole, (*ret_data / RAGGED_PIECE + 1) * RAGGED_PIECE);
    return st;
}

static enum status ragged_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    struct watched *w = (struct watched *)s;

    for (size_t at = 0; at < len; at += RAGGED_PIECE) {
        enum status st = source_read(w->below, off + at, (uint8_t *)buf + at, (size_t)u64_min(len - at, RAGGED_PIECE));
        if (st != STATUS_OK)
            return st;
    }
    return STATUS_OK;
}

static void ragged_close(struct source *s)
{
    (void)s; /* nothing is owned */
}

static struct source *ragged_open(struct watched *w, struct source *below)
{
    static const struct source_ops ops = {ragged_read, ragged_next_data, ragged_close};

    *w = (struct watched){.base = {.ops = &ops, .size = below->size}, .below = below};
    return &w->base;
}

/* ---- images ---- */

void whole_open(struct whole *w, const struct recipe *r, const char *path, unsigned options)
{
    const struct host_facts host = whole_host(r, 1);
    const struct image_options image_options = {.no_replay = (options & WHOLE_NO_REPLAY) != 0};

    *w = (struct whole){.recipe = r, .file = recipe_source(r), .arena = property_arena(LIMIT_MEMORY_DEFAULT)};
    struct source *s =
        options & WHOLE_RAGGED ? ragged_open(&w->watched, w->file) : watched_open(&w->watched, w->file, whole_bound(r));
    enum status st = image_open(w->arena, s, path, options & WHOLE_HOST ? &host : NULL, &image_options, &w->image);
    ASSERT(st == STATUS_OK, "status %d", (int)st);
}

void whole_close(struct whole *w)
{
    image_close(w->image);
    arena_destroy(w->arena);
    source_close(w->file);
}

/* ---- the result ---- */

static void judge_finding(const struct finding *f)
{
    const char *means = f->means != NULL ? f->means : f->rule->means, *next = f->next != NULL ? f->next : f->rule->next;

    ASSERT(f->at.off <= INT64_MAX, "%s: %s", f->rule->id, f->message);
    ASSERT(f->message[0] != '\0' && means != NULL && means[0] != '\0' && next != NULL && next[0] != '\0', "%s",
           f->rule->id);
    ASSERT(f->at.index >= -1, "%s: index %lld", f->rule->id, (long long)f->at.index);
    ASSERT(!f->has_guest_range || f->guest_len <= INT64_MAX - f->guest_off, "%s: guest range", f->rule->id);
}

static const char *rule_of(const struct check_result *res, const struct rule_result *r)
{
    return rule_at((uint32_t)(r - res->rules))->id;
}

/* There are hundreds of rules, and few of them have anything to say. */
static void judge_rules(const struct check_result *res, uint64_t *ret_suppressed)
{
    const struct rule_result *end = res->rules + rule_count();
    uint64_t failed = 0, evaluated = 0, kept = 0;

    for (const struct rule_result *r = res->rules; r < end; r++) {
        const struct rule_result x = *r;
        ASSERT(x.kept <= x.count, "%s", rule_of(res, r));
        ASSERT((x.outcome == RULE_FAILED) == (x.count > 0), "%s: outcome %d", rule_of(res, r), (int)x.outcome);
        ASSERT((x.outcome == RULE_NOT_EVALUATED) == (x.reason != NULL), "%s: reason", rule_of(res, r));
        failed += x.count;
        kept += x.kept;
        evaluated += x.outcome != RULE_NOT_EVALUATED;
    }
    ASSERT(evaluated == res->evaluated);
    ASSERT(kept == res->finding_count);
    ASSERT(failed == res->counts[SEVERITY_ERROR] + res->counts[SEVERITY_WARNING] + res->counts[SEVERITY_INFO]);
    *ret_suppressed = failed - kept;
}

void whole_judge(const struct check_result *res)
{
    uint64_t listed[SEVERITY_COUNT] = {0}, suppressed;
    const struct finding *before = NULL;

    judge_rules(res, &suppressed);
    for (uint64_t i = 0; i < res->finding_count; i++) {
        const struct finding *f = res->findings[i];
        judge_finding(f);
        ASSERT(before == NULL || before->severity >= f->severity, "%s", f->rule->id);
        listed[f->severity]++;
        before = f;
    }
    for (int s = 0; s < SEVERITY_COUNT; s++)
        ASSERT(suppressed > 0 ? listed[s] <= res->counts[s] : listed[s] == res->counts[s], "severity %d", s);

    const uint64_t errors = res->counts[SEVERITY_ERROR], warnings = res->counts[SEVERITY_WARNING];
    switch (res->verdict) {
    case VERDICT_CLEAN:
        ASSERT(errors == 0 && warnings == 0);
        break;
    case VERDICT_SUSPICIOUS:
        ASSERT(errors == 0 && warnings > 0);
        break;
    case VERDICT_CORRUPT:
    case VERDICT_UNREADABLE:
        ASSERT(errors > 0);
        break;
    }
    ASSERT(res->complete == (!res->io_error && !res->limited));
    ASSERT(!res->io_error, "a recipe can be read everywhere");
}

/* ---- text ---- */

static FILE *stream;
static char *stream_text;
static size_t stream_len;

FILE *whole_text_begin(void)
{
    if (stream == NULL)
        stream = open_memstream(&stream_text, &stream_len);
    ASSERT(stream != NULL, "out of memory");
    rewind(stream);
    return stream;
}

const char *whole_text_end(size_t *ret_len)
{
    /* What an earlier and longer report left behind the end is cut off by the NUL. */
    off_t end = ftello(stream);

    (void)fputc('\0', stream);
    ASSERT(end >= 0 && fflush(stream) == 0 && !ferror(stream), "out of memory");
    *ret_len = (size_t)end;
    return stream_text;
}
