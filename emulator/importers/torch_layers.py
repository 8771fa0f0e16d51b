"""ATen operators with weights or windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.errors import FileFormatError
from emulator.importers.torch_program import Step
from emulator.importers.torch_writer import Writer, op, per_axis


@op("linear")
def _linear(w: Writer, step: Step) -> None:
    weight, bias = step.given["weight"], step.given.get("bias")
    if len(w.shape(step.given["input"], step)) == 2:
        w.put(step, "Gemm", step.given["input"], weight, bias, transB=1)
        return
    turned = w.between(step, "Transpose", weight, perm=[1, 0])
    if bias is None:
        w.put(step, "MatMul", step.given["input"], turned)
    else:
        w.put(step, "Add", w.between(step, "MatMul", step.given["input"], turned), bias)


@op("addmm")
def _addmm(w: Writer, step: Step) -> None:
    given = {"alpha": 1.0, "beta": 1.0} | step.given
    w.put(
        step,
        "Gemm",
        given["mat1"],
        given["mat2"],
        given["self"],
        alpha=float(given["alpha"]),
        beta=float(given["beta"]),
    )


@op("mm", "matmul", "bmm", "mv")
def _matmul(w: Writer, step: Step) -> None:
    w.put(step, "MatMul", *list(step.given.values())[:2])


@op("conv1d", "conv2d", "conv3d", "convolution", "_convolution", "conv_transpose1d", "conv_transpose2d")
def _conv(w: Writer, step: Step) -> None:
    given = step.given
    axes = len(w.shape(given["weight"], step)) - 2
    attributes: dict[str, Any] = {
        "strides": per_axis(given.get("stride"), axes),
        "dilations": per_axis(given.get("dilation"), axes),
        "group": int(given.get("groups", 1)),
    }
    padding = given.get("padding", 0)
    if isinstance(padding, str):
        attributes["auto_pad"] = {"same": "SAME_UPPER", "valid": "VALID"}.get(padding, padding)
    else:
        attributes["pads"] = per_axis(padding, axes, 0) * 2
    turned = bool(given.get("transposed", "transpose" in step.operator))
    if turned:
        attributes["output_padding"] = per_axis(given.get("output_padding"), axes, 0)
    kind = "ConvTranspose" if turned else "Conv"
    w.put(step, kind, given["input"], given["weight"], given.get("bias"), **attributes)


@op(
    "batch_norm",
    "_native_batch_norm_legit_no_training",
    "native_batch_norm",
    "_batch_norm_no_update",
    "cudnn_batch_norm",
)
def _batch_norm(w: Writer, step: Step) -> None:
    given = step.given
    mean, variance = given.get("running_mean"), given.get("running_var")
    if given.get("training") or mean is None or variance is None:
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) is in training mode, or keeps no averages; allowed: a model exported "
            "with model.eval()"
        )
    channels = w.shape(mean, step)[0]
    scale = given.get("weight") or w.constant(np.ones(channels))
    shift = given.get("bias") or w.constant(np.zeros(channels))
    variance = w.between(step, "Add", variance, float(given["eps"]))  # attributes of ONNX are of single precision
    made = Step(step.operator, step.overload, step.name, given, step.outputs[:1])
    w.put(made, "BatchNormalization", given["input"], scale, shift, mean, variance, epsilon=0.0)


@op("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d")
def _pool(w: Writer, step: Step) -> None:
    given = step.given
    axes = int(next(c for c in step.operator if c.isdigit()))
    largest = "max" in step.operator
    kernel = per_axis(given["kernel_size"], axes)
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": per_axis(given["stride"], axes) if given.get("stride") else kernel,
        "pads": per_axis(given.get("padding"), axes, 0) * 2,
        "ceil_mode": int(given.get("ceil_mode", False)),
    }
    if largest:
        attributes["dilations"] = per_axis(given.get("dilation"), axes)
    elif given.get("divisor_override"):
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) has a divisor of its own; allowed: the window's size"
        )
    else:
        attributes["count_include_pad"] = int(given.get("count_include_pad", True))
    _check_window(w, step, axes)
    w.put(step, "MaxPool" if largest else "AveragePool", given["self"], **attributes)


@op("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d")
def _adaptive(w: Writer, step: Step) -> None:
    axes = int(next(c for c in step.operator if c.isdigit()))
    sizes = w.shape(step.given["self"], step)[-axes:]
    wanted = [
        size if n is None else n for n, size in zip(per_axis(step.given["output_size"], axes), sizes, strict=True)
    ]
    if any(n < 1 or size % n for n, size in zip(wanted, sizes, strict=True)):
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) has windows of unequal sizes, {tuple(sizes)} to {tuple(wanted)}; "
            "allowed: sizes that divide"
        )
    _check_window(w, step, axes)
    kernel = [size // n for n, size in zip(wanted, sizes, strict=True)]
    w.put(
        step,
        "MaxPool" if "max" in step.operator else "AveragePool",
        step.given["self"],
        kernel_shape=kernel,
        strides=kernel,
    )


def _check_window(w: Writer, step: Step, axes: int) -> None:
    if len(w.shape(step.given["self"], step)) != axes + 2:
        raise FileFormatError(
            f"operator {step.operator} (node {step.name!r}) has no axis of the batch; allowed: a batch, channels, then sizes"
        )


@op("mean")
def _mean(w: Writer, step: Step) -> None:
    axes = len(w.shape(step.given["self"], step))
    dim = step.given.get("dim")
    along = range(axes) if dim is None else per_axis(dim, 1)
    w.put(step, "ReduceMean", step.given["self"], w.whole(*along), keepdims=int(step.given.get("keepdim", False)))
