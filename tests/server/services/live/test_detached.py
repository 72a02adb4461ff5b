"""Detached live figures over a fake sandbox: stored functions, their jobs, and damaged sources."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from jupyter_figserve.errors import CodeFailed, InvalidInput
from jupyter_figserve.model.figures import Identity, sha256_hex
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.model.parameter import Parameter
from jupyter_figserve.model.parameters import Parameters
from jupyter_figserve.sandbox.fake import LIBRARIES
from jupyter_figserve.sandbox.renderer import RendererStatus
from jupyter_figserve.server.services.live.detached import describe_differences, find_python_mismatch
from jupyter_figserve.store.catalog import detached, live_figures, quotas

DECLARATION = LiveDeclaration("animal", Parameters((Parameter("n", "int", default=1),)), digest="d", revision="r")
PICKLE = b"\x80\x05K\x01."


def form(source: bytes = PICKLE, **fields: Any) -> tuple[bytes, dict[str, str]]:
    function = {"declaration": DECLARATION.as_json(), "libraries": LIBRARIES} | fields
    body = (
        b'--x\r\nContent-Disposition: form-data; name="function"\r\n\r\n' + json.dumps(function).encode()
        + b'\r\n--x\r\nContent-Disposition: form-data; name="source"; filename="s"\r\n'
        + b"Content-Type: application/octet-stream\r\n\r\n" + source + b"\r\n--x--\r\n"
    )  # fmt: skip
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture
def record(context):
    """A live figure that kernel k1 once offered, and no kernel offers now."""
    identity = Identity(context.config.owner, context.config.scope, "a.ipynb", "", "animal")
    now = context.store.clock()
    return context.store.catalog.write(lambda c: live_figures.upsert(c, identity, "k1", DECLARATION, now)).result()


@pytest.fixture
def detach(owner, record):
    async def post(source: bytes = PICKLE, **fields: Any):
        body, headers = form(source, **fields)
        return await owner.ask("POST", f"/api/live/{record.id}/source", body, headers)

    return post


async def test_every_address_is_answered_by_the_sandbox(detach, owner, record, renderer):
    """A job has the checked parameters and sizes and the bytes that were sent; results are not cached."""
    answer = await detach()
    assert (answer.status, answer.json()["digest"]) == (201, sha256_hex(PICKLE))
    (trial,) = renderer.jobs
    assert (trial.kind, trial.source, dict(trial.arguments)) == ("function", PICKLE, {})
    for address in ("/live/k1/animal", f"/live/f/{record.id}"):
        for _ in range(2):
            answer = await owner.get(f"{address}.png", n=5, width=320)
            assert (answer.status, answer.headers["Cache-Status"]) == (200, "figserve; fwd=miss")
        job = renderer.jobs[-1]
        assert (dict(job.arguments), job.options.width, job.source) == ({"n": 5}, 320, PICKLE)
        assert (await owner.get(f"{address}.png", n="x")).code == "invalid_parameter"
    assert len(renderer.jobs) == 5
    (row,) = (await owner.get("/api/live")).json()["live"]
    assert (row["id"], row["detached"], row["session"], row["busy"]) == (record.id, True, None, False)
    assert (await owner.get("/api/live", session="k1")).json()["live"] == [row]
    assert (await owner.get("/api/live", session="k2")).json()["live"] == []


async def test_device_pixel_ratio_reaches_the_sandbox(detach, owner, record, renderer):
    """As the page requests it."""
    await detach()
    answer = await owner.get(f"/live/f/{record.id}.png", _density=2)
    assert (answer.status, answer.headers["Content-DPR"], renderer.jobs[-1].device_pixel_ratio) == (200, "2", 2)
    answer = await owner.get(f"/live/f/{record.id}.png")
    assert ("Content-DPR" in answer.headers, renderer.jobs[-1].device_pixel_ratio) == (False, 1)


async def test_version_from_a_callable_becomes_the_sources_digest(detach, owner, record, renderer):
    """The data of a detached function is fixed: one job, then 304 or the cache, until it is detached again."""
    declaration = replace(DECLARATION, is_versioned=True).as_json()
    await detach(declaration=declaration)
    renderer.jobs.clear()
    first = await owner.get(f"/live/f/{record.id}.png")
    again = await owner.get(f"/live/f/{record.id}.png", {"If-None-Match": first.headers["ETag"]})
    kept = await owner.get(f"/live/f/{record.id}.png")
    assert (first.status, again.status, kept.status, len(renderer.jobs)) == (200, 304, 200, 1)
    assert kept.headers["Cache-Status"] == "figserve; hit"
    await detach(b"\x80\x05K\x02.", declaration=declaration)
    renderer.jobs.clear()
    other = await owner.get(f"/live/f/{record.id}.png", {"If-None-Match": first.headers["ETag"]})
    assert (other.status, len(renderer.jobs)) == (200, 1)
    assert other.headers["ETag"] != first.headers["ETag"]


async def test_missing_module_is_named(detach, renderer, context, record):
    """With what to do about it, and without a hint at versions."""

    def fail(job):
        raise CodeFailed("ModuleNotFoundError: No module named 'bears.den'", kind="ModuleNotFoundError")

    renderer.answer = fail
    answer = await detach(libraries=LIBRARIES | {"numpy": "0.1"})
    assert (answer.status, answer.code) == (422, "not_detachable")
    assert "needs the module bears.den" in answer.json()["error"]
    assert "0.1" not in answer.json()["error"]
    assert (await context.detached.find(record.id)) is None


async def test_timeout_names_the_function(detach, owner, record, renderer, context):
    """There is no kernel to name."""
    await detach(declaration=replace(DECLARATION, timeout=0.05).as_json())
    renderer.gate.clear()
    answer = await owner.get(f"/live/f/{record.id}.png")
    renderer.gate.set()
    assert (answer.status, answer.code) == (504, "deadline_exceeded")
    assert answer.json()["error"].startswith("The function did not answer within 0.05 s.")


async def test_equal_requests_are_one_job(detach, owner, record, renderer):
    """Equal requests share a job under way; a different one is a job at the same time."""
    await detach()
    renderer.gate.clear()
    renderer.jobs.clear()
    asked = [asyncio.ensure_future(owner.get(f"/live/f/{record.id}.png", n=n)) for n in (1, 1, 1, 2)]
    async with asyncio.timeout(20):
        while len(renderer.jobs) < 2:
            await asyncio.sleep(0)
    (row,) = (await owner.get("/api/live")).json()["live"]
    assert row["busy"]
    renderer.gate.set()
    assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 4
    assert len(renderer.jobs) == 2


async def test_python_mismatch_names_both_versions(detach, renderer, context, record):
    """It is found before the function is opened."""
    answer = await detach(libraries={"python": "3.9"})
    assert (answer.status, answer.code) == (409, "version_mismatch")
    assert "Python 3.9" in answer.json()["error"]
    assert LIBRARIES["python"] in answer.json()["error"]
    assert renderer.jobs == []
    assert (await context.detached.find(record.id)) is None


async def test_python_mismatch_after_an_upgrade(detach, owner, record, renderer):
    """A function of another Python is not opened: 422 with both versions."""
    await detach()
    renderer.status = replace(renderer.status, libraries=LIBRARIES | {"python": "3.99"})
    renderer.jobs.clear()
    answer = await owner.get(f"/live/f/{record.id}.png", n=3)
    assert (answer.status, answer.code, renderer.jobs) == (422, "version_mismatch", [])
    assert "3.99" in answer.json()["error"]


async def test_function_that_fails_in_the_sandbox_is_not_stored(detach, renderer, context, record):
    """The error has its failure and, where libraries differ, both versions; the function stored before stays."""
    await detach()

    def fail(job):
        raise CodeFailed("ModuleNotFoundError: numpy._core", kind="ModuleNotFoundError")

    renderer.answer = fail
    answer = await detach(b"other")
    assert (answer.status, answer.code) == (422, "not_detachable")
    assert "numpy._core" in answer.json()["error"]
    answer = await detach(b"other", libraries=LIBRARIES | {"numpy": "9.9"})
    assert (answer.status, answer.code) == (422, "version_mismatch")
    assert "numpy 9.9 in the kernel, 2.4.6 in the sandbox" in answer.json()["error"]
    assert (await context.detached.find(record.id)).source.digest == sha256_hex(PICKLE)


async def test_function_with_required_parameters_is_only_opened(detach, renderer):
    """A missing value is not a failure: it shows that the function was opened."""

    def miss(job):
        raise InvalidInput("n is missing")

    renderer.answer = miss
    assert (await detach()).status == 201


async def test_without_a_sandbox(detach, renderer):
    """503, with the reason and an alternative."""
    renderer.status = RendererStatus("none", ("No user namespaces.",))
    answer = await detach()
    assert (answer.status, answer.code) == (503, "sandbox_unavailable")
    assert "No user namespaces. freeze(" in answer.json()["error"]


async def test_changed_bytes_are_not_opened(detach, owner, context, record, renderer, caplog):
    """Bytes that differ from their digest reach no sandbox; missing bytes are 503."""
    await detach()
    digest = sha256_hex(PICKLE)
    (path,) = [one for one in (context.store.directory / "blobs").rglob("*") if one.name.endswith(digest[4:])]
    path.chmod(0o600)
    path.write_bytes(b"cos\nsystem\n.")
    renderer.jobs.clear()
    answer = await owner.get(f"/live/f/{record.id}.png")
    assert (answer.status, answer.code, renderer.jobs) == (500, "source_damaged", [])
    path.unlink()
    answer = await owner.get(f"/live/f/{record.id}.png")
    assert (answer.status, answer.code, renderer.jobs) == (503, "blob_missing", [])


async def test_removal_frees_the_quota(detach, owner, context, record):
    """The function, its blob's reference and its share of the quota go; a second removal is 404."""
    reader, mine = context.store.catalog.reader, context.config.owner
    await detach(b"first")
    await detach()
    assert quotas.read(reader, "owner", mine).bytes == len(PICKLE)
    address = f"/api/live/{record.id}/source"
    assert (await owner.delete(address)).status == 204
    assert quotas.read(reader, "owner", mine).bytes == 0
    assert detached.find(reader, record.id) is None
    refs = dict(reader.exec_driver_sql("select digest, refs from blobs").fetchall())
    assert refs == {sha256_hex(b"first"): 0, sha256_hex(PICKLE): 0}
    assert (await owner.delete(address)).code == "not_detached"
    assert (await owner.get(f"/live/f/{record.id}.png", n=2)).code == "kernel_gone"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {"Content-Type": "multipart/form-data; boundary=x"}),
        (PICKLE, {"Content-Type": "application/octet-stream"}),
        form(b""),
        form(declaration={"name": "animal"}),
        form(declaration=DECLARATION.as_json() | {"name": "other"}),
    ],
)
async def test_malformed_forms(owner, record, renderer, body, headers):
    """400, and no job runs."""
    answer = await owner.ask("POST", f"/api/live/{record.id}/source", body, headers)
    assert (answer.status, renderer.jobs) == (400, [])


