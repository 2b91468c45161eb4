/* SPDX-License-Identifier: MIT */
/*
 * Host files, on a host that misbehaves. An input becomes two files in a folder of their own, a child and what may be
 * its parent; the child is opened in one of the ways there are, its parent looked for in that folder, and both checked,
 * while a call of the C library that the input chooses fails, is cut short or interrupted, or does not tell the truth.
 *
 * Input: way of opening, kind of the second file and how it is found, call that misbehaves, the how-manieth of its
 * kind, how; then two recipes.
 *
 * Asserted: nothing is written, truncated or opened for that (property 2); a failure has a sentence for people and
 * leaves no descriptor behind; on an honest host the file reads as
 * the recipe does, and no data is taken for a hole; a check that could not read everything is not complete.
 *
 * The functions that io/ calls are defined here, so the linker prefers them to those of the C library, to which they
 * hand everything on outside of a run.
 */
#include "fuzz/property.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/span.h"
#include "check/run.h"
#include "fuzz/recipe.h"
#include "image/chain.h"
#include "image/image.h"
#include "io/entropy.h"

/* ---- the host ---- */

enum call {
    CALL_NONE,
    CALL_PREAD,
    CALL_READ,
    CALL_PWRITE,
    CALL_LSEEK,
    CALL_OPEN,
    CALL_FSTAT,
    CALL_FSTATAT,
    CALL_FTRUNCATE,
    CALL_FCNTL,
    CALL_GETRANDOM,
    CALLS
};

/* Bits of `how`: the low ones choose an errno, or a file type to pretend. */
enum { HOW_CHOICE = 0x1f, HOW_ALWAYS = 0x20, HOW_SHORT = 0x40, HOW_NOTHING = 0x80 };

static const int errors[] = {EIO,   EINTR,  EAGAIN,     ENOSPC, ENOENT, ENOTDIR, EACCES,    EPERM, ENOMEM,
                             ENXIO, EINVAL, EOPNOTSUPP, ELOOP,  EMFILE, ESTALE,  ENOMEDIUM, EFBIG, EOVERFLOW};
static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK, S_IFLNK, 0};

static struct {
    bool on;
    enum call call;
    uint8_t how;
    bool reads_only;
    unsigned at, calls; /* it is the at-th call of its kind that misbehaves, and those behind it with HOW_ALWAYS */
    bool hit;
} host;

/* Whether this call is the one; then errno is set. */
static bool misbehaves(enum call c)
{
    if (!host.on || host.call != c)
        return false;
    host.calls++;
    if (host.how & HOW_ALWAYS ? host.calls < host.at : host.calls != host.at)
        return false;
    host.hit = true;
    errno = errors[(host.how & HOW_CHOICE) % (sizeof(errors) / sizeof(errors[0]))];
    /* Whoever is interrupted for ever goes on for ever. */
    if ((host.how & HOW_ALWAYS) && (errno == EINTR || errno == EAGAIN))
        errno = EIO;
    return true;
}

/* The function of the C library that is hidden by the one of the same name here. */
#define HIDDEN(name, symbol)                                                                                           \
    static __typeof__(name) *hidden;                                                                                   \
    if (hidden == NULL)                                                                                                \
        *(void **)(void *)&hidden = dlsym(RTLD_NEXT, symbol);                                                          \
    if (hidden == NULL)                                                                                                \
    abort()

/* How a transfer goes: 1 to be done, over *len bytes; 0 or -1 is its result. */
static int transfer(enum call c, size_t *len)
{
    if (!misbehaves(c))
        return 1;
    if (host.how & HOW_NOTHING)
        return 0;
    if (!(host.how & HOW_SHORT))
        return -1;
    if (*len > 1)
        *len /= 2;
    return 1;
}

ssize_t pread(int fd, void *buf, size_t len, off_t off)
{
    HIDDEN(pread, "pread64");
    int t = transfer(CALL_PREAD, &len);
    if (t <= 0)
        return t;
    memset(buf, 0, len); /* MSan does not see what the C library writes */
    return hidden(fd, buf, len, off);
}

