/* SPDX-License-Identifier: MIT */
/*
 * One finding as a SARIF result. Places are binary regions; what bytes belong to (a BAT entry, a header) is a logical
 * location. Fingerprints let a later run recognise a result when files were renamed or other findings came and went.
 */
#include "report/sarif.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "report/check.h"
#include "report/element.h"

/* ---- texts ---- */

cJSON *sarif_message_json(struct json *j, struct arena *a, const char *s)
{
    /* "[text](target)" is a link, and an image's strings may hold one. */
    bool link = strstr(s, "](") != NULL;
    size_t len = strlen(s);
    cJSON *o = json_object(j);
    struct text t = text_in(a);

    for (size_t i = 0; link && i < len; i++) {
        if (s[i] == '[' || s[i] == ']' || s[i] == '\\')
            text_add(&t, "\\");
        text_add_bytes(&t, s + i, 1);
    }
    if (!link)
        text_add(&t, s);
    if (len > 0 && s[len - 1] != '.')
        text_add(&t, ".");
    json_put_text(j, o, "text", text_str(&t));
    return o;
}

const char *sarif_uri(struct arena *a, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/!$&'()*+,;=@";
    static const char hex[] = "0123456789ABCDEF";
    struct text t = text_in(a);

    while (strncmp(path, "./", 2) == 0) {
        path += 2;
        path += strspn(path, "/");
    }
    if (path[0] == '/') { /* two slashes at its start would name a host */
        path += strspn(path, "/");
        text_add(&t, "file:///");
    }
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if (strchr(plain, c) != NULL)
            text_add_bytes(&t, path, 1);
        else
            text_addf(&t, "%%%c%c", hex[c >> 4], hex[c & 15]);
    }
    return text_str(&t);
}

/* ---- identity ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 0x100000001b3; /* FNV-1a: names things, withstands nobody */
    return hash;
}

static uint64_t mix_u64(uint64_t hash, uint64_t v)
{
    unsigned char bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    return mix(hash, bytes, sizeof(bytes));
}

static uint64_t mix_text(uint64_t hash, const char *s)
{
    return mix(hash, s, strlen(s) + 1);
}

const char *sarif_fingerprint(struct arena *a, const struct image *img, const struct finding *f)
{
    const struct metadata *m = &img->main->metadata;
    uint64_t hash = 0xcbf29ce484222325;

    if (m->have_virtual_disk_id)
        hash = mix(hash, m->virtual_disk_id.bytes, sizeof(m->virtual_disk_id.bytes));
    hash = mix_text(hash, f->rule->id);
    hash = mix_text(hash, structure_name(f->at.structure));
    hash = mix_u64(hash, (uint64_t)f->at.index);
    hash = mix_u64(hash, f->at.off);
    hash = mix_u64(hash, f->at.len);
    hash = mix_u64(hash, f->view == VIEW_STORED && img->replayed);
    hash = mix_u64(hash, f->has_guest_range ? f->guest_off : UINT64_MAX);
    if (f->related_count > 0) {
        hash = mix_u64(hash, f->related[0].structure);
        hash = mix_u64(hash, (uint64_t)f->related[0].index);
    }
    return text_format(a, "%016" PRIx64, hash);
}

/* ---- places ---- */

/* As much of the place as lies in the file: a region is a part of the artifact. Without a place it is all of it. */
static cJSON *region_json(struct json *j, const struct image *img, const struct place *at)
{
    cJSON *o = json_object(j);
    uint64_t there = at->off < img->file_size ? img->file_size - at->off : 0;
    uint64_t len = at->structure == STRUCTURE_FILE && at->off == 0 && at->len == 0 ? there : at->len;

    json_put_u64(j, o, "byteOffset", at->off);
    json_put_u64(j, o, "byteLength", len < there ? len : there);
    return o;
}

