/* SPDX-License-Identifier: MIT */
/* Words for operational statuses. Messages and the JSON report print them, so they do not change. */
#include "base/status.h"

const char *status_text(enum status st)
{
    switch (st) {
    case STATUS_OK:
        return "ok";
    case STATUS_IO:
        return "i/o error";
    case STATUS_RANGE:
        return "outside the file";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_LIMIT:
        return "limit reached";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_REFUSED:
        return "refused";
    case STATUS_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}
