"""Deleting frames over the API: they leave every service, and stay counted."""

from __future__ import annotations

import numpy as np
import pytest

from sluice import CollectionClient, Frame, errors
from sluice.labels import Box2D, Label
from sluice.resources.batches import BatchSettings
from sluice.resources.rounds import PredictedFrame
from tests.e2e.sluiced import Server
from tests.e2e.team import MODEL, Team, frames, vector

NAMES = ("v-1", "v-2", "v-3", "ordinary")


def collect(team: Team) -> str:
    """Collect three frames, which are also in a dataset, and one of them in an issue; the issue."""
    dataset = f"{team.project}/datasets/d"
    rows = np.stack([vector(name) for name in NAMES])
    team.datasets.append(dataset, [Frame(id=name) for name in NAMES], rows, model_id=MODEL)
    [issue] = [i.name for i in team.issues.list(team.project) if i.display_name == "vans"]
    team.issues.add_elements(issue, [Frame(id="v-1")], rows[:1], model_id=MODEL)
    team.campaigns.commit(team.started["vans"])
    team.sync_state()
    submit(team, *NAMES)
    assert {"v-1", "v-2", "v-3"} == team.collected("vans")
    return issue


def submit(team: Team, *frame_ids: str) -> None:
    """Score and submit frames, and wait until they are decided."""
    team.sample_probabilities(frames(*frame_ids), embedding_model_id=MODEL)
    team.save_for_collection()
    team.funnel("vans")


def test_a_deleted_frame_leaves_every_service(team: Team) -> None:
    """Dataset, samples, issue and version lose the frame; the funnel keeps its counts."""
    issue, campaign = collect(team), team.started["vans"]
    before = team.funnel("vans")

    preview = team.datasets.delete_frames(team.project, ["v-1"], validate_only=True)
    summary = team.datasets.delete_frames(team.project, ["v-1"])

    assert (1, 1, 1, 1) == (
        summary.frame_count,
        summary.sample_count,
        summary.element_count,
        summary.member_count,
    )
    preview.validate_only = False
    assert preview == summary == team.datasets.delete_frames(team.project, ["v-1"])
    assert {"v-2", "v-3"} == team.collected("vans")
    assert 5 == team.issues.get(issue).element_count
    version = team.campaigns.get(campaign).version
    assert (2, 1, 6) == (version.number, version.purged_count, version.element_count)
    listed = team.datasets.frames(f"{team.project}/datasets/d")
    assert ["v-2", "v-3", "ordinary"] == [f.frame.id for f in listed]
    assert before == team.funnel("vans")
    events = [event.WhichOneof("event") for event in team.doctor.diagnose(team.project)]
    assert "finding" not in events


def test_a_deleted_frame_does_not_return(team: Team) -> None:
    """Submitted, appended and added again, a deleted frame is not stored."""
    issue = collect(team)
    team.datasets.delete_frames(team.project, ["v-1"])

    team.sync_state()
    submit(team, "v-1")
    row = vector("v-1")[None]
    appended = team.datasets.append(
        f"{team.project}/datasets/d", [Frame(id="v-1")], row, model_id=MODEL
    )
    with pytest.raises(errors.InvalidArgument, match="'v-1' was deleted"):
        team.issues.add_elements(issue, [Frame(id="v-1")], row, model_id=MODEL)

    assert {"v-2", "v-3"} == team.collected("vans")
    assert 1 == team.funnel("vans").duplicate
    assert ["v-1"] == list(appended.deleted_frame_ids)


def test_a_logger_with_the_former_model_is_still_heard(team: Team) -> None:
    """Batches that were scored before a deletion are judged by the new model of their version."""
    collect(team)
    team.datasets.delete_frames(team.project, ["v-1"])

    submit(team, "v-4")  # without sync_state: it still has the former model

    assert {"v-2", "v-3", "v-4"} == team.collected("vans")
    assert 0 == team.funnel("vans").score_mismatch


def test_a_sample_is_deleted_from_its_campaign(team: Team) -> None:
    """DeleteSamples leaves other copies of the frame, and is the same twice."""
    collect(team)
    campaign = team.started["vans"]

    assert [1, 1] == [team.samples.delete(campaign, ["v-2"]).sample_count for _ in range(2)]

    assert {"v-1", "v-3"} == team.collected("vans")
    assert 4 == team.datasets.counts(f"{team.project}/datasets/d").frames


def test_a_campaign_is_deleted_and_stays_counted(team: Team) -> None:
    """Samples and versions are gone; the funnel stays, and late loggers are not refused."""
    collect(team)
    campaign = team.started["vans"]
    before = team.funnel("vans")
    with pytest.raises(errors.FailedPrecondition, match="deactivate it first"):
        team.campaigns.delete(campaign)
    team.campaigns.deactivate(campaign)

    preview = team.campaigns.delete(campaign, validate_only=True)
    summary = team.campaigns.delete(campaign)

    assert (3, 11) == (summary.sample_count, summary.member_count)
    preview.validate_only = False
    assert preview == summary == team.campaigns.delete(campaign)
    with pytest.raises(errors.NotFound):
        team.campaigns.get(campaign)
    assert before == team.funnel("vans")
    submit(team, "v-9")
    assert 1 == team.funnel("vans").inactive
    assert not team.collected("vans")
    events = [event.WhichOneof("event") for event in team.doctor.diagnose(team.project)]
    assert "finding" not in events