static cJSON *place_json(struct json *j, struct arena *a, const struct image *img, const struct place *at,
                         uint64_t artifact)
{
    cJSON *o = json_object(j), *physical = json_object(j), *file = json_object(j);
    cJSON *logicals = json_array(j), *logical = json_object(j);
    const char *kind = structure_name(at->structure);

    json_put_text(j, file, "uri", sarif_uri(a, img->path));
    json_put_u64(j, file, "index", artifact);
    json_put(j, physical, "artifactLocation", file);
    json_put(j, physical, "region", region_json(j, img, at));
    json_put(j, o, "physicalLocation", physical);
    json_put_text(j, logical, "name", place_name(a, at->structure, at->index));
    json_put_text(j, logical, "fullyQualifiedName",
                  at->index < 0 ? kind : text_format(a, "%s/%" PRId64, kind, at->index));
    json_put_text(j, logical, "kind", kind);
    json_put(j, logicals, NULL, logical);
    json_put(j, o, "logicalLocations", logicals);
    return o;
}

static cJSON *related_json(struct json *j, struct arena *a, const struct image *img, const struct finding *f,
                           uint64_t artifact)
{
    cJSON *list = json_array(j);

    for (uint64_t i = 0; i < f->related_count && i < LIMIT_LISTED; i++) {
        const struct related_place *p = &f->related[i];
        struct place at = {.structure = p->structure, .index = p->index, .off = p->off};
        cJSON *o = place_json(j, a, img, &at, artifact);

        json_put_u64(j, o, "id", i + 1);
        json_put(j, o, "message",
                 sarif_message_json(j, a, text_format(a, "%s belongs to it", place_name(a, p->structure, p->index))));
        json_put(j, list, NULL, o);
    }
    return list;
}

static cJSON *properties_json(struct json *j, struct arena *a, const struct image *img, const struct finding *f)
{
    cJSON *o = json_object(j);

    json_put_text(j, o, "means", finding_means_text(f));
    json_put_text(j, o, "next", finding_next_step(a, img, f));
    json_put_text(j, o, "view", f->view == VIEW_REPLAYED ? "replayed" : "stored");
    json_put_text(j, o, "repair", repair_class_name(f->repair));
    if (f->expected != NULL)
        json_put_text(j, o, "expected", f->expected);
    if (f->actual != NULL)
        json_put_text(j, o, "actual", f->actual);
    if (f->quirk != NULL)
        json_put_text(j, o, "quirk", f->quirk);
    if (f->has_guest_range) {
        json_put_u64(j, o, "guestOffset", f->guest_off);
        json_put_u64(j, o, "guestLength", f->guest_len);
    }
    if (f->related_count > LIMIT_LISTED)
        json_put_u64(j, o, "relatedCount", f->related_count);
    return o;
}

cJSON *sarif_result_json(struct json *j, struct arena *a, const struct image *img, const struct finding *f,
                         uint64_t artifact)
{
    cJSON *o = json_object(j), *prints = json_object(j), *places = json_array(j);
    const char *print = sarif_fingerprint(a, img, f);

    json_put_text(j, o, "ruleId", f->rule->id);
    json_put_u64(j, o, "ruleIndex", rule_index(f->rule));
    json_put_text(j, o, "level", sarif_level(f->severity));
    json_put(j, o, "message", sarif_message_json(j, a, f->message));
    json_put(j, places, NULL, place_json(j, a, img, &f->at, artifact));
    json_put(j, o, "locations", places);
    if (f->related_count > 0)
        json_put(j, o, "relatedLocations", related_json(j, a, img, f, artifact));
    json_put_text(j, prints, "vhdxrayFinding/v1", print);
    /* The one that GitHub looks at; its form is a hash and an occurrence. */
    json_put_text(j, prints, "primaryLocationLineHash", text_format(a, "%s:1", print));
    json_put(j, o, "partialFingerprints", prints);
    json_put(j, o, "properties", properties_json(j, a, img, f));
    return o;
}
