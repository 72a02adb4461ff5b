"""Blobs, manifests, trash and the render cache on disk."""
