"""Secrets in the code of a cell: what is hidden, and what stays readable."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.auth.code_redaction import redact_code

SECRET = "Zx81qPl0aLm"
HIDDEN = [
    'password = "Zx81qPl0aLm"', "api_key: str = 'Zx81qPl0aLm'", 'os.environ["API_KEY"] = "Zx81qPl0aLm"',
    'headers = {"Authorization": "Bearer Zx81qPl0aLm"}', 'connect(user="ada", password="Zx81qPl0aLm")',
    'engine = create_engine("postgresql://ada:Zx81qPl0aLm@db/x")', 'get("https://x.org/a?token=Zx81qPl0aLm&b=1")',
    "%env API_TOKEN=Zx81qPl0aLm", '!curl -H "Authorization: Bearer Zx81qPl0aLm" https://x.org',
    "! export TOKEN=Zx81qPl0aLm",
    'os.getenv("DB_PASSWORD", "Zx81qPl0aLm")', 'PASSWORD = """Zx81qPl0aLm\nZx81qPl0aLm"""', 'secret = "Zx81qPl0aLm',
    'key = "sk-Zx81qPl0aLmZx81qPl0aLm"', "x = 'ghp_Zx81qPl0aLmZx81qPl0aLm'", 'x = "Zx81qPl0aLmZx81qPl0aLmZx"',
    "fsk_Zx81qPl0aLm_Zx81qPl0aLm", 'x = "-----BEGIN RSA PRIVATE KEY-----\nZx81qPl0aLm\n-----END RSA PRIVATE KEY-----"',
    "token = rb'Zx81qPl0aLm'", "db_passwd='Zx81qPl0aLm'", 'auth = ("Zx81qPl0aLm")',
    "figserve.connect(url, key='fsk_Zx81qPl0aLm')",
]  # fmt: skip
KEPT = [
    "token = read_token()", "tokens = text.split()", 'df["sales"].plot(label="Deer")',
    "ax.set_title('Authors by year')",
    'pd.read_csv("https://example.org/data/measurements_2024_final_version.csv")',
    "for key in keys: print(key)",
    "colors = ['#ff8800', '#00ff88']",
    "import numpy as np\n\nx = np.linspace(0, 10, 200)  # a comment, with 'quotes'",
]  # fmt: skip


@pytest.mark.parametrize("code", HIDDEN)
def test_secrets_are_hidden(code):
    """Nothing of the secret remains, and every line is where it was."""
    redacted = redact_code(code)
    assert SECRET not in redacted
    assert redacted.count("\n") == code.count("\n")


@pytest.mark.parametrize("code", KEPT)
def test_code_stays(code):
    """What is no secret is unchanged."""
    assert redact_code(code) == code


def test_home_directories_are_shortened():
    """The name of a user is no part of what others read."""
    code = 'read("/home/ada/data.csv"); read("C:\\\\Users\\\\ada\\\\x.csv"); read("/Users/ada/y.csv")'
    assert "ada" not in redact_code(code)
    assert "data.csv" in redact_code(code)


def test_a_key_that_was_cut_is_hidden_to_its_end():
    """Code is cut before it is redacted."""
    assert redact_code("a = 1\n-----BEGIN PRIVATE KEY-----\nMIIB") == "a = 1\n…\n"
