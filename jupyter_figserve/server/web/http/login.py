"""The way to the login form and back, for browsers that navigate. Server process."""

from __future__ import annotations

from typing import ClassVar, NoReturn
from urllib.parse import urlencode

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from .address_redaction import redact_credentials

_NAVIGATION_METHODS = ("GET", "HEAD")


class LoginRedirect(web.Finish):
    """Ends a request with a redirect to the login form."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


class LoginMixin(JupyterHandler):
    """Adds the redirect to the login form to a handler."""

    address: str
    """Path and query of the request, which ``request.uri`` has without secrets."""
    is_page: ClassVar[bool] = False
    """Whether it is opened in a browser: errors are pages."""
    is_logging_in = False
    """Whether the response redirects to the login form, which sets a cookie with the state of the login."""

    @property
    def is_navigation(self) -> bool:
        """Whether a person opens this address, rather than a page or a program loading it.

        Source: w3.org/TR/fetch-metadata. Of browsers that do not say so, this is known of pages only.
        """
        headers = self.request.headers
        if self.request.method not in _NAVIGATION_METHODS or "Authorization" in headers:
            return False
        mode = headers.get("Sec-Fetch-Mode", "navigate" if self.is_page else "")
        return mode == "navigate" and "text/html" in headers.get("Accept", "")

    def redirect_to_login(self) -> NoReturn:
        """End the request with a redirect to the login form, which leads back to the address of this request.

        A JupyterHub's login keeps the address on the server, and its URL has a query; Jupyter's own takes it in
        ``next``. The identity provider must have been asked for the user before: a Hub's prepares the handler.
        """
        self.is_logging_in = True
        redacted, self.request.uri = self.request.uri, self.address
        try:
            url = self.get_login_url()
        finally:
            self.request.uri = redacted
        if "?" not in url:
            path, mark, query = self.address.partition("?")
            url += "?" + urlencode({"next": path + mark + redact_credentials(query)})
        raise LoginRedirect(url)
