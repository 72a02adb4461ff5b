"""Reasons why a figure is not available in a format, for its owner and for visitors. Server process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ....errors import CodeFailed, DeadlineExceeded, FigServeError, TooLarge
from ....model.figures import FigureRecord, Version
from ....model.formats import FORMATS
from ....model.source_check import ALL_FORMATS, DIFFERENT, SourceCheck, SourceProblem

NO_SANDBOX = SourceProblem(
    "no_sandbox", "This server has no sandbox to render it in; jupyter figserve doctor says what is missing."
)
NO_KERNEL = SourceProblem(
    "no_kernel",
    "This server has no sandbox, and the notebook that made the figure is not running. Run its cell again.",
)
NOTHING_DRAWS = (NO_SANDBOX.code, NO_KERNEL.code)
"""Codes of the problems that are not the source's."""
UNCHECKED = SourceProblem(
    "unchecked", "The server is still testing whether its source can be rendered. Try again soon."
)
FORMAT_MISSING = "format_missing"
"""Code of a problem that is the server's, for all figures."""
_MISSING_MODULE = re.compile(r"No module named '([\w.]{1,100})'")
_NOTEBOOK_CODE = re.compile(r"Can't get attribute '([^']{1,100})' on <module '__main__'")


def find_problem(version: Version, format: str) -> SourceProblem | None:
    """Return why a version cannot be rendered in a format; None when no reason is known."""
    if version.source is None:
        return SourceProblem("not_redrawable", version.source_problem or _explain_missing_source(version))
    if format == "html":
        return SourceProblem("not_redrawable", "A matplotlib figure has no HTML form.")
    return version.check.find_problem(format) if version.check is not None else None


def explain_no_kernel(version: Version) -> SourceProblem:
    """Return why no kernel draws a version: its kernel does not run, or it was published by a program without one."""
    return NO_SANDBOX if version.session is None else NO_KERNEL


def explain_missing_data(record: FigureRecord) -> str | None:
    """Return why a captured figure has no data for the viewers of a link; None where it may have some."""
    version = record.version
    if record.origin != "captured" or version.source is not None or version.find_representation(FORMATS["html"]):
        return None
    return f"Viewers find no data: the figure has none. {_explain_missing_source(version)}"


def without_executor(record: FigureRecord) -> FigureRecord:
    """Return a figure as it is while nothing can open its source."""
    check = SourceCheck("", 0.0, {ALL_FORMATS: explain_no_kernel(record.version)})
    return replace(record, version=replace(record.version, check=check))


def missing_format(name: str, place: str = "this server's sandbox") -> SourceProblem:
    """Return why no figure is available in a format; ``place`` is where figures are drawn."""
    return SourceProblem(
        FORMAT_MISSING,
        f"The Pillow of {place} cannot write {name.upper()}: pip install --upgrade 'pillow>=11.3'",
    )


def describe_problem(error: FigServeError, record: FigureRecord, sandbox: Mapping[str, str]) -> SourceProblem:
    """Return the problem of a source that a failed render reveals.

    Parameters
    ----------
    sandbox
        Versions of the libraries in the sandbox.
    """
    source = record.version.source
    assert source is not None
    cause = error.__cause__
    text = cause.message if isinstance(cause, FigServeError) else error.message
    if isinstance(error, DeadlineExceeded):
        return SourceProblem("too_slow", "Rendering it takes longer than the server allows (FigServe.render_timeout).")
    if isinstance(error, TooLarge):
        return SourceProblem("too_large", text)
    if (missing := _MISSING_MODULE.search(text)) is not None:
        return SourceProblem(
            "module_missing",
            f"It needs the module {missing[1]}, which the server's sandbox does not have: install it in the sandbox's"
            " environment (FigServe.render_python).",
        )
    if (name := _NOTEBOOK_CODE.search(text)) is not None:
        return SourceProblem(
            "notebook_code",
            f"It uses {name[1]}, which is defined in the notebook. Install cloudpickle in the kernel's environment"
            ' (pip install "jupyter_figserve[detach]") and publish it again.',
        )
    theirs, ours = source.libraries.get("matplotlib"), sandbox.get("matplotlib")
    if error.code == DIFFERENT:
        return SourceProblem(DIFFERENT, _explain_difference(theirs, ours))
    if theirs is not None and ours is not None and theirs != ours:
        return SourceProblem(
            "version_mismatch",
            f"It was made by matplotlib {theirs}, and this server's matplotlib {ours} cannot render it"
            " (FigServe.render_python can name the kernel's Python).",
        )
    code = "failed" if isinstance(error, CodeFailed) or error.code != "too_many_pixels" else "too_large"
    return SourceProblem(code, f"Rendering it fails: {text}")


def _explain_difference(theirs: str | None, ours: str | None) -> str:
    if theirs is not None and ours is not None and theirs != ours:
        return (
            f"The server's matplotlib {ours} draws it otherwise than matplotlib {theirs}, which published it"
            " (FigServe.render_python can name the kernel's Python)."
        )
    return (
        "Drawn again, it looks otherwise than published: it depends on the time, on random numbers or on a class or"
        " function that was changed in the notebook. Set such texts and properties on the figure itself, and publish"
        " it again."
    )


def name_stored_formats(record: FigureRecord) -> str:
    return ", ".join(dict.fromkeys(part.format.name for part in record.version.representations))


def _explain_missing_source(version: Version) -> str:
    main = version.representations[0].format
    if main is FORMATS["html"]:
        return "It is interactive HTML, which is stored as it was published."
    if any(part.is_animation for part in version.representations):
        return "It is an animation, which is stored as it was published, in its own size."
    if "plot" in version.provenance:
        return (
            "It is a captured image, not the figure itself. With figserve.publish(fig) in its notebook, it has other"
            " sizes and formats, and its data."
        )
    return "It was published without its source: as an image, or with keep_source=False."
