/* SPDX-License-Identifier: MIT */
/*
 * A rule is one function and one row beneath it. The driver (run.c) walks every structure once and calls each rule of that
 * scope; it supplies view, counts, caps and "not evaluated". A rule only judges: it looks at its subject and fails or not.
 */
#ifndef VHDXRAY_CHECK_RULE_H
#define VHDXRAY_CHECK_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "check/finding.h"
#include "image/bat_walk.h"
#include "image/bitmaps.h"
#include "image/chain.h"
#include "image/deep_scan.h"
#include "image/image.h"

/* What a rule is called for, in the order the driver goes; fields of struct subject that are set are named behind each. */
enum scope {
    SCOPE_HEADER,         /* each header slot that exists at least in part: slot, header */
    SCOPE_LOG_ENTRY,      /* each `loge` sector: log_index, log */
    SCOPE_REGION_TABLE,   /* each copy, per view: view, copy, table */
    SCOPE_REGION_ENTRY,   /* each entry of the used table, per view: view, copy, table, entry, region */
    SCOPE_METADATA_ENTRY, /* each table entry, per view: view, entry, item */
    SCOPE_LOCATOR_PAIR,   /* each pair, per view: view, entry, pair */
    SCOPE_BAT_NOTE,       /* each notable BAT entry, per view: view, note */
    SCOPE_BITMAP,         /* each PRESENT bitmap block, per view: view, bitmap */
    SCOPE_VIEW,           /* once per view, after the scopes above: view */
    SCOPE_CONTENT,        /* each note of deep_scan(), of the main view only: view, content */
    SCOPE_IMAGE,          /* once, after both views: image (view = image->main) */
    SCOPE_CHAIN,          /* once, when the disk is differencing: image->parent is set */
    SCOPE_COUNT,
};

/* What must exist before the rule can say anything; otherwise it is not_evaluated, with the reason. Bits. */
enum need {
    NEED_FILE_ID = 1 << 0,
    NEED_HEADER = 1 << 1,       /* a current header */
    NEED_BOTH_HEADERS = 1 << 2, /* both valid; else the rule passes silently (nothing to compare) */
    NEED_LOG = 1 << 3,          /* the ring could be scanned; log length 0 passes silently */
    NEED_REGIONS = 1 << 4,      /* a used region table */
    NEED_METADATA = 1 << 5,     /* a readable metadata table */
    NEED_GEOMETRY = 1 << 6,
    NEED_BAT = 1 << 7,          /* geometry and a BAT that can be walked: view->survey is set */
    NEED_LAYOUT = 1 << 8,       /* view->layout is set */
    NEED_PARENT = 1 << 9,       /* image->parent->image is set; "no parent given" etc. otherwise; non-differencing passes */
    NEED_HOST = 1 << 10,        /* image->host.known */
    NEED_LOCATOR = 1 << 11,     /* a decoded locator; a disk without one passes silently */
    NEED_DEEP = 1 << 12,        /* check_options.deep */
};
enum { NEEDS = 13 }; /* bits above */

struct subject {
    struct image *image;
    struct view *view;
    int slot; /* header slot 0/1 */
    const struct header *header;
    int copy; /* region table copy 0/1 */
    const struct region_table *table;
    uint32_t entry; /* region, metadata or pair index */
    const struct region_entry *region;
    const struct metadata_entry *item;
    const struct locator_text *pair;
    const struct bat_note *note;
    const struct bitmap_note *bitmap;
    const struct deep_note *content;
    uint64_t log_index;
    const struct log_entry *log;
};

struct probe;

struct rule {
    const char *id; /* "VHDX-HDR-014" */
    enum scope scope;
    unsigned needs;
    unsigned facts; /* SCOPE_BAT_NOTE: enum bat_fact bits; called only for entries that have one of them */
    enum severity severity; /* of fail(); fail_as() chooses another where the catalogue has variants */
    enum repair_class repair;
    unsigned stops;    /* peers that refuse an image with this finding (enum peer bits) */
    const char *spec;  /* "2.2.2" clauses of [MS-VHDX], or "impl" */
    const char *title; /* the fault, lower case, no full stop: "log region does not start on a 1 MiB boundary" */
    const char *why;   /* a sentence or two for `explain`: why the rule exists, what typically causes it */
    const char *means; /* for the guest's data: "guest data is not affected" ... */
    const char *next;  /* the next safe step */
    void (*check)(struct probe *p, const struct subject *s);
};

