"""What visitors and slow clients may use up: connections, streams, memory, and the event loop's time."""
