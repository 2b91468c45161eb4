/* SPDX-License-Identifier: MIT */
/*
 * The ways in which people have a Windows code in front of them: event logs print an HRESULT in hex, PowerShell a
 * negative number, other programs the Win32 error alone or the NTSTATUS, WSL a path with the code at its end.
 */
#include <string.h>
#include <strings.h>

#include "check/windows_codes.h"

static const uint32_t WIN32_HRESULT = 0x80070000; /* and the Win32 error in the low 16 bits */

static const struct windows_code *find_number(uint32_t n)
{
    const uint32_t from_win32 = n <= UINT16_MAX ? WIN32_HRESULT | n : n;

    for (uint32_t i = 0; n != 0 && i < windows_code_count(); i++) {
        if (windows_code_at(i)->code == from_win32 || windows_code_at(i)->status == n)
            return windows_code_at(i);
    }
    return NULL;
}

/* All of s, in that base, as 32 bits; a sign is the caller's. */
static bool parse_number(const char *s, unsigned base, uint32_t *ret)
{
    uint64_t v = 0;

    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        static const char digits[] = "0123456789abcdef";
        const char c = *s >= 'A' && *s <= 'F' ? (char)(*s + ('a' - 'A')) : *s;
        const char *at = strchr(digits, c);
        if (at == NULL || at - digits >= (int)base)
            return false;
        v = v * base + (uint64_t)(at - digits);
        if (v > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)v;
    return true;
}

static const char *last_part(const char *word)
{
    const char *slash = strrchr(word, '/');

    return slash != NULL ? slash + 1 : word;
}

/* The readings of a number, the likelier one first: eight digits are hex more often than not. */
static unsigned readings(const char *s, uint32_t ret[2])
{
    unsigned n = 0;
    uint32_t v;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return parse_number(s + 2, 16, &ret[0]) ? 1 : 0;
    if (s[0] == '-') {
        if (!parse_number(s + 1, 10, &v))
            return 0;
        ret[0] = (uint32_t) - (int64_t)v;
        return 1;
    }
    if (strlen(s) == 8 && parse_number(s, 16, &v))
        ret[n++] = v;
    if (parse_number(s, 10, &v))
        ret[n++] = v;
    return n;
}

static bool begins_with(const char *s, const char *prefix)
{
    return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

const struct windows_code *windows_code_find(const char *word)
{
    static const char ERROR_PREFIX[] = "ERROR_", STATUS_PREFIX[] = "STATUS_";
    const char *s = last_part(word);
    const struct windows_code *c = NULL;
    uint32_t numbers[2];
    unsigned n = readings(s, numbers);

    for (unsigned i = 0; i < n && c == NULL; i++)
        c = find_number(numbers[i]);
    if (c != NULL)
        return c;
    if (begins_with(s, ERROR_PREFIX))
        s += sizeof(ERROR_PREFIX) - 1;
    else if (begins_with(s, STATUS_PREFIX))
        s += sizeof(STATUS_PREFIX) - 1;
    for (uint32_t i = 0; i < windows_code_count(); i++) {
        if (strcasecmp(windows_code_at(i)->name + sizeof(ERROR_PREFIX) - 1, s) == 0)
            return windows_code_at(i);
    }
    return NULL;
}

bool windows_code_like(const char *word)
{
    const char *s = last_part(word), *digits = s[0] == '-' ? s + 1 : s;

    return (digits[0] >= '0' && digits[0] <= '9') || begins_with(s, "ERROR_") || begins_with(s, "STATUS_") ||
           windows_code_find(s) != NULL;
}
