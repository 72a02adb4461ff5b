"""Checks of `jupyter figserve doctor`, one module per subject."""
