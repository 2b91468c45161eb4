/* SPDX-License-Identifier: MIT */
/* A finding: what is wrong (or worth knowing), where, what it means for the guest's data, what can be done. */
#ifndef VHDXRAY_CHECK_FINDING_H
#define VHDXRAY_CHECK_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "image/view.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_COUNT };
const char *severity_name(enum severity s); /* "info", "warning", "error" */

enum structure {
    STRUCTURE_FILE,
    STRUCTURE_FILE_ID,
    STRUCTURE_HEADER,
    STRUCTURE_REGION_TABLE,
    STRUCTURE_METADATA,
    STRUCTURE_BAT,
    STRUCTURE_SECTOR_BITMAP,
    STRUCTURE_LOG,
    STRUCTURE_PARENT_LOCATOR,
    STRUCTURE_CHAIN,
    STRUCTURE_PAYLOAD,
};
const char *structure_name(enum structure s); /* as in the JSON: "file_id", "region_table", ... */

enum repair_class { REPAIR_NONE, REPAIR_AUTOMATIC, REPAIR_CONSENT };
const char *repair_class_name(enum repair_class r); /* "none", "automatic", "consent" */

/* Programs whose refusal the report forecasts. Hyper-V by the rules of Microsoft's open implementation. */
enum peer { PEER_QEMU = 1, PEER_HYPERV = 2, PEER_VIRTUALBOX = 4, PEER_7ZIP = 8, PEER_LIBVHDI = 16, PEER_COUNT = 5 };
const char *peer_name(unsigned bit_index); /* JSON key: "qemu", "hyperv", "virtualbox", "7zip", "libvhdi" */

/* Where: a structure, its index (header slot 1/2, table copy 1/2, entry number, BAT index; or none), file bytes. */
enum { NO_INDEX = -1 };
struct place {
    enum structure structure;
    int64_t index;
    uint64_t off;
    uint64_t len;
};

struct related_place {
    enum structure structure;
    int64_t index;
    uint64_t off;
};

struct rule;

struct finding {
    const struct rule *rule;
    uint32_t rule_number; /* rule_index(rule) */
    enum severity severity;
    struct place at;
    enum view_kind view;
    const char *message;  /* one sentence: what, where, found, expected; no trailing full stop */
    const char *expected; /* NULL when there is nothing to compare */
    const char *actual;
    const char *means; /* NULL: the rule's */
    const char *next;  /* NULL: the rule's */
    const char *quirk; /* producer whose habit this is, or NULL */
    enum repair_class repair;
    unsigned stops; /* enum peer bits */
    bool has_guest_range;
    uint64_t guest_off, guest_len;
    struct related_place *related;
    uint64_t related_count, related_cap;
    uint64_t order;              /* of discovery, for a stable sort */
    struct finding *kept_before; /* the one of its rule and severity, while rules run */
};

#endif
