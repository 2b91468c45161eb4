/* SPDX-License-Identifier: MIT */
/*
 * tools/report.schema.json as tables in C, by hand. What the schema leaves open (more keys) is open here; what it
 * cannot say (a key stands in an object once) is checked as well.
 */
#include "fuzz/schema_check.h"

#include <cjson/cJSON.h>
#include <ctype.h>

#include "fuzz/property.h"

enum type { NUL = 1, BOOL = 2, TEXT = 4, NUMBER = 8, OBJECT = 16, ARRAY = 32 };

enum form {
    ANY,
    U64,        /* of a number */
    POSITIVE,   /* of a number */
    HEX,        /* "0x1f" */
    GUID,       /* lower case, no braces */
    RULE,       /* "VHDX-BAT-016" */
    FILLED,     /* not empty */
    SPEC,       /* "impl", "MS-VHDX 2.5.1" */
    HEX_BYTES,  /* "00ff", up to 16 of them */
    SCHEMA_ONE, /* "1.0" */
    VERSION,    /* "0.1.0" */
};

struct value {
    unsigned types; /* enum type bits */
    enum form form;
    const char *const *words;     /* the texts there are; NULL: all */
    const struct member *members; /* of an object; key NULL at the end */
    const struct value *others;   /* members that are not listed; NULL: anything */
    bool closed;                  /* there are none */
    const struct value *items;    /* of an array; NULL: anything */
    int least, most;              /* items; most 0: any number */
};

struct member {
    const char *key;
    const struct value *value;
    bool optional;
};
enum { MEMBERS_MAX = 32 };

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define MEMBERS(...) ((const struct member[]){__VA_ARGS__, {NULL, NULL, false}})
#define LIST_OF(item) ((const struct value){.types = ARRAY, .items = (item)})
#define ONE_OF(...) ((const struct value){.types = TEXT, .words = WORDS(__VA_ARGS__)})

/* ---- what texts look like ---- */

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* A pattern: x a lower-case hexadecimal digit, 9 a digit, A an upper-case letter, anything else itself. */
static bool looks_like(const char *s, const char *pattern)
{
    for (; *pattern != '\0'; s++, pattern++) {
        bool good = *pattern == 'x'   ? is_hex_digit(*s)
                    : *pattern == '9' ? isdigit((unsigned char)*s) != 0
                                      : *s == *pattern;
        if (!good)
            return false;
    }
    return *s == '\0';
}

