"""Frozen values of the domain, in every process; the standard library only."""
