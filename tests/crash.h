/* SPDX-License-Identifier: MIT */
/* What the scenarios of tests/crash.c share: how many states are wanted, how they ended, what went wrong. */
#ifndef VHDXRAY_TESTS_CRASH_H
#define VHDXRAY_TESTS_CRASH_H

#include "powerloss.h"

struct crash {
    uint64_t wanted; /* states to play, more or less */
    uint64_t states;
    uint64_t seed;                         /* of the run being played */
    uint64_t as_before, as_after, between; /* how the states ended; between: some sectors old, others new */
    char problem[512];                     /* "": none so far */
};

/* Remembers the first problem, with the seed. Always false: `return crash_problem(...)` ends the playing. */
__attribute__((format(printf, 2, 3))) bool crash_problem(struct crash *c, const char *fmt, ...);

/*
 * Plays the states of one recording, thinned out so that at most `most` of them are played, and adds them up. False
 * when there is a problem.
 */
bool crash_play(struct crash *c, const struct recording *r, const struct disk *start, uint32_t stores, uint64_t most,
                bool (*visit)(void *context, struct disk *disks, uint64_t issued), void *context);

/* Each plays recordings of seeds 1, 2, ... until c->wanted states were played or there is a problem. */
void crash_apply(struct crash *c);          /* random changes: the journal is written and applied */
void crash_repair(struct crash *c);         /* the same with the plan for a damaged image */
void crash_undo(struct crash *c);           /* an applied one is undone */
void crash_finish(struct crash *c);         /* while an interrupted one is finished */
void crash_undo_again(struct crash *c);     /* while an interrupted undo is finished */
void crash_roll_back(struct crash *c);      /* while an interrupted one is rolled back */
void crash_replay(struct crash *c);         /* log replay on disk */
void crash_replay_again(struct crash *c);   /* while an interrupted one is done again */
void crash_write(struct crash *c);          /* guest writes */
void crash_write_recovery(struct crash *c); /* while the log they left is replayed */
void crash_create(struct crash *c);

#endif
