/* SPDX-License-Identifier: MIT */
/*
 * The command line. Options may stand anywhere and in every usual spelling: --name value, --name=value, -n value,
 * -nvalue, flags bundled (-qv); "--" ends them. What is not understood is named, with the nearest name that exists.
 */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/limits.h"
#include "cli/cli.h"

static const struct option options[] = {
    {OPT_FORMAT, 'f', "format", "text|json|jsonl", "how the report is written (text)"},
    {OPT_REPORT_FORMAT, 'f', "format", "text|json|jsonl|sarif|html", "how the report is written (text)"},
    {OPT_SUMMARY_FORMAT, 'f', "format", "text|json|html", "how the summary is written (text)"},
    {OPT_OUTPUT, 'o', "output", "FILE", "write the output to FILE, all of it or nothing"},
    {OPT_DUMP_OUTPUT, 'o', "output", "SMALL", "the copy, all of it or nothing"},
    {OPT_NO_REDACT, 0, "no-redact", NULL, "keep names and GUIDs as they are"},
    {OPT_FAIL_ON, 0, "fail-on", "error|warning|info|never", "exit 1 from this severity on (warning)"},
    {OPT_PARENT, 0, "parent", "PATH", "a parent of a differencing disk, nearest first; may be repeated"},
    {OPT_SEARCH_DIR, 0, "search-dir", "DIR", "look for parents in DIR by their file name; may be repeated"},
    {OPT_PARENT_B, 0, "parent-b", "PATH", "the same for the second file"},
    {OPT_NO_REPLAY, 0, "no-replay", NULL, "read the file as stored, without the log"},
    {OPT_OFFSET, 0, "offset", "N", "first byte of the guest's disk (0)"},
    {OPT_LENGTH, 0, "length", "N", "number of bytes (up to the end of the disk)"},
    {OPT_SALVAGE, 0, "salvage", NULL, "go on over what cannot be read: zeros stand for it, and it is listed"},
    {OPT_FORCE, 0, "force", NULL, "replace the output if it exists"},
    {OPT_APPLY, 0, "apply", NULL, "do it, in FILE itself; FILE.vhdxray-journal takes the old bytes"},
    {OPT_COPY, 0, "copy", "NEW", "do it in a copy; FILE is only read"},
    {OPT_CONSENT, 0, "consent", "RULE[,RULE...]",
     "also what guest data or evidence depends on, for these rules; may be repeated"},
    {OPT_LAYOUT, 0, "layout", NULL, "the file's own ranges instead, and who owns them"},
    {OPT_DEEP, 0, "deep", NULL, "look at the content of blocks and of free space as well: reads all of the file"},
    {OPT_PROFILE, 0, "profile", "azure", "also what this destination asks of a disk; unmet is an error"},
    {OPT_KIND, 0, "kind", "KIND[,KIND...]", "only what is of this kind; may be repeated"},
    {OPT_ITEM, 0, "item", "N[,N...]", "only what has this number; may be repeated"},
    {OPT_EXTRACT, 0, "extract", "DIR", "write what is listed into files in DIR, which is made if need be"},
    {OPT_NO_PAYLOAD, 0, "no-payload", NULL, "leave out the blocks that the guest's disk uses"},
    {OPT_GUEST, 0, "guest", NULL, "only the guest's disk"},
    {OPT_CONTAINER, 0, "container", NULL, "only the file itself"},
    {OPT_ALGORITHM, 0, "algorithm", "NAME[,NAME...]", "sha256, sha1, md5, sha512, ... (sha256); may be repeated"},
    {OPT_PLAN, 0, "plan", NULL, "what replaying the log would change"},
    {OPT_HEX, 0, "hex", NULL, "the bytes, with the fields named beside"},
    {OPT_RANGE, 0, "range", "A:B", "entries A to B-1 of bat, chunks of bitmap, else bytes of the file; A:+N counts"},
    {OPT_SIZE, 0, "size", "N", "bytes of the guest's disk, 64 TiB at most (of a differencing disk: as its parent)"},
    {OPT_TYPE, 0, "type", "dynamic|fixed|differencing",
     "blocks as needed, all of them now, or above a parent (dynamic)"},
    {OPT_BLOCK_SIZE, 0, "block-size", "N", "1M to 256M, a power of two (32M; fixed and differencing 2M)"},
    {OPT_LOG_SIZE, 0, "log-size", "N", "a multiple of 1M, smaller than 4G (1M)"},
    {OPT_SECTOR_SIZE, 0, "sector-size", "512|4096", "logical sectors, as the guest sees them (512)"},
    {OPT_PHYSICAL_SECTOR_SIZE, 0, "physical-sector-size", "512|4096", "what the guest is told to align to (4096)"},
    {OPT_BLOCK_STATE_ZERO, 0, "block-state-zero", NULL, "new blocks are in state ZERO, not in NOT_PRESENT"},
    {OPT_LIKE, 0, "like", "windows|qemu", "whose layout, defaults and habits the image has (windows)"},
    {OPT_MAX_FINDINGS, 0, "max-findings", "N", "list at most N findings per rule (1000); all are counted"},
    {OPT_MAX_MEMORY, 0, "max-memory", "SIZE", "memory for one image (512M)"},
    {OPT_TIMEOUT, 0, "timeout", "SECONDS", "stop after so many seconds; the partial report says so"},
    {OPT_FILES_FROM, 0, "files-from", "FILE", "more files, one a line (or ended by NULs); - is standard input"},
    {OPT_RECURSIVE, 'r', "recursive", NULL, "a folder stands for all disks in it and below it"},
    {OPT_SHARD, 0, "shard", "I/N", "only every N-th file of the list, starting at the I-th: one of N equal parts"},
    {OPT_JOBS, 'j', "jobs", "N", "look at N files at a time (1); 0: as many as there are processors"},
    {OPT_COLOR, 0, "color", "auto|always|never", "colours (auto: on terminals, unless NO_COLOR is set)"},
    {OPT_PROGRESS, 0, "progress", "auto|always|never", "how far it is, on standard error (auto: on terminals)"},
    {OPT_SANDBOX, 0, "sandbox", "auto|require|off", "give up what reading needs not (auto: what the kernel offers)"},
    {OPT_QUIET, 'q', "quiet", NULL, "verdicts only, no progress"},
    {OPT_VERBOSE, 'v', "verbose", NULL, "everything in full"},
    {OPT_VERSION, 0, "version", NULL, "the version of the program"},
    {OPT_HELP, 'h', "help", NULL, "this text"},
};
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static bool accepts(const struct command *c, enum option_id id)
{
    if (id == OPT_HELP)
        return true;
    for (const enum option_id *o = c->options; *o != OPT_END; o++) {
        if (*o == id)
            return true;
    }
    return false;
}

