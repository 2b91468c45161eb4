/* SPDX-License-Identifier: MIT */
/*
 * Forensic observations, second part: who wrote the file, in which order, and whether its contradictions look like a
 * crash or like a hand. They draw on GUIDs, sequence numbers, paths and the sums of other rules; no observation is a
 * proof.
 */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "check/phrases.h"
#include "check/wording.h"

/* Above this a sequence number was drawn at random, not counted up from 0. */
static const uint64_t COUNTED_MAX = (uint64_t)1 << 24;

enum { LISTED_RANGES = 4 };

/* ---- GUIDs, 011 - 014 ---- */

struct named_guid {
    const char *name;
    const struct guid *guid;
    struct place at;
};

enum { NAMED_GUIDS = 4 };

/* GUIDs that a writer draws: the current header's three and the disk's. Returns how many are there and not nil. */
static unsigned drawn_guids(const struct image *img, struct named_guid g[NAMED_GUIDS])
{
    const struct header *h = image_header(img);
    const struct view *v = img->main;
    unsigned n = 0;
    if (h) {
        uint64_t off = HEADER_OFF[img->current];
        int64_t slot = img->current + 1;
        g[n++] =
            (struct named_guid){"FileWriteGuid", &h->file_write_guid, at_place(STRUCTURE_HEADER, slot, off + 16, 16)};
        g[n++] =
            (struct named_guid){"DataWriteGuid", &h->data_write_guid, at_place(STRUCTURE_HEADER, slot, off + 32, 16)};
        g[n++] = (struct named_guid){"LogGuid", &h->log_guid, at_place(STRUCTURE_HEADER, slot, off + 48, 16)};
    }
    if (v->metadata.have_virtual_disk_id)
        g[n++] = (struct named_guid){"Virtual Disk ID", &v->metadata.virtual_disk_id,
                                     at_metadata_item(v, &v->metadata.items[KNOWN_ITEM_VIRTUAL_DISK_ID], 0, 16)};
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++)
        if (!guid_is_nil(g[i].guid))
            g[kept++] = g[i];
    return kept;
}

static void header_updates(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct header *h = image_header(img);
    struct producer who = image_producer(img);
    if (h->sequence_number > COUNTED_MAX || h->sequence_number < 2 || (who.name && strcmp(who.name, "qemu") == 0) ||
        img->choice == HEADER_AMBIGUOUS)
        return;
    fail(p, at_place(STRUCTURE_HEADER, img->current + 1, HEADER_OFF[img->current] + 8, 8),
         "SequenceNumber %" PRIu64
         " of the current header: the headers were written about that many times since the file "
         "was created",
         h->sequence_number);
}

static void guid_families(struct probe *p, const struct subject *s)
{
    struct named_guid g[NAMED_GUIDS];
    unsigned n = drawn_guids(s->image, g), known = 0;
    struct text t = words_of(p);
    for (unsigned i = 0; i < n; i++) {
        enum guid_form form = guid_form(g[i].guid);
        if (form == GUID_FORM_UNKNOWN)
            continue;
        text_addf(&t, "%s%s %s", known++ > 0 ? ", " : "", g[i].name,
                  form == GUID_FORM_MICROSOFT ? "Microsoft" : "RFC 4122 (QEMU)");
    }
    if (known > 0)
        fail(p, at_place(STRUCTURE_HEADER, NO_INDEX, HEADER_OFF[0], HEADER_LEN),
             "byte order of the GUIDs, by writer: %s", text_str(&t));
}

/* Days since 1970-01-01 to a civil date; the calendar repeats every 400 years of 146097 days, counted from 0000-03-01.
 */
static void civil_date(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = days / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned from_march = (5 * doy + 2) / 153;
    *day = doy - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = (int64_t)yoe + era * 400 + (*month <= 2);
}

enum { SECONDS_PER_DAY = 86400, DAYS_1582_TO_1970 = 141427, DAYS_1970_TO_1995 = 9131, DAYS_1970_TO_2100 = 47482 };
static const uint64_t TICKS_PER_SECOND = 10000000;

/*
 * One random GUID in sixteen of the other byte order looks like version 1 by chance; nobody made one before GUIDs
 * existed, and its version nibble stands at the other place.
 */
static bool is_plausible_time(const struct guid *g, uint64_t ticks)
{
    int64_t days = (int64_t)(ticks / TICKS_PER_SECOND / SECONDS_PER_DAY) - DAYS_1582_TO_1970;
    return g->bytes[6] >> 4 != 4 && days >= DAYS_1970_TO_1995 && days < DAYS_1970_TO_2100;
}

