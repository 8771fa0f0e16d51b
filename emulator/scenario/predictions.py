"""What the substrate answered to every sample, as a table to go on with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np

from emulator.data.batch import Batch
from emulator.measure import SettleResult
from emulator.network import check_batch, softmax
from emulator.text import for_cell

PREDICTIONS = "predictions.csv"


def predictions(result: SettleResult, batch: Batch) -> str:
    """A CSV table: sample, whether it settled, target, and prediction with its probability, or every output.

    Cells of samples that did not settle are empty. Samples count from 0, as everywhere.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in _rows(result, batch):
        writer.writerow([for_cell(cell) for cell in row])
    return text.getvalue()


def _rows(result: SettleResult, batch: Batch) -> Iterator[list[object]]:
    network = result.graph.network
    outputs, settled = result.held_states[network.output], result.settled
    if network.loss == "softmax_cross_entropy":
        names = batch.classes or network.names.get(network.output) or tuple(str(k) for k in range(outputs.shape[1]))
        with np.errstate(all="ignore"):
            chances = softmax(outputs)
        yield ["sample", "settled", "target", "prediction", "probability"]
        for k, chance in enumerate(chances):
            target = "" if batch.labels is None else names[batch.labels[k]]
            found = [names[int(chance.argmax())], float(chance.max())] if settled[k] else ["", ""]
            yield [k, bool(settled[k]), target, *found]
        return
    _, targets = check_batch(network, batch.inputs, batch.targets)
    width = outputs.shape[1]
    numbers = [""] if width == 1 else [f" {k}" for k in range(width)]
    yield [
        "sample",
        "settled",
        *(f"target{n}" for n in numbers if targets is not None),
        *(f"prediction{n}" for n in numbers),
    ]
    for k, row in enumerate(outputs):
        wanted = [] if targets is None else [float(value) for value in targets[k]]
        yield [k, bool(settled[k]), *wanted, *([float(value) for value in row] if settled[k] else [""] * width)]
