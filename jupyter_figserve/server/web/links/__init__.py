"""HTTP of links: the API of their owners, and the public pages and images."""
