"""Samples from folders of images: one sub-folder for each class, all images of one size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from emulator.archives import LIMIT, most_bytes
from emulator.data.batch import Floats
from emulator.data.samples import Samples
from emulator.errors import FileFormatError
from hwmodels.doors import RefusedError, quietly, read_bytes

FORMATS = ("PNG", "JPEG")
#: files that desktops leave in folders
_LEFT = ("Thumbs.db", "desktop.ini")
_KINDS = {1: "grey", 3: "in colour"}


def read_images(folder: Path, channels: int | None, width: int | None) -> Samples:
    """The images of a folder, from 0 (black) to 1, the channels of each one after another, row by row.

    Its sub-folders are the classes, in the order of their names; samples take turns: the first of every class, then the
    second. A folder of images without sub-folders has no targets.

    Parameters
    ----------
    folder : Path
    channels : {1, 3}, optional
        Turn all images into grey or coloured ones; by default they are what the first one is.
    width : int, optional
        Numbers of an image that a network takes.

    Raises
    ------
    FileFormatError
        If a file is no image, or of another size or kind than the first, a class is empty, or all are too large.
    OSError
        If a file cannot be opened.
    """
    classes = [one for one in _visible(folder) if one.is_dir()]
    beside = [one for one in _visible(folder) if not one.is_dir()]
    if classes and beside:
        raise FileFormatError(
            f"folder '{folder}' has the file '{beside[0].name}' beside its sub-folders; allowed: a sub-folder of images for each class"
        )
    groups = [list(_visible(one)) for one in classes] if classes else [beside]
    for one, files in zip(classes or [folder], groups, strict=True):
        if not files:
            raise FileFormatError(f"folder '{one}' has no images; allowed: at least one PNG or JPEG file")
    turns = sorted((turn, label) for label, files in enumerate(groups) for turn in range(len(files)))
    paths = [groups[label][turn] for turn, label in turns]
    names = tuple(one.name for one in classes)
    targets = np.array([names[label] for _, label in turns]) if classes else None
    return Samples(f"folder '{folder}'", _pixels(paths, channels, width), targets, classes=names or None)


def _visible(folder: Path) -> Iterator[Path]:
    for one in sorted(folder.iterdir()):
        if not one.name.startswith(".") and one.name not in _LEFT:
            yield one


def _pixels(paths: list[Path], channels: int | None, width: int | None) -> Floats:
    """All images, (B, n)."""
    rows, first = np.zeros((0, 0)), (0, 0, 0)
    for place, path in enumerate(paths):
        with _opened(path) as image:
            size = (*image.size, channels or _channels(image))
            if place == 0:
                first, count = size, int(np.prod(size))
                if width is not None and count != width:
                    raise FileFormatError(
                        f"file '{path}' is {_told(size)}: {count} numbers; allowed: {width}, as the network has inputs"
                    )
                if count * len(paths) * 8 > most_bytes():
                    raise FileFormatError(
                        f"file '{path}' is {_told(size)}: {len(paths)} of them take more than {most_bytes():,} bytes; "
                        f"allowed: smaller or fewer images, or a larger {LIMIT}"
                    )
                rows = np.empty((len(paths), count))
            if size != first:
                kind = " (data.channels makes them all alike)" if size[:2] == first[:2] else ""
                raise FileFormatError(
                    f"file '{path}' is {_told(size)}; allowed: {_told(first)}, as '{paths[0]}' is{kind}"
                )
            rows[place] = _numbers(path, image, size[2])
    return rows


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An image of a file, whose header has been read."""
    try:
        from PIL import Image
    except ImportError as error:
        raise FileFormatError(
            f"file '{path}' needs the package 'pillow'; allowed: pip install 'backwave[data]', or an .npz file of pixels"
        ) from error
    try:
        file = io.BytesIO(read_bytes(path))  # where a part that claims gigabytes reserves none
    except RefusedError as error:
        raise FileFormatError(f"file '{path}' {error}") from error
    try:
        with quietly():
            image = Image.open(file, formats=FORMATS)
    except Exception as error:
        raise _damaged(path, error) from error
    with image:
        yield image


def _damaged(path: Path, error: Exception) -> FileFormatError:
    said = " ".join(str(error).split())[:200]
    if type(error).__name__ == "DecompressionBombError":
        return FileFormatError(f"file '{path}' is too large: {said}")
    told = "" if type(error).__name__ == "UnidentifiedImageError" else f", or is damaged: {said}"
    return FileFormatError(f"file '{path}' is no PNG or JPEG image{told}")


def _channels(image: Any) -> int:
    """1 for grey images, 3 for coloured ones, those with a palette among them."""
    return 1 if image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F")) else 3


def _numbers(path: Path, image: Any, channels: int) -> Floats:
    """The pixels of an image, channel after channel, from 0 to 1."""
    try:
        with quietly():
            if image.mode.startswith("I"):  # grey of 16 bits
                deep = np.asarray(image, float) / 65535
                return np.repeat(deep[np.newaxis], channels, axis=0).ravel()
            if "A" in image.mode or "transparency" in image.info:
                if np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
                    raise FileFormatError(f"file '{path}' is transparent in places; allowed: opaque images")
                image = image.convert("RGBA")
            found = np.asarray(image.convert("L" if channels == 1 else "RGB"), float) / 255
    except FileFormatError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder makes of a damaged file
        raise _damaged(path, error) from error
    return found.ravel() if channels == 1 else np.moveaxis(found, 2, 0).ravel()


def _told(size: tuple[int, int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels, {_KINDS[size[2]]}"
