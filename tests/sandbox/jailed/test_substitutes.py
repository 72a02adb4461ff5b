"""Substitutes for features that the sandbox lacks: socket pairs for event loops, file modes on copies, stdout."""

from __future__ import annotations

import pytest

from ..harness import LINE, Sandbox


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 'done'\nprint(asyncio.run(f()))",
        "import asyncio\nasync def f():\n    return await asyncio.to_thread(lambda: 'done')\nprint(asyncio.run(f()))",
        "import shutil\nopen('a', 'w').write('done')\nfor copy in (shutil.copy, shutil.copy2): copy('a', 'b')\n"
        "print(open('b').read())",
    ],
)
def test_code_works_with_the_substitutes(full_sandbox: Sandbox, code: str):
    """As outside the sandbox."""
    assert "done" in full_sandbox.render(f"{code}\n{LINE}").output


@pytest.mark.parametrize(
    "code", ["sys.stdout.close()", "sys.stdout = sys.stderr = None", "import io; sys.stdout = io.StringIO()"]
)
def test_a_closed_output_is_not_an_error(sandbox: Sandbox, code: str):
    """The figure is rendered anyway."""
    sandbox.assert_well()
    assert sandbox.render(f"import sys\n{code}\n{LINE}").images[0].data == sandbox.reference


def test_other_sockets_stay_rejected(sandbox: Sandbox):
    """The only pair that works is a pipe."""
    code = "import socket\nfor make in (socket.socket, lambda: socket.socketpair(socket.AF_UNIX)):\n"
    code += "    try:\n        make()\n        print('made')\n    except PermissionError:\n        print('refused')\n"
    assert sandbox.render(code + LINE).output == "refused\nrefused\n"
