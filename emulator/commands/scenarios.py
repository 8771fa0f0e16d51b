"""``backwave scenarios``: what can be run."""

from __future__ import annotations


def scenarios() -> None:
    """List the scenarios that come with Backwave.

    \b
    Examples:
      backwave scenarios
      backwave run digits
    """  # noqa: D301
    from emulator.commands.console import console, table
    from emulator.scenario import bundled, load_scenario

    rows = []
    for name in bundled():
        config = load_scenario(name).config
        rows.append((name, f"{config.title}. {config.description}".rstrip()))
    console().print(table(("name", "what it shows"), rows))
