/* SPDX-License-Identifier: MIT */
/* The words that findings are reported in: one table each, so that JSON, text and schema cannot drift apart. */
#include "check/finding.h"

static const char *const severity_names[] = {"info", "warning", "error"};
static const char *const structure_names[] = {"file",          "file_id", "header", "region_table",   "metadata", "bat",
                                              "sector_bitmap", "log",     "parent_locator", "chain", "payload"};
static const char *const repair_class_names[] = {"none", "automatic", "consent"};
static const char *const peer_names[] = {"qemu", "hyperv", "virtualbox", "7zip", "libvhdi"};

const char *severity_name(enum severity s)
{
    return severity_names[s];
}

const char *structure_name(enum structure s)
{
    return structure_names[s];
}

const char *repair_class_name(enum repair_class r)
{
    return repair_class_names[r];
}

const char *peer_name(unsigned bit_index)
{
    return peer_names[bit_index];
}
