"""Writes THIRD-PARTY.txt: the crates that the program is made of, with their licences.

    python packaging/third_party.py            writes the file
    python packaging/third_party.py --check    fails where the file is out of date

Reads what cargo has fetched already; of the crates, those that the default program and the Python package for
Linux are built of.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY.txt"
# Of crates under several licences of choice, the first of these is the one that is taken.
CHOICE = ["MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "Zlib", "ISC", "0BSD", "Unlicense"]


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def crates() -> list[dict]:
    """Packages of others that the program is built of, by name."""
    tree = cargo("tree", "--locked", "-p", "relume-cli", "-p", "relume-py", "--edges", "normal", "--prefix", "none",
                 "--target", "x86_64-unknown-linux-gnu")
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    found = [p for p in packages if p["source"] and (p["name"], "v" + p["version"]) in wanted]
    return sorted(found, key=lambda p: (p["name"], p["version"]))


def texts(package: dict) -> list[str]:
    """The licence texts that a crate carries: of the licence that is taken, else all."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [f for f in sorted(folder.iterdir()) if re.match(r"(?i)(licen[cs]e|copying|copyright|notice|unlicense)", f.name) and f.is_file()]
    taken = next((name for name in CHOICE if name in (package["license"] or "")), "")
    short = taken.split("-")[0].lower()
    fitting = [f for f in files if short and short in f.name.lower()]
    return ["\n".join(line.rstrip() for line in f.read_text(errors="replace").strip().splitlines())
            for f in fitting or files]


def document() -> str:
    packages = crates()
    without = []
    by_text: dict[str, list[str]] = {}
    lines = ["relume is made of its own code and of these crates. Where a crate leaves the choice between",
             "licences, the first of MIT, Apache-2.0, BSD, Zlib, ISC that it offers is taken.", ""]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}  {package['license'] or 'see its text'}  {package['repository'] or ''}".rstrip())
        found = texts(package)
        if not found:
            without.append(name)
        for text in found:
            by_text.setdefault(text, []).append(name)
    if without:
        lines += ["", "These state their licence as above and carry no text of it: " + ", ".join(without) + "."]
    for text, names in by_text.items():
        lines += ["", "=" * 100, ", ".join(names), "=" * 100, "", text]
    return "\n".join(lines) + "\n"


def main() -> None:
    new = document()
    if "--check" in sys.argv:
        if not FILE.exists() or FILE.read_text() != new:
            sys.exit("THIRD-PARTY.txt is out of date: python packaging/third_party.py")
        return
    FILE.write_text(new)
    print(f"{FILE.name}: {len(crates())} crates, {len(new) / 1e3:.0f} kB")


main()
