"""Scenarios: experiments described in TOML files, and running them."""

from emulator.scenario.load import Scenario, bundled, load_scenario
from emulator.scenario.run import RunReport, run_scenario

__all__ = ["RunReport", "Scenario", "bundled", "load_scenario", "run_scenario"]
