"""The Model Context Protocol over HTTP. Server process."""
