#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Broken images from a second writer (tests/vhdx.py), each with the rule that the catalogue says must speak, and no other error.

    VHDXRAY=build/release/vhdxray hostile.py [name part]

Prints a line per image, last `N passed, N failed`."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import vhdx
from vhdx import MIB, Image, guid

V = os.environ.get("VHDXRAY", "build/release/vhdxray")
T = tempfile.mkdtemp(prefix="hostile-")
CASES = []


def case(rule, severity, also=(), make=Image, args=(), edits=(), **kw):
    """Registers a case: the function changes a fresh image; `also` are other errors or warnings that belong to it."""
    def deco(fn):
        CASES.append((fn.__name__, rule, severity, set(also), make, kw, args, edits, fn))
        return fn
    return deco


def child(**kw):
    p = Image(blocks=(0, 1, 2))
    p.save(os.path.join(T, "parent.vhdx"))
    i = Image(parent=p, blocks=(), **kw)
    i.add_block(0, 7, b"A" * 4096)
    i.add_bitmap(0, b"\xff\x00")
    return i


def both(im, **kw):
    for h in im.headers:
        for k, v in kw.items():
            setattr(h, k, v)


# ---- healthy ----
@case(None, None)
def healthy(im): pass
@case(None, None, blocks=())
def healthy_empty(im): pass
@case(None, None, size=10 * vhdx.MIB + 512, blocks=(0, 5))
def healthy_odd_size(im): pass
@case(None, None, sector=4096)
def healthy_4096(im): pass
@case(None, None, size=9 << 30, block=MIB, blocks=(0, 1, 4095, 4096, 9215))
def healthy_three_chunks(im): pass
@case("VHDX-CHAIN-001", "info", make=child)
def healthy_child(im): pass
@case(None, None, make=child, args=("--search-dir", T))
def healthy_child_with_parent(im): pass
@case("VHDX-RGN-014", "info")
def qemu_not_required(im):
    im.regions[0].entries[:] = [(g, o, n, 0) for g, o, n, r in im.regions[0].entries]
@case("VHDX-HDR-007", "info")
def identical_headers(im): im.headers[0].seq = im.headers[1].seq
@case("VHDX-FILE-003", "info")
def trailing_512(im): im.file_size = im.total() + 512

# ---- file and identifier ----
@case("VHDX-FID-001", "error")
def no_signature(im): im.signature = b"vhdxfilf"
@case("VHDX-FID-003", "warning")
def creator_surrogate(im): im.creator = b"a\0\x00\xd8b\0"
@case("VHDX-FID-003", "warning")
def creator_control(im): im.creator = "a\x1b[31m".encode("utf-16-le")
@case("VHDX-FID-004", "info")
def creator_after_nul(im): im.creator = "abc\0def".encode("utf-16-le")
@case("VHDX-FID-005", "info")
def id_reserved(im): im.id_tail = b"\0" * 100 + b"x"
@case("VHDX-FID-006", "info")
def creator_empty(im): im.creator = b""
@case("VHDX-FID-006", "info")
def creator_unterminated(im): im.creator = "x".encode("utf-16-le") * 256

