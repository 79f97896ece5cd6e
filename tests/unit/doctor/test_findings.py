"""Findings: their names and numbers in the API, and their outcomes."""

from __future__ import annotations

from services.doctor.findings import Finding, FindingKind, FindingOutcome
from sluice.v1 import finding_pb2 as pb

FINDING = Finding(FindingKind.COUNTER, "projects/p", "2", "3")


def test_kinds_and_outcomes_are_those_of_the_api() -> None:
    """Kinds and outcomes have the numbers and names of the proto."""
    kinds = {f"FINDING_KIND_{kind.name}": kind.value for kind in FindingKind}
    outcomes = {f"FINDING_OUTCOME_{outcome.name}": outcome.value for outcome in FindingOutcome}
    assert {"FINDING_KIND_UNSPECIFIED": 0, **kinds} == dict(pb.FindingKind.items())
    assert {"FINDING_OUTCOME_UNSPECIFIED": 0, **outcomes} == dict(pb.FindingOutcome.items())


def test_a_finding_is_repaired_only_if_the_repair_was_made() -> None:
    """A repair that was not made leaves the finding repairable."""
    assert FindingOutcome.REPAIRABLE is FINDING.outcome
    assert FindingOutcome.REPAIRED is FINDING.mark_repaired(True).outcome
    assert FINDING == FINDING.mark_repaired(False)


def test_a_lost_finding_stays_lost() -> None:
    """A finding that nothing can repair is still lost after a repair that was not made."""
    assert FindingOutcome.LOST is FINDING.mark_lost().mark_repaired(False).outcome
