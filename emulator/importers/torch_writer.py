"""Writing the operators of a PyTorch program as those of an ONNX graph, one after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from emulator.errors import FileFormatError, suggest
from emulator.importers.torch_program import Program, Ref, Step, flat

#: what ONNX calls an operator that no substrate has; the words of the refusal belong to it
_REFUSED = {
    "layer_norm": "LayerNormalization", "native_layer_norm": "LayerNormalization", "rms_norm": "LayerNormalization",
    "group_norm": "GroupNormalization", "native_group_norm": "GroupNormalization",
    "instance_norm": "InstanceNormalization", "scaled_dot_product_attention": "Attention",
    "multi_head_attention_forward": "Attention", "lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN",
    "linalg_vector_norm": "LpNormalization", "while_loop": "Loop", "cond": "If", "scan": "Scan",
}  # fmt: skip
#: operators that give a view: what is written into it is written into its source
_VIEWS = ("view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "slice", "select", "split",
          "split_with_sizes", "chunk", "unbind", "expand", "alias", "detach", "contiguous", "narrow", "movedim", "unflatten",
          "view_as", "expand_as", "numpy_T", "dropout", "to", "_unsafe_view")  # fmt: skip
Handler = Callable[["Writer", Step], None]
#: what writes each operator, by its name without underscores at the end
HANDLERS: dict[str, Handler] = {}


class Writer:
    """Writes ONNX operators one after another.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.number = np.dtype(np.float64 if program.precision < 1e-12 else np.float32)
        self._known = {name: name for name in program.inputs}
        self._roots: dict[str, str] = {}
        self._stale: set[str] = set()
        self._fresh = 0
        for name, value in program.constants.items():
            self._known[name] = self.constant(value, name)

    def write(self, step: Step) -> None:
        """One operator of the program."""
        space, _, name = step.operator.partition(".")
        called = name.removesuffix("_") if not name.startswith("_") else name
        place = f"operator {step.operator} (node {step.name!r})"
        handler = HANDLERS.get(called) if space == "aten" else None
        if called in _REFUSED:
            source = next(ref.name for value in step.given.values() for ref in flat(value) if isinstance(ref, Ref))
            self._known |= dict.fromkeys(
                step.outputs, self.node(_REFUSED[called], [self.known(source)], [self.new()], step.name)
            )
            return
        if handler is None:
            known = sorted(one for one in HANDLERS if not one.startswith("_"))
            raise FileFormatError(f"{place} has no element that stands for it: {suggest(called, known)}")
        try:
            handler(self, step)
        except KeyError as error:
            raise FileFormatError(f"{place}: its argument {error} is missing; allowed: all that it needs") from error
        self._follow_views(step, called, name.endswith("_"), place)

    def known(self, name: str) -> str:
        """The ONNX tensor that stands for one of the program."""
        if name in self._stale:
            raise FileFormatError(
                f"tensor {name!r} is read after another operator wrote into it; allowed: program.run_decompositions(), which "
                "writes into none"
            )
        if name not in self._known:
            raise FileFormatError(f"tensor {name!r} is made by no operator; allowed: a whole program")
        return self._known[name]

    def _follow_views(self, step: Step, called: str, in_place: bool, place: str) -> None:
        """Who shares memory with whom, and who holds an old value now."""
        source = next((value.name for value in step.given.values() if isinstance(value, Ref)), None)
        if source is None:
            return
        root = self._roots.get(source, source)
        if called in _VIEWS or in_place:
            self._roots |= dict.fromkeys(step.outputs, root)
        if in_place and called not in _VIEWS:
            others = {name for name in self._known if self._roots.get(name, name) == root}
            self._stale |= others - set(step.outputs) - {source}
            if source in self.program.constants:
                raise FileFormatError(f"{place} writes into a weight; allowed: weights that stay as they are")
            self._known[source] = self._known[step.outputs[0]]

    def new(self) -> str:
        """A name that no tensor has yet."""
        self._fresh += 1
        return f"_{self._fresh}"

    def constant(self, value: Any, name: str = "") -> str:
        """A tensor of the model; real numbers in its type."""
        from onnx import numpy_helper

        array = np.asarray(value)
        array = array.astype(self.number) if array.dtype.kind == "f" else array
        name = name or self.new()
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def whole(self, *values: int) -> str:
        """A tensor of whole numbers."""
        return self.constant(np.array(values, np.int64))

    def tensor(self, value: Any) -> str:
        """An argument that is a tensor, a number, or left out."""
        if value is None:
            return ""
        return self.known(value.name) if isinstance(value, Ref) else self.constant(float(value))

    def node(self, kind: str, inputs: list[str], outputs: list[str], name: str, **given: Any) -> str:
        """An operator."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **given))
        return outputs[0]

    def put(self, step: Step, kind: str, *inputs: Any, **given: Any) -> None:
        """The operator that gives what a step gives."""
        names = [self._called(step, name) for name in step.outputs]
        self.node(kind, [self.tensor(i) if not isinstance(i, str) else i for i in inputs], names, step.name, **given)
        self._known |= dict(zip(step.outputs, names, strict=True))

    def between(self, step: Step, kind: str, *inputs: Any, **given: Any) -> str:
        """An operator on the way to what a step gives."""
        named = [self.tensor(i) if not isinstance(i, str) else i for i in inputs]
        return self.node(kind, named, [self.new()], step.name, **given)

    def same(self, step: Step, source: str) -> None:
        """A step that hands a tensor on."""
        self._known[step.outputs[0]] = source

    def shape(self, value: Any, step: Step) -> tuple[int, ...]:
        """The shape of a tensor of the program."""
        shape = self.program.shapes.get(value.name)
        if shape is None:
            raise FileFormatError(
                f"operator {step.operator} (node {step.name!r}) has sizes that depend on more than the batch; allowed: known sizes"
            )
        return shape

    def _called(self, step: Step, output: str) -> str:
        """A tensor's name: that of the module whose weight it is made with, if that is to be had."""
        weight = step.given.get("weight")
        origin = self.program.origins.get(weight.name, "") if isinstance(weight, Ref) else ""
        wanted = origin.removesuffix(".weight") if origin.endswith(".weight") else output
        return output if wanted in self._known.values() else wanted


def op(*names: str) -> Callable[[Handler], Handler]:
    """Let a function write the operators of these names."""

    def remember(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return remember


def first(step: Step) -> Any:
    """The first argument."""
    return next(iter(step.given.values()))


def per_axis(value: Any, axes: int, default: int = 1) -> list[int]:
    """A number per axis."""
    listed = value if isinstance(value, list) else [value] if value is not None else []
    listed = listed or [default]
    return [int(n) for n in (listed * axes if len(listed) == 1 else listed)]
