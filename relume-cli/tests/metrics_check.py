"""Compares relume's metrics with public implementations, on real pairs of pictures.

usage: metrics_check.py RELUME PICTURES TRUTHS STATISTICS

RELUME is the program; PICTURES and TRUTHS are folders with files of the same names; STATISTICS is
relume's file niqe-pristine.safetensors, so that both compute NIQE with the same statistics. PSNR,
SSIM and NIQE are compared with BasicSR, CIEDE2000 with scikit-image. Prints one line a metric;
ends with 1 when one is off by more than 1e-3, with 77 when a package is missing.
"""

import importlib.util
import json
import pathlib
import struct
import subprocess
import sys
import types


def bare(name):
    """A package without what its own start would import: BasicSR's brings all its networks."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ImportError(f"No module named {name!r}")
    package = types.ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package


try:
    import cv2
    import numpy

    for name in ("basicsr", "basicsr.metrics", "basicsr.utils"):
        bare(name)
    from basicsr.utils.color_util import bgr2ycbcr

    sys.modules["basicsr.utils"].bgr2ycbcr = bgr2ycbcr
    from basicsr.metrics.niqe import niqe
    from basicsr.metrics.psnr_ssim import calculate_psnr, calculate_ssim
    from skimage import color
except ImportError as missing:
    print(missing)
    sys.exit(77)

TOLERANCE = 1e-3
METRICS = ["psnr", "ssim", "delta_e2000", "niqe"]


def measured(relume, pictures, truths):
    """What relume says, by the name of the picture."""
    wanted = [word for name in METRICS for word in ("--metric", name)]
    command = [relume, "score", pictures, truths, "--json", *wanted]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [record for record in map(json.loads, lines) if record.get("status") == "done"]
    return {pathlib.Path(row["truth"]).stem: row["scores"] for row in rows}


def statistics(path):
    """Mean and covariance of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])

    def array(name):
        start, end = header[name]["data_offsets"]
        values = numpy.frombuffer(data[8 + length + start : 8 + length + end], dtype="<f4")
        return values.reshape(header[name]["shape"]).astype(numpy.float64)

    return array("mean")[None, :], array("covariance")


def window():
    """The 7x7 Gaussian of sigma 7/6 that NIQE smooths with."""
    line = numpy.exp(-(numpy.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    square = numpy.outer(line, line)
    return square / square.sum()


def expected(picture, truth, mean, covariance):
    """What the others say of one pair."""
    a, b = (cv2.imread(str(path)) for path in (picture, truth))
    lab = [color.rgb2lab(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)) for image in (a, b)]
    luma = (bgr2ycbcr(a.astype(numpy.float32) / 255.0, y_only=True) * 255.0).round()
    return {
        "psnr": calculate_psnr(a, b, crop_border=0),
        "ssim": calculate_ssim(a, b, crop_border=0),
        "delta_e2000": float(color.deltaE_ciede2000(*lab).mean()),
        "niqe": float(numpy.squeeze(niqe(luma, mean, covariance, window()))),
    }


def main(relume, pictures, truths, pristine):
    found = measured(relume, pictures, truths)
    model = statistics(pristine)
    worst = dict.fromkeys(METRICS, 0.0)
    for name, scores in found.items():
        pair = [next(pathlib.Path(folder).glob(f"{name}.*")) for folder in (pictures, truths)]
        for metric, value in expected(*pair, *model).items():
            worst[metric] = max(worst[metric], abs(scores[metric] - value))
    for metric, difference in worst.items():
        print(f"{metric}: off by at most {difference:.1e} over {len(found)} pairs")
    # `not <=` so that a difference that is not a number counts as one.
    return 1 if not found or any(not d <= TOLERANCE for d in worst.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
