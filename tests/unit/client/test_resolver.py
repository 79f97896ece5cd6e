"""Resources are found by name, id, start of an id or display name, in one listing at most."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.errors import InvalidArgument, NotFound, PermissionDenied
from sluice.resources import kinds
from sluice.resources.resolver import ProjectRequired, Resolver
from tests.unit.client.listed_resources import ListedResources

FOG = "8a7b1c2d-0000-4000-8000-000000000001"
NIGHT = "8a7b1c2d-0000-4000-8000-000000000002"
TRAM = "91aa1c2d-0000-4000-8000-000000000003"
ALL = {
    "projects/fleet": "Night fleet",
    "projects/fleet/datasets/street": "Street",
    "projects/fleet/datasets/tunnel": "Tunnel",
    "projects/fleet/datasets/street/rounds/r1": "First",
    "projects/fleet/datasets/street/rounds/r2": "Second",
    "projects/fleet/datasets/tunnel/rounds/r1": "Only",
    "projects/fleet/datasets/street/goldenSets/vans": "Vans",
    "projects/fleet/datasets/street/goldenSets/vans/checks/2-0123456789abcdef": "",
    f"projects/fleet/campaigns/{FOG}": "Vans in fog",
    f"projects/fleet/campaigns/{NIGHT}": "Vans at night",
    f"projects/fleet/campaigns/{TRAM}": "Trams/yellow",
    f"projects/fleet/issues/{FOG}": "Twice",
    f"projects/fleet/issues/{NIGHT}": "Twice",
}


def resolver(
    resources: dict[str, str] = ALL, project: str = "projects/fleet", denied: str = ""
) -> tuple[Resolver, ListedResources]:
    """A resolver over these resources, and the channel that counts its calls."""
    channel: Any = ListedResources(resources, denied)
    return Resolver(channel, project), channel


def test_a_resource_name_needs_no_call() -> None:
    """A resource name is used as it is, also of a resource that does not exist."""
    names, channel = resolver(project="")
    name = "projects/other/campaigns/c"
    assert name == names.campaign(name)
    assert f"projects/p/campaigns/{FOG}" == names.find(kinds.CAMPAIGN, FOG, parent="projects/p")
    assert {} == channel.calls
    with pytest.raises(InvalidArgument, match=r"campaign: .*projects/\{project\}/campaigns/"):
        names.campaign("projects/p/issues/i")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        (FOG, FOG),
        ("8a7b1c2d-0000-4000-8000-000000000001"[:36], FOG),
        ("91aa", TRAM),
        ("91aa1c2d", TRAM),
        ("Vans in fog", FOG),
        ("Trams/yellow", TRAM),
    ],
)
def test_a_campaign_is_found_in_one_listing(reference: str, name: str) -> None:
    """Id, start of an id and display name, also one with a slash, need one call at most."""
    names, channel = resolver()
    assert f"projects/fleet/campaigns/{name}" == names.campaign(reference)
    assert channel.calls.total() == (0 if reference == FOG else 1)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("street/r2", "street/rounds/r2"),
        ("Street/Second", "street/rounds/r2"),
        ("r2", "street/rounds/r2"),
        ("Only", "tunnel/rounds/r1"),
        ("tunnel/r1", "tunnel/rounds/r1"),
    ],
)
def test_a_round_is_found_in_its_dataset_or_in_all(reference: str, name: str) -> None:
    """`DATASET/ROUND` searches one dataset, `ROUND` all of the project."""
    names, _ = resolver()
    assert f"projects/fleet/datasets/{name}" == names.find(kinds.ROUND, reference)


@pytest.mark.parametrize(
    "reference", ["2-0123456789abcdef", "2-01", "vans/2-01", "street/vans/2-01"]
)
def test_a_check_is_found_below_a_golden_set(reference: str) -> None:
    """A check is found with any part of its path, and by the start of its id."""
    names, _ = resolver()
    expected = "projects/fleet/datasets/street/goldenSets/vans/checks/2-0123456789abcdef"
    assert expected == names.find(kinds.CHECK, reference)


@pytest.mark.parametrize(
    ("kind", "reference", "candidates"),
    [
        (kinds.CAMPAIGN, "8a7b1c2d", [f"{FOG} (Vans in fog)", f"{NIGHT} (Vans at night)"]),
        (kinds.ISSUE, "Twice", [f"{FOG} (Twice)", f"{NIGHT} (Twice)"]),
        (kinds.ROUND, "r1", ["street/r1 (First)", "tunnel/r1 (Only)"]),
    ],
)
def test_an_ambiguous_reference_lists_its_candidates(
    kind: kinds.ResourceKind, reference: str, candidates: list[str]
) -> None:
    """Each candidate is listed with the text that finds it, and with its display name."""
    names, _ = resolver()
    with pytest.raises(InvalidArgument) as caught:
        names.find(kind, reference)
    expected = f"{kind.field}: {reference!r} is ambiguous, expected one of {', '.join(candidates)}"
    assert expected == caught.value.message
    assert 2 == len(caught.value.metadata["candidates"].split())


@pytest.mark.parametrize(
    ("kind", "reference", "parts"),
    [
        (
            kinds.DATASET,
            "stret",
            [
                "dataset: no dataset 'stret' in projects/fleet",
                "did you mean street (Street)?",
                "see `sluice datasets list -p fleet`",
            ],
        ),
        (
            kinds.CAMPAIGN,
            "Lorries",
            [
                "campaign: no campaign 'Lorries' in projects/fleet",
                "see `sluice campaigns list -p fleet`",
            ],
        ),
        (
            kinds.ROUND,
            "street/r",
            [
                "round: no round 'r' in projects/fleet/datasets/street",
                "did you mean street/r1 (First), street/r2 (Second)?",
                "see `sluice rounds list projects/fleet/datasets/street`",
            ],
        ),
        (
            kinds.CAMPAIGN,
            "91a",
            [
                "campaign: no campaign '91a' in projects/fleet",
                f"did you mean {TRAM} (Trams/yellow)?",
                "see `sluice campaigns list -p fleet`",
            ],
        ),
        (kinds.PROJECT, "q", ["project: no project 'q'", "see `sluice projects list`"]),
    ],
)
def test_an_unknown_reference_names_the_listing(
    kind: kinds.ResourceKind, reference: str, parts: list[str]
) -> None:
    """The error suggests similar names and the command that lists all."""
    names, _ = resolver()
    with pytest.raises(NotFound) as caught:
        names.find(kind, reference)
    assert parts == caught.value.message.split("; ")


def test_a_chosen_id_is_never_shortened() -> None:
    """`r1` does not mean `r10`, or deleting it twice would delete another round."""
    names, _ = resolver({**ALL, "projects/fleet/datasets/street/rounds/r30": ""})
    with pytest.raises(NotFound, match="did you mean street/r30"):
        names.find(kinds.ROUND, "street/r3")
    gone = names.find(kinds.ROUND, "street/r3", may_be_gone=True)
    assert "projects/fleet/datasets/street/rounds/r3" == gone


def test_an_id_precedes_a_display_name() -> None:
    """A display name that equals the id of another project hides no project."""
    names, _ = resolver({"projects/a": "Trucks", "projects/b": "a", "projects/c": "Trucks"})
    assert ["projects/a", "projects/b", "projects/c"] == names.projects(None)
    assert ["projects/a"] == names.projects(["a", "projects/a"])
    with pytest.raises(InvalidArgument, match=r"a \(Trucks\), c \(Trucks\)"):
        names.projects(["Trucks"])
    assert [] == names.projects([])


def test_the_only_project_is_the_default() -> None:
    """Without a project the only one is used, looked up once; several must be chosen from."""
    names, channel = resolver(project="")
    names.campaign("91aa")
    names.campaign("Vans in fog")
    assert {"ListProjects": 1, "ListCampaigns": 2} == channel.calls
    several, _ = resolver({"projects/a": "", "projects/b": "Trams"}, project="")
    with pytest.raises(ProjectRequired, match=r"several: a, b \(Trams\)"):
        several.dataset("street")
    empty, _ = resolver({}, project="")
    with pytest.raises(NotFound, match="sluice projects create"):
        empty.dataset("street")


def test_several_references_need_one_listing() -> None:
    """References to resources of one parent are found in one listing, and as ids."""
    names, channel = resolver()
    parent = "projects/fleet/datasets/street"
    references = ["r1", "Second", f"{parent}/rounds/r1"]
    assert ["r1", "r2", "r1"] == names.ids(kinds.ROUND, references, parent=parent)
    assert {"ListRounds": 1} == channel.calls
    with pytest.raises(InvalidArgument, match="is not in projects/fleet/datasets/street"):
        names.ids(kinds.ROUND, ["projects/fleet/datasets/tunnel/rounds/r1"], parent=parent)


def test_a_key_that_may_not_list_uses_complete_ids() -> None:
    """Where the listing is denied, a complete id is a name; anything else is denied."""
    names, _ = resolver(denied="ListDatasets")
    assert "projects/fleet/datasets/street" == names.dataset("street")
    with pytest.raises(PermissionDenied):
        names.dataset("Street")


def test_an_empty_reference_names_the_listing() -> None:
    """A missing reference is an error that names the command to list with."""
    names, _ = resolver()
    with pytest.raises(InvalidArgument, match=r"^issue: required; see `sluice issues list`"):
        names.issue("")
