/* SPDX-License-Identifier: MIT */
/*
 * The public interface as a program uses it, over callbacks that may fail, and may say nonsense about where holes are.
 * Input: a recipe, and behind it four bytes: options, number of the read that fails (0: none), kind of answers about
 * holes, position on the guest's disk.
 *
 * Asserted: only documented results; every finding that is counted can be asked for, with all its texts; JSON is
 * complete; extents move forward and agree with what is read; a handle that failed says why; close() is called once.
 */
#include "fuzz/property.h"

#include <errno.h>

#include "base/limits.h"
#include "fuzz/recipe.h"
#include "vhdxray.h"

enum { TAIL_LEN = 4, EXTENTS_MAX = 64, READ_LEN = 4096 };
static const uint64_t HOLELESS_MAX = (uint64_t)8 << 20; /* bytes of a file that is read without knowing of holes */
enum { NO_REPLAY = 1, FEW_FINDINGS = 2, FAIL_FOREVER = 4, FINDINGS_FIRST = 8, FINDINGS_LAST = 16 };
enum holes { HOLES_UNKNOWN, HOLES_TRUE, HOLES_REFUSED, HOLES_BACKWARDS, HOLES_EMPTY, HOLES_BEYOND, HOLES_KINDS };

struct host {
    struct source *file;
    uint64_t reads, fail_read;
    bool forever;
    enum holes holes;
    unsigned closed;
};

static int host_read(void *context, uint64_t off, void *buf, size_t len)
{
    struct host *h = context;
    h->reads++;
    if (h->fail_read != 0 && (h->forever ? h->reads >= h->fail_read : h->reads == h->fail_read))
        return EIO;
    ASSERT(off <= h->file->size && len <= h->file->size - off);
    ASSERT(source_read(h->file, off, buf, len) == STATUS_OK);
    return 0;
}

static int host_next_data(void *context, uint64_t off, uint64_t *ret_data, uint64_t *ret_hole)
{
    const struct host *h = context;
    ASSERT(off < h->file->size);
    switch (h->holes) {
    case HOLES_BACKWARDS:
        *ret_data = off - off % 4096 - (off > 4096 ? 4096 : 0);
        *ret_hole = off;
        return 0;
    case HOLES_EMPTY:
        *ret_data = *ret_hole = off;
        return 0;
    case HOLES_BEYOND:
        *ret_data = off;
        *ret_hole = UINT64_MAX;
        return 0;
    case HOLES_REFUSED:
        return EINVAL;
    case HOLES_UNKNOWN:
    case HOLES_TRUE:
    case HOLES_KINDS:
        break;
    }
    return source_next_data(h->file, off, ret_data, ret_hole) == STATUS_OK ? 0 : EIO;
}

static void host_close(void *context)
{
    ((struct host *)context)->closed++;
}

static bool said(const char *text)
{
    return text != NULL && *text != '\0';
}

static void look_at_findings(vhdxray *v)
{
    vhdxray_summary s = {.size_of = sizeof(s)};
    vhdxray_status st = vhdxray_check(v, &s);
    if (st != VHDXRAY_OK) {
        ASSERT(said(vhdxray_last_error(v)));
        return;
    }
    ASSERT(s.verdict != VHDXRAY_VERDICT_CLEAN || (s.errors == 0 && s.warnings == 0));
    ASSERT(s.verdict != VHDXRAY_VERDICT_SUSPICIOUS || s.warnings > 0);
    ASSERT(s.finding_count <= s.errors + s.warnings + s.infos);
    vhdxray_severity before = VHDXRAY_SEVERITY_ERROR;
    for (size_t i = 0; i < s.finding_count; i++) {
        vhdxray_finding f = {.size_of = sizeof(f)};
        ASSERT(vhdxray_get_finding(v, i, &f) == VHDXRAY_OK);
        ASSERT(said(f.rule) && said(f.title) && said(f.message) && said(f.means) && said(f.next) && said(f.structure));
        ASSERT(f.severity <= before);
        before = f.severity;
    }
    vhdxray_finding none = {.size_of = sizeof(none)};
    ASSERT(vhdxray_get_finding(v, s.finding_count, &none) == VHDXRAY_ERROR_ARGUMENT);

    const char *json = NULL;
    size_t len = 0;
    if (vhdxray_get_json(v, &json, &len) == VHDXRAY_OK)
        ASSERT(strlen(json) == len && len > 2 && json[0] == '{' && strcmp(json + len - 2, "}\n") == 0);
}

