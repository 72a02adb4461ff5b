"""What keeps catalog and files consistent: manifests, deletion and its undo, garbage collection."""
