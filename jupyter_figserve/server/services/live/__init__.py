"""Live figures: registry, backends to kernels, call queue and image cache."""