/* What all commands have in common is taken by each, also where nothing comes of it: scripts pass it to any of them. */
static bool takes(const struct command *c, enum option_id id)
{
    switch (id) {
    case OPT_FAIL_ON:
    case OPT_PARENT:
    case OPT_SEARCH_DIR:
    case OPT_MAX_FINDINGS:
    case OPT_MAX_MEMORY:
    case OPT_TIMEOUT:
    case OPT_JOBS:
    case OPT_COLOR:
    case OPT_PROGRESS:
    case OPT_SANDBOX:
    case OPT_QUIET:
    case OPT_VERBOSE:
    case OPT_VERSION:
        return true;
    default:
        return accepts(c, id);
    }
}

const struct option *option_next(const struct command *c, const struct option *previous)
{
    for (const struct option *o = previous != NULL ? previous + 1 : options; o < options + OPTION_COUNT; o++) {
        if (accepts(c, o->id))
            return o;
    }
    return NULL;
}

/* ---- names ---- */

/* Insertions, deletions, replacements and swaps of neighbours that make b of a; at most 40 characters are compared. */
static unsigned distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    unsigned d[LONGEST + 1][LONGEST + 1];
    size_t la = strnlen(a, LONGEST), lb = strnlen(b, LONGEST);

    for (size_t i = 0; i <= la; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= lb; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        for (size_t j = 1; j <= lb; j++) {
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

const char *nearest_name(const char *word, const char *const *names)
{
    size_t len = strlen(word);
    unsigned best = len < 4 ? 2 : 3; /* anything that far away is another word */
    const char *found = NULL;

    for (; *names != NULL; names++) {
        unsigned d = distance(word, *names);
        if (len >= 3 && strncmp(*names, word, len) == 0)
            d = 1; /* an abbreviation */
        if (d < best) {
            best = d;
            found = *names;
        }
    }
    return found;
}

static void unknown_option(const struct command *c, const char *name, size_t len)
{
    const char *names[OPTION_COUNT + 1];
    size_t n = 0;
    char word[48];

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (accepts(c, options[i].id))
            names[n++] = options[i].name;
    }
    names[n] = NULL;
    if (len >= sizeof(word))
        len = sizeof(word) - 1;
    memcpy(word, name, len);
    word[len] = '\0';
    const char *near = nearest_name(word, names);
    if (near != NULL)
        message("%s: unknown option --%s; did you mean --%s?", c->name, word, near);
    else
        message("%s: unknown option --%s; see vhdxray %s --help", c->name, word, c->name);
}

/* ---- values ---- */

bool parse_size(const char *s, uint64_t *ret)
{
    static const char units[] = "KMGT";
    uint64_t v = 0, base = 10;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    const char *start = s;
    for (;; s++) {
        const char *digits = "0123456789abcdef";
        const char *at = *s != '\0' ? strchr(digits, *s >= 'A' && *s <= 'F' ? *s + 32 : *s) : NULL;

        if (at == NULL || (uint64_t)(at - digits) >= base)
            break;
        if (!u64_mul(v, base, &v) || !u64_add(v, (uint64_t)(at - digits), &v))
            return false;
    }
    if (s == start)
        return false;
    if (*s != '\0') {
        const char *unit = strchr(units, *s >= 'a' && *s <= 'z' ? *s - 32 : *s);
        if (unit == NULL || s[1] != '\0' || !u64_mul(v, (uint64_t)1024 << (10 * (unit - units)), &v))
            return false;
    }
    *ret = v;
    return true;
}

/* "A:B", "A:", "A:+N". */
static bool parse_range(const char *s, struct options *o)
{
    const char *colon = strchr(s, ':');
    char first[32];

    if (colon == NULL || (size_t)(colon - s) >= sizeof(first))
        return false;
    memcpy(first, s, (size_t)(colon - s));
    first[colon - s] = '\0';
    if (!parse_size(first, &o->range_first))
        return false;
    o->range_end = UINT64_MAX;
    if (colon[1] == '+') {
        if (!parse_size(colon + 2, &o->range_end) || !u64_add(o->range_first, o->range_end, &o->range_end))
            return false;
    } else if (colon[1] != '\0' && !parse_size(colon + 1, &o->range_end)) {
        return false;
    }
    o->have_range = true;
    return o->range_first < o->range_end;
}

/* Index of value among "a|b|c", or -1. */
static int choice(const char *choices, const char *value)
{
    size_t len = strlen(value);

    for (int i = 0;; i++) {
        size_t n = strcspn(choices, "|");
        if (n == len && strncmp(choices, value, n) == 0)
            return i;
        if (choices[n] == '\0')
            return -1;
        choices += n + 1;
    }
}

bool words_add(struct words *w, const char *word)
{
    if (w->count == w->cap) {
        uint32_t cap = w->cap > 0 ? w->cap * 2 : 16;
        const char **items = cap > w->cap ? (const char **)reallocarray(w->items, cap, sizeof(*items)) : NULL;
        if (items == NULL) {
            w->no_memory = true;
            return false;
        }
        w->items = items;
        w->cap = cap;
    }
    w->items[w->count++] = word;
    return true;
}

static bool set_choice(const struct option *spec, const char *value, struct options *o)
{
    int i = choice(spec->value, value);

    if (i < 0)
        return false;
    if (spec->id == OPT_FORMAT || spec->id == OPT_REPORT_FORMAT)
        o->format = (enum report_format)i;
    else if (spec->id == OPT_SUMMARY_FORMAT)
        o->format = i == 2 ? REPORT_HTML : (enum report_format)i;
    else if (spec->id == OPT_FAIL_ON)
        o->fail_on = (enum fail_on)i;
    else if (spec->id == OPT_PROGRESS)
        o->progress = (enum progress_choice)i;
    else if (spec->id == OPT_SANDBOX)
        o->sandbox = (enum sandbox_mode)i;
    else if (spec->id == OPT_LIKE)
        o->create.like = (enum create_like)i;
    else if (spec->id == OPT_TYPE)
        o->create.type = (enum create_type)i;
    else
        o->color = (enum color_choice)i;
    return true;
}

static bool set_number(const char *value, uint64_t least, uint64_t *ret)
{
    return parse_size(value, ret) && *ret >= least;
}

/* The bytes of a sector: one of two numbers, in any spelling. */
static bool set_sector_size(const char *value, uint32_t *ret)
{
    uint64_t v;

    if (!parse_size(value, &v) || (v != 512 && v != 4096))
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool set_jobs(const char *value, uint32_t *ret)
{
    uint64_t n;

    if (!parse_size(value, &n) || n > JOBS_MOST)
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* "2/8" */
static bool set_shard(const char *value, struct options *o)
{
    const char *slash = strchr(value, '/');
    char first[16] = "";
    uint64_t shard, count;

    if (slash == NULL || (size_t)(slash - value) >= sizeof(first))
        return false;
    memcpy(first, value, (size_t)(slash - value));
    if (!parse_size(first, &shard) || !parse_size(slash + 1, &count) || shard < 1 || shard > count ||
        count > UINT32_MAX)
        return false;
    o->shard = (uint32_t)shard;
    o->shard_count = (uint32_t)count;
    return true;
}

static bool set_option(const struct option *spec, const char *value, struct options *o)
{
    switch (spec->id) {
    case OPT_FORMAT:
    case OPT_REPORT_FORMAT:
    case OPT_SUMMARY_FORMAT:
    case OPT_FAIL_ON:
    case OPT_COLOR:
    case OPT_PROGRESS:
    case OPT_LIKE:
    case OPT_SANDBOX:
        return set_choice(spec, value, o);
    case OPT_TYPE:
        o->have_type = true;
        return set_choice(spec, value, o);
    case OPT_SIZE:
        o->have_size = true;
        return parse_size(value, &o->create.size);
    case OPT_BLOCK_SIZE:
        return parse_size(value, &o->create.block_size);
    case OPT_LOG_SIZE:
        return parse_size(value, &o->create.log_size);
    case OPT_SECTOR_SIZE:
        return set_sector_size(value, &o->create.logical_sector_size);
    case OPT_PHYSICAL_SECTOR_SIZE:
        return set_sector_size(value, &o->create.physical_sector_size);
    case OPT_BLOCK_STATE_ZERO:
        o->create.block_state_zero = true;
        return true;
    case OPT_OUTPUT:
        o->output = strcmp(value, "-") == 0 ? NULL : value;
        return value[0] != '\0';
    case OPT_DUMP_OUTPUT:
        o->copy = value;
        return value[0] != '\0' && strcmp(value, "-") != 0;
    case OPT_NO_REDACT:
        o->no_redact = true;
        return true;
    case OPT_PARENT:
        return words_add(&o->parents, value);
    case OPT_PARENT_B:
        return words_add(&o->parents_b, value);
    case OPT_ALGORITHM:
        return value[0] != '\0' && words_add(&o->algorithms, value);
    case OPT_OFFSET:
        return parse_size(value, &o->offset);
    case OPT_LENGTH:
        o->have_length = true;
        return parse_size(value, &o->length);
    case OPT_RECURSIVE:
        o->recursive = true;
        return true;
    case OPT_SHARD:
        return set_shard(value, o);
    case OPT_JOBS:
        return set_jobs(value, &o->jobs);
    case OPT_SALVAGE:
        o->salvage = true;
        return true;
    case OPT_FORCE:
        o->force = true;
        return true;
    case OPT_APPLY:
        o->apply = true;
        return true;
    case OPT_COPY:
        o->copy = value;
        return value[0] != '\0';
    case OPT_CONSENT:
        return value[0] != '\0' && words_add(&o->consent, value);
    case OPT_LAYOUT:
        o->layout = true;
        return true;
    case OPT_DEEP:
        o->deep = true;
        return true;
    case OPT_PROFILE:
        o->profile = PROFILE_AZURE;
        return strcmp(value, "azure") == 0;
    case OPT_KIND:
        return value[0] != '\0' && words_add(&o->kinds, value);
    case OPT_ITEM:
        return value[0] != '\0' && words_add(&o->items, value);
    case OPT_EXTRACT:
        o->extract = value;
        return value[0] != '\0';
    case OPT_NO_PAYLOAD:
        o->no_payload = true;
        return true;
    case OPT_GUEST:
        o->guest = true;
        return true;
    case OPT_CONTAINER:
        o->container = true;
        return true;
    case OPT_SEARCH_DIR:
        return words_add(&o->search_dirs, value);
    case OPT_FILES_FROM:
        o->files_from = value;
        return true;
    case OPT_RANGE:
        return parse_range(value, o);
    case OPT_MAX_FINDINGS:
        return set_number(value, 1, &o->max_findings);
    case OPT_MAX_MEMORY:
        return set_number(value, 1, &o->max_memory);
    case OPT_TIMEOUT:
        return set_number(value, 1, &o->timeout) && o->timeout <= UINT32_MAX;
    case OPT_NO_REPLAY:
        o->no_replay = true;
        return true;
    case OPT_PLAN:
        o->plan = true;
        return true;
    case OPT_HEX:
        o->hex = true;
        return true;
    case OPT_QUIET:
        o->quiet = true;
        return true;
    case OPT_VERBOSE:
        o->verbose = true;
        return true;
    case OPT_VERSION:
        o->version = true;
        return true;
    case OPT_HELP:
        o->help = true;
        return true;
    case OPT_END:
    case OPT_COUNT:
        break;
    }
    return false;
}

/* ---- words ---- */

struct parser {
    const struct command *command;
    struct options *options;
    int argc, next;
    char **argv;
};

/* True, after a message, when there was no memory for a word. */
static bool ran_out(struct options *o)
{
    const struct words *const lists[] = {&o->args,       &o->parents, &o->search_dirs, &o->parents_b,
                                         &o->algorithms, &o->consent, &o->kinds,       &o->items};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        o->no_memory = o->no_memory || lists[i]->no_memory;
    if (o->no_memory)
        message("out of memory");
    return o->no_memory;
}

/* A value that is right, whatever comes of it. */
static bool could_be(const struct option *spec, const char *value)
{
    struct options nothing = {.help = false};

    return spec->id == OPT_PARENT || spec->id == OPT_SEARCH_DIR || set_option(spec, value, &nothing);
}

static bool apply(struct parser *p, const struct option *spec, const char *value)
{
    if (spec->value != NULL && value == NULL) {
        if (p->next >= p->argc) {
            message("%s: option --%s needs a value: %s", p->command->name, spec->name, spec->value);
            return false;
        }
        value = p->argv[p->next++];
    }
    bool means_nothing = !accepts(p->command, spec->id) && spec->id != OPT_VERSION;
    if (means_nothing ? could_be(spec, value != NULL ? value : "")
                      : set_option(spec, value != NULL ? value : "", p->options))
        return true;
    if (ran_out(p->options))
        return false;
    if (spec->id == OPT_FORMAT && value != NULL && (strcmp(value, "sarif") == 0 || strcmp(value, "html") == 0)) {
        message("%s: only vhdxray check writes %s; --format takes %s here", p->command->name, value, spec->value);
        return false;
    }
    message("%s: \"%s\" is no value for --%s; it takes %s", p->command->name, value != NULL ? value : "", spec->name,
            spec->value != NULL ? spec->value : "none");
    return false;
}

static bool long_option(struct parser *p, const char *word)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] == '=' ? word + len + 1 : NULL;

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].name) != len || strncmp(options[i].name, word, len) != 0)
            continue;
        if (!takes(p->command, options[i].id))
            continue; /* another one may have the same name */
        if (value != NULL && options[i].value == NULL) {
            message("%s: option --%s takes no value", p->command->name, options[i].name);
            return false;
        }
        return apply(p, &options[i], value);
    }
    unknown_option(p->command, word, len);
    return false;
}

