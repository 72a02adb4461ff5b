"""Encoding of plotting objects, and isolated calls of functions. Kernel and sandbox child."""
