"""Places that clients share."""

from __future__ import annotations

from jupyter_figserve.server.services.traffic.fair_shares import FairShares


def test_client_with_the_most_gives_way():
    """Until all have as many, give or take one; what gives way is its newest."""
    closed: list[int] = []
    shares: FairShares[int] = FairShares(4, closed.append)
    assert [shares.add("1.1.1.1", number) for number in range(5)] == [True] * 4 + [False]
    assert [shares.add("2.2.2.2", number) for number in range(10, 14)] == [True, True, False, False]
    assert (closed, shares.count) == ([3, 2], 4)
    assert [shares.add("3.3.3.3", number) for number in (20, 21)] == [True, False]
    assert (closed, shares.count) == ([3, 2, 1], 4)


def test_places_become_free():
    """When a holder ends, whether it says so or is asked; twice is once."""
    shares: FairShares[int] = FairShares(2, lambda _: None)
    shares.add("1.1.1.1", 1)
    shares.add("1.1.1.1", 2)
    shares.remove("1.1.1.1", 1)
    shares.remove("1.1.1.1", 1)
    assert shares.count == 1
    shares.remove_where(lambda number: number == 2)
    assert shares.count == 0
    assert FairShares[int](0, lambda _: None).add("1.1.1.1", 1) is False
