/* SPDX-License-Identifier: MIT */
/*
 * Power losses around changes that go by the format's own rules. After log replay the next replay ends with the
 * finished image. After guest writes the log is replayed, and then each sector holds what was there before or what was
 * written to it - what was flushed for sure -, every other sector is unchanged and the rules find no error. A file that
 * is being created is no image, or the whole one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "build.h"
#include "check/run.h"
#include "crash.h"
#include "image/guest.h"
#include "write/create.h"
#include "write/replay_file.h"
#include "write/writer.h"

static const uint64_t MEMORY = (uint64_t)64 << 20;

enum {
    SECTOR = 512,
    GUEST_MOST = 3 << 20, /* bytes of a guest's disk here */
    WRITES_MOST = 8,
    CHECK_EVERY = 16, /* states of which all rules are asked */
};

/* One model of a file in memory. */
struct look {
    struct arena *arena;
    struct store *store;
    struct image *image;
};

static enum status look_open(struct look *l, struct disk *d, struct recording *r)
{
    *l = (struct look){.arena = arena_create(MEMORY), .store = disk_store(d, r, 0, NULL)};
    if (l->arena == NULL)
        return STATUS_NO_MEMORY;
    return image_open(l->arena, l->store->source, "crash.vhdx", NULL, NULL, &l->image);
}

static void look_close(struct look *l)
{
    if (l->image != NULL)
        image_close(l->image);
    store_close(l->store);
    arena_destroy(l->arena);
    *l = (struct look){.image = NULL};
}

/* What the next program does with a file whose log is dirty. */
static bool replay(struct crash *c, struct disk *d, struct recording *r)
{
    struct entropy e = entropy_seeded(c->seed + 1000);
    struct look l;
    enum status st = look_open(&l, d, r);
    enum log_state state = st == STATUS_OK ? l.image->log_state : LOG_STATE_INVALID;

    if (st == STATUS_OK && state == LOG_STATE_DIRTY)
        st = replay_file(l.store, l.image, &e);
    look_close(&l);
    if (st != STATUS_OK)
        return crash_problem(c, "the log cannot be replayed: status %d", (int)st);
    return state != LOG_STATE_INVALID || crash_problem(c, "the log is invalid");
}

/* No error, and the log is empty. */
static bool healthy(struct crash *c, struct look *l)
{
    struct check_options options = {.max_findings = 10};
    struct check_result *result = NULL;

    if (l->image->log_state != LOG_STATE_EMPTY || !l->image->headers[0].valid || !l->image->headers[1].valid)
        return crash_problem(c, "after recovery: log state %d, headers valid: %d %d", (int)l->image->log_state,
                             l->image->headers[0].valid, l->image->headers[1].valid);
    if (check_run(l->image, &options, NULL, &result) != STATUS_OK || !result->complete)
        return crash_problem(c, "after recovery the image cannot be checked");
    if (result->counts[SEVERITY_ERROR] > 0)
        return crash_problem(c, "after recovery: %s %s", result->findings[0]->rule->id, result->findings[0]->message);
    return true;
}

/* ---- log replay ---- */

struct replaying {
    struct crash *crash;
    struct disk before, after;
    struct recording recording;
    uint64_t seen, inner;
};

