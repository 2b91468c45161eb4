/* SPDX-License-Identifier: MIT */
/*
 * Runs a case: builds its image, damages it, opens and checks it like the command does, and compares the findings with
 * the row. Besides the row, every finding of every case is held to the contract of messages: what is found, where, what
 * it means and what to do next, without a word that only a terminal could hide.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cases.h"

#include <cmocka.h> /* last: its macro fail() would eat the function of check/rule.h */

static const char *const directories[SCENE_DIRS] = {"a", "b"};

struct scene_file *scene_add(struct scene *s, uint32_t dir, const char *name, struct img *img)
{
    assert_true(s->file_count < SCENE_FILES);
    struct scene_file *f = &s->files[s->file_count++];
    *f = (struct scene_file){.dir = dir, .name = name, .img = img};
    return f;
}

/* ---- running ---- */

static enum status open_other(void *ctx, uint32_t dir, const char *name, struct source **ret,
                              struct file_info *ret_info)
{
    struct scene *s = ctx;
    for (uint32_t i = 0; i < s->file_count; i++) {
        struct scene_file *f = &s->files[i];
        if (f->dir != dir || strcmp(f->name, name) != 0)
            continue;
        if (!f->img)
            return STATUS_IO;
        if (s->aside)
            s->aside(true);
        *ret = img_source(f->img);
        if (s->wrap_all)
            *ret = s->wrap_all(*ret, true);
        if (s->aside)
            s->aside(false);
        *ret_info = (struct file_info){
            .kind = FILE_KIND_REGULAR,
            .device = 1,
            .inode = f->inode ? f->inode : 100 + i + (f->endless ? SCENE_FILES * f->opened : 0),
            .size = f->img->size,
            .allocated_bytes = f->img->size,
            .mtime_sec = f->mtime,
        };
        f->opened++;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

static void scene_make(const struct test_case *c, bool guard, struct scene *s)
{
    *s = (struct scene){.img = img_create(guard && c->guard_params ? c->guard_params : c->params),
                        .check = {.max_findings = LIMIT_FINDINGS_PER_RULE}};
    s->path = s->img->params.type == IMG_DIFFERENCING ? "case.avhdx" : "case.vhdx";
    s->host = (struct host_facts){
        .known = true,
        .info = {.kind = FILE_KIND_REGULAR, .device = 1, .inode = 1, .mtime_sec = 1000},
    };
    void (*change_image)(struct img *) = guard ? c->inside : c->mutate;
    void (*change)(struct scene *) = guard ? c->guard : c->damage;
    if (change_image)
        change_image(s->img);
    if (change)
        change(s);
    if (!s->host_given)
        s->host.info.size = s->host.info.allocated_bytes = s->img->size;
}

static enum status resolve(struct case_run *r)
{
    const char *parents[SCENE_FILES];
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->scene.file_count; i++)
        if (r->scene.files[i].dir == SCENE_NAMED)
            parents[count++] = r->scene.files[i].name;
    const struct chain_options options = {
        .parents = parents,
        .parent_count = count,
        .search_dirs = directories,
        .search_count = r->scene.search ? SCENE_DIRS : 0,
        .open = open_other,
        .open_ctx = &r->scene,
    };
    return chain_resolve(r->image, &options);
}

enum status case_try(const struct test_case *c, bool guard, void (*prepare)(struct case_run *r), struct case_run *ret)
{
    struct case_run *r = ret;
    *r = (struct case_run){.arena = NULL};
    scene_make(c, guard, &r->scene);
    r->arena = arena_create(r->scene.memory ? r->scene.memory : LIMIT_MEMORY_DEFAULT);
    assert_non_null(r->arena);
    if (prepare)
        prepare(r);
    r->base = img_source(r->scene.img);
    if (r->scene.claimed_size)
        r->base->size = r->scene.claimed_size;
    r->source = r->scene.wrap ? r->scene.wrap(r->base) : r->base;
    if (r->scene.bad_len) {
        r->source = faulty_over(&r->faulty, r->source);
        r->faulty.bad_off = r->scene.bad_off;
        r->faulty.bad_len = r->scene.bad_len;
    }
    if (r->scene.wrap_all) {
        r->wrapped = r->source;
        r->source = r->scene.wrap_all(r->source, false);
    }
    enum status st = image_open(r->arena, r->source, r->scene.path, &r->scene.host, &r->scene.options, &r->image);
    if (st == STATUS_OK)
        st = resolve(r);
    if (st == STATUS_OK)
        st = check_run(r->image, &r->scene.check, r->scene.restat, &r->result);
    return st;
}

void case_open(const struct test_case *c, bool guard, struct case_run *ret)
{
    assert_int_equal(case_try(c, guard, NULL, ret), STATUS_OK);
}

void case_close(struct case_run *r)
{
    if (r->image) {
        chain_close(r->image);
        image_close(r->image);
    }
    if (r->source != r->base)
        source_close(r->source);
    if (r->wrapped && r->wrapped != r->base)
        source_close(r->wrapped);
    source_close(r->base);
    arena_destroy(r->arena);
    for (uint32_t i = 0; i < r->scene.file_count; i++)
        img_free(r->scene.files[i].img);
    img_free(r->scene.img);
    *r = (struct case_run){.arena = NULL};
}

/* ---- looking ---- */

const struct finding *case_finding(const struct case_run *r, const char *rule, uint64_t i)
{
    for (uint64_t n = 0; n < r->result->finding_count; n++)
        if (strcmp(r->result->findings[n]->rule->id, rule) == 0 && i-- == 0)
            return r->result->findings[n];
    return NULL;
}

enum verdict case_errors(struct source *s, bool errors[CASE_RULES_MOST])
{
    const struct check_options options = {.max_findings = 1};
    struct arena *a = arena_create(LIMIT_MEMORY_DEFAULT);
    struct check_result *res = NULL;
    struct image *img = NULL;

