"""The local time zone: its name, and establishing it."""

from __future__ import annotations

import os
import time

import pytest

from jupyter_figserve.plotting import time_zone


@pytest.fixture(autouse=True)
def zone_of_the_process(monkeypatch):
    monkeypatch.setenv("TZ", "America/Bogota")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Europe/Berlin", "Europe/Berlin"),
        ("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3"),
        ("UTC", ""),
        ("", ""),
        ("/home/ada/zone", ""),
    ],
)
def test_name_from_the_environment(monkeypatch, variable, name):
    """In the form that another machine understands."""
    monkeypatch.setenv("TZ", variable)
    assert time_zone.current() == name


def test_name_from_the_system(monkeypatch, tmp_path):
    """Where the link of the system leads; a copy of the file has no name."""
    monkeypatch.delenv("TZ")
    copy, link = tmp_path / "copy", tmp_path / "link"
    copy.write_bytes(b"TZif")
    link.symlink_to("/usr/share/zoneinfo/Africa/Lagos")
    for path, name in ((link, "Africa/Lagos"), (copy, "")):
        monkeypatch.setattr(time_zone, "_LINK", str(path))
        assert time_zone.current() == name


@pytest.mark.parametrize(("name", "hours"), [("Asia/Tokyo", 9), ("", 0), ("No/Such", 0), ("America/Bogota", -5)])
def test_zone_is_temporary(name, hours):
    """Afterwards, the zone and the variable are those from before."""
    with time_zone.applied(name):
        assert time.localtime().tm_gmtoff == hours * 3600
    assert time.localtime().tm_gmtoff == -5 * 3600
    assert os.environ["TZ"] == "America/Bogota"
