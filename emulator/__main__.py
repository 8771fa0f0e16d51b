"""The command `backwave`, and ``python -m emulator``: interrupts are heard before anything else is imported."""

from __future__ import annotations

import signal
import sys

from emulator.interrupts import interruptible, status_of


def unsupported(system: str) -> str | None:
    """Why Backwave does not run on a system, by its name in `sys.platform`; None where it does."""
    if system.startswith(("win32", "cygwin", "emscripten", "wasi")):
        return f"backwave: error: this system is '{system}'; allowed: Linux and macOS, or Linux in WSL or a container"
    return None


def main() -> None:
    """Run the command of the command line, and leave with its status."""
    refused = unsupported(sys.platform)
    if refused is not None:
        print(refused, file=sys.stderr)
        sys.exit(2)
    try:
        with interruptible():
            try:
                from emulator.cli import main as command

                command()
            finally:
                for number in (signal.SIGINT, signal.SIGTERM):  # all is done or told: nothing is left to interrupt
                    signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt as stop:
        print("backwave: interrupted, nothing was written", file=sys.stderr)
        sys.exit(status_of(stop))


if __name__ == "__main__":
    main()
