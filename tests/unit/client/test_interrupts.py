from __future__ import annotations

import gc
import signal

import pytest

from sluice.cli.interrupts import raising_interrupts


class InterruptingObject:
    """An object that raises an interrupt while it is finalised."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_is_raised_where_the_program_is() -> None:
    """Ctrl-C raises KeyboardInterrupt, and the previous handler is restored."""
    previous = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), raising_interrupts():
        signal.raise_signal(signal.SIGINT)
    assert previous is signal.getsignal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_raised_again() -> None:
    """An interrupt that was lost in a finaliser is raised again at the next step."""
    with raising_interrupts() as raise_if_interrupted:
        raise_if_interrupted()
        InterruptingObject()
        gc.collect()
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
