"""Settings of every test: no skips in CI, and the number of hypothesis examples."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# So that their asserts show values, as those of tests do.
pytest.register_assert_rewrite(
    "tests.faults.oracle", "tests.faults.failing", "tests.faults.fleet", "tests.score_comparison"
)

# No deadline: tests may run on a busy machine.
_common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _common, max_examples=25)
settings.register_profile("ci", _common, max_examples=200, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Run tests/e2e against one form of the services only."""
    parser.addoption(
        "--target", choices=["embedded", "cluster"], help="the form that tests/e2e runs against"
    )


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, in CI or with SLUICE_NO_SKIP set."""
    if not os.environ.keys() & {"CI", "SLUICE_NO_SKIP"}:
        return
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a skipped test counts as failed: {report.longrepr}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Refuse a test that skips."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse a test file that skips."""
    report = yield
    _refuse_skip(report)
    return report
