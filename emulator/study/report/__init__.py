"""The report of a study, one HTML page and a summary in Markdown, and two studies side by side."""

from __future__ import annotations

import os
from pathlib import Path

from emulator.errors import StudyError
from emulator.files import atomic_write
from emulator.study.evidence import Evidence, read_evidence
from emulator.study.report.markdown import study_summary
from emulator.study.report.page import Report, report_of, study_page

__all__ = ["Evidence", "Report", "read_evidence", "report_of", "study_page", "study_summary", "write_report"]


def write_report(store: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> tuple[Report, Path, Path]:
    """Write the report of a store: a page, and beside it a summary of the same name that ends in ``.md``.

    Parameters
    ----------
    store : str or path-like
        A study may be writing to it; the report then says that it is not complete.
    out : str or path-like, optional
        Path of the page, ending in ``.html``; by default beside the store.

    Returns
    -------
    tuple of (Report, Path, Path)
        What it says, and the paths of page and summary.

    Raises
    ------
    StudyError
        If `out` ends in something else.
    FileFormatError
        If `store` is no store of a study.
    OSError
        If a file cannot be read or written.
    """
    page = Path(store).with_suffix(".html") if out is None else Path(out)
    if page.suffix != ".html":
        raise StudyError(f"report '{page}' does not end in .html; allowed: a path that does")
    report = report_of(read_evidence(store))
    summary = page.with_suffix(".md")
    page.parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((page, study_page(report)), (summary, study_summary(report))):
        content = text.encode("utf-8", "replace")
        atomic_write(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
    return report, page, summary
