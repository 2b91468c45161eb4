/* SPDX-License-Identifier: MIT */
/*
 * Gives up what the program does not need before it looks at the first byte of an image: a parser that was taken over
 * by a hostile file can then read what was opened for it and write its report, and nothing else.
 */
#ifndef VHDXRAY_CLI_SANDBOX_H
#define VHDXRAY_CLI_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

enum sandbox_mode {
    SANDBOX_AUTO,    /* as much as the kernel offers; what it lacks is recorded and goes on */
    SANDBOX_REQUIRE, /* all of it, or the run ends before an image is looked at */
    SANDBOX_OFF,
};

/* What is still needed afterwards, besides reading and writing open descriptors. Bits. */
enum sandbox_need {
    SANDBOX_WRITE_FILE = 1 << 0,   /* write at offsets, cut, copy and sync descriptors that are open: export, repair */
    SANDBOX_OPEN_BELOW = 1 << 1,   /* open files for reading below the directories of the request */
    SANDBOX_CREATE_BELOW = 1 << 2, /* make new files below create_dir, write them, name and remove them: carve */
};

struct sandbox_request {
    enum sandbox_mode mode;
    unsigned needs;
    const int *dirs; /* SANDBOX_OPEN_BELOW: open directories */
    uint32_t dir_count;
    int create_dir; /* SANDBOX_CREATE_BELOW: an open directory */
    /* Called, unless NULL, when no name can be opened any more and a thread can still be started: it is then confined
     * like the one that calls. It must be running when this returns. */
    void (*start_threads)(void *ctx);
    void *ctx;
};

struct sandbox_state {
    int landlock_abi; /* version in force; 0: none */
    bool seccomp;     /* the filter is in force */
    bool no_new_privs;
    const char *missing; /* what could not be had, as words; NULL: nothing */
};

/*
 * Once per process. False when the mode is SANDBOX_REQUIRE and something is missing; state says what in any case. The
 * process cannot get back what it gave up, and neither can its children.
 */
bool sandbox_enter(const struct sandbox_request *r, struct sandbox_state *ret);

#endif
