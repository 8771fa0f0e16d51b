"""Mutations: of nested tables by their structure, of texts by tokens, of bytes by anything."""

from __future__ import annotations

import copy
import json
import math
import random
from typing import Any

import tomli_w

#: what stands where something else was expected
VALUES: tuple[Any, ...] = (
    0, 1, -1, 2, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 2**200, 10**400, 10**30, 0.0, -0.0, 1.5, -1.5, 1e-320,
    1e308, -1e308, 1e-30, math.inf, -math.inf, math.nan, True, False, "", "x", "1", "nan", "inf", "-inf", "1e999", "1 s", "5 ns",
    "1e99999999999999999999 s", "50 ohm", "-3 dB", "3 %", "1/s", "1 s/m", "a" * 5000, "../../etc/passwd", "/dev/zero", "/dev/stdin",
    "~nosuchuser/x.toml", "~", ".", "/", "\0", "a\0b.toml", "\x1b[31m", "\u202e", "$x$", "$", "{", "%s", "__class__", "\ud800", "é",
    [], {}, [[]], [{}], {"kind": "normal"}, {"kind": "constant", "value": 1}, {"kind": "x"}, [1, 2, 3], [0.5], ["a"], [1, "a"],
    {"source": "file", "path": "x.npz"}, {"source": "x"}, {"name": "matched"}, {"model": "ideal"}, {"low": 1, "high": 0}, None,
)  # fmt: skip
#: pieces of texts
TOKENS = (
    "0", "1", "9" * 5000, "-", "+", ".", ",", ";", "\t", " ", "\n", "\r\n", "\r", "e", "E400", "1e400", "1e-400", "nan", "inf", "=", "[", "]",
    "[[", "]]", "{", "}", '"', "'", '"""', "'''", "\\", "\\u0000", "\\ud800", "#", "!", "true", "1979-05-27T07:32:00Z", "0x", "0b1", "1_0",
    "a.b", "a." * 200, "[" * 300, "{a=" * 80, "(" * 200, "\0", "\x1b[2J", "\u202e", "é", "µ", "\ufeff", "$", "%", "ohm", "s", "dB", "/", "**", "//",
    "lambda:0", "__import__('os')", "x = ", "lam", "()", "[Version] 2.0", "[Reference]", "R 50 75", "# GHz Y RI", "12_21", "NaN", "null",
)  # fmt: skip


def deep(rng: random.Random, depth: int) -> Any:
    """A table or list in a table or list, and so on."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


def value(rng: random.Random) -> Any:
    """Something unexpected."""
    if rng.random() < 0.03:
        return deep(rng, rng.choice([10, 70, 200]))
    if rng.random() < 0.05:
        return [rng.choice(VALUES) for _ in range(rng.randrange(6))]
    return rng.choice(VALUES)


def tree(rng: random.Random, seed: Any) -> Any:
    """A copy of nested tables with one to four things changed."""
    made = copy.deepcopy(seed)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 4])):
        _change(rng, made)
    return made


def _change(rng: random.Random, made: Any) -> None:
    places = _places(made)
    if not places:
        return
    holder, key = rng.choice(places)
    action = rng.randrange(8)
    if isinstance(holder, dict):
        if action == 0:
            del holder[key]
        elif action == 1:
            holder[rng.choice(["", "x", "__class__", key + "s", "source", "kind", "\x1b", "$", "a" * 300])] = (
                holder.pop(key)
            )
        elif action == 2:
            holder[rng.choice(["extra", "name", "source", "kind", "set", "value", "path"])] = value(rng)
        elif action == 3:
            other, place = rng.choice(places)
            holder[key] = copy.deepcopy(other[place])
        else:
            holder[key] = value(rng)
    elif action == 0:
        holder.pop(key)
    elif action == 1:
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = value(rng)


def _places(made: Any, most: int = 400) -> list[tuple[Any, Any]]:
    """Holders and keys of what is in nested tables; of very large ones only the outer ones."""
    found, level = [], [made]
    while level and len(found) < most:
        inner = []
        for one in level:
            items = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
            for key, entry in items:
                found.append((one, key))
                inner.append(entry)
        level = inner
    return found


def toml(rng: random.Random, seed: dict[str, Any]) -> bytes:
    """A TOML text near that of the seed."""
    if rng.random() < 0.7:
        try:
            text = tomli_w.dumps(tree(rng, seed)).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError, RecursionError):
            return blob(rng, tomli_w.dumps(seed).encode())
        return blob(rng, text) if rng.random() < 0.1 else text
    return blob(rng, tomli_w.dumps(seed).encode())


def as_json(rng: random.Random, seed: Any) -> bytes:
    """A JSON text near that of the seed."""
    try:
        text = json.dumps(tree(rng, seed)).encode()
    except (ValueError, RecursionError):
        text = json.dumps(seed).encode()
    return blob(rng, text) if rng.random() < 0.2 else text


def blob(rng: random.Random, seed: bytes, most: int = 200_000) -> bytes:
    """Bytes near those of the seed."""
    made = bytearray(seed)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        place = rng.randrange(len(made) + 1)
        action = rng.randrange(9)
        if action == 0 and made:
            made[place % len(made)] = rng.randrange(256)
        elif action == 1 and made:
            made[place % len(made)] ^= 1 << rng.randrange(8)
        elif action == 2:
            del made[place : place + rng.choice([1, 2, 4, 16, 100])]
        elif action == 3:
            made[place:place] = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
        elif action == 4:
            start = rng.randrange(len(made) + 1)
            made[place:place] = made[start : start + rng.choice([1, 8, 64, 512])]
        elif action == 5 and rng.random() < 0.3:
            del made[place:]
        elif action == 6:
            made[place : place + 4] = rng.choice([b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", rng.randbytes(4)])
        elif action == 7:
            end = place
            while end < len(made) and 48 <= made[end] < 58:
                end += 1
            made[place:end] = rng.choice(TOKENS[:24]).encode()
        elif rng.random() < 0.2:
            made = bytearray(
                rng.choice([made.decode("utf-8", "replace").encode("utf-16"), b"\xef\xbb\xbf" + made, made * 2])
            )
    return bytes(made[:most])


def text(rng: random.Random, seed: str) -> str:
    """A text near that of the seed."""
    made = list(seed)
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        place = rng.randrange(len(made) + 1)
        action = rng.randrange(4)
        if action == 0:
            made[place : place + rng.choice([1, 1, 3])] = []
        elif action == 1:
            made[place:place] = rng.choice(TOKENS)
        elif action == 2:
            start = rng.randrange(len(made) + 1)
            made[place:place] = made[start : start + rng.choice([1, 4, 20])]
        else:
            made[place : place + 1] = chr(rng.choice([rng.randrange(32, 127), rng.randrange(0x110000)]))
    return "".join(made)
