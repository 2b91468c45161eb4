/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of valid log entries ([MS-VHDX] 2.3.1.1, 2.3.1.2). The scan keeps those that it reads, as many as
 * LIMIT_KEPT_DESCRIPTORS: the plan of a replay and several rules ask for all of them again, and in a log full of small
 * entries each asking would be a read of its own.
 */
#ifndef VHDXRAY_IMAGE_LOG_DESCRIPTORS_H
#define VHDXRAY_IMAGE_LOG_DESCRIPTORS_H

#include "image/log_scan.h"

enum { LOG_NOT_KEPT = UINT32_MAX };

/* LOG_DESCRIPTOR_LEN bytes. False: there is no room for it; entries keep all of theirs or none. */
bool log_kept_add(struct arena *a, struct log_kept *k, const uint8_t *descriptor);

#endif
