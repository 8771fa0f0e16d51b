"""Code for every synapse, compiled to walk in contiguous runs, so that a processor takes several synapses at a time.

brian2 looks up for every synapse where its two ends are, and the compiler must expect any two synapses to meet there. In a
full crossbar the synapses of a row follow one another: they share the end in the row, and their ends in the columns are
neighbours. Such runs are found when a program starts, and within one nothing is looked up and nobody meets. Rows of the
same columns are walked side by side, so that what a synapse adds to its column is not written and read again row by row.

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
#: arrays of a synapse that all synapses of a run share, those in which each is one more than the one before and the next
#: run of the same columns begins anew, and those that go on through all runs
_SHARED = ("_synaptic_pre", "to_costate", "plastic", "tier", "row_end")
_NEXT = ("_synaptic_post", "neuron", "column_end")
_ON = ("number",)
#: synapses of a mean run from which walking in runs pays, and runs of the same columns that are walked side by side, so that
#: what their synapses add to the columns is read and written once for all of them
_WORTH, _SIDE = 4, 4


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
    if not loads or not {load["of"] for load in loads} <= {*_SHARED, *_NEXT, *_ON} or _meet(body, names):
        return text
    follows = " || ".join(
        f"{load['array']}[_idx] != {load['array']}[_idx - 1]{'' if load['of'] in _SHARED else ' + 1'}" for load in loads
    )
    alike = "".join(f" && {load['array']}[_at] == {load['array']}[_begin]" for load in loads if load["of"] in _NEXT)
    together, rare = _parted(body)
    walking = f"""    static std::vector<int> _ends;
    static std::vector<char> _alike;
    static std::vector<int64_t> _asking;
    if (_ends.empty())
    {{
        int _longest = 0;
        for (int _idx = 1, _first = 0; _idx <= _N; _idx++)
            if (_idx == _N || {follows})
            {{
                _ends.push_back(_idx);
                _longest = std::max(_longest, _idx - _first);
                _first = _idx;
            }}
        for (size_t _run = 0; _run < _ends.size(); _run++)
        {{
            const int _begin = _run ? _ends[_run - 1] : 0, _length = _ends[_run] - _begin;
            bool _same = _run + {_SIDE} <= _ends.size();
            for (int _side = 1, _at; _same && _side < {_SIDE}; _side++)
                _same = _ends[_run + _side] - (_at = _ends[_run + _side - 1]) == _length{alike};
            _alike.push_back(_same);
        }}
        _asking.resize({_SIDE}*(size_t)_longest);
    }}
    if ({_WORTH}*(long)_ends.size() <= _N)
    {{
        int64_t* const _asks = &_asking[0];
        for (size_t _run = 0; _run < _ends.size();)
        {{
            const int64_t _begin = _run ? _ends[_run - 1] : 0, _length = _ends[_run] - _begin;
            const int _sides = _alike[_run] ? {_SIDE} : 1;
            int64_t _asked = 0;
            if (_sides == 1)
{_walk(together, names, 1)}            else
{_walk(together, names, _SIDE)}{_walk_rare(rare, names)}            _run += _sides;
        }}
        return;
    }}
"""
    return "#include <algorithm>\n#include <vector>\n" + text[: loop.start()] + walking + text[loop.start() :]


def _walk(body: str, names: dict[str, re.Match[str]], sides: int) -> str:
    """A loop over the columns that so many runs, side by side, have in common."""
    load = save = ""
    for array, index in _shared_stores(body, names):  # the compiler would write and read them again for each run
        place = f"{array}[_{index}_0 + _k]"
        load += f"        auto _held{array} = {place};\n"
        save += f"        {place} = _held{array};\n"
        body = body.replace(f"{array}[{index}]", f"_held{array}")
    within = load + "".join(_one(body, names, str(side)) for side in range(sides)) + save
    firsts = "".join(
        f"                const int64_t _{name}_{side} = {load['array']}[{_begin(load, str(side))}];\n"
        for side in range(sides)
        for name, load in names.items()
    )
    return f"""            {{
{firsts}                int64_t* const _ask = _asks;
                #pragma GCC ivdep
                for (int64_t _k = 0; _k < _length; _k++)
                {{
{within}                }}
            }}
"""


def _shared_stores(body: str, names: dict[str, re.Match[str]]) -> list[tuple[str, str]]:
    """Arrays of the columns that synapses change, and the names of their indices."""
    stores = [store for line in body.splitlines() if (store := _STORE.match(line.strip())) is not None]
    found = [(one["array"], one["index"]) for one in stores if one["index"] in names]
    return [(array, index) for array, index in found if names[index]["of"] in _NEXT]


def _walk_rare(body: str, names: dict[str, re.Match[str]]) -> str:
    """A loop over what few synapses of the runs at hand need."""
    if not body:
        return ""
    return f"""            for (int64_t _side = 0; _asked && _side < _sides; _side++)
                for (int64_t _k = 0; _k < _length; _k++)
                    if (_asks[_side*_length + _k])
{_one(body, names)}"""


def _begin(load: re.Match[str], side: str) -> str:
    """Where a run, so many after the first, finds what its first synapse has of an array."""
    return "_begin" if load["of"] in _NEXT else f"_begin + {side}*_length"


def _one(body: str, names: dict[str, re.Match[str]], side: str = "") -> str:
    """The code of synapse `_k` of the run that is `side` runs after the first, `_side` if that is known to the program alone."""
    for name, load in names.items():  # as wide as a double
        first = f"_{name}_{side}" if side else f"{load['array']}[{_begin(load, '_side')}]"
        step = "" if load["of"] in _SHARED else " + _k"
        body = body.replace(load[0], f"        const int64_t {name} = {first}{step};\n")
    return f"        {{\n        const int64_t _idx = _begin + {side or '_side'}*_length + _k;\n{body}        }}\n"


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
    """The code for all synapses but the rare ones, and that of these; of a piece without any, the code itself and nothing."""
    rare = _RARE.search(body)
    if rare is None:
        return body, ""
    asks = f"        const int64_t _asks_now = {rare['asked']};\n        _ask[_idx - _begin] = _asks_now;\n        _asked |= _asks_now;\n"
    lines = f"{body[: rare.start()]}{asks}        const {rare['kind']} rare = 0;{body[rare.end() :]}"
    kept = []
    for line in lines.splitlines():
        store = _STORE.match(line.strip())
        if store is not None and not line.strip().startswith("_ask["):
            line = f"        {store['to']} = _asks_now ? {store['to']} : {store['value']};"
        kept.append(line)
    return "\n".join(kept) + "\n", body
