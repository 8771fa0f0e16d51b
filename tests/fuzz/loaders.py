"""The doors of the product, each as a way to make an input from seeds and a way to put it in."""

from __future__ import annotations

import json
import random
import sqlite3
import tomllib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emulator import compile_network
from emulator.engine import cache
from emulator.errors import BackwaveError
from emulator.export import spice
from emulator.export.bundle import EXPECTED, seal
from emulator.export.claim import read_claim
from emulator.export.folder import MAP
from emulator.families.node.law_code import checked_law, statements
from emulator.graph.files import write_graphml, write_json
from emulator.importers import import_network
from emulator.laws import NodeLaw
from emulator.network import Network
from emulator.network.builder import NetworkBuilder
from emulator.scenario.load import bundled, load_scenario
from emulator.scenario.outdir import RESULTS, staged
from emulator.study.evidence import read_evidence
from emulator.study.load import bundled_studies, load_study
from emulator.study.report.headline import headline
from emulator.study.report.provenance import failures_table, provenance_table, sensitivity_table
from emulator.study.report.requirements import requirements_table
from emulator.study.writer import Writer
from emulator.training import checkpoint
from emulator.training.history import History
from hwmodels import HardwareModel, presets
from hwmodels.fit_device import fit_device
from hwmodels.fit_line import fit_line, scattering_parameters
from hwmodels.readings import read_readings
from hwmodels.touchstone import read_touchstone
from hwmodels.units import parse
from tests.fuzz import archives, models, mutate, samples

#: makes an input, and puts it into the product
Make = Callable[[random.Random], Any]
Feed = Callable[[Any], None]


class Loader(NamedTuple):
    """A door: its share of all inputs, how inputs are made, and how they are put in."""

    share: float
    make: Make
    feed: Feed


def loaders(folder: Path) -> dict[str, Loader]:
    """All doors by name; their files are written to `folder`."""
    out = folder / "in"
    out.mkdir(exist_ok=True)
    return {
        "quantities": _quantities(),
        "set": _overrides(),
        "scenario": _scenarios(out),
        "study": _studies(out),
        "hardware": _hardware(out),
        "network": _networks(out),
        "data": Loader(0.7, *samples.arrays(out)),
        "checkpoint": _checkpoints(out),
        "touchstone": _touchstone(out),
        "csv": _csv(out),
        "results": _results(out),
        "store": _stores(out),
        "export": _exports(out),
        "program": _programs(out),
        "law": _laws(),
        "names": _names(out),
        "onnx": _models(out),
        "torch": _torch_programs(out),
        "table": Loader(0.4, *samples.tables(out)),
        "images": Loader(0.3, *samples.images(out)),
    }


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _quantities() -> Loader:
    seeds = [
        ("1.2 ns", "s"),
        ("50 ohm", "ohm"),
        ("3.6 dB/cm", "dB/m"),
        ("-1.5e-3", "1"),
        ("25 %", "1"),
        ("1 µs", "s"),
        ("5 day", "s"),
    ]

    def make(rng: random.Random) -> tuple[str, str]:
        seed, unit = rng.choice(seeds)
        return mutate.text(rng, seed), unit

    return Loader(20, make, lambda one: _ignore(parse(*one)))


def _overrides() -> Loader:
    seeds = ["run.seed=1", "data.limit=20", "hardware.lines.delay_forward=\"2 ns\"", "law=matched", "network.hidden=[32, 16]",
             "hardware.noise.receiver=0.01", "run.hold=3.5", "law={name='worldsheet', beta=0.8}", "hardware=loihi2"]  # fmt: skip
    keys = ["run.seed", "run.hold", "run.tolerance", "data.limit", "law", "law.beta", "hardware", "hardware.model", "network.hidden",
            "network.sizes", "hardware.lines.delay_forward", "hardware.precision.forward.bits", "data.path", "title"]  # fmt: skip

    def make(rng: random.Random) -> tuple[str, str]:
        text = rng.choice(seeds)
        if rng.random() < 0.5:
            return "small", mutate.text(rng, text)
        value = mutate.value(rng)
        try:
            return "small", f"{rng.choice(keys)}={json.dumps(value) if rng.random() < 0.7 else value}"
        except (ValueError, RecursionError):
            return "small", text

    base = tomllib.loads(_SMALL)
    from emulator.scenario.config import expand, validate
    from emulator.scenario.load import merged, parse_override

    def feed(one: tuple[str, str]) -> None:
        config = validate(merged(expand(base), *parse_override(one[1])))
        config.law.build()
        config.hardware.build(Path("/nonexistent"))

    return Loader(4, make, feed)


