"""HTTP of live figures: records, images, pages, and the agent's WebSocket."""
