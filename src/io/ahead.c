/* SPDX-License-Identifier: MIT */
/*
 * A plan begins with some reads of one length, one behind the other: windows numbered from 0 that lie behind them. The
 * thread and the reader claim windows in order and read each into its slot of a ring:
 *
 *     taken <= claimed <= taken + slots        a window in between is BUSY (being read), READY or FAILED
 *
 * The reader takes them in order. If the one it wants is being read, it reads a later one meanwhile instead of waiting,
 * so both cores copy. Any other read ends the plan. All of it is under one lock, which nobody holds while reading.
 */
#include "io/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/host.h"

enum {
    SLOTS = 16,
    ROOM = 2 << 20,       /* bytes of all slots: they stay in the second cache */
    LEAST_LEN = 32 << 10, /* windows worth it */
    MOST_LEN = ROOM / 2,
    STREAK = 6, /* reads that make a plan */
};

enum slot { SLOT_FREE, SLOT_BUSY, SLOT_READY, SLOT_FAILED };

struct ahead {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for the thread, for the reader */
    bool running, quit;
    bool idle, waiting; /* who sleeps */
    bool reading;       /* the thread is */
    uint8_t *room;

    /* The plan; windows 0: none. */
    int fd;
    uint64_t base, windows, taken, claimed;
    size_t len, slots;
    enum slot slot[SLOTS];

    /* The reader's alone: its last reads. */
    int last_fd;
    uint64_t last_end;
    size_t last_len;
    unsigned streak;
};

static bool can_claim(const struct ahead *a)
{
    return a->claimed < a->windows && a->claimed < a->taken + a->slots;
}

/* Claims the next window and reads it. The lock is given up meanwhile; the plan cannot end before. */
static void read_next(struct ahead *a)
{
    size_t at = (size_t)(a->claimed % a->slots);
    uint64_t off = a->base + a->claimed * a->len;
    uint8_t *buf = a->room + at * a->len;

    a->claimed++;
    a->slot[at] = SLOT_BUSY;
    pthread_mutex_unlock(&a->lock);
    bool ok = host_read(a->fd, buf, a->len, off, NULL);
    pthread_mutex_lock(&a->lock);
    a->slot[at] = ok ? SLOT_READY : SLOT_FAILED;
}

static void *thread_main(void *ctx)
{
    struct ahead *a = (struct ahead *)ctx;

    pthread_mutex_lock(&a->lock);
    a->running = true;
    pthread_cond_signal(&a->done);
    while (!a->quit) {
        if (can_claim(a)) {
            a->reading = true;
            read_next(a);
            a->reading = false;
            if (a->waiting)
                pthread_cond_signal(&a->done);
        } else {
            a->idle = true;
            pthread_cond_wait(&a->work, &a->lock);
            a->idle = false;
        }
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static void wait_for_thread(struct ahead *a)
{
    a->waiting = true;
    pthread_cond_wait(&a->done, &a->lock);
    a->waiting = false;
}

static void end_plan(struct ahead *a)
{
    a->windows = a->taken = a->claimed = 0;
    while (a->reading)
        wait_for_thread(a);
}

/* The window behind the last one taken: true when buf has it. Else the caller reads it. */
static bool take(struct ahead *a, void *buf)
{
    size_t at = (size_t)(a->taken % a->slots);
    bool ready = false;

    while (a->claimed > a->taken && a->slot[at] == SLOT_BUSY) {
        if (can_claim(a))
            read_next(a);
        else
            wait_for_thread(a);
    }
    if (a->claimed == a->taken) {
        a->claimed++;
    } else if (a->slot[at] == SLOT_READY) {
        ready = true;
        pthread_mutex_unlock(&a->lock);
        memcpy(buf, a->room + at * a->len, a->len);
        pthread_mutex_lock(&a->lock);
    }
    a->slot[at] = SLOT_FREE;
    a->taken++;
    if (a->idle && a->claimed - a->taken <= a->slots / 4) /* waking it costs about as much as reading a window */
        pthread_cond_signal(&a->work);
    return ready;
}

static void begin_plan(struct ahead *a, int fd, uint64_t size, uint64_t base, size_t len)
{
    a->fd = fd;
    a->base = base;
    a->len = len;
    a->slots = (size_t)u64_min(SLOTS, ROOM / len);
    a->taken = a->claimed = 0;
    a->windows = (size - base) / len;
    pthread_cond_signal(&a->work);
}

/* A read that continues no plan: whether it is one more of a streak. */
static bool note_read(struct ahead *a, int fd, uint64_t off, size_t len)
{
    bool follows = fd == a->last_fd && off == a->last_end && len == a->last_len;

    a->streak = follows ? a->streak + 1 : 0;
    a->last_fd = fd;
    a->last_end = off + len;
    a->last_len = len;
    return a->streak >= STREAK && len >= LEAST_LEN && len <= MOST_LEN;
}

bool ahead_read(struct ahead *a, int fd, uint64_t size, uint64_t off, void *buf, size_t len)
{
    bool ready = false;

    pthread_mutex_lock(&a->lock);
    if (a->taken < a->windows && fd == a->fd && len == a->len && off == a->base + a->taken * a->len) {
        ready = take(a, buf);
    } else {
        if (a->windows > 0) {
            end_plan(a);
            a->streak = 0;
        }
        if (note_read(a, fd, off, len))
            begin_plan(a, fd, size, off + len, len);
    }
    pthread_mutex_unlock(&a->lock);
    return ready;
}

void ahead_forget(struct ahead *a, int fd)
{
    pthread_mutex_lock(&a->lock);
    if (a->windows > 0 && a->fd == fd)
        end_plan(a);
    a->last_fd = -1;
    pthread_mutex_unlock(&a->lock);
}

struct ahead *ahead_start(void)
{
    struct ahead *a = (struct ahead *)calloc(1, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->room = (uint8_t *)malloc(ROOM);
    a->last_fd = -1;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->work, NULL);
    pthread_cond_init(&a->done, NULL);
    if (a->room == NULL || pthread_create(&a->thread, NULL, thread_main, a) != 0) {
        free(a->room);
        free(a);
        return NULL;
    }
    pthread_mutex_lock(&a->lock);
    while (!a->running)
        wait_for_thread(a);
    pthread_mutex_unlock(&a->lock);
    return a;
}

void ahead_stop(struct ahead *a)
{
    if (a == NULL)
        return;
    pthread_mutex_lock(&a->lock);
    end_plan(a);
    a->quit = true;
    pthread_cond_signal(&a->work);
    pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->work);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
    free(a->room);
    free(a);
}
