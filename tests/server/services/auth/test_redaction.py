"""Redaction of exception messages: the failure remains readable, without paths and secrets of the machine."""

from __future__ import annotations

import pytest

from jupyter_figserve.model.keys import new_key
from jupyter_figserve.server.services.auth.redaction import MAX_LENGTH, redact_message

from ....tokens import new_token


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ValueError: since must be before until", "ValueError: since must be before until"),
        ("KeyError: 'Bear'", "KeyError: 'Bear'"),
        ("ValueError: 3 km/h and 1/2 or a / b; 10:30; x.y", "ValueError: 3 km/h and 1/2 or a / b; 10:30; x.y"),
        ("No such file: '/home/ann smith/data 2/secret.csv'", "No such file: '…/secret.csv'"),
        ('File "/opt/app/x.py", line 3', 'File "…/x.py", line 3'),
        ("/srv/data/a.csv is not there", "…/a.csv is not there"),
        ("cannot open (/srv/data/a.csv).", "cannot open (…/a.csv)."),
        ("in /home/ann smith/a.csv", "in …/a.csv"),
        ("in ~/work/a.csv and ~ann/b.csv", "in …/a.csv and …"),
        ("in ../work/a.csv or ./b.csv", "in …/a.csv or …/b.csv"),
        (r"in C:\\Users\\ann\\a.csv", "in …/a.csv"),
        (r"in 'C:\Users\ann smith\a.csv'", "in '…/a.csv'"),
        (r"in \\server\share\a.csv", "in …/a.csv"),
        ("not a directory: '/home/ann'", "not a directory: '…'"),
        ("not a directory: /Users/ann/", "not a directory: …"),
        (r"not a directory: C:\Users\ann", "not a directory: …"),
        ("path=/home/ann/x.csv", "path=…/x.csv"),
        ("401 for https://ann:pw@example.org/data?api_key=abc", "401 for https:…"),
        ("cannot reach postgresql://ann:pw@db/animals", "cannot reach postgresql:…"),
        ("file:///home/ann/a.csv", "file:…"),
        ("password=hunter2, user=3", "password=…, user=3"),
        ("'token': 'abc def'", "'token': …"),
        ("Authorization: Bearer abc", "Authorization: …"),
        ("two\nlines\tof   text", "two lines of text"),
        ("", ""),
    ],
)
def test_remaining_entries(text, left):
    """Text stays; directories, URLs and secrets are removed, and the name of a file is kept."""
    assert redact_message(text) == left


def test_own_secrets_never_get_out():
    """Our keys and tokens are removed anywhere in a text."""
    for secret in (new_token(), new_key()[2], new_key()[1]):
        for text in (f"x {secret} y", f"({secret})", f"a={secret}", f"'{secret}'", f"/f/{secret}.png", secret * 9):
            assert secret not in redact_message(text)


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "/" * 10_000, "~/a " * 3_000, "'/" * 5_000, "a:/" * 5_000, "1a" * 9_000]
)
def test_there_is_a_bound(text):
    """The length of the result and the time are bounded."""
    assert len(redact_message(text)) <= MAX_LENGTH
