"""Dashboards in the notebook: layout, widget and static HTML. Kernel."""
