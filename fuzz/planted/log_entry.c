/* SPDX-License-Identifier: MIT */
/*
 * A planted bug, for tools/check-planted only: a decoder that believes the FlushedFileOffset of a log entry once the
 * entry's checksum, over all its sectors, is right. See header.c.
 */
#include "image/log_scan.h"

#include "planted.h"

enum status __real_log_scan_descriptors(const struct log_scan *s, struct source *file, uint64_t entry,
                                        bool (*fn)(void *ctx, uint32_t i, const struct log_descriptor *d,
                                                   uint64_t data_off),
                                        void *ctx);
enum status __wrap_log_scan_descriptors(const struct log_scan *s, struct source *file, uint64_t entry,
                                        bool (*fn)(void *ctx, uint32_t i, const struct log_descriptor *d,
                                                   uint64_t data_off),
                                        void *ctx);

enum status __wrap_log_scan_descriptors(const struct log_scan *s, struct source *file, uint64_t entry,
                                        bool (*fn)(void *ctx, uint32_t i, const struct log_descriptor *d,
                                                   uint64_t data_off),
                                        void *ctx)
{
    if (s->entries[entry].defect == LOG_DEFECT_NONE)
        planted_look_up(s->entries[entry].flushed_file_off >> 12);
    return __real_log_scan_descriptors(s, file, entry, fn, ctx);
}