def test_rounds_batches_and_golden_sets_are_deleted(team: Team) -> None:
    """Each is gone after its deletion, which has the same answer twice."""
    dataset = f"{team.project}/datasets/d"
    collect(team)
    box = Label(id="l", class_name="van", shape=Box2D(1, 2, 3, 4))
    images = [Frame(id="image", labels=(box,))]
    golden_set = team.golden_sets.create(dataset, "g", images).name
    round_ = team.rounds.create(dataset, "r", metric_split="test").name
    team.rounds.import_predictions(round_, [PredictedFrame("v-1")])
    batch = team.batches.create(dataset, "b", BatchSettings(count=1)).name

    for resource, name, count in (
        (team.golden_sets, golden_set, "check_count"),
        (team.rounds, round_, "prediction_count"),
        (team.batches, batch, "pick_count"),
    ):
        preview = resource.delete(name, validate_only=True)
        assert [resource.delete(name)] * 2 == [resource.delete(name), resource.delete(name)]
        assert getattr(preview, count) == getattr(resource.delete(name), count)
        with pytest.raises(errors.NotFound):
            resource.get(name)


def test_a_dataset_is_deleted(team: Team) -> None:
    """Once its issues are deleted, a dataset is gone; the samples of its frames stay."""
    dataset, issue = f"{team.project}/datasets/d", collect(team)
    with pytest.raises(errors.FailedPrecondition, match=issue):
        team.datasets.delete(dataset)
    for campaign in team.started.values():
        team.campaigns.deactivate(campaign)
    assert 6 == team.issues.delete(issue, validate_only=True).element_count
    for other in list(team.issues.list(team.project)):
        assert team.issues.delete(other.name) == team.issues.delete(other.name)

    assert 4 == team.datasets.delete(dataset, validate_only=True).frame_count
    assert [4, 4] == [team.datasets.delete(dataset).frame_count for _ in range(2)]

    assert [] == list(team.projects.datasets(team.project))
    with pytest.raises(errors.NotFound):
        team.datasets.append(dataset, [Frame(id="x")])
    assert {"v-1", "v-2", "v-3"} == team.collected("vans")
    events = [event.WhichOneof("event") for event in team.doctor.diagnose(team.project)]
    assert "finding" not in events


def test_a_project_is_deleted(team: Team, server: Server) -> None:
    """Everything in it is gone, its keys open nothing, its id is not used again, others stay."""
    collect(team)
    key = team.projects.create_api_key(team.project, ["admin"])
    team.projects.create("other")
    with CollectionClient(server.target) as client:
        client.set_credentials(api_key=key)
        with pytest.raises(errors.PermissionDenied, match="only the admin's key"):
            client.projects.delete(team.project)

        preview = team.projects.delete(team.project, validate_only=True)
        assert team.project in [project.name for project in client.projects.list()]
        summary = team.projects.delete(team.project)

        assert (1, 2, 2, 1) == (
            summary.dataset_count,
            summary.issue_count,
            summary.campaign_count,
            summary.api_key_count,
        )
        assert (4, 3, 11) == (summary.frame_count, summary.sample_count, summary.element_count)
        preview.validate_only = False
        assert preview == summary == team.projects.delete(team.project)
        with pytest.raises(errors.Unauthenticated):
            client.projects.get(team.project)
    assert ["projects/other"] == [project.name for project in team.projects.list()]
    for call in (
        lambda: team.projects.get(team.project),
        lambda: team.datasets.append(f"{team.project}/datasets/d", [Frame(id="x")]),
        lambda: team.samples.funnel(team.started["vans"]),
        lambda: team.projects.create_api_key(team.project, ["log"]),
    ):
        with pytest.raises(errors.NotFound):
            call()
    with pytest.raises(errors.AlreadyExists, match="was deleted, and its id is not used again"):
        team.projects.create("p")
    events = [event.WhichOneof("event") for event in team.doctor.diagnose(team.project)]
    assert "finding" not in events


def test_a_logger_of_a_deleted_project_is_refused(team: Team) -> None:
    """Frames that were scored before are not stored, and the project stays empty."""
    collect(team)
    team.sample_probabilities(frames("v-9"), embedding_model_id=MODEL)
    team.projects.delete(team.project)

    with pytest.raises(errors.NotFound, match="it was deleted"):
        team.save_for_collection()

    events = [event.WhichOneof("event") for event in team.doctor.diagnose(team.project)]
    assert "finding" not in events
