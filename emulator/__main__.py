"""The command `backwave`, and ``python -m emulator``: interrupts are heard before anything else is imported."""

from __future__ import annotations

import signal
import sys

from emulator.interrupts import interruptible, status_of


def main() -> None:
    """Run the command of the command line, and leave with its status."""
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
