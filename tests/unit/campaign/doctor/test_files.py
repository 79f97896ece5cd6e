"""Files of versions: recognised by content, and reported once if damaged."""

from __future__ import annotations

from services.campaign.doctor.files import FileExaminer, kind_of
from services.doctor.examination import Examination
from services.doctor.findings import FindingKind
from services.records.records import now_us
from tests.unit.campaign.campaign_service import PROJECT
from tests.unit.campaign.doctor.tampering import Scenario


async def test_files_are_recognised_by_content(scenario: Scenario) -> None:
    """Model, basis and manifest of a version are told apart, and from anything else."""
    blobs, version = scenario.service.stores.blobs, (await scenario.read_campaign()).version

    assert "a scoring model" == kind_of(await blobs.get(version.model_digest))
    assert "a basis" == kind_of(await blobs.get(version.basis_digest))
    assert "a manifest" == kind_of(await blobs.get(version.snapshot_digest))
    assert ["", ""] == [kind_of(content) for content in (b"", b"a mask")]


async def test_a_damaged_file_is_reported_once(scenario: Scenario) -> None:
    """A lost model is None when read, and is reported the first time only."""
    stores, version = scenario.service.stores, (await scenario.read_campaign()).version
    files = FileExaminer(Examination(stores, PROJECT.project, repair=False, started_us=now_us()))
    assert await files.read_model(version.model_digest) is not None
    await stores.blobs.delete(version.model_digest)

    assert await files.read_model(version.model_digest) is None
    finding = files.report(version.model_digest, "a scoring model")

    assert finding is not None
    assert FindingKind.BLOB_DAMAGED == finding.kind
    assert f"a scoring model, blob {version.model_digest}" == finding.subject
    assert files.report(version.model_digest, "a scoring model") is None