    assert_non_null(a);
    assert_true(rule_count() <= CASE_RULES_MOST);
    assert_int_equal(image_open(a, s, "case.vhdx", NULL, NULL, &img), STATUS_OK);
    assert_int_equal(check_run(img, &options, NULL, &res), STATUS_OK);
    memset(errors, 0, CASE_RULES_MOST * sizeof(*errors));
    for (uint64_t i = 0; i < res->finding_count; i++)
        if (res->findings[i]->severity == SEVERITY_ERROR)
            errors[res->findings[i]->rule_number] = true;
    enum verdict verdict = res->verdict;
    image_close(img);
    arena_destroy(a);
    return verdict;
}

uint64_t case_findings(const struct case_run *r, const char *rule)
{
    uint64_t n = 0;
    while (case_finding(r, rule, n))
        n++;
    return n;
}

/* True when the id stands in the list, ids separated by spaces. */
static bool listed(const char *list, const char *id)
{
    size_t len = strlen(id);
    for (const char *at = list ? strstr(list, id) : NULL; at; at = strstr(at + 1, id))
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static const char *described(const struct finding *f, char *buf, size_t size)
{
    (void)snprintf(buf, size, "%s %s: %s", severity_name(f->severity), f->rule->id, f->message);
    return buf;
}

/* What to do next is the command that does it, if there is one; nobody is sent to a repair that would refuse. */
static void assert_next_fits_repair(const struct finding *f, const char *next)
{
    char consent[64];
    bool parent = strcmp(f->rule->id, "VHDX-CHAIN-010") == 0; /* the file to be repaired is another one */
    if (f->severity == SEVERITY_INFO)
        return;
    snprintf(consent, sizeof(consent), "vhdxray repair FILE --consent %s", f->rule->id);
    bool named = strstr(next, parent ? "vhdxray repair PARENT" : "vhdxray repair FILE");
    if (named != (f->repair != REPAIR_NONE))
        fail_msg("%s: repair is %s, and next is: %s", f->rule->id, repair_class_name(f->repair), next);
    if (f->repair == REPAIR_CONSENT && !parent && !strstr(next, consent))
        fail_msg("%s: needs consent, and next is: %s", f->rule->id, next);
    if (f->repair == REPAIR_AUTOMATIC && strstr(next, "--consent"))
        fail_msg("%s: needs no consent, and next is: %s", f->rule->id, next);
}

static void assert_finding_complete(const struct finding *f)
{
    const char *means = f->means ? f->means : f->rule->means, *next = f->next ? f->next : f->rule->next;
    size_t len = strlen(f->message);
    assert_true(len > 0);
    if (f->message[len - 1] == '.' && !(len >= 3 && strcmp(f->message + len - 3, "...") == 0))
        fail_msg("%s: the message ends with a full stop", f->rule->id);
    assert_true(means && *means && next && *next);
    assert_next_fits_repair(f, next);
    for (const char *p = f->message; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            fail_msg("%s: control character in the message", f->rule->id);
    assert_true(f->at.off <= INT64_MAX);
}

/* No error and no warning but of these rules; all findings complete. */
static void assert_nothing_else(const struct case_run *r, const char *rule, const char *also, const char *what)
{
    char text[1024];
    for (uint64_t n = 0; n < r->result->finding_count; n++) {
        const struct finding *f = r->result->findings[n];
        assert_finding_complete(f);
        if (f->severity != SEVERITY_INFO && strcmp(f->rule->id, rule) != 0 && !listed(also, f->rule->id))
            fail_msg("%s: unexpected %s", what, described(f, text, sizeof(text)));
    }
}

/* Everything listed in `also` is really there, so that lists do not outlive their reason. */
static void assert_listed_fire(const struct case_run *r, const char *also)
{
    char id[32];
    for (const char *at = also; at && *at;) {
        size_t len = strcspn(at, " ");
        assert_true(len < sizeof(id));
        memcpy(id, at, len);
        id[len] = '\0';
        if (!case_finding(r, id, 0))
            fail_msg("%s is listed in `also` but does not fire", id);
        at += len + strspn(at + len, " ");
    }
}

static bool says(const struct case_run *r, const struct test_case *c)
{
    const struct finding *f;
    for (uint64_t i = 0; (f = case_finding(r, c->rule, i)) != NULL; i++)
        if (strstr(f->message, c->says))
            return true;
    return false;
}

static void assert_rule_fires(const struct case_run *r, const struct test_case *c)
{
    char text[1024];
    const struct finding *first = case_finding(r, c->rule, 0);
    if (!first) {
        const struct rule *rule = rule_find(c->rule);
        const char *reason = rule ? r->result->rules[rule_index(rule)].reason : "no such rule";
        fail_msg("%s does not fire%s%s", c->rule, reason ? ": " : "", reason ? reason : "");
        return;
    }
    if (first->severity != c->severity)
        fail_msg("expected %s, found %s", severity_name(c->severity), described(first, text, sizeof(text)));
    if (c->count)
        assert_int_equal(case_findings(r, c->rule), c->count);
    if (c->at)
        assert_int_equal(first->at.off, c->at);
    if (c->says && !says(r, c))
        fail_msg("no message says \"%s\": %s", c->says, described(first, text, sizeof(text)));
}

static void assert_verdict(const struct case_run *r, const struct test_case *c)
{
    const struct check_result *res = r->result;
    const char *expected = c->verdict                          ? c->verdict
                           : res->counts[SEVERITY_ERROR] > 0   ? "corrupt"
                           : res->counts[SEVERITY_WARNING] > 0 ? "suspicious"
                                                               : "clean";
    if (strcmp(verdict_name(res->verdict), expected) != 0)
        fail_msg("verdict %s, expected %s", verdict_name(res->verdict), expected);
}

void case_assert(const struct test_case *c)
{
    struct case_run r;
    case_open(c, false, &r);
    assert_rule_fires(&r, c);
    assert_nothing_else(&r, c->rule, c->also, c->name);
    assert_listed_fire(&r, c->also);
    assert_verdict(&r, c);
    case_close(&r);
}

void case_assert_guard(const struct test_case *c)
{
    struct case_run r;
    char text[1024];
    if (c->no_guard)
        return;
    case_open(c, true, &r);
    const struct finding *f;
    for (uint64_t i = 0; (f = case_finding(&r, c->rule, i)) != NULL; i++)
        if (f->severity == c->severity)
            fail_msg("the guard trips it: %s", described(f, text, sizeof(text)));
    assert_nothing_else(&r, "", c->guard_also, "guard");
    assert_listed_fire(&r, c->guard_also);
    case_close(&r);
}