# ---- headers ----
@case("VHDX-HDR-001", "warning")
def header1_signature(im): im.headers[0].sig = b"daeh"
@case("VHDX-HDR-003", "warning")
def header2_crc(im): im.headers[1].break_crc = True
@case("VHDX-HDR-002", "error")
def both_headers_crc(im): both(im, break_crc=True)
@case("VHDX-HDR-004", "error")
def version_2(im): both(im, version=2)
@case("VHDX-HDR-005", "warning")
def log_version_nil(im): both(im, log_version=1)
@case("VHDX-HDR-006", "error")
def same_sequence_differ(im): im.headers[0].seq = im.headers[1].seq; im.headers[0].dw = guid(55)
@case("VHDX-HDR-008", "warning", also=("VHDX-HDR-011",))
def same_sequence_reserved(im): im.headers[0].seq = im.headers[1].seq; im.headers[0].reserved = b"\0" * 40 + b"x"
@case("VHDX-HDR-009", "info")
def sequence_gap(im): im.headers[1].seq += 10
@case("VHDX-HDR-010", "warning")
def sequence_max(im): im.headers[1].seq = 2**64 - 1; im.headers[0].seq = 2**64 - 2
@case("VHDX-HDR-011", "warning")
def header_reserved(im): im.headers[1].reserved = b"evil"
@case("VHDX-HDR-012", "info", edits=((0x11800, b"x"),))
def header_slack(im): pass
@case("VHDX-HDR-013", "error")
def log_len_unaligned(im): both(im, log_len=MIB - 4096)
@case("VHDX-HDR-014", "error")
def log_off_unaligned(im):
    im.end += 2 * MIB; both(im, log_off=im.end - 2 * MIB + 4096)
@case("VHDX-HDR-015", "error")
def log_in_header_section(im): both(im, log_off=0)
@case("VHDX-HDR-016", "error")
def log_past_eof(im): both(im, log_off=1 << 40)
@case("VHDX-HDR-016", "error")
def log_wraps(im): both(im, log_off=2**64 - MIB, log_len=2 * MIB)
@case("VHDX-HDR-017", "error")
def log_len_0_live(im): both(im, log_len=0); im.dirty()
@case("VHDX-HDR-018", "warning")
def log_len_0_nil(im): both(im, log_len=0)
@case("VHDX-HDR-020", "warning")
def nil_file_write(im): both(im, fw=uuid.UUID(int=0))
@case("VHDX-HDR-021", "warning")
def nil_data_write(im): both(im, dw=uuid.UUID(int=0))
@case("VHDX-HDR-022", "info")
def data_write_differs(im): im.headers[0].dw = guid(56)
@case("VHDX-HDR-023", "info")
def old_header_has_log(im): im.headers[0].log = guid(57)
@case("VHDX-HDR-024", "warning")
def log_place_differs(im): im.headers[0].log_off = 2 * MIB
@case("VHDX-HDR-029", "info", edits=((0x60000, b"x"),))
def section_reserved(im): pass

# ---- region tables ----
@case("VHDX-RGN-001", "error")
def both_tables(im): im.regions[0].break_crc = im.regions[1].break_crc = True
@case("VHDX-RGN-002", "warning")
def table1(im): im.regions[0].break_crc = True
@case("VHDX-RGN-003", "warning")
def table2(im): im.regions[1].sig = b"iger"
@case("VHDX-RGN-004", "error")
def table_count(im): im.regions[0].count = im.regions[1].count = 2048
@case("VHDX-RGN-005", "warning")
def tables_differ(im): im.regions[1].entries = im.regions[0].entries + [(guid(60), 0, 0, 0)][:0]; im.regions[1].tail = b"x" * 32
@case("VHDX-RGN-006", "error")
def tables_disagree(im):
    im.end += MIB
    im.regions[1].entries = [(g, o + (0 if g == vhdx.BAT else im.end - MIB - o), n, r) for g, o, n, r in im.regions[0].entries]
@case("VHDX-RGN-007", "warning")
def table_reserved(im): im.regions[0].reserved = im.regions[1].reserved = 1
@case("VHDX-RGN-008", "error")
def duplicate_bat(im):
    im.end += MIB; im.regions[0].entries.append((vhdx.BAT, im.end - MIB, MIB, 1))
@case("VHDX-RGN-009", "error")
def region_unaligned(im):
    im.end += 2 * MIB; im.regions[0].entries.append((guid(61), im.end - 2 * MIB + 512, MIB, 0))
