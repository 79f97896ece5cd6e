"""Backgrounds: joined from a stream, checked, and named by their content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from services.campaign.records import SpaceRecord
from services.campaign.spaces import list_spaces, set_background
from sluice.errors import InvalidArgument, NotFound, PermissionDenied
from sluice.names import ProjectName
from sluice.scoring import Basis, build_basis
from tests.unit.campaign.campaign_service import (
    ALL,
    DIMENSION,
    MODEL_ID,
    PROJECT,
    CampaignService,
    make_page,
)
from tests.unit.campaign.faults import overtaken

ROWS = np.random.default_rng(3).normal(size=(40, DIMENSION)).astype(np.float32)


async def stream(*chunks: Any) -> AsyncIterator[Any]:
    """Chunks of rows as they would arrive."""
    for chunk in chunks:
        yield chunk


async def background(service: CampaignService, *chunks: Any, **options: Any) -> SpaceRecord:
    """The space of `MODEL_ID` with a background."""
    return await set_background(service.stores, PROJECT, MODEL_ID, stream(*chunks), **options)


async def test_chunks_make_one_background(service: CampaignService) -> None:
    """The basis is that of all rows, in however many chunks they came."""
    space = await background(service, ROWS[:1], ROWS[1:30], ROWS[30:])

    assert (MODEL_ID, DIMENSION, 40) == (space.model_id, space.dimension, space.background_count)
    assert build_basis(ROWS).to_bytes() == await service.stores.blobs.get(space.basis_digest)
    assert ([space], "") == await list_spaces(service.stores, PROJECT, ALL)


async def test_a_new_background_takes_the_place_of_the_old(service: CampaignService) -> None:
    """A space has the background that was set last."""
    first = await background(service, ROWS)
    second = await background(service, ROWS[::-1].copy() * 2, ROWS + 1)
    (space,), _ = await list_spaces(service.stores, PROJECT, ALL)

    assert first.basis_digest != second.basis_digest == space.basis_digest


async def test_only_who_may_replace_a_background_does(service: CampaignService) -> None:
    """A caller who may not gets the first background set, and the same one again, no other."""
    first = await background(service, ROWS, may_replace=False)
    again = await background(service, ROWS, may_replace=False)
    with pytest.raises(PermissionDenied, match="has a background of 40 rows, and replacing it"):
        await background(service, ROWS * 2 + 1, may_replace=False)
    (space,), _ = await list_spaces(service.stores, PROJECT, ALL)

    assert first == again == space


async def test_of_two_first_backgrounds_the_faster_one_stays(service: CampaignService) -> None:
    """A background set meanwhile is not replaced by a caller who may not replace it."""
    late = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", service.set_background())
    )
    with pytest.raises(PermissionDenied):
        await background(late, ROWS, may_replace=False)
    (space,), _ = await list_spaces(service.stores, PROJECT, ALL)

    assert 64 == space.background_count


async def test_elements_leave_the_background_alone(service: CampaignService) -> None:
    """The first element of a space that has a background already does not take it away."""
    space = await background(service, ROWS)

    await service.create_issue("a")

    assert ([space], "") == await list_spaces(service.stores, PROJECT, ALL)


async def test_a_background_set_meanwhile_stays(service: CampaignService) -> None:
    """The first element of a space does not undo a background that was set at the same moment."""
    issue = await service.create_issue()
    late = service.with_stores(
        ledger=overtaken(service.stores.ledger, "commit", service.set_background())
    )

    await late.add_frames(issue, "a")

    (space,), _ = await list_spaces(service.stores, PROJECT, ALL)
    assert 64 == space.background_count


@pytest.mark.parametrize(
    ("chunks", "reason", "message"),
    [
        ([], "INVALID_FIELD", "embeddings: no rows"),
        ([ROWS[:0]], "INVALID_FIELD", "embeddings: 0 background rows"),
        ([ROWS[:31]], "INVALID_FIELD", "embeddings: 31 background rows"),
        ([ROWS, ROWS[:, 1:]], "SPACE_MISMATCH", "embeddings: dimension 7 after .* dimension 8"),
        ([ROWS[:20], ROWS[:20] * 0], "INVALID_EMBEDDING", r"embeddings: 20 .* row 20, 21"),
        ([ROWS[:20], ROWS[:20] * np.nan], "INVALID_EMBEDDING", r"embeddings: 20 .* row 20, 21"),
    ],
)
async def test_wrong_rows_are_refused(
    service: CampaignService, chunks: list[Any], reason: str, message: str
) -> None:
    """Too few rows, rows of two dimensions or without direction are refused; nothing is set."""
    with pytest.raises(InvalidArgument, match=message) as raised:
        await background(service, *chunks)

    assert reason == raised.value.reason
    assert ([], "") == await list_spaces(service.stores, PROJECT, ALL)


async def test_a_background_is_bounded(service: CampaignService) -> None:
    """Rows are gathered up to the limit, and not a byte over it."""
    await background(service, ROWS[:20], ROWS[20:], bytes_max=ROWS.nbytes)

    with pytest.raises(InvalidArgument, match=f"embeddings: more than {ROWS.nbytes}") as raised:
        await background(service, ROWS, ROWS[:1], bytes_max=ROWS.nbytes)

    assert "TOO_LARGE" == raised.value.reason


async def test_a_background_needs_a_model_and_a_project(service: CampaignService) -> None:
    """A space has a model of 1 to 256 bytes, in a project that exists."""
    with pytest.raises(InvalidArgument, match="model_id: is empty; 1 to 256 bytes"):
        await set_background(service.stores, PROJECT, "", stream(ROWS))
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await set_background(service.stores, ProjectName("q"), MODEL_ID, stream(ROWS))
    with pytest.raises(NotFound, match="projects/q does not exist"):
        await list_spaces(service.stores, ProjectName("q"), ALL)


async def test_spaces_are_listed_by_model_and_dimension(service: CampaignService) -> None:
    """Spaces of one model and other dimensions are different, and listed in order."""
    wide = np.random.default_rng(5).normal(size=(64, 16)).astype(np.float32)
    await set_background(service.stores, PROJECT, "m", stream(wide))
    await set_background(service.stores, PROJECT, "m", stream(ROWS))
    await set_background(service.stores, PROJECT, "a/b", stream(ROWS))

    first, token = await list_spaces(service.stores, PROJECT, make_page(2))
    rest, _ = await list_spaces(service.stores, PROJECT, make_page(2, token))

    assert [("a/b", 8), ("m", 8), ("m", 16)] == [
        (space.model_id, space.dimension) for space in (*first, *rest)
    ]


async def test_a_basis_can_be_read_again(service: CampaignService) -> None:
    """The blob of the basis digest is a basis of that space."""
    space = await background(service, ROWS)

    basis = Basis.from_bytes(await service.stores.blobs.get(space.basis_digest))

    assert DIMENSION == basis.dimension
