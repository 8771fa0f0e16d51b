"""Samples in every form that a scenario's data may have: arrays, tables, folders of images, damaged or lying."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.model_selection  # noqa: F401 - else the first split would be timed with it
from PIL import Image

from emulator.errors import BackwaveError
from emulator.network import Network, NetworkBuilder, check_batch
from emulator.scenario.datasets import FileData
from emulator.training.streams import read_samples
from tests.fuzz import archives, models, mutate

#: makes an input, and puts it into the product
Pair = tuple[Callable[[random.Random], Any], Callable[[Any], None]]


def _networks(size: int) -> list[Network]:
    """A regression, a classifier, and one that knows the names of its columns and classes."""
    generator = np.random.default_rng(0)
    values = Network.mlp([generator.normal(size=(2, size))])
    classes = Network.mlp([generator.normal(size=(3, size))], loss="softmax_cross_entropy")
    return [values, classes, classes.named({"x0": [chr(97 + k) for k in range(size)], "x1": ["cat", "dog", "ox"]})]


def _several() -> Network:
    build = NetworkBuilder()
    both = build.concat(build.input("a", 1), build.input("b", 1))
    return build.build(output=build.dense(both, np.ones((2, 2))), loss="mse")


def _take(source: FileData, network: Network, folder: Path) -> None:
    """What a run does with a source: read it, fit it, check it."""
    batch = source.load(network, folder)
    check_batch(batch.named(network), batch.inputs, batch.targets)


def _sources(path: str, choices: list[dict[str, Any]]) -> list[FileData]:
    more: list[dict[str, Any]] = [
        {},
        {"scale": "standard"},
        {"part": "test", "scale": "standard"},
        {"part": "train"},
        {"limit": 2},
    ]
    return [
        FileData.model_validate({"source": "file", "path": path, **one, **extra}) for one in choices for extra in more
    ]


def arrays(folder: Path) -> Pair:
    """``.npz`` and ``.npy`` files."""
    labels = np.array([0, 1, 2, 0, 1])
    seeds = [
        {"inputs": np.ones((5, 3)), "targets": np.ones((5, 2)), "other": np.arange(4)},
        {"X": np.arange(15.0).reshape(5, 3), "y": labels},
        {"x": np.arange(15.0).reshape(5, 3, 1), "y": labels[:, None].astype(float)},
        {"data": np.ones((5, 3), np.uint8), "target": labels == 1},
        {"a": np.ones((5, 1)), "b": np.ones(5), "targets": np.ones((5, 2))},
    ]
    networks = [*_networks(3), _several()]
    npz = _sources("d.npz", [{}, {"inputs": "X", "targets_in": "y"}, {"targets_in": "other"}])
    npy = _sources("d.npy", [{}])

    def make(rng: random.Random) -> tuple[str, bytes, int, int]:
        seed = rng.choice(seeds)
        if rng.random() < 0.2:
            array = io.BytesIO()
            np.save(array, rng.choice(list(seed.values())))
            return "d.npy", mutate.blob(rng, array.getvalue()), rng.randrange(len(npy)), rng.randrange(len(networks))
        content = archives.plain(seed) if rng.random() < 0.2 else archives.archive(rng, seed)
        return "d.npz", content, rng.randrange(len(npz)), rng.randrange(len(networks))

    def feed(one: tuple[str, bytes, int, int]) -> None:
        name, content, source, network = one
        (folder / name).write_bytes(content)
        if name == "d.npz":
            with suppress(BackwaveError):
                read_samples(folder / name)
        _take((npz if name == "d.npz" else npy)[source], networks[network], folder)

    return make, feed


def tables(folder: Path) -> Pair:
    """Tables of every dialect."""
    seeds = [
        *models.tables(),
        b"a,b,kind\n1,2,cat\n3,4,dog\n5,6,ox\n7,8,cat\n",
        b"b;id;a\n1,5;7;2\n0;8;-1,5\n",
        b"1 2 3\n4 5 6\n",
    ]
    networks = [*_networks(2), *_networks(3), _several()]
    choices: list[dict[str, Any]] = [
        {}, {"target": "kind"}, {"target": "c", "features": ["a", "b"]}, {"target": ["a", "b"]}, {"target": "2"},
        {"target": "kind", "classes": ["cat", "dog", "ox"]},
    ]  # fmt: skip
    sources = {name: _sources(name, choices) for name in ("t.csv", "t.tsv", "t.txt")}

    def make(rng: random.Random) -> tuple[bytes, str, int, int]:
        name = rng.choice(list(sources))
        return (
            mutate.blob(rng, rng.choice(seeds)),
            name,
            rng.randrange(len(sources[name])),
            rng.randrange(len(networks)),
        )

    def feed(one: tuple[bytes, str, int, int]) -> None:
        content, name, source, network = one
        (folder / name).write_bytes(content)
        _take(sources[name][source], networks[network], folder)

    return make, feed


def images(folder: Path) -> Pair:
    """Folders of images, some of whose files or names are damaged."""
    seeds = [_image(rng, kind) for rng in [random.Random(0)] for kind in range(12)]
    networks = [*_networks(4), *_networks(12)]
    sources = _sources("faces", [{}, {"channels": 1}, {"channels": 3}])
    names = ["cat", "dog", "ox", "", ".hidden", "a\nb", "x" * 200, "é", "cat/deep", "$x$"]

    def make(rng: random.Random) -> tuple[dict[str, bytes], int, int]:
        files = {f"{name}/{k}.png": seeds[k % 2] for k in range(2) for name in ("cat", "dog", "ox")}
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            place = f"{rng.choice(names)}/{rng.randrange(3)}.{rng.choice(['png', 'jpg', 'PNG', 'txt', ''])}"
            content = rng.choice(seeds)
            files[place] = mutate.blob(rng, content, 4000) if rng.random() < 0.8 else content
        return files, rng.randrange(len(sources)), rng.randrange(len(networks))

    def feed(one: tuple[dict[str, bytes], int, int]) -> None:
        files, source, network = one
        shutil.rmtree(folder / "faces", ignore_errors=True)
        for name, content in files.items():
            path = folder / "faces" / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _take(sources[source], networks[network], folder)

    return make, feed


def _image(rng: random.Random, kind: int) -> bytes:
    """A small image of one of the modes that files have."""
    pixels = np.array([rng.randrange(256) for _ in range(16)], np.uint8).reshape(2, 2, 4)
    mode = ("L", "L", "RGB", "RGBA", "P", "1", "LA", "I;16", "RGB", "L", "CMYK", "L")[kind]
    form = ("PNG",) * 8 + ("JPEG", "JPEG", "JPEG", "GIF")
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(pixels[..., :3] if mode != "RGBA" else pixels).convert(mode)
    file = io.BytesIO()
    image.save(file, form[kind])
    return file.getvalue()
