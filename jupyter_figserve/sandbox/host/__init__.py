"""Parent side of the sandbox, in the server's event loop: processes, pool, and checks of what children send."""
