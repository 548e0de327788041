"""What a Mach-O file says of itself: <mach-o/loader.h>, <mach-o/nlist.h>, and for its signature <kern/cs_blobs.h>."""

import hashlib
import struct

MAGIC_64 = 0xFEEDFACF
MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
LC_SYMTAB, LC_LOAD_DYLIB, LC_ID_DYLIB, LC_CODE_SIGNATURE, LC_BUILD_VERSION = 0x2, 0xC, 0xD, 0x1D, 0x32
LC_SEGMENT_64 = 0x19
N_EXT, N_TYPE, N_STAB = 0x01, 0x0E, 0xE0
CSMAGIC_EMBEDDED_SIGNATURE, CSMAGIC_CODEDIRECTORY = 0xFADE0CC0, 0xFADE0C02
CS_ADHOC = 0x2
CS_HASHTYPE_SHA256 = 2
PLATFORM_MACOS = 1


def text(data, start):
    return data[start : data.index(b"\0", start)].decode()


def symbols(data, offset):
    """External symbols: those that are defined, and those that are not."""
    table, count, strings, _ = struct.unpack_from("<4I", data, offset + 8)
    exports, imports = [], []
    for index in range(count):
        name, kind, _, _, _ = struct.unpack_from("<IBBHQ", data, table + index * 16)
        if kind & N_EXT and not kind & N_STAB:
            (exports if kind & N_TYPE else imports).append(text(data, strings + name))
    return sorted(exports), sorted(imports)


def signature(data, offset):
    """Of each page the hash that the code directory has, against the page's."""
    start, size = struct.unpack_from("<2I", data, offset + 8)
    magic, length, count = struct.unpack_from(">3I", data, start)
    directories = [
        start + at
        for _, at in (struct.unpack_from(">2I", data, start + 12 + 8 * index) for index in range(count))
        if struct.unpack_from(">I", data, start + at)[0] == CSMAGIC_CODEDIRECTORY
    ]
    found = {
        "magic": magic == CSMAGIC_EMBEDDED_SIGNATURE,
        "end": start + size == len(data) and length <= size,
        "adhoc": False,
        "pages": 0,
        "wrong": 0,
        "covered": False,
    }
    for directory in directories:
        _, _, _, flags, hashes, _, _, slots, limit = struct.unpack_from(">9I", data, directory)
        hash_size, hash_type, _, page_bits = struct.unpack_from(">4B", data, directory + 36)
        page = 1 << page_bits
        found["adhoc"] = bool(flags & CS_ADHOC)
        found["covered"] = limit == start and slots == -(-limit // page)
        found["sha256"] = hash_type == CS_HASHTYPE_SHA256 and hash_size == 32
        for slot in range(slots):
            kept = data[directory + hashes + slot * hash_size :][:hash_size]
            found["wrong"] += hashlib.sha256(data[slot * page : min((slot + 1) * page, limit)]).digest() != kept
        found["pages"] += slots
    return found


def inspect(data):
    magic, cpu = struct.unpack_from("<2I", data)
    if magic != MAGIC_64:
        raise ValueError(f"magic {magic:#x} is of none of the formats")
    found = {"format": "Mach-O", "machine": MACHINES.get(cpu, hex(cpu)), "bits": 64, "libraries": [], "segments": []}
    (count,) = struct.unpack_from("<I", data, 16)
    offset = 32
    for _ in range(count):
        command, size = struct.unpack_from("<2I", data, offset)
        if command == LC_SYMTAB:
            found["exports"], found["imports"] = symbols(data, offset)
        elif command in (LC_LOAD_DYLIB, LC_ID_DYLIB):
            name = text(data, offset + struct.unpack_from("<I", data, offset + 8)[0])
            if command == LC_ID_DYLIB:
                found["id"] = name
            else:
                found["libraries"].append(name)
        elif command == LC_BUILD_VERSION:
            platform, least = struct.unpack_from("<2I", data, offset + 8)
            found["macos"] = f"{least >> 16}.{least >> 8 & 0xFF}" if platform == PLATFORM_MACOS else None
        elif command == LC_SEGMENT_64:
            address, _, at, length = struct.unpack_from("<4Q", data, offset + 24)
            found["segments"].append(
                {"name": data[offset + 8 : offset + 24].rstrip(b"\0").decode(), "address": address, "offset": at}
            )
        elif command == LC_CODE_SIGNATURE:
            found["signature"] = signature(data, offset)
        offset += size
    return found
