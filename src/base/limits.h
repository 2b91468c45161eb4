/* SPDX-License-Identifier: MIT */
/* Every cap the tool puts on itself, with its reason. Caps that the format sets are in format/layout.h. */
#ifndef VHDXRAY_BASE_LIMITS_H
#define VHDXRAY_BASE_LIMITS_H

#include <stdint.h>

/* Bytes the model of one image may take; --max-memory changes it. A 4095 MiB log full of entries needs about 100 MiB. */
static const uint64_t LIMIT_MEMORY_DEFAULT = (uint64_t)512 << 20;

/* Findings kept per rule (counts stay exact); --max-findings changes it. Hostile BATs can raise 2^26 of them. */
static const uint64_t LIMIT_FINDINGS_PER_RULE = 1000;

/* Bytes per pread of a streamed structure: large enough to be sequential, small against every memory promise. */
static const uint64_t LIMIT_WINDOW = (uint64_t)1 << 20;

/* Length of a text made from image bytes in one message. Longer strings are cut and say so. */
static const uint64_t LIMIT_TEXT = 1024;

/* Files in a differencing chain, the child included (openvmm's cap; Hyper-V's is lower). */
enum { LIMIT_CHAIN_DEPTH = 256 };

/* Sizes that a log may make a file grow to: 64 TiB of payload and the structures around it. */
static const uint64_t LIMIT_REPLAYED_SIZE = (uint64_t)1 << 47;

/* Key-value pairs of a parent locator that are decoded; the field allows 65,535 (openvmm refuses more than 256). */
static const uint64_t LIMIT_LOCATOR_PAIRS = 65535;

/* Entries of a --search-dir that are compared when a parent's name is there only in other letter case. */
static const uint64_t LIMIT_DIRECTORY_ENTRIES = 100000;

/* Contested 1 MiB units whose owners are remembered to be named in overlap findings; counts stay exact beyond. */
static const uint64_t LIMIT_CONTESTED_UNITS = (uint64_t)1 << 16;

/*
 * Below this many 1 MiB units (128 TiB, as LIMIT_REPLAYED_SIZE) the claims of blocks are bits, 16 MiB of them for each kind
 * of claim at most. No real image reaches above it: payload ends at 64 TiB.
 */
static const uint64_t LIMIT_NEAR_UNITS = (uint64_t)1 << 27;

/* Distinct claims above it held at a time (32 bytes each, twice); more of them take further passes over the BAT, ... */
static const uint64_t LIMIT_FAR_CLAIMS = (uint64_t)1 << 17;
/* ... this many at most, because then more are held: 2^21 for a BAT that has nothing else. */
static const uint64_t LIMIT_FAR_PASSES = 32;

/* UTF-8 bytes decoded from one parent locator: its strings, at most 1 MiB unless they overlap, twice over. */
static const uint64_t LIMIT_LOCATOR_TEXT = (uint64_t)2 << 20;

/* Things listed one by one in a report for each kind (gaps, changed pages, orphan sectors); sums stay exact beyond. */
static const uint64_t LIMIT_LISTED = 64;

/* Further findings of one rule that the HTML page has rows for, each with its bytes; sums stay exact beyond. */
static const uint64_t LIMIT_HTML_FINDINGS = 100;

/* Files that the page of a summary has rows for, the worst ones; the JSON lists all. */
static const uint64_t LIMIT_HTML_FILES = 1000;

/* Bytes of one line of JSON lines that are read back. With 1000 findings for each of all rules it has a tenth of that. */
static const uint64_t LIMIT_REPORT_LINE = (uint64_t)64 << 20;

/* Parts that a map of a file or of a guest's disk is drawn with: rows of 64 cells that fit on a screen. */
static const uint32_t LIMIT_MAP_BINS = 1024;

/* Runs of blocks held at a time (16 bytes each, twice) while they are put in the order of the file; more take more passes. */
static const uint64_t LIMIT_ORDERED_RUNS = (uint64_t)1 << 21;

/* Ranges of a guest's disk that cannot be read, kept to be named one by one; their number and bytes stay exact beyond. */
static const uint64_t LIMIT_UNREADABLE_LISTED = (uint64_t)1 << 16;

/* Bytes of one unowned or unknown range that are read to say whether it holds anything; holes do not count. */
static const uint64_t LIMIT_RESIDUE_SCAN = (uint64_t)64 << 20;

