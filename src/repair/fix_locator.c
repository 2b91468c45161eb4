/* SPDX-License-Identifier: MIT */
/*
 * The parent locator ([MS-VHDX] 2.6.2.6). A fix turns the locator into a list of pairs, changes the list and writes the
 * item anew: table, then strings, nothing between them. Which file is the parent is never guessed: a linkage is only
 * written when the user named the parent, and then it is that file's DataWriteGuid.
 */
#include "repair/fix_locator.h"

#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/text.h"
#include "check/locator_traits.h"
#include "check/metadata_traits.h"
#include "check/win_path.h"
#include "repair/fix_metadata.h"

enum { LINKAGE, LINKAGE2, RELATIVE, VOLUME, ABSOLUTE, KEYS };
static const char *const keys[KEYS] = {"parent_linkage", "parent_linkage2", "relative_path", "volume_path",
                                       "absolute_win32_path"};

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* what an unpaired surrogate was decoded to */

struct pairs {
    struct locator_string *items;
    uint16_t count, cap;
    bool broken; /* some string of the locator could not be taken over */
};

/* ---- the list ---- */

static bool pairs_open(struct fixing *x, struct pairs *ret, enum status *ret_status)
{
    const struct locator *l = &x->view->locator;
    uint32_t n = l->absence == ABSENT_NOT ? l->pair_count : 0;
    struct pairs p = {.cap = (uint16_t)u64_min(n + KEYS, UINT16_MAX)};

    *ret_status = STATUS_OK;
    p.items = arena_array(x->arena, p.cap, sizeof(*p.items));
    if (p.items == NULL) {
        *ret_status = arena_status(x->arena);
        return false;
    }
    p.broken = n > 0 && (locator_table_is_cut(l) || !locator_type_is_vhdx(l));
    for (uint32_t i = 0; i < n && p.count < p.cap - KEYS; i++) {
        const struct locator_text *t = &l->pairs[i];
        bool usable = locator_key_placed(l, t) && locator_value_placed(l, t) && t->pair.key_len % 2 == 0 &&
                      t->pair.value_len % 2 == 0;
        if (usable && !t->key_damaged && !t->value_damaged)
            p.items[p.count++] = (struct locator_string){.key = t->key, .value = t->value};
        else
            p.broken = true;
    }
    *ret = p;
    return true;
}

static uint16_t pairs_find(const struct pairs *p, const char *key)
{
    uint16_t i = 0;

    while (i < p->count && strcmp(p->items[i].key, key) != 0)
        i++;
    return i;
}

static void pairs_drop(struct pairs *p, uint16_t i)
{
    if (i >= p->count)
        return;
    memmove(&p->items[i], &p->items[i + 1], (size_t)(p->count - i - 1) * sizeof(*p->items));
    p->count--;
}

/* There is room for each of the known keys. */
static void pairs_set(struct pairs *p, const char *key, const char *value)
{
    uint16_t i = pairs_find(p, key);

    p->items[i] = (struct locator_string){.key = key, .value = value};
    if (i == p->count)
        p->count++;
}

static bool has_path(const struct pairs *p)
{
    return pairs_find(p, keys[RELATIVE]) < p->count || pairs_find(p, keys[VOLUME]) < p->count ||
           pairs_find(p, keys[ABSOLUTE]) < p->count;
}

static enum status pairs_write(struct fixing *x, const struct pairs *p, const char *action)
{
    uint8_t *item = arena_alloc(x->arena, METADATA_ITEM_MAX);
    enum status st;

    if (item == NULL)
        return arena_status(x->arena);
    uint32_t len =
        parent_locator_encode(known_guid(KNOWN_LOCATOR_TYPE_VHDX), p->items, p->count, item, METADATA_ITEM_MAX);
    if (len == 0)
        return fix_refuse(x, "the new locator would hold a string that is too long or no valid UTF-8");
    (void)metadata_item_put(x, KNOWN_ITEM_PARENT_LOCATOR, item, len, action, &st);
    return st;
}

/* The list, for a fix that keeps all strings. False with a refusal when some of them are broken. */
static bool pairs_whole(struct fixing *x, struct pairs *ret, enum status *ret_status)
{
    if (!pairs_open(x, ret, ret_status))
        return false;
    if (ret->broken)
        (void)fix_refuse(x, "other strings of the parent locator are broken");
    return !ret->broken;
}

/* ---- P12 ---- */

