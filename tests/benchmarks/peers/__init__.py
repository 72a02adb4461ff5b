"""What the package is compared with, each as its own documentation writes it; each runs in a process of its own."""
