/* SPDX-License-Identifier: MIT */
/*
 * Metadata and BAT that no region table leads to: found by signature, by the look of BAT entries, and by how well the
 * two go together. Both begin on a MiB boundary ([MS-VHDX] 2.1), so only the starts of 1 MiB units with data are looked
 * at; first in the front of the file, where every writer puts them, and behind it only when nothing was found there: a
 * disk inside the disk has the same structures.
 */
#ifndef VHDXRAY_IMAGE_LOST_H
#define VHDXRAY_IMAGE_LOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/status.h"
#include "image/bat_guess.h"
#include "image/view.h"
#include "io/store.h"

/* Where a region table could lead. Bytes, all multiples of 1 MiB; a length of 0: no such structure. */
struct lost_place {
    uint64_t metadata_off, metadata_len;
    uint64_t bat_off, bat_len;
    uint64_t log_off, log_len;
};

/* A view of the file as if the region table named that place. *ret_stage is below it: close it after the view's last
 * use. */
enum status lost_view(struct arena *a, struct source *file, const struct lost_place *p, struct store **ret_stage,
                      struct view **ret);

struct lost_metadata {
    uint64_t off, len; /* len: up to the end of its last item, in MiB */
    bool has_geometry;
    struct geometry geometry;
};
struct lost_metadata_list {
    struct lost_metadata items[LIMIT_LOST_METADATA]; /* by offset */
    uint32_t count;
};
/* Length of a region that holds all of the items, in whole MiB. */
uint64_t lost_metadata_len(const struct metadata *m);
/* `a` holds what is needed on the way. STATUS_IO when the host cannot read the file. */
enum status lost_find_metadata(struct arena *a, struct source *file, struct lost_metadata_list *ret);

struct lost_bat {
    uint64_t off;
    struct bat_guess guess;
};
struct lost_bat_list {
    struct lost_bat items[LIMIT_LOST_BATS]; /* best first, by bat_guess_score() */
    uint32_t count;
};
enum status lost_find_bats(struct arena *a, struct source *file, struct lost_bat_list *ret);

/* How a table goes with the geometry of the metadata at the place. */
struct lost_fit {
    struct lost_place place;
    unsigned percent; /* of the entries that are not zero: those that nothing speaks against; 100 for none */
    uint64_t entries; /* that the disk has */
    uint64_t live;    /* blocks with a place */
    uint64_t faulty;  /* entries that some rule would have something to say about */
};
/* Tries one pair. percent 0: it does not go together at all, or is too large to be tried (LIMIT_CARVED_TRIAL). */
enum status lost_try(struct source *file, const struct lost_place *p, struct lost_fit *ret);
/*
 * Entries that speak against a surveyed BAT being that of its disk. Reserved bits, a place of an absent block and a last
 * block that is cut behind the end of the disk are faults, but do not.
 */
enum status lost_contrary(struct view *v, uint64_t *ret);
/* What the survey of a pair says. */
enum status lost_fit_of(struct view *v, const struct lost_place *p, struct lost_fit *ret);
/*
 * The best pair, with the log kept clear of. known: what is known already has a length, the rest is looked for.
 * *ret_found false: nothing goes together well enough. An empty BAT is found only where no block can be anywhere.
 */
enum status lost_find_pair(struct arena *a, struct source *file, const struct lost_place *known, bool *ret_found,
                           struct lost_fit *ret);

#endif