_SMALL = """
title = "Small"
[network]
source = "random-mlp"
sizes = [3, 4, 2]
[data]
source = "random"
"""


def _scenarios(folder: Path) -> Loader:
    seeds = [tomllib.loads(path.read_text()) for path in bundled().values()] + [tomllib.loads(_SMALL)] * 40
    path = folder / "s.toml"

    def feed(content: bytes) -> None:
        scenario = load_scenario(_write(path, content))
        scenario.config.law.build()
        scenario.config.hardware.build(scenario.folder)

    return Loader(1, lambda rng: mutate.toml(rng, rng.choice(seeds)), feed)


def _studies(folder: Path) -> Loader:
    seeds = [tomllib.loads(path.read_text()) for path in bundled_studies().values()]
    for seed in seeds:  # the plan of a full study takes longer than a fuzzer should
        seed.setdefault("sampling", {})["points"] = 4
    path = folder / "study.toml"
    return Loader(
        0.03,
        lambda rng: mutate.toml(rng, rng.choice(seeds)),
        lambda content: _ignore(load_study(_write(path, content))),
    )


def _hardware(folder: Path) -> Loader:
    from hwmodels import load

    seeds = [load(name).to_dict() if hasattr(HardwareModel, "to_dict") else {} for name in presets()]
    seeds = [seed for seed in seeds if seed] or [_read_preset(name) for name in presets()]
    path = folder / "h.toml"
    return Loader(
        1.5,
        lambda rng: mutate.toml(rng, rng.choice(seeds)),
        lambda content: _ignore(HardwareModel.from_toml(_write(path, content))),
    )


def _read_preset(name: str) -> dict[str, Any]:
    from importlib import resources

    return tomllib.loads((resources.files("hwmodels") / "presets" / f"{name}.toml").read_text())


def _network() -> Network:
    generator = np.random.default_rng(0)
    return Network.mlp([generator.normal(size=(4, 3)), generator.normal(size=(2, 4))])


def _networks(folder: Path) -> Loader:
    path = folder / "net.npz"
    _network().save(path)
    with np.load(path) as found:
        seed = dict(found)
    header = json.loads(seed["header"].tobytes())
    whole = path.read_bytes()

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return mutate.blob(rng, whole)
        members = dict(seed)
        if rng.random() < 0.6:
            members["header"] = np.frombuffer(mutate.as_json(rng, header), dtype=np.uint8)
            return archives.plain(members)
        return archives.archive(rng, members)

    return Loader(1.5, make, lambda content: _ignore(Network.load(_write(path, content))))


def _checkpoints(folder: Path) -> Loader:
    path, settings, like = folder / "c.npz", {"network": "n", "rate": "0.1"}, {"w": np.ones(6), "bias": np.zeros(3)}
    history = History()
    history.add(samples=3.0, loss=1.0)
    checkpoint.save(
        path,
        settings,
        checkpoint.Progress(
            state=dict(like),
            position=3,
            stretches=1,
            history=history,
            first_loss=1.0,
            late_loss=1.0,
            best={},
            stale=0,
            seconds=0.5,
            events=7,
        ),
    )
    with np.load(path) as found:
        seed = dict(found)
    header = json.loads(seed["header"].tobytes())

    def make(rng: random.Random) -> bytes:
        members = dict(seed)
        if rng.random() < 0.5:
            members["header"] = np.frombuffer(mutate.as_json(rng, header), dtype=np.uint8)
            return archives.plain(members)
        return archives.archive(rng, members)

    return Loader(0.7, make, lambda content: _ignore(checkpoint.load(_write(path, content), settings, like)))


def _touchstone(folder: Path) -> Loader:
    frequency = np.linspace(1e8, 2e9, 12)
    s = scattering_parameters(frequency, 50.0, 60.0, 0.9, 1e-10, 5e9)
    lines = [
        " ".join(f"{v:.6g}" for v in (f / 1e9, *m.T.reshape(-1).view(float))) for f, m in zip(frequency, s, strict=True)
    ]
    heads = ["# GHz S RI R 50", "# GHz Y MA R 50", "# MHz Z DB R 75", "! c\n# GHz H RI R 50", "# GHz S RI R 50 75",
             "[Version] 2.0\n# GHz S RI\n[Number of Ports] 2\n[Reference] 50 75\n[Two-Port Data Order] 12_21\n[Network Data]",
             "[Version] 2.1\n# GHz G RI\n[Number of Ports] 2\n[Matrix Format] Full\n[Network Data]"]  # fmt: skip
    seeds = ["\n".join([head, *lines, "[End]" if "Version" in head else ""]).encode() for head in heads]
    path = folder / "l.s2p"
    count = [0]

    def feed(content: bytes) -> None:
        _write(path, content)
        count[0] += 1
        if count[0] % 50:
            read_touchstone(path)
        else:
            fit_line(path)

    return Loader(3, lambda rng: mutate.blob(rng, rng.choice(seeds)), feed)