/* Pages, zeros and growth in three entries. */
static void make_dirty(struct disk *d, uint64_t seed)
{
    struct img *img = img_create(&(struct img_params){.virtual_size = 8 << 20, .states = "6.62", .seed = seed});
    struct img_log_desc descs[4];
    uint64_t bat = img_bat_entry_off(img, 0), metadata = img->metadata_off;
    uint8_t *page;

    img_log_begin(img, (uint32_t)(seed % 200) * 4096, seed + 5);
    img_log_append(img, NULL, 0);
    page = img_page_copy(img, bat);
    memset(page + 3000, 0, 16);
    descs[0] = (struct img_log_desc){.off = bat / 4096 * 4096, .page = page};
    descs[1] = (struct img_log_desc){.off = metadata + 128 * 1024, .len = 8192}; /* free room of that region */
    img_log_append(img, descs, 1 + seed % 2);
    page = img_page_copy(img, metadata + 160 * 1024);
    memset(page, (int)seed, 4096);
    descs[0] = (struct img_log_desc){.off = metadata + 160 * 1024, .page = page};
    descs[1] = (struct img_log_desc){.off = metadata + 164 * 1024, .page = page};
    descs[2] = (struct img_log_desc){.off = metadata + 192 * 1024, .page = page};
    descs[3] = (struct img_log_desc){.off = 192 * 1024, .page = img_page_copy(img, 192 * 1024)};
    if (seed % 2 == 0)
        img_log_append(img, descs, 4);
    else /* with growth */
        (void)img_log_write(img, img->log.pos,
                            &(struct img_log_entry){.sequence_number = img->log.sequence_number,
                                                    .tail = img->log.tail,
                                                    .flushed = img->size,
                                                    .last = img->size + (1 << 20),
                                                    .descs = descs,
                                                    .desc_count = 4});
    struct source *s = img_source(img);
    if (!disk_load(d, s))
        abort();
    source_close(s);
    img_free(img);
}

/* All but the headers, which carry a new FileWriteGuid and sequence numbers each time. */
static bool same_but_headers(struct crash *c, struct disk *d, const struct disk *want)
{
    struct disk copy;
    uint8_t headers[128 * 1024];

    disk_copy(&copy, d);
    disk_read(want, 64 * 1024, headers, sizeof(headers));
    disk_write(&copy, 64 * 1024, headers, sizeof(headers));
    uint64_t where = disk_difference(&copy, want);
    return where == UINT64_MAX ||
           crash_problem(c, "after recovery byte %#llx is not that of the finished image", (unsigned long long)where);
}

static bool see_replay(void *context, struct disk *disks, uint64_t issued)
{
    struct replaying *t = (struct replaying *)context;
    struct crash *c = t->crash;
    struct look l;

    (void)issued;
    if (!replay(c, disks, NULL) || !same_but_headers(c, disks, &t->after))
        return false;
    enum status st = look_open(&l, disks, NULL);
    bool good = st == STATUS_OK || crash_problem(c, "after recovery the image cannot be opened");
    const struct header *h = good ? image_header(l.image) : NULL;
    struct header want;
    uint8_t bytes[HEADER_LEN];
    disk_read(&t->before, 64 * 1024, bytes, sizeof(bytes));
    (void)header_decode(span_of(bytes, sizeof(bytes)), &want);
    if (good && (h == NULL || !guid_equal(&h->data_write_guid, &want.data_write_guid)))
        good = crash_problem(c, "DataWriteGuid is another one");
    if (good && t->seen++ % CHECK_EVERY == 0)
        good = healthy(c, &l);
    look_close(&l);
    c->as_after += good;
    return good;
}

static bool see_replay_again(void *context, struct disk *disks, uint64_t issued)
{
    struct replaying *t = (struct replaying *)context;
    struct disk copy;
    struct recording recovery = {.count = 0};

    (void)issued;
    disk_copy(&copy, disks);
    bool good = replay(t->crash, &copy, &recovery);
    if (good && recovery.count > 0)
        good = crash_play(t->crash, &recovery, disks, 1, t->inner, see_replay, t);
    recording_free(&recovery);
    return good && t->crash->states < t->crash->wanted;
}

static void play_replay(struct crash *c, uint64_t outer)
{
    static struct replaying t;

    for (c->seed = 1; c->states < c->wanted && c->problem[0] == '\0'; c->seed++) {
        uint64_t mark = pool_mark(), most = u64_max(c->wanted / 6, 500);
        t = (struct replaying){.crash = c};
        make_dirty(&t.before, c->seed);
        disk_copy(&t.after, &t.before);
        if (replay(c, &t.after, &t.recording) && outer == 0) {
            (void)crash_play(c, &t.recording, &t.before, 1, most, see_replay, &t);
        } else if (c->problem[0] == '\0') {
            struct power_options o = {.samples = 1000, .torn_samples = 4, .seed = c->seed};
            o.every = u64_max(power_play(&t.recording, &t.before, 1, &o, NULL, NULL) / outer, 1);
            t.inner = u64_max(most / outer, 20);
            (void)power_play(&t.recording, &t.before, 1, &o, see_replay_again, &t);
        }
        recording_free(&t.recording);
        pool_release(mark);
    }
}