static void guid_with_time(struct probe *p, const struct subject *s)
{
    struct named_guid g[NAMED_GUIDS];
    unsigned n = drawn_guids(s->image, g);
    for (unsigned i = 0; i < n; i++) {
        uint64_t ticks = 0;
        uint8_t node[6];
        char text[GUID_TEXT_SIZE];
        if (!guid_time_and_node(g[i].guid, &ticks, node) || !is_plausible_time(g[i].guid, ticks))
            continue;
        uint64_t seconds = ticks / TICKS_PER_SECOND, of_day = seconds % SECONDS_PER_DAY;
        int64_t year = 0;
        unsigned month = 0, day = 0;
        civil_date((int64_t)(seconds / SECONDS_PER_DAY) - DAYS_1582_TO_1970, &year, &month, &day);
        fail(p, g[i].at,
             "%s %s is a version 1 GUID: made at %" PRId64 "-%02u-%02u %02u:%02u:%02u UTC on the computer with network "
             "address %02x:%02x:%02x:%02x:%02x:%02x",
             g[i].name, guid_text(g[i].guid, text), year, month, day, (unsigned)(of_day / 3600),
             (unsigned)(of_day / 60 % 60), (unsigned)(of_day % 60), node[0], node[1], node[2], node[3], node[4],
             node[5]);
    }
}

static void moved_between_hypervisors(struct probe *p, const struct subject *s)
{
    struct producer who = image_producer(s->image);
    if (!who.name || !who.last_writer || who.contradicted) /* a doubtful creator is VHDX-FID-007 */
        return;
    bool made_by_qemu = strcmp(who.name, "qemu") == 0, written_by_qemu = strcmp(who.last_writer, "rfc4122") == 0;
    if (made_by_qemu == written_by_qemu)
        return;
    struct finding *f =
        fail(p, at_place(STRUCTURE_HEADER, s->image->current + 1, HEADER_OFF[s->image->current] + 16, 16),
             "the file was made by %s, but the form of FileWriteGuid is that of %s: another program opened it "
             "for writing last",
             who.name, written_by_qemu ? "QEMU" : "a Microsoft program");
    finding_actual(p, f, "%s", who.last_writer);
}

