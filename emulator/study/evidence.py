"""What a store holds, as columns to compute with."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.study.metrics import Target, meets, of_training, telling
from emulator.study.rows import guarded, number
from emulator.study.store import Sensitivity, Store, Tolerance, Yield
from hwmodels import markup
from hwmodels.doors import RefusedError, brief

Floats = NDArray[np.float64]

_FACTS = ("study", "base", "versions", "platform", "network")
#: what a tolerance says beside its numbers
_STATES = {"settled", "unsettled", "failed"}
_DETAIL = {"key", "where", "good", "bad", "scale", "share", "confidence", "verdict", "trials"}


@dataclass(frozen=True)
class Evidence:
    """The n finished points of a study and what follows from them, at one moment.

    Parameters
    ----------
    source : str
        The store's path, as it was given.
    meta : dict of str
        Facts on the whole study, as text: ``title``, ``command``, ``created``, ``digest``, ...
    facts : dict
        The others: ``study`` (the whole study file), ``base``, ``versions``, ``platform``, ``network``.
    planned : int
        Points of the whole study.
    complete : bool
        Whether the study has ended.
    axes : dict of (n,)
        Value of every point on every axis, in the order of the study file: float64 where all are numbers, else objects.
    chip, noise : (n,) int64
        Which sampled chip, and which run on it.
    seeds : tuple of n dicts
    status : (n,) of str
        ``settled``, ``unsettled`` or ``failed``.
    reason : (n,) of str or None
    identity : (n,) of str
    metrics : dict of (n,) float64
        NaN where a metric is missing.
    tolerances, yields, sensitivities : list
    """

    source: str
    meta: dict[str, str]
    facts: dict[str, Any]
    planned: int
    complete: bool
    axes: dict[str, NDArray[Any]]
    chip: NDArray[np.int64]
    noise: NDArray[np.int64]
    seeds: tuple[dict[str, Any], ...]
    status: NDArray[Any]
    reason: NDArray[Any]
    identity: NDArray[Any]
    metrics: dict[str, Floats]
    tolerances: list[Tolerance]
    yields: list[Yield]
    sensitivities: list[Sensitivity]

    @property
    def done(self) -> int:
        """Number of finished points."""
        return len(self.chip)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows: list[tuple[object, ...]] = [
            ("points", f"{self.done} of {self.planned}"),
            ("meet every target", int((self.met & self.judged).sum())),
        ]
        for name, values in self.metrics.items():
            known = values[np.isfinite(values)]
            rows.append(
                (
                    name,
                    f"median {np.median(known):.4g}, {known.min():.4g} to {known.max():.4g}"
                    if len(known)
                    else "missing",
                )
            )
        return markup.table(f"Study: {self.meta.get('title', self.source)}", rows)

    @property
    def targets(self) -> dict[str, dict[str, float]]:
        """Bounds that a point must keep to, by metric: ``min``, ``max`` or both."""
        return dict(self.facts["study"].get("targets") or {})

    @property
    def confidence(self) -> float:
        """The confidence of the intervals that the study states."""
        return float(self.facts["study"]["study"]["confidence"])

    def told(self, key: str, knob: bool = False) -> dict[str, Any]:
        """What the study file says of an axis, or of a knob: its ``label``, ``unit``, ``scale``; may be empty."""
        study = self.facts["study"]
        tables = (study.get("tolerance") or {}).get("knobs", ()) if knob else study.get("axes", ())
        return next((dict(table) for table in tables if table["key"] == key), {})

    @cached_property
    def met(self) -> NDArray[np.bool_]:
        """Which points meet every target (n,); a metric that is missing meets none."""
        targets = [Target.of(name, bounds) for name, bounds in self.targets.items()]
        return meets(targets, self.metrics, self.done, self.trained)

    @property
    def trained(self) -> NDArray[np.bool_]:
        """Which points were to be trained (n,), where the study asks for figures of a training."""
        chips = (self.facts["study"].get("repeats") or {}).get("trained")
        return np.ones(self.done, dtype=bool) if not isinstance(chips, int) else np.asarray(self.chip < chips)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Points that count for or against the targets (n,): no error, and trained where a target is of a training."""
        asked = any(of_training(name) for name in self.targets)
        return ~self.failed & (self.trained if asked else np.ones(self.done, dtype=bool))

    @property
    def sequential(self) -> bool:
        """Whether chips were sampled until they told."""
        return (self.facts["study"].get("repeats") or {}).get("sequential") is True

    @property
    def telling(self) -> dict[str, dict[str, float]]:
        """The targets by which chips tell that are sampled until they do."""
        repeats = self.facts["study"].get("repeats") or {}
        trained, chips = (one if isinstance(one := repeats.get(name), int) else None for name in ("trained", "chips"))
        names = telling(self.targets, trained, chips or 1)
        return {name: bounds for name, bounds in self.targets.items() if name in names}

    def looked(self, names: Collection[str]) -> bool:
        """Whether looks decided how many chips there are of which it is known whether they meet the targets of these names."""
        return self.sequential and set(names) <= self.telling.keys()

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which points ended in an error (n,): they measured nothing, and say nothing about the targets."""
        return np.array(self.status == "failed", dtype=bool)

    @cached_property
    def sample(self) -> NDArray[np.int64]:
        """Which chip at which place each point is (n,): runs of the same chip at the same place share a number.

        The same chip at two places has the same draws: the two are no independent evidence.
        """
        return _numbered([*self.axes.values(), self.chip])

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """At which place on all axes each point is (n,)."""
        return _numbered(list(self.axes.values())) if self.axes else np.zeros(self.done, dtype=np.int64)


def _numbered(columns: list[NDArray[Any]]) -> NDArray[np.int64]:
    """A number for every different row of columns (n,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(repr(key), len(numbers)) for key in zip(*columns, strict=True)], dtype=np.int64)