/* The DataWriteGuid of the parent that the user named. False with a refusal when there is none that fits. */
static bool parent_guid(struct fixing *x, struct guid *ret)
{
    const struct image *parent = x->options->parent;
    const struct header *h = parent != NULL ? image_header(parent) : NULL;
    const struct metadata *a = &x->view->metadata;

    if (parent == NULL) {
        (void)fix_refuse(x, "which file is the parent must be said: needs --parent PARENT");
        return false;
    }
    const struct metadata *b = &parent->main->metadata;
    if (h == NULL || guid_is_nil(&h->data_write_guid) || parent->main->geometry_absence != ABSENT_NOT) {
        (void)fix_refuse(x, "the parent has no usable header, DataWriteGuid or metadata");
        return false;
    }
    if (a->have_logical_sector_size && a->logical_sector_size != b->logical_sector_size) {
        (void)fix_refuse(x, "the parent has another logical sector size");
        return false;
    }
    *ret = h->data_write_guid;
    return true;
}

static struct win_path path_parse(const char *path)
{
    return win_path_parse(path, strlen(path));
}

static bool same_file_name(const char *a, const char *b)
{
    struct win_path u = path_parse(a), w = path_parse(b);

    return win_name_equal(u.file_name, u.file_name_len, w.file_name, w.file_name_len);
}

/* The path that the user gave, and of the other paths those that lead to a file of the same name. */
static void set_paths(struct pairs *p, const char *path)
{
    static const int others[] = {VOLUME, ABSOLUTE};

    if (path == NULL)
        return;
    pairs_set(p, keys[RELATIVE], path);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        uint16_t at = pairs_find(p, keys[others[i]]);
        if (at < p->count && !same_file_name(p->items[at].value, path))
            pairs_drop(p, at);
    }
}

enum status fix_locator_relink(struct fixing *x, const struct finding *f)
{
    char text[GUID_TEXT_SIZE];
    struct guid guid;
    struct pairs p;
    enum status st = STATUS_OK;

    (void)f;
    if (!parent_guid(x, &guid) || !pairs_open(x, &p, &st))
        return st;
    for (uint16_t i = pairs_find(&p, keys[LINKAGE]) + 1; i < p.count;) /* the first one counts */
        if (strcmp(p.items[i].key, keys[LINKAGE]) == 0)
            pairs_drop(&p, i);
        else
            i++;
    pairs_set(&p, keys[LINKAGE], fix_text(x, "{%s}", guid_text(&guid, text)));
    pairs_drop(&p, pairs_find(&p, keys[LINKAGE2]));
    set_paths(&p, x->options->parent_path);
    if (!has_path(&p))
        return fix_refuse(x, "the locator would name no path to the parent");
    if (x->view->geometry_absence == ABSENT_NOT)
        fix_guest(x, 0, x->view->geometry.virtual_size);
    return pairs_write(x, &p, "link the disk to the parent that was named, whatever it holds now");
}

enum status fix_locator_names(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (x->options->parent_path == NULL)
        return fix_refuse(x, "which of the paths is right must be said: needs --parent PARENT");
    if (!pairs_whole(x, &p, &st))
        return st;
    set_paths(&p, x->options->parent_path);
    return pairs_write(x, &p, "keep the paths that lead to a file named like the parent");
}

/* ---- one field ---- */

enum status fix_locator_reserved(struct fixing *x, const struct finding *f)
{
    static const uint8_t zero[2] = {0, 0};

    (void)f;
    return metadata_value_set(x, KNOWN_ITEM_PARENT_LOCATOR, 16, zero, sizeof(zero),
                              "set the reserved field of the parent locator to 0");
}

/* ---- strings ---- */

/* Text up to its first NUL. NULL when a part of it is lost. */
static const char *mended(struct fixing *x, const char *text, size_t len)
{
    size_t n = strnlen(text, len);
    const char *s = arena_copy(x->arena, text, n);

    return s != NULL && n > 0 && strstr(s, REPLACEMENT) == NULL ? s : NULL;
}

enum status fix_locator_strings(struct fixing *x, const struct finding *f)
{
    const struct locator *l = &x->view->locator;
    struct pairs p;
    enum status st;

