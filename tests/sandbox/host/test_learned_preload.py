"""The sandbox imports ahead what jobs have imported, within a fixed table and a limit of memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from jupyter_figserve.model.rendering import RenderJob
from jupyter_figserve.sandbox.host.learned_preload import LIBRARIES, LearnedPreload

from ...conftest import require_package
from ..harness import LINE, Sandbox

QUICK = "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1))\n"
LOADED = "import sys\nprint('pandas' in sys.modules)\n" + QUICK


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import pandas as pd", ("pandas",)),
        ("import numpy as np, pandas as pd, seaborn", ("pandas", "seaborn")),
        ("if x:\n    from scipy.stats import norm", ("scipy",)),
        (">>> import altair", ("altair",)),
        ("print('import pandas')\n# pandas\npandasql = 1\nimport pandasql", ()),
        ("import numpy, os, subprocess, evil", ()),
    ],
)
def test_imports_of_known_libraries(code: str, names: tuple[str, ...]):
    """Those that the code imports, and no others."""
    assert LearnedPreload().find_new("code", code.encode()) == names


def test_what_is_loaded_or_refused_is_not_new():
    """So that it is tried once; a pickled figure teaches nothing, a function mentions its modules."""
    learned = LearnedPreload()
    learned.add(("pandas",))
    learned.refuse("scipy")
    assert learned.find_new("code", b"import pandas, scipy, plotly") == ("plotly",)
    assert learned.modules_with(["plotly"]) == LIBRARIES["pandas"] + LIBRARIES["plotly"]
    assert LearnedPreload().find_new("function", b"\x80\x8c\x06pandas\x94") == ("pandas",)
    assert LearnedPreload().find_new("figure", b"\x8c\x06pandas") == ()


@pytest.fixture(scope="module")
def learning() -> Iterator[Sandbox]:
    made = Sandbox("FULL", learned_bytes=2**30)
    made.assert_well()
    yield made
    made.close()


def wait(sandbox: Sandbox) -> None:
    """Wait until the sandbox has learned."""

    async def learned() -> None:
        if sandbox.renderer._learning is not None:
            await asyncio.wait([sandbox.renderer._learning])

    sandbox.run(learned())


def test_a_library_is_ready_for_the_next_job(learning: Sandbox):
    """The status stays the same, images do too, and the old processes end."""
    require_package("pandas")
    status = learning.renderer.status
    assert learning.render("import pandas\n" + LOADED, timeout=50).output == "True\n"
    wait(learning)
    assert learning.render(LOADED).output == "True\n"
    assert learning.renderer.status == status
    learning.assert_well()
    learning.zygote()


def test_a_running_job_survives_the_change(learning: Sandbox):
    """It ends in its old process, while later jobs run in the new one."""

    async def scene() -> list[object]:
        renderer = learning.renderer
        slow = asyncio.create_task(renderer.render(RenderJob("code", ("import time\ntime.sleep(2)\n" + LINE).encode())))
        while not renderer._running:
            await asyncio.sleep(0)
        return await asyncio.gather(slow, renderer._supervisor.replace((), 2**30))

    result, is_replaced = learning.run(scene())
    assert is_replaced is True
    assert result.images[0].data == learning.reference


def test_beyond_the_memory_everything_stays_as_it_is():
    """The job is answered; the library is not loaded ahead, and not tried again."""
    require_package("pandas")
    sandbox = Sandbox("FULL", learned_bytes=1, warm=0)
    try:
        zygote, code = sandbox.renderer._supervisor.zygote, "import pandas\n" + QUICK
        assert sandbox.render(code, timeout=50).images
        wait(sandbox)
        assert sandbox.render(LOADED).output == "False\n"
        assert sandbox.renderer._supervisor.zygote is zygote
        assert sandbox.renderer._learned.find_new("code", code.encode()) == ()
    finally:
        sandbox.close()
