"""Tests of the administrators' pages and JSON."""

from ..links.conftest import hub, viewers  # noqa: F401  the people of a Hub