@case("VHDX-RGN-010", "error")
def region_in_section(im): im.regions[0].entries.append((guid(61), 0, MIB, 0))
@case("VHDX-RGN-011", "error")
def region_wraps(im): im.regions[0].entries.append((guid(61), 2**64 - MIB, 2 * MIB, 0))
@case("VHDX-RGN-011", "error")
def region_past_eof(im): im.regions[0].entries.append((guid(61), im.end, MIB, 0))
@case("VHDX-RGN-012", "error")
def regions_overlap(im): im.regions[0].entries.append((guid(61), 2 * MIB, MIB, 0))
@case("VHDX-RGN-013", "error")
def region_on_log(im): im.regions[0].entries.append((guid(61), MIB, MIB, 0))
@case("VHDX-RGN-015", "warning")
def required_bits(im): im.regions[0].entries[:] = [(g, o, n, 3) for g, o, n, r in im.regions[0].entries]
@case("VHDX-RGN-016", "error")
def unknown_required(im):
    im.end += MIB; im.regions[0].entries.append((guid(62), im.end - MIB, MIB, 1))
@case("VHDX-RGN-017", "info")
def unknown_optional(im):
    im.end += MIB; im.regions[0].entries.append((guid(62), im.end - MIB, MIB, 0))
@case("VHDX-RGN-018", "error", blocks=())
def no_bat(im): del im.regions[0].entries[1]
@case("VHDX-RGN-019", "error")
def no_metadata(im): del im.regions[0].entries[0]
@case("VHDX-RGN-020", "error", blocks=())
def bat_length_0(im): im.regions[0].entries[1] = (vhdx.BAT, im.bat_off, 0, 1)
@case("VHDX-RGN-020", "warning")
def other_length_0(im): im.regions[0].entries.append((guid(62), im.end, 0, 0))
@case("VHDX-RGN-021", "info")
def table_tail(im): im.regions[0].tail = im.regions[1].tail = b"left over"
@case("VHDX-RGN-022", "warning")
def nil_region(im):
    im.end += MIB; im.regions[0].entries.append((uuid.UUID(int=0), im.end - MIB, MIB, 0))

