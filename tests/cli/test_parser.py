"""The command line read: what it understands, what its help says, and that no secret stands on it."""

from __future__ import annotations

import pytest

import jupyter_figserve
from jupyter_figserve import cli
from jupyter_figserve.cli.parser import _TRAIT
from jupyter_figserve.cli.registry import ORDER

KEY = f"fsk_{'a1' * 4}_{'b-_C' * 10}xyz"
TOKEN = "aB3_-" * 6 + "xY"


def ended(capsys, *argv: str) -> tuple[int, str, str]:
    """How a command line ends that is not run: code, output, errors."""
    with pytest.raises(SystemExit) as end:
        cli.parse(argv)
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_help_lists_every_command(capsys):
    """Each with an example; the exit codes and how a server is found are explained."""
    code, said, _ = ended(capsys, "--help")
    assert code == cli.OK
    assert set(ORDER) == set(cli.COMMANDS)
    for name in cli.COMMANDS:
        assert f"\n    {name.partition(' ')[0]} " in said
        assert f"\n  jupyter figserve {name}" in said
    for word in ("exit codes:", "which server:", "FIGSERVE_URL", "FIGSERVE_API_KEY", "--key-file"):
        assert word in said


@pytest.mark.parametrize("name", ORDER)
def test_help_of_a_command(name, capsys):
    """Says what it does, its options, and examples that its own parser understands."""
    code, said, _ = ended(capsys, *name.split(), "--help")
    assert code == cli.OK
    assert cli.COMMANDS[name].summary in " ".join(said.split())
    assert cli.COMMANDS[name].examples
    for example in cli.COMMANDS[name].examples:
        assert f"\n  {example}\n" in said


def test_help_of_a_group(capsys):
    """Its commands, with an example of each; without a command it is the group's help, and 2."""
    code, said, _ = ended(capsys, "keys", "--help")
    assert code == cli.OK
    assert "jupyter figserve keys revoke" in said
    code, _, said = ended(capsys, "keys")
    assert code == cli.USAGE
    assert "jupyter figserve keys create" in said


def test_version(capsys):
    """The package's, alone on its line."""
    assert ended(capsys, "--version") == (cli.OK, f"{jupyter_figserve.__version__}\n", "")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["plot"],
        ["gc", "--no-such-option"],
        ["gc", "--FigServe.owner=ana"],
        ["serve", "--port", "many"],
        ["serve", "--por", "8765"],
        ["serve", "--FigServe.owner", "ana"],
        ["serve", "stray"],
        ["publish"],
        ["publish", "a.png", "b.png", "--name", "x"],
        ["publish", "-"],
        ["publish", "-rf"],
        ["list", "--limit", "0"],
        ["list", "--limit", "1001"],
        ["show"],
        ["link", "sales", "--list", "--label", "x"],
        ["revoke", "lnk1", "--figure", "sales"],
        ["keys", "create", "--scopes", "all"],
        ["keys", "create", "--json", "--to-file", "x"],
        ["keys", "revoke"],
        ["keys", "revoke", "abcd1234", "--label", "x"],
        ["keys", "revoke", "../x"],
        ["export"],
        ["export", "--all", "--notebook", "a.ipynb"],
        ["doctor", "stray"],
    ],
)
def test_what_is_not_understood_exits_2(argv, capsys):
    """With the usage on standard error, and where to read more: no command, an unknown one, options that clash."""
    code, out, err = ended(capsys, *argv)
    assert (code, out) == (cli.USAGE, "")
    assert "usage: jupyter figserve" in err


@pytest.mark.parametrize(
    "argv",
    [
        ["publish", KEY],
        ["list", "--key", KEY],
        [f"--key={KEY}", "list"],
        ["keys", "revoke", KEY],
        ["show", f"https://plots.example.org/figserve/f/{TOKEN}"],
        ["revoke", f"http://localhost:8888/figserve/f/{TOKEN}.png"],
        ["link", f"f/{TOKEN}"],
        ["list", "--server", f"http://localhost:8888/lab?token={TOKEN}"],
        ["serve", "--IdentityProvider.token=hunter2"],
        ["serve", "--ServerApp.password=hunter2"],
        ["publish", "plot.png", "--title", f"see {KEY}"],
    ],
)
def test_secrets_are_refused_in_arguments(argv, capsys):
    """C1: ps shows arguments to everybody; the refusal says where the secret belongs, and does not repeat it."""
    code, out, err = ended(capsys, *argv)
    assert (code, out) == (cli.USAGE, "")
    assert "other users of this machine can read" in err
    for secret in (KEY, KEY[-20:], TOKEN, "hunter2"):
        assert secret not in err


@pytest.mark.parametrize(
    "argv",
    [
        ["publish", "fsk_notes.png"],
        ["publish", "f/0123456789abcdef0123456789abcdef0.png"],
        ["show", "token=none"],
        ["serve", "--ServerApp.allow_root=True"],
        ["show", "http://localhost/figserve/figures/AbCd1234AbCd1234"],
    ],
)
def test_what_only_resembles_a_secret_is_not(argv):
    """Names of files and figures are free."""
    assert cli.parse(argv)[0].name == argv[0]


def test_names_that_look_like_options_stand_behind_two_dashes(capsys):
    """C2: there they are what they are; the error says so."""
    _, options = cli.parse(["publish", "--", "-rf", "--help"])
    assert [str(path) for path in options.files] == ["-rf", "--help"]
    assert "goes behind --" in ended(capsys, "publish", "x.png", "-rf")[2]


def test_a_newline_in_an_argument_breaks_no_line(capsys):
    """C2: what is repeated of the command line is on one line and without escapes."""
    _, _, err = ended(capsys, "gc", "\x1b[31m\nroot: all is lost")
    assert "\x1b" not in err
    assert not [line for line in err.splitlines() if line.startswith("root:")]


def test_traits_pass_only_where_a_server_starts():
    """As they were written, value and all."""
    chosen, options = cli.parse(["serve", "--FigServe.public_url=https://a.example/x y"])
    assert chosen.name == "serve"
    assert options.traits == ["--FigServe.public_url=https://a.example/x y"]
    assert _TRAIT.fullmatch("--ServerApp.port=0")
