/* SPDX-License-Identifier: MIT */
/*
 * What rules need before they can be asked, and what an image has instead. The words are those of the report: why a
 * rule was not evaluated.
 */
#include "check/needs.h"

static const struct obstacle CLEAR = {false, NULL};
static const struct obstacle SKIP = {true, NULL};

static struct obstacle because(const char *reason)
{
    return (struct obstacle){.skip = true, .reason = reason};
}

static struct obstacle absent(enum absence a)
{
    return a == ABSENT_NOT ? CLEAR : because(absence_text(a));
}

static struct obstacle log_obstacle(const struct image *img)
{
    if (img->current < 0)
        return because("no valid header");
    if (img->log.io_error)
        return because("the log could not be read");
    if (img->log.scanned)
        return CLEAR;
    return img->log.len == 0 ? SKIP : because("the log lies outside the file");
}

static struct obstacle parent_obstacle(const struct image *img)
{
    if (img->main->type == DISK_UNKNOWN)
        return because("the type of the disk is unknown");
    if (img->main->type != DISK_DIFFERENCING)
        return SKIP;
    if (!img->parent)
        return because("no parent given");
    switch (img->parent->state) {
    case PARENT_FOUND:
        return CLEAR;
    case PARENT_NOT_FOUND:
        return because("parent not found");
    case PARENT_UNOPENABLE:
        return because("the parent cannot be opened");
    case PARENT_CYCLE:
        return because("the chain is a cycle");
    case PARENT_TOO_DEEP:
        return because("the chain is too long");
    case PARENT_NOT_NEEDED:
    case PARENT_NOT_GIVEN:
        break;
    }
    return because("no parent given");
}

static struct obstacle bat_obstacle(const struct view *v)
{
    if (v->bat.absence != ABSENT_NOT)
        return absent(v->bat.absence);
    return v->survey ? CLEAR : because(v->io_error ? "the BAT could not be read" : "a limit was reached");
}

static struct obstacle both_headers_obstacle(const struct image *img)
{
    return img->headers[0].valid && img->headers[1].valid ? CLEAR : SKIP;
}

static struct obstacle locator_obstacle(const struct view *v)
{
    if (v->locator.absence == ABSENT_NOT_APPLICABLE)
        return SKIP;
    return absent(v->locator.absence);
}

unsigned scope_needs(enum scope s)
{
    switch (s) {
    case SCOPE_LOG_ENTRY:
        return NEED_LOG;
    case SCOPE_REGION_ENTRY:
        return NEED_REGIONS;
    case SCOPE_METADATA_ENTRY:
        return NEED_METADATA;
    case SCOPE_LOCATOR_PAIR:
        return NEED_LOCATOR;
    case SCOPE_BAT_NOTE:
    case SCOPE_BITMAP:
        return NEED_BAT;
    case SCOPE_CONTENT:
        return NEED_DEEP | NEED_BAT | NEED_LAYOUT;
    case SCOPE_HEADER:
    case SCOPE_REGION_TABLE:
    case SCOPE_VIEW:
    case SCOPE_IMAGE:
    case SCOPE_CHAIN:
    case SCOPE_COUNT:
        break;
    }
    return 0;
}

static struct obstacle one_need(enum need n, const struct image *img, const struct view *v)
{
    switch (n) {
    case NEED_FILE_ID:
        return absent(img->file_id_absence);
    case NEED_HEADER:
        return img->current < 0 ? because("no valid header") : CLEAR;
    case NEED_BOTH_HEADERS:
        return both_headers_obstacle(img);
    case NEED_LOG:
        return log_obstacle(img);
    case NEED_REGIONS:
        return absent(v->regions_absence);
    case NEED_METADATA:
        return absent(v->metadata.absence);
    case NEED_GEOMETRY:
        return absent(v->geometry_absence);
    case NEED_BAT:
        return bat_obstacle(v);
    case NEED_LAYOUT:
        return v->layout ? CLEAR : because("the layout of the file is not known");
    case NEED_PARENT:
        return parent_obstacle(img);
    case NEED_HOST:
        return img->host.known ? CLEAR : because("nothing is known of the host file");
    case NEED_LOCATOR:
        return locator_obstacle(v);
    case NEED_DEEP:
        break; /* asked before */
    }
    return CLEAR;
}

struct obstacles obstacles_look(const struct image *img, const struct view *v)
{
    struct obstacles all = {.met = 0};
    for (unsigned i = 0; i < NEEDS; i++) {
        all.of[i] = one_need((enum need)(1 << i), img, v);
        all.met |= (unsigned)all.of[i].skip << i;
    }
    return all;
}

struct obstacle obstacles_of(const struct obstacles *all, unsigned needs, bool deep)
{
    struct obstacle first = CLEAR;
    if (needs & NEED_DEEP && !deep)
        return because("the content is looked at with --deep only");
    for (needs &= all->met; needs; needs &= needs - 1) {
        struct obstacle o = all->of[__builtin_ctz(needs)];
        if (o.reason)
            return o;
        first = o;
    }
    return first;
}