def _csv(folder: Path) -> Loader:
    rows = [(f"d{k}", f"{1 + k % 5}.5", f"{1 + k % 5}.{500 + k}", "20") for k in range(24)]
    seeds = []
    for separator in (",", ";", "\t"):
        head = separator.join(("device", "target_conductance_uS", "measured_conductance_uS", "time_s"))
        text = "\n".join([head, *(separator.join(row) for row in rows)])
        seeds.append(text.encode())
        if separator != ",":
            seeds.append(text.replace(".", ",").encode("utf-16"))
    path = folder / "r.csv"
    count = [0]

    def feed(content: bytes) -> None:
        _write(path, content)
        count[0] += 1
        if count[0] % 200:
            read_readings(path)
        else:
            fit_device(path)

    return Loader(3, lambda rng: mutate.blob(rng, rng.choice(seeds)), feed)


def _stores(folder: Path) -> Loader:
    from emulator.study.store import Sensitivity, Yield
    from tests.support.made_up import build_store, tolerance

    seed_path, path = folder / "seed.sqlite", folder / "f.sqlite"
    build_store(
        seed_path, {"hardware.noise.receiver": [0.01, 0.1], "law": ["a", "b"]}, chips=2, noise=1,
        tolerances=[tolerance("noise", 0.02, 0.01)], yields=[Yield({"law": "a"}, 1, 2, 0.5, 0.1, 0.9, 0.95)],
        sensitivities=[Sensitivity("noise", "accuracy", 0.1, 1)],
    )  # fmt: skip
    whole = seed_path.read_bytes()
    with closing(sqlite3.connect(f"file:{seed_path}?immutable=1", uri=True)) as link:
        columns = [
            (table, row[1])
            for (table,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for row in link.execute(f"PRAGMA table_info({table})").fetchall()
        ]
        facts = dict(link.execute("SELECT key, value FROM meta"))
    memory = sqlite3.connect(":memory:")

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.25:
            return mutate.blob(rng, whole, len(whole) * 2)
        memory.deserialize(whole)
        memory.execute("PRAGMA ignore_check_constraints = ON")
        for _ in range(rng.choice([1, 1, 2, 3])):
            table, column = rng.choice(columns)
            where = f"rowid IN (SELECT rowid FROM {table} ORDER BY random() LIMIT {rng.choice([1, 1, 100])})"
            if table == "metrics":
                where = "1"
            action = rng.randrange(7)
            try:
                if action == 0:
                    memory.execute(f"DELETE FROM {table}" + (f" WHERE {where}" if rng.random() < 0.7 else ""))
                elif action == 1:
                    memory.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
                elif action == 2:
                    memory.execute(f"DROP TABLE {table}")
                elif action == 3 and facts:
                    key = rng.choice(list(facts))
                    try:
                        new: Any = mutate.as_json(rng, json.loads(facts[key])).decode("utf-8", "replace")
                    except ValueError:
                        new = mutate.text(rng, facts[key])
                    memory.execute("UPDATE meta SET value = ? WHERE key = ?", (new, key))
                elif action == 4 and column in ("axes", "config", "seeds", "detail"):
                    old = memory.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
                    new = mutate.as_json(rng, json.loads(old[0])).decode("utf-8", "replace")
                    memory.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (new,))
                else:
                    new = mutate.value(rng)
                    if not isinstance(new, int | float | str | bytes | type(None)) or rng.random() < 0.2:
                        new = rng.choice([b"\xff\xfe", "[" * 5000, "9" * 5000, "{}", "null", '{"a": NaN}', "\x1b[2J"])
                    memory.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (new,))
            except (sqlite3.Error, OverflowError, UnicodeEncodeError, TypeError, ValueError):
                continue
        memory.commit()
        return bytes(memory.serialize())

    count = [0]

    def feed(content: bytes) -> None:
        for end in ("-journal", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        _write(path, content)
        count[0] += 1
        if count[0] % 4 == 0:
            with Writer(path, facts, resume=True) as writer:
                writer.done()
                writer.trials()
            return
        evidence = read_evidence(path)
        if count[0] % 4 == 1:
            for told in (headline, requirements_table, failures_table, sensitivity_table, provenance_table):
                told(evidence)

    return Loader(0.4, make, feed)


def _exports(folder: Path) -> Loader:
    """The map and the expectations of a real export; half of the maps have a seal that suits them."""
    path, network = folder / "export", _network()
    spice(compile_network(network), path, np.ones((1, 3)), np.ones((1, 2)))
    seeds = {name: json.loads((path / name).read_text()) for name in (MAP, EXPECTED)}

    def make(rng: random.Random) -> dict[str, bytes]:
        made = {name: json.dumps(seed).encode() for name, seed in seeds.items()}
        name = rng.choice(list(seeds))
        made[name] = mutate.as_json(rng, seeds[name])
        if name == MAP and rng.random() < 0.5:
            with suppress(ValueError, TypeError, KeyError):
                content = json.loads(made[name])
                made[name] = json.dumps({**content, "seal": seal(content)}).encode()
        return made

    def feed(made: dict[str, bytes]) -> None:
        for name, content in made.items():
            _write(path / name, content)
        read_claim(path)

    return Loader(0.2, make, feed)


def _programs(folder: Path) -> Loader:
    """Manifests of compiled programs, half of them with a sum that suits them."""
    path = folder / "program"
    path.mkdir(mode=0o700)
    (path / "main").write_bytes(b"program")
    content = {
        "inputs": {"a": {"argument": "a.b", "dtype": "<f8"}},
        "outputs": {"x": {"file": "x", "dtype": "<f8", "width": None}},
    }
    cache.write_manifest(path, content)
    seed = json.loads((path / cache.MANIFEST).read_text())

    def feed(made: bytes) -> None:
        _write(path / cache.MANIFEST, made)
        cache.intact(path)

    return Loader(1, lambda rng: mutate.as_json(rng, seed), feed)


def _laws() -> Loader:
    seeds = [
        "x += 0.3*(F - x)",
        "v += k*(F - x) - d*v\nx += v",
        "x = F",
        "lam = B",
        "lam += exp(-B) # c",
        "x = clip(F, -1, 1)",
    ]

    def feed(code: str) -> None:
        with suppress(BackwaveError):
            statements("law", code)
        law = type(
            "Own",
            (NodeLaw,),
            {
                "name": "own",
                "state_update": code,
                "costate_update": "lam = B",
                "impedance": 1.0,
                "parameters": {"k": 1.0},
                "memory": {"v": "0"},
            },
        )
        checked_law(law())

    return Loader(2, lambda rng: mutate.text(rng, rng.choice(seeds)), feed)


def _names(folder: Path) -> Loader:
    def make(rng: random.Random) -> str:
        return mutate.text(rng, rng.choice(["h", "layer one", "x2[3]"]))

    def feed(name: str) -> None:
        build = NetworkBuilder()
        x = build.input("x", 2)
        build.dense(x, np.ones((2, 2)), name=name)
        graph = compile_network(build.build(output=name, loss="mse"))
        write_json(graph, folder / "g.json")
        write_graphml(graph, folder / "g.graphml")
        json.loads((folder / "g.json").read_text())
        import networkx

        networkx.read_graphml(folder / "g.graphml")
        graph.summary()

    return Loader(0.05, make, feed)


def _models(folder: Path) -> Loader:
    path, seeds = folder / "m.onnx", models.seeds()
    return Loader(
        0.6,
        lambda rng: models.model(rng, rng.choice(seeds)),
        lambda content: _ignore(import_network(_write(path, content))),
    )


def _torch_programs(folder: Path) -> Loader:
    seed, places = models.golden(), [folder / "m.pt2", folder / "m.pt"]
    return Loader(
        0.2,
        lambda rng: (rng.randrange(2), models.program(rng, seed)),
        lambda one: _ignore(import_network(_write(places[one[0]], one[1]))),
    )


def _results(folder: Path) -> Loader:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    seed = {"format": "backwave-results", "version": 1, "files": ["results.json", "a.png"]}

    def feed(one: bytes) -> None:
        _write(out / RESULTS, one)
        with staged(out):
            raise BackwaveError("nothing to write")

    return Loader(2, lambda rng: mutate.as_json(rng, seed), feed)


def _ignore(_: Any) -> None:
    """What is read is not looked at."""
