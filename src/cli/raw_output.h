/* SPDX-License-Identifier: MIT */
/* A raw disk image being written: a sparse file that gets its name when it is whole, or standard output. */
#ifndef VHDXRAY_CLI_RAW_OUTPUT_H
#define VHDXRAY_CLI_RAW_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/new_file.h"
#include "io/behind.h"
#include "io/source.h"

struct raw_output {
    struct new_file file;
    bool to_stdout; /* instead */
    int fd;
    uint64_t written;      /* bytes of data, those that are queued among them */
    uint64_t shared;       /* bytes that the host's file system has once, for the image and for this file */
    bool cannot_share;     /* once it could not, the rest is written */
    struct behind *behind; /* whose thread writes; NULL: nobody else's, or standard output */
};

/*
 * path "-": standard output. A file is created beside its name. EXIT_OK, or a code after a message; then nothing is
 * open.
 */
int raw_output_open(struct raw_output *out, const char *path, bool replace);
/* Before anything is written: a file becomes that many zeros. EXIT_OK, or a code after a message; then nothing is open.
 */
int raw_output_resize(struct raw_output *out, uint64_t size);
/* BEHIND_BUFFER bytes to fill and give to raw_output_data() before the next are asked for; NULL: any bytes will do. */
uint8_t *raw_output_buffer(struct raw_output *out);
/* Both go upwards without gaps. False: it, or what came before, could not be written, errno says why. In a file zeros
 * cost nothing. */
bool raw_output_data(struct raw_output *out, uint64_t off, const uint8_t *bytes, uint64_t len);
bool raw_output_zeros(struct raw_output *out, uint64_t len);
/* How many of len bytes at `off` the output has now because it shares them with a file, where they are at from_off. 0:
 * they are to be written. */
uint64_t raw_output_share(struct raw_output *out, uint64_t off, const struct source *from, uint64_t from_off,
                          uint64_t len);
/* What was given is with the host when this returns. False: errno says why not. */
bool raw_output_flush(struct raw_output *out);
/* All of it is written: gives it its name. EXIT_OK, or a code after a message; then nothing is left. */
int raw_output_commit(struct raw_output *out);
/* Takes it away; keep: leaves what there is under its temporary name and says so. */
void raw_output_abandon(struct raw_output *out, bool keep);
/* After a failed write: a message. The code for it. */
int raw_output_failed(const struct raw_output *out, int error);

#endif
