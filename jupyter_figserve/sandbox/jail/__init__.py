"""The layers of the jail, in the order in which a child puts them on; begin with ``jail.Jail.enter``."""
