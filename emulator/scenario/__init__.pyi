from .load import Scenario, bundled, load_scenario
from .run import RunReport, run_scenario

__all__ = ["RunReport", "Scenario", "bundled", "load_scenario", "run_scenario"]
