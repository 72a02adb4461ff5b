"""Tools for AI assistants (Model Context Protocol), over requests of the HTTP API. Server, or a process of its own."""
