"""Traits of the time and the memory that slow clients get. Server process."""

from __future__ import annotations

from traitlets import Float as FloatTrait
from traitlets import Integer
from traitlets.config import Configurable


class TrafficConfig(Configurable):
    """Settings that keep slow clients from using up connections and memory."""

    header_timeout = FloatTrait(
        120.0,
        min=0,
        help="Seconds within which the head of a request must have arrived, and for which an idle connection is kept,"
        " on the whole Jupyter server. 0 leaves tornado's hour.",
    ).tag(config=True)
    body_timeout = FloatTrait(60.0, min=0.1, help="Seconds within which the body of a request must have arrived.").tag(
        config=True
    )
    send_timeout = FloatTrait(
        30.0,
        min=0.1,
        help="Seconds within which a client must read the next 256 KB of a response; then its connection is closed.",
    ).tag(config=True)
    link_streams = Integer(
        1_000,
        min=0,
        help="Maximum number of event streams that pages opened by links hold at a time, all together; further pages do"
        " not update themselves (status 503).",
    ).tag(config=True)
    send_bytes = Integer(
        256 * 2**20,
        min=1,
        help="Maximum size of all responses in memory that clients have not read yet, in bytes. Beyond it, the client"
        " with the most of them loses one, or a further response gets the status 503. Stored images above an eighth of"
        " cache_bytes are read from disk piece by piece and hardly count.",
    ).tag(config=True)
