"""``python -m emulator`` is the command `backwave`."""

from emulator.cli import main

main()
