/* SPDX-License-Identifier: MIT */
/*
 * Signatures, most telling first: a disk that begins with a boot sector may be a FAT volume or a table of partitions,
 * and only the first of the two says so in words. Short signatures need a second sign (a field that has few legal
 * values), so that arbitrary data is rarely taken for something.
 */
#include "image/content.h"

#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "format/layout.h"

const char *content_class_name(enum content_class c)
{
    static const char *const names[] = {
        [CONTENT_STRUCTURE] = "structure", [CONTENT_PARTITIONS] = "partitions", [CONTENT_FILE_SYSTEM] = "file_system",
        [CONTENT_VOLUME] = "volume",       [CONTENT_RECORDS] = "records",       [CONTENT_FILE] = "file",
    };
    return names[c];
}

static bool has(struct span s, uint64_t off, const char *bytes, size_t len)
{
    struct span at;
    return span_sub(s, off, len, &at) && memcmp(at.ptr, bytes, len) == 0;
}

/* Fields; 0 outside the span. */
static unsigned get8(struct span s, uint64_t off)
{
    return off < s.len ? s.ptr[off] : 0;
}

static unsigned get16(struct span s, uint64_t off)
{
    struct span at;
    return span_sub(s, off, 2, &at) ? le16(at.ptr) : 0;
}

static uint32_t get32(struct span s, uint64_t off)
{
    struct span at;
    return span_sub(s, off, 4, &at) ? le32(at.ptr) : 0;
}

/* ---- second signs ---- */

static bool is_header(struct span s)
{
    return get16(s, 66) == 1 && get32(s, 68) % MIB == 0;
}

static bool is_region_table(struct span s)
{
    return get32(s, 8) <= REGION_ENTRIES_MAX;
}

static bool is_log_entry(struct span s)
{
    return get32(s, 8) >= LOG_SECTOR_LEN && get32(s, 8) % LOG_SECTOR_LEN == 0 && get32(s, 12) % LOG_SECTOR_LEN == 0;
}

static bool ends_in_boot_mark(struct span s)
{
    return get16(s, 510) == 0xaa55;
}

/* The fields that all FAT versions share ("BIOS parameter block"). */
static bool is_fat(struct span s)
{
    unsigned sector = get16(s, 11), media = get8(s, 21);
    return ends_in_boot_mark(s) && is_pow2(sector) && sector >= 512 && sector <= 4096 && is_pow2(get8(s, 13)) &&
           get16(s, 14) > 0 && get8(s, 16) > 0 && get8(s, 16) <= 4 && (media == 0xf0 || media >= 0xf8);
}

static bool is_refs(struct span s)
{
    return has(s, 16, "FSRS", 4);
}

enum {
    EXT_SUPERBLOCK = 1024,
    EXT_JOURNAL = 0x4,        /* of the compatible features */
    EXT_JOURNAL_DEVICE = 0x8, /* of the incompatible ones */
    EXT3_INCOMPATIBLE = 0x16, /* file types, recovery, meta block groups: what ext2 and ext3 have */
    EXT3_READ_ONLY = 0x7,     /* sparse superblocks, large files, directory trees */
};

static bool is_ext(struct span s)
{
    return get32(s, EXT_SUPERBLOCK) > 0 && get32(s, EXT_SUPERBLOCK + 4) > 0 && get32(s, EXT_SUPERBLOCK + 24) <= 6 &&
           get32(s, EXT_SUPERBLOCK + 76) <= 1 && !(get32(s, EXT_SUPERBLOCK + 96) & EXT_JOURNAL_DEVICE);
}

static bool is_ext4(struct span s)
{
    return is_ext(s) && ((get32(s, EXT_SUPERBLOCK + 96) & ~(uint32_t)EXT3_INCOMPATIBLE) != 0 ||
                         (get32(s, EXT_SUPERBLOCK + 100) & ~(uint32_t)EXT3_READ_ONLY) != 0);
}

static bool is_ext3(struct span s)
{
    return is_ext(s) && (get32(s, EXT_SUPERBLOCK + 92) & EXT_JOURNAL) != 0;
}

static bool is_xfs(struct span s)
{
    uint32_t block = __builtin_bswap32(get32(s, 4)); /* big-endian */
    return is_pow2(block) && block >= 512 && block <= 65536;
}

static bool is_hfs_plus(struct span s)
{
    return get16(s, 1026) == 0x0400 || get16(s, 1026) == 0x0500; /* version 4 or 5, big-endian */
}

