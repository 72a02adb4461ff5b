"""Render requests, the render queue and the render service with its cache."""