# ---- metadata ----
@case("VHDX-META-001", "error")
def metadata_signature(im): im.meta_sig = b"metadatb"
@case("VHDX-META-002", "error")
def metadata_count(im): im.meta_count = 2048
@case("VHDX-META-003", "warning")
def metadata_reserved(im): im.meta_reserved = 1
@case("VHDX-META-003", "warning")
def metadata_reserved2(im): im.meta_reserved2 = b"\0" * 19 + b"x"
@case("VHDX-META-004", "warning")
def item_flags(im): im.items[0][3] |= 8
@case("VHDX-META-004", "warning")
def item_reserved2(im): im.items[0][4] = 1
@case("VHDX-META-005", "error")
def duplicate_item(im): im.items.append([vhdx.DISK_SIZE, 0x10100, 8, 6, 0])
@case("VHDX-META-006", "warning")
def nil_item(im): im.items.append([uuid.UUID(int=0), 0x10100, 8, 0, 0])
@case("VHDX-META-007", "error")
def item_in_table(im): im.items.append([guid(70), 0x8000, 8, 0, 0])
@case("VHDX-META-008", "error")
def item_past_region(im): im.items.append([guid(70), MIB - 4, 8, 0, 0])
@case("VHDX-META-008", "error")
def item_wraps_u32(im): im.items.append([guid(70), 0xFFFFFFF8, 16, 0, 0])
@case("VHDX-META-009", "error", also=("VHDX-META-008",))
def item_too_long(im): im.items.append([guid(70), 0x10100, MIB + 1, 0, 0])
@case("VHDX-META-010", "warning")
def empty_item_with_offset(im): im.items.append([guid(70), 0x10100, 0, 0, 0])
@case("VHDX-META-011", "error")
def items_overlap(im): im.items.append([guid(70), 0x10004, 8, 0, 0])
@case("VHDX-META-012", "warning", also=("VHDX-META-015",))          # an unknown one: it also must be understood
def user_required(im): im.items.append([guid(70), 0x10100, 8, 5, 0])
@case("VHDX-META-015", "error")
def unknown_required_item(im): im.items.append([guid(70), 0x10100, 8, 4, 0])
@case("VHDX-META-016", "info")
def unknown_item(im): im.items.append([guid(70), 0x10100, 8, 0, 0])
@case("VHDX-META-017", "warning")
def not_required_item(im): im.items[3][3] = 2
@case("VHDX-META-018", "warning")
def wrong_virtual_disk_bit(im): im.items[0][3] = 6
@case("VHDX-META-019", "warning")
def user_known_guid(im): im.items.append([vhdx.DISK_SIZE, 0x10100, 8, 1, 0])
@case("VHDX-META-020", "error")
def no_file_parameters(im): del im.items[0]
@case("VHDX-META-021", "error")
def no_disk_size(im): del im.items[1]
@case("VHDX-META-021", "error")
def short_disk_size(im): im.items[1][2] = 7
@case("VHDX-META-022", "error")
def no_logical(im): del im.items[2]
@case("VHDX-META-023", "error")
def no_physical(im): del im.items[3]
@case("VHDX-META-024", "error")
def no_disk_id(im): del im.items[4]
@case("VHDX-META-025", "warning")
def nil_disk_id(im): im.disk_id = uuid.UUID(int=0)
@case("VHDX-META-026", "error")
def incomplete_marker(im): im.items.append([uuid.UUID("71CC85F0-1B69-4E28-9558-C3BF83AE75D3"), 0, 0, 4, 0])
@case("VHDX-META-027", "info")
def chs_item(im): im.items.append([uuid.UUID("DA02D7BC-3D3A-423C-AC88-2A36AB21479B"), 0x10100, 12, 2, 0])
for _n, _b in (("0", 0), ("1", 1), ("512", 512), ("3MiB", 3 * MIB), ("512MiB", 512 * MIB), ("256MiB_1", 256 * MIB + 1), ("2G", 1 << 31)):
    @case("VHDX-META-028", "error")
    def block_size(im, b=_b): im.block = b
    block_size.__name__ = "block_size_" + _n
    CASES[-1] = (block_size.__name__,) + CASES[-1][1:]
@case("VHDX-META-029", "warning")
def parameter_bits(im): im.flags |= 4
@case("VHDX-META-030", "info", make=child)
def fixed_and_parent(im): im.flags |= 1
@case("VHDX-META-031", "error", blocks=())
def disk_size_0(im): im.size = 0
@case("VHDX-META-032", "error")
def disk_size_64t_1(im): im.size = (1 << 46) + 512
@case("VHDX-META-032", "error")
def disk_size_max(im): im.size = 2**64 - 512
@case("VHDX-META-033", "error")
def disk_size_odd(im): im.size += 100
for _s in (0, 1, 520, 1024, 2**31):
    @case("VHDX-META-034", "error")
    def logical_size(im, s=_s): im.sector = s
    CASES[-1] = ("logical_size_%d" % _s,) + CASES[-1][1:]
@case("VHDX-META-035", "error")
def physical_size(im): im.physical = 520
@case("VHDX-META-036", "info", sector=4096)
def physical_below_logical(im): im.physical = 512
@case("VHDX-META-038", "error", make=child)
def no_locator(im): im.items.pop()
@case("VHDX-META-039", "warning")
def locator_without_parent(im):
    im.pairs = [("parent_linkage", "{%s}" % guid(3)), ("relative_path", ".\\p.vhdx")]
    im.locator = im.locator_bytes(); im.items.append([vhdx.LOCATOR, 0x10028, 0, 4, 0])
@case("VHDX-META-040", "info")
def stale_entry(im): im.meta_tail = struct.pack("<16sIIII", vhdx.DISK_ID.bytes_le, 0x10018, 16, 6, 0)
@case("VHDX-META-041", "info", edits=((2 * MIB + 0x20000, b"hidden"),))
def metadata_residue(im): pass
@case("VHDX-META-044", "info")
def user_item(im): im.items.append([guid(70), 0x10100, 8, 1, 0])
@case("VHDX-META-045", "warning")
def long_item(im): im.items[4][2] = 20

