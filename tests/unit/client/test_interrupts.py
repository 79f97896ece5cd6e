from __future__ import annotations

import gc
import signal

import pytest

from sluice.cli.interrupts import heeding_interrupts


class Finalised:
    """An object that meets an interrupt while it is finalised."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_is_raised_where_the_program_is() -> None:
    """Ctrl-C ends what is going on, as it does anywhere, and the handler of before is back."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), heeding_interrupts():
        signal.raise_signal(signal.SIGINT)
    assert before is signal.getsignal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_heeded() -> None:
    """An interrupt that met a finaliser is raised again at the next step."""
    with heeding_interrupts() as heed:
        heed()
        Finalised()
        gc.collect()
        with pytest.raises(KeyboardInterrupt):
            heed()