static void look_at_guest(vhdxray *v, const struct host *h, uint64_t size, unsigned at)
{
    static uint8_t buf[READ_LEN];
    uint64_t off = size / 256 * at;
    for (unsigned i = 0; i < EXTENTS_MAX && off < size; i++) {
        vhdxray_extent e = {.size_of = sizeof(e)};
        vhdxray_status st = vhdxray_get_extent(v, off, size - off, &e);
        if (st != VHDXRAY_OK) {
            ASSERT(said(vhdxray_last_error(v)));
            return;
        }
        ASSERT(e.offset == off && e.length > 0 && e.length <= size - off);
        ASSERT(e.layer == 0 || !e.has_data);
        size_t len = (size_t)u64_min(e.length, sizeof(buf));
        uint64_t reads = h->reads;
        memset(buf, 0xa5, len);
        st = vhdxray_read(v, off, buf, len);
        bool failed = h->fail_read != 0 && (h->forever ? h->reads >= h->fail_read : reads < h->fail_read);
        ASSERT(st == VHDXRAY_OK || failed || e.fault != NULL, "%s", vhdxray_last_error(v));
        ASSERT(st != VHDXRAY_OK || e.fault == NULL || h->fail_read != 0);
        if (st == VHDXRAY_OK && e.is_zero)
            for (size_t k = 0; k < len; k++)
                ASSERT(buf[k] == 0);
        off += e.length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < TAIL_LEN)
        return 0;
    const uint8_t *tail = data + size - TAIL_LEN;
    struct recipe recipe;
    recipe_decode(data, size - TAIL_LEN, &recipe);
    struct host host = {
        .file = recipe_source(&recipe),
        .fail_read = tail[1],
        .forever = tail[0] & FAIL_FOREVER,
        .holes = (enum holes)(tail[2] % HOLES_KINDS),
    };
    if (host.file->size > HOLELESS_MAX)
        host.holes = HOLES_TRUE;
    const vhdxray_callbacks callbacks = {
        .size_of = sizeof(callbacks),
        .size = host.file->size,
        .context = &host,
        .read = host_read,
        .next_data = host.holes == HOLES_UNKNOWN ? NULL : host_next_data,
        .close = host_close,
    };
    const vhdxray_options options = {
        .size_of = sizeof(options),
        .no_replay = tail[0] & NO_REPLAY,
        .max_findings = tail[0] & FEW_FINDINGS ? 1 : 0,
    };
    vhdxray *v = NULL;
    char why[256];
    vhdxray_status st = vhdxray_open_callbacks(&callbacks, "api.vhdx", &options, &v, why, sizeof(why));
    ASSERT((st == VHDXRAY_OK) == (v != NULL) && (st == VHDXRAY_OK) == (why[0] == '\0'));
    if (st == VHDXRAY_OK) {
        vhdxray_facts facts = {.size_of = sizeof(facts)};
        ASSERT(vhdxray_get_facts(v, &facts) == VHDXRAY_OK);
        ASSERT(facts.file_size == host.file->size && facts.layer_count == 1);
        if (tail[0] & FINDINGS_FIRST) /* neither may need the other */
            look_at_findings(v);
        st = vhdxray_can_read(v);
        ASSERT(st == VHDXRAY_OK || said(vhdxray_last_error(v)));
        look_at_guest(v, &host, facts.virtual_size, tail[3]);
        if (tail[0] & FINDINGS_LAST)
            look_at_findings(v);
        vhdxray_close(v);
        ASSERT(host.closed == 1);
    }
    source_close(host.file);
    recipe_free(&recipe);
    return 0;
}
