#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
libvhdxray from Python, with nothing but ctypes.

    with Image("web01.vhdx") as image:
        print(image.facts().virtual_size, image.check().verdict)
        for finding in image.findings():
            print(finding.rule, finding.message)
        first = image.read(0, 512)

As a program it tells about files: vhdxray.py FILE... The library is libvhdxray.so.0, or what $VHDXRAY_LIBRARY names.
"""
import collections
import ctypes
import json
import os
import sys
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

OK, ERROR_IO, ERROR_NO_MEMORY, ERROR_LIMIT, ERROR_NOT_FOUND, ERROR_REFUSED, ERROR_ARGUMENT, ERROR_INTERNAL = range(8)


class Options(Structure):
    _fields_ = [("size_of", c_size_t), ("parents", POINTER(c_char_p)), ("parent_count", c_size_t),
                ("search_dirs", POINTER(c_char_p)), ("search_dir_count", c_size_t), ("no_replay", c_int),
                ("max_memory", c_uint64), ("max_findings", c_uint64), ("timeout_ms", c_uint64)]


class Facts(Structure):
    _fields_ = [("size_of", c_size_t), ("file_size", c_uint64), ("virtual_size", c_uint64), ("block_size", c_uint32),
                ("logical_sector_size", c_uint32), ("physical_sector_size", c_uint32), ("type", c_int),
                ("log_state", c_int), ("current_header", c_int), ("virtual_disk_id", c_uint8 * 16),
                ("data_write_guid", c_uint8 * 16), ("creator", c_char_p), ("layer_count", c_uint32),
                ("parent_missing", c_int)]


class Summary(Structure):
    _fields_ = [("size_of", c_size_t), ("verdict", c_int), ("complete", c_int), ("io_error", c_int), ("limited", c_int),
                ("errors", c_uint64), ("warnings", c_uint64), ("infos", c_uint64), ("finding_count", c_size_t)]


class RawFinding(Structure):
    _fields_ = [("size_of", c_size_t), ("rule", c_char_p), ("severity", c_int), ("as_stored", c_int), ("title", c_char_p),
                ("message", c_char_p), ("means", c_char_p), ("next", c_char_p), ("expected", c_char_p),
                ("actual", c_char_p), ("structure", c_char_p), ("index", c_int64), ("offset", c_uint64),
                ("length", c_uint64), ("has_guest_range", c_int), ("guest_offset", c_uint64), ("guest_length", c_uint64),
                ("repair", c_char_p), ("spec", c_char_p), ("quirk", c_char_p)]


class RawExtent(Structure):
    _fields_ = [("size_of", c_size_t), ("offset", c_uint64), ("length", c_uint64), ("state", c_int), ("layer", c_uint32),
                ("has_data", c_int), ("file_offset", c_uint64), ("is_zero", c_int), ("fault", c_char_p)]


def copy_of(name, structure):
    """A named tuple of what is in a structure: the strings of the library end with their handle."""
    made = collections.namedtuple(name, [f for f, _ in structure._fields_ if f != "size_of"])
    return lambda raw: made(*(v.decode("utf-8", "replace") if isinstance(v, bytes) else v
                              for v in (getattr(raw, f) for f in made._fields)))


finding_of = copy_of("Finding", RawFinding)
extent_of = copy_of("Extent", RawExtent)

lib = ctypes.CDLL(os.environ.get("VHDXRAY_LIBRARY", "libvhdxray.so.0"))
for function, result, arguments in (
    ("version", c_char_p, ()),
    ("status_text", c_char_p, (c_int,)),
    ("open", c_int, (c_char_p, POINTER(Options), POINTER(c_void_p), c_char_p, c_size_t)),
    ("close", None, (c_void_p,)),
    ("last_error", c_char_p, (c_void_p,)),
    ("type_name", c_char_p, (c_int,)),
    ("log_state_name", c_char_p, (c_int,)),
    ("get_facts", c_int, (c_void_p, POINTER(Facts))),
    ("layer_name", c_char_p, (c_void_p, c_uint32)),
    ("verdict_name", c_char_p, (c_int,)),
    ("severity_name", c_char_p, (c_int,)),
    ("check", c_int, (c_void_p, POINTER(Summary))),
    ("get_finding", c_int, (c_void_p, c_size_t, POINTER(RawFinding))),
    ("get_json", c_int, (c_void_p, POINTER(c_char_p), POINTER(c_size_t))),
    ("can_read", c_int, (c_void_p,)),
    ("read", c_int, (c_void_p, c_uint64, c_void_p, c_size_t)),
    ("state_name", c_char_p, (c_int,)),
    ("get_extent", c_int, (c_void_p, c_uint64, c_uint64, POINTER(RawExtent))),
):
    f = getattr(lib, "vhdxray_" + function)
    f.restype, f.argtypes = result, arguments


def name_of(function, number):
    return getattr(lib, "vhdxray_" + function)(number).decode()


class Error(Exception):
    """The library could not do something. `status` is one of ERROR_*."""

    def __init__(self, status, message):
        super().__init__(message or name_of("status_text", status))
        self.status = status


class Image:
    """An open VHDX file, read-only. Not for two threads at a time."""

    def __init__(self, path, parents=(), search_dirs=(), no_replay=False, max_memory=0, max_findings=0, timeout_ms=0):
        def strings(paths):
            return (c_char_p * len(paths))(*map(os.fsencode, paths))

        options = Options(ctypes.sizeof(Options), strings(parents), len(parents), strings(search_dirs), len(search_dirs),
                          no_replay, max_memory, max_findings, timeout_ms)
        message = ctypes.create_string_buffer(512)
        self._handle = c_void_p()
        status = lib.vhdxray_open(os.fsencode(path), byref(options), byref(self._handle), message, len(message))
        if status != OK:
            raise Error(status, message.value.decode("utf-8", "replace"))

    def close(self):
        lib.vhdxray_close(self._handle)
        self._handle = c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _do(self, function, *arguments):
        status = getattr(lib, "vhdxray_" + function)(self._handle, *arguments)
        if status != OK:
            raise Error(status, lib.vhdxray_last_error(self._handle).decode("utf-8", "replace"))

    def facts(self):
        facts = Facts(ctypes.sizeof(Facts))
        self._do("get_facts", byref(facts))
        return facts

    def check(self):
        """Runs every rule. A summary whose `complete` is 0 has not looked at everything."""
        summary = Summary(ctypes.sizeof(Summary))
        self._do("check", byref(summary))
        return summary

    def findings(self):
        for i in range(self.check().finding_count):
            raw = RawFinding(ctypes.sizeof(RawFinding))
            self._do("get_finding", i, byref(raw))
            yield finding_of(raw)

    def report(self):
        """What `vhdxray check -f json` prints."""
        text, length = c_char_p(), c_size_t()
        self._do("get_json", byref(text), byref(length))
        return json.loads(ctypes.string_at(text, length.value))

    def read(self, offset, length):
        """Bytes of the guest's disk. Error with ERROR_REFUSED where no truthful answer exists."""
        data = ctypes.create_string_buffer(length)
        self._do("read", offset, data, length)
        return data.raw

    def extents(self):
        at, end = 0, self.facts().virtual_size
        while at < end:
            raw = RawExtent(ctypes.sizeof(RawExtent))
            self._do("get_extent", at, end - at, byref(raw))
            yield extent_of(raw)
            at += raw.length


def main():
    worst = 0
    for path in sys.argv[1:]:
        try:
            with Image(path, search_dirs=[os.path.dirname(path) or "."]) as image:
                facts, summary = image.facts(), image.check()
                verdict = name_of("verdict_name", summary.verdict) + ("" if summary.complete else ", not all of it was looked at")
                print(f"{path}: {verdict}; {name_of('type_name', facts.type)}, guest disk of {facts.virtual_size} bytes")
                for finding in image.findings():
                    if finding.severity > 0:
                        print(f"  {name_of('severity_name', finding.severity)} {finding.rule} at {finding.offset:#x}: {finding.message}")
                worst = max(worst, int(summary.verdict > 0 or not summary.complete))
        except Error as e:
            print(f"vhdxray.py: {e}", file=sys.stderr)
            worst = 3
    return worst if len(sys.argv) > 1 else 2


if __name__ == "__main__":
    sys.exit(main())