def read_evidence(path: str | os.PathLike[str]) -> Evidence:
    """Read a store; a study may be writing to it.

    Raises
    ------
    FileFormatError
        If it is no store of a study, one of another version, or damaged.
    OSError
        If there is no such file.
    """
    with Store(path) as store:
        return _Reader(store).evidence(str(path))


class _Reader:
    """Reads everything of a store at one moment."""

    def __init__(self, store: Store) -> None:
        self.store, self.path = store, store.path

    @guarded
    def evidence(self, source: str) -> Evidence:
        """What it holds, checked."""
        self.store.freeze()
        evidence = _evidence(source, self.store)
        _check(evidence)
        return evidence


def _evidence(source: str, store: Store) -> Evidence:
    points = store.points()
    columns = ("id", "ordinal", "chip", "noise", "status", "reason", "finished", "seconds")
    facts = {name: store.fact(name) for name in _FACTS}
    listed = [one["key"] for one in facts["study"].get("axes", ())]

    def order(key: str) -> tuple[int, str]:
        """Axes stand as in the study file."""
        return listed.index(key) if key in listed else len(listed), key

    return Evidence(
        source=source,
        meta=store.meta,
        facts=facts,
        planned=store.planned,
        complete=store.complete,
        axes={key: points[key] for key in sorted(points.keys() - set(columns), key=order)},
        chip=points["chip"],
        noise=points["noise"],
        seeds=tuple(record.seeds for record in store.records()),
        status=points["status"],
        reason=points["reason"],
        identity=points["id"],
        metrics=store.metrics(),
        tolerances=store.tolerances(),
        yields=store.yields(),
        sensitivities=store.sensitivities(),
    )


def _check(evidence: Evidence) -> None:
    """Refuse what was read if its parts are not of the form that everything else counts on."""
    for name in _FACTS:
        if not isinstance(evidence.facts[name], dict):
            raise RefusedError(f"meta '{name}' is no table")
    if not 0 < evidence.confidence < 1:
        raise RefusedError(f"confidence is {evidence.confidence}")
    for key in evidence.axes:
        evidence.told(key)
    for bounds in evidence.targets.values():
        if not all(isinstance(bound, int | float) for bound in bounds.values()):
            raise RefusedError("a target is no number")
    for found in evidence.tolerances:
        lacking = _DETAIL - found.detail.keys()
        if lacking:
            raise RefusedError(f"tolerance of {found.knob} lacks {', '.join(sorted(lacking))}")
        _check_detail(found.knob, found.detail)
    if not set(evidence.status) <= _STATES:
        raise RefusedError("a point has a status that points do not have")
    study = evidence.facts["study"]
    for table in (*study.get("axes", ()), *(study.get("tolerance") or {}).get("knobs", ())):
        for name in ("key", "label", "unit", "scale"):
            if not isinstance(table.get(name) or "", str):
                raise RefusedError(f"{name} of an axis or knob is {brief(table[name], 60)}")
    for seeds in evidence.seeds:
        for kind, seed in seeds.items():
            if seed is not None:
                number(f"seed of {kind}", seed)
    if any(len(column) != evidence.done for column in (evidence.seeds, *evidence.metrics.values())):
        raise RefusedError("points and metrics do not belong together")


def _check_detail(knob: str, detail: Mapping[str, Any]) -> None:
    """Refuse what a tolerance says beside its numbers if it is of other types."""
    for name in ("key", "scale", "verdict"):
        if not isinstance(detail[name], str):
            raise RefusedError(f"{name} of tolerance {knob} is {brief(detail[name], 60)}")
    for name in ("good", "bad", "share", "confidence"):
        number(f"{name} of tolerance {knob}", detail[name])
    if not isinstance(detail["where"], Mapping):
        raise RefusedError(f"the place of tolerance {knob} is {brief(detail['where'], 60)}")
    for trial in detail["trials"]:
        for name in ("value", "met", "total"):
            number(f"{name} of a trial of {knob}", trial[name])
