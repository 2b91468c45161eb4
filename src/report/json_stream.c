/* SPDX-License-Identifier: MIT */
/*
 * Containers are opened and closed one by one, trees are printed in between and deleted. cJSON indents with tabs from
 * level 0; inside its output a raw tab or line feed is always layout (in strings they are escaped), so both can be
 * turned into our indentation without parsing.
 */
#include <assert.h>
#include <string.h>

#include "report/json.h"

static void indent(const struct json *j)
{
    for (unsigned i = 0; i < j->depth; i++)
        (void)fputs("  ", j->out);
}

/* Comma, line and key in front of a member. */
static void lead(struct json *j, const char *key)
{
    if (j->depth > 0) {
        if (j->filled[j->depth])
            (void)fputc(',', j->out);
        j->filled[j->depth] = true;
        if (j->pretty) {
            (void)fputc('\n', j->out);
            indent(j);
        }
    }
    if (key != NULL)
        (void)fprintf(j->out, j->pretty ? "\"%s\": " : "\"%s\":", key);
}

void json_begin(struct json *j, const char *key, char bracket)
{
    assert(j->depth + 1 < JSON_DEPTH_MAX);
    lead(j, key);
    (void)fputc(bracket, j->out);
    j->depth++;
    j->filled[j->depth] = false;
}

void json_end(struct json *j, char bracket)
{
    assert(j->depth > 0);
    bool filled = j->filled[j->depth];
    j->depth--;
    if (j->pretty && filled) {
        (void)fputc('\n', j->out);
        indent(j);
    }
    (void)fputc(bracket, j->out);
    if (j->depth == 0)
        (void)fputc('\n', j->out);
}

static void write_indented(const struct json *j, const char *text)
{
    bool after_colon = false;

    for (const char *p = text; *p != '\0';) {
        size_t plain = strcspn(p, "\t\n");

        (void)fwrite(p, 1, plain, j->out);
        if (plain > 0)
            after_colon = p[plain - 1] == ':';
        p += plain;
        if (*p == '\n') {
            (void)fputc('\n', j->out);
            indent(j);
            after_colon = false;
        } else if (*p == '\t') {
            (void)fputs(after_colon ? " " : "  ", j->out);
        }
        if (*p != '\0')
            p++;
    }
}

static void write_node(struct json *j, const char *key, cJSON *node, bool indented)
{
    char *text = NULL;

    if (node != NULL)
        text = indented ? cJSON_Print(node) : cJSON_PrintUnformatted(node);
    cJSON_Delete(node);
    if (text == NULL) {
        j->failed = true;
        return;
    }
    lead(j, key);
    if (indented)
        write_indented(j, text);
    else
        (void)fputs(text, j->out);
    cJSON_free(text);
    if (j->depth == 0)
        (void)fputc('\n', j->out);
}

void json_node(struct json *j, const char *key, cJSON *node)
{
    write_node(j, key, node, j->pretty);
}

void json_line(struct json *j, const char *key, cJSON *node)
{
    write_node(j, key, node, false);
}
