"""The widest audience of links, and the settings that it replaces."""

from __future__ import annotations

import pytest
from traitlets import TraitError
from traitlets.config import Config

from jupyter_figserve.server.config.audience import AudienceConfig


def test_default_depends_on_a_hub(monkeypatch):
    """Anyone with the link, and under a Hub its users."""
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    assert AudienceConfig().max_audience == "link"
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    assert AudienceConfig().max_audience == "hub"
    assert AudienceConfig(max_audience="people").max_audience == "people"


def test_unknown_audience_is_refused():
    """With the possible values."""
    with pytest.raises(TraitError, match="people"):
        AudienceConfig(max_audience="everybody")


@pytest.mark.parametrize("name", ["allow_public_shares", "allow_public_live"])
@pytest.mark.parametrize("value", [True, False])
def test_replaced_settings_are_refused(name: str, value: bool):
    """They have no effect any more, so that ignoring them could open links; the message names the new one."""
    AudienceConfig(config=Config({"FigServe": {"max_audience": "me"}})).check_replaced()
    config = AudienceConfig(config=Config({"FigServe": {name: value}}))
    with pytest.raises(TraitError, match=f"FigServe.{name} was replaced by FigServe.max_audience"):
        config.check_replaced()
