/* SPDX-License-Identifier: MIT */
/*
 * Chooses a corpus: of many inputs those that reach the most for what they cost. Linked with a target whose library
 * follows edges (-fsanitize-coverage) in the place of an engine; tools/merge-corpus runs it.
 *
 *     TARGET LIMIT [FIRST] <paths    one path a line; LIMIT: bytes of all that is chosen
 *
 * Prints the paths of the chosen inputs: those of the file FIRST, then the best first. Each time that input is taken
 * which adds the most edges for its price, until nothing is added or nothing fits. The price is its size and its work:
 * an engine runs each input of the corpus, changed, as often as any other, so that a few slow ones take most of its
 * time. Work is what the counters of source coverage add up to when the target runs as under an engine, which is the
 * same on every machine. What counts as reached is what the replay reaches. An input that fails, or does not end, ends
 * the run, with its path on standard error.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/property.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
    PATH_LEN = 4096,
    INPUT_MAX = 1 << 20,
    SECONDS_MAX = 300,
    OVERHEAD = 64,     /* bytes that a file costs beside its own */
    WORK_OF_BYTE = 10, /* counts that cost as much as a byte */
};

char property_replays = 1;

/* ---- edges ---- */

static uint8_t *edges, *edges_end;

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);

/* Called by the compiler's code before main(), once for all that is linked together. */
void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop)
{
    edges = start;
    edges_end = stop;
}

void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop)
{
    (void)start;
    (void)stop;
}

/* ---- work ---- */

uint64_t *__llvm_profile_begin_counters(void);
uint64_t *__llvm_profile_end_counters(void);
void __llvm_profile_reset_counters(void);

static uint64_t work_done(void)
{
    uint64_t sum = 0;

    for (const uint64_t *p = __llvm_profile_begin_counters(); p < __llvm_profile_end_counters(); p++)
        sum += *p;
    return sum;
}

/* ---- inputs ---- */

struct candidate {
    char *path;
    size_t size;
    double price;
    uint64_t *reached; /* a bit for each edge */
    size_t gain;       /* edges it would add, as of some earlier moment: never less than now */
    bool taken;
};

static struct candidate *candidates;
static size_t candidate_count, words;
static const char *running;

static void on_abort(int number)
{
    static const char before[] = "choose: this input fails: ";

    (void)!write(STDERR_FILENO, before, sizeof(before) - 1);
    (void)!write(STDERR_FILENO, running, strlen(running));
    (void)!write(STDERR_FILENO, "\n", 1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void *must(void *ptr)
{
    if (ptr == NULL) {
        perror("choose");
        exit(1);
    }
    return ptr;
}

/* As an engine runs it, or the replay. */
static void run_once(const uint8_t *input, size_t size, bool replay)
{
    property_replays = replay;
    (void)alarm(SECONDS_MAX);
    (void)LLVMFuzzerTestOneInput(input, size);
    (void)alarm(0);
}

/* What the input reaches and costs; false when it cannot be read. */
static bool run(struct candidate *c)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *f = fopen(c->path, "rb");

    if (f == NULL) {
        (void)fprintf(stderr, "%s: %s\n", c->path, strerror(errno));
        return false;
    }
    c->size = fread(bytes, 1, sizeof(bytes), f);
    (void)fclose(f);
    uint8_t *input = must(malloc(c->size > 0 ? c->size : 1)); /* of exactly this size */
    memcpy(input, bytes, c->size);
    running = c->path;
    __llvm_profile_reset_counters();
    run_once(input, c->size, false);
    c->price = (double)(c->size + OVERHEAD) + (double)work_done() / WORK_OF_BYTE;
    size_t count = (size_t)(edges_end - edges);
    memset(edges, 0, count);
    run_once(input, c->size, true);
    free(input);
    c->reached = must(calloc(words, sizeof(*c->reached)));
    for (size_t i = 0; i < count; i++)
        c->reached[i / 64] |= (uint64_t)(edges[i] != 0) << (i % 64);
    return true;
}

static size_t gain_of(const struct candidate *c, const uint64_t *have)
{
    size_t n = 0;

    for (size_t i = 0; i < words; i++)
        n += (size_t)__builtin_popcountll(c->reached[i] & ~have[i]);
    return n;
}

static bool read_candidates(void)
{
    char line[PATH_LEN];
    size_t cap = 0;

    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (candidate_count == cap) {
            cap = cap > 0 ? 2 * cap : 256;
            candidates = must(realloc(candidates, cap * sizeof(*candidates)));
        }
        struct candidate *c = &candidates[candidate_count++];
        *c = (struct candidate){.path = must(strdup(line))};
        if (!run(c))
            return false;
        c->gain = SIZE_MAX;
    }
    return true;
}

/* ---- choosing ---- */

/* a is worth more for its price than b. */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
    return (double)a->gain * b->price > (double)b->gain * a->price;
}

/* The best that fits, with its gain up to date; NULL: none adds anything. Gains only fall, so most need no new count.
 */
static struct candidate *best(const uint64_t *have, size_t room)
{
    struct candidate *found = NULL;

    for (size_t i = 0; i < candidate_count; i++) {
        struct candidate *c = &candidates[i];
        if (c->taken || c->size > room || c->gain == 0 || (found != NULL && !is_better(c, found)))
            continue;
        c->gain = gain_of(c, have);
        if (c->gain > 0 && (found == NULL || is_better(c, found)))
            found = c;
    }
    return found;
}

static void take_one(struct candidate *c, uint64_t *have, size_t *room)
{
    (void)puts(c->path);
    c->taken = true;
    *room -= c->size;
    for (size_t i = 0; i < words; i++)
        have[i] |= c->reached[i];
}

/* Those candidates whose paths the file has, as far as they fit. */
static void take_first(const char *list, uint64_t *have, size_t *room)
{
    char line[PATH_LEN];
    FILE *f = must(fopen(list, "r"));

    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < candidate_count; i++)
            if (!candidates[i].taken && candidates[i].size <= *room && strcmp(candidates[i].path, line) == 0)
                take_one(&candidates[i], have, room);
    }
    (void)fclose(f);
}

int main(int argc, char **argv)
{
    struct candidate *c;

    if (argc != 2 && argc != 3) {
        (void)fprintf(stderr, "usage: %s LIMIT [FIRST] <paths\n", argv[0]);
        return 2;
    }
    if (LLVMFuzzerInitialize != NULL && LLVMFuzzerInitialize(&argc, &argv) != 0)
        return 1;
    size_t room = (size_t)strtoull(argv[1], NULL, 10);
    words = (size_t)(edges_end - edges) / 64 + 1;
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGSEGV, on_abort);
    (void)signal(SIGALRM, on_abort);
    if (!read_candidates())
        return 1;
    uint64_t *have = must(calloc(words, sizeof(*have)));
    if (argc == 3)
        take_first(argv[2], have, &room);
    while ((c = best(have, room)) != NULL)
        take_one(c, have, &room);
    size_t reached = 0, all = 0;
    for (size_t i = 0; i < words; i++) {
        uint64_t any = 0;
        for (size_t k = 0; k < candidate_count; k++)
            any |= candidates[k].reached[i];
        reached += (size_t)__builtin_popcountll(have[i]);
        all += (size_t)__builtin_popcountll(any);
    }
    (void)fprintf(stderr, "%zu of %zu edges\n", reached, all);
    return ferror(stdout) || fflush(stdout) != 0;
}
