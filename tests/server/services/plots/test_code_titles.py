"""Titles of captured images from the code of their cell."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.plots.code_titles import find_code_title


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ('plt.plot(x)\nplt.title("Bears")\nplt.show()', "Bears"),
        ("ax.set_title('Bears', loc='left')", "Bears"),
        ("fig.suptitle(r'Bears')", "Bears"),
        ("df.plot(title='Bears, 2024', legend=False)", "Bears, 2024"),
        ('ggplot(d) + ggtitle("Bears")', "Bears"),
        ('plot(x, main = "Bears")', "Bears"),
        ('ax.set_title("Bears"); other.set_title("Deer")', ""),
        ('ax.set_title("Bears"); other.set_title("Bears")', "Bears"),
        ('ax.set_title(f"{name}")', ""),
        ('ax.set_title("Bears " + name)', ""),
        ('ax.set_title("%s" % name)', ""),
        (r'ax.set_title("a\nb")', ""),
        ('ax.set_title("$x^2$")', ""),
        ('legend_title="Bears")', ""),
        ("plt.title(name)", ""),
        ('title = "Bears"', ""),
        ("", ""),
        ("title(" * 20_000, ""),
    ],
)
def test_titles_in_code(code, title):
    """A literal that is the only one; a text that is computed is not known."""
    assert find_code_title(code) == title
