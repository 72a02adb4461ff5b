"""Damaged JSON and frames for Hypothesis: what is valid, then changed as an attacker would who knows its grammar."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

LIMIT = sys.getrecursionlimit()
DEPTHS = st.integers(1, 60) | st.integers(LIMIT - 150, LIMIT + 10) | st.just(50_000)
"""Of nesting: harmless, about as deep as Python reads and writes, and far beyond."""
LEAVES = st.sampled_from(
    ["null", "true", "false", "0", "-1", "-0.0", "1.5", "1e999", "-1e999", "NaN", "Infinity", "[]", "{}", '""']
    + ["4294967296", "18446744073709551616", "1" + "0" * 400, "1" + "0" * 5_000, '"\\ud800"', '"\\u0000"']
    + [
        '"\\u001b[31m"',
        '"\\u2028"',
        '"../../x"',
        '"a\\r\\nSet-Cookie: b"',
        '"' + "x" * 5_000 + '"',
        "[null]",
        '{"": []}',
    ]
)
DEEP = st.builds(
    lambda depth, is_list: ("[" * depth + "]" * depth) if is_list else ('{"a":' * depth + "1" + "}" * depth),
    DEPTHS,
    st.booleans(),
)
KEYS = st.sampled_from(["", "a", "__proto__", "\ud800", "sizes", "x" * 300])


class _Pairs(list[list[Any]]):
    """A JSON object as a list of keys and values, so that a key can be there twice."""


def _to_tree(value: Any) -> Any:
    if isinstance(value, dict):
        return _Pairs([key, _to_tree(one)] for key, one in value.items())
    return [_to_tree(one) for one in value] if isinstance(value, (list, tuple)) else json.dumps(value)


def _to_text(tree: Any) -> str:
    if isinstance(tree, _Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{_to_text(value)}" for key, value in tree) + "}"
    return "[" + ",".join(map(_to_text, tree)) + "]" if isinstance(tree, list) else tree


def _places(tree: Any) -> Iterator[tuple[list[Any], int]]:
    """Yield each value of a tree as its container and index."""
    if isinstance(tree, _Pairs):
        for pair in tree:
            yield pair, 1
            yield from _places(pair[1])
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield tree, index
            yield from _places(value)


def _containers(tree: Any) -> Iterator[list[Any]]:
    yield from (one for place, index in _places([tree]) if isinstance(one := place[index], list) and one)


@st.composite
def mutated_json(draw: st.DrawFn, valid: Any) -> bytes:
    """Return the text of a JSON value in which up to three places are changed, or whose bytes are damaged."""
    root = [_to_tree(valid)]
    for _ in range(draw(st.integers(0, 3))):
        change = draw(st.sampled_from(["replace", "nest", "drop", "repeat", "add"]))
        containers = list(_containers(root[0]))
        if change in ("replace", "nest") or not containers:
            container, index = draw(st.sampled_from(list(_places(root))))
            container[index] = draw(LEAVES | DEEP) if change == "replace" else [container[index]]
            continue
        container = draw(st.sampled_from(containers))
        index = draw(st.integers(0, len(container) - 1))
        if change == "drop":
            del container[index]
        elif change == "repeat":
            container.append([container[index][0], draw(LEAVES)] if isinstance(container, _Pairs) else container[index])
        else:
            container.append([draw(KEYS), draw(LEAVES)] if isinstance(container, _Pairs) else draw(LEAVES))
    return draw(damaged(_to_text(root[0]).encode()))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Return bytes unchanged, cut off, with a bit flipped, or with bytes inserted that are no UTF-8."""
    place = draw(st.integers(0, max(0, len(data) - 1)))
    match draw(st.sampled_from(["whole", "whole", "whole", "cut", "flip", "insert"])):
        case "cut":
            return data[:place]
        case "flip" if data:
            return data[:place] + bytes([data[place] ^ 1 << draw(st.integers(0, 7))]) + data[place + 1 :]
        case "insert":
            return (
                data[:place]
                + draw(st.sampled_from([b"\xff", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf"]))
                + data[place:]
            )
    return data


@st.composite
def mutated_frame(draw: st.DrawFn, header: dict[str, Any], parts: Sequence[bytes]) -> bytes:
    """Return a frame of ``sandbox.wire``: parts are missing, empty, damaged or many, and lengths may be wrong."""
    kept = [draw(damaged(part)) for part in parts if draw(st.integers(0, 9))]
    kept += draw(st.sampled_from([[], [], [], [b""], [b"x"] * 150]))
    sizes = {"sizes": [len(part) for part in kept]}
    text, body = draw(mutated_json({**header, **sizes})), b"".join(kept)
    wrong = st.sampled_from([0, 0, 0, 0, 1, -1, 2**31])
    lengths = (max(0, len(text) + draw(wrong)) % 2**32, max(0, len(body) + draw(wrong)))
    return struct.pack(">IQ", *lengths) + text + body
