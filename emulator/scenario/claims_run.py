"""Running a scenario that checks the claims."""

from __future__ import annotations

from functools import partial

from emulator.data.batch import Batch
from emulator.errors import ScenarioError
from emulator.report.claims import claims_figure, claims_text
from emulator.scenario.networks import Built
from emulator.scenario.scenario import Scenario
from emulator.scenario.study_base import Progress, Study
from emulator.scenario.study_tables import Rows
from emulator.study.claims import Bench, check_claims
from emulator.study.keeping import Keep

PICTURE, TEXT = "claims.png", "claims.md"


def claims_study(scenario: Scenario, built: Built, batch: Batch, tell: Progress, keep: Keep) -> Study:
    """Check every claim that the scenario asks for; that takes seconds, and nothing is kept."""
    config = scenario.config
    section = config.claims
    if section is None or batch.targets is None:
        raise ScenarioError("claims needs its section and targets; allowed: a scenario with both")
    bench = Bench(
        built.network, batch.inputs, batch.targets, config.hardware.build(scenario.folder), config.substrate.seed
    )
    claims = check_claims(bench, section.checks, partial(tell))
    held = sum(claim.holds for claim in claims)
    table: Rows = [("claim", "equation", "measured", "tolerance", "holds")]
    table += [
        (claim.name, claim.equation, f"{claim.measured:.3g}", f"{claim.tolerance:g}", "yes" if claim.holds else "NO")
        for claim in claims
    ]
    return Study(
        good=held == len(claims),
        verdict=f"{held} of {len(claims)} claims hold",
        table=table,
        notes=[(claim.name, claim.measure) for claim in claims],
        data={"claims": [claim.to_dict() for claim in claims]},
        figure=partial(claims_figure, claims, scenario.title),
        files={TEXT: claims_text(claims, scenario.title, PICTURE)},
    )
