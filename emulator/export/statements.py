"""Which statements of a netlist may reach a simulator: those of a plain circuit, and nothing that runs or opens anything.

A netlist is a program: simulators execute control blocks, load code and read files where it tells them to. What is
read here is a language of its own, in which only elements and their numbers can be said. Every statement is matched
whole against the form of its kind; whatever has no form here is refused.
"""

from __future__ import annotations

import re
from enum import Enum

from hwmodels.doors import RefusedError

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?[a-z]*"
#: a number or, once expressions are taken out, an expression in braces
_VALUE = rf"(?:{_NUMBER}|\{{\}})"
_SETTINGS = rf"(?: \w+={_VALUE})*"
_VALUES = rf"\( ?{_VALUE}(?:[ ,] ?{_VALUE})* ?\)"
_PROBES = r"(?: (?:all|[vi] ?\( ?[\w.]+(?: ?, ?[\w.]+)? ?\)))+"

#: functions that expressions may call
_FUNCTIONS = frozenset(
    (
        *("v", "i", "abs", "sgn", "u", "uramp", "int", "nint", "floor", "ceil", "min", "max", "limit", "ternary_fcn"),
        *("exp", "ln", "log", "log10", "sqr", "sqrt", "pow", "pwr", "sin", "cos", "tan", "asin", "acos", "atan"),
        *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "agauss", "aunif", "gauss", "unif"),
    )
)
_OPTIONS = (
    "reltol|abstol|vntol|chgtol|trtol|pivtol|pivrel|gmin|gminsteps|srcsteps|itl[1-6]|maxord|temp|tnom|seed|rshunt|xmu"
)
#: parentheses within parentheses that an expression may have
_DEPTH = 100

#: a value, a model, or both; words of the kind of ``10k`` are values
_TWO_NODES = (rf" \w+ \w+(?: {_VALUE})?(?: [a-z]\w*)?{_SETTINGS}", "two nodes, a value and, or, a model")
#: first letter of an element -> what follows its name, and how that is said
_ELEMENTS: dict[str, tuple[str, str]] = {
    "r": _TWO_NODES,
    "c": _TWO_NODES,
    "l": _TWO_NODES,
    "k": (rf" \w+ \w+ {_VALUE}", "two inductors and a value"),
    "t": (rf" \w+ \w+ \w+ \w+{_SETTINGS}", "four nodes and settings"),
    "e": (rf" \w+ \w+ \w+ \w+ {_VALUE}", "four nodes and a value"),
    "g": (rf" \w+ \w+ \w+ \w+ {_VALUE}", "four nodes and a value"),
    "f": (rf" \w+ \w+ \w+ {_VALUE}", "two nodes, a voltage source and a value"),
    "h": (rf" \w+ \w+ \w+ {_VALUE}", "two nodes, a voltage source and a value"),
    "d": (rf" \w+ \w+ \w+{_SETTINGS}", "two nodes and a model"),
    "m": (rf" \w+ \w+ \w+ \w+ \w+{_SETTINGS}", "four nodes, a model and settings"),
    "q": (rf" \w+ \w+ \w+(?: \w+)? \w+{_SETTINGS}", "three or four nodes, a model and settings"),
    "j": (rf" \w+ \w+ \w+ \w+{_SETTINGS}", "three nodes, a model and settings"),
    "v": (
        rf" \w+ \w+(?:(?: dc)? {_VALUE})?(?: ac {_VALUE}(?: {_VALUE})?)?(?: (?:pwl|pulse|sin|exp) ?{_VALUES})?",
        "two nodes and DC, AC, PWL, PULSE, SIN or EXP with numbers",
    ),
    "x": (rf"(?: \w+)+(?: params:)?{_SETTINGS}", "nodes, a subcircuit and settings"),
}
_ELEMENTS["i"] = _ELEMENTS["v"]
#: a behavioural source up to its expression
_BEHAVIOUR = re.compile(r"b\w* \w+ \w+ [vi]=(.+)")
_BEHAVIOUR_FORM = "two nodes and V= or I= with an expression"