# ---- BAT ----
@case("VHDX-BAT-001", "error")
def bat_too_small(im): im.size = 1 << 45
@case("VHDX-BAT-002", "error")
def state_4(im): im.entries[2] = 4
@case("VHDX-BAT-003", "error")
def state_5(im): im.entries[2] = 5
@case("VHDX-BAT-004", "error")
def state_7(im): im.entries[0] |= 7
@case("VHDX-BAT-005", "info", size=9 << 30, block=MIB)
def bitmap_slot_zero_state(im): im.entries[4096] = 2
@case("VHDX-BAT-005", "error", make=child)
def bitmap_state_2(im): im.entries[im.bitmap_index(0)] = im.entries[im.bitmap_index(0)] & ~7 | 2; del im.entries[0]
@case("VHDX-BAT-006", "warning", size=9 << 30, block=MIB)
def bitmap_in_dynamic(im): im.entries[4096] = im.end | 6; im.end += MIB
@case("VHDX-BAT-006", "error", size=9 << 30, block=MIB)
def bitmap_in_dynamic_on_block(im): im.entries[4096] = im.entries[0]
@case("VHDX-BAT-007", "warning")
def reserved_bits(im): im.entries[0] |= 8
@case("VHDX-BAT-008", "error")
def offset_0(im): im.entries[0] = 6
@case("VHDX-BAT-009", "warning")
def zero_with_offset(im): im.entries[0] = im.entries[0] & ~7 | 2
@case("VHDX-BAT-010", "error")
def block_wraps(im): im.entries[0] = (2**64 - MIB) | 6
@case("VHDX-BAT-011", "warning", size=63 * MIB, blocks=(0, 31))
def cut_tail(im): im.file_size = im.total() - MIB
@case("VHDX-BAT-012", "error", blocks=(0, 31))
def cut_block(im): im.file_size = im.total() - MIB
@case("VHDX-BAT-012", "error")
def past_eof(im): im.entries[0] = (1 << 40) | 6
@case("VHDX-BAT-014", "error")
def block_on_log(im): im.entries[0] = MIB | 6
@case("VHDX-BAT-015", "error", blocks=(0, 1))
def block_on_bat(im): im.entries[0] = (3 * MIB) | 6; im.entries[1] = (6 * MIB) | 6
@case("VHDX-BAT-016", "error")
def same_block(im): im.entries[1] = im.entries[0]
@case("VHDX-BAT-017", "error")
def partial_overlap(im): im.entries[1] = im.entries[0] + MIB
@case("VHDX-BAT-018", "error", make=child)
def bitmap_on_block(im): im.entries[im.bitmap_index(0)] = im.entries[0] & ~7 | 6
@case("VHDX-BAT-019", "warning")
def anchor_on_block(im): im.entries[2] = im.entries[0] & ~7 | 3
@case("VHDX-BAT-019", "warning", also=("VHDX-FILE-004",))
def anchor_past_eof(im): im.entries[2] = (1 << 40) | 1
@case("VHDX-BAT-020", "error", make=child)
def no_bitmap(im): del im.entries[im.bitmap_index(0)]; im.extents.pop()
@case("VHDX-BAT-021", "warning")
def padding_with_offset(im): im.entries[40] = (200 * MIB) | 2
@case("VHDX-BAT-021", "info")
def padding_state(im): im.entries[32] = 2
@case("VHDX-META-043", "warning", also=("VHDX-BAT-021",))
def populated_past_end(im): im.entries[40] = im.end | 6; im.end += im.block
@case("VHDX-BAT-028", "warning", also=("VHDX-BAT-012", "VHDX-FILE-004"))
def far_block(im): im.entries[0] = (1 << 48) | 6
@case("VHDX-BAT-030", "info")
def undefined_state(im): im.entries[5] = 1