static bool is_lvm2(struct span s)
{
    for (uint64_t sector = 0; sector < 4; sector++)
        if (has(s, sector * 512, "LABELONE", 8) && has(s, sector * 512 + 24, "LVM2 001", 8))
            return true;
    return false;
}

static bool is_raid(struct span s)
{
    return get32(s, 4096 + 4) == 1 || get32(s, 4) == 1; /* major version, behind the magic at 4096 or 0 */
}

/* Four entries before the boot mark: flags 0 or 0x80, and those in use have a place and a length. */
static bool is_mbr(struct span s)
{
    unsigned used = 0;
    for (uint64_t at = 446; at < 510; at += 16) {
        if (get8(s, at) != 0 && get8(s, at) != 0x80)
            return false;
        if (get8(s, at + 4) == 0)
            continue;
        if (get32(s, at + 8) == 0 || get32(s, at + 12) == 0)
            return false;
        used++;
    }
    return used > 0;
}

/* Update sequence arrays lie right behind the fixed part of a record and have an entry for each sector and one more. */
static bool is_ntfs_record(struct span s)
{
    unsigned at = get16(s, 4), count = get16(s, 6);
    return at >= 0x28 && at <= 0x40 && count >= 2 && count <= 129;
}

static bool is_gzip(struct span s)
{
    return get8(s, 2) == 8 && (get8(s, 3) & 0xe0) == 0 && (get8(s, 8) == 0 || get8(s, 8) == 2 || get8(s, 8) == 4) &&
           (get8(s, 9) <= 13 || get8(s, 9) == 255);
}

static bool is_bzip2(struct span s)
{
    return get8(s, 3) >= '1' && get8(s, 3) <= '9' && has(s, 4, "1AY&SY", 6);
}

static bool is_zip(struct span s)
{
    return get16(s, 4) <= 63 && get16(s, 26) > 0; /* version needed; length of the first name */
}

static bool is_jpeg(struct span s)
{
    unsigned marker = get8(s, 3);
    return (marker >= 0xe0 && marker <= 0xef) || marker == 0xdb || marker == 0xfe;
}

static bool is_pe(struct span s)
{
    return has(s, get32(s, 60), "PE\0\0", 4);
}

static bool is_elf(struct span s)
{
    return (get8(s, 4) == 1 || get8(s, 4) == 2) && (get8(s, 5) == 1 || get8(s, 5) == 2) && get8(s, 6) == 1;
}

/* ---- the table ---- */

struct signature {
    const char *key, *name;
    enum content_class class;
    uint32_t off;
    uint32_t len;
    const char *bytes;
    bool (*also)(struct span s); /* NULL: the signature is enough */
};

#define BYTES(literal) sizeof(literal) - 1, literal

