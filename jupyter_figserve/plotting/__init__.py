"""From a plotting object to bytes, and a function run in isolation. Kernel and sandbox child."""
