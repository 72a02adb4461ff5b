"""Checks of one server over HTTP: reachability, clock, key, POST requests, its own diagnosis. Any process."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ...errors import FigServeError, Forbidden, InvalidInput, NotConnected, NotFound, ServerError, Unauthorized
from .directory import assess_directory
from .result import Result, note, ok, wrong

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_MAX_SKEW_SECONDS = 30
_SET_CLOCK = "sudo timedatectl set-ntp true"

_REDRAWS = {
    "kernel": "The running kernels of figures draw them in other sizes and formats.",
    "none": "Figures have only the sizes and formats that are stored (FigServe.kernel_redraws is off).",
}
"""What a server without a sandbox says about redraws."""


class Examination:
    """The checks of one server; keeps its status and diagnosis, to compare servers.

    Parameters
    ----------
    ca_file
        Also trusted for ``public_url``.
    """

    def __init__(self, client: FigServeClient, ca_file: str | None = None) -> None:
        self.client = client
        self.url = client.address.url
        self.status: dict[str, Any] | None = None
        self.diagnosis: dict[str, Any] | None = None
        self._ca_file = ca_file

    def results(self) -> Iterator[Result]:
        """Yield the results, until a check fails that the others need."""
        yield from self.reach()
        if self.status is None:
            return
        credential = self._check_credential()
        yield credential
        if credential.state == "wrong":
            return
        yield self._check_post()
        yield from self._ask_diagnosis()
        yield self._check_sandbox()

    def reach(self) -> list[Result]:
        """Ask for the status, and return whether the server answers, its version and its clock."""
        from ...kernel.client.responses import parse_json

        try:
            with self.client.stream("GET", "api/status") as response:
                date, body = response.getheader("Date"), response.read()
            status = parse_json(body)
            if not isinstance(status, dict) or "version" not in status:
                raise ServerError(f"{self.url} is not a jupyter_figserve server.", code="not_figserve")
        except FigServeError as error:
            return [self._unreachable(error)]
        self.status = status
        return [self._check_version(str(status["version"])), *self._check_clock(date)]

    def _unreachable(self, error: FigServeError) -> Result:
        if error.code == "certificate":
            return wrong("certificate", self.url, str(error), "--ca-file FILE, with its authority's certificate")
        if isinstance(error, NotConnected):
            mend = "start the server, or use another with --server URL"
            return wrong("reach", self.url, f"{error} Proxy settings of the environment are ignored.", mend)
        if isinstance(error, Unauthorized):
            mend = "configure the proxy to pass /figserve without its own login, or use the URL of the server behind it"
            return wrong("reach", self.url, str(error), mend)
        if isinstance(error, Forbidden):
            host = self.client.address.host
            mend = (
                f'c.FigServe.public_url = "{self.client.address.origin}"  # or c.ServerApp.local_hostnames = ["{host}"]'
            )
            return wrong("host_name", self.url, str(error), mend)
        if error.code == "not_started":
            mend = "see that server's log, which names the setting or the directory, and restart it"
            return wrong("extension", self.url, str(error), mend)
        if error.code == "not_figserve":
            return wrong(
                "extension", self.url, str(error), "pip install jupyter_figserve  # there, and restart the server"
            )
        return wrong("reach", self.url, str(error), "see the server's log, or use another with --server URL")

    def _check_version(self, version: str) -> Result:
        from ... import __version__

        if version != __version__:
            return note("server", self.url, f"It runs jupyter_figserve {version}; this is {__version__}.")
        return ok("server", self.url, f"It runs jupyter_figserve {version}.")

    def _check_clock(self, date: str | None) -> list[Result]:
        try:
            skew = parsedate_to_datetime(date or "").timestamp() - time.time()
        except (ValueError, TypeError):
            return []
        if abs(skew) <= _MAX_SKEW_SECONDS:
            return [ok("clock", self.url, "Its clock agrees with this machine's.")]
        offset = f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'}"
        says = f"Its clock is {offset} this machine's, so links and keys expire too {'early' if skew > 0 else 'late'}."
        return [wrong("clock", self.url, says, f"{_SET_CLOCK}  # on the machine whose clock is wrong")]

    def _check_credential(self) -> Result:
        if not self.client.has_credential:
            says = "No key was given, and no login was found."
            return wrong(
                "key", self.url, says, "export FIGSERVE_API_KEY=...  # create one: jupyter figserve keys create"
            )
        try:
            self.client.get("api/figures", limit=1)
        except Unauthorized as error:
            return self._rejection(error)
        except Forbidden as error:
            if error.code == "scope_missing":
                return note("key", self.url, "The key is valid, but `list` and `show` require the scope read.")
            return wrong("key", self.url, str(error), "jupyter figserve keys create  # on the server's machine")
        except FigServeError as error:
            return wrong("key", self.url, str(error), "try again later, or see the server's log")
        return ok("key", self.url, "The key is valid." if self.client.has_key else "The login is valid.")

    def _rejection(self, error: Unauthorized) -> Result:
        if not self.client.has_key:
            says = "It rejects the login token, which is from another server or from before its restart."
            return wrong("key", self.url, says, "jupyter server list  # shows the tokens of your servers")
        if error.code == "bad_key":
            says = "It rejects the key, which is wrong, expired or revoked."
            return wrong("key", self.url, says, "jupyter figserve keys create  # on the server's machine")
        says = "The key does not reach the server: a proxy removes the header X-API-Key."
        return wrong(
            "key", self.url, says, "proxy_set_header X-API-Key $http_x_api_key;  # in nginx; similar in others"
        )

    def _check_post(self) -> Result:
        """Send a POST without side effects: it looks up an impossible link."""
        try:
            self.client.post("api/links/find", {"url": "nothing"})
        except InvalidInput:
            return ok("post", self.url, "POST requests reach the server.")
        except Forbidden as error:
            if error.code == "scope_missing":
                return note("post", self.url, "The key can read but not publish.")
            if error.code == "xsrf_missing":
                says = "A proxy turns the login into a cookie, so it is treated as a browser's."
                return wrong("post", self.url, says, "jupyter figserve keys create  # and use the key instead")
            return wrong("post", self.url, str(error), "configure the proxy to pass POST, PATCH and DELETE")
        except NotFound:
            return note("post", self.url, "It is an older version, which cannot revoke links by URL.")
        except FigServeError as error:
            says = f"Reading works, but a POST request fails: {error}"
            return wrong("post", self.url, says, "configure the proxy to pass POST, PATCH and DELETE")
        return ok("post", self.url, "POST requests reach the server.")

    def _ask_diagnosis(self) -> Iterator[Result]:
        try:
            found = self.client.get("api/diagnosis")
        except FigServeError:
            yield note(
                "diagnosis", self.url, "Diagnosing its data directory requires a login or a key with the scope admin."
            )
            return
        self.diagnosis = found
        yield from assess_directory(found["directory"], found["read_only_because"])
        # Older servers have SQLite only.
        if "database" in found:
            yield _assess_database(self.url, found["database"])
        if found.get("blobs", {}).get("kind", "directory") != "directory":
            yield _assess_bucket(self.url, found["blobs"])
        yield self._check_public_url(found["public_url"])

    def _check_public_url(self, public: str | None) -> Result:
        if public is None:
            local = self.client.address.is_loopback
            says = "Links use the address of your request" + (", which only works on this machine." if local else ".")
            return note("public_url", self.url, says, 'c.FigServe.public_url = "https://..."' if local else None)
        mend = f'c.FigServe.public_url = "..."  # {public} must lead to this server'
        try:
            there = self._status_at(public)
            if not _is_same(there, self.status):
                return wrong("public_url", public, "Another server responds there, so links lead to that one.", mend)
        except FigServeError as error:
            return wrong(
                "public_url", public, f"Links lead to an address that does not reach this server: {error}", mend
            )
        return ok("public_url", public, "It leads to this server.")

    def _status_at(self, url: str) -> Any:
        from ...kernel.client.address import parse_exact
        from ...kernel.client.client import FigServeClient

        return FigServeClient(parse_exact(url), None, ca_file=self._ca_file).get("api/status")

    def _check_sandbox(self) -> Result:
        sandbox: Mapping[str, Any] = (self.status or {}).get("sandbox", {})
        tier, why = str(sandbox.get("tier", "none")), " ".join(map(str, sandbox.get("why", [])))
        if sandbox.get("renderer", "local") != "local":
            return self._check_fleet(sandbox, tier, why)
        if tier == "none":
            says = why or "It has no sandbox, so posted code is rejected."
            redraws = str((self.status or {}).get("redraws"))
            return note("sandbox", self.url, f"{says} {_REDRAWS.get(redraws, '')}".rstrip())
        return ok(
            "sandbox", self.url, f"Posted code runs in the sandbox {tier}{_with_matplotlib(sandbox)}. {why}".strip()
        )

    def _check_fleet(self, sandbox: Mapping[str, Any], tier: str, why: str) -> Result:
        """Judge what the server has just heard from its render workers."""
        workers, kind = sandbox.get("workers", []), sandbox["renderer"]
        if not workers:
            mend = "jupyter figserve worker  # or correct c.FigServe.renderer_url and the key in FIGSERVE_WORKER_KEY"
            if kind == "dask":
                mend = "dask worker SCHEDULER  # with jupyter_figserve installed, or correct c.FigServe.renderer_url"
            if missing := re.search(r"pip install '[^']+'", why):
                mend = f"{missing[0]}  # in the environment of the server, and restart it"
            return wrong("render_workers", self.url, why or "No render worker answers.", mend)
        count = f"{len(workers)} render worker{'' if len(workers) == 1 else 's'}"
        version = _with_matplotlib(sandbox)
        says = f"{count} ({kind}) with {sandbox.get('slots')} slots, sandbox {tier}{version}. {why}".strip()
        return ok("render_workers", self.url, says) if not why else note("render_workers", self.url, says)


def _with_matplotlib(sandbox: Mapping[str, Any]) -> str:
    """Return the version as the end of a clause; it is known once the sandbox has drawn."""
    version = sandbox.get("libraries", {}).get("matplotlib")
    return f", with matplotlib {version}" if version else ""


def _is_same(one: Any, other: Any) -> bool:
    """Whether two statuses come from servers with the same figures."""
    return bool(one.get("instance") == other.get("instance"))


def _assess_database(url: str, found: Mapping[str, Any]) -> Result:
    if found["milliseconds"] is None:
        says = f"Its database does not answer: {found['name']}. Links that were in use go on for a minute."
        return wrong("database", url, says, "start the database; the server needs no restart")
    return ok("database", url, f"Its catalog is in {found['name']}, which answered in {found['milliseconds']:g} ms.")


def _assess_bucket(url: str, found: Mapping[str, Any]) -> Result:
    if found["milliseconds"] is None:
        says = f"Its images are in {found['name']}, which does not answer. Images in memory are still served."
        return wrong("bucket", url, says, "start the store of the bucket, or see the server's log for what it refuses")
    return ok("bucket", url, f"Its images are in {found['name']}, which answered in {found['milliseconds']:g} ms.")
