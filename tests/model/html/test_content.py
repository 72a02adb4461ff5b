"""Contents of HTML, and its external resources."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.html.content import parse_html

LIBRARY = "<div id=x></div><script>" + "/* https://cdn.example/a.js */" * 20_000 + "</script><script>draw()</script>"
FOLIUM = (
    """<div><iframe srcdoc="&lt;script src=&quot;https://cdn/leaflet.js&quot;&gt;&lt;/script&gt;"></iframe></div>"""
)


@pytest.mark.parametrize(
    ("html", "scripts", "resources"),
    [
        ('<script src="https://cdn/x.js"></script>', ["https://cdn/x.js"], []),
        ("<script src=lib/x.js></script>", ["lib/x.js"], []),
        ("<link rel=stylesheet href=https://cdn/x.css><img src=//x/y.png>", [], ["https://cdn/x.css", "//x/y.png"]),
        ("<iframe src=https://x/></iframe>", ["https://x/"], []),
        (FOLIUM, ["https://cdn/leaflet.js"], []),
        ('<script>import("https://cdn/x.mjs")</script>', ["https://cdn/x.mjs"], []),
        ('<script>import {a} from "https://cdn/x.mjs"</script>', ["https://cdn/x.mjs"], []),
        ('<script>s.src = "https://cdn/x.js"</script>', ["https://cdn/x.js"], []),
        ("<script>require.config({paths: {d3: 'https://d3js.org/d3.v7'}})</script>", ["https://d3js.org/d3.v7"], []),
        (LIBRARY, [], []),
        ('<a href="https://x/">x</a><script>var home = "https://x/"; open(home)</script>', [], []),
        ("<img src=data:image/png;base64,AA==><link rel=icon href=https://x/i.ico>", [], []),
        ('<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>', [], []),
        ('<style>@import "https://x/a.css"; p {background: url(#a)}</style>', [], ["https://x/a.css"]),
        ('<style>@namespace svg url("http://www.w3.org/2000/svg");</style>', [], []),
        ('<div style="background: url(https://x/a.png)"></div>', [], ["https://x/a.png"]),
        ('<script type="importmap">{"imports": {"d": "https://x/d.js"}}</script>', ["https://x/d.js"], []),
        ('<script>L.tileLayer("https://x/{z}.png")</script>', [], ["https://x/{z}.png"]),
        ('<script>fetch("https://x/a.csv")</script>', ["https://x/a.csv"], []),
        ("<frameset><frame src=https://x/></frameset>", ["https://x/"], []),
        ("<p>https://x/y.js", [], []),
        ("<script", [], []),
    ],
)
def test_what_is_loaded(html, scripts, resources):
    """By elements, by short styles and by short scripts; links, libraries and namespaces load nothing."""
    content = parse_html(html)
    assert (content.scripts, content.resources) == (scripts, resources)


@pytest.mark.parametrize(
    ("html", "is_empty"),
    [
        ("<div id=x></div><script src=https://x/l.js></script><script>draw()</script>", True),
        ("<img src=https://x/y.png>", True),
        ("<video src=https://x/y.mp4 controls></video>", True),
        ("<video><source src=https://x/y.mp4></video>", True),
        ("<video src=https://x/y.mp4>Your browser does not support the <code>video</code> element.</video>", True),
        ("<img src=https://x/y.png><noscript>Turn on JavaScript</noscript>", True),
        ("<video src=https://x/y.mp4>No video</video><p>Words</p>", False),
        ("<link rel=stylesheet href=https://x/y.css><video><source src='data:video/mp4;base64,AA=='></video>", False),
        (FOLIUM, True),
        ("<svg></svg><script src=https://x/l.js></script>", False),
        ("<p>Words</p><img src=https://x/y.png>", False),
        ("<link rel=stylesheet href=https://x/y.css><div></div><script>draw()</script>", False),
        ("<svg></svg>", False),
        (LIBRARY, False),
    ],
)
def test_what_is_left_offline(html, is_empty):
    """Text, images and own scripts show something."""
    assert parse_html(html).is_empty_offline is is_empty


def test_a_data_url_is_decoded():
    """Base64, percent-encoded or plain; anything else is none."""

    def decode(source):
        return parse_html(f'<img src="{source}">').images[0].decode()

    assert decode("data:image/png;base64,AAEC") == ("image/png", b"\x00\x01\x02")
    assert decode("data:image/svg+xml;charset=utf-8,%3Csvg/%3E") == ("image/svg+xml", b"<svg/>")
    assert decode("data:image/png;base64,*") is None
    assert decode("https://x/") is None
