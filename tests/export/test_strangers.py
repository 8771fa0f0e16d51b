"""Folders of strangers: their netlists are data, and whatever would run, read or write anything else is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import ExportError, FileFormatError
from emulator.export import circuit, confined, spice, verify
from emulator.export.circuit import read_circuit
from emulator.export.confined import Limits, run_confined
from emulator.export.ngspice import run_ngspice
from emulator.export.statements import use
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, sample

__all__ = ["ngspice"]
GOLDEN = Path(__file__).parents[1] / "golden" / "spice"


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    graph, out = chain(), tmp_path_factory.mktemp("honest") / "out"
    spice(graph, out, *sample(graph))
    return out


@pytest.fixture
def exported(honest, tmp_path):
    shutil.copytree(honest, tmp_path / "out")
    return tmp_path / "out"


def insert(path: Path, text: str) -> int:
    """Put lines before the last statement of a file, and tell on which line they begin."""
    lines = path.read_text().rstrip("\n").split("\n")
    at = len(lines) - 1 if lines[-1] == ".end" else len(lines)
    lines[at:at] = [text]
    path.write_text("\n".join([*lines, ""]))
    return at + 1


CANARY = "touch canary"
#: kind -> (file, lines, how the refusal goes on after file and line)
PLANTED = {
    "control block": ("net.cir", f".control\nshell {CANARY}\n.endc", "'.control' is the command '.control'; allowed: .end, "),
    "control block of the library": ("lib.inc", f" \t.CoNtRoL\nshell {CANARY}\n.endc", "'.CoNtRoL' is the command"),
    "control block of the transient": ("tb_tran.cir", f".control\nshell {CANARY}\n.endc", "'.control' is the command"),
    "control by continuation": ("tb_op.cir", f".con\n+trol\n+\nshell {CANARY}", "'.con trol ' is the command '.con'"),
    "comment that is obeyed": ("tb_op.cir", f"*# shell {CANARY}", f"'*# shell {CANARY}' is a comment that simulators obey"),
    "script in a comment": ("lib.inc", "*ng_script", "'*ng_script' is a comment that simulators obey"),
    "shell": ("net.cir", f".shell {CANARY}", f"'.shell {CANARY}' is the command '.shell'"),
    "exec": ("net.cir", f".exec {CANARY}", f"'.exec {CANARY}' is the command '.exec'"),
    "csparam": ("net.cir", ".csparam a={1}", "'.csparam a={1}' is the command '.csparam'"),
    "condition": ("net.cir", ".if (1)\nR1 a 0 1\n.endif", "'.if (1)' is the command '.if'"),
    "library of another folder": ("net.cir", '.lib "../evil.lib" tt', "'.lib \"../evil.lib\" tt' has the character"),
    "library": ("net.cir", ".lib evil tt", "'.lib evil tt' is the command '.lib'"),
    "compiled model": ("net.cir", ".pre_osdi evil.osdi", "'.pre_osdi evil.osdi' is the command '.pre_osdi'"),
    "code model": ("net.cir", ".codemodel evil.cm", "'.codemodel evil.cm' is the command '.codemodel'"),
    "load": ("tb_op.cir", ".load evil.raw", "'.load evil.raw' is the command '.load'"),
    "write": ("tb_op.cir", ".write canary", "'.write canary' is the command '.write'"),
    "device that reads a file": ("net.cir", "a9 [q 0] source", "'a9 [q 0] source' has the character '['"),
    "device of code": ("net.cir", "a9 q source", "'a9 q source' begins with 'a'; allowed: elements B, C, D, E, "),
    "model with a file": ("net.cir", '.model m filesource(file="/etc/passwd")', "'.model m filesource(file=\"/etc/passwd\")' has the"),
    "model of code": ("net.cir", ".model m d_source(input_file=canary)", "'.model m d_source(input_file=canary)' is no .model"),
    "wave from a file": ("net.cir", "V9 q 0 PWL FILE=wave", "'V9 q 0 PWL FILE=wave' is no element V; allowed: two nodes and DC"),
    "wave of another name": ("net.cir", "V9 q 0 PWLFILE(wave)", "'V9 q 0 PWLFILE(wave)' is no element V"),
    "behaviour from a file": ("net.cir", "B9 q 0 V=file(1)", "'B9 q 0 V=file(1)' calls the function 'file'; allowed: abs, "),
    "quoted expression": ("net.cir", "R9 q 0 r='system(1)'", "\"R9 q 0 r='system(1)'\" has the character \"'\""),
    "expression in braces": ("net.cir", ".param a={shell(1)}", "'.param a={shell(1)}' calls the function 'shell'"),
    "backticks": ("net.cir", f"R9 q 0 `{CANARY}`", f"'R9 q 0 `{CANARY}`' has the character '`'"),
    "variable": ("net.cir", "R9 q 0 $HOME", "'R9 q 0 $HOME' has the character '$'"),
    "option with a file": ("tb_op.cir", ".options logfile=canary", "'.options logfile=canary' is no .options as circuits"),
    "print to a file": ("tb_op.cir", ".print op v(x1_0) > canary", "'.print op v(x1_0) > canary' is no .print"),
    "after the end": ("tb_op.cir", f".end\n.control\nshell {CANARY}\n.endc\n.end", "'.control' stands after '.end'"),
    "end of a part": ("lib.inc", ".end", "'.end' in a file that is included; allowed: at the end of a testbench"),
    "absolute include": ("net.cir", ".include /etc/passwd", "includes '/etc/passwd'; allowed: the name of a file in the folder"),
    "include above": ("net.cir", '.INC "../evil.inc"', "includes '\"../evil.inc\"'; allowed: the name of a file in the folder"),
    "include from the shell": ("net.cir", f".include `{CANARY}`", f"includes '`{CANARY}`'"),
    "include from the environment": ("net.cir", ".include $HOME/evil", "includes '$HOME/evil'"),
    "include from a home": ("net.cir", ".include ~/evil", "includes '~/evil'"),
    "include of itself": ("net.cir", ".include net.cir", "includes 'net.cir' again, or too deep"),
    "continuation of nothing": ("net.cir", ".include lib2.inc", ""),
    "no ASCII": ("net.cir", "R9 q 0 1\u00b5", "byte b'\\xc2'; allowed: lines of printable ASCII characters"),
    "null byte": ("net.cir", "R9 q 0 1\0", "byte b'\\x00'"),
    "old line ends": ("net.cir", f"* harmless\r.control\rshell {CANARY}\r.endc", "byte b'\\r'"),
    "escape": ("net.cir", "* \x1b[2J", "byte b'\\x1b'"),
    "long line": ("net.cir", "R9 q 0 " + "1" * 20000, "20007 characters; allowed: at most 20000"),
    "deep expression": ("net.cir", f"B9 q 0 V={'(' * 5000}1{')' * 5000}", f"'B9 q 0 V={'(' * 51}...' has unequal"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_is_refused_with_file_and_line(exported, monkeypatch, kind):
    name, text, words = PLANTED[kind]
    at = f"file '{exported / name}', line "
    if kind == "continuation of nothing":
        (exported / "lib2.inc").write_text("+ 1\n")
        insert(exported / name, text)
        at, words = f"file '{exported / 'lib2.inc'}', line 1: '+' continues nothing", ""
    else:
        at += f"{insert(exported / name, text) + (kind == 'after the end')}: "
    monkeypatch.chdir(exported)
    refuses(at + words, lambda: verify(exported), FileFormatError)
    assert not list(exported.parent.rglob("canary"))


def test_bare_ngspice_would_obey_what_is_planted(ngspice, exported):
    """Or the tests above would test nothing."""
    for kind in ("control block", "comment that is obeyed"):
        name, text, _ = PLANTED[kind]
        insert(exported / name, text)
        subprocess.run(["ngspice", "-b", "tb_op.cir"], cwd=exported, capture_output=True, check=False, timeout=60)
        (exported / "canary").unlink()


@pytest.mark.parametrize("name", [".spiceinit", "spice.rc", ".SpiceInit"])
def test_start_up_files_beside_a_circuit_are_refused(exported, monkeypatch, name):
    (exported / name).write_text(f"shell {CANARY}\n")
    monkeypatch.chdir(exported)
    refuses(f"'{exported / name}' is a start-up file of a simulator", lambda: verify(exported), FileFormatError)
    assert not list(exported.parent.rglob("canary"))


def test_files_that_are_none_or_lie_elsewhere_are_refused(exported, tmp_path, monkeypatch):
    net, kept = exported / "net.cir", (exported / "net.cir").read_bytes()
    (tmp_path / "evil.cir").write_bytes(kept)
    for make, words in (
        (lambda: net.symlink_to(tmp_path / "evil.cir"), f"file '{net}' is a link that leads out of its folder"),
        (lambda: net.symlink_to("/dev/zero"), f"file '{net}' is a link that leads out of its folder"),
        (lambda: net.symlink_to("net.cir"), f"folder '{exported}' has no net.cir"),
        (lambda: os.mkfifo(net), f"file '{net}' is a pipe; allowed: a file"),
        (net.mkdir, f"file '{net}' "),
        (lambda: net.write_bytes(kept.decode().encode("utf-16")), f"file '{net}', line 1: byte"),
        (lambda: net.write_bytes(b"\xef\xbb\xbf" + kept), f"file '{net}', line 1: byte b'\\xef'"),
    ):
        if net.is_dir():
            net.rmdir()
        else:
            net.unlink()
        make()
        refuses(words, lambda: verify(exported), FileFormatError)
    net.unlink()
    (exported / "kept.cir").write_bytes(kept)
    net.symlink_to("kept.cir")
    assert "Xw0_0 x0" in read_circuit(exported / "tb_op.cir").text
    monkeypatch.setattr(circuit, "MOST", 1000)
    refuses(
        f"file '{exported / 'tb_op.cir'}' has more than 1,000 bytes; allowed: at most that",
        lambda: verify(exported),
        FileFormatError,
    )


def test_includes_stop_somewhere(tmp_path):
    for k in range(12):
        (tmp_path / f"f{k}").write_text(f"* {k}\n.include f{k + 1}\n")
    words = f"file '{tmp_path / 'f7'}', line 2: includes 'f8' again, or too deep; allowed: 8 files"
    refuses(words, lambda: read_circuit(tmp_path / "f0"), FileFormatError)


def test_line_ends_and_remarks_of_other_editors_are_read(ngspice, exported):
    for name in ("net.cir", "lib.inc"):
        path = exported / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    insert(exported / "net.cir", "  r9 q 0\n* in between\n\n + 1k ; one kilo-ohm\n.param a=1 b={2*a}\n.ic v(q)=0")
    outcome = verify(exported)
    assert outcome.agrees and outcome.notes == ("edited since the export: lib.inc, net.cir",)


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_everything_that_an_export_writes_is_read(path):
    text = "\n".join(line for line in path.read_text().splitlines() if line and line[0] != "*").replace("\n+", "")
    for line in text.splitlines():
        if not line.startswith(".include"):
            use(line)


@given(st.text(alphabet="abdertvxi0129_.,+-*/^(){}=?:<>&|! \t$`'\"#[]\\;@~%", min_size=1).map(str.strip).filter(bool))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_any_statement_is_read_or_refused_in_words(text):
    try:
        use(text)
    except ValueError as error:
        assert "; allowed: " in str(error)
    else:
        assert not set(text) & set("$`'\"#[]\\;@~%")


def test_reading_takes_time_in_proportion_to_the_length():
    for text in (
        f"R1 a 0 {'1' * 200_000}!", f"X1 {'a ' * 100_000}!", f"B1 a 0 V={'a' * 200_000}", f"B1 a 0 V={'a(' * 100_000}",
        f".save {'v(a) ' * 50_000}!", f"V1 a 0 PWL({'0 ' * 100_000}", f".param {'a=1 ' * 50_000}!", f"R1 a 0 {'{' * 200_000}",
    ):  # fmt: skip
        begun = time.process_time()
        try:
            use(text)
        except ValueError as error:
            assert len(str(error)) < 1000
        assert time.process_time() - begun < 2


FAKE = """#!/bin/sh
{{ echo "args $*"; pwd; ls -a; echo "home $HOME:"; ls -a "$HOME"; env; }} > {report}
echo "all is well"
"""


def fake(folder: Path, text: str, monkeypatch) -> None:
    folder.mkdir()
    (folder / "ngspice").write_text(text)
    (folder / "ngspice").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_simulator_starts_in_an_empty_room_without_settings(exported, monkeypatch, tmp_path):
    report, home = tmp_path / "report", tmp_path / "home"
    home.mkdir()
    (home / ".spiceinit").write_text("shell touch canary\n")
    for name in ("HOME", "XDG_CONFIG_HOME", "SPICE_LIB_DIR", "SPICE_SCRIPTS", "NGSPICE_INPUT_DIR", "SPICE_EXEC_DIR"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("SECRET_TOKEN", "secret")
    fake(tmp_path / "bin", FAKE.format(report=report), monkeypatch)
    with pytest.raises(ExportError, match="failed with status 0: all is well"):
        run_ngspice(exported / "tb_op.cir", 30)
    said = report.read_text()
    assert "args -n -b -r " in said and ".spiceinit" not in said and "SECRET" not in said and str(home) not in said
    assert str(exported) not in said and "circuit.cir" in said and "net.cir" not in said
    assert {line.partition("=")[0] for line in said.splitlines() if line.startswith("SPICE")} == {"SPICE_SCRIPTS"}


def test_a_simulator_is_stopped_when_it_uses_too_much(monkeypatch, tmp_path):
    monkeypatch.setattr(confined, "_MOST_SAID", 1 << 20)

    def run(command: str, **limits: float):
        room = tmp_path / str(len(list(tmp_path.iterdir())))
        room.mkdir()
        return run_confined(["/bin/sh", "-c", command], room, Limits(**{"seconds": 20, **limits}))  # type: ignore[arg-type]

    for words, command, limits in (
        ("printed more than 1 MB", "while :; do echo noise noise noise noise noise noise noise; done", {}),
        ("printed more than 1 MB", "head -c 100000000 /dev/zero", {}),
        ("took more than 0.3 s", "exec sleep 50", {"seconds": 0.3}),
        ("took more than 0.3 s", "exec >/dev/null 2>&1; exec sleep 50", {"seconds": 0.3}),
        ("wrote more than 1 MB", "exec head -c 5000000 /dev/zero > big", {"file": 1 << 20}),
    ):
        begun = time.monotonic()
        with pytest.raises(ExportError, match=f"^{words}"):
            run(command, **limits)
        assert time.monotonic() - begun < 15
    hungry = "exec python3 -c 'x = bytearray(1 << 30)'"
    status, said = run(hungry, memory=400 << 20)
    assert status != 0 and "MemoryError" in str(said)
    status, said = run("ulimit -c; echo one; echo a fatal thing >&2; exit 3")
    assert status == 3 and str(said) == "a fatal thing" and said.last == ["0", "one", "a fatal thing"]


def test_a_simulator_that_is_interrupted_is_ended(monkeypatch, tmp_path):
    (tmp_path / "room").mkdir()

    def interrupts(*_: object) -> None:
        deadline = time.monotonic() + 10
        while not (tmp_path / "room" / "work" / "pid").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(confined, "_listen", interrupts)
    with pytest.raises(KeyboardInterrupt):
        run_confined(["/bin/sh", "-c", "echo $$ > p; mv p pid; exec sleep 50"], tmp_path / "room", Limits(30))
    pid = int((tmp_path / "room" / "work" / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
