"""What each ONNX operator becomes: wiring, a crossbar, neurons, an adder, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from emulator.errors import FileFormatError, suggest
from emulator.importers import onnx_linear as linear
from emulator.importers import onnx_scalars
from emulator.importers import onnx_windows as windows
from emulator.importers.onnx_check import NEURON, bounded, folded
from emulator.importers.onnx_nodes import attributes, label
from emulator.importers.onnx_tensors import Tensors

#: operators that only say which element goes where; the reference evaluator does it on the elements' numbers
_WIRING = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather", "Identity", "Dropout", "Cast",
           "Expand", "Tile", "DepthToSpace", "SpaceToDepth")  # fmt: skip
_REASONS = {
    "LayerNormalization": "it divides by a norm of the state, and a product of two waves is no passive linear element",
    "InstanceNormalization": "it divides by a norm of the state, and a product of two waves is no passive linear element",
    "GroupNormalization": "it divides by a norm of the state, and a product of two waves is no passive linear element",
    "LpNormalization": "it divides by a norm of the state, and a product of two waves is no passive linear element",
    "Attention": "it multiplies states with states, and a product of two waves is no passive linear element",
    "Loop": "the graph would depend on the data", "If": "the graph would depend on the data",
    "Scan": "the graph would depend on the data",
    "LSTM": "it multiplies states with states, and a product of two waves is no passive linear element",
    "GRU": "it multiplies states with states, and a product of two waves is no passive linear element",
    "RNN": "it feeds back; allowed: unrolled in time",
}  # fmt: skip
#: what makes an element of each operator
_HANDLERS: dict[str, Callable[[Tensors, Any, str], None]] = {
    "Gemm": linear.gemm, "MatMul": linear.matmul, "BatchNormalization": linear.batch_norm, "Concat": linear.concat,
    "Pad": linear.pad, "PRelu": linear.prelu, "Clip": linear.clip, "Sum": linear.state_sum,
    "Conv": windows.conv, "ConvTranspose": windows.conv_transpose, "AveragePool": windows.average_pool,
    "GlobalAveragePool": windows.global_average, "ReduceMean": windows.reduce_mean, "MaxPool": windows.max_pool,
    "GlobalMaxPool": windows.global_max,
}  # fmt: skip
_ENDS = ("Softmax", "LogSoftmax", "ArgMax", "ZipMap")
#: what may come after them: it only says what they found in other words
_AFTER = ("Cast", "Identity", "Reshape", "Squeeze", "Gather", "ArrayFeatureExtractor", "Normalizer")


class Converter(Tensors):
    """Walks through a model's operators in their order.

    Parameters
    ----------
    model : onnx.ModelProto
        One that has been checked.
    """

    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper

        uses = Counter(name for node in model.graph.node for name in node.input)
        uses.update(one.name for one in model.graph.output)
        super().__init__({t.name: numpy_helper.to_array(t) for t in model.graph.initializer}, uses)
        self.model = model
        self.opset = {one.domain: one.version for one in model.opset_import}
        self.input_names: dict[str, str] = {}
        self._evaluator: Any = None
        self._compared = ""
        self.end = ""
        self._over: set[str] = set()
        self.input_shapes: dict[str, tuple[int, ...]] = {}

    def convert(self) -> tuple[str, str | None]:
        """The name of the output layer, and the loss that the end of the model asks for."""
        self._inputs()
        final = [one.name for one in self.model.graph.output]
        loss = None
        for number, node in enumerate(self.model.graph.node):
            place = f"operator {node.op_type} (node {node.name or number!r})"
            if self._over.intersection(node.input):
                self._over.update(node.output)
                continue
            if node.op_type in _ENDS and self._ends_here(node, final):
                loss = "softmax_cross_entropy"
                self._end(node)
                continue
            if all(name in self.constants or not name for name in node.input) or node.op_type == "Shape":
                self._constant(node, place)
                continue
            self._convert(node, place)
        named = [name for name in final if name in self.signals or name in self.functions]
        if final and not named and self._over.issuperset(final):
            named = [self._compared]
        if len(named) != 1:
            names = ", ".join(final)
            raise FileFormatError(f"the model has outputs {names}; allowed: one that depends on the input")
        self._compared = self._compared or named[0]
        output = self.draft.settled(self.signal(named[0], "the output"))
        return output.layer, loss

    def evaluated_output(self, given: dict[str, np.ndarray]) -> np.ndarray:
        """What the reference evaluator answers to one sample, (n_out,), before a softmax at the end.

        Parameters
        ----------
        given : dict of (1, n)
            By the network's names of the inputs.
        """
        from onnx import ModelProto, ValueInfoProto
        from onnx.helper import tensor_dtype_to_np_dtype
        from onnx.reference import ReferenceEvaluator

        if self._evaluator is None:
            model = ModelProto()
            model.CopyFrom(self.model)
            del model.graph.output[:]
            del model.graph.node[:]
            model.graph.node.extend(one for one in self.model.graph.node if not self._over.intersection(one.output))
            model.graph.output.append(ValueInfoProto(name=self._compared))
            self._evaluator = ReferenceEvaluator(model)
        kinds = {one.name: one.type.tensor_type.elem_type for one in self.model.graph.input}
        fed = {}
        for name, rows in given.items():
            theirs = self.input_names[name]
            fed[theirs] = rows.reshape(1, *self.input_shapes[name]).astype(tensor_dtype_to_np_dtype(kinds[theirs]))
        return np.asarray(self._evaluator.run(None, fed)[0], float).ravel()

    def _inputs(self) -> None:
        given = [one for one in self.model.graph.input if one.name not in self.constants]
        if not given:
            raise FileFormatError("the model has no input; allowed: at least one")
        read = {name for node in self.model.graph.node for name in node.input}
        for one in given:
            if one.name not in read:
                raise FileFormatError(
                    f"input {one.name!r} is read by no operator, as one that stands for a constant whose value was not "
                    "written; allowed: inputs that operators read"
                )
            sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in one.type.tensor_type.shape.dim]
            if len(sizes) < 2 or any(size < 1 for size in sizes[1:]):
                shape = ["?" if size < 1 else size for size in sizes]
                raise FileFormatError(f"input {one.name!r} has shape {shape}; allowed: a batch, then known sizes")
            if sizes[0] > 1:
                raise FileFormatError(f"input {one.name!r} has batches of {sizes[0]}; allowed: 1, or any number")
            bounded(f"input {one.name!r}", *sizes[1:], each=NEURON)
            name = label(one.name)
            self.signals[one.name] = self.draft.input(name, (1, *sizes[1:]))
            self.input_names[name], self.input_shapes[name] = one.name, tuple(sizes[1:])

    def _ends_here(self, node: Any, final: list[str]) -> bool:
        """Whether what an operator gives only leaves the model."""
        readers = [other for other in self.model.graph.node if set(node.output) & set(other.input)]
        return all(reader.op_type in (*_ENDS, *_AFTER) and self._ends_here(reader, final) for reader in readers)

    def _end(self, node: Any) -> None:
        source = node.input[0]
        found = self.signal(source, f"operator {node.op_type}")
        if node.op_type in ("Softmax", "LogSoftmax"):
            axis = int(attributes(node).get("axis", -1))
            if found.shape[axis] != found.size:
                raise FileFormatError(
                    f"operator {node.op_type} (node {node.name!r}) is along one axis of {found.shape}; allowed: over all "
                    "outputs of a sample"
                )
            self.notes.append((f"operator {node.op_type}", "the loss: softmax cross-entropy"))
            self._compared, self.end = source, node.op_type
        self._compared, self.end = self._compared or source, self.end or node.op_type
        self._over.update(node.output)

    def _constant(self, node: Any, place: str) -> None:
        if node.op_type == "Shape" and node.input[0] not in self.constants:
            known = self._shape(node.input[0])
            given = attributes(node)
            part = slice(given.get("start", 0), given.get("end", None))
            self.constants[node.output[0]] = np.array(known[part], np.int64)
            return
        for name, value in zip(node.output, self._evaluated(node, place), strict=False):
            self.constants[name] = np.asarray(value)

    def _shape(self, name: str) -> tuple[int, ...]:
        while name in self.functions and name not in self.signals:
            name = self.functions[name].root
        return self.signals[name].shape

    def _evaluated(self, node: Any, place: str, **given: np.ndarray) -> list[Any]:
        """What the reference evaluator answers for one operator."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        folded(node, place, self.constants | given)
        values = {name: given[name] if name in given else self.constants[name] for name in node.input if name}
        info = [onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), None)
                for n, v in values.items()]  # fmt: skip
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "one", info, outputs)
        imports = [onnx.helper.make_opsetid(domain, version) for domain, version in self.opset.items()]
        try:
            return list(ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=imports)).run(None, values))
        except Exception as error:  # whatever an operator's own code raises
            raise FileFormatError(f"{place} cannot be computed: {' '.join(str(error).split())[:200]}") from error

    def _convert(self, node: Any, place: str) -> None:
        kind = node.op_type
        if node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise FileFormatError(f"{place} is of the domain {node.domain!r}; allowed: operators of ONNX itself")
        if kind in _REASONS:
            raise FileFormatError(f"{place} is no element of a substrate: {_REASONS[kind]}")
        if kind in _WIRING:
            self._wire(node, place)
        elif kind in _HANDLERS:
            _HANDLERS[kind](self, node, place)
        elif not onnx_scalars.convert(self, node, place):
            known = (*_HANDLERS, *_WIRING, *onnx_scalars.KNOWN, *_ENDS)
            raise FileFormatError(f"{place} has no element that stands for it: {suggest(kind, sorted(known))}")

    def _wire(self, node: Any, place: str) -> None:
        source = self.signal(node.input[0], place)
        if node.op_type in ("Identity", "Dropout", "Cast"):
            self.signals[node.output[0]] = source
            self.uses[node.input[0]] += self.uses[node.output[0]] - 1
            return
        if any(name not in self.constants for name in node.input[1:] if name):
            raise FileFormatError(f"{place}: its settings depend on the data; allowed: constants")
        numbers = self._evaluated(node, place, **{node.input[0]: source.numbered()})
        if source.crossbar and self.uses[node.input[0]] > 1:
            source = self.scalable(node.input[0], source)
        elif source.crossbar and len(node.output) > 1:  # of a single reader, the crossbar's columns are led elsewhere
            source = self.draft.settled(source)
        for name, index in zip(node.output, numbers, strict=False):
            self.signals[name] = source.rewired(np.asarray(index, np.int64))
        self.notes.append((place, "wiring"))
