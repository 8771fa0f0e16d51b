"""The open questions, all points of which are run together and kept."""

from __future__ import annotations

from functools import partial

from emulator.errors import ScenarioError, suggest
from emulator.experiments.findings import Findings, Table, Way, command_of
from emulator.experiments.questions.base import Question
from emulator.experiments.questions.control import CONTROL
from emulator.experiments.questions.depth import ACCURACY, GRADIENT
from emulator.experiments.questions.learning import CURVATURE, TRAINING
from emulator.experiments.questions.metric import METRIC
from emulator.experiments.questions.page import questions_figure, questions_text
from emulator.experiments.questions.stability import STABILITY, WIDTHS
from emulator.scenario.experiments import QuestionsConfig
from emulator.scenario.scenario import Scenario
from emulator.study.work import Measured, Task, Work

#: questions by the name that a scenario uses, which their points begin with
QUESTIONS: dict[str, Question] = {
    "stability": STABILITY,
    "widths": WIDTHS,
    "metric": METRIC,
    "training": TRAINING,
    "control": CONTROL,
    "gradient": GRADIENT,
    "accuracy": ACCURACY,
    "terminations": CURVATURE,
}
PICTURE, TEXT = "questions.png", "questions.md"


def questions(scenario: Scenario, way: Way) -> Findings:
    """Answer every question that the scenario asks.

    Raises
    ------
    ScenarioError
        For an unknown one.
    """
    section = _section(scenario)
    for name in section.ask:
        if name not in QUESTIONS:
            raise ScenarioError(f"questions.ask: unknown question {suggest(name, QUESTIONS)}")
    chosen = {name: QUESTIONS[name] for name in section.ask or QUESTIONS}
    asks = {name: list(question.asks(scenario, section)) for name, question in chosen.items()}
    metrics = dict.fromkeys(metric for question in chosen.values() for metric in question.metrics)
    rows = iter(way.rows(scenario, [ask for some in asks.values() for ask in some], measured, list(metrics)))
    answered = [
        (name, question, question.answer(section, [next(rows) for _ in asks[name]]))
        for name, question in chosen.items()
    ]
    table: Table = [("question", "answer"), *((question.title, answer.sentence) for _, question, answer in answered)]
    return Findings(
        good=True,
        verdict=f"{len(answered)} questions answered on one page: {TEXT}",
        table=table,
        notes=[],
        data={
            "questions": [
                {"name": name, "question": question.title, "answer": answer.sentence, "setup": question.setup,
                 "table": [list(row) for row in answer.table]}
                for name, question, answer in answered
            ]
        },
        figure=partial(questions_figure, answered, scenario.title),
        substrate=f"law, hardware and network of every panel are in {TEXT}",
        files={TEXT: questions_text(answered, scenario.title, PICTURE, " ".join(command_of(scenario, "questions")))},
    )  # fmt: skip


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """What its question sees at a point."""
    return Measured(None, QUESTIONS[task.name.partition("/")[0]].measure(work, scenario, task))


def _section(scenario: Scenario) -> QuestionsConfig:
    if scenario.config.questions is None:
        raise ScenarioError("questions needs its section; allowed: a scenario with one")
    return scenario.config.questions