static const struct option *find_letter(const struct command *c, char letter)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].letter == letter && takes(c, options[i].id))
            return &options[i];
    }
    return NULL;
}

static bool short_options(struct parser *p, const char *word)
{
    for (; *word != '\0'; word++) {
        const struct option *spec = find_letter(p->command, *word);

        if (spec == NULL) {
            message("%s: unknown option -%c; see vhdxray %s --help", p->command->name, *word, p->command->name);
            return false;
        }
        if (spec->value != NULL)
            return apply(p, spec, word[1] != '\0' ? word + 1 : NULL);
        if (!apply(p, spec, NULL))
            return false;
    }
    return true;
}

static bool parse_words(struct parser *p)
{
    bool only_args = false;

    while (p->next < p->argc) {
        const char *word = p->argv[p->next++];
        bool ok;

        /* No option is a digit: "-1069940723" is a number that somebody wants explained. */
        if (only_args || word[0] != '-' || word[1] == '\0' || (word[1] >= '0' && word[1] <= '9')) {
            ok = words_add(&p->options->args, word) || !ran_out(p->options);
        } else if (strcmp(word, "--") == 0) {
            only_args = ok = true;
        } else if (word[1] == '-') {
            ok = long_option(p, word + 2);
        } else {
            ok = short_options(p, word + 1);
        }
        if (!ok)
            return false;
    }
    return true;
}

