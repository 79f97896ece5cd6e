"""The collection client, as a script uses it, against a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import sluice
from sluice import LabeledFrame, errors
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from tests.e2e.sluiced import Server
from tests.e2e.team import MODEL, NOON, Team, frames, vector

ATTEMPTS = 10_000

VANS = [f"v{index}" for index in range(6)]
TRAMS = [f"t{index}" for index in range(3)]
OTHERS = [f"x{index}" for index in range(20)]
ALL = [*VANS, *TRAMS, *OTHERS]


@pytest.fixture
def synced(team: Team) -> Team:
    """A team that has synced its campaigns."""
    team.sync_state()
    return team


def test_what_matches_is_collected_and_all_is_counted(synced: Team) -> None:
    """Each campaign collects its own matches; both count every sampled frame as seen."""
    synced.sample_probabilities(frames(*ALL[:10]), embedding_model_id=MODEL)
    synced.sample_probabilities(frames(*ALL[10:]))
    report = synced.save_for_collection()
    assert (29, 9, 9) == (report.seen, report.passing, report.collected)
    assert {
        (synced.started["vans"], "pending"): 6,
        (synced.started["trams"], "pending"): 3,
    } == report.verdicts
    for title, expected in (("vans", VANS), ("trams", TRAMS)):
        funnel = synced.funnel(title)
        assert (29, len(expected)) == (funnel.seen, funnel.matches)
        assert set(expected) == synced.collected(title)


def test_probabilities_say_why(synced: Team) -> None:
    """Each campaign has a score and an explanation with neighbours and runner-up."""
    sampled = synced.sample_probabilities(frames("v1", "x1"))
    assert {*synced.started.values()} == {*sampled[0]}
    van = sampled[0][synced.started["vans"]]
    tram = sampled[0][synced.started["trams"]]
    assert van.score > 0.5 > tram.score
    assert all(n.frame_id.startswith("vans-") for n in van.explanation.neighbours)
    assert van.score == sampled.scores(synced.started["vans"])[0]
    assert van.score - 0.5 == pytest.approx(van.explanation.margin_to_threshold)
    assert synced.started["trams"] == van.explanation.runner_up


def test_sampling_uploads_nothing(synced: Team) -> None:
    """Sampled frames are counted only once they are saved; a dry run saves nothing."""
    synced.sample_probabilities(frames(*ALL))
    dry = synced.save_for_collection(dry_run=True)
    assert 0 == synced.funnel("vans").seen
    assert (29, 9, True) == (dry.seen, dry.collected, dry.dry_run)
    scores = synced.sample_probabilities(frames(*VANS)).scores(synced.started["vans"])
    assert dry.best is not None
    assert dry.best.frame_id.startswith(("v", "t"))
    assert dry.minimum <= scores.min() <= scores.max() <= dry.maximum
    assert dry.minimum <= dry.mean <= dry.maximum
    wet = synced.save_for_collection()
    assert 29 + 6 == wet.seen == synced.funnel("vans").seen


def test_the_best_are_selected_each_for_its_best_campaign(synced: Team) -> None:
    """A target keeps the best frames; other passing frames are counted as not selected."""
    both = (np.eye(64)[0] + np.eye(64)[1]) * 3
    middle = LabeledFrame("both", NOON, embedding=both.astype("f4"))
    sampled = synced.sample_probabilities([*frames(*VANS, *OTHERS), middle])
    scores = sampled.scores(synced.started["vans"])
    report = synced.save_for_collection(0.01, target_sample_count=2)
    best = [frame.id for frame in map(_frame, np.argsort(-scores)[:2])]
    assert 2 == report.collected
    funnel = synced.funnel("vans")
    assert set(best) == synced.collected("vans")
    passing = int((scores >= 0.01).sum())
    assert passing - 2 == funnel.not_selected
    assert (2, 27) == (funnel.matches, funnel.seen)


def _frame(index: np.intp) -> sluice.Frame:
    return sluice.Frame(id=[*VANS, *OTHERS, "both"][index])


def test_a_second_save_sends_only_what_is_new(synced: Team) -> None:
    """Saved frames are not sent again; frames without a match are still counted."""
    synced.sample_probabilities(frames(*VANS))
    synced.save_for_collection()
    assert 0 == synced.save_for_collection().seen
    synced.sample_probabilities(frames(*OTHERS))
    assert 0 == synced.save_for_collection().collected
    assert 26 == synced.funnel("vans").seen


def test_thresholds_have_their_precedence(synced: Team) -> None:
    """The override replaces the campaign's threshold, which replaces the default of 0.5."""
    synced.campaigns.set_threshold(synced.started["vans"], 1.0)
    synced.sync_state()
    synced.sample_probabilities(frames(*VANS, *TRAMS))
    assert 3 == synced.save_for_collection(dry_run=True).collected
    assert 9 == synced.save_for_collection(0.5, dry_run=True).collected
    assert 0 == synced.save_for_collection(1.0, dry_run=True).collected
    with pytest.raises(errors.InvalidArgument, match=r"1\.5"):
        synced.save_for_collection(1.5)


