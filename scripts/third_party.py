#!/usr/bin/env python3
"""Prints the licences of the crates that are linked into milvus-backup: each text once, with the names of its crates.

  third_party.py TARGET      e.g. x86_64-unknown-linux-gnu

Releases contain this text, as the licences require. Reads `cargo metadata` and the sources that cargo has downloaded.
"""
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

PROGRAM = "milvus-backup"
NAMES = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
NOT_TEXTS = {".rs", ".toml"}
DEPTH = 2  # crates that contain parts of other crates have those licences one directory down
# Build dependencies whose archives are embedded in the program: Swagger UI.
EMBEDDED = {"utoipa-swagger-ui-vendored"}


def linked(metadata):
    """Returns the external packages that are linked into the program."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == PROGRAM]
    found = set()
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [dependency["pkg"] for dependency in nodes[key]["deps"]
                        if packages[dependency["pkg"]]["name"] in EMBEDDED
                        or any(kind["kind"] is None for kind in dependency["dep_kinds"])]
    return sorted((packages[key] for key in found if packages[key]["source"]), key=lambda one: (one["name"], one["version"]))


def is_licence(path):
    """Returns whether a file, given by its path within a package or an archive, is a licence to print."""
    return len(path.parts) <= DEPTH and NAMES.match(path.name) and path.suffix not in NOT_TEXTS


def texts(package):
    """Yields the licence texts of a package, including those in its archives."""
    home = Path(package["manifest_path"]).parent
    for file in sorted(home.rglob("*")):
        if is_licence(file.relative_to(home)) and file.is_file():
            yield file.read_text(errors="replace").strip()
    for archive in sorted(home.rglob("*.zip")) if package["name"] in EMBEDDED else []:
        with zipfile.ZipFile(archive) as files:
            for name in sorted(files.namelist()):
                if is_licence(PurePosixPath(name)) and not name.endswith("/"):
                    yield files.read(name).decode(errors="replace").strip()


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