# ---- sector bitmaps ----
@case("VHDX-SBM-001", "error", make=child)
def bitmap_past_eof(im): im.entries[im.bitmap_index(0)] = (1 << 40) | 6
@case("VHDX-SBM-002", "info", make=child)
def bits_for_absent(im): im.extents[-1] = (im.extents[-1][0], b"\xff" + b"\0" * 511 + b"\x01")
@case("VHDX-SBM-005", "info", make=child)
def bits_all(im): im.extents[-1] = (im.extents[-1][0], b"\xff" * 512)
@case("VHDX-SBM-006", "info", make=child)
def bits_none(im): im.extents[-1] = (im.extents[-1][0], b"")

# ---- log ----
def dirty_one(im, **kw):
    im.dirty()
    page = im.bat_page(0, {3: im.end | 6})
    im.end += im.block
    im.put_log(0, im.log_entry(5, pages=[(im.bat_off, page)], **kw))


@case("VHDX-LOG-001", "warning")
def log_dirty(im): dirty_one(im)
@case("VHDX-LOG-002", "error")
def log_no_entry(im): im.dirty()
@case("VHDX-LOG-002", "error")
def log_sequence_0(im):
    im.dirty(); im.put_log(0, im.log_entry(0, pages=[(im.bat_off, im.bat_page())]))
@case("VHDX-LOG-002", "error")
def log_tail_nowhere(im):
    im.dirty(); im.put_log(0, im.log_entry(5, tail=0x8000, pages=[(im.bat_off, im.bat_page())]))
@case("VHDX-LOG-003", "error")
def log_file_truncated(im): dirty_one(im, flushed=im.total() + 64 * MIB, last=im.total() + 64 * MIB)
@case("VHDX-LOG-013", "warning", also=("VHDX-LOG-001",))
def log_unrounded(im): dirty_one(im, flushed=im.total() - 512)
@case("VHDX-LOG-014", "info", also=("VHDX-LOG-001",))
def log_grows(im): dirty_one(im, last=im.total() + 8 * MIB)
@case("VHDX-LOG-015", "error")
def log_absurd(im): dirty_one(im, last=1 << 50)
@case("VHDX-LOG-017", "error")
def log_into_header(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(0x10000, b"\0" * 4096)]))
@case("VHDX-LOG-018", "error")
def log_into_log(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(MIB + 0x8000, b"\0" * 4096)]))
@case("VHDX-LOG-019", "error")
def log_wraps_64(im):
    im.dirty(); im.put_log(0, im.log_entry(5, zeros=[(2**64 - 4096, 8192)]))
@case("VHDX-LOG-020", "error")
def log_zero_2_40(im):
    im.dirty(); im.put_log(0, im.log_entry(5, zeros=[(im.bat_off + MIB, 1 << 40)]))
@case("VHDX-LOG-020", "error")
def log_page_at_2_40(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(1 << 40, b"x" * 4096)]))
@case("VHDX-LOG-029", "info", also=("VHDX-LOG-001",))
def log_empty_entry(im):
    im.dirty(); im.put_log(0, im.log_entry(5))
@case("VHDX-LOG-027", "info", also=("VHDX-LOG-001",))
def log_changes_nothing(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(im.bat_off, im.bat_page())]))
@case("VHDX-LOG-034", "info", also=("VHDX-LOG-002",))
def log_wiped(im): im.dirty()
@case("VHDX-LOG-028", "error", also=("VHDX-LOG-001", "VHDX-BAT-016"))
def log_makes_worse(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(im.bat_off, im.bat_page(0, {3: im.entries[0]}))]))
@case("VHDX-BAT-016", "info", also=("VHDX-LOG-001",))
def log_heals(im):
    good = im.bat_page(); im.entries[1] = im.entries[0]
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(im.bat_off, good)]))
@case("VHDX-HDR-005", "error")
def log_version_live(im): dirty_one(im); both(im, log_version=1)
@case("VHDX-LOG-001", "warning")
def log_wrapped(im):
    im.dirty(); page = im.bat_page(0, {3: im.end | 6}); im.end += im.block
    e = im.log_entry(9, tail=MIB - 4096, pages=[(im.bat_off, page)]); im.put_log(MIB - 4096, e)
