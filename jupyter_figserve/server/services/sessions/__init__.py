"""Kernels, their directories, captured images, and plots by path."""
