/* SPDX-License-Identifier: MIT */
/*
 * The HTML report of a check. Input: the length of a path (u16), the path, any bytes without a NUL, and a recipe.
 *
 * Asserted: the page is well-formed whatever image and path hold, nothing in it runs or leads out of it, and it is the
 * same a second time.
 */
#include "base/limits.h"
#include "fuzz/strict.h"
#include "fuzz/whole.h"

static const char *write_page(const struct check_result *res, size_t *ret_len)
{
    struct report r = {.out = whole_text_begin(), .format = REPORT_HTML};

    ASSERT(report_begin(&r, "images") == STATUS_OK);
    report_check(&r, res);
    report_unopened(&r, res->image->path, res->image->path);
    ASSERT(report_end(&r) == STATUS_OK);
    return whole_text_end(ret_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct check_options options = {.max_findings = LIMIT_FINDINGS_PER_RULE};
    struct recipe_part parts[2] = {{data, 0}, {data, 0}};
    struct check_result *res = NULL;
    struct recipe r;
    struct whole w;
    size_t len;

    (void)recipe_split(data, size, parts, 2);
    char *path = calloc(1, parts[0].size + 1);
    ASSERT(path != NULL, "out of memory");
    if (parts[0].size > 0)
        memcpy(path, parts[0].data, parts[0].size);
    recipe_decode(parts[1].data, parts[1].size, &r);
    whole_open(&w, &r, path, WHOLE_HOST);
    ASSERT(check_run(w.image, &options, NULL, &res) == STATUS_OK);
    const char *text = write_page(res, &len);
    strict_html(text, len);
    if (r.seed == 0) {
        char *first = strdup(text);
        ASSERT(first != NULL, "out of memory");
        ASSERT(strcmp(write_page(res, &len), first) == 0, "another page");
        free(first);
    }
    whole_close(&w);
    recipe_free(&r);
    free(path);
    return 0;
}
