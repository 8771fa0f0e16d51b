"""``backwave scenarios``: what can be run."""

from __future__ import annotations


def scenarios() -> None:
    """List the scenarios and the studies that come with Backwave.

    \b
    Examples:
      backwave scenarios
      backwave run digits
      backwave study robustness
    """  # noqa: D301
    from emulator.commands.console import console, table
    from emulator.scenario import bundled, load_scenario
    from emulator.study.load import bundled_studies, load_study

    rows = []
    for name in bundled():
        scenario = load_scenario(name)
        rows.append((name, f"{scenario.title}. {scenario.config.description}".rstrip()))
    screen = console()
    screen.print(table(("name", "what it shows"), rows))
    studies = [(name, load_study(name)) for name in bundled_studies()]
    asked = [(name, f"{study.title}. {study.config.study.description}".rstrip()) for name, study in studies]
    screen.print()
    screen.print(table(("study", "what it asks"), asked))
