"""Events of an examination as protobuf."""

from __future__ import annotations

from services.doctor.findings import ExaminationProgress, Finding, FindingKind, FindingOutcome
from services.doctor.messages import response
from sluice.v1 import finding_pb2 as pb


def test_a_finding_arrives_whole() -> None:
    """Every field of a finding is in its message; `actual` is the field `found`."""
    finding = Finding(FindingKind.FRAME_COUNT, "subject", "1", "2", FindingOutcome.REPAIRED)

    assert response(finding) == pb.DiagnoseProjectResponse(
        finding=pb.Finding(
            kind=pb.FINDING_KIND_FRAME_COUNT,
            subject="subject",
            expected="1",
            found="2",
            outcome=pb.FINDING_OUTCOME_REPAIRED,
        )
    )


def test_progress_arrives_whole() -> None:
    """Progress has its stage and its count."""
    assert response(ExaminationProgress("rows", 7)) == pb.DiagnoseProjectResponse(
        progress=pb.DiagnosisProgress(stage="rows", examined=7)
    )
