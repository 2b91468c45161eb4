/* SPDX-License-Identifier: MIT */
/*
 * What every target asks of AddressSanitizer; $ASAN_OPTIONS wins. Runs are short and give all memory back, so a small
 * quarantine still holds the blocks of many of them, and stays in the processor's cache: that is a third of the speed.
 * What printf() is given is looked at in the replay, and where memory was allocated is noted there: together they are a
 * ninth of the time that `check` takes, and an input that fails is run again in the replay, which has the words for it.
 */
#include "fuzz/property.h"

#define ALL "quarantine_size_mb=1:max_malloc_fill_size=0:allocator_release_to_os_interval_ms=-1"

const char *__asan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    /* Asked for before the first load may be checked, so the symbol has to say it, not its value. */
    return &property_replays != NULL ? ALL ":malloc_context_size=4" : ALL ":check_printf=0:malloc_context_size=0";
}
