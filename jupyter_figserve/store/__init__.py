"""Storage of figures, links and keys, in the server process. Start reading at store.py."""
