/* SPDX-License-Identifier: MIT */
/* How far a long command is: one line on standard error that is written over and taken away at the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/guest_session.h"

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t INTERVAL_NS = 200000000;

struct progress progress_begin(const struct run *run, const char *what, uint64_t total)
{
    const enum progress_choice choice = run->options->progress;
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
    uint64_t now = source_now_ns();

    return (struct progress){
        .shown = choice == PROGRESS_ALWAYS || (choice == PROGRESS_AUTO && terminal && !run->options->quiet),
        .what = what,
        .total = total,
        .deadline_ns = run->deadline_ns,
        .start_ns = now,
        .next_ns = choice == PROGRESS_ALWAYS ? now : now + INTERVAL_NS,
    };
}

static void show(struct progress *p, uint64_t now)
{
    struct arena *a = arena_create((uint64_t)64 * 1024);
    uint64_t percent10 = p->total > 0 ? (uint64_t)((double)p->done / (double)p->total * 1000) : 1000;
    double seconds = (double)(now - p->start_ns) / (double)SECOND_NS;
    double rate = seconds > 0 ? (double)p->done / seconds : 0;

    if (a == NULL)
        return;
    (void)fprintf(stderr, "\r%s: %3u.%u %%, %s of %s, %s/s    ", p->what, (unsigned)(percent10 / 10),
                  (unsigned)(percent10 % 10), text_size(a, p->done), text_size(a, p->total),
                  text_size(a, rate < 1e18 ? (uint64_t)rate : (uint64_t)1e18));
    p->on_screen = true;
    arena_destroy(a);
}

bool progress_step(struct progress *p, uint64_t len)
{
    p->done += len;
    if (!p->shown && p->deadline_ns == 0)
        return true;
    uint64_t now = source_now_ns();
    if (p->shown && now >= p->next_ns) {
        show(p, now);
        p->next_ns = now + INTERVAL_NS;
    }
    return p->deadline_ns == 0 || now < p->deadline_ns;
}

void progress_end(struct progress *p)
{
    if (p->on_screen)
        (void)fprintf(stderr, "\r%78s\r", "");
    p->on_screen = false;
}
