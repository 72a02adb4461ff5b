"""Thumbnails of figures that a JavaScript library draws, without a browser."""
