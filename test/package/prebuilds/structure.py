"""Prints, as JSON, what the structure of prebuilt binaries says: one object for each file, by its path.

    python3 test/package/prebuilds/structure.py FILE...

On Debian: apt-get install --no-install-recommends python3-pefile python3-pyelftools
"""

import json
import sys

import macho


def elf(file):
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    binary = ELFFile(file)
    symbols = list(binary.get_section_by_name(".dynsym").iter_symbols())
    dynamic = next(section for section in binary.iter_sections() if isinstance(section, DynamicSection))
    tags = [tag for tag in dynamic.iter_tags()]
    versions = [
        version.name
        for section in binary.iter_sections()
        if isinstance(section, GNUVerNeedSection)
        for _, needed in section.iter_versions()
        for version in needed
    ]
    return {
        "format": "ELF",
        "machine": binary.header.e_machine,
        "bits": binary.elfclass,
        "little": binary.little_endian,
        "needed": [tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"],
        "paths": [tag.entry.d_tag for tag in tags if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH")],
        "now": any(tag.entry.d_tag == "DT_BIND_NOW" for tag in tags)
        or any(tag.entry.d_tag == "DT_FLAGS_1" and tag.entry.d_val & 1 for tag in tags),
        "executableStack": any(
            segment.header.p_type == "PT_GNU_STACK" and segment.header.p_flags & 1
            for segment in binary.iter_segments()
        ),
        "exports": sorted(
            symbol.name
            for symbol in symbols
            if symbol.name and symbol.entry.st_shndx != "SHN_UNDEF" and symbol.entry.st_info.bind != "STB_LOCAL"
        ),
        "imports": sorted(symbol.name for symbol in symbols if symbol.name and symbol.entry.st_shndx == "SHN_UNDEF"),
        "versions": sorted(set(versions)),
    }


def pe(path):
    import pefile

    binary = pefile.PE(path)
    return {
        "format": "PE",
        "machine": pefile.MACHINE_TYPE[binary.FILE_HEADER.Machine],
        "bits": 64 if binary.PE_TYPE == pefile.OPTIONAL_HEADER_MAGIC_PE_PLUS else 32,
        "exports": sorted(symbol.name.decode() for symbol in binary.DIRECTORY_ENTRY_EXPORT.symbols),
        "libraries": sorted(entry.dll.decode().lower() for entry in binary.DIRECTORY_ENTRY_IMPORT),
    }


def inspect(path):
    with open(path, "rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == b"\x7fELF":
            return elf(file)
        if magic[:2] == b"MZ":
            return pe(path)
        return macho.inspect(file.read())


print(json.dumps({path: inspect(path) for path in sys.argv[1:]}))
