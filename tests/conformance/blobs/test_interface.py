"""The contract of every blob store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.blobs.interface import Blobs
from sluice.errors import DataLoss, InvalidArgument, NotFound

ABSENT = sha256(b"never stored").hexdigest()

# Blobs have no order and no owner, so that examples may share one store.
shared_store = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@shared_store
@given(content=st.binary(max_size=5_000))
async def test_content_comes_back_under_its_digest(blobs: Blobs, content: bytes) -> None:
    """Whatever is put comes back, under the SHA-256 of it."""
    digest = await blobs.put(content)

    assert sha256(content).hexdigest() == digest
    assert content == await blobs.get(digest)


async def test_content_of_many_blocks_comes_back(blobs: Blobs) -> None:
    """A blob may be larger than any buffer."""
    content = bytes(range(256)) * 16_384

    assert content == await blobs.get(await blobs.put(content))


async def test_content_is_there_in_a_store_opened_later(
    blobs: Blobs, open_blobs: Callable[[], Blobs]
) -> None:
    """What was put is there for whoever opens the store afterwards."""
    digest = await blobs.put(b"model")

    assert b"model" == await open_blobs().get(digest)


async def test_putting_twice_changes_nothing(blobs: Blobs) -> None:
    """The second put of a content returns the same digest, and one delete removes it."""
    digest = await blobs.put(b"model")

    assert digest == await blobs.put(b"model")
    assert b"model" == await blobs.get(digest)

    await blobs.delete(digest)
    with pytest.raises(NotFound):
        await blobs.get(digest)


async def test_one_content_put_by_many_at_once_is_stored(blobs: Blobs) -> None:
    """Puts of one content at the same time all succeed, as do the reads among them."""
    content = b"basis" * 50_000
    digest = await blobs.put(content)

    puts = [blobs.put(content) for _ in range(16)]
    reads = [blobs.get(digest) for _ in range(16)]

    assert [digest] * 16 + [content] * 16 == await asyncio.gather(*puts, *reads)


async def test_a_missing_blob_is_named(blobs: Blobs) -> None:
    """Reading what was never put is NotFound and names the digest."""
    with pytest.raises(NotFound, match=ABSENT):
        await blobs.get(ABSENT)


async def test_a_damaged_blob_is_never_returned(
    blobs: Blobs, damage: Callable[[str], None]
) -> None:
    """Content that no longer matches its digest is DataLoss and names the digest."""
    digest = await blobs.put(b"model")
    damage(digest)

    with pytest.raises(DataLoss, match=digest) as caught:
        await blobs.get(digest)
    assert {"digest": digest} == caught.value.metadata


async def test_putting_again_heals_a_damaged_blob(
    blobs: Blobs, damage: Callable[[str], None]
) -> None:
    """A put makes its content readable, also where a damaged copy was in the way."""
    digest = await blobs.put(b"model")
    damage(digest)
    await blobs.put(b"model")

    assert b"model" == await blobs.get(digest)


async def test_deleting_removes_one_blob_and_may_be_repeated(blobs: Blobs) -> None:
    """A delete removes that blob and no other; deleting what is not there changes nothing."""
    digest, other = await blobs.put(b"one"), await blobs.put(b"other")
    await blobs.delete(digest)
    await blobs.delete(digest)

    with pytest.raises(NotFound):
        await blobs.get(digest)
    assert b"other" == await blobs.get(other)


@pytest.mark.parametrize(
    "digest",
    ["", ABSENT[:-1], ABSENT + "0", ABSENT.upper(), "g" * 64, "../" * 21 + "a", ABSENT + "\n"],
)
async def test_a_malformed_digest_is_rejected(blobs: Blobs, digest: str) -> None:
    """A name that is not 64 lower-case hexadecimal digits is InvalidArgument, never a path."""
    with pytest.raises(InvalidArgument, match="digest"):
        await blobs.get(digest)
    with pytest.raises(InvalidArgument, match="digest"):
        await blobs.delete(digest)


SOON, LONG_AGO = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, -1))


async def test_old_blobs_are_listed(blobs: Blobs) -> None:
    """Digests come sorted, page by page; what was put since the moment is left out."""
    digests = sorted([await blobs.put(bytes([number])) for number in range(40)])
    listed: list[str] = []
    after = ""
    while page := await blobs.list_before(SOON, after=after, limit=7):
        listed += page
        after = page[-1]
    assert digests == listed
    assert [] == await blobs.list_before(LONG_AGO, after="", limit=7)


async def test_recent_blobs_are_not_deleted(blobs: Blobs) -> None:
    """A blob goes only if nobody put it since the moment; one that is gone already is gone."""
    digest = await blobs.put(b"content")
    assert not await blobs.delete_before(digest, LONG_AGO)
    assert b"content" == await blobs.get(digest)
    assert await blobs.delete_before(digest, SOON)
    assert await blobs.delete_before(digest, SOON)
    assert [] == await blobs.list_before(SOON, after="", limit=7)
