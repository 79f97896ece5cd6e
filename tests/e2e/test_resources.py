"""Resource client calls that no other test covers, against a real server."""

from __future__ import annotations

import numpy as np
import pytest

import sluice
from sluice import Box2D, Frame, Label, LabeledFrame, errors
from tests.e2e.sluiced import Server
from tests.e2e.team import MODEL, Team, frames, vector

ATTEMPTS = 10_000


def test_projects_keys_and_datasets(team: Team, server: Server) -> None:
    """A key has its scopes until it is revoked."""
    assert team.projects.get(team.project) == next(team.projects.list())
    assert [f"{team.project}/datasets/d"] == [d.name for d in team.projects.datasets(team.project)]
    secret = team.projects.create_api_key(team.project, ["log"], "car7")
    [key] = team.projects.api_keys(team.project)
    assert "car7" == key.display_name
    with sluice.CollectionClient(server.target) as logger:
        logger.set_credentials(api_key=secret)
        assert [team.project] == [project.name for project in logger.projects.list()]
        with pytest.raises(errors.PermissionDenied):
            logger.campaigns.deactivate(team.started["vans"])
        team.projects.delete_api_key(key.name)
        with pytest.raises(errors.Unauthenticated):
            next(logger.projects.list())
    with pytest.raises(errors.InvalidArgument, match="'write' is none of log, review, admin"):
        team.projects.create_api_key(team.project, ["write"])


def test_issues_and_their_elements(team: Team) -> None:
    """Elements are added and removed; the campaign reports the changes."""
    [issue] = [i for i in team.issues.list(team.project) if i.display_name == "vans"]
    assert "trucks" == team.issues.rename(issue.name, "trucks").display_name
    rows = np.stack([vector("v-new")])
    assert (
        6
        == team.issues.add_elements(
            issue.name, [Frame(id="new")], rows, model_id=MODEL
        ).element_count
    )
    removed = team.issues.remove_elements(issue.name, [("vans-0", ""), ("vans-1", ""), ("no", "")])
    assert removed == team.issues.get(issue.name)
    kept = {"vans-2", "vans-3", "vans-4", "new"}
    assert kept == {element.frame.id for element in team.issues.elements(issue.name)}
    campaign = team.campaigns.get(team.started["vans"])
    assert (1, 2) == (campaign.elements_added, campaign.elements_removed)
    committed = team.campaigns.commit(campaign.name)
    assert (2, 4) == (committed.number, committed.element_count)
    share = committed.fit.member_share
    assert 0 < share.low <= share.estimate <= share.high <= 1
    assert committed == team.campaigns.version(f"{campaign.name}/versions/2")
    assert [2, 1] == [version.number for version in team.campaigns.versions(campaign.name)]
    with pytest.raises(errors.FailedPrecondition):
        team.issues.delete(issue.name)


def test_a_start_without_a_background_warns_first(team: Team) -> None:
    """A warning that is an error stops the start; with the argument there is no warning."""
    issue = team.issues.create(team.project, "fog", f"{team.project}/datasets/d").name
    team.issues.add_elements(issue, [Frame(id="fog")], np.stack([vector("v")]), model_id="other")
    before = list(team.campaigns.list(team.project))
    with pytest.raises(sluice.MissingBackgroundWarning, match=r"'other'.*set_background"):
        team.campaigns.start(issue)
    assert before == list(team.campaigns.list(team.project))

    campaign = team.campaigns.start(issue, without_background=True)

    assert "" == campaign.version.basis_digest


def test_a_campaign_is_renamed(team: Team) -> None:
    """A campaign has its own display name until it is empty: then it has that of its issue."""
    campaign = team.started["vans"]
    assert "Vans, 2026" == team.campaigns.rename(campaign, "Vans, 2026").display_name
    assert campaign == team.campaigns.get("Vans, 2026").name
    assert "vans" == team.campaigns.rename(campaign, "").display_name


def test_a_budget_bounds_what_is_collected(team: Team) -> None:
    """Matches over the budget are counted; without a budget all are collected again."""
    vans = team.started["vans"]
    assert 2 == team.campaigns.set_budget(vans, total=2, per_day=5).budget.total
    team.sync_state()
    team.sample_probabilities(frames("v1", "v2", "v3"))
    verdicts = team.save_for_collection().verdicts
    assert {(vans, "pending"): 2, (vans, "over_budget"): 1} == verdicts
    team.funnel("vans")
    assert not team.campaigns.set_budget(vans).budget.HasField("total")
    # Ingest learns of the change within a second.
    for _ in range(ATTEMPTS):
        team.sample_probabilities(frames("v1", "v2", "v3"))
        verdicts = team.save_for_collection().verdicts
        if (vans, "over_budget") not in verdicts:
            break
    assert {(vans, "pending"): 1, (vans, "duplicate"): 2} == verdicts


