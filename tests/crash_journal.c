/* SPDX-License-Identifier: MIT */
/*
 * Power losses around the journal (repair/journal.h). A small image and random changes of all kinds, or a damaged image
 * and the plan of its repair; whatever is left after the loss, the next run ends with the original or the repaired
 * image, byte for byte: with the one it is on the way to when it goes on, with the original when it is asked to undo.
 * The journal says which.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "build.h"
#include "crash.h"
#include "repair/journal.h"
#include "repair/plan.h"

static const uint64_t STAGE_MOST = (uint64_t)16 << 20;

struct transaction {
    struct crash *crash;
    struct disk before, after;       /* the image */
    struct disk start[POWER_STORES]; /* image and journal as the recording begins */
    struct recording recording;
    uint64_t inner; /* states of a recovery that are played; 0: recoveries are not recorded */
    bool back;      /* recoveries to record: roll back instead of finishing */
    bool planned;   /* a damaged image and its plan, not random changes */
    uint64_t mark;
};

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % below;
}

/* Half a megabyte and a bit, with a hole. */
static void make_image(struct disk *d)
{
    uint8_t page[DISK_PAGE];
    uint64_t size = 500 * KIB + draw(60 * KIB);

    memset(d, 0, sizeof(*d));
    d->own_from = pool_mark();
    for (uint64_t off = 0; off < size; off += DISK_PAGE) {
        if (off >= 400 * KIB && off < 440 * KIB)
            continue;
        for (size_t i = 0; i < DISK_PAGE; i++)
            page[i] = (uint8_t)(1 + (off / 512 + i / 512 * 3 + i + random_state) % 251);
        disk_write(d, off, page, (size_t)u64_min(DISK_PAGE, size - off));
    }
    disk_resize(d, size);
}