/* ---- paths, 015 ---- */

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Where `what` (lower case, separators as `\`) first occurs in the text, from `from` on; len when nowhere. */
static size_t find_text(const char *s, size_t len, size_t from, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = from; i + n <= len; i++) {
        size_t k = 0;
        while (k < n && (what[k] == '\\' ? is_separator(s[i + k]) : lower(s[i + k]) == what[k]))
            k++;
        if (k == n)
            return i;
    }
    return len;
}

static size_t component_end(const char *s, size_t len, size_t from)
{
    while (from < len && !is_separator(s[from]))
        from++;
    return from;
}

static void add_part(struct probe *p, struct text *t, const char *what, const char *s, size_t from, size_t to)
{
    if (to > from)
        text_addf(t, "%s%s \"%s\"", t->len > 0 ? ", " : "", what, shown(p, s + from, to - from, SHOWN_KEY));
}

static void disclose(struct probe *p, struct text *t, const struct locator_text *path)
{
    if (!path)
        return;
    const char *s = path->value;
    size_t len = path->value_len, at;
    at = find_text(s, len, 0, "\\\\?\\unc\\");
    if (at == 0)
        add_part(p, t, "host", s, 8, component_end(s, len, 8));
    else if (len > 3 && is_separator(s[0]) && is_separator(s[1]) && s[2] != '?' && s[2] != '.')
        add_part(p, t, "host", s, 2, component_end(s, len, 2));
    at = find_text(s, len, 0, "\\users\\");
    if (at < len)
        add_part(p, t, "user", s, at + 7, component_end(s, len, at + 7));
    at = find_text(s, len, 0, "volume{");
    if (at < len)
        add_part(p, t, "volume", s, at, component_end(s, len, at));
}

static void paths_disclose(struct probe *p, const struct subject *s)
{
    const struct locator *l = &s->view->locator;
    struct text t = text_in(probe_arena(p));
    disclose(p, &t, l->relative_path);
    disclose(p, &t, l->volume_path);
    disclose(p, &t, l->absolute_win32_path);
    if (t.len > 0)
        fail(p, at_place(STRUCTURE_PARENT_LOCATOR, NO_INDEX, l->off, l->decoded.raw.len),
             "paths of the parent disclose: %s", text_str(&t));
}

/* ---- how the disk was used, 016 - 018 ---- */

static void allocation_order(struct probe *p, const struct subject *s)
{
    const struct view *v = s->view;
    const struct bat_survey *b = v->survey;
    if (b->out_of_order == 0)
        return;
    fail(p, at_place(STRUCTURE_BAT, NO_INDEX, v->bat.off, v->bat.walk_entries * BAT_ENTRY_LEN),
         "%" PRIu64 " of %" PRIu64
         " allocated block%s %s before the block in front of %s: the order in the file may be the order "
         "in which the guest first wrote",
         b->out_of_order, b->allocated_blocks, plural(b->allocated_blocks), b->out_of_order == 1 ? "lies" : "lie",
         b->out_of_order == 1 ? "it" : "them");
}

struct runs {
    uint64_t count, first, last; /* runs of blocks in the wanted states; first and last block of the first one */
};

/* Runs among the payload blocks; `states` are bits, without NOT_PRESENT. */
static enum status find_runs(struct view *v, unsigned states, struct runs *ret)
{
    struct bat_reader bat = {.window = NULL};
    struct runs r = {.count = 0};
    uint64_t next = 0; /* the block that goes on with the run */
    enum status st = bat_reader_open(v, &bat);
    for (uint64_t i = 0; st == STATUS_OK && i < v->bat.walk_entries; i++) {
        uint64_t entry = 0;
        st = bat_reader_find(&bat, i, v->bat.walk_entries, &i, &entry);
        struct bat_slot slot = bat_slot_of_index(&v->geometry, i);
        if (st != STATUS_OK || slot.is_bitmap || slot.block >= v->geometry.payload_blocks ||
            !(states >> bat_entry_state(entry) & 1))
            continue;
        if ((r.count == 0 || slot.block != next) && r.count++ == 0)
            r.first = slot.block;
        if (r.count == 1)
            r.last = slot.block;
        next = slot.block + 1;
    }
    bat_reader_close(&bat);
    if (st == STATUS_OK)
        *ret = r;
    return st;
}

/* QEMU makes untouched blocks ZERO, so on its disks only UNMAPPED speaks of the guest. */
static void trim_runs(struct probe *p, const struct subject *s)
{
    struct view *v = s->view;
    const uint64_t *states = v->survey->states;
    struct producer who = image_producer(s->image);
    unsigned wanted = 1u << PAYLOAD_UNMAPPED;
    struct runs r = {.count = 0};
    if (!who.name || strcmp(who.name, "qemu") != 0)
        wanted |= 1u << PAYLOAD_ZERO;
    uint64_t blocks = states[PAYLOAD_UNMAPPED] + (wanted >> PAYLOAD_ZERO & 1 ? states[PAYLOAD_ZERO] : 0);
    if (blocks == 0)
        return;
    probe_status(p, find_runs(v, wanted, &r));
    if (r.count == 0)
        return;
    uint64_t off = r.first * v->geometry.block_size;
    uint64_t len = u64_min((r.last + 1) * v->geometry.block_size, v->geometry.virtual_size) - off;
    struct finding *f = fail(p, at_place(STRUCTURE_BAT, NO_INDEX, v->bat.off, v->bat.walk_entries * BAT_ENTRY_LEN),
                             "blocks UNMAPPED or ZERO: %" PRIu64 ", in %" PRIu64
                             " %s, the first one %s: given back by the guest (TRIM) or zeroed",
                             blocks, r.count, r.count == 1 ? "run" : "runs", phrase_guest(probe_arena(p), off, len));
    finding_guest(f, off, len);
}

struct guest_changes {
    const struct geometry *g;
    bool differencing;
    uint64_t blocks, ranges, next; /* next: the block behind the last changed one */
    uint64_t first[LISTED_RANGES], last[LISTED_RANGES];
};

/* Where the guest looks for the block: 0 nowhere (zeros), 1 the parent, else a place and a state. */
static uint64_t visible_as(const struct guest_changes *c, uint64_t entry)
{
    unsigned state = bat_entry_state(entry);
    if (state == PAYLOAD_FULLY_PRESENT || state == PAYLOAD_PARTIALLY_PRESENT)
        return bat_entry_off(entry) | state;
    return state == PAYLOAD_NOT_PRESENT && c->differencing ? 1 : 0;
}

static bool note_change(void *ctx, struct bat_change x)
{
    struct guest_changes *c = ctx;
    struct bat_slot slot = bat_slot_of_index(c->g, x.index);
    if (slot.is_bitmap || slot.block >= c->g->payload_blocks || visible_as(c, x.stored) == visible_as(c, x.replayed))
        return true;
    if (c->blocks++ == 0 || slot.block != c->next) {
        if (c->ranges < LISTED_RANGES)
            c->first[c->ranges] = slot.block;
        c->ranges++;
    }
    if (c->ranges <= LISTED_RANGES)
        c->last[c->ranges - 1] = slot.block;
    c->next = slot.block + 1;
    return true;
}

static void guest_visible_changes(struct probe *p, const struct subject *s)
{
    struct image *img = s->image;
    const struct geometry *g = &img->main->geometry;
    struct guest_changes c = {.g = g, .differencing = g->differencing};
    if (img->stored == img->main || img->stored->geometry.block_size != g->block_size)
        return;
    probe_status(p, bat_compare(img->stored, img->main, note_change, &c));
    if (c.blocks == 0)
        return;
    struct arena *a = probe_arena(p);
    struct text t = text_in(a);
    for (uint64_t i = 0; i < c.ranges && i < LISTED_RANGES; i++) {
        uint64_t off = c.first[i] * g->block_size, end = u64_min((c.last[i] + 1) * g->block_size, g->virtual_size);
        text_addf(&t, "%s%s", i > 0 ? ", " : "", phrase_guest(a, off, end - off));
    }
    uint64_t off = c.first[0] * g->block_size;
    struct finding *f =
        fail(p,
             at_place(STRUCTURE_BAT, (int64_t)bat_index_of_block(g, c.first[0]),
                      img->main->bat.off + bat_index_of_block(g, c.first[0]) * BAT_ENTRY_LEN, BAT_ENTRY_LEN),
             "replaying the log changes what the guest sees in %" PRIu64 " %s: %s%s", c.blocks,
             c.blocks == 1 ? "block" : "blocks", text_str(&t), c.ranges > LISTED_RANGES ? " ..." : "");
    finding_guest(f, off, u64_min((c.last[0] + 1) * g->block_size, g->virtual_size) - off);
}

/* ---- crash or hand, 019, 020 ---- */

static void update_interrupted(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct header_slot *good = &img->headers[img->current], *bad = &img->headers[1 - img->current];
    if (bad->valid || !bad->h.signature_ok || bad->h.checksum_ok || bad->h.sequence_number <= good->h.sequence_number)
        return;
    struct finding *f = fail(p, at_place(STRUCTURE_HEADER, 2 - img->current, bad->off + 4, 4),
                             "header %d has a wrong checksum and SequenceNumber %" PRIu64
                             ", header %d is right and older (%" PRIu64 "): an update of the headers looks interrupted",
                             2 - img->current, bad->h.sequence_number, img->current + 1, good->h.sequence_number);
    finding_expected(p, f, "0x%08" PRIx32, bad->h.checksum_computed);
    finding_actual(p, f, "0x%08" PRIx32, bad->h.checksum);
}

/* Errors in structures without a checksum that no torn write explains. */
static const char *const contradictions[] = {
    "VHDX-META-007", "VHDX-META-008", "VHDX-META-009", "VHDX-META-011", "VHDX-META-028", "VHDX-META-031",
    "VHDX-META-032", "VHDX-META-033", "VHDX-META-034", "VHDX-META-035", "VHDX-META-038", "VHDX-BAT-002",
    "VHDX-BAT-003",  "VHDX-BAT-004",  "VHDX-BAT-008",  "VHDX-BAT-010",  "VHDX-BAT-014",  "VHDX-BAT-015",
    "VHDX-BAT-016",  "VHDX-BAT-017",  "VHDX-BAT-018",
};

static void edited_by_hand(struct probe *p, const struct subject *s)
{
    const struct image *img = s->image;
    const struct view *v = img->main;
    if (!img->headers[0].valid || !img->headers[1].valid || !v->regions[0].valid || !v->regions[1].valid ||
        img->log_state != LOG_STATE_EMPTY)
        return;
    struct text t = text_in(probe_arena(p));
    for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++)
        if (probe_count(p, contradictions[i]) > 0)
            text_addf(&t, "%s%s", t.len > 0 ? ", " : "", contradictions[i]);
    if (t.len > 0)
        fail(
            p, at_place(STRUCTURE_FILE, NO_INDEX, 0, img->file_size),
            "all checksums are right and the log is empty, but structures without a checksum contradict themselves: %s",
            text_str(&t));
}

static const struct rule rules[] = {
    {
        .id = "VHDX-FOR-011",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HEADER,
        .severity = SEVERITY_INFO,
        .spec = "2.2.2",
        .title = "how often the headers were written",
        .why = "The sequence number goes up by one with each header update, two or more for every time the file was "
               "opened for "
               "writing. QEMU starts at a random number.",
        .means = "guest data is not affected",
        .next = "vhdxray info FILE",
        .check = header_updates,
    },
    {
        .id = "VHDX-FOR-012",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "family of writers by the byte order of GUIDs",
        .why = "Microsoft programs and QEMU store random GUIDs in different byte orders, so each field shows which "
               "family wrote "
               "it last.",
        .means = "guest data is not affected",
        .next = "vhdxray info FILE",
        .check = guid_families,
    },
    {
        .id = "VHDX-FOR-013",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "GUID holds a time and a network address",
        .why = "Version 1 GUIDs are made of the time and the address of the network card, which say when and where.",
        .means = "guest data is not affected",
        .next = "vhdxray info FILE",
        .check = guid_with_time,
    },
    {
        .id = "VHDX-FOR-014",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HEADER,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "made by one program, last written by another",
        .why = "The image was moved between hypervisors. It explains habits of two writers in one file.",
        .means = "guest data is not affected",
        .next = "vhdxray info FILE",
        .check = moved_between_hypervisors,
    },
    {
        .id = "VHDX-FOR-015",
        .scope = SCOPE_VIEW,
        .needs = NEED_LOCATOR,
        .severity = SEVERITY_INFO,
        .spec = "2.6.2.6.3",
        .title = "paths disclose hosts, users or volumes",
        .why = "A child stores where its parent lay when it was made.",
        .means = "guest data is not affected",
        .next = "vhdxray dump FILE locator",
        .check = paths_disclose,
    },
    {
        .id = "VHDX-FOR-016",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "blocks are not in disk order",
        .why =
            "Blocks are appended when they are first written, so their order in the file is the order of first writes.",
        .means = "guest data is not affected",
        .next = "vhdxray dump FILE bat",
        .check = allocation_order,
    },
    {
        .id = "VHDX-FOR-017",
        .scope = SCOPE_VIEW,
        .needs = NEED_BAT,
        .severity = SEVERITY_INFO,
        .spec = "2.5.1.1",
        .title = "runs of unmapped or zero blocks",
        .why = "They show where the guest deleted (TRIM) or wrote zeros.",
        .means = "guest data is not affected: the blocks read as zeros",
        .next = "vhdxray dump FILE bat",
        .check = trim_runs,
    },
    {
        .id = "VHDX-FOR-018",
        .scope = SCOPE_IMAGE,
        .severity = SEVERITY_INFO,
        .spec = "2.3.3",
        .title = "replaying the log changes what the guest sees",
        .why = "The log publishes blocks that the BAT in the file does not show yet.",
        .means = "programs that do not replay the log show other bytes in these ranges",
        .next = "vhdxray log FILE --plan",
        .check = guest_visible_changes,
    },
    {
        .id = "VHDX-FOR-019",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HEADER,
        .severity = SEVERITY_INFO,
        .repair = REPAIR_AUTOMATIC,
        .spec = "2.2.2.1",
        .title = "an update of the headers looks interrupted",
        .why = "Headers are written in turn, so that one is always whole. A newer one with a wrong checksum was being "
               "written "
               "when the host stopped, or was changed by hand.",
        .means = "guest data is not affected: the older header is used",
        .next = "vhdxray dump FILE headers",
        .check = update_interrupted,
    },
    {
        .id = "VHDX-FOR-020",
        .scope = SCOPE_IMAGE,
        .needs = NEED_HEADER | NEED_REGIONS,
        .severity = SEVERITY_INFO,
        .spec = "impl",
        .title = "contradictions without a trace of a crash",
        .why = "A crash leaves torn checksums or a dirty log. Where all of these are right, faults in BAT or metadata "
               "were "
               "written there: by a faulty program or by hand.",
        .means = "see the findings named",
        .next = "vhdxray dump FILE all",
        .check = edited_by_hand,
    },
};

const struct rule_group forensic_origin_rules = {.rules = rules, .count = sizeof(rules) / sizeof(rules[0])};
