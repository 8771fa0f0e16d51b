from .load import bundled, load_scenario
from .run import RunReport, run_scenario
from .scenario import Scenario

__all__ = ["RunReport", "Scenario", "bundled", "load_scenario", "run_scenario"]
