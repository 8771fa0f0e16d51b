from .run import EXPERIMENTS, ExperimentReport, run_experiment

__all__ = ["EXPERIMENTS", "ExperimentReport", "run_experiment"]