/*
 * Reports a fault. Returns the finding for the setters below, or NULL when it is only counted (cap reached, memory gone);
 * all setters accept NULL. Message: what, where, found, expected.
 */
__attribute__((format(printf, 3, 4))) struct finding *fail(struct probe *p, struct place at, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) struct finding *fail_as(struct probe *p, enum severity severity, struct place at,
                                                              const char *fmt, ...);

__attribute__((format(printf, 3, 4))) void finding_expected(struct probe *p, struct finding *f, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void finding_actual(struct probe *p, struct finding *f, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void finding_means(struct probe *p, struct finding *f, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void finding_next(struct probe *p, struct finding *f, const char *fmt, ...);
void finding_guest(struct finding *f, uint64_t off, uint64_t len);
void finding_quirk(struct finding *f, const char *producer);
void finding_repair(struct finding *f, enum repair_class repair);
void finding_stops(struct finding *f, unsigned peers);
void finding_stops_also(struct finding *f, unsigned peers);      /* besides those of the rule */
void finding_is_no_matter_to(struct finding *f, unsigned peers); /* takes them out again */
void finding_related(struct probe *p, struct finding *f, enum structure structure, int64_t index, uint64_t off);

/* The run's arena, for texts made on the way (text_format, text_printable, text_size). */
struct arena *probe_arena(struct probe *p);
/*
 * Another rule's findings so far in this view (scopes run in the order of enum scope; inside one, rule by rule in
 * catalogue order for each subject): for summary rules. Unknown ids count 0.
 */
uint64_t probe_count(const struct probe *p, const char *rule_id);
/* A read through the model failed with this status: I/O errors and limits reach the report from here. */
void probe_status(struct probe *p, enum status st);

static inline struct place at_place(enum structure structure, int64_t index, uint64_t off, uint64_t len)
{
    return (struct place){.structure = structure, .index = index, .off = off, .len = len};
}
/* `len` bytes at `field_off` of header slot 0/1; of region table copy 0/1; of the metadata region. Index: 1/2, 1/2, -1. */
struct place at_header(const struct subject *s, uint64_t field_off, uint64_t len);
struct place at_region_table(const struct subject *s, uint64_t field_off, uint64_t len);
/* Field of region entry s->entry (index: the entry). */
struct place at_region_entry(const struct subject *s, uint64_t field_off, uint64_t len);
struct place at_metadata_entry(const struct subject *s, uint64_t field_off, uint64_t len); /* index: the entry */
struct place at_metadata_item(const struct view *v, const struct metadata_item *item, uint64_t field_off, uint64_t len);
struct place at_bat_entry(const struct bat_note *n); /* index: BAT index, 8 bytes */
struct place at_log_entry(const struct subject *s, uint64_t field_off, uint64_t len); /* index: ring sector number */

/* Registry: all rules in catalogue order. */
uint32_t rule_count(void);
const struct rule *rule_at(uint32_t i);
const struct rule *rule_find(const char *id); /* NULL when there is none */
uint32_t rule_index(const struct rule *r);

struct numbered_rule {
    const struct rule *rule;
    uint32_t number; /* rule_at() of it is the rule */
};

/* Neighbours in a scope that need the same: they can run, or none of them can. */
struct rule_run {
    const struct numbered_rule *rules;
    uint32_t count;
    unsigned needs;
};
enum { RULE_RUNS_MAX = 256 };

/* The same for loops: all rules scope by scope, inside in catalogue order. Scope s has runs[first_run[s]] and so on. */
struct rule_set {
    const struct rule_run *runs;
    const uint32_t *first_run; /* SCOPE_COUNT + 1 */
    const uint64_t *of_fact;   /* by enum bat_fact: the rules of SCOPE_BAT_NOTE to call, as bits counted from the first */
    const struct numbered_rule *notes; /* the first rule of SCOPE_BAT_NOTE */
    uint32_t count;                    /* of rules */
};
const struct rule_set *rule_set(void);

struct rule_group {
    const struct rule *rules;
    uint32_t count;
};
extern const struct rule_group file_rules, file_id_rules, header_rules, header_pair_rules, region_rules,
    region_entry_rules, metadata_rules, metadata_item_rules, metadata_region_rules, bat_rules, bat_place_rules,
    bat_table_rules, bitmap_rules, log_rules, log_target_rules, log_sequence_rules, locator_rules, locator_path_rules,
    chain_rules, cross_rules, forensic_rules, forensic_space_rules, forensic_origin_rules;

#endif