bool options_parse(const struct command *c, int argc, char **argv, struct options *ret)
{
    *ret = (struct options){
        .fail_on = FAIL_ON_WARNING,
        .max_findings = LIMIT_FINDINGS_PER_RULE,
        .jobs = 1,
        .max_memory = LIMIT_MEMORY_DEFAULT,
    };
    struct parser p = {.command = c, .options = ret, .argc = argc, .argv = argv};

    if (!parse_words(&p))
        return false;
    if (ret->help || ret->version)
        return true;
    if (ret->args.count < c->min_args && ret->files_from == NULL) {
        message("%s: needs %s; see vhdxray %s --help", c->name, c->arguments, c->name);
        return false;
    }
    if (ret->args.count > c->max_args) {
        message("%s: unexpected argument \"%s\"; see vhdxray %s --help", c->name, ret->args.items[c->max_args],
                c->name);
        return false;
    }
    return true;
}

void options_free(struct options *o)
{
    free(o->args.items);
    free(o->parents.items);
    free(o->search_dirs.items);
    free(o->parents_b.items);
    free(o->algorithms.items);
    free(o->consent.items);
    free(o->kinds.items);
    free(o->items.items);
}

/* ---- help ---- */

/* "-f, --format text|json|jsonl" */
static int option_spelling(const struct option *o, char *out, size_t size)
{
    char letter[] = {'-', o->letter, ',', ' ', '\0'};

    return snprintf(out, size, "%s--%s%s%s", o->letter != 0 ? letter : "    ", o->name, o->value != NULL ? " " : "",
                    o->value != NULL ? o->value : "");
}

