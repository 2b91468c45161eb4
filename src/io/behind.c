/* SPDX-License-Identifier: MIT */
/*
 * Parts are numbered as they come, and written in that order: a buffer is free when the last part of it was written.
 * All of it is under one lock, which nobody holds while writing.
 */
#include "io/behind.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "io/host.h"

enum {
    BUFFERS = 8, /* all of them stay in the second cache */
    PARTS = 256, /* queued at most */
};

struct part {
    int fd;
    const uint8_t *bytes;
    size_t len;
    uint64_t off;
};

struct behind {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for the thread, for who queues */
    bool running, quit;
    bool idle;       /* it sleeps */
    uint64_t wanted; /* parts that have to be written before who queues is woken; 0: it does not sleep */
    int error;       /* of the first part that could not be written */

    struct part parts[PARTS]; /* [written, queued) by number modulo PARTS */
    uint64_t queued, written;

    uint8_t *room;
    unsigned buffer;        /* asked for last */
    uint64_t last[BUFFERS]; /* parts that were queued when a buffer was left */
};

static void write_next(struct behind *b)
{
    const struct part p = b->parts[b->written % PARTS];
    int error = b->error;

    pthread_mutex_unlock(&b->lock);
    if (error == 0 && !host_write(p.fd, p.bytes, p.len, p.off, NULL))
        error = errno;
    pthread_mutex_lock(&b->lock);
    b->error = error;
    b->written++;
    if (b->wanted > 0 && b->written >= b->wanted)
        pthread_cond_signal(&b->done);
}

static void *thread_main(void *ctx)
{
    struct behind *b = (struct behind *)ctx;

    pthread_mutex_lock(&b->lock);
    b->running = true;
    pthread_cond_signal(&b->done);
    while (!b->quit || b->written < b->queued) {
        if (b->written < b->queued) {
            write_next(b);
        } else {
            b->idle = true;
            pthread_cond_wait(&b->work, &b->lock);
            b->idle = false;
        }
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Until that many parts were written. */
static void wait_for(struct behind *b, uint64_t written)
{
    if (b->idle && b->written < b->queued)
        pthread_cond_signal(&b->work);
    b->wanted = written;
    while (b->written < written)
        pthread_cond_wait(&b->done, &b->lock);
    b->wanted = 0;
}

/* Sleeping and waking cost about as much as writing a buffer, so whoever has to wait waits for half of them. */
uint8_t *behind_buffer(struct behind *b)
{
    pthread_mutex_lock(&b->lock);
    b->last[b->buffer] = b->queued;
    b->buffer = (b->buffer + 1) % BUFFERS;
    if (b->written < b->last[b->buffer])
        wait_for(b, b->last[(b->buffer + BUFFERS / 2) % BUFFERS]);
    else if (b->idle && b->written < b->queued)
        pthread_cond_signal(&b->work);
    pthread_mutex_unlock(&b->lock);
    return b->room + (size_t)b->buffer * BEHIND_BUFFER;
}

int behind_write(struct behind *b, int fd, const uint8_t *bytes, size_t len, uint64_t off)
{
    pthread_mutex_lock(&b->lock);
    if (b->queued - b->written == PARTS)
        wait_for(b, b->queued - PARTS / 2);
    b->parts[b->queued++ % PARTS] = (struct part){.fd = fd, .bytes = bytes, .len = len, .off = off};
    int error = b->error;
    pthread_mutex_unlock(&b->lock);
    return error;
}

int behind_flush(struct behind *b)
{
    pthread_mutex_lock(&b->lock);
    wait_for(b, b->queued);
    int error = b->error;
    pthread_mutex_unlock(&b->lock);
    return error;
}

struct behind *behind_start(void)
{
    struct behind *b = (struct behind *)calloc(1, sizeof(*b));

    if (b == NULL)
        return NULL;
    b->room = (uint8_t *)malloc((size_t)BUFFERS * BEHIND_BUFFER);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    pthread_cond_init(&b->done, NULL);
    if (b->room == NULL || pthread_create(&b->thread, NULL, thread_main, b) != 0) {
        free(b->room);
        free(b);
        return NULL;
    }
    pthread_mutex_lock(&b->lock);
    while (!b->running)
        pthread_cond_wait(&b->done, &b->lock);
    pthread_mutex_unlock(&b->lock);
    return b;
}

void behind_stop(struct behind *b)
{
    if (b == NULL)
        return;
    pthread_mutex_lock(&b->lock);
    b->quit = true;
    pthread_cond_signal(&b->work);
    pthread_mutex_unlock(&b->lock);
    (void)pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->work);
    pthread_cond_destroy(&b->done);
    pthread_mutex_destroy(&b->lock);
    free(b->room);
    free(b);
}
