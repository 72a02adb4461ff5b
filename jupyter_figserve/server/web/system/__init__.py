"""HTTP of the server itself: status, diagnosis, OpenAPI document and events."""
