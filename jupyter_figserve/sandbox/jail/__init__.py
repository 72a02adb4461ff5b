"""The layers of the jail; start reading at ``jail.Jail.enter``, which applies them in order."""
