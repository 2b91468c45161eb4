/* SPDX-License-Identifier: MIT */
/*
 * Cases of the rules: one row is a small image, what is done to it, and the rule that must speak. A case's image trips
 * its rule and nothing else of weight: every other error or warning must be listed in `also`. Its guard is the image
 * just inside the limit (or the undamaged one), where the rule is silent, or at least does not fire with this severity.
 *
 *     {"bat-state-4", "VHDX-BAT-002", SEVERITY_ERROR, .damage = state_4},
 *
 * What only concerns the image's bytes is a function of the image (mutate, inside); what also concerns the world around
 * it is a function of the scene (damage, guard).
 *
 * Tables live in cases_*.c, the runner in cases.c; test_cases.c runs them all and asks that every rule has a case.
 */
#ifndef VHDXRAY_TESTS_CASES_H
#define VHDXRAY_TESTS_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build.h"
#include "check/run.h"
#include "faulty.h"
#include "image/chain.h"

enum { SCENE_FILES = 8, SCENE_DIRS = 2 };

/* Another file of the scene: a parent, or one that lies in a directory where parents are looked for. */
struct scene_file {
    uint32_t dir; /* SCENE_NAMED: given by --parent, in the order of the list; else number of the search directory */
    const char *name; /* as given, or in the directory */
    struct img *img;  /* freed with the scene; NULL: it cannot be opened */
    uint64_t inode;   /* 0: one of its own */
    int64_t mtime;    /* seconds */
    bool endless;     /* each time it is opened it looks like another file */
    uint64_t opened;  /* times it was opened */
};
static const uint32_t SCENE_NAMED = UINT32_MAX;

/* Everything that one check sees. Made from the case's parameters, then handed to damage() or guard(). */
struct scene {
    struct img *img;
    const char *path;       /* "case.vhdx"; differencing images "case.avhdx" */
    struct host_facts host; /* a regular file, wholly allocated, inode 1, mtime 1000; size and info follow img->size */
    bool host_given;        /* damage() filled host itself: it is not adjusted to img->size */
    struct image_options options;
    uint64_t memory; /* budget; 0: LIMIT_MEMORY_DEFAULT */
    struct check_options check;
    void (*restat)(struct image *img);           /* NULL: nothing changed */
    struct source *(*wrap)(struct source *base); /* NULL; a source of its own over the image's, closed before it */
    /* NULL; around every file of the scene. own: closing it closes base as well. */
    struct source *(*wrap_all)(struct source *base, bool own);
    void (*aside)(bool begin); /* NULL; around what the scene itself does while it is looked at */
    uint64_t bad_off, bad_len; /* bytes of the file that cannot be read */
    uint64_t claimed_size;     /* what the source says its size is; 0: the truth */
    struct scene_file files[SCENE_FILES];
    uint32_t file_count;
    bool search; /* the directories "a" and "b" are searched */
};

struct test_case {
    const char *name;
    const char *rule;
    enum severity severity;
    const struct img_params *params;       /* NULL: a default dynamic image */
    const struct img_params *guard_params; /* NULL: the same */
    void (*mutate)(struct img *img);
    void (*damage)(struct scene *s); /* after mutate */
    void (*inside)(struct img *img); /* the guard; it and guard NULL: the undamaged image */
    void (*guard)(struct scene *s);  /* after inside */
    const char *also;                /* ids of other errors and warnings that the damage brings, with spaces between */
    const char *guard_also;          /* the same for the guard */
    bool no_guard;                   /* the undamaged image trips the rule as well: facts that are always reported */
    uint64_t count;                  /* findings of the rule; 0: one or more */
    const char *says;                /* a part that some message of the rule must have; NULL: anything */
    uint64_t at;                     /* file offset of its first finding; 0: anything */
    const char *verdict;             /* NULL: "corrupt" with an error, "suspicious" with a warning, else "clean" */
};

struct case_table {
    const char *name;
    const struct test_case *cases;
    size_t count;
};

extern const struct case_table container_cases; /* FILE, FID, HDR, RGN */
extern const struct case_table metadata_cases;  /* META, PLOC */
extern const struct case_table block_cases, log_cases, chain_cases,
    forensic_cases;                        /* BAT and SBM, LOG, CHAIN, XREF and FOR */
extern const struct case_table tool_cases; /* images that other tools accept */
extern const struct case_table edge_cases; /* conditions of rules from their other sides */

/* One case opened and checked; for assertions of its own, and for golden reports. */
struct case_run {
    struct scene scene;
    struct arena *arena;
    struct source *base, *source;
    struct source *wrapped; /* what wrap_all is around, in `source` */
    struct faulty faulty;
    struct image *image;
    struct check_result *result;
};
void case_open(const struct test_case *c, bool guard, struct case_run *ret); /* aborts when the tool itself fails */
/*
 * The same on a host that may fail: prepare() gets scene and arena before anything looks at them. What then could not
 * be made is NULL; case_close() all the same.
 */
enum status case_try(const struct test_case *c, bool guard, void (*prepare)(struct case_run *r), struct case_run *ret);
void case_close(struct case_run *r);

/* Findings of a rule in the result: how many are kept, and the i-th. */
/* The rules with an error in the file as it is, by number, and the verdict. rule_count() <= CASE_RULES_MOST. */
enum { CASE_RULES_MOST = 512 };
enum verdict case_errors(struct source *s, bool errors[CASE_RULES_MOST]);
uint64_t case_findings(const struct case_run *r, const char *rule);
const struct finding *case_finding(const struct case_run *r, const char *rule, uint64_t i);

/* cmocka assertions: the case and its guard are as the row says. */
void case_assert(const struct test_case *c);
void case_assert_guard(const struct test_case *c);

/* Adds a file to the scene. */
struct scene_file *scene_add(struct scene *s, uint32_t dir, const char *name, struct img *img);

#endif