async def test_authorization(stranger, owner, record, make_key, context, renderer):
    """A login or a key with ``publish`` is required; another owner's live figure is not found."""
    body, headers = form()
    address = f"/api/live/{record.id}/source"
    assert (await stranger.ask("POST", address, body, headers)).status in (401, 403)
    reading = replace(stranger, headers={"X-API-Key": await make_key("read")})
    assert (await reading.ask("POST", address, body, headers)).status == 403
    other = replace(stranger, headers={"X-API-Key": await make_key("publish", owner="eve")})
    assert (await other.ask("POST", address, body, headers)).status == 404
    assert (await other.delete(address)).status == 404
    assert renderer.jobs == []


async def test_L5_another_owner_sees_nothing_of_it(detach, record, stranger, owner, make_key, renderer):
    """It is in no list, and at none of its addresses; its owner finds it, and an administrator's key."""
    await detach()
    renderer.jobs.clear()
    other = stranger.with_key(await make_key("read", "publish", "render", owner="eve"))
    for path in ("/live/k1/animal.png", f"/live/f/{record.id}.png", f"/live/f/{record.id}", f"/api/live/{record.id}"):
        assert (await other.get(path)).status == 404
    assert (await other.get("/api/live")).json() == (await other.get("/api/live", session="k1")).json() == {"live": []}
    assert renderer.jobs == []
    for client in (owner, stranger.with_key(await make_key("read", "admin", owner="eve"))):
        assert [row["id"] for row in (await client.get("/api/live")).json()["live"]] == [record.id]


class TestBounded:
    @pytest.fixture
    def figserve_config(self):
        return {"detach_bytes": 1_000, "owner_quota": {"figures": 0, "bytes": 900}}

    async def test_too_large(self, detach, renderer):
        """413 beyond the trait, 507 beyond the quota; neither is stored."""
        answer = await detach(b"x" * 1_001)
        assert (answer.status, renderer.jobs) == (413, [])
        assert "FigServe.detach_bytes" in answer.json()["error"]
        assert (await detach(b"x" * 901)).status == 507
        assert (await detach(b"x" * 900)).status == 201
        assert (await detach(b"y" * 900)).status == 201


def test_version_checks():
    """Python must be equal where both are known; differing libraries are listed."""
    assert find_python_mismatch({"python": "3.11"}, {"python": "3.11"}) is None
    assert find_python_mismatch({}, {"python": "3.11"}) is None
    assert "Python 3.12" in (find_python_mismatch({"python": "3.11"}, {"python": "3.12"}) or "")
    assert (
        describe_differences({"numpy": "2", "pandas": "2"}, {"numpy": "1"}) == "numpy 2 in the kernel, 1 in the sandbox"
    )
