"""The running cell: its name, what it drew and showed, and when it ends. Kernel."""
