"""What a kernel and its server agree on: the agent's protocol, and the messages of the control channel. Any process."""

AGENT_PROTOCOL = 1
"""Version of the messages on the agent's WebSocket; a server refuses a kernel with another one."""
MAX_HEAD_BYTES = 4 * 2**20
"""Maximum size of the head of a frame: all of a message but its image or its source."""
REQUEST, REPLY = "figserve_request", "figserve_reply"
"""Types of our messages on the control channel, where a kernel's agent cannot connect."""
INFO_REQUEST, INFO_REPLY = "kernel_info_request", "kernel_info_reply"
"""Types of the messages that every kernel knows. In the reply, a kernel with this package announces the others."""
ANNOUNCEMENT = "figserve"
"""Field of that reply."""
