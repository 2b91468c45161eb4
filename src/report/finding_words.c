/* SPDX-License-Identifier: MIT */
/*
 * What the readable reports (text, HTML, SARIF) say about a finding and about a whole check in the same words: where it
 * is, what to do next, who refuses the file, why rules were left out.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/check.h"
#include "report/out.h"

const char *finding_means_text(const struct finding *f)
{
    if (f->means != NULL)
        return f->means;
    return f->rule->means;
}

const char *finding_next_text(const struct finding *f)
{
    if (f->next != NULL)
        return f->next;
    return f->rule->next;
}

/*
 * A structure for people, and what its index counts; the second word is left out with the index. Region tables have two
 * kinds of index (copy, entry), so there the file offset alone says where.
 */
static const struct {
    const char *name, *item;
} place_words[] = {
    [STRUCTURE_FILE] = {"file", NULL},
    [STRUCTURE_FILE_ID] = {"file identifier", NULL},
    [STRUCTURE_HEADER] = {"header", ""},
    [STRUCTURE_REGION_TABLE] = {"region table", NULL},
    [STRUCTURE_METADATA] = {"metadata", " entry"},
    [STRUCTURE_BAT] = {"BAT", " entry"},
    [STRUCTURE_SECTOR_BITMAP] = {"sector bitmap", " of chunk"},
    [STRUCTURE_LOG] = {"log", " sector"},
    [STRUCTURE_PARENT_LOCATOR] = {"parent locator", " pair"},
    [STRUCTURE_CHAIN] = {"chain", " link"},
    [STRUCTURE_PAYLOAD] = {"payload", " block"},
};

const char *place_name(struct arena *a, enum structure s, int64_t index)
{
    if (index < 0 || place_words[s].item == NULL)
        return place_words[s].name;
    return text_format(a, "%s%s %" PRId64, place_words[s].name, place_words[s].item, index);
}

const char *finding_place_text(struct arena *a, const struct image *img, const struct finding *f)
{
    struct text t = text_in(a);

    text_add(&t, place_name(a, f->at.structure, f->at.index));
    text_addf(&t, ", file offset 0x%" PRIx64, f->at.off);
    if (f->at.len > 0)
        text_addf(&t, ", %s", text_size(a, f->at.len));
    if (f->has_guest_range)
        text_addf(&t, "; guest offset 0x%" PRIx64 ", %s", f->guest_off, text_size(a, f->guest_len));
    if (img->replayed && f->view == VIEW_STORED)
        text_add(&t, "; as stored, before the log is replayed");
    return text_str(&t);
}

const char *finding_next_step(struct arena *a, const struct image *img, const struct finding *f)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+,:@%/=";
    const char *next = finding_next_text(f);
    bool is_plain = img->path[0] != '-' && img->path[strspn(img->path, plain)] == '\0';
    struct text t = text_in(a);

    if (strstr(next, "vhdxray ") != NULL && !is_plain)
        return next;
    for (const char *at; (at = strstr(next, " FILE")) != NULL;) {
        text_add_bytes(&t, next, (size_t)(at - next));
        next = at + 5;
        text_addf(&t, " %s", *next == '\0' || strchr(" ,;:.)", *next) != NULL ? img->path : "FILE");
    }
    text_add(&t, next);
    return text_str(&t);
}

uint64_t finding_group_end(const struct check_result *res, uint64_t first)
{
    const struct finding *f = res->findings[first];
    uint64_t end = first + 1;

    while (end < res->finding_count && res->findings[end]->rule == f->rule &&
           res->findings[end]->severity == f->severity)
        end++;
    return end;
}

uint64_t finding_group_unlisted(const struct check_result *res, uint64_t first)
{
    const struct rule *rule = res->findings[first]->rule;
    const struct rule_result *result = &res->rules[rule_index(rule)];

    if (result->count == result->kept)
        return 0;
    /* A rule whose findings have two severities has two groups: the first one tells. */
    for (uint64_t i = 0; i < first; i++) {
        if (res->findings[i]->rule == rule)
            return 0;
    }
    return result->count - result->kept;
}

/* ---- the whole check ---- */

const char *peer_title(unsigned bit_index)
{
    static const char *const names[PEER_COUNT] = {"QEMU", "Hyper-V", "VirtualBox", "7-Zip", "libvhdi"};

    return names[bit_index];
}

uint32_t unevaluated_reasons(struct report *r, const struct check_result *res, struct unevaluated **ret)
{
    struct unevaluated *list = (struct unevaluated *)arena_array(r->scratch, rule_count(), sizeof(*list));
    uint32_t count = 0;

    if (list == NULL)
        return 0;
    for (uint32_t i = 0; i < rule_count(); i++) {
        const char *reason = res->rules[i].reason != NULL ? res->rules[i].reason : "no reason known";
        uint32_t k = 0;

        if (res->rules[i].outcome != RULE_NOT_EVALUATED)
            continue;
        while (k < count && strcmp(list[k].reason, reason) != 0)
            k++;
        if (k == count)
            list[count++] = (struct unevaluated){.reason = reason};
        list[k].rules++;
    }
    *ret = list;
    return count;
}
