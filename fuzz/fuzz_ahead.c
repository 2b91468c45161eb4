/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead with a second thread. Input: u8 bits 0-3 by how much the size that is told is wrong, bit 4 that the
 * file is read from its middle; then steps: u8 what (bits 0-1) and how often (the rest), u16 where or how long.
 *
 * Asserted: bytes that were read ahead are those of the file, whatever order, lengths, descriptors and ends of plans
 * come together; a window that the file does not have is never given out; it ends.
 */
#include "fuzz/property.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/span.h"
#include "io/ahead.h"

enum { FILE_LEN = 4 << 20, UNIT = 4096, LEN_MAX = 2 << 20, STEPS_MAX = 32, READS_MAX = 200 };
enum step { STEP_READ, STEP_JUMP, STEP_LENGTH, STEP_FORGET };

static uint8_t content[FILE_LEN], got[LEN_MAX];
static int files[2] = {-1, -1};

static void make_files(void)
{
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (uint8_t)(i / UNIT * 131 + i % 251);
    for (unsigned i = 0; i < 2; i++) {
        files[i] = memfd_create("ahead", MFD_CLOEXEC);
        ASSERT(files[i] >= 0, "%s", strerror(errno));
        for (size_t done = 0; done < sizeof(content);) {
            ssize_t n = write(files[i], content + done, sizeof(content) - done);
            ASSERT(n > 0, "%s", strerror(errno));
            done += (size_t)n;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker in = {data, size};
    unsigned options = (unsigned)take(&in, 1), reads = 0, file = 0;
    uint64_t told = FILE_LEN + (options & 15) * (uint64_t)UNIT * 16, off = options & 16 ? FILE_LEN / 2 : 0;
    size_t len = 8 * UNIT;

    if (files[0] < 0)
        make_files();
    struct ahead *a = ahead_start();
    if (a == NULL) /* a host without threads to spare */
        return 0;
    for (unsigned n = 0; n < STEPS_MAX && in.len > 0; n++) {
        unsigned first = (unsigned)take(&in, 1), times = first >> 2;
        uint64_t number = take(&in, 2);
        switch ((enum step)(first & 3)) {
        case STEP_READ:
            for (unsigned i = 0; i <= times && reads < READS_MAX && range_in(off, len, told); i++, reads++) {
                memset(got, 0, len);
                if (ahead_read(a, files[file], told, off, got, len))
                    ASSERT(range_in(off, len, FILE_LEN) && memcmp(got, content + off, len) == 0);
                off += len;
            }
            break;
        case STEP_JUMP:
            off = number * UNIT % FILE_LEN;
            break;
        case STEP_LENGTH:
            len = (number % (LEN_MAX / UNIT) + 1) * UNIT;
            break;
        case STEP_FORGET:
            if (times % 2)
                ahead_forget(a, files[times / 2 % 2]);
            else
                file = times / 2 % 2;
            break;
        }
    }
    ahead_stop(a);
    ahead_stop(NULL);
    return 0;
}
