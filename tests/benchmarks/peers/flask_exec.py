"""Flask that runs posted code in its own process, without a sandbox: the baseline for rendering speed."""

from __future__ import annotations

import io

from flask import Flask, Response, request


def make_app() -> Flask:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    app = Flask(__name__)

    @app.get("/picture.png")
    def ready() -> Response:
        return Response("POST code here")

    @app.post("/picture.png")
    def render() -> Response:
        buffer = io.BytesIO()
        try:
            exec(compile(request.get_data(), "<posted>", "exec"), {"__name__": "__main__"})
            pyplot.gcf().savefig(buffer, format="png")
        finally:
            pyplot.close("all")
        return Response(buffer.getvalue(), mimetype="image/png")

    return app