static void change(struct store *stage)
{
    static uint8_t bytes[24 * 1024];
    uint64_t size = store_size(stage), off = draw(600 * KIB), len = 1 + draw(draw(3) ? 3000 : sizeof(bytes));

    if (draw(2)) { /* where sectors and pages begin, as most changes of images do */
        off -= off % 4096;
        len += 4095 - (len - 1) % 4096;
    }
    len = u64_min(len, sizeof(bytes));
    switch (draw(10)) {
    case 0:
        (void)store_resize(stage, 450 * KIB + draw(200 * KIB));
        break;
    case 1:
    case 2:
        if (off < size)
            (void)store_zero(stage, off, u64_min(len, size - off));
        break;
    case 3:
    case 4:
        (void)stage_copy(stage, off, draw(450 * KIB), len);
        break;
    default:
        for (uint64_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(random_state + i * 7);
        (void)store_write(stage, off, bytes, (size_t)len);
        break;
    }
}

static enum status change_randomly(struct source *base, struct store **ret)
{
    enum status st = stage_open(base, STAGE_MOST, ret);

    for (uint64_t n = 2 + draw(9); st == STATUS_OK && n > 0; n--)
        change(*ret);
    return st;
}

/* ---- what a repair really changes ---- */

/* Some of these damaged: a header, a region table, a BAT entry, the regions' flags; two blocks in one place. */
static void make_damaged(struct disk *d, uint64_t seed)
{
    struct img *img = img_create(&(struct img_params){
        .virtual_size = 4 << 20, .block_size = 1 << 20, .states = "66.6", .data = IMG_DATA_FEW, .seed = seed});

    for (unsigned copy = 0; copy < 2 && seed % 3 == 0; copy++) {
        put_le32(img_region_entry(img, copy, 0) + 28, 0);
        img_sign_region_table(img, copy);
    }
    if (seed & 1)
        img_header(img, (unsigned)(seed >> 4) % 2)[300] ^= 1;
    if (seed & 2)
        img_region_table(img, (unsigned)(seed >> 5) % 2)[20] ^= 1;
    if (seed & 4)
        img_bat_set(img, 1, img_bat_get(img, 1) | 8);
    if (seed & 8)
        img_block_set(img, 3, 6, img_block_off(img, 0));
    struct source *s = img_source(img);
    if (!disk_load(d, s))
        abort();
    source_close(s);
    img_free(img);
}

/* In an arena of its own, plan.arena. */
static enum status plan_repair(struct source *base, struct plan *ret)
{
    static const char *const consent[] = {"VHDX-BAT-016"};
    struct plan_options o = {.consent = consent, .consent_count = 1, .max_memory = (uint64_t)64 << 20};
    struct arena *a = arena_create((uint64_t)64 << 20);

    if (a == NULL)
        return STATUS_NO_MEMORY;
    enum status st = plan_make(a, base, "crash.vhdx", &o, ret);
    if (st != STATUS_OK)
        arena_destroy(a);
    return st;
}

/* ---- runs ---- */

/* Applies changes, recorded. False when something fails; true without a recording when nothing was changed. */
static bool record_apply(struct transaction *t)
{
    struct disk image, journal;
    struct store *base, *stage = NULL, *image_store, *journal_store;
    struct plan plan = {.stage = NULL};

    if (t->planned)
        make_damaged(&t->before, t->crash->seed);
    else
        make_image(&t->before);
    disk_copy(&image, &t->before);
    memset(&journal, 0, sizeof(journal));
    journal.own_from = pool_mark();
    disk_copy(&t->start[0], &t->before);
    disk_copy(&t->start[1], &journal);
    base = disk_store(&t->before, NULL, 0, NULL);
    image_store = disk_store(&image, &t->recording, 0, NULL);
    journal_store = disk_store(&journal, &t->recording, 1, NULL);
    enum status st = t->planned ? plan_repair(base->source, &plan) : change_randomly(base->source, &stage);
    if (st == STATUS_OK)
        st = journal_apply(journal_store, image_store, t->planned ? plan.stage : stage);
    disk_copy(&t->after, &image);
    if (plan.stage != NULL) {
        plan_close(&plan);
        arena_destroy(plan.arena);
    }
    store_close(stage);
    store_close(journal_store);
    store_close(image_store);
    store_close(base);
    return st == STATUS_OK;
}

/* What the next run does, recorded or not. *ret: the journal's state afterwards. */
static enum status next_run(struct disk *disks, bool back, struct recording *recording, enum journal_state *ret)
{
    struct store *image = disk_store(&disks[0], recording, 0, NULL),
                 *journal = disk_store(&disks[1], recording, 1, NULL);
    struct journal_info info = {.state = JOURNAL_DAMAGED};
    uint64_t where = 0;

    enum status st = journal_read(journal, &info);
    if (st == STATUS_OK && back && (info.state == JOURNAL_APPLYING || info.state == JOURNAL_APPLIED))
        st = journal_undo(journal, image, &where);
    else if (st == STATUS_OK && (info.state == JOURNAL_APPLYING || info.state == JOURNAL_UNDOING))
        st = journal_finish(journal, image, &where);
    if (st == STATUS_OK)
        st = journal_read(journal, &info);
    *ret = info.state;
    store_close(image);
    store_close(journal);
    return st;
}

static bool ended(struct transaction *t, const struct disk *image, enum journal_state state, bool back, enum status st)
{
    bool new = state == JOURNAL_APPLIED;

    if (st != STATUS_OK)
        return crash_problem(t->crash, "the next run fails: status %d, journal state %d", (int)st, (int)state);
    if (!new &&state != JOURNAL_NONE && state != JOURNAL_UNDONE)
        return crash_problem(t->crash, "the next run ends with journal state %d", (int)state);
    if (new &&back)
        return crash_problem(t->crash, "the next run did not undo");
    uint64_t where = disk_difference(image, new ? &t->after : &t->before);
    if (where != UINT64_MAX)
        return crash_problem(t->crash, "journal state %d, but byte %#llx is not that of the %s image", (int)state,
                             (unsigned long long)where, new ? "finished" : "original");
    if (new)
        t->crash->as_after++;
    else
        t->crash->as_before++;
    return true;
}

/* The next run, and another one after it, which must find nothing to do. */
static bool recover(struct transaction *t, const struct disk *disks, bool back)
{
    struct disk copy[POWER_STORES];
    enum journal_state state = JOURNAL_DAMAGED, again = JOURNAL_DAMAGED;
    struct recording writes = {.count = 0};

    for (int i = 0; i < POWER_STORES; i++)
        disk_copy(&copy[i], &disks[i]);
    enum status st = next_run(copy, back, NULL, &state);
    if (!ended(t, &copy[0], state, back, st))
        return false;
    st = next_run(copy, false, &writes, &again);
    bool idle = st == STATUS_OK && again == state && writes.count == 0;
    recording_free(&writes);
    return idle || crash_problem(t->crash, "a second run still finds something to do");
}

static bool see(void *context, struct disk *disks, uint64_t issued)
{
    struct transaction *t = (struct transaction *)context;

    (void)issued;
    return recover(t, disks, false) && recover(t, disks, true);
}

/* A state of the outer run: its recovery is recorded, and interrupted in turn. */
static bool see_recovery(void *context, struct disk *disks, uint64_t issued)
{
    struct transaction *t = (struct transaction *)context;
    struct disk copy[POWER_STORES];
    struct recording recovery = {.count = 0};
    enum journal_state state = JOURNAL_DAMAGED;
    bool good = true;

    (void)issued;
    for (int i = 0; i < POWER_STORES; i++)
        disk_copy(&copy[i], &disks[i]);
    enum status st = next_run(copy, t->back, &recovery, &state);
    if (st != STATUS_OK)
        good = crash_problem(t->crash, "the next run fails: status %d", (int)st);
    else if (recovery.count > 0) /* else there was nothing to recover */
        good = crash_play(t->crash, &recovery, disks, POWER_STORES, t->inner, see, t);
    recording_free(&recovery);
    return good && t->crash->states < t->crash->wanted;
}

/* Undoes the applied transaction, recorded: that becomes the run to interrupt. */
static bool record_undo(struct transaction *t)
{
    struct disk disks[POWER_STORES];
    struct store *image, *journal;
    struct recording none = t->recording;
    uint64_t where = 0;

    /* The end of the first recording is the start of the second. */
    disk_copy(&disks[0], &t->before);
    memset(&disks[1], 0, sizeof(disks[1]));
    disks[1].own_from = pool_mark();
    for (uint64_t i = 0; i < none.count; i++) {
        const struct op *op = &none.ops[i];
        if (op->kind == OP_WRITE)
            disk_write(&disks[op->store], op->off, none.bytes + op->data, (size_t)op->len);
        else if (op->kind == OP_ZERO)
            disk_write(&disks[op->store], op->off, NULL, (size_t)op->len);
        else if (op->kind == OP_RESIZE)
            disk_resize(&disks[op->store], op->off);
    }
    recording_free(&none);
    t->recording = none;
    for (int i = 0; i < POWER_STORES; i++) {
        disk_copy(&t->start[i], &disks[i]);
        disk_copy(&disks[i], &t->start[i]); /* whose pages are shared from here on */
    }
    image = disk_store(&disks[0], &t->recording, 0, NULL);
    journal = disk_store(&disks[1], &t->recording, 1, NULL);
    enum status st = journal_undo(journal, image, &where);
    store_close(image);
    store_close(journal);
    return st == STATUS_OK;
}

/* outer: how many states of a run are taken as starting points when recoveries are what is played; 0: they are not. */
static void play(struct crash *c, bool planned, bool undo, bool back, uint64_t outer)
{
    static struct transaction t;

    for (c->seed = 1; c->states < c->wanted && c->problem[0] == '\0'; c->seed++) {
        t = (struct transaction){.crash = c, .back = back, .planned = planned, .mark = pool_mark()};
        random_state = c->seed * 7919;
        if (!record_apply(&t) || (undo && t.recording.count > 0 && !record_undo(&t))) {
            (void)crash_problem(c, "the run to be interrupted fails");
        } else if (t.recording.count > 0) {
            uint64_t most = u64_max(c->wanted / 8, 1000);
            struct power_options o = {.samples = 10000, .torn_samples = 16, .seed = c->seed};
            if (outer == 0) {
                (void)crash_play(c, &t.recording, t.start, POWER_STORES, most, see, &t);
            } else {
                uint64_t all = power_play(&t.recording, t.start, POWER_STORES, &o, NULL, NULL);
                o.every = u64_max(all / outer, 1);
                t.inner = u64_max(most / outer, 20);
                (void)power_play(&t.recording, t.start, POWER_STORES, &o, see_recovery, &t);
            }
        }
        recording_free(&t.recording);
        pool_release(t.mark);
    }
}

void crash_apply(struct crash *c)
{
    play(c, false, false, false, 0);
}

void crash_repair(struct crash *c)
{
    play(c, true, false, false, 0);
}

void crash_undo(struct crash *c)
{
    play(c, false, true, false, 0);
}

void crash_finish(struct crash *c)
{
    play(c, false, false, false, 60);
}

void crash_roll_back(struct crash *c)
{
    play(c, false, false, true, 60);
}

void crash_undo_again(struct crash *c)
{
    play(c, false, true, false, 60);
}
