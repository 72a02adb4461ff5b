"""Publishing figures, and what the notebook gets back. Kernel."""
