"""What buttons say for a moment."""

from __future__ import annotations

_KEEP = """() => {
  const later = window.setTimeout;
  window.setTimeout = (work, delay, ...more) => (delay === 1500 ? 0 : later(work, delay, ...more));
}"""


def keep_labels(page) -> None:
    """Keep what a button says for a second and a half, such as "Copied": on a busy machine a test looks later."""
    page.evaluate(_KEEP)
