"""Where figures, links and keys are kept; runs in the server process. Start reading at store.py."""
