"""Reading nodes of ONNX graphs."""

from __future__ import annotations

import re
from typing import Any


def attributes(node: Any) -> dict[str, Any]:
    """The attributes of an operator by name."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def label(name: str) -> str:
    """A layer's name from a tensor's: letters, digits and what stands between them."""
    cleaned = re.sub(r"[^A-Za-z0-9_.]+", ".", name.removesuffix("_output_0")).strip(".")
    return f"x.{cleaned}" if cleaned[:1].isdigit() or not cleaned else cleaned
