"""A network: named layers on a directed acyclic graph, with one output and a loss."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from numpy.typing import ArrayLike

from emulator.errors import NetworkError, suggest
from emulator.network import encoding, formats, storage, topology
from emulator.network.encoding import Settings
from emulator.network.from_sklearn import mlp_arguments, names_of
from emulator.network.gradients import Parameters
from emulator.network.layers import Activation, Dense, Input, Layer, affine, layer_sources
from emulator.network.losses import loss_function
from emulator.network.penalties import Penalty, checked_penalties
from emulator.network.scales import Scale, checked_scales
from emulator.text import columns


class Network:
    """An immutable description of a directed acyclic graph of layers.

    Parameters
    ----------
    layers : iterable of Layer
        In any order; kept in topological order, where the first given comes first if several could.
    output : str, optional
        Name of the output layer; by default the only layer that feeds no other.
    loss : str
        ``"mse"`` (half the sum of squares) or ``"softmax_cross_entropy"``.
    names : mapping of str to sequence of str, optional
        Names of the components of layers: of an input, what data in columns with names are held against; of the output of a
        classifier, those of its classes.
    penalties : mapping of str to Penalty, or to a mapping of its fields; optional
        What layers add to the loss by themselves, by their names; see `Penalty`.
    scales : mapping of str to (mean (n,), deviation (n,)), optional
        What inputs were standardised by when the network learned; data of a scenario are brought to it, and
        `standardised` does it in Python.

    Raises
    ------
    NetworkError
        If the layers do not form a network: repeated names, unknown sources, loops, shapes that do not
        match, no input, not exactly one output, layers that do not reach it; or if the loss is unknown, or there are
        not as many names as components, each once, or a penalty is not allowed.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        *,
        output: str | None = None,
        loss: str = "mse",
        names: Mapping[str, Iterable[str]] | None = None,
        penalties: Mapping[str, Any] | None = None,
        scales: Mapping[str, Any] | None = None,
    ) -> None:
        self._layers = topology.topological(topology.by_name(layers))
        self._sizes = topology.layer_sizes(self._layers)
        self._consumers = topology.consumers(self._layers)
        self._output = topology.output_name(self._layers, output)
        self._loss = loss_function(loss).name
        self._names = topology.checked_names(names or {}, self._sizes)
        self._penalties = checked_penalties(penalties, self._layers, self._sizes)
        self._scales = checked_scales(scales, {name: self._sizes[name] for name in self.inputs})

    @classmethod
    def mlp(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike | None] | None = None,
        activations: str | Sequence[str] = "tanh",
        loss: str = "mse",
        penalties: Mapping[str, Any] | None = None,
    ) -> Network:
        """Build the chain ``x0, s1, x1, ..., sN, xN``: input, then dense ``s_k`` and activation ``x_k``.

        Parameters
        ----------
        weights : sequence of array_like (n_k, n_{k-1})
            One per dense layer, outputs by inputs.
        biases : sequence of array_like (n_k,), optional
            One per dense layer; None stands for zeros.
        activations : str or sequence of str
            One name for all hidden layers (the output is then the identity), or one name per dense layer.
        loss, penalties
            See `Network`.

        Raises
        ------
        NetworkError
            If the numbers of weights, biases and activations differ, or as for `Network`.
        """
        depth = len(weights)
        if depth == 0:
            raise NetworkError("an mlp got no weights; allowed: at least one")
        biases = [None] * depth if biases is None else biases
        names = [activations] * (depth - 1) + ["identity"] if isinstance(activations, str) else list(activations)
        if len(biases) != depth:
            raise NetworkError(f"an mlp got {len(biases)} biases; allowed: {depth}, one per weight")
        if len(names) != depth:
            raise NetworkError(f"an mlp got {len(names)} activations; allowed: one name, or {depth}, one per weight")
        dense = [affine(f"s{k + 1}", f"x{k}", weights[k], biases[k]) for k in range(depth)]
        active = [Activation(f"x{k + 1}", f"s{k + 1}", names[k]) for k in range(depth)]
        chain = itertools.chain.from_iterable(zip(dense, active, strict=True))
        return cls([Input("x0", dense[0].weight.shape[1]), *chain], loss=loss, penalties=penalties)

    @classmethod
    def from_sklearn(cls, model: object) -> Network:
        """Convert a fitted scikit-learn model; layers are named as by `mlp`.

        Perceptrons (``MLPClassifier``, ``MLPRegressor``), ``LogisticRegression``, linear regressions (``LinearRegression``,
        ``Ridge``, ``Lasso``, ``ElasticNet``), pipelines of scalers (or a PCA) with one of them at the end, whose scalers are
        folded into the first layer, and searches over them such as ``GridSearchCV``.

        A classifier's outputs are logits in the order of ``model.classes_``, with loss
        ``softmax_cross_entropy``. A binary classifier has one logit ``z``; it becomes the two logits
        ``[0, z]``, whose softmax is exactly ``[1 - sigmoid(z), sigmoid(z)]``. A regressor has loss ``mse``.
        The training penalty ``alpha`` is left out. Columns that had names when the model was fitted, and classes that are
        not 0, 1, ..., are the network's `names`.

        Raises
        ------
        NetworkError
            If the model is of another kind, unfitted, multilabel, or has another loss.
        """
        network = cls.mlp(*mlp_arguments(model))
        features, classes = names_of(model)
        return network.named({network.inputs[0]: features, network.output: classes})

    @classmethod
    def from_torch(cls, module: Any, example: Any = None, *, loss: str | None = None) -> Network:
        """Convert a PyTorch module, as it is in ``eval()``, and compare it with the module's own answers.

        Parameters
        ----------
        module : torch.nn.Module or torch.export.ExportedProgram
        example : tensor (batch, ...) or tuple of tensors
            What the module takes; a program needs none.
        loss : str, optional
            See `Network`; by default cross-entropy where the module ends in a softmax, else squared loss.

        Raises
        ------
        NetworkError
            If PyTorch is missing or cannot export the module, or it has operators that are no network of waves.
        """
        found: Network = formats.from_module(module, example, loss).network
        return found

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, loss: str | None = None) -> Network:
        """Read a network from a file: one written by `save` (``.npz``), an ``.onnx`` model, or a ``.pt2`` program of PyTorch.

        `emulator.importers.import_network` does the same and also tells what each part of the file became.

        Parameters
        ----------
        path : path
        loss : str, optional
            In place of the file's own; see `Network`.

        Raises
        ------
        FileFormatError
            If the file is no network, or is damaged.
        OSError
            If the file cannot be opened.
        """
        found: Network = formats.read(path, loss).network
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to an ``.npz`` file at exactly `path`, which is replaced only once complete.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        storage.write(Path(path), self._layers.values(), self._settings)

    @property
    def layers(self) -> Mapping[str, Layer]:
        """Layers by name, in topological order."""
        return MappingProxyType(self._layers)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in topological order."""
        return tuple(name for name, layer in self._layers.items() if isinstance(layer, Input))

    @property
    def output(self) -> str:
        """Name of the output layer."""
        return self._output

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._loss

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the components of layers, of those that have some."""
        return MappingProxyType(self._names)

    @property
    def penalties(self) -> Mapping[str, Penalty]:
        """Penalties that are not 0, by layer, in topological order."""
        return MappingProxyType(self._penalties)

    @property
    def scales(self) -> Mapping[str, Scale]:
        """What inputs were standardised by when the network learned, of those that were."""
        return MappingProxyType(self._scales)

    def standardised(self, inputs: Any) -> Any:
        """Raw samples as the network learned from them: inputs that have a scale less its mean, over its deviation.

        Parameters
        ----------
        inputs : (B, n) array, or mapping of input name to (B, n)

        Returns
        -------
        ndarray (B, n), or dict
            In the form of `inputs`.

        Raises
        ------
        NetworkError
            If they do not fit the inputs.
        """
        if isinstance(inputs, Mapping):
            return {
                name: self._scales[name].applied(rows) if name in self._scales else rows
                for name, rows in inputs.items()
            }
        first = self.inputs[0]
        return self._scales[first].applied(inputs) if first in self._scales else inputs

    @property
    def _settings(self) -> Settings:
        """The arguments besides the layers."""
        return Settings(self._output, self._loss, self._names, self._penalties, self._scales)

    def altered(self, layers: Iterable[Layer] | None = None, **settings: Any) -> Network:
        """Return this network with other layers, or another `output`, `loss`, `names`, `penalties` or `scales`; see `Network`."""
        return Network(self._layers.values() if layers is None else layers, **{**self._settings._asdict(), **settings})

    @property
    def parameters(self) -> dict[str, Parameters]:
        """Weight and bias of each dense layer, by its name, in topological order."""
        return {name: Parameters(layer.weight, layer.bias) for name, layer in self.dense.items()}

    @cached_property
    def dense(self) -> Mapping[str, Dense]:
        """The dense layers by name, in topological order."""
        return MappingProxyType({name: layer for name, layer in self._layers.items() if isinstance(layer, Dense)})

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of structure, order and parameters; equal in every process."""
        return encoding.digest(self._layers.values(), self._settings)

    def size(self, name: str) -> int:
        """Return the number of components of a layer; raise `NetworkError` if there is no such layer."""
        return self._sizes[self[name].name]

    def sources(self, name: str) -> tuple[str, ...]:
        """Return what feeds a layer, one name per port; raise `NetworkError` if there is no such layer."""
        return layer_sources(self[name])

    def consumers(self, name: str) -> tuple[str, ...]:
        """Return what a layer feeds, each name once; raise `NetworkError` if there is no such layer."""
        return self._consumers[self[name].name]

    def with_parameters(self, parameters: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Network:
        """Return this network with other weights and biases in the dense layers named.

        Parameters
        ----------
        parameters : mapping of str to (weight (n_out, n_in), bias (n_out,))
            Dense layers left out keep theirs.

        Raises
        ------
        NetworkError
            If a name is not that of a dense layer, or a shape or an entry is not allowed there.
        """
        layers = dict(self._layers)
        known = self.parameters
        for name, (weight, bias) in parameters.items():
            if name not in known:
                raise NetworkError(f"no dense layer {suggest(name, known)}")
            old = cast(Dense, layers[name])
            layer = affine(name, old.source, weight, bias)
            if layer.weight.shape != old.weight.shape:
                found, allowed = layer.weight.shape, old.weight.shape
                raise NetworkError(f"{layer.place}: weight has shape {found}; allowed: {allowed}")
            layers[name] = replace(old, weight=layer.weight, bias=layer.bias)
        return self.altered(layers.values())

    def with_sharing(self, sharing: str) -> Network:
        """Return this network with kernels whose places learn together (``tied``) or each for itself (``free``).

        Raises
        ------
        NetworkError
            If no layer that learns is a convolution.
        """
        layers = {name: layer for name, layer in self.dense.items() if layer.kernel is not None and layer.trainable}
        if not layers:
            raise NetworkError(
                "no layer has a kernel whose places could learn together; allowed: networks with a convolution"
            )
        shared = {name: replace(layer, sharing=sharing) for name, layer in layers.items()}
        return self.altered(shared.get(name, layer) for name, layer in self._layers.items())

    def with_penalties(self, penalties: Mapping[str, Any] | None) -> Network:
        """Return this network with these penalties in place of its own; see `Network`."""
        return self.altered(penalties=penalties)

    def named(self, names: Mapping[str, Iterable[str] | None]) -> Network:
        """Return this network with names for the components of the layers given; None takes them away.

        Raises
        ------
        NetworkError
            As for `Network`.

        Examples
        --------
        >>> net = Network.mlp([[[1.0, 0.5], [0.0, -1.0]]], loss="softmax_cross_entropy")
        >>> net.named({"x0": ["length", "width"], "x1": ["cat", "dog"]}).names["x1"]
        ('cat', 'dog')
        """
        kept = {name: given for name, given in {**self._names, **names}.items() if given is not None}
        return self.altered(names=kept)

    def summary(self) -> str:
        """Return a table of the layers as text."""
        dense = self.dense
        rows = [("layer", "kind", "sources", "size", "parameters")]
        for name, layer in self._layers.items():
            kind = layer.function if isinstance(layer, Activation) else type(layer).__name__.lower()
            count = ""
            if name in dense:
                kind += " (fixed)" * (not dense[name].trainable) + " (tied)" * dense[name].tied
                count = str(dense[name].count + dense[name].bias.size)
            rows.append((name, kind, ", ".join(layer_sources(layer)), str(self._sizes[name]), count))
        lines = [columns(rows, right=(3, 4))]
        lines.append(f"output {self._output}, loss {self._loss}, {self.parameter_count} parameters")
        for name, penalty in self._penalties.items():
            lines.append(f"penalty of {name}: {penalty.told} |x|^2/2 + {penalty.weight:g} |W|^2/2")
        lines += [
            f"input {name} is standardised, by the mean and deviation that it learned from" for name in self._scales
        ]
        return "\n".join(lines)

    @property
    def parameter_count(self) -> int:
        """Number of weights that have a device, and of biases."""
        return sum(layer.count + layer.bias.size for layer in self.dense.values())

    def __getitem__(self, name: str) -> Layer:
        if not isinstance(name, str) or name not in self._layers:
            raise NetworkError(f"no layer {suggest(name, self._layers)}")
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Network, **self._settings._asdict()), (tuple(self._layers.values()),)

    def __repr__(self) -> str:
        ports = ", ".join(f"{name} ({self._sizes[name]})" for name in (*self.inputs, self._output))
        return f"Network({len(self)} layers, {ports}, {self.parameter_count} parameters, loss {self._loss})"
