"""The turns in which visitors' requests begin."""

from __future__ import annotations

import asyncio

from jupyter_figserve.server.services.traffic.visitor_turns import VisitorTurns


class Work:
    """Requests that hold the event loop for a while each, on a clock of their own."""

    def __init__(self, seconds: float) -> None:
        self.begun: list[str] = []
        self.rounds: list[int] = []
        self.now = 0.0
        self.turns = VisitorTurns(0.004, lambda: self.now)
        self.seconds = seconds

    async def visit(self, name: str, address: str) -> None:
        turn = self.turns.request(address)
        if turn is not None:
            await turn
        self.now += self.seconds
        self.begun.append(name)

    async def count_rounds(self) -> None:
        """Note after each round of the event loop how many requests have begun in all."""
        while True:
            self.rounds.append(len(self.begun))
            await asyncio.sleep(0)


async def visit_all(work: Work, visitors: list[tuple[str, str]]) -> None:
    counting = asyncio.ensure_future(work.count_rounds())
    await asyncio.gather(*(work.visit(name, address) for name, address in visitors))
    counting.cancel()


def largest_round(work: Work) -> int:
    return max(after - before for before, after in zip(work.rounds, work.rounds[1:], strict=False))


async def test_few_requests_do_not_wait():
    """Requests that fit into one round begin at once, in the order in which they came."""
    work = Work(0.001)
    await visit_all(work, [(str(number), "1.1.1.1") for number in range(4)])
    assert (work.begun, largest_round(work)) == (["0", "1", "2", "3"], 4)


async def test_one_round_begins_what_fills_its_slice():
    """A hundred requests of two milliseconds begin two in a round, so that others come in between; all begin."""
    work = Work(0.002)
    await visit_all(work, [(str(number), "1.1.1.1") for number in range(100)])
    assert len(work.begun) == 100
    assert largest_round(work) == 2
    assert len(work.rounds) > 50


async def test_cheap_requests_begin_many_at_once():
    """Rounds grow while requests cost little, so that a crowd is served as fast as without turns."""
    work = Work(0.0001)
    await visit_all(work, [(str(number), "1.1.1.1") for number in range(200)])
    assert len(work.rounds) < 20
    assert largest_round(work) < 64


async def test_costly_requests_begin_one_by_one():
    """Also when each takes longer than a round may."""
    work = Work(0.01)
    await visit_all(work, [(str(number), "1.1.1.1") for number in range(20)])
    assert largest_round(work) == 1


async def test_rounds_shrink_when_requests_cost_more():
    """Of a crowd, the first are cheap; soon the others begin one by one."""
    work = Work(0.0001)

    async def visit(number: int) -> None:
        await work.visit(str(number), "1.1.1.1")
        if number == 100:
            work.seconds = 0.01

    counting = asyncio.ensure_future(work.count_rounds())
    await asyncio.gather(*map(visit, range(200)))
    counting.cancel()
    assert largest_round(work) > 10
    assert len(work.begun) == 200
    work.rounds = work.rounds[-20:]
    assert largest_round(work) == 1


async def test_a_new_crowd_begins_with_small_rounds():
    """What the last one cost says nothing about it."""
    work = Work(0.0001)
    await visit_all(work, [(str(number), "1.1.1.1") for number in range(200)])
    while not work.turns.is_free():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.seconds, work.rounds, work.begun = 0.01, [], []
    await visit_all(work, [(str(number), "1.1.1.1") for number in range(20)])
    assert largest_round(work) == 1


async def test_addresses_take_turns():
    """A client with one request waits for one of each other client, not for all requests of one."""
    work = Work(0.01)
    visitors = [(f"many {number}", "1.1.1.1") for number in range(20)]
    visitors += [("one", "2.2.2.2"), ("same network", "2001:db8::1"), ("same network too", "2001:db8::2")]
    await visit_all(work, visitors)
    assert work.begun.index("one") <= 3
    assert work.begun.index("same network") <= 4
    assert work.begun.index("same network too") <= 7


async def test_visitors_who_leave_take_no_turn():
    """A request that is cancelled gives up its place, and the ones after it begin."""
    work = Work(0.01)
    tasks = [asyncio.ensure_future(work.visit(str(number), "1.1.1.1")) for number in range(5)]
    await asyncio.sleep(0)
    for task in tasks[1:4]:
        task.cancel()
    await asyncio.wait(tasks)
    assert work.begun == ["0", "4"]
    assert work.turns.waiting == 0
