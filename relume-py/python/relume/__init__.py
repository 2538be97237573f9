"""relume for Python: dark, noisy and shaken pictures in, better ones out.

    import relume
    better = relume.restore(picture)              # a NumPy array, a PIL image, a file
    relume.inspect(picture)["verdict"]            # what is wrong with it

Arrays are `[height, width]`, `[height, width, channels]` or a batch of the latter: grey, grey with opacity,
RGB, RGBA; uint8, uint16, or float32 from 0 to 1; encoded for display (sRGB). What comes in as uint16 goes
out as uint16. The same picture and settings give the same bytes as the `relume` program.
"""

from . import errors
from ._describe import metric_cards, models
from ._pictures import degrade, inspect, metrics
from ._relume import __version__, set_threads
from ._restore import Restorer, restore, unit, units
from ._video import video
from .errors import Error

__all__ = [
    "Error", "Restorer", "__version__", "degrade", "errors", "inspect", "metric_cards", "metrics", "models",
    "restore", "set_threads", "unit", "units", "video",
]