void crash_replay(struct crash *c)
{
    play_replay(c, 0);
}

void crash_replay_again(struct crash *c)
{
    play_replay(c, 30);
}

/* ---- guest writes ---- */

/* The guest's disk after the first, second, ... write; 0: before. */
struct version {
    uint8_t bytes[GUEST_MOST];
    uint64_t begun;   /* operations that were issued when it began */
    uint64_t durable; /* ... and when a flush behind it was through; UINT64_MAX: none was */
};

struct writing {
    struct crash *crash;
    struct disk before;
    struct recording recording;
    struct version *versions; /* WRITES_MOST + 1 */
    uint32_t version_count;
    uint64_t size; /* of the guest's disk */
    uint64_t seen, inner;
    uint8_t *now; /* GUEST_MOST */
};

/* Sectors that only a missing parent has are zeros here, before and after. */
static bool read_guest(struct crash *c, struct look *l, uint8_t *out, uint64_t *ret_size)
{
    struct guest_options options = {.anchors = false};
    struct guest *g = NULL;
    const char *why = "";
    uint64_t faults = 0;

    if (guest_open(l->image, &options, &g, &why) != STATUS_OK)
        return crash_problem(c, "the guest's disk cannot be read: %s", why);
    *ret_size = guest_size(g);
    return guest_read(g, 0, out, (size_t)*ret_size, NULL, NULL, &faults) == STATUS_OK ||
           crash_problem(c, "the guest's disk cannot be read");
}

/* Each sector is that of a version that may show: begun at all, and not older than what is durable. */
static bool allowed(struct writing *t, uint64_t issued)
{
    uint32_t first = 0, last = 0;
    bool all_old = true, all_new = true;

    for (uint32_t i = 1; i < t->version_count; i++) {
        last = t->versions[i].begun <= issued ? i : last;
        first = t->versions[i].durable <= issued ? i : first;
    }
    for (uint64_t off = 0; off < t->size; off += SECTOR) {
        uint32_t v = last;
        while (memcmp(t->now + off, t->versions[v].bytes + off, SECTOR) != 0) {
            if (v == first)
                return crash_problem(t->crash, "guest sector %llu is neither old nor new (writes %u to %u may show)",
                                     (unsigned long long)(off / SECTOR), first, last);
            v--;
        }
        all_old = all_old && memcmp(t->now + off, t->versions[0].bytes + off, SECTOR) == 0;
        all_new = all_new && memcmp(t->now + off, t->versions[t->version_count - 1].bytes + off, SECTOR) == 0;
    }
    t->crash->as_before += all_old && !all_new;
    t->crash->as_after += all_new;
    t->crash->between += !all_old && !all_new;
    return true;
}

static bool see_written(void *context, struct disk *disks, uint64_t issued)
{
    struct writing *t = (struct writing *)context;
    struct look l;
    uint64_t size = 0;

    if (!replay(t->crash, disks, NULL))
        return false;
    bool good =
        look_open(&l, disks, NULL) == STATUS_OK || crash_problem(t->crash, "after recovery the image cannot be opened");
    good = good && read_guest(t->crash, &l, t->now, &size) && allowed(t, issued);
    if (good && t->seen++ % CHECK_EVERY == 0)
        good = healthy(t->crash, &l);
    look_close(&l);
    return good;
}

/* A crash while the log is replayed after a crash while it was written: what may show is what might have before. */
struct nested {
    struct writing *writing;
    uint64_t issued;
};

