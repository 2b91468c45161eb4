/* SPDX-License-Identifier: MIT */
/*
 * Replay of the log, against the plain way: for each page asked about, look at every descriptor of the active
 * sequence, the last one first.
 *
 * Input: a recipe. Which sequence is active is the log scan's business (fuzz_log_scan). With an odd seed what was
 * replayed in memory is scanned and replayed once more, with bits 1 to 3 the log is replayed in the file as well.
 *
 * Asserted: the replay is refused exactly for the faults that the plain way finds, each counted; the overlay's size and
 * its pages, those touched, those beside them and the file's last ones, are what the plain way gives; the counts of
 * pages are right; replayed again it stays as it is; the file that is replayed on disk holds the same but for its
 * headers, and its log is empty then (property 3).
 */
#include "base/le.h"
#include "format/layout.h"
#include "fuzz/log_input.h"
#include "image/image.h"
#include "image/replay.h"
#include "io/store.h"
#include "write/replay_file.h"

enum {
    PAGE = LOG_SECTOR_LEN,
    PATCHES_MAX = 128, /* more are replayed without the oracle */
    PAGES_MAX = 96,    /* looked at */
    SEED_AGAIN = 1,
    SEED_FILE = 14,
    STAGED_MAX = 64 << 20, /* bytes written */
};

struct patch {
    uint64_t off, len, data_off; /* data_off 0: zeros */
    uint8_t leading[8], trailing[4];
    uint64_t entry;
};

struct plain {
    struct log_input *in;
    const struct log_scan *log;
    struct patch patches[PATCHES_MAX];
    size_t count;
    bool too_many;
    uint64_t entry;
    uint64_t limit, last_end;
    uint64_t faults[6];
    bool in_file; /* what is compared has headers of its own */
};

/* ---- the plain way ---- */

static bool on_descriptor(void *ctx, uint32_t i, const struct log_descriptor *d, uint64_t data_off)
{
    struct plain *p = ctx;
    struct patch *x = &p->patches[p->count];

    (void)i;
    if (p->count == PATCHES_MAX) {
        p->too_many = true;
        return false;
    }
    *x = (struct patch){.off = d->file_off, .len = d->len, .data_off = data_off, .entry = p->entry};
    memcpy(x->leading, d->leading, sizeof(x->leading));
    memcpy(x->trailing, d->trailing, sizeof(x->trailing));
    p->count++;
    return true;
}

static void judge_patch(struct plain *p, const struct patch *x)
{
    uint64_t end, log_end = p->log->off + p->log->len;

    if (x->len == 0)
        return;
    if (!u64_add(x->off, x->len, &end)) {
        p->faults[REPLAY_FAULT_WRAPS]++;
        return;
    }
    p->faults[REPLAY_FAULT_BELOW_MIN] += x->off < 0x30000;
    p->faults[REPLAY_FAULT_IN_LOG] += x->off < log_end && end > p->log->off;
    p->faults[REPLAY_FAULT_BEYOND] += end > p->limit;
    p->last_end = u64_max(p->last_end, end);
}

/* Collects all patches in their order, and the faults. */
static void plain_read(struct plain *p, struct log_input *in, const struct log_scan *log)
{
    *p = (struct plain){.in = in, .log = log, .limit = in->unwatched->size};
    p->entry = log->active_first;
    for (uint64_t n = 0; n < log->active_count && !p->too_many; n++, p->entry = log_scan_next(log, p->entry)) {
        const struct log_entry *e = &log->entries[p->entry];
        ASSERT(log_scan_descriptors(log, in->unwatched, p->entry, on_descriptor, p) == STATUS_OK);
        p->limit = u64_max(p->limit, e->last_file_off);
        p->faults[REPLAY_FAULT_SIZE_ABSURD] +=
            e->last_file_off > LIMIT_REPLAYED_SIZE && e->last_file_off > in->unwatched->size;
        p->faults[REPLAY_FAULT_SIZE_ABSURD] +=
            e->flushed_file_off > LIMIT_REPLAYED_SIZE && e->flushed_file_off > in->unwatched->size;
    }
    p->faults[REPLAY_FAULT_TRUNCATED] += log->entries[log->active_head].flushed_file_off > in->unwatched->size;
    for (size_t i = 0; i < p->count; i++)
        judge_patch(p, &p->patches[i]);
}

