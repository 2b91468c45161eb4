/* SPDX-License-Identifier: MIT */
/* Report of `chain`: the tree of files, what is wrong with each link, what is missing. */
#ifndef VHDXRAY_REPORT_CHAIN_H
#define VHDXRAY_REPORT_CHAIN_H

#include "image/chain_set.h"
#include "report/report.h"

/* A resolved set. */
void report_chain(struct report *r, const struct chain_set *s);

#endif