static bool see_written_again(void *context, struct disk *disks, uint64_t issued)
{
    struct nested *n = (struct nested *)context;

    (void)issued;
    return see_written(n->writing, disks, n->issued);
}

static bool see_write_recovery(void *context, struct disk *disks, uint64_t issued)
{
    struct writing *t = (struct writing *)context;
    struct nested n = {.writing = t, .issued = issued};
    struct disk copy;
    struct recording recovery = {.count = 0};

    disk_copy(&copy, disks);
    bool good = replay(t->crash, &copy, &recovery);
    if (good && recovery.count > 0)
        good = crash_play(t->crash, &recovery, disks, 1, t->inner, see_written_again, &n);
    recording_free(&recovery);
    return good && t->crash->states < t->crash->wanted;
}

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % below;
}

/* Kinds of images by seed: an empty dynamic one, one with blocks of each state, a child, a fixed one, a dirty one. */
static void make_writable(struct disk *d, uint64_t seed)
{
    struct img_params p = {.virtual_size = 3 << 20, .block_size = 1 << 20, .seed = seed, .states = "..."};

    if (seed % 5 == 1)
        p.states = "6U2";
    if (seed % 5 == 2) {
        p.type = IMG_DIFFERENCING;
        p.states = seed % 2 ? "7.6" : "0.7";
    }
    if (seed % 5 == 3) {
        p.type = IMG_FIXED;
        p.states = "666";
    }
    struct img *img = img_create(&p);
    if (seed % 5 == 4)
        img_make_dirty_bat(img, 1, img_bat_get(img, 1));
    struct source *s = img_source(img);
    if (!disk_load(d, s))
        abort();
    source_close(s);
    img_free(img);
}

static bool write_one(struct writing *t, struct writer *w, uint32_t i)
{
    static uint8_t bytes[GUEST_MOST];
    struct version *v = &t->versions[i];
    uint64_t off = draw(t->size / SECTOR) * SECTOR;
    uint64_t len = (1 + draw(draw(4) ? 24 : 2200)) * SECTOR;

    len = u64_min(len, t->size - off);
    memcpy(v->bytes, t->versions[i - 1].bytes, (size_t)t->size);
    uint8_t base = (uint8_t)(1 + draw(200));
    bool zeros = draw(6) == 0;
    for (uint64_t k = 0; k < len; k++) /* each sector tells its place and the write it comes from */
        bytes[k] = zeros ? 0 : (uint8_t)(base + (off + k) / SECTOR * 3 + k % 5 + i);
    memcpy(v->bytes + off, bytes, (size_t)len);
    v->begun = t->recording.count + 1; /* shows once one of its operations was issued */
    v->durable = UINT64_MAX;
    return writer_write(w, off, bytes, len) == STATUS_OK;
}

static void flushed(struct writing *t, uint32_t upto)
{
    for (uint32_t i = 1; i < upto; i++) {
        if (t->versions[i].durable == UINT64_MAX)
            t->versions[i].durable = t->recording.count;
    }
}

static bool record_writes(struct writing *t, struct disk *d)
{
    struct entropy e = entropy_seeded(t->crash->seed);
    struct arena *a = arena_create(MEMORY);
    struct store *s = disk_store(d, &t->recording, 0, NULL);
    struct writer *w = NULL;
    const char *why = "";

    t->version_count = 1;
    enum status st = a != NULL ? writer_open(a, s, "crash.vhdx", &e, &w, &why) : STATUS_NO_MEMORY;
    bool good = st == STATUS_OK || crash_problem(t->crash, "cannot be opened for writing: %s", why);
    for (uint64_t n = 1 + draw(WRITES_MOST); good && n > 0; n--) {
        good = write_one(t, w, t->version_count++) || crash_problem(t->crash, "a write fails");
        if (good && draw(3) == 0) {
            good = writer_flush(w) == STATUS_OK || crash_problem(t->crash, "a flush fails");
            flushed(t, t->version_count);
        }
    }
    if (st == STATUS_OK && writer_close(w) != STATUS_OK)
        good = crash_problem(t->crash, "closing fails");
    flushed(t, t->version_count);
    store_close(s);
    arena_destroy(a);
    return good;
}

