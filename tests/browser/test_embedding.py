"""Snippets pasted into other people's pages, and links behind a proxy, in Chromium."""

from __future__ import annotations

import html
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.conftest import launch_chromium, require_program
from tests.ports import free_port
from tests.security.actors import HTML, Listener, make_png, publish, share

from .conftest import WIDTH, ErrorLog, SharedFigure, open_page

pytestmark = pytest.mark.browser


def test_html_snippet_shows_the_image_on_another_site(page, other_site: Listener, shared_figure: SharedFigure) -> None:
    """Pasted unchanged, it shows the image with its alt text and leads to the link's page."""
    open_page(page, other_site.serve("/wiki", f"<!doctype html><p>{shared_figure.link['snippets']['html']}</p>"))
    assert page.evaluate(WIDTH) == 1200
    assert page.get_attribute("img", "alt") == shared_figure.alt
    page.click("img")
    page.wait_for_url(shared_figure.link["url"])
    page.wait_for_load_state("networkidle")


def test_snippets_with_hostile_texts_stay_one_element(page, other_site: Listener, live_server: ServerProcess) -> None:
    """Quotes and markup in title and alt text are text on the other site too."""
    text = "\"'><script>document.title = 'evil'</script>&amp;"
    link = share(live_server, publish(live_server, make_png(30, 20), name="hostile", title=text, alt=text))
    open_page(page, other_site.serve("/wiki", f"<!doctype html><title>wiki</title>{link['snippets']['html']}"))
    assert page.get_attribute("img", "alt") == text
    assert page.title() == "wiki"
    assert page.evaluate(WIDTH) == 30


def test_image_can_be_read_by_other_sites_scripts(page, other_site: Listener, shared_figure: SharedFigure) -> None:
    """A public image may be fetched or drawn on a canvas by other sites, without credentials."""
    open_page(page, other_site.serve("/app", "<!doctype html>"))
    size = page.evaluate("url => fetch(url).then(r => r.blob()).then(b => b.size)", shared_figure.link["image_url"])
    assert size == shared_figure.record["representations"][0]["size"]


NGINX = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /team/plots/ {{
      proxy_pass {server};
      proxy_set_header Host {host};
      proxy_http_version 1.1;
    }}
  }}
}}
"""
NAME = "plots.example.test"
NO_TLS = "Cross-Origin-Opener-Policy header has been ignored, because the URL's origin was untrustworthy"
"""Chromium's warning about our header on plain HTTP under a host name, as in this test."""


@contextmanager
def nginx(home: Path, port: int, server: str, host: str) -> Iterator[None]:
    program = require_program("nginx")
    home.mkdir()
    (home / "nginx.conf").write_text(NGINX.format(home=home, port=port, server=server, host=host))
    process = subprocess.Popen(
        [program, "-p", str(home), "-e", str(home / "error.log"), "-c", str(home / "nginx.conf")]
    )
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (home / "error.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.nginx
@pytest.mark.parametrize(
    "passes_name",
    [
        pytest.param(True, marks=pytest.mark.nightly, id="its name passed on"),
        pytest.param(False, id="its own name for it"),
    ],
)
def test_behind_a_proxy_under_another_name_and_path(playwright, make_server, tmp_path: Path, passes_name: bool) -> None:
    """With ``public_url``, link, image, style, frame, embedding and login work at the proxy's name and path."""
    port, back = free_port(), free_port()
    public = f"http://{NAME}:{port}/team/plots"
    server = make_server(public_url=public, args=[f"--ServerApp.port={back}", "--ServerApp.base_url=/inner/"])
    link = share(server, publish(server, make_png(300, 200), name="proxied", title="Behind a proxy"))
    framed = share(server, publish(server, HTML, "text/html", name="framed"))
    host = "$http_host" if passes_name else f"127.0.0.1:{back}"
    knows_name = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
    with nginx(tmp_path / "nginx", port, server.url, host), launch_chromium(playwright, knows_name) as browser:
        log = ErrorLog()
        page = log.attach(browser.new_page())
        assert link["url"].startswith(f"{public}/figserve/f/")
        assert link["local_only"] is False
        open_page(page, link["url"])
        assert page.evaluate(WIDTH) == 300
        assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"
        assert page.get_attribute("meta[property='og:image']", "content") == link["image_url"]
        assert page.get_attribute("link[rel=canonical]", "href") == link["url"]
        oembed = page.get_attribute("link[type='application/json+oembed']", "href")
        assert page.evaluate("url => fetch(url).then(r => r.json())", oembed)["url"] == link["image_url"]
        assert (
            page.evaluate("url => fetch(url).then(r => r.blob()).then(b => b.type)", link["image_url"]) == "image/png"
        )
        open_page(page, framed["url"])
        assert page.frame_locator("iframe").locator("#plot").inner_text() == "drawn"
        assert [fault for fault in log.errors if NO_TLS not in fault] == []


def test_iframe_snippet_is_offered_where_it_works(make_server, page, other_site: Listener) -> None:
    """A server that lets a site frame its links shows the snippet; pasted there, the figure fits in it."""
    server = make_server(embed_origins=other_site.origin)
    link = share(server, publish(server, make_png(300, 200), name="framed", title="A framed one"))
    open_page(page, link["url"])
    offered = page.locator("#snippet-iframe + code").text_content()
    assert offered == link["snippets"]["iframe"]
    open_page(page, other_site.serve("/wiki", f"<!doctype html>{offered}"))
    (frame,) = page.main_frame.child_frames
    assert frame.evaluate(WIDTH) == 300
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert page.get_attribute("iframe", "title") == html.unescape("A framed one")
