/* SPDX-License-Identifier: MIT */
/*
 * What a fixer sees and may do. A fixer gets one finding and changes the stage through the functions here, which keep
 * the list of steps, or says why it cannot. Internal to repair/.
 *
 * Rules for fixers: bytes that are to be changed are read from the stage, never from the model, because another fixer
 * of this round may have changed them; a fixer that finds its work done changes nothing (the second plan is empty);
 * what is written belongs to one structure only; guest data that reads otherwise afterwards is named with fix_guest().
 */
#ifndef VHDXRAY_REPAIR_FIX_H
#define VHDXRAY_REPAIR_FIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/rule.h"
#include "check/run.h"
#include "format/header.h"
#include "io/entropy.h"
#include "repair/plan.h"

/* In this order: what comes later is found through what comes earlier. A round does one phase. */
enum fix_phase {
    PHASE_IDENTIFIER,
    PHASE_HEADERS,
    PHASE_LOG,
    PHASE_REGIONS,
    PHASE_METADATA,
    PHASE_BAT,
    PHASE_BITMAPS,
    PHASE_LOCATOR,
    PHASE_WIPE,
    PHASE_SIZE,
    PHASE_COUNT,
};

/* What both headers shall say at the end. Kept from round to round. */
struct headers_wanted {
    bool known;        /* there was a current header in this round or an earlier one */
    int slot;          /* 0 or 1: where the current one is, and stays */
    uint64_t sequence; /* its number before the repair; the headers get the next two */
    struct header h;
    bool touched; /* a fixer changed something of it in this round */
    bool zero_reserved;
    bool guest_changed;            /* a new DataWriteGuid is due (format.md 18: P8, P10, P11) */
    bool noted;                    /* the two steps are in the plan */
    const struct rule *log_wanted; /* who took the log out of the headers: it gets a place once blocks are known */
    struct guid file_write_guid, data_write_guid; /* the new ones */
};

struct fixing {
    struct plan *plan;
    const struct plan_options *options;
    struct arena *arena; /* of the round */
    struct image *img;   /* the stage as it was when the round began */
    struct view *view;   /* img->main; its layout is known: a round without ends before any fixer is called */
    const struct check_result *found;
    struct store *stage;
    struct entropy *entropy;
    struct headers_wanted *headers;
    uint64_t *copied; /* bytes of blocks that were copied so far */

    const struct finding *finding; /* in hand */
    bool changed;                  /* something, in this round */
    const char *why_not;           /* the last refusal */
    bool has_guest;                /* for the next step */
    uint64_t guest_off, guest_len;
    uint64_t end;                    /* where the next new structure goes; 0: not asked yet */
    int bat_shared, metadata_shared; /* 0: not asked yet, 1: no, 2: yes */
};

typedef enum status fix_fn(struct fixing *x, const struct finding *f);

/* What may still be mended in a round in which the fixer changed something: how much of the model became too old by it.
 */
enum fix_reach {
    REACH_SHARED, /* other findings of its phase */
    REACH_ALONE,  /* other findings of its rule */
    REACH_ONCE,   /* nothing */
};

struct fixer {
    const char *rule;
    enum fix_phase phase;
    enum fix_reach reach;
    fix_fn *fix;
    const char *no_fixer; /* with fix NULL: why there is none */
};

/* fixers.c: the one table of them, in catalogue order. */
uint32_t fixer_count(void);
const struct fixer *fixer_at(uint32_t i);

/* ---- fix.c ---- */

/* Texts in the round's arena. */
__attribute__((format(printf, 2, 3))) const char *fix_text(struct fixing *x, const char *fmt, ...);
/* Notes why the finding in hand stays; STATUS_OK. */
__attribute__((format(printf, 2, 3))) enum status fix_refuse(struct fixing *x, const char *fmt, ...);
/* Guest bytes that the next step makes read otherwise. */
void fix_guest(struct fixing *x, uint64_t off, uint64_t len);
/* A new DataWriteGuid is due. */
void fix_guest_changed(struct fixing *x);

