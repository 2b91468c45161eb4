/* SPDX-License-Identifier: MIT */
/*
 * A source over functions of a program that uses the library. They are trusted to fill the buffer, as any code in this
 * process is, but what they say about holes is only believed when it makes sense: a wrong place would turn data into
 * zeros, and one that does not move forward would be an endless loop in whoever walks the source.
 */
#include "io/callbacks.h"

#include <stdlib.h>

struct callback_source {
    struct source source;
    struct callbacks callbacks;
};

static enum status callback_read(struct source *s, uint64_t off, void *buf, size_t len)
{
    const struct callbacks *c = &((const struct callback_source *)s)->callbacks;
    int error = c->read(c->context, off, buf, len);

    if (error == 0)
        return STATUS_OK;
    s->error_off = off;
    s->error_errno = error;
    return STATUS_IO;
}

static enum status callback_next_data(struct source *s, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct callbacks *c = &((const struct callback_source *)s)->callbacks;
    uint64_t data = off, hole = s->size;

    if (c->next_data != NULL && c->next_data(c->context, off, &data, &hole) == 0) {
        if (data == s->size && hole >= data) {
            hole = data;
        } else if (data < off || hole <= data || hole > s->size) {
            data = off;
            hole = s->size;
        }
    } else {
        data = off;
        hole = s->size;
    }
    *ret_data = data;
    *ret_hole = hole;
    return STATUS_OK;
}

static void callback_close(struct source *s)
{
    free(s);
}

struct source *callbacks_open(const struct callbacks *callbacks, uint64_t size)
{
    static const struct source_ops ops = {
        .read = callback_read,
        .next_data = callback_next_data,
        .close = callback_close,
    };
    struct callback_source *c = (struct callback_source *)calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->source.ops = &ops;
    c->source.size = size;
    c->callbacks = *callbacks;
    return (struct source *)c; /* its first member */
}
