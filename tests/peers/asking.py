# SPDX-License-Identifier: MIT
"""What the models of other programs have in common: they ask, and what is not so is a refusal."""
import struct
import uuid

from vhdx import crc32c


class Refused(Exception):
    pass


def ask(condition, why):
    if not condition:
        raise Refused(why)


def guid(b):
    return uuid.UUID(bytes_le=bytes(b))


def summed(b):
    """Whether the checksum at 4 is that of the bytes, itself taken for zero."""
    return struct.unpack_from("<I", b, 4)[0] == crc32c(b[:4] + bytes(4) + b[8:])