static bool is_rule(const char *s)
{
    size_t letters;

    if (strncmp(s, "VHDX-", 5) != 0)
        return false;
    letters = strspn(s + 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return letters > 0 && looks_like(s + 5 + letters, "-999");
}

static bool is_hex(const char *s)
{
    size_t digits;

    if (strncmp(s, "0x", 2) != 0)
        return false;
    digits = strspn(s + 2, "0123456789abcdef");
    return digits >= 1 && digits <= 16 && s[2 + digits] == '\0' && (s[2] != '0' || digits == 1);
}

static bool are_hex_bytes(const char *s)
{
    size_t digits = strspn(s, "0123456789abcdef");
    return digits >= 2 && digits <= 32 && digits % 2 == 0 && s[digits] == '\0';
}

static bool text_fits(const char *s, enum form form)
{
    switch (form) {
    case HEX:
        return is_hex(s);
    case GUID:
        return looks_like(s, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    case RULE:
        return is_rule(s);
    case FILLED:
        return *s != '\0';
    case SPEC:
        return strcmp(s, "impl") == 0 || (strncmp(s, "MS-VHDX ", 8) == 0 && s[8] != '\0');
    case HEX_BYTES:
        return are_hex_bytes(s);
    case SCHEMA_ONE:
        return looks_like(s, "1.9");
    case VERSION:
        return looks_like(s, "9.9.9");
    case ANY:
    case U64:
    case POSITIVE:
        break;
    }
    return true;
}

/* ---- walking ---- */

static unsigned type_of(const cJSON *v)
{
    if (cJSON_IsNull(v))
        return NUL;
    if (cJSON_IsBool(v))
        return BOOL;
    if (cJSON_IsString(v))
        return TEXT;
    if (cJSON_IsNumber(v))
        return NUMBER;
    return cJSON_IsObject(v) ? OBJECT : cJSON_IsArray(v) ? ARRAY : 0;
}

/* The number of a key among the members, or MEMBERS_MAX. Most differ in their first letter. */
static unsigned member_of(const struct value *v, const char *key)
{
    for (unsigned i = 0; v->members != NULL && v->members[i].key != NULL; i++) {
        const char *k = v->members[i].key;
        if (k[0] == key[0] && strcmp(k, key) == 0)
            return i;
    }
    return MEMBERS_MAX;
}

static bool known_word(const char *const *words, const char *s)
{
    for (; *words != NULL; words++) {
        if (strcmp(*words, s) == 0)
            return true;
    }
    return false;
}

static void fits(const cJSON *json, const struct value *v, const char *where);

static void object_fits(const cJSON *json, const struct value *v, const char *where)
{
    const cJSON *item;
    uint32_t seen = 0;

    cJSON_ArrayForEach(item, json)
    {
        unsigned i = member_of(v, item->string);
        if (i == MEMBERS_MAX) {
            ASSERT(!v->closed, "%s has %s", where, item->string);
            ASSERT(cJSON_GetObjectItemCaseSensitive(json, item->string) == item, "%s has %s twice", where,
                   item->string);
            if (v->others != NULL)
                fits(item, v->others, where);
            continue;
        }
        ASSERT(!(seen >> i & 1), "%s has %s twice", where, item->string);
        seen |= (uint32_t)1 << i;
        fits(item, v->members[i].value, item->string);
    }
    for (unsigned i = 0; v->members != NULL && v->members[i].key != NULL; i++)
        ASSERT(v->members[i].optional || (seen >> i & 1), "%s lacks %s", where, v->members[i].key);
}

static void array_fits(const cJSON *json, const struct value *v, const char *where)
{
    int count = cJSON_GetArraySize(json);
    const cJSON *item;

    ASSERT(count >= v->least && (v->most == 0 || count <= v->most), "%s has %d items", where, count);
    if (v->items == NULL)
        return;
    cJSON_ArrayForEach(item, json) fits(item, v->items, where);
}

/* Its depth is that of the tables. */
static void fits(const cJSON *json, const struct value *v, const char *where)
{
    unsigned type = type_of(json);

    ASSERT((type & v->types) != 0, "%s has type %u", where, type);
    if (type == TEXT)
        ASSERT(text_fits(json->valuestring, v->form) && (v->words == NULL || known_word(v->words, json->valuestring)),
               "%s is \"%s\"", where, json->valuestring);
    if (type == NUMBER && (v->form == U64 || v->form == POSITIVE))
        ASSERT(json->valuedouble >= (v->form == POSITIVE) && json->valuedouble <= 18446744073709551615.0, "%s is %f",
               where, json->valuedouble);
    if (type == OBJECT)
        object_fits(json, v, where);
    if (type == ARRAY)
        array_fits(json, v, where);
}

/* ---- the schema ---- */

static const struct value boolean = {.types = BOOL};
static const struct value text = {.types = TEXT};
static const struct value text_or_null = {.types = TEXT | NUL};
static const struct value filled = {.types = TEXT, .form = FILLED};
static const struct value u64 = {.types = NUMBER, .form = U64};
static const struct value u64_or_null = {.types = NUMBER | NUL, .form = U64};
static const struct value positive = {.types = NUMBER, .form = POSITIVE};
static const struct value hex = {.types = TEXT, .form = HEX};
static const struct value hex_or_null = {.types = TEXT | NUL, .form = HEX};
static const struct value guid = {.types = TEXT, .form = GUID};
static const struct value guid_or_null = {.types = TEXT | NUL, .form = GUID};
static const struct value rule_id = {.types = TEXT, .form = RULE};
static const struct value reasons = {.types = ARRAY, .items = &filled}; /* ids of rules, then sentences */
static const struct value texts = {.types = ARRAY, .items = &text};
static const struct value type_name = {.types = TEXT | NUL, .words = WORDS("dynamic", "fixed", "differencing")};
static const struct value severity = ONE_OF("error", "warning", "info");
static const struct value view = ONE_OF("stored", "replayed");
static const struct value structure = ONE_OF("file", "file_id", "header", "region_table", "metadata", "bat",
                                             "sector_bitmap", "log", "parent_locator", "chain", "payload");
static const struct value structure_or_null = {.types = NUL | TEXT};
static const struct value range_or_null = {.types = OBJECT | NUL,
                                           .members = MEMBERS({"offset", &u64, false}, {"length", &u64, false})};

static const struct value tool = {
    .types = OBJECT,
    .members = MEMBERS({"name", &ONE_OF("vhdxray"), false},
                       {"version", &(const struct value){.types = TEXT, .form = VERSION}, false})};
static const struct value envelope = {
    .types = OBJECT,
    .members = MEMBERS({"schema_version", &(const struct value){.types = TEXT, .form = SCHEMA_ONE}, false},
                       {"tool", &tool, false}),
};

static const struct value error = {.types = OBJECT, .members = MEMBERS({"message", &filled, false})};

/* facts */

static const struct value header = {
    .types = OBJECT,
    .members = MEMBERS({"slot", &positive, false}, {"offset", &positive, false}, {"valid", &boolean, false},
                       {"current", &boolean, false}, {"sequence_number", &hex_or_null, false},
                       {"file_write_guid", &guid_or_null, false}, {"data_write_guid", &guid_or_null, false},
                       {"log_guid", &guid_or_null, false}, {"version", &u64_or_null, false},
                       {"log_version", &u64_or_null, false}, {"log_offset", &hex_or_null, false},
                       {"log_length", &u64_or_null, false}),
};
static const struct value region_entry = {
    .types = OBJECT,
    .members = MEMBERS({"guid", &guid, false}, {"name", &text_or_null, false}, {"offset", &hex, false},
                       {"length", &u64, false}, {"required", &boolean, false}),
};
static const struct value region_entries = {.types = ARRAY, .items = &region_entry, .most = 2047};
static const struct value region_table = {
    .types = OBJECT,
    .members = MEMBERS({"copy", &positive, false}, {"offset", &positive, false}, {"valid", &boolean, false},
                       {"used", &boolean, false}, {"entries", &region_entries, false}),
};
static const struct value metadata_item = {
    .types = OBJECT,
    .members = MEMBERS({"id", &guid, false}, {"name", &text_or_null, false}, {"offset", &u64, false},
                       {"length", &u64, false}, {"flags", &texts, false}),
};
static const struct value metadata = {.types = ARRAY | NUL, .items = &metadata_item, .most = 2047};
static const struct value log_facts = {
    .types = OBJECT | NUL,
    .members = MEMBERS({"state", &ONE_OF("empty", "dirty", "invalid"), false}, {"offset", &u64_or_null, false},
                       {"length", &u64, false}, {"active_entries", &u64_or_null, false},
                       {"stale_entries", &u64_or_null, false}, {"replayed", &boolean, false},
                       {"pages_changed", &u64, false}, {"replay_refused", &boolean, true}),
};
static const struct value states = {
    .types = OBJECT | NUL,
    .members = MEMBERS({"not_present", &u64, false}, {"undefined", &u64, false}, {"zero", &u64, false},
                       {"unmapped", &u64, false}, {"fully_present", &u64, false}, {"partially_present", &u64, false},
                       {"invalid", &u64, false}),
    .others = &u64,
};
static const struct value bat = {
    .types = OBJECT | NUL,
    .members = MEMBERS({"offset", &u64_or_null, false}, {"entries", &u64, false}, {"payload_blocks", &u64, false},
                       {"chunk_ratio", &u64, false}, {"states", &states, false},
                       {"bitmap_blocks_present", &u64_or_null, false}, {"allocated_bytes", &u64_or_null, false}),
};
static const struct value paths = {.types = OBJECT, .others = &text_or_null};
static const struct value parent = {
    .types = OBJECT | NUL,
    .members = MEMBERS({"linkage", &guid_or_null, false}, {"linkage2", &guid_or_null, false}, {"paths", &paths, false},
                       {"resolved", &text_or_null, false}),
};
static const struct value producer = {
    .types = OBJECT,
    .members =
        MEMBERS({"name", &text_or_null, false}, {"because", &texts, false}, {"last_writer", &text_or_null, true}),
};
static const struct value headers = {.types = ARRAY, .items = &header, .least = 2, .most = 2};
static const struct value region_tables = {.types = ARRAY, .items = &region_table, .least = 2, .most = 2};
static const struct value facts = {
    .types = OBJECT,
    .members =
        MEMBERS({"type", &type_name, false}, {"virtual_size", &u64_or_null, false}, {"virtual_size_stored", &hex, true},
                {"block_size", &u64_or_null, false}, {"logical_sector_size", &u64_or_null, false},
                {"physical_sector_size", &u64_or_null, false}, {"virtual_disk_id", &guid_or_null, false},
                {"creator", &text_or_null, false}, {"producer", &producer, false}, {"headers", &headers, false},
                {"current_header", &u64_or_null, false}, {"current_header_reason", &filled, false},
                {"region_tables", &region_tables, false}, {"metadata", &metadata, false}, {"log", &log_facts, false},
                {"bat", &bat, false}, {"parent", &parent, false}),
};

/* check */

static const struct value related = {
    .types = OBJECT,
    .members = MEMBERS({"structure", &structure, false}, {"index", &u64_or_null, false}, {"offset", &u64, false}),
};
static const struct value related_list = {.types = ARRAY, .items = &related};
static const struct value finding = {
    .types = OBJECT,
    .members = MEMBERS({"rule", &rule_id, false}, {"severity", &severity, false}, {"title", &filled, false},
                       {"message", &filled, false}, {"structure", &structure, false}, {"index", &u64_or_null, false},
                       {"offset", &u64, false}, {"length", &u64, false}, {"view", &view, false},
                       {"expected", &text_or_null, false}, {"actual", &text_or_null, false},
                       {"guest_range", &range_or_null, false},
                       {"spec", &(const struct value){.types = TEXT, .form = SPEC}, false},
                       {"repair", &ONE_OF("automatic", "consent", "none"), false}, {"quirk", &text_or_null, false},
                       {"related", &related_list, false}, {"means", &text, false}, {"next", &text, false}),
};
static const struct value counts = {
    .types = OBJECT,
    .members = MEMBERS({"error", &u64, false}, {"warning", &u64, false}, {"info", &u64, false}),
    .closed = true,
};
static const struct value not_evaluated = {
    .types = OBJECT,
    .members = MEMBERS({"rule", &rule_id, false}, {"reason", &filled, false}),
};
static const struct value rules = {
    .types = OBJECT,
    .members = MEMBERS({"evaluated", &u64, false}, {"not_evaluated", &LIST_OF(&not_evaluated), false}),
};
static const struct value suppressed = {.types = OBJECT, .others = &positive};
static const struct value limit = {
    .types = OBJECT,
    .members = MEMBERS({"name", &filled, false}, {"message", &filled, false}),
};
static const struct value peer = {
    .types = OBJECT,
    .members = MEMBERS({"opens", &boolean, false}, {"because", &reasons, false}, {"limits", &texts, false}),
};
static const struct value compatibility = {
    .types = OBJECT,
    .members = MEMBERS({"qemu", &peer, false}, {"hyperv", &peer, false}, {"virtualbox", &peer, false},
                       {"7zip", &peer, false}, {"libvhdi", &peer, false}),
    .others = &peer,
};
static const struct value journal = ONE_OF("applying", "undoing", "damaged");
static const struct value sandbox = {
    .types = OBJECT,
    .members = MEMBERS({"landlock_abi", &u64, false}, {"seccomp", &(const struct value){.types = BOOL | TEXT}, false}),
};
static const struct value checked_image = {
    .types = OBJECT,
    .members = MEMBERS({"path", &text, false}, {"path_lossy", &boolean, true}, {"size", &u64, false},
                       {"journal", &journal, true},
                       {"verdict", &ONE_OF("clean", "suspicious", "corrupt", "unreadable"), false},
                       {"complete", &boolean, false}, {"facts", &facts, false}, {"findings", &LIST_OF(&finding), false},
                       {"counts", &counts, false}, {"rules", &rules, false}, {"suppressed", &suppressed, false},
                       {"limits", &LIST_OF(&limit), false}, {"compatibility", &compatibility, false},
                       {"sandbox", &sandbox, false}),
};

/* info, log */

static const struct value info_image = {
    .types = OBJECT,
    .members = MEMBERS({"path", &text, false}, {"size", &u64, false}, {"journal", &journal, true},
                       {"facts", &facts, false}),
};
static const struct value log_session = {
    .types = OBJECT,
    .members = MEMBERS({"log_guid", &guid, false}, {"live", &boolean, false}, {"valid_entries", &u64, false},
                       {"damaged_entries", &u64, false}, {"first_sequence_number", &hex_or_null, false},
                       {"last_sequence_number", &hex_or_null, false}),
};
static const struct value log_sequence = {
    .types = OBJECT,
    .members = MEMBERS({"state", &ONE_OF("active", "older", "broken"), false}, {"entries", &u64, false},
                       {"first_sequence_number", &hex, false}, {"last_sequence_number", &hex, false},
                       {"head_ring_offset", &u64, false}, {"tail_ring_offset", &u64, false}),
};
static const struct value log_entry = {
    .types = OBJECT,
    .members =
        MEMBERS({"offset", &u64, false}, {"ring_offset", &u64, false}, {"length", &u64, false}, {"tail", &u64, false},
                {"sequence_number", &hex, false}, {"descriptors", &u64, false}, {"data_descriptors", &u64, false},
                {"flushed_file_offset", &hex, false}, {"last_file_offset", &hex, false}, {"session", &u64, false},
                {"live", &boolean, false}, {"active", &boolean, false}, {"state", &filled, false}),
};
static const struct value log_fault = {
    .types = OBJECT,
    .members = MEMBERS({"message", &filled, false}, {"entry_ring_offset", &u64, false}, {"descriptor", &u64, false},
                       {"target_offset", &hex, false}, {"target_length", &hex, false}),
};
static const struct value bat_change = {
    .types = OBJECT,
    .members = MEMBERS({"index", &u64, false}, {"stored", &hex, false}, {"replayed", &hex, false}),
};
static const struct value bat_changes = {.types = ARRAY, .items = &bat_change, .most = 512};
static const struct value log_change = {
    .types = OBJECT,
    .members =
        MEMBERS({"offset", &u64, false}, {"length", &positive, false}, {"structure", &structure_or_null, false},
                {"owner", &filled, false}, {"changed_bytes", &positive, false}, {"first_changed_offset", &u64, false},
                {"beyond_end_of_file", &boolean, false}, {"bat_entries", &bat_changes, false}),
};
static const struct value log_plan = {
    .types = OBJECT,
    .members = MEMBERS({"state", &ONE_OF("possible", "refused", "nothing to replay"), false},
                       {"size_before", &u64, false}, {"size_after", &u64, false}, {"data_descriptors", &u64, false},
                       {"zero_descriptors", &u64, false}, {"pages_written", &u64, false},
                       {"pages_changed", &u64, false}, {"changes", &LIST_OF(&log_change), false}),
};
static const struct value orphans = {
    .types = OBJECT,
    .members = MEMBERS({"data_sectors", &u64_or_null, false}, {"descriptor_sectors", &u64_or_null, false},
                       {"other_sectors", &u64_or_null, false}, {"first_offset", &u64_or_null, false}),
    .others = &u64_or_null,
};
static const struct value log_image = {
    .types = OBJECT,
    .members = MEMBERS({"path", &text, false}, {"size", &u64, false}, {"log", &log_facts, false},
                       {"sessions", &LIST_OF(&log_session), false}, {"sequences", &LIST_OF(&log_sequence), false},
                       {"entries", &LIST_OF(&log_entry), false}, {"orphans", &orphans, false},
                       {"faults", &LIST_OF(&log_fault), false}, {"plan", &log_plan, true}),
};

/* dump */

static const struct value hex_row = {
    .types = OBJECT,
    .members = MEMBERS({"offset", &u64, false}, {"length", &positive, false},
                       {"bytes", &(const struct value){.types = TEXT, .form = HEX_BYTES}, false}),
};
static const struct value dump_field = {
    .types = OBJECT,
    .members = MEMBERS({"name", &filled, false}, {"offset", &u64, false}, {"length", &u64, false},
                       {"value", &(const struct value){.types = TEXT | NUMBER | NUL}, false},
                       {"meaning", &text_or_null, false}),
};
static const struct value dump_structure = {
    .types = OBJECT,
    .members = MEMBERS({"structure", &filled, true}, {"index", &u64, true}, {"offset", &u64, true},
                       {"length", &u64, true}, {"view", &view, true}, {"note", &text_or_null, true},
                       {"missing", &filled, true}, {"fields", &LIST_OF(&dump_field), true},
                       {"hex", &LIST_OF(&hex_row), true}, {"guest_range", &range_or_null, true}),
};
static const struct value dump_report = {
    .types = OBJECT,
    .members = MEMBERS({"path", &text, false}, {"size", &u64, false}, {"structures", &LIST_OF(&dump_structure), false}),
};

/* map, layout */

static const struct value guest_extent = {
    .types = OBJECT,
    .members = MEMBERS({"offset", &u64, false}, {"length", &positive, false},
                       {"state",
                        &ONE_OF("not_present", "undefined", "zero", "unmapped", "fully_present", "partially_present",
                                "invalid", "past_parent"),
                        false},
                       {"file_offset", &u64_or_null, false}, {"layer", &u64, false},
                       {"fault",
                        &ONE_OF("past_end_of_file", "overlap", "invalid_state", "invalid_offset", "no_sector_bitmap",
                                "no_bat_entry", "no_parent", "host_error"),
                        true}),
};
static const struct value layer = {
    .types = OBJECT,
    .members = MEMBERS({"layer", &u64, false}, {"path", &text, false}),
};
static const struct value layers = {.types = ARRAY, .items = &layer, .least = 1};
static const struct value totals = {.types = OBJECT, .others = &u64};
static const struct value map_report = {
    .types = OBJECT,
    .members = MEMBERS({"path", &text, false}, {"virtual_size", &u64, false}, {"block_size", &u64, false},
                       {"logical_sector_size", &positive, false}, {"offset", &u64, false}, {"length", &u64, false},
                       {"layers", &layers, false}, {"extents", &LIST_OF(&guest_extent), false},
                       {"totals", &totals, false}, {"complete", &boolean, false}),
};
static const struct value file_range = {
    .types = OBJECT,
    .members = MEMBERS(
        {"offset", &u64, false}, {"length", &u64, false},
        {"owner", &ONE_OF("free", "header_section", "log", "region", "sector_bitmap", "payload", "soft_anchor"), false},
        {"name", &filled, true}, {"index", &u64, true}, {"block", &u64, true}, {"blocks", &positive, true},
        {"guest_offset", &u64, true}, {"overlaps", &boolean, true}),
};
static const struct value layout_report = {
    .types = OBJECT,
    .members =
        MEMBERS({"path", &text, false}, {"size", &u64, false}, {"replayed", &boolean, false},
                {"ranges", &LIST_OF(&file_range), false}, {"totals", &totals, false}, {"complete", &boolean, false}),
};

/* chain */

static const struct value link_guids = {.types = OBJECT, .others = &guid_or_null};
static const struct value chain_link = {
    .types = OBJECT | NUL,
    .members = MEMBERS({"verdict",
                        &ONE_OF("fits", "fits_second", "guid_mismatch", "sector_size_mismatch", "unreadable", "cycle",
                                "too_deep", "missing"),
                        false},
                       {"path", &text_or_null, false}, {"expected", &link_guids, false}, {"actual", &link_guids, false},
                       {"near_miss", &text_or_null, false}, {"also_fits", &u64, false}, {"paths", &paths, false}),
};
static const struct value chain_file = {
    .types = OBJECT,
    .members = MEMBERS(
        {"path", &text, false}, {"path_lossy", &boolean, true}, {"readable", &boolean, false},
        {"message", &text_or_null, false}, {"type", &type_name, false}, {"virtual_size", &u64_or_null, false},
        {"block_size", &u64_or_null, false}, {"logical_sector_size", &u64_or_null, false},
        {"data_write_guid", &guid_or_null, false},
        {"log_state", &(const struct value){.types = TEXT | NUL, .words = WORDS("empty", "dirty", "invalid")}, false},
        {"head", &boolean, false}, {"depth", &u64, false}, {"children", &u64, false}, {"parent", &chain_link, false}),
};
static const struct value chain_counts = {
    .types = OBJECT,
    .members = MEMBERS({"files", &u64, false}, {"heads", &u64, false}, {"orphans", &u64, false},
                       {"bad_links", &u64, false}, {"unreadable", &u64, false}),
    .others = &u64,
};
static const struct value chain_report = {
    .types = OBJECT,
    .members = MEMBERS({"files", &LIST_OF(&chain_file), false}, {"counts", &chain_counts, false}),
};

/* ---- reports ---- */

/* Nothing to report, and why. */
static const struct value refused = {
    .types = OBJECT,
    .members = MEMBERS({"path", &text, false}, {"complete", &boolean, false}, {"error", &error, false}),
};

static const struct value images_of_check = {.types = OBJECT,
                                             .members = MEMBERS({"images", &LIST_OF(&checked_image), false})};
static const struct value images_of_info = {.types = OBJECT,
                                            .members = MEMBERS({"images", &LIST_OF(&info_image), false})};
static const struct value images_of_log = {.types = OBJECT,
                                           .members = MEMBERS({"images", &LIST_OF(&log_image), false})};

/* A report, an element of its list, and whether lines carry the envelope. */
static const struct {
    const struct value *whole, *line;
    bool envelope;
} kinds[] = {
    [SCHEMA_CHECK] = {&images_of_check, &checked_image, true}, [SCHEMA_INFO] = {&images_of_info, &info_image, true},
    [SCHEMA_LOG] = {&images_of_log, &log_image, true},         [SCHEMA_DUMP] = {&dump_report, &dump_structure, false},
    [SCHEMA_MAP] = {&map_report, &guest_extent, false},        [SCHEMA_LAYOUT] = {&layout_report, &file_range, false},
    [SCHEMA_CHAIN] = {&chain_report, &chain_file, true},
};

static cJSON *parse(const char *json, size_t len)
{
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(json, len + 1, &end, 1);

    ASSERT(tree != NULL, "cJSON stops at byte %td", end - json);
    return tree;
}

struct cJSON *schema_check(const char *json, size_t len, enum schema_kind kind)
{
    cJSON *tree = parse(json, len);

    fits(tree, &envelope, "the report");
    fits(tree, cJSON_HasObjectItem(tree, "error") ? &refused : kinds[kind].whole, "the report");
    return tree;
}

struct cJSON *schema_check_line(const char *json, size_t len, enum schema_kind kind)
{
    cJSON *tree = parse(json, len);

    if (kinds[kind].envelope)
        fits(tree, &envelope, "the line");
    fits(tree, cJSON_HasObjectItem(tree, "error") ? &refused : kinds[kind].line, "the line");
    return tree;
}
