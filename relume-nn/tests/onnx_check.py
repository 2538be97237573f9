"""Runs exported networks in ONNX Runtime and compares them with what relume computed.

usage: onnx_check.py FOLDER TOLERANCE

Each folder in FOLDER holds model.onnx and case.json: the names, shapes and files (raw
little-endian float32) of the inputs and of the expected outputs. Prints one line a case; ends
with 1 when one is off by more than TOLERANCE times its largest value (at least 1), with 77 when
numpy or onnxruntime is missing. Where the onnx package is there, its checker looks too.
"""

import json
import pathlib
import sys

try:
    import numpy
    import onnxruntime
except ImportError as missing:
    print(missing)
    sys.exit(77)
try:
    import onnx
except ImportError:
    onnx = None


def tensors(folder, entries):
    def read(entry):
        values = numpy.fromfile(folder / entry["file"], dtype="<f4")
        return values.reshape(entry["shape"])

    return {name: read(entry) for name, entry in entries.items()}


def worst(folder):
    case = json.loads((folder / "case.json").read_text())
    path = str(folder / "model.onnx")
    if onnx:
        onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = tensors(folder, case["outputs"])
    found = session.run(list(expected), tensors(folder, case["inputs"]))
    off = 0.0
    for (name, truth), value in zip(expected.items(), found):
        if value.shape != truth.shape:
            raise SystemExit(f"{folder.name}: {name} is {value.shape}, expected {truth.shape}")
        if not numpy.isfinite(value).all():
            raise SystemExit(f"{folder.name}: {name} is not finite")
        largest = max(1.0, float(numpy.abs(truth).max()))
        off = max(off, float(numpy.abs(value - truth).max()) / largest)
    return off


def main():
    root, tolerance = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    failed = False
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        off = worst(folder)
        failed |= off > tolerance
        print(f"{folder.name}: off by {off:.2e}")
    sys.exit(1 if failed else 0)


main()
