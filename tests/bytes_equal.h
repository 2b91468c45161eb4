/* SPDX-License-Identifier: MIT */
/* assert_memory_equal() for many bytes: that one, which looks at each by itself, is asked only where they differ. */
#ifndef VHDXRAY_TESTS_BYTES_EQUAL_H
#define VHDXRAY_TESTS_BYTES_EQUAL_H

#define assert_bytes_equal(a, b, n)                                                                                    \
    do {                                                                                                               \
        if (memcmp((a), (b), (n)) != 0)                                                                                \
            assert_memory_equal((a), (b), (n));                                                                        \
    } while (0)

#endif
