"""Findings as protobuf, for the services that examine what they keep."""

from __future__ import annotations

from services.doctor.findings import ExaminationEvent, ExaminationProgress
from sluice.v1 import finding_pb2 as pb


def response(event: ExaminationEvent) -> pb.DiagnoseProjectResponse:
    """The response of DiagnoseProject for one event of an examination."""
    if isinstance(event, ExaminationProgress):
        progress = pb.DiagnosisProgress(stage=event.stage, examined=event.examined)
        return pb.DiagnoseProjectResponse(progress=progress)
    finding = pb.Finding(
        kind=pb.FindingKind.Name(event.kind),
        subject=event.subject,
        expected=event.expected,
        found=event.actual,
        outcome=pb.FindingOutcome.Name(event.outcome),
    )
    return pb.DiagnoseProjectResponse(finding=finding)
