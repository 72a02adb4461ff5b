"""Consistency of catalog and files: manifests, deletion and its undo, garbage collection."""
