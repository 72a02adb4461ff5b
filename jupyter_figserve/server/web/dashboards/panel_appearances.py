"""What the live panels of a dashboard show with the values of a query. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from ....errors import FigServeError
from ....model.live import LiveRequest
from ...services.dashboards.resolver import ResolvedPanel
from ...services.live.appearance import find_appearance
from ...services.live.forms import LiveForms
from ..live.request import DRAW_PARAMETER
from .control_state import ControlState

PanelCall = Callable[[ResolvedPanel, LiveRequest], Awaitable[object]]
"""Makes the call of a live panel for a request."""


async def with_appearances(forms: LiveForms, state: ControlState, call: PanelCall | None) -> ControlState:
    """Return the state with what each live panel shows; the resolved dashboard knows that of the defaults only.

    Parameters
    ----------
    call
        Calls a panel's function when the query asks the page to; None where the caller may not.
    """
    if DRAW_PARAMETER not in state.query:
        call = None
    # One after the other: a visitor's calls have few places in a kernel's queue.
    panels = {panel.name: await _with_appearance(forms, state, panel, call) for panel in state.dashboard.panels}
    rows = tuple(tuple(panels[panel.name] for panel in row) for row in state.dashboard.rows)
    return replace(state, dashboard=replace(state.dashboard, rows=rows))


async def _with_appearance(
    forms: LiveForms, state: ControlState, panel: ResolvedPanel, call: PanelCall | None
) -> ResolvedPanel:
    target, format = panel.target, panel.spec.format
    if target is None:
        return panel
    try:
        request = LiveRequest(state.values(panel))
        is_default = request.arguments == panel.complete({})
    except FigServeError:
        # The page shows the message.
        return panel
    if is_default and call is None:
        return panel
    make_call = None if call is None else partial(call, panel)
    return replace(panel, appearance=await find_appearance(forms, target, request, format, make_call))
