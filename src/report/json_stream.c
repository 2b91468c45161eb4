/* SPDX-License-Identifier: MIT */
/*
 * Containers are opened and closed one by one, trees are printed in between and deleted. Everything goes through a
 * small buffer on the stack: a report is thousands of short pieces, and each call of stdio costs more than such a
 * piece.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "report/json.h"

enum { TREE_DEPTH_MAX = 16 }; /* of what is built here; deeper is a mistake of ours */

struct writer {
    FILE *out;
    size_t len;
    char buf[1000];
};

static void flush(struct writer *w)
{
    (void)fwrite(w->buf, 1, w->len, w->out);
    w->len = 0;
}

static void put_bytes(struct writer *w, const char *s, size_t len)
{
    if (len > sizeof(w->buf) - w->len)
        flush(w);
    if (len > sizeof(w->buf)) {
        (void)fwrite(s, 1, len, w->out);
        return;
    }
    memcpy(w->buf + w->len, s, len);
    w->len += len;
}

static void put_char(struct writer *w, char c)
{
    put_bytes(w, &c, 1);
}

static void indent(struct writer *w, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        put_bytes(w, "  ", 2);
}

/* Keys are ours: nothing in them needs escaping. */
static void put_key(struct writer *w, const char *key, bool pretty)
{
    put_char(w, '"');
    put_bytes(w, key, strlen(key));
    put_bytes(w, "\": ", pretty ? 3 : 2);
}

/* Comma, line and key in front of a member. */
static void lead(struct json *j, struct writer *w, const char *key)
{
    if (j->depth > 0) {
        if (j->filled[j->depth])
            put_char(w, ',');
        j->filled[j->depth] = true;
        if (j->pretty) {
            put_char(w, '\n');
            indent(w, j->depth);
        }
    }
    if (key != NULL)
        put_key(w, key, j->pretty);
}

void json_begin(struct json *j, const char *key, char bracket)
{
    struct writer w;

    assert(j->depth + 1 < JSON_DEPTH_MAX);
    w.out = j->out;
    w.len = 0;
    lead(j, &w, key);
    put_char(&w, bracket);
    flush(&w);
    j->depth++;
    j->filled[j->depth] = false;
}

void json_end(struct json *j, char bracket)
{
    struct writer w;

    assert(j->depth > 0);
    w.out = j->out;
    w.len = 0;
    bool filled = j->filled[j->depth];
    j->depth--;
    if (j->pretty && filled) {
        put_char(&w, '\n');
        indent(&w, j->depth);
    }
    put_char(&w, bracket);
    if (j->depth == 0)
        put_char(&w, '\n');
    flush(&w);
}

/* A number, or a string that was never made ours; false when out of memory. */
static bool put_foreign(struct writer *w, const cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);

    if (text != NULL)
        put_bytes(w, text, strlen(text));
    cJSON_free(text);
    return text != NULL;
}

static bool put_leaf(struct writer *w, const cJSON *item)
{
    switch (item->type & 0xff) {
    case cJSON_Raw:
        put_bytes(w, item->valuestring, strlen(item->valuestring));
        return true;
    case cJSON_NULL:
        put_bytes(w, "null", 4);
        return true;
    case cJSON_True:
        put_bytes(w, "true", 4);
        return true;
    case cJSON_False:
        put_bytes(w, "false", 5);
        return true;
    default:
        return put_foreign(w, item);
    }
}

/*
 * The tree below node, which is printed at `depth`. Members of objects stand on lines of their own when indented, items
 * of arrays one behind the other. False when something could not be printed.
 */
static bool put_tree(struct writer *w, const cJSON *node, unsigned depth, bool indented)
{
    const cJSON *open[TREE_DEPTH_MAX]; /* the containers around item */
    unsigned level = 0;
    bool ok = true;

    for (const cJSON *item = node;;) {
        bool inside = level > 0, container = cJSON_IsObject(item) || cJSON_IsArray(item);

        if (inside && cJSON_IsObject(open[level - 1])) {
            if (indented)
                indent(w, depth + level);
            put_key(w, item->string, indented);
        }
        if (container) {
            assert(level < TREE_DEPTH_MAX);
            put_char(w, cJSON_IsObject(item) ? '{' : '[');
            if (indented && cJSON_IsObject(item)) {
                put_char(w, '\n');
            }
            open[level++] = item;
            if (item->child != NULL) {
                item = item->child;
                continue;
            }
            item = NULL;
        } else {
            ok &= put_leaf(w, item);
        }
        /* Ends what is complete, and goes on to what follows. */
        for (;;) {
            if (item != NULL) {
                if (level == 0)
                    return ok;
                bool object = cJSON_IsObject(open[level - 1]);
                if (item->next != NULL)
                    put_bytes(w, ", ", indented && !object ? 2 : 1);
                if (indented && object)
                    put_char(w, '\n');
                if (item->next != NULL) {
                    item = item->next;
                    break;
                }
            }
            item = open[--level];
            if (indented && cJSON_IsObject(item))
                indent(w, depth + level);
            put_char(w, cJSON_IsObject(item) ? '}' : ']');
        }
    }
}

static void write_node(struct json *j, const char *key, cJSON *node, bool indented)
{
    struct writer w;

    if (node == NULL) {
        j->failed = true;
        return;
    }
    w.out = j->out;
    w.len = 0;
    lead(j, &w, key);
    if (!put_tree(&w, node, j->depth, indented))
        j->failed = true;
    if (j->depth == 0)
        put_char(&w, '\n');
    flush(&w);
    cJSON_Delete(node);
}

void json_node(struct json *j, const char *key, cJSON *node)
{
    write_node(j, key, node, j->pretty);
}

void json_line(struct json *j, const char *key, cJSON *node)
{
    write_node(j, key, node, false);
}
