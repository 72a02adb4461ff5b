"""The command line: parsing, help, and rejection of secrets."""

from __future__ import annotations

import pytest

import jupyter_figserve
from jupyter_figserve import cli
from jupyter_figserve.cli.parser import _TRAIT
from jupyter_figserve.cli.registry import ORDER

KEY = f"fsk_{'a1' * 4}_{'b-_C' * 10}xyz"
TOKEN = "aB3_-" * 6 + "xY"


def ended(capsys, *argv: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a command line that does not run."""
    with pytest.raises(SystemExit) as end:
        cli.parse(argv)
    output = capsys.readouterr()
    return int(end.value.code or 0), output.out, output.err


def test_help_lists_every_command(capsys):
    """Each command has an example; exit codes and server selection are explained."""
    code, output, _ = ended(capsys, "--help")
    assert code == cli.OK
    assert set(ORDER) == set(cli.COMMANDS)
    for name in cli.COMMANDS:
        assert f"\n    {name.partition(' ')[0]} " in output
        assert f"\n  jupyter figserve {name}" in output
    for word in ("exit codes:", "server:", "FIGSERVE_URL", "FIGSERVE_API_KEY", "--key-file"):
        assert word in output


@pytest.mark.parametrize("name", ORDER)
def test_help_of_a_command(name, capsys):
    """The help has a summary, options, and examples that the parser accepts."""
    code, output, _ = ended(capsys, *name.split(), "--help")
    assert code == cli.OK
    assert cli.COMMANDS[name].summary in " ".join(output.split())
    assert cli.COMMANDS[name].examples
    for example in cli.COMMANDS[name].examples:
        assert f"\n  {example}\n" in output


def test_help_of_a_group(capsys):
    """A group lists its commands with examples; without a command, it prints its help and exits with 2."""
    code, output, _ = ended(capsys, "keys", "--help")
    assert code == cli.OK
    assert "jupyter figserve keys revoke" in output
    code, _, output = ended(capsys, "keys")
    assert code == cli.USAGE
    assert "jupyter figserve keys create" in output


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["lst"], "jupyter figserve: Unknown command 'lst'. Did you mean list?\n"),
        (["keys", "crate"], "jupyter figserve keys: Unknown command 'crate'. Did you mean create?\n"),
        (["zzz"], "jupyter figserve: Unknown command 'zzz'.\n"),
    ],
)
def test_a_word_that_is_no_command(argv, message, capsys):
    """The message names the closest command, if there is one, instead of all."""
    code, _, errors = ended(capsys, *argv)
    assert code == cli.USAGE
    assert message in errors
    assert "choose from" not in errors


def test_version(capsys):
    """The package's version is printed alone."""
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
        ["worker", "--slots", "0"],
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
def test_invalid_command_lines_exit_with_2(argv, capsys):
    """The usage is on standard error: no command, an unknown one, and conflicting options."""
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
def test_C1_secrets_are_rejected_in_arguments(argv, capsys):
    """Arguments are visible to other users; the message says where to put the secret, and does not repeat it."""
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
def test_arguments_that_resemble_secrets_are_accepted(argv):
    """Names of files and figures are not mistaken for secrets."""
    assert cli.parse(argv)[0].name == argv[0]


def test_C2_file_names_that_look_like_options_follow_two_dashes(capsys):
    """After --, they are file names; the error says so."""
    _, options = cli.parse(["publish", "--", "-rf", "--help"])
    assert [str(path) for path in options.files] == ["-rf", "--help"]
    assert "Put -- before file names" in ended(capsys, "publish", "x.png", "-rf")[2]


def test_an_unknown_option_suggests_the_closest(capsys):
    """The message has the option without its value."""
    assert "Unknown option --serch. Did you mean --search?" in ended(capsys, "list", "--serch=sales")[2]
    assert "Unknown option --colour.\n" in ended(capsys, "list", "--colour")[2]


def test_C2_newlines_in_arguments_are_removed_from_messages(capsys):
    """Repeated arguments are on one line, without escape sequences."""
    _, _, err = ended(capsys, "gc", "\x1b[31m\nroot: all is lost")
    assert "\x1b" not in err
    assert not [line for line in err.splitlines() if line.startswith("root:")]


def test_traits_are_accepted_only_by_serve():
    """Settings are passed on unchanged."""
    chosen, options = cli.parse(["serve", "--FigServe.public_url=https://a.example/x y"])
    assert chosen.name == "serve"
    assert options.traits == ["--FigServe.public_url=https://a.example/x y"]
    assert _TRAIT.fullmatch("--ServerApp.port=0")
