"""What there is."""

from __future__ import annotations

import json
from typing import Any

from . import _relume


def models() -> list[dict[str, Any]]:
    """The networks: name, help, source, and whether their weights are inside this package."""
    return json.loads(_relume.models())


def metric_cards() -> list[dict[str, Any]]:
    """The metrics: name, help, source, unit, which values are good, and whether they need the truth."""
    return json.loads(_relume.metric_cards())
