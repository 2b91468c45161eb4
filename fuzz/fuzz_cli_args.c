/* SPDX-License-Identifier: MIT */
/*
 * The command line, of which no file is opened. Input: a byte for the number of arguments that the command takes, a
 * byte for the options that it has not got, and words, each ended by a NUL.
 *
 * Asserted: what is refused is refused with one message, a line that is harmless on a terminal whatever the words hold;
 * what is accepted has values in the ranges that the commands rely on, and is accepted again; the help of the same
 * command is text, and names each of its options.
 */
#include "fuzz/property.h"

#include "base/limits.h"
#include "cli/options.h"
#include "fuzz/strict.h"

enum { WORDS_MAX = 64 };

/* Standard output or standard error, kept. */
struct capture {
    FILE **stream, *before, *file;
    char *text;
    size_t len;
};

static void capture_begin(struct capture *c, FILE **stream)
{
    *c = (struct capture){.stream = stream, .before = *stream};
    c->file = open_memstream(&c->text, &c->len);
    ASSERT(c->file != NULL, "out of memory");
    *stream = c->file;
}

static void capture_end(struct capture *c)
{
    *c->stream = c->before;
    ASSERT(fclose(c->file) == 0, "out of memory");
}

/* ---- what was understood ---- */

static bool is_one_of(char **argv, int argc, const char *s)
{
    for (int i = 0; i < argc; i++) {
        if (s >= argv[i] && s <= argv[i] + strlen(argv[i]))
            return true;
    }
    return false;
}

static void judge_words(const struct words *w, char **argv, int argc)
{
    ASSERT(w->count <= w->cap && w->count <= (uint32_t)argc);
    for (uint32_t i = 0; i < w->count; i++)
        ASSERT(is_one_of(argv, argc, w->items[i]), "\"%s\" was not given", w->items[i]);
}

static void judge_options(const struct command *c, const struct options *o, char **argv, int argc)
{
    judge_words(&o->args, argv, argc);
    judge_words(&o->parents, argv, argc);
    judge_words(&o->parents_b, argv, argc);
    judge_words(&o->search_dirs, argv, argc);
    judge_words(&o->algorithms, argv, argc);
    ASSERT(o->max_findings >= 1 && o->max_memory >= 1 && o->timeout <= UINT32_MAX);
    ASSERT(!o->have_range || o->range_first < o->range_end);
    ASSERT(o->shard_count == 0 || (o->shard >= 1 && o->shard <= o->shard_count));
    ASSERT(o->jobs <= JOBS_MOST);
    ASSERT(o->output == NULL || (o->output[0] != '\0' && strcmp(o->output, "-") != 0));
    if (o->help || o->version)
        return;
    ASSERT(o->args.count <= c->max_args && (o->args.count >= c->min_args || o->files_from != NULL));
}

static void judge_message(const struct capture *c)
{
    ASSERT(strncmp(c->text, "vhdxray: ", 9) == 0 && c->len > 10, "%s", c->text);
    ASSERT(strchr(c->text, '\n') == c->text + c->len - 1, "not one line: %s", c->text);
    strict_text(c->text, c->len);
}

/* True when the words were understood. */
static bool parse(const struct command *c, char **argv, int argc, struct options *o)
{
    struct capture errors;

    capture_begin(&errors, &stderr);
    bool ok = options_parse(c, argc, argv, o);
    capture_end(&errors);
    if (ok)
        ASSERT(errors.len == 0, "%s", errors.text);
    else
        judge_message(&errors);
    free(errors.text);
    return ok;
}

/* ---- the command ---- */

static int run_nothing(const struct options *o)
{
    (void)o;
    return 0;
}

/* All options but every left_out-th; 0: all. */
static void make_command(struct command *c, enum option_id ids[OPT_COUNT + 1], unsigned args, unsigned left_out)
{
    static const char *const examples[] = {"vhdxray any FILE", "an example", NULL};
    unsigned n = 0;

    for (int id = OPT_END + 1; id < OPT_COUNT; id++) {
        if (id != OPT_HELP && (left_out == 0 || (unsigned)id % left_out != 0))
            ids[n++] = (enum option_id)id;
    }
    ids[n] = OPT_END;
    *c = (struct command){
        .name = "any",
        .arguments = "FILE...",
        .summary = "nothing",
        .examples = examples,
        .notes = args & 1 ? "Notes." : NULL,
        .options = ids,
        .min_args = args & 3,
        .max_args = args >> 4 == 15 ? UINT32_MAX : (args & 3) + (args >> 4),
        .run = run_nothing,
    };
}

static void judge_help(const struct command *c)
{
    struct capture out;

    capture_begin(&out, &stdout);
    help_command(c);
    capture_end(&out);
    strict_text(out.text, out.len);
    ASSERT(strstr(out.text, "--help") != NULL);
    free(out.text);
}

/* ---- words ---- */

static void judge_size(const char *word)
{
    uint64_t v = 0, again = 1;
    char digits[24];

    if (!parse_size(word, &v))
        return;
    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
    ASSERT(parse_size(digits, &again) && v == again, "%s", word);
    (void)snprintf(digits, sizeof(digits), "0x%llX", (unsigned long long)v);
    ASSERT(parse_size(digits, &again) && v == again, "%s", word);
}

static void judge_nearest(const char *word)
{
    static const char *const names[] = {"check", "info", "fail-on", "max-findings", "format", NULL};
    const char *near = nearest_name(word, names);
    bool known = near == NULL;

    for (unsigned i = 0; names[i] != NULL; i++) {
        known = known || near == names[i];
        ASSERT(strcmp(word, names[i]) != 0 || near == names[i], "%s", word);
    }
    ASSERT(known);
}

static int split(char *text, size_t len, char *words[WORDS_MAX])
{
    int n = 0;

    for (size_t at = 0; at < len && n < WORDS_MAX; at += strlen(text + at) + 1)
        words[n++] = text + at;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum option_id ids[OPT_COUNT + 1];
    char *words[WORDS_MAX];
    struct options o, again;
    struct command c;

    if (size < 2)
        return 0;
    make_command(&c, ids, data[0], data[1] & 15);
    char *text = malloc(size - 1);
    ASSERT(text != NULL, "out of memory");
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    int count = split(text, size - 2, words);
    bool ok = parse(&c, words, count, &o);
    if (ok)
        judge_options(&c, &o, words, count);
    ASSERT(parse(&c, words, count, &again) == ok, "another answer");
    if (ok && o.help)
        judge_help(&c);
    for (int i = 0; i < count; i++) {
        judge_size(words[i]);
        judge_nearest(words[i]);
    }
    options_free(&o);
    options_free(&again);
    free(text);
    return 0;
}
