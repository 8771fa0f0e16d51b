"""Folders of images: a sub-folder for each class; what is unequal, empty, damaged or too large is named."""

from __future__ import annotations

import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emulator import Network
from emulator.contents import contents_of
from emulator.data.batch import Batch
from emulator.errors import FileFormatError, ScenarioError
from emulator.scenario.datasets import FileData
from tests.refusals import refuses

RNG = np.random.default_rng(0)


def network(width: int, classes: int = 2) -> Network:
    return Network.mlp([np.ones((classes, width))], loss="softmax_cross_entropy")


def load(folder: Path, to: Network, **given: Any) -> Batch:
    return FileData.model_validate({"source": "file", "path": "faces", **given}).load(to, folder)


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options: Any) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels, mode).save(path, **options) if mode is None else Image.fromarray(pixels).convert(mode).save(
        path
    )
    return pixels


@pytest.fixture
def grey(tmp_path: Path) -> dict[str, np.ndarray]:
    return {
        name: save(tmp_path / "faces" / name, RNG.integers(0, 256, (4, 3), np.uint8))
        for name in ("cat/b.png", "cat/a.png", "dog/x.png", "dog/y.PNG", "dog/z.png")
    }


def test_classes_take_turns_and_pixels_are_between_0_and_1(tmp_path: Path, grey: dict[str, np.ndarray]) -> None:
    (tmp_path / "faces" / "cat" / ".hidden").write_text("x")
    (tmp_path / "faces" / "Thumbs.db").write_text("x")
    found = load(tmp_path, network(12))
    order = ["cat/a.png", "dog/x.png", "cat/b.png", "dog/y.PNG", "dog/z.png"]
    np.testing.assert_array_equal(found.inputs, [grey[name].ravel() / 255 for name in order])
    assert found.classes == ("cat", "dog")
    np.testing.assert_array_equal(found.labels, [0, 1, 0, 1, 1])
    assert load(tmp_path, network(12), limit=2).labels.tolist() == [0, 1]  # type: ignore[union-attr]


def test_colours_are_channels_one_after_another(tmp_path: Path) -> None:
    pixels = save(tmp_path / "faces" / "one" / "a.png", RNG.integers(0, 256, (4, 3, 3), np.uint8))
    save(tmp_path / "faces" / "two" / "b.png", pixels)
    np.testing.assert_array_equal(load(tmp_path, network(36)).inputs[0], np.moveaxis(pixels, 2, 0).ravel() / 255)
    made_grey = np.asarray(Image.fromarray(pixels).convert("L")).ravel() / 255
    np.testing.assert_array_equal(load(tmp_path, network(12), channels=1).inputs[0], made_grey)


def test_other_forms_of_grey_and_colour(tmp_path: Path) -> None:
    level = np.full((2, 2), 255, np.uint8)
    folder = tmp_path / "faces"
    for number, mode in enumerate(("L", "1", "LA")):
        save(folder / "a" / f"{number}.png", level, mode)
    save(folder / "a" / "deep.png", np.full((2, 2), 65535, np.uint16))
    for number, mode in enumerate(("RGB", "P", "RGBA", "RGB")):
        save(folder / "b" / f"{number}.png", level, mode)
    Image.fromarray(level).save(folder / "a" / "j.jpg", quality=100)
    np.testing.assert_allclose(load(tmp_path, network(4), channels=1).inputs, 1, atol=0.01)
    np.testing.assert_allclose(load(tmp_path, network(12), channels=3).inputs, 1, atol=0.01)


def test_images_without_classes_are_for_inference(tmp_path: Path) -> None:
    save(tmp_path / "faces" / "a.png", np.zeros((2, 2), np.uint8))
    found = load(tmp_path, network(4))
    assert found.targets is None and found.classes is None and np.shape(found.inputs) == (1, 4)