@case("VHDX-LOG-033", "warning", also=("VHDX-LOG-001",))
def log_page_twice(im):
    im.dirty(); p = im.bat_page(); im.put_log(0, im.log_entry(5, pages=[(im.bat_off, p), (im.bat_off, p)]))
@case("VHDX-LOG-012", "warning", also=("VHDX-LOG-001",))
def log_reserved(im): dirty_one(im, reserved=1)
@case("VHDX-FOR-001", "info")
def log_stale(im): im.put_log(0, im.log_entry(5, live=guid(88), pages=[(im.bat_off, im.bat_page())]))
@case("VHDX-LOG-023", "warning", also=("VHDX-LOG-001",))
def log_broken_newer(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(im.bat_off, im.bat_page())]))
    im.put_log(0x10000, im.log_entry(50, tail=0x80000, pages=[(im.bat_off, im.bat_page())]))
@case("VHDX-LOG-024", "info", also=("VHDX-LOG-001",))
def log_two_sequences(im):
    im.dirty(); im.put_log(0, im.log_entry(5, pages=[(im.bat_off, im.bat_page())]))
    im.put_log(0x10000, im.log_entry(50, tail=0x10000, pages=[(im.bat_off, im.bat_page())]))

# ---- locator ----
def pairs(**kw):
    def change(im):
        for i, (k, v) in enumerate(im.pairs):
            if k in kw:
                im.pairs[i] = (k, kw[k])
        im.pairs[:] = [p for p in im.pairs if p[1] is not None]
    return change


@case("VHDX-PLOC-002", "error", make=child)
def locator_type(im): im.locator = guid(90).bytes_le + im.locator_bytes()[16:]
@case("VHDX-PLOC-001", "error", make=child)
def locator_short(im): im.locator = im.locator_bytes()[:18]
@case("VHDX-PLOC-003", "warning", make=child)
def locator_reserved(im): b = bytearray(im.locator_bytes()); b[16] = 1; im.locator = bytes(b)
@case("VHDX-PLOC-004", "error", make=child)
def locator_count_0(im): im.pairs = []
@case("VHDX-PLOC-005", "error", make=child)
def locator_key_outside(im): b = bytearray(im.locator_bytes()); struct.pack_into("<I", b, 20 + 12 * 2, 0xFFFFFFF0); im.locator = bytes(b)
@case("VHDX-PLOC-006", "error", make=child)
def locator_odd_length(im): b = bytearray(im.locator_bytes()); struct.pack_into("<H", b, 20 + 12 * 2 + 10, 3); im.locator = bytes(b)
@case("VHDX-PLOC-007", "warning", make=child)
def locator_surrogate(im): im.pairs.append(("note", b"\x00\xd8"))
@case("VHDX-PLOC-008", "error", make=child)
def locator_duplicate(im): im.pairs.append(("relative_path", ".\\other.vhdx"))
@case("VHDX-PLOC-009", "error", make=child)
def locator_no_linkage(im): im.pairs = im.pairs[1:]
@case("VHDX-PLOC-010", "error", make=child)
def locator_bad_linkage(im): im.pairs[0] = ("parent_linkage", "{not-a-guid}")
@case("VHDX-PLOC-011", "warning", make=child)
def locator_nil_linkage(im): im.pairs[0] = ("parent_linkage", "{%s}" % uuid.UUID(int=0))
@case("VHDX-PLOC-012", "warning", make=child)
def locator_linkage2(im): im.pairs[4] = ("parent_linkage2", "{%s}" % guid(91))
@case("VHDX-PLOC-013", "warning", make=child)
def locator_no_paths(im): im.pairs = [im.pairs[0]]
@case("VHDX-PLOC-015", "warning", make=child)
def locator_volume(im): im.pairs[3] = ("volume_path", "D:\\x\\parent.vhdx")
@case("VHDX-PLOC-018", "warning", make=child)
def locator_device(im): im.pairs[1] = ("absolute_win32_path", "\\\\.\\PhysicalDrive0")
@case("VHDX-PLOC-016", "info", make=child)
def locator_unknown_key(im): im.pairs.append(("colour", "blue"))
@case("VHDX-PLOC-020", "info", make=child)
def locator_case(im): im.pairs.append(("Parent_Linkage", "x"))
@case("VHDX-PLOC-021", "info", make=child)
def locator_upper(im): im.pairs[0] = ("parent_linkage", im.pairs[0][1].strip("{}").upper())