ssize_t read(int fd, void *buf, size_t len)
{
    HIDDEN(read, "read");
    int t = transfer(CALL_READ, &len);
    if (t <= 0)
        return t;
    memset(buf, 0, len);
    return hidden(fd, buf, len);
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    HIDDEN(getrandom, "getrandom");
    int t = transfer(CALL_GETRANDOM, &len);
    if (t <= 0)
        return t;
    memset(buf, 0, len);
    return hidden(buf, len, flags);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
    HIDDEN(pwrite, "pwrite64");
    ASSERT(!host.on || !host.reads_only, "%zu bytes are written", len);
    int t = transfer(CALL_PWRITE, &len);
    return t <= 0 ? t : hidden(fd, buf, len, off);
}

off_t lseek(int fd, off_t off, int whence)
{
    HIDDEN(lseek, "lseek64");
    if (misbehaves(CALL_LSEEK))
        return host.how & HOW_NOTHING ? 0 : -1;
    return hidden(fd, off, whence);
}

int ftruncate(int fd, off_t size)
{
    HIDDEN(ftruncate, "ftruncate64");
    ASSERT(!host.on || !host.reads_only);
    return misbehaves(CALL_FTRUNCATE) ? -1 : hidden(fd, size);
}

/* Some hosts refuse O_NOATIME and O_TMPFILE, and nothing else. */
static bool open_fails(int flags)
{
    ASSERT(!host.on || !host.reads_only || ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))));
    bool extra = (flags & O_NOATIME) || (flags & O_TMPFILE) == O_TMPFILE;
    return (extra || !(host.how & HOW_SHORT)) && misbehaves(CALL_OPEN);
}

