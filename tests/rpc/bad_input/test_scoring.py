"""Frames that cannot be scored are rejected by field and value, alone and within a stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sluice import errors, rpc_errors
from sluice.tensors import pack
from sluice.v1 import campaign_pb2, scorer_pb2
from tests.rpc.bad_input.cases import Case, nothing_moves, refused
from tests.rpc.ingest.logger import DIMENSION, MODEL, PROJECT, Logger, matrix, vectors_of

MISSING, FOREIGN = f"{PROJECT}/campaigns/none", "projects/q/campaigns/c"
TENSOR = "embeddings.tensor"


def replace_rows(count: int, dimension: int = DIMENSION, *, last: float = 1) -> Any:
    """A function that replaces the vectors by ones, and the last row by another value."""
    vectors = np.ones((count, dimension), np.float32)
    vectors[-1] = last

    def spoil(request: scorer_pb2.ScoreFramesRequest) -> None:
        request.embeddings.tensor.CopyFrom(pack(vectors))

    return spoil


CASES = [
    Case("NaN", replace_rows(2, last=np.nan), "INVALID_EMBEDDING", "embeddings", "row 1"),
    Case("infinity", replace_rows(2, last=-np.inf), "INVALID_EMBEDDING", "embeddings", "row 1"),
    Case("zero vector", replace_rows(2, last=0), "INVALID_EMBEDDING", "embeddings", "row 1"),
    Case(
        "wrong dimension",
        replace_rows(2, 32),
        "SPACE_MISMATCH",
        "campaigns[0]",
        "'m' with 64 dimensions, not of 'm' with 32",
    ),
    Case(
        "unknown space",
        lambda r: setattr(r.embeddings, "model_id", "other"),
        "SPACE_MISMATCH",
        "campaigns[0]",
        "not of 'other' with 64",
    ),
    Case(
        "no space",
        lambda r: setattr(r.embeddings, "model_id", ""),
        "INVALID_FIELD",
        "embeddings.model_id",
        "empty",
    ),
    Case(
        "one dimension",
        replace_rows(2, 1),
        "INVALID_FIELD",
        f"{TENSOR}.dimension",
        "1 is not in 2…",
    ),
    Case("too many rows", replace_rows(4_097, 2), "TOO_LARGE", f"{TENSOR}.data", "4,097 rows"),
    Case(
        "too many bytes", replace_rows(257, 8_192), "TOO_LARGE", f"{TENSOR}.data", "8,421,376 bytes"
    ),
    Case(
        "half a vector",
        lambda r: setattr(r.embeddings.tensor, "data", bytes(DIMENSION * 6)),
        "INVALID_FIELD",
        f"{TENSOR}.data",
        "384 bytes",
    ),
    Case(
        "rows of no frame",
        lambda r: r.embeddings.frame_indices.extend([0, 2]),
        "INVALID_FIELD",
        "embeddings.frame_indices[1]",
        "2 is out of sequence",
    ),
    Case(
        "unknown campaign",
        lambda r: r.campaigns.append(MISSING),
        "NOT_FOUND",
        "campaigns[1]",
        MISSING,
        errors.NotFound,
    ),
    Case(
        "foreign project",
        lambda r: r.campaigns.append(FOREIGN),
        "FOREIGN_PROJECT",
        "campaigns[1]",
        FOREIGN,
        errors.PermissionDenied,
    ),
    Case(
        "a campaign twice",
        lambda r: r.campaigns.append(r.campaigns[0]),
        "INVALID_FIELD",
        "campaigns[1]",
        "duplicate campaign 'projects/p/campaigns/",
    ),
    Case(
        "explanations of omitted scores",
        lambda r: r.MergeFrom(type(r)(matches_only=True, explain=scorer_pb2.EXPLAIN_MODE_ALL)),
        "INVALID_FIELD",
        "explain",
        "use MATCHES or NONE",
    ),
    Case(
        "a name that is none",
        lambda r: r.campaigns.append("vans"),
        "INVALID_FIELD",
        "campaigns[1]",
        "'vans'",
    ),
]


def request_for(logger: Logger) -> scorer_pb2.ScoreFramesRequest:
    """A valid request that names the campaign."""
    return scorer_pb2.ScoreFramesRequest(
        parent=PROJECT,
        campaigns=[logger.campaign],
        embeddings={"model_id": MODEL, "tensor": pack(vectors_of(["h1", "x"]))},
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_frames_that_cannot_be_scored(logger: Logger, case: Case) -> None:
    """Both calls reject them with one error; a stream continues, and valid frames are scored."""
    valid, invalid = request_for(logger), request_for(logger)
    case.spoil(invalid)
    expected = matrix(await logger.scorer.ScoreFrames(valid))
    async with nothing_moves(logger):
        case.check(await refused(logger.scorer.ScoreFrames(invalid)))
        batches = [
            scorer_pb2.StreamScoresRequest(batch_id=number, batch=batch)
            for number, batch in enumerate((invalid, valid))
        ]
        responses = [response async for response in logger.scorer.StreamScores(iter(batches))]
    case.check(rpc_errors.from_status(responses[0].error))
    assert expected.tolist() == matrix(responses[1].scores).tolist()
    assert expected.tolist() == matrix(await logger.scorer.ScoreFrames(valid)).tolist()


async def test_an_inactive_campaign_is_named(logger: Logger) -> None:
    """A deactivated campaign is rejected by name, and scored again once it is activated."""
    case = Case("inactive", id, "WRONG_STATE", "campaigns[0]", "", errors.FailedPrecondition)
    await logger.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=logger.campaign)
    )
    while (await logger.score(["x"])).versions:
        pass
    async with nothing_moves(logger):
        error = await refused(logger.scorer.ScoreFrames(request_for(logger)))
    case.check(error)
    assert logger.campaign in error.message
    await logger.campaigns.ActivateCampaign(
        campaign_pb2.ActivateCampaignRequest(name=logger.campaign)
    )
    while not (await logger.score(["x"])).versions:
        pass
    assert 2 == (await logger.scorer.ScoreFrames(request_for(logger))).frame_count
