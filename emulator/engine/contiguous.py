"""Code for every synapse, compiled to walk in contiguous runs, so that a processor takes several synapses at a time.

brian2 looks up for every synapse where its two ends are, and the compiler must expect any two synapses to meet there. In a
full crossbar the synapses of a row follow one another: they share the end in the row, and their ends in the columns are
neighbours. Such runs are found when a program starts, and within one nothing is looked up and nobody meets.

What only few synapses need, such as the writing of a device, would keep all others from being taken together. Code says
which these are by assigning ``rare`` (0 or 1), and by ``either(rare, what follows, what stays)`` that the others keep what
they have; they are then taken together, and the rare ones after them, one by one.
"""

from __future__ import annotations

import re
from pathlib import Path

#: the lines of brian2's loop over all synapses, and what it does for one
_LOOP = re.compile(
    r"^    for\(int _idx=0; _idx<_N; _idx\+\+\)\n    \{\n(?P<body>(?:(?!    \}).*\n)*?)    \}\n(?=\s*\n\}|\s*\})", re.M
)
_LOAD = re.compile(
    r"^ *const (?P<kind>int32_t|char) (?P<name>\w+) = (?P<array>_ptr_array_xbar_(?P<of>\w+))\[_idx\];\n", re.M
)
_STORE = re.compile(r"^(?P<to>(?P<array>_ptr\w+)\[(?P<index>\w+)\]) = (?P<value>.+);$")
_RARE = re.compile(r"^( *)const (?P<kind>\w+) rare = (?P<asked>.+);$", re.M)
#: arrays of a synapse that all synapses of a run share, and those in which each is one more than the one before
_SHARED = ("_synaptic_pre", "to_costate", "plastic", "tier", "row_end")
_NEXT = ("_synaptic_post", "neuron", "number", "column_end")
#: synapses of a mean run from which walking in runs pays
_WORTH = 4


def walk_in_runs(directory: Path) -> list[str]:
    """Let the pieces of a program that brian2 has written walk the synapses in runs; the names of those that now do."""
    changed = []
    for path in sorted((directory / "code_objects").glob("*.cpp")):
        text = path.read_text()
        walking = in_runs(text)
        if walking != text:
            path.write_text(walking)
            changed.append(path.stem)
    return changed


def in_runs(text: str) -> str:
    """A piece of a program that walks synapses in runs; the piece itself where it does not walk them, or they may meet."""
    loop = _LOOP.search(text)
    if loop is None:
        return text
    body = loop["body"]
    loads = list(_LOAD.finditer(body))
    names = {load["name"]: load for load in loads}
    if not loads or not {load["of"] for load in loads} <= {*_SHARED, *_NEXT} or _meet(body, names):
        return text
    follows = " || ".join(
        f"{load['array']}[_idx] != {load['array']}[_idx - 1]{'' if load['of'] in _SHARED else ' + 1'}" for load in loads
    )
    first = "".join(
        f"            const {load['kind']} _first_{name} = {load['array']}[_begin];\n" for name, load in names.items()
    )
    within = body
    for name, load in names.items():
        step = "" if load["of"] in _SHARED else " + (_idx - _begin)"
        within = within.replace(
            load[0], f"        const int64_t {name} = _first_{name}{step};\n"
        )  # as wide as a double
    together, after = _parted(within)
    walking = f"""    static std::vector<int> _ends;
    if (_ends.empty())
        for (int _idx = 1; _idx <= _N; _idx++)
            if (_idx == _N || {follows})
                _ends.push_back(_idx);
    if ({_WORTH}*(long)_ends.size() <= _N)
    {{
        static std::vector<int64_t> _asking(_N);
        int _begin = 0;
        for (const int _end : _ends)
        {{
{first}            int64_t* const _ask = &_asking[0];
            #pragma GCC ivdep
            for (int64_t _idx = _begin; _idx < _end; _idx++)
            {{
{together}            }}
{after}            _begin = _end;
        }}
        return;
    }}
"""
    return "#include <vector>\n" + text[: loop.start()] + walking + text[loop.start() :]


def _meet(body: str, names: dict[str, re.Match[str]]) -> bool:
    """Whether two synapses of a run may change the same number, or one reads what another changes."""
    stores = [found for line in body.splitlines() if (found := _STORE.match(line.strip())) is not None]
    if not stores:
        return True
    for store in stores:
        index = store["index"]
        if index != "_idx" and (index not in names or names[index]["of"] in _SHARED):
            return True
        if set(re.findall(rf"\b{store['array']}\[(.+?)\]", body)) != {index}:
            return True
    return False


def _parted(body: str) -> tuple[str, str]:
    """The code for all synapses but the rare ones, and the walk of these; of a piece without any, the code itself."""
    rare = _RARE.search(body)
    if rare is None:
        return body, ""
    kind = rare["kind"]
    lines = (
        body[: rare.start()]
        + f"        _ask[_idx] = {rare['asked']};\n        const {kind} rare = 0;"
        + body[rare.end() :]
    )
    kept = []
    for line in lines.splitlines():
        store = _STORE.match(line.strip())
        if store is not None:
            line = f"        {store['to']} = _ask[_idx] ? {store['to']} : {store['value']};"
        kept.append(line)
    walk = f"""            for (int _idx = _begin; _idx < _end; _idx++)
            {{
                if (!_ask[_idx])
                    continue;
{body}            }}
"""
    return "\n".join(kept) + "\n", walk
