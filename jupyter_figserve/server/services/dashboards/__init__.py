"""Dashboards resolved to what they show, and their watchers."""
