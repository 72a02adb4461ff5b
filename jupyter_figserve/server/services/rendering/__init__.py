"""Render requests, the render queue and the render cache's front."""