static void play_writes(struct crash *c, uint64_t outer)
{
    static struct writing t;
    struct version *versions = (struct version *)malloc((WRITES_MOST + 1) * sizeof(*versions) + GUEST_MOST);

    if (versions == NULL)
        abort();
    for (c->seed = 1; c->states < c->wanted && c->problem[0] == '\0'; c->seed++) {
        uint64_t mark = pool_mark(), most = u64_max(c->wanted / 10, 500);
        struct disk d;
        struct look l;
        t = (struct writing){.crash = c, .versions = versions, .now = (uint8_t *)(versions + WRITES_MOST + 1)};
        random_state = c->seed * 104729;
        make_writable(&t.before, c->seed);
        disk_copy(&d, &t.before);
        bool good = look_open(&l, &t.before, NULL) == STATUS_OK && read_guest(c, &l, versions[0].bytes, &t.size);
        look_close(&l);
        good = good && record_writes(&t, &d);
        if (good && outer == 0) {
            (void)crash_play(c, &t.recording, &t.before, 1, most, see_written, &t);
        } else if (good) {
            struct power_options o = {.samples = 1000, .torn_samples = 4, .seed = c->seed};
            o.every = u64_max(power_play(&t.recording, &t.before, 1, &o, NULL, NULL) / outer, 1);
            t.inner = u64_max(most / outer, 20);
            (void)power_play(&t.recording, &t.before, 1, &o, see_write_recovery, &t);
        }
        recording_free(&t.recording);
        pool_release(mark);
    }
    free(versions);
}

void crash_write(struct crash *c)
{
    play_writes(c, 0);
}

void crash_write_recovery(struct crash *c)
{
    play_writes(c, 30);
}

/* ---- creation ---- */

struct creating {
    struct crash *crash;
    struct disk after;
};

static bool see_created(void *context, struct disk *disks, uint64_t issued)
{
    struct creating *t = (struct creating *)context;
    uint8_t signature[8];

    (void)issued;
    disk_read(&disks[0], 0, signature, sizeof(signature));
    if (memcmp(signature, "vhdxfile", sizeof(signature)) != 0) {
        t->crash->as_before++; /* no program takes it for an image */
        return true;
    }
    uint64_t where = disk_difference(&disks[0], &t->after);
    if (where != UINT64_MAX)
        return crash_problem(t->crash, "the file has its identifier, but byte %#llx is missing",
                             (unsigned long long)where);
    t->crash->as_after++;
    return true;
}

void crash_create(struct crash *c)
{
    static struct creating t;
    static struct disk empty, d;

    t.crash = c;
    for (c->seed = 1; c->states < c->wanted && c->problem[0] == '\0'; c->seed++) {
        uint64_t mark = pool_mark();
        struct create_options o = {
            .type = (enum create_type)(c->seed % 3),
            .like = c->seed % 6 == 4 ? CREATE_LIKE_QEMU : CREATE_LIKE_WINDOWS,
            .size = (uint64_t)4 << 20,
            .block_size = 1 << 20,
            .parent_data_write_guid = {.bytes = {1, 2, 3}},
            .relative_path = ".\\parent.vhdx",
        };
        struct entropy e = entropy_seeded(c->seed);
        struct recording r = {.count = 0};
        memset(&empty, 0, sizeof(empty));
        empty.own_from = mark;
        disk_copy(&d, &empty);
        struct store *s = disk_store(&d, &r, 0, NULL);
        if (create_image(s, &o, &e) != STATUS_OK)
            (void)crash_problem(c, "cannot be created");
        store_close(s);
        disk_copy(&t.after, &d);
        if (c->problem[0] == '\0')
            (void)crash_play(c, &r, &empty, 1, u64_max(c->wanted / 6, 500), see_created, &t);
        recording_free(&r);
        pool_release(mark);
    }
}
