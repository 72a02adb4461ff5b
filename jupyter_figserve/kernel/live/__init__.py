"""Live figures in the kernel: the decorator, and the functions that the server calls."""
