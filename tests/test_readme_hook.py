"""The README as a package index shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .ci_programs import load

pytest.importorskip("hatchling", reason='hatchling is missing: pip install -e ".[dev]"')

CHECKOUT = Path(__file__).resolve().parent.parent
PAGE = "https://git.example.org/figserve/jupyter_figserve"

readme_hook = load("readme_hook")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see [it](deploy/nginx.conf)", f"see [it]({PAGE}/blob/v0.2.0/deploy/nginx.conf)"),
        ("![A page](notebooks/images/a.png)", f"![A page]({PAGE}/raw/v0.2.0/notebooks/images/a.png)"),
        ("[in](#here) [out](https://example.org)", "[in](#here) [out](https://example.org)"),
        (
            "```python\nf = {}['a'](x)\n```\n[it](a.md)",
            f"```python\nf = {{}}['a'](x)\n```\n[it]({PAGE}/blob/v0.2.0/a.md)",
        ),
    ],
    ids=["file", "image", "others", "code"],
)
def test_relative_links_lead_to_the_projects_page(text, expected):
    """Files are shown by the page, images are their bytes, both of this version; code stays as it is."""
    assert readme_hook.to_absolute(text, PAGE, "v0.2.0") == expected


def test_the_readme_has_no_relative_link_left():
    """Whatever the README has, and nothing else of it changes."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    written = readme_hook.to_absolute(text, PAGE, "v0.2.0")
    assert re.findall(r"\]\((?!https?:|#)([^)]*)\)", written) == []
    assert written.count(f"{PAGE}/raw/v0.2.0/notebooks/images/") == text.count("](notebooks/images/") > 0
    assert re.sub(rf"{PAGE}/(raw|blob)/v0\.2\.0/", "", written) == text


def test_the_description_is_the_readme():
    """With the address of the project where it is known; a build of a checkout without one has the README as it is."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    metadata = {"version": "0.2.0", "urls": {"Source": PAGE}}
    hook = readme_hook.ReadmeHook(str(CHECKOUT), {})
    hook.update(metadata)
    assert metadata["readme"]["text"] == readme_hook.to_absolute(text, PAGE, "v0.2.0")
    metadata = {"version": "0.2.0"}
    hook.update(metadata)
    assert metadata["readme"] == {"content-type": "text/markdown", "text": text}