    (void)f;
    if (!pairs_open(x, &p, &st))
        return st;
    if (!locator_type_is_vhdx(l))
        return fix_refuse(x, "the parent locator is of another type");
    p.count = 0;
    for (uint32_t i = 0; i < l->pair_count; i++) {
        const struct locator_text *t = &l->pairs[i];
        if (!locator_key_placed(l, t) || !locator_value_placed(l, t) || t->pair.key_len % 2 || t->pair.value_len % 2)
            return fix_refuse(x, "other strings of the parent locator are broken");
        const char *key = mended(x, t->key, t->key_len), *value = mended(x, t->value, t->value_len);
        if (key != NULL && value != NULL)
            p.items[p.count++] = (struct locator_string){.key = key, .value = value};
    }
    if (pairs_find(&p, keys[LINKAGE]) == p.count || !has_path(&p))
        return fix_refuse(x, "linkage or path would be lost: needs a parent to link to (VHDX-CHAIN-003)");
    return pairs_write(x, &p, "end the strings of the locator at their first NUL, and drop those that are no text");
}

/* Of two values the reader's choice stays, the first; of two linkages that of the parent which the user named. */
enum status fix_locator_duplicate(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (!pairs_whole(x, &p, &st))
        return st;
    for (uint16_t i = 0; i < p.count; i++) {
        for (uint16_t k = i + 1; k < p.count;) {
            if (strcmp(p.items[k].key, p.items[i].key) != 0) {
                k++;
                continue;
            }
            if (strcmp(p.items[k].key, keys[LINKAGE]) == 0 && strcmp(p.items[k].value, p.items[i].value) != 0) {
                struct guid guid;
                char text[GUID_TEXT_SIZE];
                if (!parent_guid(x, &guid))
                    return STATUS_OK;
                p.items[i].value = fix_text(x, "{%s}", guid_text(&guid, text));
            }
            pairs_drop(&p, k);
        }
    }
    return pairs_write(x, &p, "keep one pair of each key");
}

enum status fix_locator_second(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (fix_found(x, "VHDX-CHAIN-004"))
        return fix_refuse(x, "the parent matches this linkage alone: settle VHDX-CHAIN-004 first");
    if (!pairs_whole(x, &p, &st))
        return st;
    pairs_drop(&p, pairs_find(&p, keys[LINKAGE2]));
    return pairs_write(x, &p, "drop parent_linkage2");
}

enum status fix_locator_prefix(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (!pairs_whole(x, &p, &st))
        return st;
    uint16_t i = pairs_find(&p, keys[ABSOLUTE]);
    const char *path = p.items[i].value;
    struct win_path w = path_parse(path);
    if (w.network && strncmp(path, "\\\\", 2) == 0)
        p.items[i].value = fix_text(x, "\\\\?\\UNC\\%s", path + 2);
    else if (w.drive)
        p.items[i].value = fix_text(x, "\\\\?\\%s", path);
    else
        return fix_refuse(x, "the path names neither a drive nor a host");
    return pairs_write(x, &p, "put \\\\?\\ in front of absolute_win32_path");
}

static bool has_its_form(const struct locator_string *s)
{
    struct win_path w = path_parse(s->value);

    if (strcmp(s->key, keys[RELATIVE]) == 0)
        return !w.drive && !w.network && !w.volume && !w.rooted && !w.device;
    return strcmp(s->key, keys[VOLUME]) != 0 || w.volume;
}

enum status fix_locator_form(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (!pairs_whole(x, &p, &st))
        return st;
    for (uint16_t i = 0; i < p.count;)
        if (has_its_form(&p.items[i]))
            i++;
        else
            pairs_drop(&p, i);
    if (!has_path(&p) && x->options->parent_path == NULL)
        return fix_refuse(x, "no path would be left: needs --parent PARENT");
    if (!has_path(&p))
        pairs_set(&p, keys[RELATIVE], x->options->parent_path);
    return pairs_write(x, &p, "drop paths that do not have the form of their key");
}

enum status fix_locator_compact(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (!pairs_whole(x, &p, &st))
        return st;
    return pairs_write(x, &p, "write the locator with one string behind the other and nothing between");
}

enum status fix_locator_case(struct fixing *x, const struct finding *f)
{
    struct pairs p;
    enum status st;

    (void)f;
    if (!pairs_whole(x, &p, &st))
        return st;
    for (uint16_t i = 0; i < p.count;) {
        int k = 0;
        while (k < KEYS && strcasecmp(p.items[i].key, keys[k]) != 0)
            k++;
        if (k == KEYS || strcmp(p.items[i].key, keys[k]) == 0) {
            i++;
        } else if (pairs_find(&p, keys[k]) < p.count) {
            pairs_drop(&p, i); /* readers use the one that is written right */
        } else {
            p.items[i++].key = keys[k];
        }
    }
    return pairs_write(x, &p, "write the key as the format does");
}
