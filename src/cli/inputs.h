/* SPDX-License-Identifier: MIT */
/* The files that a run reads, opened before the first byte of any of them is looked at. */
#ifndef VHDXRAY_CLI_INPUTS_H
#define VHDXRAY_CLI_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "image/chain.h"
#include "io/source.h"

struct input {
    const char *path; /* the pointer of the list it came from */
    enum status status;
    struct source *source; /* NULL: not opened, or taken */
    struct file_info info;
    const char *journal; /* as of struct host_facts */
    const char *message; /* why it could not be opened */
    bool taken;
};

struct inputs {
    struct input *items;
    uint32_t count;
    uint32_t next; /* all before it are taken */
    struct arena *texts;
};

/* Files that can be open at the same time, as far as the process may raise its limit. */
uint64_t inputs_room(void);

/* Opens each; what cannot be opened is remembered with its reason. False: out of memory. */
bool inputs_open(struct inputs *in, const struct words *files);
void inputs_close(struct inputs *in);

/* The entry for a path that is not taken yet, or NULL. Its source becomes the caller's. */
struct input *inputs_take(struct inputs *in, const char *path);

/*
 * For chain_options.opened: one entry for each of `parents`, which were opened with inputs_open(). NULL: out of memory,
 * or none of them were. free() it; the sources stay with the inputs.
 */
struct chain_opened *inputs_parents(const struct inputs *in, const struct words *parents);

/* Opens path ("-": standard input) as every command does. message: as of file_open(). */
enum status input_open(const char *path, struct source **ret, struct file_info *ret_info, char *message,
                       size_t message_size);

/* The state of a repair journal beside the image, after a message when it is unfinished: as of struct host_facts. */
const char *input_journal(const char *path, const struct file_info *info);

#endif
