"""TLS of the connections to a server: trusted authorities, and what is wrong with a certificate. Kernel."""

from __future__ import annotations

import contextlib
import os
import ssl

from ...errors import InvalidInput
from .address import Address

_WRONG_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_BUNDLE_VARIABLE = "REQUESTS_CA_BUNDLE"
"""Names a file or a directory of certificates, for the library requests and what follows it."""
FOR_KERNELS = " Kernels have it from the environment of their Jupyter server."


def make_tls_context(address: Address, ca_file: str | None) -> ssl.SSLContext:
    """Make the TLS context of all connections to a server, HTTP and WebSocket.

    It trusts the system's authorities and those of ``ca_file``, which may also hold the server's own certificate. On
    loopback it trusts ``ca_file`` alone if there is one, and does not check the host name: the certificate names the
    public host, while a kernel on the same machine connects to 127.0.0.1.

    Without ``ca_file`` it trusts the system's, or those of SSL_CERT_FILE (which OpenSSL reads), and those of
    REQUESTS_CA_BUNDLE.

    Raises
    ------
    InvalidInput
        ``ca_file`` cannot be read.
    """
    if not ca_file:
        return _make_default_context()
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = "it has no certificate in PEM format" if isinstance(error, ssl.SSLError) else error.strerror or error
        raise InvalidInput(
            f"Cannot read the certificate authority in {ca_file!r}, which KERNEL_FIGSERVE_CA or --ca-file names:"
            f" {reason}."
        ) from error
    # A certificate of the file is trusted as it is, although its own authority is not in the file.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Python 3.13 rejects authorities without the extensions of RFC 5280, which private ones often lack.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if address.is_loopback:
        context.check_hostname = False
    else:
        context.load_default_certs()
    return context


def _make_default_context() -> ssl.SSLContext:
    context, bundle = ssl.create_default_context(), os.environ.get(_BUNDLE_VARIABLE)
    if bundle:
        # It is the variable of others: what cannot be read changes nothing.
        with contextlib.suppress(OSError):
            context.load_verify_locations(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def explain_certificate(address: Address, error: ssl.SSLCertVerificationError) -> str:
    """Return a sentence that says why the server's certificate is not trusted, and what to do."""
    problem = f"The certificate of {address.url} is not trusted ({error.verify_message})."
    if error.verify_code in _WRONG_NAME:
        return f"{problem} Use an address that it names; for kernels, FigServe.kernel_url sets it."
    return f"{problem} Set KERNEL_FIGSERVE_CA to the file of its certificate authority.{FOR_KERNELS}"
