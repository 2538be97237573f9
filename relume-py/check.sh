#!/bin/sh
# Builds the wheel with all features, installs it into a clean environment, and runs its tests.
#   check.sh         all but the slow ones
#   check.sh slow    the slow ones, which install Ray
# Without Python, or where its packages cannot be had, it says that it skips.
set -eu
cd "$(dirname "$0")"
home=../target/python
skip() {
    echo "skipped: the Python package is not tested: $1"
    exit 0
}
"${PYTHON:-python3}" -m venv --clear "$home" || skip "no environment by ${PYTHON:-python3} -m venv"
pip="$home/bin/pip install --quiet --disable-pip-version-check"
$pip maturin -r tests/requirements.txt || skip "pip cannot install tests/requirements.txt"
if [ "${1:-}" = slow ]; then $pip "ray[data]" || skip "pip cannot install Ray"; fi
rm -rf ../target/wheels
"$home/bin/maturin" build --quiet --profile "${PROFILE:-dev}" --locked --features cloud,queue --out ../target/wheels
$pip --no-deps ../target/wheels/relume-*.whl
marked="not slow"
if [ "${1:-}" = slow ]; then marked=slow; fi
exec "$home/bin/python" -m pytest -q -m "$marked" tests