def test_crops_are_scored_and_named(synced: Team) -> None:
    """A frame has the score of its best crop, and its sample names that crop."""
    frame = LabeledFrame("street", NOON)
    frame.add_image(sensor_id="cam", image_url="https://example.org/1.png", width=640, height=480)
    for label_id, top in (("far", 10), ("near", 20)):
        frame.add_label_2d_bbox(
            sensor_id="cam",
            label_id=label_id,
            classification="van",
            top=top,
            left=5,
            width=50,
            height=40,
        )
    frame.add_frame_embedding(embedding=vector("x-street"))
    frame.add_crop_embedding(label_id="far", embedding=vector("x-far"))
    frame.add_crop_embedding(label_id="near", embedding=vector("v-near"))
    synced.sample_probabilities([frame])
    synced.save_for_collection()
    synced.funnel("vans")
    [sample] = synced.samples.list(synced.started["vans"])
    assert "near" == sample.explanation.label_id
    assert ["far", "near"] == [label.id for label in sample.frame.labels]


def test_targets_name_projects_and_issues(synced: Team) -> None:
    """Only campaigns of the targets are scored; an unknown target is rejected by name."""
    issue = next(i for i in synced.issues.list(synced.project) if i.display_name == "trams")
    synced.sync_state(target_project_names=["p"], target_issue_uuids=[issue.name.split("/")[-1]])
    [probability] = synced.sample_probabilities(frames("t1"))
    assert {synced.started["trams"]} == {*probability}
    with pytest.raises(errors.NotFound, match="'q'"):
        synced.sync_state(target_project_names=["q"])
    with pytest.raises(errors.NotFound, match="'none'"):
        synced.sync_state(target_issue_uuids=["none"])


def test_the_same_run_twice_counts_once(server: Server, team: Team, tmp_path: Path) -> None:
    """A script that runs again under its session id counts nothing twice."""
    session_id = "0b5e7c52-3d0c-4f5e-9d4e-6f1f3f1a2b3c"
    for _ in range(2):
        with Team(server, tmp_path / "models", session_id=session_id) as script:
            script.sync_state()
            script.sample_probabilities(frames(*ALL))
            script.save_for_collection()
    funnel = team.funnel("vans")
    assert (29, 6, 0) == (funnel.seen, funnel.matches, funnel.duplicate)


def test_a_server_that_is_killed_and_comes_back(synced: Team, server: Server) -> None:
    """A save resumes after a restart of the server, and counts every frame once."""
    for start in range(0, 29, 7):
        synced.sample_probabilities(frames(*ALL[start : start + 7]))
        synced.save_for_collection()
        server.kill()
        server.start()
    assert (29, 6) == (synced.funnel("vans").seen, synced.funnel("vans").matches)
    assert {*VANS} == synced.collected("vans")


def test_a_damaged_model_on_the_disk_is_downloaded_again(synced: Team, tmp_path: Path) -> None:
    """A cached file that does not match its digest is replaced."""
    for file in (tmp_path / "models").iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    synced.sync_state()
    assert 2 == len(synced.sample_probabilities(frames("v1"))[0])


