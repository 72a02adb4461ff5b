"""Live requests as values: equality keys, and the messages between server and kernel."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.live import LiveDeclaration, LiveRequest

REQUEST = LiveRequest({"n": 1}, "svg", 320, 200, 100, 2)


SCALARS = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text() | st.just("2024-01-31")
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(), SCALARS, max_size=1)
PARAMETERS = st.fixed_dictionaries(
    {"name": st.just("x") | VALUES, "choices": st.just([]) | VALUES, "values": st.just([]) | VALUES},
    optional={
        "kind": st.sampled_from(("str", "int", "float", "bool", "date", "datetime", "choice")) | VALUES,
        "default": VALUES, "minimum": VALUES, "maximum": VALUES, "step": VALUES,
        "many": st.booleans(), "is_optional": st.booleans(), "is_required": st.booleans(),
    },
)  # fmt: skip
ROW = LiveDeclaration("animal").as_json()


@given(
    st.lists(PARAMETERS, max_size=2).flatmap(
        lambda rows: st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, VALUES)).map(
            lambda other: {**ROW, "parameters": rows, **other}
        )
    )
    | VALUES
)
def test_any_declaration_is_refused_or_works(row):
    """One that is accepted has a schema that is JSON, can be stored, and answers every query or refuses it."""
    try:
        declaration = LiveDeclaration.from_json(row)
    except InvalidInput:
        return
    json.dumps([declaration.parameters.schema(), declaration.as_json()], allow_nan=False)
    for query in ({}, {"x": ["1"]}, {"x": ["2024-01-31"]}):
        with suppress(InvalidInput):
            declaration.parameters.query(declaration.parameters.parse(query))


def test_request_message_round_trip():
    """A kernel parses the request that the server sends."""
    message = REQUEST.as_json()
    assert message["density"] == 2
    assert LiveRequest.from_json({"op": "call", "rid": 3, **message}) == REQUEST
    assert LiveRequest.from_json(LiveRequest().as_json()) == LiveRequest()


def test_absent_fields_mean_the_defaults():
    """A message from another version may lack some fields."""
    assert LiveRequest.from_json({}) == LiveRequest()
    assert LiveRequest.from_json({"arguments": None, "format": "pdf", "density": None}) == LiveRequest({}, "pdf")


def test_key_is_equal_for_equal_requests():
    """The order of the arguments does not matter; everything else does."""
    assert LiveRequest({"a": 1, "b": 2}).key == LiveRequest({"b": 2, "a": 1}).key
    others = [
        LiveRequest({"a": 1}),
        LiveRequest({"a": 2}),
        LiveRequest({"a": 1}, "svg"),
        LiveRequest({"a": 1}, width=1),
        LiveRequest({"a": 1}, height=1),
        LiveRequest({"a": 1}, dpi=1),
        LiveRequest({"a": 1}, device_pixel_ratio=2),
    ]
    assert len({one.key for one in others}) == len(others)


def test_declaration_round_trip():
    """A server parses the declaration that a kernel sends."""
    declaration = LiveDeclaration(
        "animal", description="d", sizes=("width",), cache=2.0, version="1", is_versioned=True
    )
    assert LiveDeclaration.from_json(declaration.as_json()) == declaration


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a.png"},
        {"name": ""},
        {"cache": -1},
        {"timeout": 0},
        {"parameters": 3},
        {"cache": "x"},
        {"sizes": None},
    ],
)
def test_invalid_declaration(fields):
    """Declarations of a kernel are not trusted."""
    with pytest.raises(InvalidInput):
        LiveDeclaration.from_json(LiveDeclaration("animal").as_json() | fields)