/* What only the stored view has is mended by the replay of the log; without one all findings are of the other view. */
static inline bool finding_is_stored_only(const struct finding *f)
{
    return f->view == VIEW_STORED;
}

/* True when the user named the rule. */
bool fix_consented(const struct fixing *x, const char *rule);
/* True when the round's check has a finding of the rule in the view that is believed. */
bool fix_found(const struct fixing *x, const char *rule);

/* True, with a refusal, while there are errors: for what is no fault, and right only where all else is. */
bool fix_waits_for_errors(struct fixing *x);

/* From the stage; zeros behind its end. */
enum status fix_read(struct fixing *x, uint64_t off, void *buf, size_t len);
/* Each changes the stage and adds a step, unless it is so already. action: what is done, without full stop. */
enum status fix_write(struct fixing *x, uint64_t off, const void *buf, size_t len, const char *action);
enum status fix_zero(struct fixing *x, uint64_t off, uint64_t len, const char *action); /* clipped to the file */
enum status fix_grow(struct fixing *x, uint64_t size, const char *action); /* never makes the file shorter */
enum status fix_cut(struct fixing *x, uint64_t size, const char *action);  /* size: less than it has */
/* [to, to + len) gets the bytes of [from, from + len), zeros behind the end of the file; len > 0. */
enum status fix_copy(struct fixing *x, uint64_t to, uint64_t from, uint64_t len, const char *action);
/* Only the step, for changes made to the stage directly. */
enum status fix_note(struct fixing *x, uint64_t off, uint64_t len, const char *action);

/*
 * A place for a new structure of len bytes (a multiple of 1 MiB) behind the end of the file, which has yet to grow.
 * False with a refusal when something claims that place, or where blocks are is not known.
 */
bool fix_allocate(struct fixing *x, uint64_t len, uint64_t *ret_off);
/* True, with a refusal, when no host can hold a file of that size. */
bool fix_growth_is_too_long(struct fixing *x, uint64_t size);
/* True, with a refusal, when a block claims bytes of [size of the file, size): growing would make it read as zeros. */
bool fix_growth_is_claimed(struct fixing *x, uint64_t size);
/* How many fixed structures claim bytes of the range: header section, log, regions, sector bitmaps. */
uint64_t fix_owners(const struct fixing *x, uint64_t off, uint64_t len);
/* True, with a refusal, when another structure claims bytes of the BAT in use, or of the metadata region. */
bool fix_bat_is_shared(struct fixing *x);
bool fix_metadata_is_shared(struct fixing *x);
/* True, with a refusal, when anything but the log, which is empty, claims bytes of it. */
bool fix_log_is_taken(struct fixing *x);

/* ---- fix_header.c: writing both headers ---- */

/* Takes the round's current header as what is wanted, where there is one. */
void headers_look(struct fixing *x);
/* Writes both. Called behind each round that changed something. */
enum status headers_write(struct fixing *x);

/* ---- trial.c: what the stage would look like with something changed ---- */

struct trial {
    struct arena *arena;
    struct store *store; /* a stage over the stage; to be changed before trial_check() or trial_survey() */
    struct view *view;   /* of trial_survey() */
};

struct trial_sum {
    enum verdict verdict;
    uint64_t errors;
};

enum status trial_open(struct fixing *x, struct trial *ret);
/* Checks it as any image. */
enum status trial_check(struct fixing *x, struct trial *t, struct trial_sum *ret);
/* Builds and surveys the stored view. t->view->survey is NULL where there is no BAT to walk. */
enum status trial_survey(struct fixing *x, struct trial *t);
void trial_close(struct trial *t);
/* Negative when a is the better image. */
int trial_compare(const struct trial_sum *a, const struct trial_sum *b);

#endif
