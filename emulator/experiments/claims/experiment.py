"""The claims, checked: that takes seconds, and nothing of it is kept."""

from __future__ import annotations

from functools import partial

from emulator.errors import ScenarioError
from emulator.experiments.claims import Bench, check_claims
from emulator.experiments.claims.figure import claims_figure, claims_text
from emulator.experiments.findings import Findings, Table, Way
from emulator.scenario.scenario import Scenario

PICTURE, TEXT = "claims.png", "claims.md"


def claims(scenario: Scenario, way: Way) -> Findings:
    """Check every claim that the scenario asks for."""
    config = scenario.config
    if config.claims is None:
        raise ScenarioError("claims needs its section; allowed: a scenario with one")
    built = config.network.build(scenario.folder)
    batch = config.data.load(built.network, scenario.folder)
    if batch.targets is None:
        raise ScenarioError("claims needs targets; allowed: data that have them")
    bench = Bench(
        built.network, batch.inputs, batch.targets, config.hardware.build(scenario.folder), config.substrate.seed
    )
    found = check_claims(bench, config.claims.checks, way.tell, workers=way.workers, scheduler=way.scheduler)
    held = sum(claim.holds for claim in found)
    table: Table = [("claim", "who says so", "equation", "measured", "tolerance", "holds")]
    table += [
        (claim.name, claim.origin, claim.equation, f"{claim.measured:.3g}", f"{claim.tolerance:g}",
         "yes" if claim.holds else "NO")
        for claim in found
    ]  # fmt: skip
    return Findings(
        good=held == len(found),
        verdict=f"{held} of {len(found)} claims hold",
        table=table,
        notes=[(claim.name, claim.measure) for claim in found],
        data={"claims": [claim.to_dict() for claim in found]},
        figure=partial(claims_figure, found, scenario.title),
        substrate=f"law, hardware and network of every panel are in {TEXT}",
        files={TEXT: claims_text(found, scenario.title, PICTURE)},
    )