# ---- chain ----
@case("VHDX-CHAIN-003", "error", make=child, args=("--parent", os.path.join(T, "parent.vhdx")))
def chain_mismatch(im): im.pairs[0] = ("parent_linkage", "{%s}" % guid(92))
@case("VHDX-CHAIN-001", "warning", make=child, args=("--search-dir", T))
def chain_not_found(im): im.pairs[:] = [(k, v.replace("parent.vhdx", "other.vhdx")) for k, v in im.pairs]
@case("VHDX-CHAIN-005", "error", make=lambda: child(sector=4096), args=("--parent", os.path.join(T, "parent.vhdx")))
def chain_sector(im): pass
@case("VHDX-CHAIN-006", "info", make=lambda: child(size=96 * MIB), args=("--parent", os.path.join(T, "parent.vhdx")))
def chain_grown(im): pass
@case("VHDX-CHAIN-006", "warning", make=lambda: child(size=32 * MIB), args=("--parent", os.path.join(T, "parent.vhdx")))
def chain_shrunk(im): pass
@case("VHDX-CHAIN-007", "warning", make=child, args=("--parent", os.path.join(T, "parent.vhdx")))
def chain_disk_id(im): im.disk_id = guid(93)
@case("VHDX-CHAIN-011", "info", make=lambda: child(block=MIB), args=("--parent", os.path.join(T, "parent.vhdx")))
def chain_block_size(im): pass


def run():
    passed = failed = 0
    want = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, rule, severity, also, make, kw, args, edits, fn in CASES:
        if want not in name:
            continue
        im = make(**kw)
        fn(im)
        path = im.save(os.path.join(T, "image.avhdx" if im.diff else "image.vhdx"), edits)
        p = subprocess.run([V, "check", "-f", "json", *args, path], capture_output=True, timeout=60)
        why = ""
        try:
            r = json.loads(p.stdout)["images"][0]
            found = {(f["rule"], f["severity"]) for f in r["findings"]}
            bad = {x for x in found if x[1] != "info" and x[0] not in also and x != (rule, severity)}
            # one damage, one error; a summary warning beside an error is not an alarm of its own
            loud = {x for x in bad if x[1] == "error" or severity != "error"}
            if rule and (rule, severity) not in found:
                why = "%s %s is missing; found %s" % (rule, severity, sorted(x for x in found if x[1] != "info" or x[0] == rule))
            elif loud:
                why = "also %s" % sorted(loud)
            elif rule is None and r["verdict"] != "clean":
                why = r["verdict"]
            elif p.returncode not in (0, 1):
                why = "exit %d" % p.returncode
        except Exception as e:
            why = "no report (%r): exit %d %r" % (e, p.returncode, p.stderr[-200:])
        passed += not why
        failed += bool(why)
        print(("ok   " if not why else "FAIL ") + name + ("" if not why else "   " + why))
    subprocess.run(["rm", "-rf", T])
    print("%d passed, %d failed" % (passed, failed))
    return failed != 0


sys.exit(run())
