/* SPDX-License-Identifier: MIT */
/* The forms of a checked image, and what they share. Internal to report/. */
#ifndef VHDXRAY_REPORT_CHECK_H
#define VHDXRAY_REPORT_CHECK_H

#include "report/report.h"

void check_json(struct report *r, const struct check_result *res);
void check_text(struct report *r, const struct check_result *res);

/* Header lines of a text report: what the image is, who wrote it. */
void facts_lines(struct report *r, const struct image *img);
/* What the log says in a few words: "clean", "dirty, replayed in memory (1 entry, 1 page changed)". */
const char *log_words(struct arena *a, const struct image *img);
/* "dynamic" ..., "of unknown type". */
const char *type_words(const struct image *img);
/* The parent's path; "none", "unknown", or what is known of it in words. Not escaped. */
const char *parent_words(struct arena *a, const struct image *img);

/* ---- profile.c: r->profile ---- */

cJSON *profile_json(struct json *j, const struct profile *p);
void profile_text(struct report *r, const struct profile *p);

/* ---- finding_words.c ---- */

/* The finding's own words, or the rule's. Never NULL. */
const char *finding_means_text(const struct finding *f);
const char *finding_next_text(const struct finding *f);
/*
 * The next step with the path in the place of the word FILE. In a text that holds a command line only when a shell
 * would read the path as one word; else the word stays, and the reader quotes the path. Not escaped.
 */
const char *finding_next_step(struct arena *a, const struct image *img, const struct finding *f);
/* "BAT entry 512", "file". */
const char *place_name(struct arena *a, enum structure s, int64_t index);
/* "BAT entry 512, file offset 0x301000, 8 bytes; guest offset 0x0, 2 MiB". */
const char *finding_place_text(struct arena *a, const struct image *img, const struct finding *f);
/* Findings of one rule and severity stand together: behind the last one of the group that starts at `first`. */
uint64_t finding_group_end(const struct check_result *res, uint64_t first);
/* How many more of the rule are only counted; told once for each rule. */
uint64_t finding_group_unlisted(const struct check_result *res, uint64_t first);

/* "QEMU", "Hyper-V": peer_name() for people. */
const char *peer_title(unsigned bit_index);

/* A reason why rules were not evaluated, and how many. */
struct unevaluated {
    const char *reason;
    uint32_t rules;
};
/* *ret in scratch memory, in the order of the catalogue; returns how many reasons there are. */
uint32_t unevaluated_reasons(struct report *r, const struct check_result *res, struct unevaluated **ret);

#endif
