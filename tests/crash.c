/* SPDX-License-Identifier: MIT */
/*
 * Every power loss that a change can meet (powerloss.h), and again while the next run recovers from it.
 *
 *   tests/crash [STATES]     about so many states in all (60000); 1200000 is the long run
 *
 * Prints a line for each scenario with the states played and how they ended; last line `N passed, N failed`.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "crash.h"

bool crash_problem(struct crash *c, const char *fmt, ...)
{
    va_list ap;

    if (c->problem[0] != '\0')
        return false;
    int n = snprintf(c->problem, sizeof(c->problem), "seed %" PRIu64 ", state %" PRIu64 ": ", c->seed, c->states);
    va_start(ap, fmt);
    (void)vsnprintf(c->problem + n, sizeof(c->problem) - (size_t)n, fmt, ap);
    va_end(ap);
    return false;
}

/* Counts the states as they are played. */
struct counted {
    struct crash *crash;
    bool (*visit)(void *context, struct disk *disks, uint64_t issued);
    void *context;
};

static bool count(void *context, struct disk *disks, uint64_t issued)
{
    struct counted *n = (struct counted *)context;

    n->crash->states++;
    return n->visit(n->context, disks, issued);
}

bool crash_play(struct crash *c, const struct recording *r, const struct disk *start, uint32_t stores, uint64_t most,
                bool (*visit)(void *context, struct disk *disks, uint64_t issued), void *context)
{
    struct power_options o = {.samples = 10000, .torn_samples = 32, .seed = c->seed};
    struct counted n = {.crash = c, .visit = visit, .context = context};

    o.every = u64_max(u64_div_up(power_play(r, start, stores, &o, NULL, NULL), most), 1);
    (void)power_play(r, start, stores, &o, count, &n);
    return c->problem[0] == '\0';
}

static const struct scenario {
    const char *name;
    unsigned share; /* of 100 */
    void (*play)(struct crash *c);
} scenarios[] = {
    {"journaled changes", 13, crash_apply},
    {"repair of damaged images", 15, crash_repair},
    {"repair, loss while it is finished", 12, crash_finish},
    {"repair, loss while it is rolled back", 10, crash_roll_back},
    {"undo", 8, crash_undo},
    {"undo, loss while it is finished", 5, crash_undo_again},
    {"log replay", 10, crash_replay},
    {"log replay, loss while it is done again", 5, crash_replay_again},
    {"guest write", 12, crash_write},
    {"guest write, loss while its log is replayed", 7, crash_write_recovery},
    {"create", 3, crash_create},
};

int main(int argc, char **argv)
{
    uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 60000;
    uint64_t states = 0;
    unsigned passed = 0, failed = 0;

    /* Windows of a megabyte are taken and given back for every state: not to be asked of the system each time. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        struct crash c = {.wanted = u64_max(wanted * scenarios[i].share / 100, 100)};
        scenarios[i].play(&c);
        bool good = c.problem[0] == '\0' && c.as_before + c.as_after + c.between >= c.states;
        printf("%s %s: %" PRIu64 " states of %" PRIu64 " runs, %" PRIu64 " ended as before, %" PRIu64
               " as finished, %" PRIu64 " in between%s%s\n",
               good ? "ok" : "FAIL", scenarios[i].name, c.states, c.seed - 1, c.as_before, c.as_after, c.between,
               c.problem[0] != '\0' ? ": " : "", c.problem);
        states += c.states;
        passed += good;
        failed += !good;
    }
    printf("figure power loss: %" PRIu64
           " states in %zu scenarios: each ended as before, as finished, or for guest writes "
           "with old or new data\n",
           states, sizeof(scenarios) / sizeof(scenarios[0]));
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