/* Times the host is asked for the next hole while blocks in holes are looked for; a host file can have millions of them. */
static const uint64_t LIMIT_HOLE_QUESTIONS = (uint64_t)1 << 14;

/* Descriptors of the log that are kept in memory: 8 MiB, those of 1 GiB of small entries; the others are read again. */
static const uint64_t LIMIT_KEPT_DESCRIPTORS = (uint64_t)1 << 18;

/* Descriptors of stale log entries that are looked at for the history, and logged pages that are compared with today's. */
static const uint64_t LIMIT_STALE_DESCRIPTORS = (uint64_t)1 << 16;
static const uint64_t LIMIT_STALE_PAGES = 4096;

/* Things of one kind that `carve` keeps; a hostile file could have a signature in each of its pages. All are counted. */
static const uint64_t LIMIT_CARVED_ITEMS = (uint64_t)1 << 18;
/* Of these, region tables and metadata regions whose bytes are read once more to be decoded: 64 KiB and more for each. */
static const uint64_t LIMIT_CARVED_DECODED = 1024;
/* Geometries, and tables that look like a BAT, that are tried on each other: each pair is a walk over the table. */
static const uint64_t LIMIT_CARVED_GEOMETRIES = 8;
static const uint64_t LIMIT_CARVED_BATS = 32;
/* Bytes that such a walk may take. */
static const uint64_t LIMIT_CARVED_TRIAL = (uint64_t)64 << 20;
/* Log rings looked at besides the one of the current header. */
static const uint64_t LIMIT_CARVED_RINGS = 4096;
/* 1 MiB units of a file (1 PiB) that `carve` looks at: some bits of memory for each. */
static const uint64_t LIMIT_CARVED_UNITS = (uint64_t)1 << 30;

/* Times repair checks the stage and mends it further; each time one phase is done, or as many findings as below. */
enum { LIMIT_REPAIR_ROUNDS = 96 };
/* Findings kept per rule while repair is planned. Those beyond come in the next round. */
static const uint64_t LIMIT_REPAIR_FINDINGS = (uint64_t)1 << 14;
/* Findings of one rule that are mended at all: 16 rounds, each of which reads the whole BAT. What has more is no BAT. */
static const uint64_t LIMIT_REPAIR_MENDED = (uint64_t)1 << 18;
/* Bytes of blocks that one repair copies to a place of their own (VHDX-BAT-016); a BAT can name one block 2^26 times. */
static const uint64_t LIMIT_REPAIR_COPIED = (uint64_t)64 << 30;
/* Longest change whose old and new bytes are read to print a checksum of them. */
static const uint64_t LIMIT_PLAN_DIGEST = (uint64_t)64 << 20;

/*
 * Where lost metadata and a lost BAT are looked for: 1 MiB units with data in the front of the file, where every writer puts
 * them, and in all of it when nothing is found there. Each costs a read of 4 KiB.
 */
static const uint64_t LIMIT_LOST_FRONT_UNITS = 2048;
static const uint64_t LIMIT_LOST_UNITS = (uint64_t)1 << 22;
/* Metadata regions and tables that look like a BAT, of which all pairs are tried; a trial surveys the BAT. */
enum { LIMIT_LOST_METADATA = 8, LIMIT_LOST_BATS = 16 };

/* Bytes of a metadata region that are looked at for what no item owns: the largest region that any program accepts. */
static const uint64_t LIMIT_METADATA_SCAN = (uint64_t)128 << 20;

/* Files with one GUID that are looked at for a parent; nothing more is learnt from the rest. */
enum { LIMIT_CHAIN_COPIES = 1000 };

/* What GitHub takes of one run; more is left out from the lightest end, and a notification says so. */
enum { LIMIT_SARIF_RESULTS = 25000 };

/* Bytes of a piped image (a temporary file), of a list of files, and of the messages about files that cannot be opened. */
static const uint64_t LIMIT_SPOOL = (uint64_t)1 << 42;
static const uint64_t LIMIT_FILE_LIST = (uint64_t)1 << 27;
static const uint64_t LIMIT_OPEN_MESSAGES = (uint64_t)1 << 28;

/* Journals of earlier repairs that are kept beside an image. */
enum { LIMIT_OLDER_JOURNALS = 1000 };

#endif