static uint64_t plain_size(const struct plain *p)
{
    uint64_t wanted = p->log->entries[p->log->active_head].last_file_off;

    wanted = (wanted + MIB - 1) / MIB * MIB;
    return u64_max(p->in->unwatched->size, u64_max(wanted, p->last_end));
}

/* A page of the replayed file, its end cut off at the end of the file. */
static void plain_page(const struct plain *p, uint64_t off, uint8_t *page)
{
    uint8_t sector[PAGE];
    size_t got;

    for (size_t i = p->count; i-- > 0;) {
        const struct patch *x = &p->patches[i];
        if (off < x->off || off - x->off >= x->len)
            continue;
        memset(page, 0, PAGE);
        if (x->data_off == 0)
            return;
        ASSERT(source_read_some(p->in->unwatched, x->data_off, sector, PAGE, &got) == STATUS_OK);
        memcpy(page, x->leading, 8);
        memcpy(page + 8, sector + 8, PAGE - 12);
        memcpy(page + PAGE - 4, x->trailing, 4);
        return;
    }
    ASSERT(source_read_some(p->in->unwatched, off, page, PAGE, &got) == STATUS_OK);
}

/* ---- comparison ---- */

static void check_page(const struct plain *p, struct source *replayed, uint64_t off)
{
    uint8_t want[PAGE], have[PAGE];
    size_t got;

    off -= off % PAGE;
    if (off >= replayed->size || (p->in_file && (off == HEADER_OFF[0] || off == HEADER_OFF[1])))
        return;
    plain_page(p, off, want);
    ASSERT(source_read_some(replayed, off, have, PAGE, &got) == STATUS_OK);
    ASSERT(memcmp(want, have, got) == 0, "page %#llx", (unsigned long long)off);
}

static void check_pages(const struct plain *p, struct source *replayed)
{
    unsigned looked_at = 0;

    for (size_t i = 0; i < p->count && looked_at < PAGES_MAX; i++) {
        const struct patch *x = &p->patches[i];
        uint64_t last = x->off + (x->len > 0 ? x->len - 1 : 0);
        check_page(p, replayed, x->off);
        check_page(p, replayed, x->off - u64_min(x->off, PAGE));
        check_page(p, replayed, last);
        check_page(p, replayed, last + PAGE);
        check_page(p, replayed, x->off + x->len / 2);
        looked_at += 5;
    }
    check_page(p, replayed, 0x30000);
    check_page(p, replayed, p->in->unwatched->size - u64_min(p->in->unwatched->size, 1));
    check_page(p, replayed, replayed->size - 1);
}

/* Pages counted one by one, when they are few. Page p is where the patches say, whatever the file's size. */
static void check_counts(const struct plain *p, const struct replay *r)
{
    uint64_t total = 0, touched = 0, changed = 0;
    uint8_t old[PAGE], new[PAGE];
    size_t got;

    for (size_t i = 0; i < p->count; i++)
        total += p->patches[i].len / PAGE;
    if (total > PAGES_MAX)
        return;
    for (size_t i = 0; i < p->count; i++) {
        const struct patch *x = &p->patches[i];
        for (uint64_t off = x->off; off - x->off < x->len; off += PAGE) {
            bool seen = false;
            for (size_t k = 0; k < i; k++)
                seen |= off >= p->patches[k].off && off - p->patches[k].off < p->patches[k].len;
            if (seen)
                continue;
            plain_page(p, off, new);
            ASSERT(source_read_some(p->in->unwatched, off, old, PAGE, &got) == STATUS_OK);
            touched++;
            changed += memcmp(old, new, PAGE) != 0;
        }
    }
    ASSERT(r->pages_touched == touched, "%llu, not %llu", (unsigned long long)r->pages_touched,
           (unsigned long long)touched);
    ASSERT(r->pages_changed == changed, "%llu, not %llu", (unsigned long long)r->pages_changed,
           (unsigned long long)changed);
}

