"""The kernel's connection to its server, over which the server asks for images."""
