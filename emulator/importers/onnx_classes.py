"""Names of the classes that an ONNX file tells: as labels of its last operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from emulator.importers.onnx_nodes import attributes

#: where operators of ``ai.onnx.ml`` keep them
_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


def class_names(model: Any, size: int) -> tuple[str, ...] | None:
    """Names of the outputs of a classifier, as texts; None where the file has none of them, or 0, 1, ... themselves.

    Parameters
    ----------
    model : onnx.ModelProto
        As it is in the file.
    size : int
        How many outputs there are: other labels are not theirs.
    """
    for labels in _labels(model):
        names = tuple(labels)
        if len(names) == size == len(set(names)):
            return None if names == tuple(map(str, range(size))) else names
    return None


def _labels(model: Any) -> Iterator[list[str]]:
    """Labels that a file has, those of its last operators first."""
    from onnx import numpy_helper

    stored = {one.name: one for one in model.graph.initializer}
    for node in reversed(model.graph.node):
        if node.domain != "ai.onnx.ml":
            continue
        given = attributes(node)
        for key in _LABELS:
            if given.get(key):
                yield [_text(one) for one in given[key]]
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in stored:  # the label at the place of the largest
            yield [_text(one) for one in np.ravel(numpy_helper.to_array(stored[node.input[0]])).tolist()]


def _text(label: Any) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)
