"""The switch interval of Python: short while calls are under way, and then as it was."""

from __future__ import annotations

import sys

import pytest

from jupyter_figserve.kernel.agent.switch_interval import SECONDS, ShortSwitchInterval


@pytest.fixture(autouse=True)
def restored():
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_it_is_short_until_the_last_call_ends():
    """Calls may overlap."""
    short = ShortSwitchInterval()
    with short:
        with short:
            assert sys.getswitchinterval() == pytest.approx(SECONDS)
        assert sys.getswitchinterval() == pytest.approx(SECONDS)
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_what_the_user_sets_meanwhile_stays():
    """Their code knows better."""
    with ShortSwitchInterval():
        sys.setswitchinterval(0.05)
    assert sys.getswitchinterval() == pytest.approx(0.05)


def test_a_shorter_one_is_not_made_longer():
    """Also one of the user."""
    sys.setswitchinterval(0.0001)
    with ShortSwitchInterval():
        assert sys.getswitchinterval() == pytest.approx(0.0001, rel=0.02)
    assert sys.getswitchinterval() == pytest.approx(0.0001, rel=0.02)


def test_a_forked_child_has_the_users():
    """It answers no calls."""
    short = ShortSwitchInterval()
    short.__enter__()
    short.__enter__()
    short.reset_after_fork()
    assert sys.getswitchinterval() == pytest.approx(0.005)
    with short:
        assert sys.getswitchinterval() == pytest.approx(SECONDS)
    assert sys.getswitchinterval() == pytest.approx(0.005)
