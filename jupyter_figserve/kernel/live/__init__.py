"""Live figures in the kernel: the decorator, the agent and the worker thread."""
