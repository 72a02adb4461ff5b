"""Let the processes that tests start run without the garbage collections of their start and end: a third of their time.

Python loads this in each process whose PYTHONPATH has this directory (see ``pytest_configure``). What is imported is no
garbage, and the system frees what a process leaves; from the first collection on, the others come as usual.
"""

import atexit
import gc

_USUAL = gc.get_threshold()
_OBJECTS_OF_A_START = 200_000


def _restore(phase, details):
    gc.callbacks.remove(_restore)
    gc.set_threshold(*_USUAL)


gc.callbacks.append(_restore)
gc.set_threshold(_OBJECTS_OF_A_START, *_USUAL[1:])
atexit.register(gc.freeze)