def test_a_campaign_that_is_inactive_is_not_synced(team: Team) -> None:
    """A deactivated campaign is not scored; once reactivated, it is."""
    team.campaigns.deactivate(team.started["vans"])
    team.sync_state()
    assert [team.started["trams"]] == list(team.sample_probabilities(frames("v1"))[0])
    team.campaigns.activate(team.started["vans"])
    team.sync_state()
    assert 2 == len(team.sample_probabilities(frames("v1"))[0])


def test_samples_are_reviewed(team: Team) -> None:
    """Samples are listed by their review, until it is undone."""
    vans = team.started["vans"]
    team.sync_state()
    team.sample_probabilities(frames("v1", "v2", "v3"))
    team.save_for_collection()
    team.funnel("vans")
    assert 2 == team.samples.accept(vans, ["v1", "v2"])
    assert 1 == team.samples.discard(vans, ["v2"])

    def listed(*states: str) -> set[str]:
        return {sample.frame.id for sample in team.samples.list(vans, states=states)}

    assert ({"v1"}, {"v2"}, {"v3"}) == (
        listed("accepted"), listed("discarded"), listed("unsorted")
    )  # fmt: skip
    assert {"v1", "v3"} == listed("accepted", "unsorted")
    assert 1 == team.samples.restore(vans, ["v2", "v3"])
    funnel = team.samples.funnel(vans)
    assert (1, 0) == (funnel.accepted, funnel.discarded)
    best = next(team.samples.list(vans))
    assert best == team.samples.get(best.name)
    with pytest.raises(errors.InvalidArgument, match="'good' is none of unsorted, accepted"):
        listed("good")


def test_labeled_frames_are_elements_with_their_crops(team: Team) -> None:
    """A labelled frame is added with its own embedding, and each of its crops as an element."""
    van = Label(id="van", class_name="van", shape=Box2D(0, 0, 4, 4))
    crops = LabeledFrame(
        "both", embedding=vector("v-both"), labels=[van], crop_embeddings={"van": vector("v-van")}
    )
    [issue] = [i for i in team.issues.list(team.project) if i.display_name == "vans"]
    updated = team.issues.add_elements(issue.name, [crops, *frames("v-one")], model_id=MODEL)
    assert 8 == updated.element_count
    assert {("both", ""), ("both", "van"), ("v-one", "")} == {
        (element.frame.id, element.label_id)
        for element in team.issues.elements(issue.name)
        if not element.frame.id.startswith("vans-")
    }
    assert 6 == team.issues.remove_elements(issue.name, ["v-one", ("both", "van")]).element_count
    with pytest.raises(errors.InvalidArgument, match="embeddings: required"):
        team.issues.add_elements(issue.name, [Frame(id="bare")], model_id=MODEL)


def test_a_dataset_is_created_and_filled_without_protobuf(team: Team) -> None:
    """Task type, classes and frames are Python values; many frames take several calls."""
    dataset = team.projects.create_dataset(team.project, "street", "box_2d", ["van", "car"])
    assert [(0, "van"), (1, "car")] == [(c.id, c.name) for c in dataset.classes]
    captures = [LabeledFrame(f"f{i}", user_metadata={"i": np.int64(i)}) for i in range(4_100)]
    assert 4_100 == team.datasets.append(dataset.name, captures).added_count
    embedded = [*frames("v1", "v2"), *frames("x1")]
    assert 3 == team.datasets.append(dataset.name, embedded, model_id=MODEL).added_count
    counts = team.datasets.counts(dataset.name)
    assert (4_103, MODEL, 64) == (counts.frames, counts.model_id, counts.dimension)
    assert 1 == team.datasets.tag(dataset.name, ["v1"], add=["seen"])
    tagged = sluice.frame_filter(tags=["seen"])
    assert ["v1"] == [f.frame.id for f in team.datasets.frames(dataset.name, tagged)]


@pytest.mark.parametrize("method", ["accept", "discard", "restore", "delete"])
def test_one_id_in_place_of_a_list_is_an_error(team: Team, method: str) -> None:
    """A text is not taken letter by letter."""
    with pytest.raises(errors.InvalidArgument, match="'abc' is one text; expected a list"):
        getattr(team.samples, method)(team.started["vans"], "abc")
