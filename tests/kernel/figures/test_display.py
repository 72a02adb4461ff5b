"""Mimebundles of figures and links."""

from __future__ import annotations

import base64
import sys
from types import SimpleNamespace

import pytest

from jupyter_figserve.kernel.figures.display import (
    FigureCaption,
    close_if_inline,
    figure_bundle,
    link_href,
    link_html,
    link_text,
)
from jupyter_figserve.model.figures import EncodedImage

from ..conftest import PNG

EVIL = "\"><script>alert('x')</script>&"
PICTURE = EncodedImage("image/png", PNG, 640, 480, 100.0)


def card(**values):
    url = "http://127.0.0.1:8888/figserve/figures/abc"
    defaults = {
        "name": "sales",
        "title": "Sales",
        "alt": "Rising",
        "version": 3,
        "url": url,
        "href": url,
        "figure": "abc",
    }
    return FigureCaption(**{**defaults, **values})


def test_image_is_in_the_output():
    """A saved notebook contains the image, also for exports without HTML."""
    data, metadata = figure_bundle(card(), PICTURE, with_link=True)
    encoded = base64.b64encode(PNG).decode()
    assert (
        f'<img src="data:image/png;base64,{encoded}" alt="Rising" title="Sales" width="640" height="480"'
        in data["text/html"]
    )
    assert data["image/png"] == encoded
    assert data["text/plain"] == 'Figure "sales", version 3: http://127.0.0.1:8888/figserve/figures/abc'
    assert metadata == {"jupyter_figserve": {"figure": "abc", "version": 3}}


def test_texts_are_escaped():
    """Titles, names, alternative texts and notes are escaped."""
    data, _ = figure_bundle(card(name=EVIL, title=EVIL, alt=EVIL, href=f"/x{EVIL}"), PICTURE, with_link=True)
    html = data["text/html"] + link_html(EVIL, f"http://h/{EVIL}", None, EVIL, EVIL)
    html += figure_bundle(card(alt=EVIL), None, with_link=True)[0]["text/html"]
    assert "<script" not in html
    assert "alert('x')" not in html


def test_without_a_link_there_is_none():
    """``--quiet`` shows only the image."""
    data, _ = figure_bundle(card(), PICTURE, with_link=False)
    assert "figserve/figures" not in str(data)
    assert "<a " not in data["text/html"]


@pytest.mark.parametrize("image", [None, PICTURE])
def test_nothing_is_fetched_from_other_hosts(image):
    """The output loads nothing; only links name other addresses."""
    html = figure_bundle(card(), image, with_link=True)[0]["text/html"]
    assert 'src="http' not in html
    assert not any(tag in html for tag in ("<script", "<iframe", "<link", "<style", "url("))


def test_the_button_is_a_link_where_scripts_are_taken_out():
    """A sanitized output keeps the link; it is that of the page, and is not called a link for others."""
    html = figure_bundle(card(), PICTURE, with_link=True)[0]["text/html"]
    assert ">Copy link<" not in html
    end = html.index(">Copy page address<")
    button = html[end - 700 : end]
    assert 'href="http://127.0.0.1:8888/figserve/figures/abc"' in button
    assert "navigator.clipboard" in button


def test_figure_without_an_image_has_a_message():
    """Interactive figures and files that browsers do not display have a placeholder."""
    data, _ = figure_bundle(card(), None, with_link=True)
    assert "Open the figure" in data["text/html"]
    assert "image/png" not in data


def test_large_png_is_included_once():
    """Only small images are duplicated for exports without HTML."""
    data, _ = figure_bundle(card(), EncodedImage("image/png", PNG + bytes(600_000), 1, 1), with_link=True)
    assert "image/png" not in data


@pytest.mark.parametrize(
    ("url", "is_own", "href"),
    [
        ("http://127.0.0.1:8888/user/jo/figserve/figures/a", True, "/user/jo/figserve/figures/a"),
        ("http://localhost:8888/figserve/figures/a", True, "/figserve/figures/a"),
        ("http+unix://%2Ftmp%2Fs/figserve/figures/a", True, "/figserve/figures/a"),
        ("https://plots.example.org/figserve/figures/a", True, "https://plots.example.org/figserve/figures/a"),
        ("http://127.0.0.1:9999/figserve/figures/a", False, "http://127.0.0.1:9999/figserve/figures/a"),
    ],
)
def test_links_to_the_own_server_are_paths(url, is_own, href):
    """Behind a Hub's proxy, 127.0.0.1 would be the reader's machine; other servers need the full URL."""
    assert link_href(url, is_own=is_own) == href


def test_link_shows_expiry_and_note():
    """Text and HTML show whom it is for, the expiry and the note."""
    for show in (link_text, link_html):
        assert "until 2026-02-01 09:30 UTC" in show("a", "http://h/f/t", "2026-02-01T09:30:37.654Z", None, "ada")
        output = show("a", "http://h/f/t", None, "Opens only on this machine.", "ada and bob")
        assert "for ada and bob" in output
        assert "never expires" in output
        assert "Opens only on this machine." in output


def test_commands_in_a_note_are_code():
    """What stands between backticks; it is escaped like the rest, and a single backtick is one."""
    html = link_html("a", "http://h/f/t", None, "Run `jupyter <x>`, or ` alone.", "ada")
    assert "Run <code>jupyter &lt;x&gt;</code>, or ` alone." in html


class Pyplot:
    """Stands for ``matplotlib.pyplot``."""

    def __init__(self, backend: str) -> None:
        self.get_backend = lambda: backend
        self.closed: list[object] = []
        self.close = self.closed.append


@pytest.mark.parametrize(
    ("backend", "closes", "expected"),
    [
        ("inline", True, 1),
        ("module://matplotlib_inline.backend_inline", True, 1),
        ("inline", False, 0),
        ("module://ipympl.backend_nbagg", True, 0),
        ("agg", True, 0),
    ],
)
def test_figure_is_closed_only_if_displayed_twice(monkeypatch, backend, closes, expected):
    """The inline backend displays and closes open figures at the end of a cell; other backends do not."""
    pyplot = Pyplot(backend)
    config = SimpleNamespace(InlineBackend=SimpleNamespace(instance=lambda: SimpleNamespace(close_figures=closes)))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", pyplot)
    monkeypatch.setitem(sys.modules, "matplotlib_inline.config", config)
    close_if_inline(None)
    close_if_inline("figure")
    assert len(pyplot.closed) == expected


def test_without_matplotlib_nothing_is_closed(monkeypatch):
    """matplotlib is not imported."""
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    close_if_inline("figure")
    assert "matplotlib.pyplot" not in sys.modules
