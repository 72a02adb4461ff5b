"""Redaction of exception messages: the failure remains readable, without paths and secrets of the machine."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
        ("in ~/data/a.csv and ~ann/b.csv", "in …/a.csv and …"),
        ("in ../data/a.csv or ./b.csv", "in …/a.csv or …/b.csv"),
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
        ("Authorization: Basic YWRhOnNlY3JldA==", "Authorization: …"),
        ("Proxy-Authorization: Digest abc", "Proxy-Authorization: …"),
        ("connection to 10.1.2.3:5432 refused", "connection to … refused"),
        ("connect to server at 'db.internal' (10.1.2.3), port 5432", "connect to server at '…' (…), port 5432"),
        ("no answer from db.example:5432", "no answer from …"),
        ("no answer from [fe80::1%eth0]:80 or ::1 or 1:2:3:4:5:6:7:8", "no answer from … or … or …"),
        ("ssh ann@db, mail ann@corp.example.com", "ssh …, mail …"),
        (
            "at 10:30:00, in plot.py:12, data.csv:7, a.xlsx:3, pandas 2.3.1",
            "at 10:30:00, in plot.py:12, data.csv:7, a.xlsx:3, pandas 2.3.1",
        ),
        ("'token': 'abc def'", "'token': …"),
        ("Authorization: Bearer abc", "Authorization: …"),
        ("401 for https://ann:pw@example.org", "401 for https:…"),
        ('No such file: "/home/ada/Ada\'s clients/secret.csv"', 'No such file: "…/secret.csv"'),
        ("No such file: '/home/ada/Ada's clients/secret.csv' at 3", "No such file: '…/secret.csv' at 3"),
        ("cannot open '/srv/my clients/secret.csv", "cannot open '…/secret.csv"),
        ('cannot open "clients/my acme/contract.csv', 'cannot open "…/contract.csv'),
        ("No such file: 'clients/acme/contract.csv'", "No such file: '…/contract.csv'"),
        ("No such directory: 'clients/acme'", "No such directory: '…/acme'"),
        ("in clients/acme/contract.csv, line 3", "in …/contract.csv, line 3"),
        ("in clients/contract.csv", "in …/contract.csv"),
        (r"in clients\\acme\\contract.csv", "in …/contract.csv"),
        ("is not a directory: clients/acme/", "is not a directory: …/acme"),
        ("on 2024/01/02, m/s/K, and/or, Input/output error", "on 2024/01/02, m/s/K, and/or, Input/output error"),
        ("cannot reach ada:secret@db.internal:5432/prod", "cannot reach …"),
        ("cannot reach (ada:se:c/r@et@db:5432).", "cannot reach (…)."),
        ("dsn='ada:secret@db'", "dsn='…'"),
        ("password='it's hidden' and 3", "password=… and 3"),
        ('token="abc def', "token=…"),
        ("two\nlines\tof   text", "two lines of text"),
        ("", ""),
    ],
)
def test_remaining_entries(text, left):
    """Text stays; directories, URLs and secrets are removed, and the name of a file is kept."""
    assert redact_message(text) == left


_WORD = st.text("zqxj", min_size=4, max_size=8)
"""Letters that the messages around do not have."""
_QUOTE_FREE = st.builds(
    lambda start, middle, end: start + middle + end, _WORD, st.sampled_from(["", "'s ", " ", "-"]), _WORD
)


@given(
    st.sampled_from(["/", "/home/", "~/", "./", "../", "C:\\", "C:\\Users\\", ""]),
    st.lists(_QUOTE_FREE, min_size=1, max_size=4),
    st.sampled_from(["/", "\\", "\\\\"]),
    st.sampled_from(['"{}"', "'{}'", "`{}`", '"{}', "'{}"]),
    st.sampled_from(["[Errno 2] No such file or directory: {}", "open({}) failed at line 3", "{} is not there"]),
)
def test_kind_C10_no_directory_in_quotes_gets_out(start, directories, separator, quotes, message):
    """Absolute or relative, with spaces and apostrophes, closed or cut, of any system."""
    path = start + separator.join([*directories, "a.csv"])
    left = redact_message(message.format(quotes.format(path)))
    for word in {part for name in directories for part in re.findall("[zqxj]{4,}", name)}:
        assert word not in left


@given(
    st.sampled_from(["", "redis ", "jdbc:oracle:thin:", "amqp://", "db="]),
    _WORD,
    st.text("zqxj:/@!%", min_size=1, max_size=9).map(lambda middle: f"zqxj{middle}jxqz"),
    st.sampled_from(["db.internal:5432/prod", "localhost", "10.0.0.1"]),
)
@example("", "jjjj", "zqxj://jxqz", "localhost")
@example("amqp://", "jjjj", "zqxj://jxqz", "localhost")
def test_kind_C10_no_credentials_get_out(scheme, user, password, host):
    """Of any scheme or none."""
    left = redact_message(f"cannot reach {scheme}{user}:{password}@{host}, try again")
    assert user not in left
    assert "zqxj" not in left
    assert "jxqz" not in left
    assert host not in left
    assert left.startswith("cannot reach")


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
