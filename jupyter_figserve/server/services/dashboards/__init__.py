"""Dashboards: their panels resolved, and the streams that watch them."""
