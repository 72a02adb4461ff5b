"""Shared by all handlers: base classes, conditional requests, negotiation, templates, JSON views."""
