/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without an engine: runs it once on each file named, and on each file below each folder named, in the
 * order of their names. This is how a corpus is a regression suite in every variant, and how one crash is looked at in
 * a debugger.
 *
 *     fuzz_TARGET FILE|FOLDER...
 *
 * Last line: `N inputs`. Exit 0 when there was one, 1 when there was none or one could not be read; a property that
 * does not hold aborts, and the name of the input is printed.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { DEPTH_MAX = 16 };

extern char property_replays;
char property_replays = 1; /* see property.h */

static const char *current; /* the input being run, for the dying message */
static unsigned long inputs, unread;

static void say_current(void)
{
    static const char before[] = "while running ";

    if (current == NULL || write(STDERR_FILENO, before, sizeof(before) - 1) < 0 ||
        write(STDERR_FILENO, current, strlen(current)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        return;
}

static void on_signal(int number)
{
    say_current();
    signal(number, SIG_DFL);
    raise(number);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define DRIVER_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DRIVER_SANITIZED 1
#endif
#ifdef DRIVER_SANITIZED
void __sanitizer_set_death_callback(void (*fn)(void));
#endif

/* The data lies in a block of exactly its size, so that one byte too far is seen. */
static void run_bytes(FILE *f, const char *path, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);

    if (data == NULL || fread(data, 1, size, f) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        unread++;
    } else {
        current = path;
        LLVMFuzzerTestOneInput(data, size);
        current = NULL;
        inputs++;
    }
    free(data);
}

static void run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        unread++;
        return;
    }
    run_bytes(f, path, size);
    fclose(f);
}

static void run_path(const char *path, unsigned depth);

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void run_folder(const char *path, unsigned depth)
{
    struct dirent **names;
    int count = scandir(path, &names, visible, alphasort);

    if (count < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        unread++;
        return;
    }
    for (int i = 0; i < count; i++) {
        char *child;
        if (asprintf(&child, "%s/%s", path, names[i]->d_name) < 0)
            abort();
        run_path(child, depth + 1);
        free(child);
        free(names[i]);
    }
    free(names);
}

/* Folders nest as deep as DEPTH_MAX; a link that leads in a circle ends there. */
static void run_path(const char *path, unsigned depth)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        unread++;
    } else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
        run_folder(path, depth);
    } else if (S_ISREG(st.st_mode)) {
        run_file(path, (size_t)st.st_size);
    } else {
        fprintf(stderr, "%s: neither a file nor a folder\n", path);
        unread++;
    }
}

int main(int argc, char **argv)
{
#ifdef DRIVER_SANITIZED
    __sanitizer_set_death_callback(say_current);
#endif
    signal(SIGABRT, on_signal);
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        run_path(argv[i], 0);
    printf("%lu inputs\n", inputs);
    return inputs == 0 || unread > 0;
}
