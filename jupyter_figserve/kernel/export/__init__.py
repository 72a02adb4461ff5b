"""Saving a dashboard as one HTML, PDF or ZIP file. Kernel."""
