"""The server's URLs for kernels, local users and the public."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from jupyter_figserve.model.figures import FigureRecord, Identity, Representation, Version
from jupyter_figserve.model.formats import FORMATS
from jupyter_figserve.server.services.addresses import ServerAddresses


def server(**values: object):
    """The attributes of a ServerApp that determine its URLs."""
    return SimpleNamespace(
        **{
            "base_url": "/",
            "ip": "localhost",
            "port": 8888,
            "sock": "",
            "certfile": "",
            "local_hostnames": ["localhost"],
            **values,
        }
    )


def request(host: str = "localhost:8888", protocol: str = "http", headers: dict[str, str] | None = None):
    return SimpleNamespace(host=host, protocol=protocol, headers=headers or {})


def test_local_names_are_compared_as_names():
    """In any case, with a trailing dot."""
    urls = ServerAddresses(server(local_hostnames=["localhost", "Lab-PC"]))
    assert all(urls.is_local_host(host) for host in ("LOCALHOST:8888", "lab-pc.:80"))
    assert not urls.is_local_host("lab")


@pytest.mark.parametrize(
    ("base_url", "prefix"),
    [
        ("/", "/figserve"),
        ("/user/ann/", "/user/ann/figserve"),
        ("/a%40b/", "/a%40b/figserve"),
        ("/a@b/", "/a@b/figserve"),
        ("/my server/", "/my%20server/figserve"),
        ("/größe/", "/gr%C3%B6%C3%9Fe/figserve"),
    ],
)
def test_prefix_is_as_browsers_write_it(base_url, prefix):
    """Escapes are kept, and characters that no URL may contain are escaped."""
    urls = ServerAddresses(server(base_url=base_url))
    assert urls.prefix == prefix
    assert urls.base(request()).url == f"http://localhost:8888{prefix}"


class TestPublicUrl:
    @pytest.mark.parametrize(
        ("public_url", "url"),
        [
            ("https://plots.example.org", "https://plots.example.org/figserve"),
            ("https://plots.example.org/", "https://plots.example.org/figserve"),
            ("https://plots.example.org/jupyter", "https://plots.example.org/jupyter/figserve"),
            ("https://plots.example.org/x/figserve/", "https://plots.example.org/x/figserve"),
        ],
    )
    def test_answers_are_written_with_it(self, public_url, url):
        """For any host of the request."""
        base = ServerAddresses(server(base_url="/inner/"), public_url).base(request("10.0.0.1:8888"))
        assert (base.url, base.is_local) == (url, False)

    def test_its_host_is_ours(self):
        """A proxy may forward it as Host."""
        urls = ServerAddresses(server(), "https://plots.example.org/jupyter")
        assert urls.is_own_host("plots.example.org")
        assert not urls.is_own_host("example.org")
        assert urls.public_origin == "https://plots.example.org"

    @pytest.mark.parametrize(
        "public_url", ["HTTPS://Plätze.Example", "https://plätze.example.:443", "https://XN--PLTZE-hra.example/"]
    )
    def test_its_form_makes_no_difference(self, public_url):
        """Case, the default port, a trailing dot, and an international name; with whatever port a proxy forwards."""
        urls = ServerAddresses(server(), public_url)
        assert urls.base(request()).url == "https://xn--pltze-hra.example/figserve"
        for host in ("xn--pltze-hra.example", "Xn--Pltze-Hra.example.:443", "plätze.example", "plätze.example:8080"):
            assert urls.is_own_host(host)
        assert not urls.is_own_host("platze.example")
        for origin in ("https://xn--pltze-hra.example", "https://plätze.example:443"):
            assert urls.is_own_origin(request(headers={"Origin": origin}))
        for origin in ("http://xn--pltze-hra.example", "https://xn--pltze-hra.example:8443", "null", ""):
            assert not urls.is_own_origin(request(headers={"Origin": origin}))

    def test_without_it_no_host_is_ours(self):
        """Nor is an empty one."""
        urls = ServerAddresses(server())
        assert not urls.is_own_host("")
        assert urls.public_origin is None


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost:8888", True),
        ("127.0.0.1:8888", True),
        ("127.1.2.3", True),
        ("[::1]:8888", True),
        ("lab.localhost", True),
        ("192.168.1.5:8888", False),
        ("plots.example.org", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_who_can_open_a_link(host, is_local):
    """A loopback address is reported as local."""
    assert ServerAddresses(server()).base(request(host)).is_local is is_local


def test_scheme_is_the_requests():
    """Behind a proxy, tornado takes it from X-Forwarded-Proto."""
    assert ServerAddresses(server()).base(request("a.example", "https")).url == "https://a.example/figserve"


class TestForKernels:
    @pytest.mark.parametrize(
        ("values", "url"),
        [
            ({}, "http://127.0.0.1:8888/figserve"),
            ({"ip": "0.0.0.0"}, "http://127.0.0.1:8888/figserve"),
            ({"ip": ""}, "http://127.0.0.1:8888/figserve"),
            ({"ip": "*"}, "http://127.0.0.1:8888/figserve"),
            ({"ip": "::"}, "http://127.0.0.1:8888/figserve"),
            ({"ip": "192.168.1.5"}, "http://192.168.1.5:8888/figserve"),
            ({"ip": "::1"}, "http://[::1]:8888/figserve"),
            ({"certfile": "/c.pem"}, "https://127.0.0.1:8888/figserve"),
            ({"base_url": "/a%40b/"}, "http://127.0.0.1:8888/a%40b/figserve"),
            ({"sock": "/run/my server.sock"}, "http+unix://%2Frun%2Fmy%20server.sock/figserve"),
        ],
    )
    def test_kernels_use_the_address_of_the_server(self, values, url):
        """A loopback IP if it listens on all interfaces, or its Unix socket."""
        assert ServerAddresses(server(**values)).for_kernels() == url

    def test_kernel_url_is_for_kernels_elsewhere(self):
        """It takes precedence over the listening address; public_url is not used for kernels."""
        urls = ServerAddresses(server(), "https://plots.example.org", "http://hub-internal:8888/user/ann/")
        assert urls.for_kernels() == "http://hub-internal:8888/user/ann/figserve"

    def test_certificate_goes_along(self, tmp_path):
        """Its absolute path; None without TLS."""
        (tmp_path / "c.pem").touch()
        assert ServerAddresses(server(certfile=str(tmp_path / "c.pem"))).kernel_certificate() == str(tmp_path / "c.pem")
        assert ServerAddresses(server()).kernel_certificate() is None


def test_urls_of_a_figure():
    """Its page, its pinned and sized images, and a link."""
    part = Representation("image/png", "0" * 64, 1)
    record = FigureRecord(
        "abc", Identity("o", "", "", "", "n"), "published", 0, 0, Version(2, 0, None, "", "", (part,))
    )
    base = ServerAddresses(server()).base(request())
    assert base.page(record) == "http://localhost:8888/figserve/figures/abc"
    assert base.bytes(record, FORMATS["png"]) == base.page(record) + ".png"
    assert base.bytes(record, FORMATS["png"], 2, 320) == base.page(record) + ".png?version=2&width=320"
    assert base.link("t") == "http://localhost:8888/figserve/f/t"
    assert (base.origin, base.url) == ("http://localhost:8888", "http://localhost:8888/figserve")


class TestBehindProxy:
    @pytest.fixture
    def figserve_config(self) -> dict[str, object]:
        return {"public_url": "https://plots.example.org/jupyter"}

    async def test_public_host_is_answered(self, owner, stranger):
        """Even if Jupyter refuses host names that are not local; other names are still refused."""
        link = await owner.share(await owner.publish())
        path = "/f/" + link["url"].rpartition("/")[2]
        for host in ("plots.example.org", "Plots.Example.org.:443"):
            assert (await stranger.get(path, {"Host": host})).status == 200
        assert (await stranger.get(path, {"Host": "evil.example"})).status == 403
        assert (await stranger.get(path, {"Host": "evil.example"})).status == 403

    async def test_page_works_under_another_path(self, owner, stranger):
        """A proxy may use another path, as the page's URLs are relative."""
        link = await owner.share(await owner.publish())
        page = (await stranger.get("/f/" + link["url"].rpartition("/")[2])).text
        assert 'src="../f/' in page
        assert re.search(r'href="\.\./static/[0-9a-f]{16}/figserve\.css"', page)


@pytest.mark.parametrize("jp_base_url", ["/", "/user/ann/", "/a%40b/", "/a@b/", "/x.y_z~w/"])
async def test_figure_works_under_any_base_url(owner, stranger, jp_base_url):
    """Every URL in the responses to publish and share works."""
    figure = await owner.publish()
    link = await owner.share(figure)
    assert (await owner.get(figure["url"])).status == 200
    assert (await owner.get(figure["representations"][0]["url"])).status == 200
    assert (await stranger.get(link["url"])).status == 200
    assert (await stranger.get(link["image_url"])).status == 200
