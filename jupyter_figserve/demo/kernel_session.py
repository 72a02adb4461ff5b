"""A client of a running kernel, like a front end, that can run whole notebooks. Process of the demo or of tests."""

from __future__ import annotations

import json
import queue
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class RunnerError(Exception):
    """A server does not start or a kernel does not respond; the message includes the end of its log."""


@dataclass
class ExecutionResult:
    """The result of one execution.

    Parameters
    ----------
    outputs
        In the notebook format (nbformat 4.5).
    error
        ``"NameError: name 'x' is not defined"``, or None.
    """

    outputs: list[dict[str, Any]] = field(default_factory=list)
    count: int | None = None
    error: str | None = None

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def bundles(self) -> list[dict[str, Any]]:
        """Mimebundles of displays and the result, in order."""
        return [output["data"] for output in self.outputs if "data" in output]

    def _stream(self, name: str) -> str:
        return "".join(o["text"] for o in self.outputs if o["output_type"] == "stream" and o["name"] == name)


class KernelSession:
    """A client of a server's kernel, connected through the connection file.

    Parameters
    ----------
    session, kernel_id
        Ids on the server.
    runtime
        The server's runtime directory, with the connection files.
    """

    def __init__(self, session: str, kernel_id: str, runtime: Path) -> None:
        self.session = session
        self.kernel_id = kernel_id
        self.runtime = runtime
        self._client: Any = None

    def connect(self, timeout: float = 60) -> None:
        """Open the channels, and wait until the kernel responds.

        Raises
        ------
        RunnerError
            It does not respond within ``timeout`` seconds.
        """
        from jupyter_client.blocking.client import BlockingKernelClient

        client = BlockingKernelClient(connection_file=str(self.runtime / f"kernel-{self.kernel_id}.json"))
        client.load_connection_file()
        # No heartbeat: on a busy machine, a missed beat does not mean that the kernel died.
        client.start_channels(hb=False)
        self._client = client
        deadline = time.monotonic() + timeout
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise RunnerError(f"The kernel did not respond within {timeout:g} s.")

    def _is_ready(self) -> bool:
        """Return whether a request is answered within a second, and its status arrives on the other channel.

        ``wait_for_ready`` would then wait until nothing arrives any more, which ``receive`` does not need.
        """
        request = self._client.kernel_info()
        try:
            while self._client.get_shell_msg(timeout=1)["parent_header"].get("msg_id") != request:
                pass
            self._client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            return False
        return True

    def disconnect(self) -> None:
        if self._client is not None:
            self._client.stop_channels()
            self._client.context.destroy(linger=0)
            self._client = None

    def send(self, code: str, *, cell_id: str | None = None, silent: bool = False) -> str:
        """Request an execution without waiting; return the message id, for ``receive``."""
        client = self._client
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {} if cell_id is None else {"cellId": cell_id}
        message = client.session.msg("execute_request", content, metadata=metadata)
        client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def receive(self, message_id: str, *, timeout: float = 120) -> ExecutionResult:
        """Wait for an execution and return its result.

        Raises
        ------
        RunnerError
            It does not finish within ``timeout`` seconds, for instance because the kernel died.
        """
        done, result, deadline = False, ExecutionResult(), time.monotonic() + timeout
        shown: dict[str, dict[str, Any]] = {}
        try:
            while not done:
                message = self._client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
                if message["parent_header"].get("msg_id") == message_id:
                    done = _receive(message["header"]["msg_type"], message["content"], result, shown)
            while True:
                reply = self._client.get_shell_msg(timeout=max(0.0, deadline - time.monotonic()))
                if reply["parent_header"].get("msg_id") == message_id:
                    result.count = reply["content"].get("execution_count")
                    return result
        except queue.Empty as error:
            raise RunnerError(f"The kernel did not respond within {timeout:g} s.") from error

    def run(self, code: str, *, cell_id: str | None = None, timeout: float = 120) -> ExecutionResult:
        """Run ``code`` like a front end; ``cell_id`` is sent as JupyterLab does."""
        return self.receive(self.send(code, cell_id=cell_id), timeout=timeout)


def run_notebook(kernel: KernelSession, path: Path, *, timeout: float = 120) -> tuple[str | None, list[dict[str, Any]]]:
    """Run the notebook at ``path`` up to the first error, and save its outputs.

    Returns
    -------
    The error with the id of its cell, or None; and all outputs.
    """
    notebook, outputs, failed = json.loads(path.read_text(encoding="utf-8")), [], None
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        execution = kernel.run("".join(cell["source"]), cell_id=cell.get("id"), timeout=timeout)
        cell["outputs"], cell["execution_count"] = execution.outputs, execution.count
        outputs += execution.outputs
        if execution.error is not None:
            failed = f"cell {cell.get('id')}: {execution.error}"
            break
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return failed, outputs


def _receive(kind: str, content: dict[str, Any], result: ExecutionResult, shown: dict[str, dict[str, Any]]) -> bool:
    """Add an IOPub message to ``result``; return whether the execution is finished."""
    if kind == "status":
        return bool(content["execution_state"] == "idle")
    if kind == "stream":
        last = result.outputs[-1] if result.outputs else {}
        if last.get("output_type") == "stream" and last["name"] == content["name"]:
            last["text"] += content["text"]
        else:
            result.outputs.append({"output_type": "stream", "name": content["name"], "text": content["text"]})
    elif kind in ("display_data", "execute_result"):
        output = {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            output["execution_count"] = content["execution_count"]
        result.outputs.append(output)
        if display_id := content.get("transient", {}).get("display_id"):
            shown[display_id] = output
    elif kind == "update_display_data":
        if output := shown.get(content.get("transient", {}).get("display_id", ""), {}):
            output.update(data=content["data"], metadata=content["metadata"])
    elif kind == "error":
        result.outputs.append({"output_type": "error", **{k: content[k] for k in ("ename", "evalue", "traceback")}})
        result.error = f"{content['ename']}: {content['evalue']}"
    return False
