from .evidence import Evidence, read_evidence
from .load import StudyFile, load_study
from .report import write_report
from .run import StudyReport, run_study
from .store import Store

__all__ = ["Evidence", "Store", "StudyFile", "StudyReport", "load_study", "read_evidence", "run_study", "write_report"]
