"""Figures that a JavaScript library draws: Plotly, Vega, Vega-Lite and Bokeh."""
