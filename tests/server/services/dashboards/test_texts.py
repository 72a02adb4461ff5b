"""Markdown of dashboards is rendered in a thread, once."""

from __future__ import annotations

import threading

from jupyter_figserve.server.services.dashboards import texts


async def test_kind_C7_a_text_is_rendered_once_and_not_on_the_event_loop(monkeypatch):
    """A long text holds up nobody."""
    threads = []

    def render(text: str) -> str:
        threads.append(threading.current_thread())
        return text.upper()

    monkeypatch.setattr(texts, "render_markdown", render)
    assert [await texts.render_text("only here") for _ in range(2)] == ["ONLY HERE"] * 2
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
