"""What a store needs is tried until it works, and refused with the right answer meanwhile."""

from __future__ import annotations

import threading

import pytest

from jupyter_figserve.errors import Conflict, FigServeError, ReadOnly, Unavailable
from jupyter_figserve.store import startup
from jupyter_figserve.store.catalog.postgres.errors import UnreachableDatabase
from jupyter_figserve.store.startup import Startup

from ..waiting import wait_until


class Step:
    """Fails with the errors in turn, then succeeds."""

    def __init__(self, *errors: FigServeError) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "_FIRST_PAUSE", 0.001)


@pytest.mark.parametrize("error", [Conflict("x"), ReadOnly("x"), UnreachableDatabase("x"), Unavailable("x")])
def test_what_fails_at_once(error: FigServeError):
    """Everything for a command; for a server what an administrator has to correct."""
    with pytest.raises(type(error)):
        Startup(Step(error)).run(may_wait=False)
    if isinstance(error, Conflict | ReadOnly):
        with pytest.raises(type(error)):
            Startup(Step(error)).run(may_wait=True)


def test_steps_go_on_where_they_failed(caplog):
    """Each is done once, the later ones after the earlier; a wrong setting that shows only then is logged once."""
    wrong = [Conflict("Correct blob_url.") for _ in range(3)]
    first, second = Step(UnreachableDatabase("no db")), Step(Unavailable("no bucket", code="blob_store"), *wrong)
    starting = Startup(first, second)
    starting.run(may_wait=True)
    wait_until(lambda: second.count == 5)
    starting.close()
    starting.check()
    assert first.count == 2
    said = [record.getMessage() for record in caplog.records]
    assert [sum(word in line for line in said) for word in ("no db", "Correct blob_url.", "serves.")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnreachableDatabase("db.example.org refuses"), "database_unavailable"),
        (
            Unavailable("The store of the images does not answer.", code="blob_store_unavailable"),
            "blob_store_unavailable",
        ),
        (Conflict("s3://secret-bucket belongs to another catalog"), "not_started"),
    ],
)
def test_answers_meanwhile(error: FigServeError, code: str):
    """503 with a time to come back; strangers learn no name."""
    blocked = threading.Event()
    errors = [Unavailable("x"), error]

    def step() -> None:
        if not errors:
            blocked.wait(20)
        else:
            raise errors.pop(0)

    starting = Startup(step)
    starting.run(may_wait=True)
    wait_until(lambda: not errors)
    wait_until(lambda: starting._problem is error)
    with pytest.raises(Unavailable) as caught:
        starting.check()
    blocked.set()
    starting.close()
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == (code, 503, 5)
    assert "example.org" not in str(caught.value)
    assert "secret" not in str(caught.value)
