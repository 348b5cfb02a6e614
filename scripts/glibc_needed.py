#!/usr/bin/env python3
"""Prints the newest version of the GNU C library that each program requires, and fails if it is too new.

  glibc_needed.py [--max 2.17] FILE...

The dynamic loader rejects a program that requires a version the system lacks, so this is the oldest library the
program runs with. Parses the ELF section SHT_GNU_verneed (ELF gABI, LSB 5.0 "Symbol Versioning") of programs for any
64-bit little-endian machine. Needs only the standard library.
"""
import argparse
import struct
import sys
from pathlib import Path

SHT_GNU_VERNEED = 0x6FFFFFFE
PREFIX = "GLIBC_"


def text(data, offset):
    """Returns the NUL-terminated text at an offset."""
    return data[offset:data.index(b"\0", offset)].decode()


def versions(data):
    """Yields the symbol versions a program requires, as pairs of library and version name."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit little-endian ELF file")
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * i) for i in range(count)]
    for _, kind, _, _, offset, _, link, entries, _, _ in sections:
        if kind != SHT_GNU_VERNEED:
            continue
        strings = sections[link][4]
        for _ in range(entries):
            _, needed, library, names, following = struct.unpack_from("<HHIII", data, offset)
            name = offset + names
            for _ in range(needed):
                _, _, _, version, next_name = struct.unpack_from("<IHHII", data, name)
                yield text(data, strings + library), text(data, strings + version)
                name += next_name
            offset += following


def number(version):
    """Converts GLIBC_2.17 to (2, 17). Versions without number (GLIBC_PRIVATE, GLIBC_ABI_DT_RELR) count as newest."""
    parts = version.removeprefix(PREFIX).split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else (sys.maxsize,)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max", default="2.17", metavar="VERSION", help="the newest allowed (default: %(default)s)")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    too_new = False
    for file in arguments.files:
        try:
            found = [version for _, version in versions(file.read_bytes()) if version.startswith(PREFIX)]
        except (OSError, ValueError, IndexError, struct.error) as error:
            sys.exit(f"error: cannot read {file}: {error}")
        if not found:
            sys.exit(f"error: {file} asks for no version of the GNU C library; it is not linked as a release is")
        newest = max(found, key=number)
        bad = number(newest) > number(arguments.max)
        too_new |= bad
        print(f"{file}: {newest}" + (f", newer than {arguments.max}" if bad else ""))
    sys.exit(too_new)


if __name__ == "__main__":
    main()
