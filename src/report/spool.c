/* SPDX-License-Identifier: MIT */
/* Temporary files for output that is put in its place later. */
#include "report/spool.h"

#include <stdlib.h>

bool spool_open(struct spool *s)
{
    *s = (struct spool){.file = tmpfile()};
    if (s->file == NULL) {
        s->file = open_memstream(&s->memory, &s->len);
        s->in_memory = true;
    }
    return s->file != NULL;
}

FILE *spool_read(struct spool *s)
{
    if (fflush(s->file) != 0 || ferror(s->file))
        return NULL;
    if (!s->in_memory) {
        rewind(s->file);
        return s->file;
    }
    s->reader = fmemopen(s->memory, s->len > 0 ? s->len : 1, "r");
    if (s->reader != NULL && s->len == 0)
        (void)fgetc(s->reader); /* a stream over no bytes cannot be opened: pass over the NUL behind the text */
    return s->reader;
}

void spool_close(struct spool *s)
{
    if (s->file != NULL)
        (void)fclose(s->file);
    if (s->reader != NULL)
        (void)fclose(s->reader);
    free(s->memory);
    *s = (struct spool){.file = NULL};
}
