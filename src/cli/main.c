/* SPDX-License-Identifier: MIT */
/* The program: finds the command and hands over. Without one, the words are files to check. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/completion.h"

static const struct command *const commands[] = {
    &command_check,  &command_info,      &command_dump,
    &command_log,    &command_map,       &command_read,
    &command_export, &command_hash,      &command_compare,
    &command_chain,  &command_carve,     &command_explain,
    &command_rules,  &command_summarize, &command_metadump,
    &command_create, &command_write,     &command_replay,
    &command_repair, &command_undo,      NULL,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) - 1 };

/*
 * Descriptors 0 to 2 are open from here on, so that no image ever takes the place of standard output. O_PATH keeps a
 * closed one closed to whoever reads or writes it.
 */
static bool claim_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_PATH);
        if (fd < 0)
            return false;
    } while (fd <= STDERR_FILENO);
    close(fd);
    return true;
}

static const struct command *find_command(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, word) == 0)
            return commands[i];
    }
    return NULL;
}

/* A word that could be a file: it exists, or does not look like the name of a command. */
static bool could_be_file(const char *word)
{
    struct stat st;

    return word[0] == '-' || strpbrk(word, "./") != NULL || lstat(word, &st) == 0;
}

static int unknown_command(const char *word)
{
    const char *names[COMMAND_COUNT + 1];

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    names[COMMAND_COUNT] = NULL;
    const char *near = nearest_name(word, names);
    if (near != NULL)
        message("\"%s\" is neither a command nor a file; did you mean %s?", word, near);
    else
        message("\"%s\" is neither a command nor a file; see vhdxray --help", word);
    return EXIT_USAGE;
}

/* Help and version go to standard output like any other result, and may fail like one. */
static int finish_stdout(void)
{
    struct output out = {.file = stdout};

    return output_commit(&out);
}

static void print_version(void)
{
    printf("%s %s\n", TOOL_NAME, TOOL_VERSION);
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct options o;
    int code = EXIT_USAGE;

    if (options_parse(c, argc, argv, &o)) {
        if (o.help || o.version) {
            if (o.help)
                help_command(c);
            else
                print_version();
            code = finish_stdout();
        } else {
            code = c->run(&o);
        }
    } else if (o.no_memory) {
        code = EXIT_LIMIT;
    }
    options_free(&o);
    return code;
}

static int help(const char *topic)
{
    const struct command *c = topic != NULL ? find_command(topic) : NULL;

    if (topic != NULL && c == NULL)
        return unknown_command(topic);
    if (c != NULL)
        help_command(c);
    else
        help_all(commands);
    return finish_stdout();
}

static int completion(const char *shell)
{
    if (shell != NULL && completion_print(commands, shell))
        return finish_stdout();
    message("--completion needs the name of a shell: %s", completion_shells);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (!claim_standard_descriptors())
        return EXIT_IMPOSSIBLE;
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is a write error, and those are reported */
    (void)signal(SIGXFSZ, SIG_IGN);

    if (argc < 2) {
        message("no file given; see vhdxray --help");
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    const struct command *c = find_command(word);
    if (c != NULL)
        return run_command(c, argc - 2, argv + 2);
    if (strcmp(word, "--version") == 0) {
        print_version();
        return finish_stdout();
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    if (strcmp(word, "--completion") == 0)
        return completion(argc > 2 ? argv[2] : NULL);
    if (strcmp(word, "help") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    if (!could_be_file(word))
        return unknown_command(word);
    return run_command(&command_check, argc - 1, argv + 1);
}