static const struct signature signatures[] = {
    {"vhdx", "a VHDX file", CONTENT_STRUCTURE, 0, BYTES("vhdxfile"), NULL},
    {"vhdx_header", "a VHDX header", CONTENT_STRUCTURE, 0, BYTES("head"), is_header},
    {"vhdx_region_table", "a VHDX region table", CONTENT_STRUCTURE, 0, BYTES("regi"), is_region_table},
    {"vhdx_metadata", "a VHDX metadata table", CONTENT_STRUCTURE, 0, BYTES("metadata"), NULL},
    {"vhdx_log", "a VHDX log entry", CONTENT_STRUCTURE, 0, BYTES("loge"), is_log_entry},

    {"ntfs", "an NTFS file system", CONTENT_FILE_SYSTEM, 3, BYTES("NTFS    "), ends_in_boot_mark},
    {"exfat", "an exFAT file system", CONTENT_FILE_SYSTEM, 3, BYTES("EXFAT   "), ends_in_boot_mark},
    {"refs", "a ReFS file system", CONTENT_FILE_SYSTEM, 3, BYTES("ReFS\0\0\0\0"), is_refs},
    {"bitlocker", "a BitLocker volume", CONTENT_VOLUME, 3, BYTES("-FVE-FS-"), NULL},
    {"fat32", "a FAT32 file system", CONTENT_FILE_SYSTEM, 82, BYTES("FAT32   "), is_fat},
    {"fat16", "a FAT16 file system", CONTENT_FILE_SYSTEM, 54, BYTES("FAT16   "), is_fat},
    {"fat12", "a FAT12 file system", CONTENT_FILE_SYSTEM, 54, BYTES("FAT12   "), is_fat},
    {"fat", "a FAT file system", CONTENT_FILE_SYSTEM, 54, BYTES("FAT     "), is_fat},
    {"luks", "a LUKS volume", CONTENT_VOLUME, 0, BYTES("LUKS\xba\xbe"), NULL},
    {"luks", "a LUKS volume (second header)", CONTENT_VOLUME, 0, BYTES("SKUL\xba\xbe"), NULL},
    {"xfs", "an XFS file system", CONTENT_FILE_SYSTEM, 0, BYTES("XFSB"), is_xfs},
    {"apfs", "an APFS container", CONTENT_FILE_SYSTEM, 32, BYTES("NXSB"), NULL},
    {"squashfs", "a squashfs file system", CONTENT_FILE_SYSTEM, 0, BYTES("hsqs"), NULL},
    {"lvm2", "an LVM2 physical volume", CONTENT_VOLUME, 0, BYTES("LABELONE"), is_lvm2},
    {"lvm2", "an LVM2 physical volume", CONTENT_VOLUME, 512, BYTES("LABELONE"), is_lvm2},
    {"lvm2", "an LVM2 physical volume", CONTENT_VOLUME, 1024, BYTES("LABELONE"), is_lvm2},
    {"lvm2", "an LVM2 physical volume", CONTENT_VOLUME, 1536, BYTES("LABELONE"), is_lvm2},
    {"linux_raid", "a member of a Linux RAID", CONTENT_VOLUME, 0, BYTES("\xfc\x4e\x2b\xa9"), is_raid},
    {"linux_raid", "a member of a Linux RAID", CONTENT_VOLUME, 4096, BYTES("\xfc\x4e\x2b\xa9"), is_raid},
    {"ext4", "an ext4 file system", CONTENT_FILE_SYSTEM, 1080, BYTES("\x53\xef"), is_ext4},
    {"ext3", "an ext3 file system", CONTENT_FILE_SYSTEM, 1080, BYTES("\x53\xef"), is_ext3},
    {"ext2", "an ext2 file system", CONTENT_FILE_SYSTEM, 1080, BYTES("\x53\xef"), is_ext},
    {"f2fs", "an F2FS file system", CONTENT_FILE_SYSTEM, 1024, BYTES("\x10\x20\xf5\xf2"), NULL},
    {"erofs", "an EROFS file system", CONTENT_FILE_SYSTEM, 1024, BYTES("\xe2\xe1\xf5\xe0"), NULL},
    {"hfsplus", "an HFS+ file system", CONTENT_FILE_SYSTEM, 1024, BYTES("H+"), is_hfs_plus},
    {"hfsplus", "an HFSX file system", CONTENT_FILE_SYSTEM, 1024, BYTES("HX"), is_hfs_plus},
    {"jfs", "a JFS file system", CONTENT_FILE_SYSTEM, 32768, BYTES("JFS1"), NULL},
    {"iso9660", "an ISO 9660 file system", CONTENT_FILE_SYSTEM, 32769, BYTES("CD001"), NULL},
    {"udf", "a UDF file system", CONTENT_FILE_SYSTEM, 32769, BYTES("BEA01"), NULL},
    {"btrfs", "a btrfs file system", CONTENT_FILE_SYSTEM, 65600, BYTES("_BHRfS_M"), NULL},
    {"reiserfs", "a ReiserFS file system", CONTENT_FILE_SYSTEM, 65588, BYTES("ReIsEr"), NULL},
    {"swap", "a Linux swap space", CONTENT_VOLUME, 4086, BYTES("SWAPSPACE2"), NULL},
    {"swap", "a Linux swap space (hibernated)", CONTENT_VOLUME, 4086, BYTES("S1SUSPEND\0"), NULL},
    {"swap", "a Linux swap space", CONTENT_VOLUME, 16374, BYTES("SWAPSPACE2"), NULL},
    {"swap", "a Linux swap space", CONTENT_VOLUME, 65526, BYTES("SWAPSPACE2"), NULL},
    {"gpt", "a disk with GUID partitions", CONTENT_PARTITIONS, 512, BYTES("EFI PART"), NULL},
    {"gpt", "a disk with GUID partitions, 4096-byte sectors", CONTENT_PARTITIONS, 4096, BYTES("EFI PART"), NULL},

    {"ntfs_mft", "records of an NTFS file table", CONTENT_RECORDS, 0, BYTES("FILE"), is_ntfs_record},
    {"ntfs_index", "index records of NTFS", CONTENT_RECORDS, 0, BYTES("INDX"), is_ntfs_record},
    {"ntfs_log", "the log of an NTFS file system", CONTENT_RECORDS, 0, BYTES("RSTR"), NULL},
    {"ntfs_log", "pages of the log of an NTFS file system", CONTENT_RECORDS, 0, BYTES("RCRD"), is_ntfs_record},
    {"ext_journal", "the journal of an ext3 or ext4 file system", CONTENT_RECORDS, 0,
     BYTES("\xc0\x3b\x39\x98\0\0\0\x04"), NULL},

    {"vhd", "a VHD file", CONTENT_FILE, 0, BYTES("conectix"), NULL},
    {"vhd", "the header of a dynamic VHD file", CONTENT_FILE, 0, BYTES("cxsparse"), NULL},
    {"qcow2", "a qcow or qcow2 file", CONTENT_FILE, 0, BYTES("QFI\xfb"), NULL},
    {"vmdk", "a VMDK file", CONTENT_FILE, 0, BYTES("KDMV"), NULL},
    {"vdi", "a VDI file", CONTENT_FILE, 64, BYTES("\x7f\x10\xda\xbe"), NULL},
    {"wim", "a WIM file", CONTENT_FILE, 0, BYTES("MSWIM\0\0\0"), NULL},
    {"gzip", "a gzip file", CONTENT_FILE, 0, BYTES("\x1f\x8b"), is_gzip},
    {"bzip2", "a bzip2 file", CONTENT_FILE, 0, BYTES("BZh"), is_bzip2},
    {"xz", "an xz file", CONTENT_FILE, 0,
     BYTES("\xfd"
           "7zXZ\0"),
     NULL},
    {"zstd", "a zstd file", CONTENT_FILE, 0, BYTES("\x28\xb5\x2f\xfd"), NULL},
    {"zip", "a zip file", CONTENT_FILE, 0, BYTES("PK\3\4"), is_zip},
    {"7zip", "a 7-Zip file", CONTENT_FILE, 0, BYTES("7z\xbc\xaf\x27\x1c"), NULL},
    {"rar", "a RAR file", CONTENT_FILE, 0, BYTES("Rar!\x1a\x07"), NULL},
    {"tar", "a tar file", CONTENT_FILE, 257, BYTES("ustar"), NULL},
    {"cab", "a cabinet file", CONTENT_FILE, 0, BYTES("MSCF\0\0\0\0"), NULL},
    {"pdf", "a PDF file", CONTENT_FILE, 0, BYTES("%PDF-"), NULL},
    {"png", "a PNG picture", CONTENT_FILE, 0, BYTES("\x89PNG\r\n\x1a\n"), NULL},
    {"jpeg", "a JPEG picture", CONTENT_FILE, 0, BYTES("\xff\xd8\xff"), is_jpeg},
    {"gif", "a GIF picture", CONTENT_FILE, 0, BYTES("GIF87a"), NULL},
    {"gif", "a GIF picture", CONTENT_FILE, 0, BYTES("GIF89a"), NULL},
    {"mp4", "an MP4 or QuickTime film", CONTENT_FILE, 4, BYTES("ftyp"), NULL},
    {"elf", "an ELF program", CONTENT_FILE, 0, BYTES("\177ELF"), is_elf},
    {"pe", "a Windows program", CONTENT_FILE, 0, BYTES("MZ"), is_pe},
    {"ole", "an OLE document", CONTENT_FILE, 0, BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), NULL},
    {"sqlite", "a SQLite database", CONTENT_FILE, 0, BYTES("SQLite format 3\0"), NULL},
    {"ese", "an ESE database", CONTENT_FILE, 4, BYTES("\xef\xcd\xab\x89"), NULL},
    {"pst", "an Outlook mailbox", CONTENT_FILE, 0, BYTES("!BDN"), NULL},
    {"registry", "a Windows registry hive", CONTENT_FILE, 0, BYTES("regf"), NULL},
    {"evtx", "a Windows event log", CONTENT_FILE, 0, BYTES("ElfFile\0"), NULL},

    {"mbr", "a disk with a partition table (MBR)", CONTENT_PARTITIONS, 510, BYTES("\x55\xaa"), is_mbr},
};

bool content_guess(struct span s, struct content_guess *ret)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const struct signature *g = &signatures[i];
        if (!has(s, g->off, g->bytes, g->len) || (g->also != NULL && !g->also(s)))
            continue;
        *ret = (struct content_guess){.class = g->class, .key = g->key, .name = g->name, .magic_off = g->off};
        return true;
    }
    return false;
}
