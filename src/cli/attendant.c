/* SPDX-License-Identifier: MIT */
/*
 * The parent reads one byte for a task and answers with one for its exit code. It trusts the child with nothing else:
 * names were fixed before the fork. What was not named when the child ends is removed, however it ended.
 */
#include "cli/attendant.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/journal_file.h"

static int line = -1; /* the child's end */

bool attendant_there(void)
{
    return line >= 0;
}

int attendant_ask(enum attendant_task task)
{
    unsigned char byte = (unsigned char)task;
    ssize_t n;

    if (write(line, &byte, 1) != 1)
        return EXIT_INTERNAL;
    do
        n = read(line, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? byte : EXIT_INTERNAL;
}

static int name_journal(struct journal_file *j, bool new)
{
    if (j == NULL || (new && !j->file.created))
        return EXIT_INTERNAL;
    int code = new ? journal_file_name_new(j) : journal_file_name_old(j);
    if (code != EXIT_OK)
        message("%s", j->message);
    return code;
}

static int perform(unsigned char task, struct output *report, struct new_file *file, struct journal_file *journal)
{
    switch (task) {
    case ATTENDANT_NAME_REPORT:
        return report != NULL && report->temporary != NULL ? output_name(report) : EXIT_INTERNAL;
    case ATTENDANT_NAME_FILE:
        return file != NULL && file->created ? new_file_commit(file) : EXIT_INTERNAL;
    case ATTENDANT_KEEP_FILE:
        if (file != NULL)
            new_file_drop(file, true);
        return EXIT_OK;
    case ATTENDANT_NEW_JOURNAL:
    case ATTENDANT_OLD_JOURNAL:
        return name_journal(journal, task == ATTENDANT_NEW_JOURNAL);
    default:
        return EXIT_INTERNAL;
    }
}

static void attend(int fd, struct output *report, struct new_file *file, struct journal_file *journal)
{
    unsigned char byte;

    for (;;) {
        ssize_t n = read(fd, &byte, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != 1)
            return;
        byte = (unsigned char)perform(byte, report, file, journal);
        if (write(fd, &byte, 1) != 1)
            return;
    }
}

/* The end of the child is the end of the program. */
static _Noreturn void leave(pid_t child, struct output *report, struct new_file *file, struct journal_file *journal)
{
    int status = 0, code;

    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status)) {
        code = WEXITSTATUS(status);
    } else {
        message("internal error: the analysis was ended by signal %d (%s)", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
        code = EXIT_INTERNAL;
    }
    if (report != NULL)
        output_abandon(report);
    if (file != NULL)
        new_file_drop(file, false);
    if (journal != NULL)
        new_file_drop(&journal->file, false);
    _exit(code);
}

int attendant_begin(struct output *report, struct new_file *file, struct journal_file *journal)
{
    int ends[2];

    if (report != NULL && report->temporary == NULL)
        report = NULL;
    if (file != NULL && !file->created)
        file = NULL;
    if (report == NULL && file == NULL && journal == NULL)
        return EXIT_OK;
    /* What is buffered would be written twice. */
    (void)fflush(NULL);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        message("cannot start: %s", error_text(errno));
        return EXIT_IMPOSSIBLE;
    }
    pid_t parent = getpid(), child = fork();
    if (child < 0) {
        message("cannot start: %s", error_text(errno));
        close(ends[0]);
        close(ends[1]);
        return EXIT_IMPOSSIBLE;
    }
    if (child > 0) {
        close(ends[1]);
        attend(ends[0], report, file, journal);
        leave(child, report, file, journal);
    }
    close(ends[0]);
    line = ends[1];
    /* Nobody is left to name the output: nothing to go on for. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
        _exit(EXIT_INTERNAL);
    output_undoom();
    return EXIT_OK;
}
