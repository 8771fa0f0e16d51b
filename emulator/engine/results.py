"""What a compiled program leaves behind: of the arrays that brian2 writes at its end, those that are asked for.

brian2 writes every array of a program into a file of its own, a hundred and more; making and removing them takes longer
than the run of one sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

#: one array in the generated `_write_arrays`: from the stream that is opened to the complaint if it was not
_WRITTEN = re.compile(
    r"[ \t]*ofstream (outfile_\w+);\s*\1\.open\(results_dir \+ \"(?P<file>\w+)\".*?Error writing output file for .*?\}\n",
    re.DOTALL,
)


def write_only(directory: Path, files: Iterable[str]) -> None:
    """Let a generated program write these files of results only, besides what tells its run time.

    Code that is not as expected is left as it is, and writes everything.

    Parameters
    ----------
    directory : Path
        Of the program, generated and not compiled yet.
    files : iterable of str
        Names among the results.
    """
    wanted, source = set(files), directory / "objects.cpp"
    text = source.read_text(encoding="utf-8")
    if wanted <= {found["file"] for found in _WRITTEN.finditer(text)}:
        kept = _WRITTEN.sub(lambda found: found[0] if found["file"] in wanted else "", text)
        source.write_text(kept, encoding="utf-8")
