"""Blobs, manifests and the render cache on disk."""