def test_a_full_disk_is_reported_before_the_download(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without enough disk space nothing is downloaded; the error has the free bytes."""
    usage = shutil.disk_usage("/")._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(errors.ResourceExhausted, match="1,000 bytes are free"):
        team.sync_state()


@pytest.mark.parametrize("api_key", ["slc_wrong_key", "nonsense"])
def test_a_wrong_key(server: Server, api_key: str) -> None:
    """An unknown or malformed key is Unauthenticated."""
    with sluice.CollectionClient(server.target) as client:
        client.set_credentials(api_key=api_key)
        with pytest.raises(errors.Unauthenticated):
            client.sync_state()


def test_invalid_frames_are_rejected(synced: Team) -> None:
    """An invalid frame is rejected by id, and the whole call has no effect."""
    naive = LabeledFrame("f", datetime(2026, 1, 1), embedding=vector("v1"))  # noqa: DTZ001
    with pytest.raises(errors.InvalidArgument, match="2026-01-01T00:00:00 has no time zone"):
        synced.sample_probabilities([*frames("v1"), naive])
    with pytest.raises(errors.InvalidArgument, match="'f' has none"):
        synced.sample_probabilities([LabeledFrame("f")])
    crop = LabeledFrame("f")
    crop.add_crop_embedding(label_id="nothing", embedding=vector("v1"))
    with pytest.raises(errors.InvalidArgument, match="no label 'nothing'"):
        synced.sample_probabilities([crop])
    with pytest.raises(errors.InvalidArgument, match="'other' with 64 dimensions"):
        synced.sample_probabilities(frames("v1"), embedding_model_id="other")
    nan = LabeledFrame("f", embedding=np.full(64, np.nan, "f4"))
    with pytest.raises(errors.InvalidArgument, match="of frames 'f': NaN"):
        synced.sample_probabilities([nan])
    assert 0 == synced.save_for_collection().seen


def test_order_of_calls_is_explained(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call made too early names the call that must come first."""
    monkeypatch.delitem(os.environ, "SLUICE_API_KEY", raising=False)
    with sluice.CollectionClient(server.target) as client:
        with pytest.raises(errors.Unauthenticated, match="SLUICE_API_KEY"):
            client.set_credentials()
        with pytest.raises(errors.Unauthenticated, match="set_credentials"):
            client.sync_state()
        client.set_credentials(api_key=server.admin_key)
        with pytest.raises(errors.FailedPrecondition, match="sync_state"):
            client.sample_probabilities(frames("v1"))


def test_scores_of_a_stream_are_the_servers(synced: Team) -> None:
    """Scores computed on the server equal those of the client."""
    rows = np.stack([vector(i) for i in ALL])
    batches = [Embeddings.of_frames(MODEL, part) for part in np.array_split(normalise(rows), 3)]
    responses = list(synced.score_stream(synced.project, batches))
    streamed = np.concatenate([np.frombuffer(a.scores, "<f8").reshape(-1, 2) for a in responses])
    local = synced.sample_probabilities(frames(*ALL))
    for column, version in enumerate(responses[0].versions):
        np.testing.assert_allclose(streamed[:, column], local.scores(version.campaign), atol=1e-5)


def test_a_stream_can_return_matches_only(synced: Team) -> None:
    """With `matches_only`, responses have only the scores at or over the threshold."""
    batches = [Embeddings.of_frames(MODEL, np.stack([vector(i) for i in ALL]))]
    [full] = synced.score_stream(synced.project, batches)
    [only] = synced.score_stream(synced.project, batches, matches_only=True)
    scores = np.frombuffer(full.scores, "<f8").reshape(-1, 2)
    passing = scores[scores >= [version.threshold for version in full.versions]]
    given = np.frombuffer(only.matches.scores, "<f8")
    np.testing.assert_allclose(given, passing, rtol=0, atol=1e-5)
    assert b"" == only.scores
    assert 0 < len(passing) < scores.size


def test_a_stream_of_an_unknown_space_names_the_spaces(synced: Team) -> None:
    """Vectors of a model or dimension that the project lacks are an error that lists its spaces."""
    for model, dimension in (("resnet50-v3", 64), (MODEL, 32)):
        batch = Embeddings.of_frames(model, np.ones((2, dimension)))
        with pytest.raises(errors.InvalidArgument) as raised:
            list(synced.score_stream(synced.project, [batch]))
        assert (
            f"batches[0].model_id: projects/p has no space {model!r} ({dimension}); its spaces: "
            f"{MODEL!r} (64)" == raised.value.message
        )


def test_a_stream_without_an_active_campaign_has_no_scores(synced: Team) -> None:
    """A space that exists may have no active campaign: its responses have no versions."""
    for campaign in synced.started.values():
        synced.campaigns.deactivate(campaign)
    batches = [Embeddings.of_frames(MODEL, np.stack([vector("v1")]))]
    for _ in range(ATTEMPTS):  # the scorer learns of the change within a second
        [response] = synced.score_stream(synced.project, batches)
        if not response.versions:
            break
    assert (b"", 1) == (response.scores, response.frame_count)


def test_an_error_of_the_batches_comes_out_as_itself(synced: Team) -> None:
    """The caller's own error is raised after the scores of the batches before it."""

    def batches() -> Iterator[Embeddings]:
        yield Embeddings.of_frames(MODEL, np.stack([vector("v1")]))
        raise KeyError("mine")

    responses = synced.score_stream(synced.project, batches())
    assert 1 == next(responses).frame_count
    with pytest.raises(KeyError, match="mine"):
        next(responses)
    with pytest.raises(errors.InvalidArgument, match=r"batches\[0\]: 7; expected Embeddings"):
        list(synced.score_stream(synced.project, [7]))  # type: ignore[list-item]
    with pytest.raises(errors.InvalidArgument, match="batches: is of type Embeddings; expected a"):
        synced.score_stream(synced.project, Embeddings.of_frames(MODEL, [[1, 2]]))  # type: ignore[arg-type]
