"""Publishing, redrawing, archiving and exporting of stored figures."""
