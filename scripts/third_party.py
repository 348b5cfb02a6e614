#!/usr/bin/env python3
"""Prints the licences of the crates that are linked into milvus-backup, each text once, with who it is from.

  third_party.py TARGET      e.g. x86_64-unknown-linux-gnu

Binaries are shipped with it, as the licences ask. Reads `cargo metadata` and the sources cargo has downloaded.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = "milvus-backup"
NAMES = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
NOT_TEXTS = {".rs", ".toml"}
DEPTH = 2  # crates with parts of others keep their licences one directory down


def linked(metadata):
    """The packages from elsewhere that the program needs to run."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == PROGRAM]
    found = set()
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [dependency["pkg"] for dependency in nodes[key]["deps"]
                        if any(kind["kind"] is None for kind in dependency["dep_kinds"])]
    return sorted((packages[key] for key in found if packages[key]["source"]), key=lambda one: one["name"])


def texts(package):
    """The licence files of a package."""
    home = Path(package["manifest_path"]).parent
    for file in sorted(home.rglob("*")):
        below = file.relative_to(home)
        if len(below.parts) <= DEPTH and NAMES.match(file.name) and file.suffix not in NOT_TEXTS and file.is_file():
            yield file.read_text(errors="replace").strip()


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", sys.argv[1]],
        check=True, stdout=subprocess.PIPE).stdout)
    shared = {}
    print(f"{PROGRAM} is linked with these crates:\n")
    for package in linked(metadata):
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see below'}; {package['repository'] or 'no repository named'}")
        for one in texts(package):
            shared.setdefault(one, []).append(name)
    for one, names in shared.items():
        print(f"\n{'=' * 100}\n{', '.join(dict.fromkeys(names))}\n{'=' * 100}\n\n{one}")


if __name__ == "__main__":
    main()
