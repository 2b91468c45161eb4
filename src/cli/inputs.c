/* SPDX-License-Identifier: MIT */
/*
 * Opening all files first is what lets the sandbox forbid opening afterwards. It takes a descriptor for each; the soft
 * limit of the process is raised to the hard one when they are many.
 */
#include "cli/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/limits.h"
#include "cli/journal_file.h"

enum { MESSAGE_SIZE = 512 };

static enum status open_stdin(struct source **ret, struct file_info *ret_info, char *message, size_t message_size)
{
    struct stat st = {.st_size = 0};

    if (isatty(STDIN_FILENO)) {
        (void)snprintf(message, message_size, "standard input is a terminal, not an image");
        return STATUS_REFUSED;
    }
    /* A file that the shell opened needs no copy. */
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0) {
        enum status status = file_open("/dev/stdin", ret, ret_info, message, message_size);
        if (status == STATUS_OK)
            ret_info->symlink = false;
        if (status == STATUS_OK || status == STATUS_NO_MEMORY)
            return status;
    }
    return file_spool(STDIN_FILENO, LIMIT_SPOOL, ret, ret_info, message, message_size);
}

enum status input_open(const char *path, struct source **ret, struct file_info *ret_info, char *message,
                       size_t message_size)
{
    if (strcmp(path, "-") == 0)
        return open_stdin(ret, ret_info, message, message_size);
    return file_open(path, ret, ret_info, message, message_size);
}

const char *input_journal(const char *path, const struct file_info *info)
{
    return strcmp(path, "-") != 0 ? journal_note(path, info->symlink) : NULL;
}

enum { OTHERS = 64 }; /* descriptors for standard streams, outputs, directories */

uint64_t inputs_room(void)
{
    struct rlimit l = {.rlim_cur = 0};

    return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max > OTHERS ? l.rlim_max - OTHERS : 1;
}

static void allow_descriptors(uint64_t count)
{
    struct rlimit l = {.rlim_cur = 0};

    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < count + OTHERS) {
        l.rlim_cur = u64_min(l.rlim_max, count + OTHERS);
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

bool inputs_open(struct inputs *in, const struct words *files)
{
    char message[MESSAGE_SIZE];

    if (files->count == 0)
        return true;
    struct input *items = (struct input *)reallocarray(in->items, (size_t)in->count + files->count, sizeof(*items));
    if (items == NULL)
        return false;
    in->items = items;
    allow_descriptors((uint64_t)in->count + files->count);
    for (uint32_t i = 0; i < files->count; i++) {
        struct input *f = &in->items[in->count++];
        *f = (struct input){.path = files->items[i]};
        message[0] = '\0';
        f->status = input_open(f->path, &f->source, &f->info, message, sizeof(message));
        if (f->status == STATUS_OK) {
            f->journal = input_journal(f->path, &f->info);
            continue;
        }
        if (in->texts == NULL)
            in->texts = arena_create(LIMIT_OPEN_MESSAGES);
        f->message = in->texts != NULL ? arena_copy(in->texts, message, strlen(message)) : NULL;
        if (f->message == NULL)
            return false;
    }
    return true;
}

void inputs_close(struct inputs *in)
{
    for (uint32_t i = 0; i < in->count; i++)
        source_close(in->items[i].source);
    arena_destroy(in->texts);
    free(in->items);
    *in = (struct inputs){.items = NULL};
}

struct input *inputs_take(struct inputs *in, const char *path)
{
    for (uint32_t i = in->next; i < in->count; i++) {
        if (in->items[i].path == path && !in->items[i].taken) {
            in->items[i].taken = true;
            if (i == in->next)
                in->next++; /* files are taken in the order of the list: the search stays short */
            return &in->items[i];
        }
    }
    return NULL;
}

struct chain_opened *inputs_parents(const struct inputs *in, const struct words *parents)
{
    struct chain_opened *opened = (struct chain_opened *)calloc((size_t)parents->count + 1, sizeof(*opened));

    for (uint32_t p = 0; opened != NULL && p < parents->count; p++) {
        uint32_t i = 0;
        while (i < in->count && in->items[i].path != parents->items[p])
            i++;
        if (i == in->count) {
            free(opened);
            return NULL;
        }
        const struct input *f = &in->items[i];
        opened[p] =
            (struct chain_opened){.status = f->status, .source = f->source, .info = f->info, .message = f->message};
    }
    return opened;
}
