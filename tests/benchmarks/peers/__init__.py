"""Alternatives for comparison, each as in its own documentation; each runs in its own process."""
