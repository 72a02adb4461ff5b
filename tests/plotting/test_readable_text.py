from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_figserve.plotting.readable_text import error_line, one_line, plain_text, without_markup


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"$x^2$", "x²"),
        (r"$10^{-3}\,\mathrm{m}$", "10⁻³ m"),
        (r"$\frac{1}{2}$ and $\frac{a+b}{c}$", "1/2 and (a+b)/c"),
        (r"$\sqrt{x}$, $\sqrt[3]{a+b}$", "√x, ∛(a+b)"),
        (r"$^\circ$C, 20$^{\circ}$", "°C, 20°"),
        (r"$\Delta T_{0}$", "ΔT₀"),
        (r"$v_\mathrm{rest}$", "v_rest"),
        (r"$e^{i \pi}$", "e^(i π)"),
        (r"$\sin x$", "sin x"),
        (r"$a \leq b \times c$", "a ≤ b × c"),
        (r"$\mathbf{Sales}$ 2024", "Sales 2024"),
        (r"cost \$5", "cost $5"),
        ("from $5", "from $5"),
        (r"$\unknowncommand$", "unknowncommand"),
        ("plain", "plain"),
        (None, ""),
    ],
)
def test_mathtext_becomes_characters(text, plain):
    """Mathtext reads as it is drawn; one dollar sign alone is no mathtext."""
    assert plain_text(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<b>Sales</b><br>2024", "Sales 2024"),
        ('<span style="color:red">A</span> &amp; B', "A & B"),
        ("a < b > c", "a < b > c"),
        ("H<sub>2</sub>O", "H2O"),
        (r"$$x^2$$, \(\alpha\) and \[\beta\]", "x², α and β"),
        (None, ""),
    ],
)
def test_markup_of_plotly_is_removed(text, plain):
    """Tags that Plotly draws are removed; any other angle bracket stays."""
    assert without_markup(text) == plain


@given(st.text(alphabet=r"$\{}^_ab1-+ " + "\n", max_size=60))
def test_any_text_becomes_one_line(text):
    """No text raises an exception or leaves a line break."""
    assert "\n" not in one_line(plain_text(text), 1000)


def test_one_line_cuts_with_an_ellipsis():
    """Long text is cut to the limit with an ellipsis; values that are not strings become empty."""
    assert one_line("abc def", 5) == "abc…"
    assert one_line(None, 5) == ""


def test_error_is_one_line_with_its_type():
    """Line breaks of the message are spaces, and its end is cut off."""
    assert error_line(ValueError("wrong\n  value")) == "ValueError: wrong value"
    assert error_line(ValueError("x" * 100), 20) == f"ValueError: {'x' * 7}…"
