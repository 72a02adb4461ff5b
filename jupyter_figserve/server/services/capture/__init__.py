"""The figures that kernels display, recorded into a ring buffer for each session."""
