"""The `relume` program: `python -m relume`, and what pip installs as `relume`."""

import sys

from . import _relume


def main() -> int:
    """Runs the program with the command line; its exit code."""
    itself = [sys.executable, "-m", "relume"]
    return _relume.main(itself, ["relume", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