def test_parts_and_scales(tmp_path: Path) -> None:
    for number in range(10):
        for name in ("cat", "dog"):
            save(tmp_path / "faces" / name / f"{number}.png", RNG.integers(0, 256, (2, 2), np.uint8))
    train = load(tmp_path, network(4), part="train", scale="standard")
    test = load(tmp_path, network(4), part="test", scale="standard")
    assert (len(train.inputs), len(test.inputs)) == (16, 4)
    assert np.bincount(test.labels).tolist() == [2, 2]  # type: ignore[arg-type]
    np.testing.assert_allclose(np.mean(train.inputs, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.std(train.inputs, axis=0), 1)
    assert np.abs(np.mean(test.inputs, axis=0)).max() > 0.01


@pytest.mark.usefixtures("grey")
class TestRefused:
    def refused(self, folder: Path, words: str, to: Network | None = None, **given: Any) -> None:
        refuses(words, lambda: load(folder, to or network(12), **given), FileFormatError)

    def test_unequal_sizes(self, tmp_path: Path) -> None:
        faces = tmp_path / "faces"
        save(faces / "dog" / "x.png", np.zeros((3, 3), np.uint8))
        words = (
            f"file '{faces}/dog/x.png' is 3 x 3 pixels, grey; allowed: 3 x 4 pixels, grey, as '{faces}/cat/a.png' is"
        )
        self.refused(tmp_path, words)

    def test_grey_and_colour(self, tmp_path: Path) -> None:
        faces = tmp_path / "faces"
        save(faces / "dog" / "x.png", np.zeros((4, 3, 3), np.uint8))
        words = f"file '{faces}/dog/x.png' is 3 x 4 pixels, in colour; allowed: 3 x 4 pixels, grey, as '{faces}/cat/a.png' is (data.channels"
        self.refused(tmp_path, words)

    def test_another_size_than_the_network_takes(self, tmp_path: Path) -> None:
        words = f"file '{tmp_path}/faces/cat/a.png' is 3 x 4 pixels, grey: 12 numbers; allowed: 64, as the network has inputs"
        self.refused(tmp_path, words, network(64))

    def test_a_class_without_images(self, tmp_path: Path) -> None:
        (tmp_path / "faces" / "wolf").mkdir()
        words = f"folder '{tmp_path}/faces/wolf' has no images; allowed: at least one PNG or JPEG file"
        self.refused(tmp_path, words)

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "none").mkdir()
        self.refused(tmp_path, f"folder '{tmp_path}/none' has no images; allowed: at least one", path="none")

    def test_files_beside_classes(self, tmp_path: Path) -> None:
        (tmp_path / "faces" / "notes.txt").write_text("x")
        words = f"folder '{tmp_path}/faces' has the file 'notes.txt' beside its sub-folders; allowed: a sub-folder of images for each class"
        self.refused(tmp_path, words)

    def test_what_is_no_image(self, tmp_path: Path) -> None:
        (tmp_path / "faces" / "cat" / "a.png").write_text("x")
        self.refused(tmp_path, f"file '{tmp_path}/faces/cat/a.png' is no PNG or JPEG image")
        Image.fromarray(np.zeros((4, 3), np.uint8)).save(tmp_path / "faces" / "cat" / "a.png", format="GIF")
        self.refused(tmp_path, f"file '{tmp_path}/faces/cat/a.png' is no PNG or JPEG image")

    def test_a_folder_in_a_class(self, tmp_path: Path) -> None:
        (tmp_path / "faces" / "cat" / "a").mkdir()
        self.refused(tmp_path, f"file '{tmp_path}/faces/cat/a' is a folder; allowed: a file")

    @pytest.mark.parametrize("share", [0.3, 0.6])
    def test_a_damaged_image(self, tmp_path: Path, share: float) -> None:
        path = tmp_path / "faces" / "dog" / "x.png"
        content = save(path, RNG.integers(0, 256, (4, 3), np.uint8)) is not None and path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])  # type: ignore[index]
        self.refused(tmp_path, f"file '{path}' is no PNG or JPEG image, or is damaged: ")

    def test_a_transparent_image(self, tmp_path: Path) -> None:
        path = tmp_path / "faces" / "cat" / "a.png"
        Image.fromarray(np.full((4, 3, 4), 100, np.uint8)).save(path)
        self.refused(tmp_path, f"file '{path}' is transparent in places; allowed: opaque images", channels=1)

    def test_other_classes_than_those_of_the_network(self, tmp_path: Path) -> None:
        words = f"folder '{tmp_path}/faces' has 2 classes ('cat', 'dog'); allowed: 3, as the network has outputs"
        self.refused(tmp_path, words, network(12, 3))
        known = network(12).named({"x1": ["cat", "wolf"]})
        self.refused(
            tmp_path, f"folder '{tmp_path}/faces' has the class 'dog'; allowed: those of the network: cat, wolf", known
        )

    def test_too_few_for_parts(self, tmp_path: Path) -> None:
        words = f"folder '{tmp_path}/faces' has 5 samples, of which 0 would be held out; allowed: some, and not all"
        self.refused(tmp_path, words, part="test", held_out=0.05)


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that claims side x side pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    body = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (12000, " is 12000 x 12000 pixels, grey: 1 of them take more than "),
        (30000, " is too large: "),
        (2**31 - 1, " is "),
    ],
)
def test_what_claims_to_be_huge(tmp_path: Path, side: int, words: str) -> None:
    path = tmp_path / "faces" / "a.png"
    path.parent.mkdir()
    path.write_bytes(bomb(side))
    source = FileData.model_validate({"source": "file", "path": "faces"})
    refuses(f"file '{path}'{words}", lambda: source.samples(tmp_path), FileFormatError)
    refuses(f"file '{path}' is ", lambda: source.load(network(12), tmp_path), FileFormatError)


def test_contents_of_a_folder_are_part_of_what_a_run_is(tmp_path: Path, grey: dict[str, np.ndarray]) -> None:
    before = contents_of({"data": {"path": "faces"}}, tmp_path)
    assert list(before) == ["faces"] and before == contents_of({"data": {"path": "faces"}}, tmp_path)
    save(tmp_path / "faces" / "dog" / "x.png", np.zeros((4, 3), np.uint8))
    assert contents_of({"data": {"path": "faces"}}, tmp_path) != before
    assert contents_of({"data": {"title": "faces"}}, tmp_path) == {}


def test_no_such_folder_and_a_folder_for_a_network(tmp_path: Path, grey: dict[str, np.ndarray]) -> None:
    refuses(
        "data.path is 'gone', and there is no such file",
        lambda: load(tmp_path, network(12), path="gone"),
        ScenarioError,
    )


def test_a_part_that_claims_gigabytes_reserves_none(tmp_path: Path) -> None:
    path = tmp_path / "faces" / "a.png"
    save(path, RNG.integers(0, 256, (4, 3), np.uint8))
    content = path.read_bytes()
    place = content.index(b"IDAT") - 4
    path.write_bytes(content[:place] + (2**31 - 1).to_bytes(4, "big") + content[place + 4 :])
    tracemalloc.start()
    try:
        with suppress(FileFormatError):
            load(tmp_path, network(12))
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
