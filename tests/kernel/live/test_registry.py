"""Calls of live functions: any request has an answer that can be sent, and the next call is answered."""

from __future__ import annotations

import json
import queue
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.client import FigServeClient
from jupyter_figserve.kernel.client.connection import Connection
from jupyter_figserve.kernel.live import registry
from jupyter_figserve.kernel.live.registry import LiveFunction, LiveFunctions, not_callable
from jupyter_figserve.plotting.signatures import read_signature

from ...server.sample_images import png

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(st.sampled_from(("n", "text", "x")), VALUES)
REQUESTS = st.fixed_dictionaries(
    {"op": st.just("call")},
    optional={
        "rid": st.integers() | VALUES,
        "name": st.just("animal") | VALUES,
        "arguments": ARGUMENTS | VALUES,
        "format": st.sampled_from(("png", "svg", "html")) | VALUES,
        **dict.fromkeys(("width", "height", "dpi", "known", "max_bytes", "device_pixel_ratio"), VALUES),
    },
)
HONEST = {"op": "call", "rid": 7, "name": "animal", "arguments": {"n": 1}, "format": "png"}


def animal(n: int = 0, text: str = "") -> bytes:
    if text == "exit":
        raise SystemExit
    return png()


def test_any_call_is_answered():
    """With the call's own id, as JSON; nothing that a call holds ends the worker thread."""
    functions = LiveFunctions()
    functions.register(LiveFunction("animal", animal, read_signature(animal)))
    answers: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()

    @given(REQUESTS)
    def ask(request: dict[str, Any]) -> None:
        for asked in (request, HONEST):
            functions.submit(asked, lambda head, body: answers.put((head, body)))
        head, body = answers.get(timeout=20)
        json.dumps(head)
        assert head["op"] == "answer"
        assert type(body) is bytes
        head, body = answers.get(timeout=20)
        assert (head["rid"], head.get("error"), body) == (7, None, png())

    ask()
    ask_to_exit = {**HONEST, "arguments": {"text": "exit"}}
    for asked in (ask_to_exit, HONEST):
        functions.submit(asked, lambda head, body: answers.put((head, body)))
    assert answers.get(timeout=20)[0]["error"]["type"] == "CodeFailed"
    assert answers.get(timeout=20)[1] == png()


def test_the_error_of_a_function_that_no_server_can_call_says_why(monkeypatch):
    """Without a server, connected to another one, and in a child of the kernel; the advice is one that helps."""
    client = FigServeClient(parse_exact("http://127.0.0.1:1/figserve"), "fsk_x")
    for connection, words in (
        (None, "no server with jupyter_figserve started this one. Open the notebook in JupyterLab"),
        (Connection(client, "figserve.serve()"), "http://127.0.0.1:1/figserve did not start this one. Open the"),
        (Connection(client, "the kernel's environment", True), "another process. Ask for the URL in the kernel."),
    ):
        monkeypatch.setattr(registry, "find_connection", lambda found=connection: found)
        text = str(not_callable("animal"))
        assert text.startswith('"animal" can be called here, but has no URL: only the server that started a kernel')
        assert words in text
        assert "figserve.connect" not in text
