"""The table of tools: which permissions get which, with which arguments."""

from __future__ import annotations

import pytest

from jupyter_figserve.assistant.api import Permissions
from jupyter_figserve.assistant.tools import TOOLS, find_tool, offered_tools
from jupyter_figserve.model.keys import SCOPES, Scope
from tests.conftest import require_package


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        ({"render"}, {"render_plot"}),
        ({"read"}, {"list_figures", "view_figure", "read_data"}),
        ({"publish"}, {"publish_figure", "share_figure"}),
        ({"admin"}, set()),
        (SCOPES, {tool.name for tool in TOOLS}),
    ],
)
def test_scopes_decide(scopes, names):
    """A tool is offered, and found by its name, only with its scope."""
    permissions = Permissions(frozenset(Scope(scope) for scope in scopes))
    assert {tool.name for tool in offered_tools(permissions)} == names
    assert {tool.name for tool in TOOLS if find_tool(tool.name, permissions)} == names


@pytest.mark.parametrize(
    ("permissions", "sources"),
    [
        (Permissions(), {"image", "code"}),
        (Permissions(frozenset({Scope.PUBLISH})), {"image"}),
        (Permissions(frozenset({Scope.PUBLISH}), ("/plots",)), {"image", "path"}),
        (Permissions(folders=("/plots",)), {"image", "code", "path"}),
    ],
)
def test_sources_of_a_figure(permissions, sources):
    """Code needs the scope render; a path needs a folder that the user named."""
    schema = find_tool("publish_figure", permissions).schema(permissions)
    assert {"image", "code", "path"} & set(schema["properties"]) == sources
    assert {rule["required"][0] for rule in schema["oneOf"]} == sources


def test_schemas_are_valid():
    """Each is a JSON Schema that refuses unknown arguments, and describes every argument."""
    jsonschema = require_package("jsonschema")
    for tool in TOOLS:
        schema = tool.schema(Permissions(folders=("/plots",)))
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) <= set(schema["properties"])
        assert all(len(one["description"]) > 10 for one in schema["properties"].values()), tool.name
