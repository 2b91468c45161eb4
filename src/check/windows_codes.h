/* SPDX-License-Identifier: MIT */
/*
 * What Windows shows when it refuses a virtual disk: its codes, and the rules whose findings are worth looking for
 * behind each. The names and numbers are those of winerror.h; which damage leads to which code is documented for few of
 * them, so a rule in the list is where to look, not a proof.
 */
#ifndef VHDXRAY_CHECK_WINDOWS_CODES_H
#define VHDXRAY_CHECK_WINDOWS_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "check/rule.h"

enum { WINDOWS_CODE_RULES = 12 };

struct windows_code {
    uint32_t code;    /* as shown: an HRESULT, which for codes of virtual disks is the NTSTATUS as well */
    uint32_t status;  /* the NTSTATUS of the same fault where it is another number; 0: none */
    const char *name; /* "ERROR_FILE_CORRUPT" */
    const char *title;
    const char *means;
    const char *next;
    const char *rules[WINDOWS_CODE_RULES]; /* ids in catalogue order; NULL behind the last */
};

uint32_t windows_code_count(void);
const struct windows_code *windows_code_at(uint32_t i); /* in the order of the numbers, as unsigned */

/*
 * A code in any form that is seen: "0x80070570", "80070570", "C03A000D", "-2147023504", "1392", "0x570", the name, and
 * any of these behind the last slash of a path ("Wsl/Service/.../0x80070570"). NULL: not in the table.
 */
const struct windows_code *windows_code_find(const char *word);
/* Whether word looks like a number, or begins like the name of a code. */
bool windows_code_like(const char *word);
bool windows_code_has_rule(const struct windows_code *c, const struct rule *rule);

#endif
