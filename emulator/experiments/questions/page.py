"""The answers as one page, and as one picture."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from emulator.experiments.claims.figure import draw_panel
from emulator.experiments.findings import Table
from emulator.experiments.questions.base import Answer, Question
from emulator.report.style import letters, new_figure

Answered = Sequence[tuple[str, Question, Answer]]


def questions_figure(answered: Answered, title: str) -> Figure:
    """A panel for each question."""
    shown = [(question, answer.panel) for _, question, answer in answered if answer.panel is not None]
    rows = -(-len(shown) // 2)
    with letters():
        figure = new_figure(title, 14.0, 0.6 + 4.0 * rows)
        grid = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes, (question, panel) in zip(grid, shown, strict=False):
            draw_panel(axes, panel)
            axes.set_title(question.title, loc="left")
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
    return figure


def questions_text(answered: Answered, title: str, picture: str, command: str) -> str:
    """The page in Markdown."""
    lines = [f"# {title}", "", f"Every figure was measured in brian2 by `{command}`.", "", f"![{title}]({picture})"]
    for name, question, answer in answered:
        lines += ["", f"## {question.title}", "", answer.sentence, "", f"*Simulated:* {question.setup}.", ""]
        lines += [*_markdown(answer.table), "", f"Alone: `{command} --set 'questions.ask=[\"{name}\"]'`"]
    return "\n".join([*lines, ""])


def _markdown(table: Table) -> list[str]:
    if not table:
        return []
    heads, *rows = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table)
    return [heads, "|" + "---|" * len(table[0]), *rows]