void help_command(const struct command *c)
{
    char spelling[64];
    int width = 0;

    printf("vhdxray %s: %s\n\nExamples:\n", c->name, c->summary);
    for (const char *const *e = c->examples; *e != NULL; e += 2)
        width = (int)strlen(e[0]) > width ? (int)strlen(e[0]) : width;
    for (const char *const *e = c->examples; *e != NULL; e += 2)
        printf("  %-*s  %s\n", width, e[0], e[1]);
    printf("\nUsage: vhdxray %s [OPTION...]%s%s\n\nOptions:\n", c->name, c->arguments[0] != '\0' ? " " : "",
           c->arguments);
    width = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        int len = accepts(c, options[i].id) ? option_spelling(&options[i], spelling, sizeof(spelling)) : 0;
        width = len > width ? len : width;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!accepts(c, options[i].id))
            continue;
        (void)option_spelling(&options[i], spelling, sizeof(spelling));
        printf("  %-*s  %s\n", width, spelling, options[i].help);
    }
    if (c->notes != NULL)
        printf("\n%s\n", c->notes);
}

void help_all(const struct command *const *commands)
{
    printf(
        "vhdxray looks inside a VHDX file that nobody trusts and says what is there, what is wrong and what it means.\n"
        "It only reads, but for the commands that change a file on purpose: create, write, replay,\n"
        "repair and undo.\n\n"
        "Examples:\n"
        "  vhdxray web01.vhdx                            check a file, tell what is wrong\n"
        "  vhdxray check -f json web01.vhdx              the same for a program\n"
        "  vhdxray check -f html -o r.html web01.vhdx    a page with maps, to read, print or send\n"
        "  vhdxray info web01.vhdx                       facts only\n"
        "  vhdxray explain VHDX-BAT-016                  what a rule is about\n"
        "  vhdxray export web01.vhdx web01.raw           the guest's disk, as a sparse file\n"
        "  vhdxray hash web01.vhdx                       digests of the file and of the guest's disk\n\n"
        "Usage: vhdxray COMMAND [OPTION...] [ARGUMENT...]\n"
        "       vhdxray [OPTION...] FILE...              means vhdxray check\n\n"
        "Commands:\n");
    for (; *commands != NULL; commands++)
        printf("  %-9s %-16s %s\n", (*commands)->name, (*commands)->arguments, (*commands)->summary);
    printf("\nvhdxray COMMAND --help tells more; vhdxray --version the version;\n"
           "vhdxray --completion bash|zsh|fish a script that completes commands, options and values.\n\n"
           "Exit codes:\n"
           "  0  completed, nothing at or above --fail-on\n"
           "  1  completed, findings at or above --fail-on (compare: contents differ)\n"
           "  2  usage error\n"
           "  3  could not complete: cannot open, I/O error, permission; guest data that cannot be read\n"
           "  4  repaired (replay: replayed), and the check after it has no error\n"
           "  5  refused, or incomplete; the text says how the file is left\n"
           "  6  stopped by a limit (memory, time, findings); the partial report says so\n"
           "  7  internal error\n"
           "Several files: the worst, in the order 7 3 6 5 1 4 0.\n");
}
