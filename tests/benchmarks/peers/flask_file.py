"""Flask that sends one file."""

from __future__ import annotations

from flask import Flask, Response, send_file


def make_app(path: str) -> Flask:
    app = Flask(__name__)

    @app.get("/picture.png")
    def send_image() -> Response:
        return send_file(path)

    return app