static void check_faults(const struct plain *p, const struct replay *r)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < sizeof(p->faults) / sizeof(p->faults[0]); i++) {
        ASSERT(r->fault_totals[i] == p->faults[i], "%llu, not %llu of kind %u", (unsigned long long)r->fault_totals[i],
               (unsigned long long)p->faults[i], i);
        all += p->faults[i];
    }
    ASSERT(r->refused == (all > 0) && r->fault_count <= all);
    ASSERT((r->overlay == NULL) == r->refused);
}

/* The replayed file, its log read again: the same sequence, and nothing left to do. */
static void check_again(const struct plain *p, const struct replay *r)
{
    struct log_input *in = p->in;
    struct log_scan log;
    struct replay again;

    ASSERT(log_scan_run(in->arena, r->overlay, in->off, in->len, &in->guid, &log) == STATUS_OK);
    ASSERT(log.has_active == true && log.active_count == p->log->active_count);
    ASSERT(log.entry_count == p->log->entry_count);
    ASSERT(replay_build(in->arena, r->overlay, &log, &again) == STATUS_OK);
    ASSERT(again.attempted && !again.refused && again.pages_changed == 0);
    ASSERT(again.new_size == r->new_size && again.overlay->size == r->new_size);
    check_pages(p, again.overlay);
    source_close(again.overlay);
}

/* The file with its log replayed on disk, as `vhdxray replay` does it. */
static void check_file(struct plain *p, const struct replay *r)
{
    const struct image_options options = {.no_replay = false};
    struct log_input *in = p->in;
    struct entropy e = entropy_seeded(in->recipe.seed);
    struct image *img = NULL;
    struct store *s = NULL;

    ASSERT(stage_open(in->unwatched, STAGED_MAX, &s) == STATUS_OK);
    ASSERT(image_open(in->arena, s->source, "image.vhdx", NULL, &options, &img) == STATUS_OK);
    const struct header *h = image_header(img);
    bool refused = h->log_version != 0 || h->sequence_number > UINT64_MAX - 4;
    enum status st = replay_file(s, img, &e);
    image_close(img);
    ASSERT(refused ? st == STATUS_REFUSED : st == STATUS_OK || st == STATUS_LIMIT, "status %d", (int)st);
    if (st == STATUS_OK) {
        ASSERT(s->source->size == r->new_size);
        p->in_file = true;
        check_pages(p, s->source);
        ASSERT(image_open(in->arena, s->source, "image.vhdx", NULL, &options, &img) == STATUS_OK);
        ASSERT(guid_is_nil(&image_header(img)->log_guid) && !img->log.has_active && !img->replay.attempted);
        image_close(img);
    }
    store_close(s);
}

static void check_replay(struct log_input *in, const struct log_scan *log)
{
    static struct plain p;
    struct replay r;

    ASSERT(replay_build(in->arena, in->file, log, &r) == STATUS_OK);
    ASSERT(r.attempted == log->has_active && !r.io_error);
    if (r.attempted) {
        plain_read(&p, in, log);
        if (!p.too_many)
            check_faults(&p, &r);
        if (!p.too_many && r.overlay != NULL) {
            ASSERT(r.new_size == plain_size(&p) && r.overlay->size == r.new_size);
            check_pages(&p, r.overlay);
            check_counts(&p, &r);
            if (in->recipe.seed & SEED_AGAIN) /* costs as much as all the rest */
                check_again(&p, &r);
            if (is_replay() || (in->recipe.seed & SEED_FILE) == SEED_FILE) /* and more */
                check_file(&p, &r);
        }
    } else {
        ASSERT(r.overlay == NULL && !r.refused && r.new_size == in->file->size);
    }
    source_close(r.overlay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct log_input in;
    struct log_scan log;

    if (log_input_open(data, size, &in)) {
        ASSERT(log_scan_run(in.arena, in.file, in.off, in.len, &in.guid, &log) == STATUS_OK);
        check_replay(&in, &log);
    }
    log_input_close(&in);
    return 0;
}
