"""Files of a version: verified when read, and sent in chunks."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.campaign import version_files
from services.campaign.version_files import VersionFile, read_version_file, split_chunks
from sluice.errors import (
    DataLoss,
)
from tests.unit.campaign.campaign_service import (
    CampaignService,
    version_name,
)


@pytest.mark.parametrize("file", list(VersionFile))
async def test_a_damaged_file_is_not_handed_out(
    service: CampaignService, tmp_path: Path, file: VersionFile
) -> None:
    """A model or basis that is not what its digest says is DATA_LOSS, naming the digest."""
    await service.set_background()
    campaign, created = await service.create_campaign(await service.create_issue("a"))
    digest = (
        created.version.model_digest if file is VersionFile.MODEL else created.version.basis_digest
    )
    (path,) = (tmp_path / "blobs").rglob(digest)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(DataLoss, match=digest) as raised:
        await read_version_file(service.stores, version_name(campaign, 1), file)

    assert digest == raised.value.metadata["digest"]


def test_chunks_make_up_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is sent whole, in order, in pieces of at most the given size."""
    monkeypatch.setattr(version_files, "CHUNK_BYTES", 4)

    assert [b"abcd", b"efgh", b"i"] == list(split_chunks(b"abcdefghi"))
