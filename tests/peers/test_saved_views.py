from __future__ import annotations

import fiftyone.core.utils as fou
from hypothesis import example, given
from hypothesis import strategies as st

from sluice.fiftyone.saved_views import slug_of


@example("c+o+c+o 2-0-1-7")
@example("Brian's #$&@ (Awesome?) Dataset!")
@example("a- ü -b")
@given(st.text(st.sampled_from(" -_.+aB1ü!\t\x0bé"), max_size=20) | st.text(max_size=20))
def test_slugs_are_those_of_fiftyone(name: str) -> None:
    """The slug of a name is FiftyOne's; it is empty if FiftyOne refuses the name."""
    try:
        expected = fou.to_slug(name)
    except ValueError:
        expected = ""
    assert expected == slug_of(name)
