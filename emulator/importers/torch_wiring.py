"""ATen operators that only say which element goes where, or do nothing."""

from __future__ import annotations

import numpy as np

from emulator.errors import FileFormatError
from emulator.importers.torch_program import Kind, Ref, Step
from emulator.importers.torch_writer import Writer, first, op, per_axis

#: what only hands a tensor on, where nothing is trained
_NOTHING = ("alias", "detach", "clone", "contiguous", "lift_fresh", "lift_fresh_copy", "view_as_real_copy", "positive")
_DROPOUTS = ("dropout", "native_dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")


@op(*_NOTHING)
def hand_on(w: Writer, step: Step) -> None:
    """The first argument as it is."""
    w.same(step, w.tensor(first(step)))


@op("to", "_to_copy", "type_as", "float", "double")
def _cast(w: Writer, step: Step) -> None:
    kind = next((value for value in step.given.values() if isinstance(value, Kind)), None)
    if kind is not None and not kind.real:
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) makes whole numbers; allowed: types of real numbers"
        )
    hand_on(w, step)


@op(*_DROPOUTS)
def _dropout(w: Writer, step: Step) -> None:
    if step.given.get("train"):
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) is in training mode; allowed: a model exported with model.eval()"
        )
    hand_on(w, step)


@op("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "scalar_tensor")
def _filled(w: Writer, step: Step) -> None:
    value = step.given.get("fill_value", step.given.get("s", float("ones" in step.operator)))
    w.same(step, w.constant(np.full(w.shape(Ref(step.outputs[0]), step), float(value))))


@op("view", "reshape", "_unsafe_view", "view_copy")
def _view(w: Writer, step: Step) -> None:
    w.put(
        step,
        "Reshape",
        step.given["self"],
        w.whole(*next(step.given[key] for key in ("size", "shape") if key in step.given)),
    )


@op("flatten", "unflatten", "view_as", "reshape_as", "expand_as", "movedim", "swapaxes")
def _to_shape(w: Writer, step: Step) -> None:
    if "movedim" in step.operator or "swapaxes" in step.operator:
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) is not read; allowed: permute or transpose"
        )
    wanted = w.shape(Ref(step.outputs[0]), step)
    kind = "Expand" if "expand" in step.operator else "Reshape"
    w.put(step, kind, step.given["self"], w.whole(*wanted))


@op("expand")
def _expand(w: Writer, step: Step) -> None:
    w.put(step, "Expand", step.given["self"], w.whole(*(1 if n == -1 else n for n in step.given["size"])))


@op("repeat")
def _repeat(w: Writer, step: Step) -> None:
    missing = len(step.given["repeats"]) - len(w.shape(step.given["self"], step))
    source = w.tensor(step.given["self"])
    if missing:
        source = w.between(step, "Unsqueeze", source, w.whole(*range(missing)))
    w.put(step, "Tile", source, w.whole(*step.given["repeats"]))


@op("squeeze")
def _squeeze(w: Writer, step: Step) -> None:
    shape = w.shape(step.given["self"], step)
    dims = step.given.get("dim")
    axes = (
        [d % len(shape) for d in per_axis(dims, 1)]
        if dims is not None
        else [a for a, n in enumerate(shape) if a and n == 1]
    )
    axes = [a for a in axes if shape[a] == 1]
    if axes:
        w.put(step, "Squeeze", step.given["self"], w.whole(*axes))
    else:
        hand_on(w, step)


@op("unsqueeze")
def _unsqueeze(w: Writer, step: Step) -> None:
    w.put(step, "Unsqueeze", step.given["self"], w.whole(int(step.given["dim"])))


@op("permute")
def _permute(w: Writer, step: Step) -> None:
    axes = len(step.given["dims"])
    w.put(step, "Transpose", step.given["self"], perm=[int(d) % axes for d in step.given["dims"]])


@op("transpose")
def _transpose(w: Writer, step: Step) -> None:
    order = list(range(len(w.shape(step.given["self"], step))))
    a, b = int(step.given["dim0"]), int(step.given["dim1"])
    order[a], order[b] = order[b], order[a]
    w.put(step, "Transpose", step.given["self"], perm=order)


@op("slice")
def _slice(w: Writer, step: Step) -> None:
    given = step.given
    start, end = given.get("start") or 0, given.get("end")
    bounds = (start, 2**62 if end is None else end, given.get("dim", 0), given.get("step", 1))
    w.put(step, "Slice", given["self"], w.whole(bounds[0]), w.whole(bounds[1]), w.whole(bounds[2]), w.whole(bounds[3]))


@op("narrow")
def _narrow(w: Writer, step: Step) -> None:
    start, length = int(step.given["start"]), int(step.given["length"])
    w.put(step, "Slice", step.given["self"], w.whole(start), w.whole(start + length), w.whole(int(step.given["dim"])))


@op("select")
def _select(w: Writer, step: Step) -> None:
    w.put(step, "Gather", step.given["self"], w.constant(np.int64(step.given["index"])), axis=int(step.given["dim"]))


@op("flip")
def _flip(w: Writer, step: Step) -> None:
    dims = [int(d) for d in step.given["dims"]]
    ends = (w.whole(*[-1] * len(dims)), w.whole(*[-(2**62)] * len(dims)), w.whole(*dims), w.whole(*[-1] * len(dims)))
    w.put(step, "Slice", step.given["self"], *ends)


@op("split", "split_with_sizes", "chunk", "unbind")
def _split(w: Writer, step: Step) -> None:
    axis = int(step.given.get("dim", 0))
    if "unbind" in step.operator:
        for number, name in enumerate(step.outputs):
            one = Step(
                step.operator, "", step.name, {"self": step.given["self"], "dim": axis, "index": number}, (name,)
            )
            _select(w, one)
        return
    sizes = [w.shape(Ref(name), step)[axis] for name in step.outputs]
    w.put(step, "Split", step.given["self"], w.whole(*sizes), axis=axis)


@op("cat", "concat", "concatenate")
def _cat(w: Writer, step: Step) -> None:
    w.put(step, "Concat", *step.given["tensors"], axis=int(step.given.get("dim", 0)))


@op("stack")
def _stack(w: Writer, step: Step) -> None:
    axis = w.whole(int(step.given.get("dim", 0)))
    tall = [w.between(step, "Unsqueeze", one, axis) for one in step.given["tensors"]]
    w.put(step, "Concat", *tall, axis=int(step.given.get("dim", 0)))


@op("pixel_shuffle")
def _shuffle(w: Writer, step: Step) -> None:
    w.put(step, "DepthToSpace", step.given["self"], blocksize=int(step.given["upscale_factor"]), mode="CRD")


@op("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")
def _pad(w: Writer, step: Step) -> None:
    given = step.given
    modes = {
        "reflection": "reflect",
        "replication": "edge",
        "reflect": "reflect",
        "replicate": "edge",
        "circular": "wrap",
    }
    named = step.operator.removeprefix("aten.").partition("_")[0]
    mode = modes.get(named) or modes.get(given.get("mode", "constant"), "constant")
    axes = len(w.shape(given["self"], step))
    listed = [int(n) for n in next(given[key] for key in ("pad", "padding") if key in given)]
    ends = [[0] * axes, [0] * axes]
    for number, n in enumerate(listed):  # the last axis first, before and behind
        ends[number % 2][axes - 1 - number // 2] = n
    value = [float(given.get("value") or 0.0)] if mode == "constant" else []
    w.put(step, "Pad", given["self"], w.whole(*ends[0], *ends[1]), *value, mode=mode)
