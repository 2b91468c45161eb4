/* SPDX-License-Identifier: MIT */
/* The source below a view, asked about its holes; layers above the model see no sources. */
#include "image/holes.h"

#include "io/source.h"

uint64_t view_size(const struct view *v)
{
    return v->src->size;
}

enum status view_next_data(struct view *v, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    return source_next_data(v->src, off, ret_data, ret_hole);
}
