"""The settings: accepted and refused values, and the messages."""

from __future__ import annotations

import contextlib

import pytest
from jupyter_server.extension.application import ExtensionApp
from traitlets import TraitError
from traitlets.config import Config

from jupyter_figserve.server.app import FigServe

SETTINGS = {
    name: trait
    for name, trait in FigServe.class_traits(config=True).items()
    if name not in ExtensionApp.class_traits(config=True)
}
"""Our own."""


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("keep_session_plots", "soon", "is not a duration"),
        ("keep_session_plots", "0d", "is not longer than zero"),
        ("link_max_age", "1 month", "is not a duration"),
        ("keep_live_pictures", "soon", "is not a duration"),
        ("min_live_refresh", "often", "is not a duration"),
        ("failed_secret_rate", "many", "is not a rate"),
        ("live_link_rate", "many", "is not a rate"),
        ("database_url", "mysql://db/figserve", "sqlite:////absolute/path.db"),
        ("database_url", "sqlite:///relative.db", "sqlite:////absolute/path.db"),
        ("figure_bytes", 0, "figure_bytes"),
        ("keep_versions", -1, "keep_versions"),
        ("body_timeout", 0.0, "body_timeout"),
        ("owner_quota", {"figures": -1}, "owner_quota"),
        ("session_quota", {"figures": "many"}, "session_quota"),
        ("public_url", "plots.example.org", "https://"),
        ("public_url", "javascript:alert(1)", "https://"),
        ("kernel_url", "10.0.0.1:8888", "https://"),
        ("public_url", "https://[::1", "https://"),
        ("public_url", "https://plots.example.org:99999", "https://"),
        ("public_url", "https://ann:pw@plots.example.org", "https://"),
        ("embed_origins", ["https://a.example; script-src *"], "https://wiki.example.org"),
        ("embed_origins", ["wiki.example.org"], "https://wiki.example.org"),
    ],
)
def test_bad_value_is_rejected_in_words(trait, value, words):
    """At the start, with the name of the trait or the expected values."""
    with pytest.raises(TraitError, match="(?s).*" + words):
        FigServe(config=Config(FigServe={trait: value}))


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("keep_session_plots", "never"),
        ("link_max_age", ""),
        ("failed_secret_rate", ""),
        ("database_url", "sqlite:////var/lib/figserve.db"),
        ("owner_quota", {"figures": 0, "bytes": 0}),
        ("public_url", "https://plots.example.org/jupyter/"),
        ("kernel_url", "http://10.0.0.1:8888"),
        ("embed_origins", ["https://wiki.example.org", "http://localhost:8000", "https://*.example.org"]),
    ],
)
def test_values_that_switch_off_are_taken(trait, value):
    """As documented in their help."""
    assert getattr(FigServe(config=Config(FigServe={trait: value})), trait) == value


WRONG = (None, 7, -1, 1.5, "x\0\ud800", b"x", ["x"], {"x": "y"}, object(), "9" * 400, "[::1", float("nan"))


@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{value!r:.20}")
def test_any_value_is_accepted_or_refused(value):
    """A value of a wrong type gives an error that names the setting, and no other exception."""
    for name in SETTINGS:
        with contextlib.suppress(TraitError):
            FigServe(config=Config(FigServe={name: value}))


def test_home_is_expanded():
    """A shell does not do it in an option."""
    assert "~" not in FigServe(config=Config(FigServe={"data_dir": "~/figures"})).data_dir


def test_every_trait_has_help():
    """The help is a whole sentence."""
    assert [name for name, trait in SETTINGS.items() if not trait.help.rstrip().endswith(".")] == []


def test_owner_is_the_hubs_user(monkeypatch):
    """Else "local"; under a Hub, links are for its users at most unless its admin allows more."""
    alone, hub = FigServe(), FigServe()
    assert (alone.owner, alone.max_audience) == ("local", "link")
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    assert (hub.owner, hub.max_audience) == ("ann", "hub")


def test_public_address_is_the_hubs(monkeypatch):
    """Of the server that the Hub started; a setting beats it."""
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", "https://hub.example.edu/user/ann/")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", FigServe().serverapp.base_url)
    assert FigServe().public_url == "https://hub.example.edu/user/ann"
    own = Config(FigServe={"public_url": "https://figures.example.edu"})
    assert FigServe(config=own).public_url == "https://figures.example.edu"
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/somewhere/else/")
    assert FigServe().public_url == ""
