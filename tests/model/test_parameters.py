"""Parameters as values: parsing of queries, canonical queries, JSON schemas, and errors that name the value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.model.parameter import MAX_ITEMS, MAX_TEXT, Parameter
from jupyter_figserve.model.parameters import Parameters

from ..conftest import require_package

LETTERS = ("a", "b,c", "d\\e")


def one(**fields: object) -> Parameter:
    return Parameter("x", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameter", "texts", "value"),
    [
        (one(), ["a b"], "a b"),
        (one(), [""], ""),
        (one(kind="int"), ["-3"], -3),
        (one(kind="int"), [" 7 "], 7),
        (one(kind="float"), ["1e-3"], 0.001),
        (one(kind="float"), [".5"], 0.5),
        (one(kind="float"), ["3"], 3.0),
        (one(kind="bool"), ["yes"], True),
        (one(kind="bool"), ["0"], False),
        (one(kind="bool"), ["false", "true"], True),
        (one(kind="date"), ["2024-02-29"], "2024-02-29"),
        (one(kind="datetime"), ["2024-02-29T09:30"], "2024-02-29T09:30:00"),
        (one(kind="datetime"), ["2024-02-29T09:30:00 01:00"], "2024-02-29T09:30:00+01:00"),
        (one(kind="choice", choices=LETTERS), ["b,c"], "b,c"),
        (one(kind="int", many=True), ["1,2", "3"], [1, 2, 3]),
        (one(kind="int", many=True), [""], []),
        (one(many=True), [r"a\,b,c\\,"], ["a,b", "c\\", ""]),
        (one(kind="choice", choices=LETTERS, many=True), [r"a,b\,c"], ["a", "b,c"]),
        (one(kind="int", is_optional=True), [""], None),
        (one(kind="int", minimum=2, maximum=4), ["4"], 4),
        (one(kind="date", minimum="2020-01-01"), ["2020-01-01"], "2020-01-01"),
        (
            one(kind="datetime", maximum="2020-01-01T00:00:00"),
            ["2020-01-01T01:00:00+01:00"],
            "2020-01-01T01:00:00+01:00",
        ),
    ],
)
def test_query_is_parsed(parameter, texts, value):
    """Every kind, single and repeated, at its bounds."""
    found = parameter.parse(texts)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("parameter", "texts", "message"),
    [
        (one(kind="int"), ["1.5"], "x='1.5' is not allowed: it must be a whole number."),
        (one(kind="int"), [""], "x='' is not allowed"),
        (one(kind="int"), ["9" * 31], "it must be a whole number of at most 30 digits."),
        (one(), ["a" * 10_001], "it must be text of at most 10,000 characters."),
        (one(), ["\0"], "it must be text without NUL characters."),
        (one(kind="int"), ["१"], "a whole number"),
        (one(kind="int", minimum=2, maximum=4), ["5"], "x='5' is not allowed: it must be a whole number from 2 to 4."),
        (one(kind="float"), ["nan"], "a number"),
        (one(kind="float"), ["1e999"], "a number"),
        (one(kind="float"), ["1_000"], "a number"),
        (one(kind="float", minimum=0.5), ["0.4"], "from 0.5 on"),
        (one(kind="bool"), ["maybe"], "true or false"),
        (one(kind="date"), ["2023-02-29"], "a date such as"),
        (one(kind="datetime"), ["noon"], "a time such as"),
        (one(kind="datetime", minimum="2020-01-01T00:00:00"), ["2019-12-31T23:59:59"], "from 2020-01-01T00:00:00 on"),
        (one(kind="choice", choices=("a", "b")), ["c"], "x='c' is not allowed: it must be one of a, b."),
        (one(kind="int", many=True), ["1,,2"], "x='' is not allowed: it must be a list of these"),
        (one(kind="int", many=True, maximum=3), ["1,4"], "up to 3"),
        (one(), ["a", "b"], "x is given 2 times"),
        (one(), ["\0"], "text"),
        (one(), ["a" * (MAX_TEXT + 1)], "…' is not allowed"),
        (one(kind="int", many=True), ["1," * MAX_ITEMS + "1"], "the limit is 10,000"),
    ],
)
def test_invalid_value_is_named(parameter, texts, message):
    """The error names the parameter, the value, and the allowed values."""
    with pytest.raises(InvalidInput) as caught:
        parameter.parse(texts)
    assert message in caught.value.message
    assert len(caught.value.message) < 300


PARAMETERS = Parameters(
    (
        Parameter("type", "choice", choices=("Bear", "Deer"), values=("Bear", "Deer"), default="Deer"),
        Parameter("since", "int", default=2010, minimum=2000, maximum=2022),
        Parameter("x", "float", many=True, default=[]),
        Parameter("until", "date", is_optional=True),
        Parameter("who", "str", is_required=True),
    )
)


def test_whole_query():
    """Defaults are filled in, names with a leading underscore are ignored, and the canonical query is equivalent."""
    values = PARAMETERS.parse({"who": ["ann"], "x": ["1", "2"], "_": ["9"]})
    assert values == {"type": "Deer", "since": 2010, "x": [1.0, 2.0], "until": None, "who": "ann"}
    assert PARAMETERS.query(values) == "x=1,2&who=ann"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "who is missing: give text."),
        (
            {"who": ["a"], "typ": ["Bear"]},
            "Unknown parameter 'typ'; the parameters are type, since, x, until, who.",
        ),
        ({"who": ["a"], "since": ["1999"]}, "since='1999'"),
    ],
)
def test_invalid_query_is_rejected(query, message):
    """Missing, unknown and out-of-bounds parameters are refused."""
    with pytest.raises(InvalidInput) as caught:
        PARAMETERS.parse(query)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (PARAMETERS.items[:2], "the parameters are type, since."),
        (PARAMETERS.items[:1], "the only parameter is type."),
        ((), "this live figure has none."),
    ],
)
def test_an_unknown_parameter_is_answered_with_the_known_ones(items, message):
    """Also where there is one, or none."""
    with pytest.raises(InvalidInput, match=f"Unknown parameter 'n'; {message}"):
        Parameters(items).parse({"n": ["1"]})


def test_json_round_trip():
    """A server parses the parameters that a kernel sends."""
    assert Parameters.from_json(json.loads(json.dumps(PARAMETERS.as_json()))) == PARAMETERS


@pytest.mark.parametrize("rows", [[{}], [{"name": "x"}], [{"name": "a b", "choices": [], "values": []}], [3], "x"])
def test_invalid_json_is_rejected(rows):
    """Parameters sent by a kernel are not trusted."""
    with pytest.raises(InvalidInput):
        Parameters.from_json(rows)


def test_parameters_with_one_name_are_rejected():
    """Else the value of one would be that of the other."""
    with pytest.raises(InvalidInput, match="malformed"):
        Parameters.from_json(PARAMETERS.as_json() + PARAMETERS.as_json()[:1])


def test_schema_is_valid_and_agrees():
    """The JSON Schema accepts exactly what ``parse`` accepts."""
    jsonschema = require_package("jsonschema")
    schema = PARAMETERS.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(PARAMETERS.parse({"who": ["a"]}))
    assert not validator.is_valid({"who": "a", "since": 1999})
    assert not validator.is_valid({"since": 2001})


VALUES = {
    "str": st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20),
    "int": st.integers(-(10**20), 10**20),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "date": st.dates().map(str),
    "datetime": st.datetimes().map(lambda moment: moment.isoformat()),
}


@given(st.data())
def test_written_values_are_parsed_back(data):
    """``parse`` accepts the output of ``write``, for every kind and for lists."""
    kind = data.draw(st.sampled_from(sorted(VALUES)))
    value = data.draw(VALUES[kind])
    assert one(kind=kind).parse([one(kind=kind).write(value)]) == value
    values = data.draw(st.lists(VALUES[kind], max_size=5).filter(lambda found: found != [""]))
    assert one(kind=kind, many=True).parse([one(kind=kind, many=True).write(values)]) == values