int openat(int dir, const char *path, int flags, ...)
{
    HIDDEN(openat, "openat64");
    va_list ap;
    va_start(ap, flags);
    mode_t mode = va_arg(ap, mode_t);
    va_end(ap);
    return open_fails(flags) ? -1 : hidden(dir, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    HIDDEN(open, "open64");
    va_list ap;
    va_start(ap, flags);
    mode_t mode = va_arg(ap, mode_t);
    va_end(ap);
    return open_fails(flags) ? -1 : hidden(path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
    HIDDEN(fcntl, "fcntl64");
    va_list ap;
    va_start(ap, command);
    void *argument = va_arg(ap, void *);
    va_end(ap);
    return misbehaves(CALL_FCNTL) ? -1 : hidden(fd, command, argument);
}

/* Not the truth about a file: another type, or a size that is not there. */
static void lie(struct stat *st)
{
    if (host.how & HOW_NOTHING)
        st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | types[host.how % (sizeof(types) / sizeof(types[0]))];
    else
        st->st_size = host.how & 1 ? -1 : st->st_size + 4096;
}

int fstat(int fd, struct stat *st)
{
    HIDDEN(fstat, "fstat64");
    memset(st, 0, sizeof(*st));
    bool wrong = misbehaves(CALL_FSTAT);
    if (wrong && !(host.how & (HOW_SHORT | HOW_NOTHING)))
        return -1;
    int result = hidden(fd, st);
    if (wrong && result == 0)
        lie(st);
    return result;
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
    HIDDEN(fstatat, "fstatat64");
    memset(st, 0, sizeof(*st));
    bool wrong = misbehaves(CALL_FSTATAT);
    if (wrong && !(host.how & (HOW_SHORT | HOW_NOTHING)))
        return -1;
    int result = hidden(dir, path, st, flags);
    if (wrong && result == 0)
        lie(st);
    return result;
}

/* ---- the folder ---- */

enum way {
    WAY_PATH,
    WAY_LINK,
    WAY_AT,
    WAY_AT_LINK,
    WAY_AT_SLASH,
    WAY_FD,
    WAY_FD_WRITING,
    WAY_FD_FOLDER,
    WAY_SPOOL,
    WAY_FOLDER,
    WAY_FIFO,
    WAY_SOCKET,
    WAY_DEVICE,
    WAY_MISSING,
    WAY_DANGLING,
    WAYS
};

enum { RECIPES = 2, SPOOL_MAX = 8 << 20, WRITTEN_MAX = 4 << 20, PATH_SIZE = 64, MESSAGE_SIZE = 256 };
static const uint64_t FILE_SIZE_MAX = (uint64_t)1 << 40; /* every file system here can do that */
static const uint64_t HOLELESS_MAX = (uint64_t)8
                                     << 20; /* all of it is read when the host does not say where holes are */

static const char child_name[] = "child.avhdx", other_name[] = "other";
/* Names under which the parent lies there; what a child calls it is parent.vhdx. The last is a link. */
static const char *const parent_names[] = {"parent.vhdx", "PARENT.vhdx", "Parent.VHDX", "elsewhere.vhdx",
                                           "parent.vhdx"};
enum { PARENT_NAMES = sizeof(parent_names) / sizeof(parent_names[0]), PARENT_LINK = PARENT_NAMES - 1 };

/* How the parent is found, in the same byte of the input. */
enum { FIND_SEARCH, FIND_NAMED, FIND_OPENED, FIND_UNOPENED, FINDS };

struct folder {
    unsigned find;
    char path[PATH_SIZE];
    int fd;
    struct recipe recipes[RECIPES];
    const char *parent_name;
    bool parent_link;
};

static void write_recipe(const struct folder *d, const char *name, const struct recipe *r)
{
    int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ASSERT(fd >= 0, "%s: %s", d->path, strerror(errno));
    for (uint64_t i = 0; i < r->count; i++) {
        const struct mem_extent *e = &r->extents[i];
        uint64_t len = e->off < r->size ? u64_min(e->len, r->size - e->off) : 0;
        if (len > 0)
            ASSERT(pwrite(fd, e->ptr, (size_t)len, (off_t)e->off) == (ssize_t)len, "%s", strerror(errno));
    }
    ASSERT(ftruncate(fd, (off_t)r->size) == 0, "%s", strerror(errno));
    close(fd);
}

static void folder_make(struct folder *d, uint8_t parent)
{
    snprintf(d->path, sizeof(d->path), "/tmp/vhdxray-fuzz-XXXXXX");
    ASSERT(mkdtemp(d->path) != NULL, "%s", strerror(errno));
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT(d->fd >= 0, "%s", strerror(errno));
    d->parent_name = parent_names[parent % PARENT_NAMES];
    d->find = parent / PARENT_NAMES % FINDS;
    d->parent_link = parent % PARENT_NAMES == PARENT_LINK;
    write_recipe(d, child_name, &d->recipes[0]);
    if (d->parent_link)
        ASSERT(symlinkat(child_name, d->fd, d->parent_name) == 0);
    else
        write_recipe(d, d->parent_name, &d->recipes[1]);
}

static void folder_remove(struct folder *d)
{
    unlinkat(d->fd, child_name, 0);
    unlinkat(d->fd, d->parent_name, 0);
    if (unlinkat(d->fd, other_name, 0) != 0)
        unlinkat(d->fd, other_name, AT_REMOVEDIR);
    close(d->fd);
    ASSERT(rmdir(d->path) == 0, "%s: %s", d->path, strerror(errno));
}

/* What is at other_name, for the ways that are not about the child itself. */
static void make_other(const struct folder *d, enum way way)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    switch (way) {
    case WAY_LINK:
    case WAY_AT_LINK:
        ASSERT(symlinkat(child_name, d->fd, other_name) == 0);
        break;
    case WAY_DANGLING:
        ASSERT(symlinkat("nothing", d->fd, other_name) == 0);
        break;
    case WAY_FOLDER:
    case WAY_FD_FOLDER:
        ASSERT(mkdirat(d->fd, other_name, 0700) == 0);
        break;
    case WAY_FIFO:
        ASSERT(mkfifoat(d->fd, other_name, 0600) == 0);
        break;
    case WAY_SOCKET:
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", d->path, other_name);
        if (fd >= 0) /* some sandboxes have none; then it is a missing file */
            (void)bind(fd, (const struct sockaddr *)(const void *)&address, sizeof(address));
        close(fd);
        break;
    default:
        break;
    }
}

/* ---- opening ---- */

struct opened {
    struct source *source;
    struct file_info info;
    char message[MESSAGE_SIZE];
};

static enum status open_descriptor(const struct folder *d, enum way way, struct opened *o)
{
    host.on = false;
    int fd = openat(d->fd, way == WAY_FD_FOLDER ? other_name : child_name,
                    (way == WAY_FD_WRITING ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    ASSERT(fd >= 0, "%s", strerror(errno));
    host.on = true;
    enum status st = way == WAY_SPOOL ? file_spool(fd, SPOOL_MAX, &o->source, &o->info, o->message, MESSAGE_SIZE)
                                      : file_from_fd(fd, "fd", &o->source, &o->info, o->message, MESSAGE_SIZE);
    close(fd);
    return st;
}

static enum status open_child(const struct folder *d, enum way way, struct opened *o)
{
    char path[PATH_MAX];
    const char *name = way == WAY_PATH ? child_name : other_name;

    snprintf(path, sizeof(path), "%s/%s", d->path, name);
    switch (way) {
    case WAY_AT:
    case WAY_AT_LINK:
        return file_open_at(d->fd, way == WAY_AT ? child_name : name, &o->source, &o->info, o->message, MESSAGE_SIZE);
    case WAY_AT_SLASH:
        return file_open_at(d->fd, path, &o->source, &o->info, o->message, MESSAGE_SIZE);
    case WAY_FD:
    case WAY_FD_WRITING:
    case WAY_FD_FOLDER:
    case WAY_SPOOL:
        return open_descriptor(d, way, o);
    case WAY_DEVICE:
        return file_open("/dev/null", &o->source, &o->info, o->message, MESSAGE_SIZE);
    default:
        return file_open(path, &o->source, &o->info, o->message, MESSAGE_SIZE);
    }
}

/* Whether this way leads to the child at all. */
static bool leads_to_child(enum way way, const struct recipe *child)
{
    return way == WAY_PATH || way == WAY_LINK || way == WAY_AT || way == WAY_FD ||
           (way == WAY_SPOOL && child->size <= SPOOL_MAX);
}

/* ---- looking ---- */

/* On an honest host: what the recipe says, read through the file, and holes only where it says nothing. */
static void compare(struct source *file, const struct recipe *r)
{
    struct source *true_bytes = recipe_source(r);
    static uint8_t a[8192], b[8192];

    ASSERT(file->size == r->size);
    for (uint64_t i = 0; i < r->count; i++) {
        const struct mem_extent *e = &r->extents[i];
        uint64_t data = 0, hole = 0;
        if (e->off >= r->size || e->len == 0)
            continue;
        size_t len = (size_t)u64_min(u64_min(e->len, sizeof(a)), r->size - e->off);
        ASSERT(source_read(file, e->off, a, len) == STATUS_OK);
        ASSERT(source_read(true_bytes, e->off, b, len) == STATUS_OK);
        ASSERT(memcmp(a, b, len) == 0);
        ASSERT(source_next_data(file, e->off, &data, &hole) == STATUS_OK);
        ASSERT(data >= e->off && hole >= data && hole <= file->size);
        ASSERT(span_is_zero(span_of(b, (size_t)u64_min(data - e->off, len))));
    }
    source_close(true_bytes);
}

static void look_again(struct image *img)
{
    image_look_again(img);
}

static void check(const struct folder *d, struct opened *o)
{
    char path[PATH_MAX];
    const char *const search[] = {d->path}, *const named[] = {path};
    struct opened parent = {.source = NULL};
    struct chain_opened opened = {.status = STATUS_IO, .message = d->find == FIND_UNOPENED ? NULL : parent.message};
    struct chain_options options = {.search_dirs = search, .search_fds = &d->fd, .search_count = 1};
    const struct host_facts facts = {.known = true, .info = o->info};
    struct arena *a = property_arena(LIMIT_MEMORY_DEFAULT);
    struct image *img = NULL;
    struct check_result *res = NULL;

    snprintf(path, sizeof(path), "%s/%s", d->path, d->parent_name);
    if (d->find != FIND_SEARCH)
        options = (struct chain_options){.parents = named, .parent_count = 1};
    if (d->find >= FIND_OPENED)
        options.opened = &opened;
    if (d->find == FIND_OPENED)
        opened.status = file_open(path, &parent.source, &parent.info, parent.message, sizeof(parent.message));
    opened.source = parent.source;
    opened.info = parent.info;
    enum status st = image_open(a, o->source, child_name, &facts, &(struct image_options){.no_replay = false}, &img);
    if (st == STATUS_OK) {
        st = chain_resolve(img, &options);
        if (st == STATUS_OK)
            st = check_run(img, &(struct check_options){.max_findings = 4}, look_again, &res);
        if (st == STATUS_OK) {
            ASSERT(!res->io_error || !res->complete);
            ASSERT(o->source->error_errno == 0 || !res->complete, "errno %d", o->source->error_errno);
        }
        chain_close(img);
        image_close(img);
    }
    /* A search that fails is no reason to stop; running out of memory is, and a host may pretend that. */
    ASSERT(st == STATUS_OK || host.hit, "%s", status_text(st));
    arena_destroy(a);
    source_close(parent.source);
}

/* Never the same twice, or it says that it failed. */
static void draw(void)
{
    uint8_t first[300] = {0}, second[300] = {0};
    struct entropy e = entropy_host();
    struct guid g;

    enum status st = e.fill(&e, first, sizeof(first));
    if (st == STATUS_OK)
        st = e.fill(&e, second, sizeof(second));
    ASSERT(st != STATUS_OK || memcmp(first, second, sizeof(first)) != 0);
    if (st == STATUS_OK)
        st = entropy_guid(&e, &g);
    ASSERT(st == STATUS_OK || (st == STATUS_IO && host.hit), "%s", status_text(st));
}

static void open_and_look(const struct folder *d, enum way way)
{
    struct opened o = {.source = NULL};

    host.on = true;
    host.reads_only = way != WAY_SPOOL; /* that one copies a stream into a file without a name */
    if (host.call == CALL_GETRANDOM)
        draw();
    enum status st = open_child(d, way, &o);
    if (st == STATUS_OK) {
        ASSERT(o.source != NULL);
        if (!host.hit && host.call == CALL_NONE)
            compare(o.source, &d->recipes[0]);
        check(d, &o);
        struct file_info now = {.size = 0};
        st = file_stat(o.source, &now);
        ASSERT(st == STATUS_OK || host.hit);
        source_close(o.source);
    } else {
        ASSERT(o.source == NULL);
        ASSERT(o.message[0] != '\0' && memchr(o.message, '\0', sizeof(o.message)) != NULL);
        ASSERT(host.hit || !leads_to_child(way, &d->recipes[0]), "%s", o.message);
    }
    host.on = false;
}

/* A descriptor that is free now. */
static int free_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

static void run(struct folder *d, enum way way, uint8_t parent)
{
    int before = free_descriptor();

    folder_make(d, parent);
    make_other(d, way);
    open_and_look(d, way);
    folder_remove(d);
    ASSERT(free_descriptor() == before, "a descriptor was left open");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taker t = {data, size};
    struct folder d = {.fd = -1};
    struct recipe_part parts[RECIPES] = {{NULL, 0}};
    enum way way = (enum way)(take(&t, 1) % WAYS);
    uint8_t parent = (uint8_t)take(&t, 1);

    memset(&host, 0, sizeof(host));
    host.call = (enum call)(take(&t, 1) % CALLS);
    host.at = (unsigned)take(&t, 1) + 1;
    host.how = (uint8_t)take(&t, 1);
    (void)recipe_split(t.ptr, t.len, parts, RECIPES);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < RECIPES; i++) {
        recipe_decode(parts[i].data, parts[i].size, &d.recipes[i]);
        d.recipes[i].size = u64_min(d.recipes[i].size, host.call == CALL_LSEEK ? HOLELESS_MAX : FILE_SIZE_MAX);
        bytes += recipe_bytes(&d.recipes[i]);
    }
    if (bytes <= WRITTEN_MAX)
        run(&d, way, parent);
    for (unsigned i = 0; i < RECIPES; i++)
        recipe_free(&d.recipes[i]);
    return 0;
}
