"""Text that is drawn faster, because what earlier texts needed is remembered. Kernel and jailed child."""