#: commands -> what follows them
_COMMANDS: dict[str, str] = {
    ".subckt": rf" \w+(?: \w+)*(?: params:)?{_SETTINGS}",
    ".ends": r"(?: \w+)?",
    ".param": rf"(?: \w+={_VALUE})+",
    ".model": rf" \w+ (?:[rcld]|[np]mos|npn|pnp|[np]jf)(?: ?\( ?(?:\w+={_VALUE} ?)*\)|{_SETTINGS})",
    ".global": r"(?: \w+)+",
    ".ic": rf"(?: v ?\( ?\w+ ?\)={_VALUE})+",
    ".nodeset": rf"(?: v ?\( ?\w+ ?\)={_VALUE})+",
    ".temp": rf" {_NUMBER}",
    ".options": rf"(?: (?:(?:{_OPTIONS})={_VALUE}|method=(?:gear|trap|trapezoidal)))+",
    ".op": "",
    ".tran": rf" {_VALUE} {_VALUE}(?: {_VALUE}){{0,2}}(?: uic)?",
    ".save": _PROBES,
    ".print": rf"(?: op| dc| tran)?{_PROBES}",
    ".measure": r" .*",
    ".title": r".*",
    ".end": "",
}
_SAME = {".option": ".options", ".opt": ".options", ".meas": ".measure"}
#: commands that say what to print, which nobody reads here
_PRINTING = (".print", ".measure", ".title")
_FORMS = {kind: re.compile(rf"{kind}\w*{rest}", re.ASCII) for kind, (rest, _) in _ELEMENTS.items()}
_AFTER = {name: re.compile(rest, re.ASCII) for name, rest in _COMMANDS.items()}
_UNSAFE = re.compile(r"[^\w .+\-*/^(){}=,?:<>&|!]", re.ASCII)
_SIGNS = "_ . + - * / ^ ( ) { } = , ? : < > & | !"
_BRACES = re.compile(r"\{([^{}]*)\}")
_CALL = re.compile(r"(?<!\w)(\w+) ?\(")
_ASSIGNS = re.compile(r"(?<![<>=!])=(?!=)")

ELEMENTS = ", ".join(sorted(letter.upper() for letter in (*_ELEMENTS, "b")))
COMMANDS = ", ".join(sorted([*_COMMANDS, ".include"]))


class Use(Enum):
    """What becomes of a statement: it is run, it may be left out, or it is the last."""

    RUN = "run"
    LEAVE = "leave"
    END = "end"


def use(statement: str) -> Use:
    """What to do with one statement, on one line and without comments.

    Raises
    ------
    ValueError
        If it is none that is allowed; the message ends with what is.
    """
    unsafe = _UNSAFE.search(statement)
    if unsafe:
        raise RefusedError(f"has the character {unsafe.group()!r}; allowed: letters, digits, blanks and {_SIGNS}")
    text = " ".join(statement.lower().split())
    text = text.replace(" =", "=").replace("= ", "=") if "=" in text else text
    if text.startswith("."):
        return _command(text)
    letter = text[0]
    if letter == "b":
        found = _BEHAVIOUR.fullmatch(text)
        if found is None:
            raise RefusedError(f"is no element B; allowed: {_BEHAVIOUR_FORM}")
        _check_expression(found.group(1).replace("{", "(").replace("}", ")"))
        return Use.RUN
    if letter not in _FORMS:
        raise RefusedError(f"begins with {letter!r}; allowed: elements {ELEMENTS} and the commands {COMMANDS}")
    if not _FORMS[letter].fullmatch(_without_expressions(text)):
        raise RefusedError(f"is no element {letter.upper()}; allowed: {_ELEMENTS[letter][1]}")
    return Use.RUN


def _command(text: str) -> Use:
    word = re.match(r"\.\w*", text, re.ASCII)
    name = word.group() if word else "."
    rest, name = text[len(name) :], _SAME.get(name, name)
    if name not in _COMMANDS:
        raise RefusedError(f"is the command {name!r}; allowed: {COMMANDS}")
    if not _AFTER[name].fullmatch(_without_expressions(rest)):
        known = (
            f"numbers for {_OPTIONS.replace('|', ', ')}" if name == ".options" else "names and numbers in their places"
        )
        raise RefusedError(f"is no {name} as circuits need it; allowed: {known}")
    return Use.END if name == ".end" else Use.LEAVE if name in _PRINTING else Use.RUN


def _without_expressions(text: str) -> str:
    """`text` with every expression in braces checked, and emptied."""
    if "{" not in text:
        return text
    for inside in _BRACES.findall(text):
        _check_expression(inside)
    return _BRACES.sub("{}", text)


def _check_expression(text: str) -> None:
    for name in _CALL.findall(text):
        if name not in _FUNCTIONS:
            raise RefusedError(f"calls the function {name!r}; allowed: {', '.join(sorted(_FUNCTIONS))}")
    if _ASSIGNS.search(text):
        raise RefusedError("assigns within an expression; allowed: == <= >= !=")
    depth = 0
    for bracket in re.findall(r"[()]", text):
        depth += 1 if bracket == "(" else -1
        if not 0 <= depth <= _DEPTH:
            break
    if depth:
        raise RefusedError(
            f"has unequal parentheses, or more than {_DEPTH} within each other; allowed: fewer, in pairs"
        )
