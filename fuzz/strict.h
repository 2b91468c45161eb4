/* SPDX-License-Identifier: MIT */
/*
 * What a report must be for whoever reads it, whatever the image holds: well-formed in the strictest reading, and
 * harmless on a terminal. Written without a line of the library, so that a mistake must be made twice to go unseen. A
 * report that is not ends the process.
 */
#ifndef VHDXRAY_FUZZ_STRICT_H
#define VHDXRAY_FUZZ_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/* One JSON value and a line feed; or, with lines, any number of them. All numbers are integers. */
void strict_json(const char *s, size_t len);
void strict_json_lines(const char *s, size_t len);

/* Valid UTF-8 without control characters but line feeds, without anything that changes the order of text. */
void strict_text(const char *s, size_t len);

/*
 * A page of HTML as browsers and XML would both read it: tags closed in their turn, attributes in double quotes, no &
 * but in an entity; and nothing that runs or that leads out of the page. strict_text() as well.
 */
void strict_html(const char *s, size_t len);

/* Whether it is valid UTF-8, whatever the characters. */
bool strict_is_utf8(const char *s, size_t len);

#endif
